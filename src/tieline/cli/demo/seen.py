"""What the steps of the walk share: looking at both sides, waiting for them, and the claims that every step makes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tieline.cli.demo.agent import AgentPlatform, Talk
from tieline.cli.demo.client import Json, TielineClient, values_of
from tieline.cli.demo.crm_eyes import CrmEyes, Logged
from tieline.cli.demo.rep import Rep
from tieline.cli.demo.report import Report, changes
from tieline.cli.demo.setting import NUMBER, OUTBOUND, Account
from tieline.cli.demo.waiting import until

FIRST_NOTE = "Asked for a brochure in May."


@dataclass
class Seen:
    """One account's contact and record, as they are seen from outside.

    `sync_now` runs `tieline sync run` for the account and returns what it printed as JSON. `notes` are the sentences
    that the contact's note must have, and `talks` the conversations that took place.
    """

    account: Account
    client: TielineClient
    agent: AgentPlatform
    rep: Rep
    eyes: CrmEyes
    report: Report
    sync_now: Callable[[], Json]
    record_id: str = ""
    notes: list[str] = field(default_factory=lambda: [FIRST_NOTE])
    talks: list[Talk] = field(default_factory=list)

    def _heard(self, what: Talk) -> None:
        self.talks.append(what)
        self.notes.append(str(what.extracted["customer_notes"]))

    def _contact(self) -> dict[str, Any]:
        return values_of(self.client.contact_by_phone(NUMBER))

    def _crm(self) -> dict[str, Any]:
        return self.eyes.values(self.record_id)

    def _until_contact(self, what: str, good: Callable[[Json], bool]) -> Json:
        return until(what, lambda: self.client.contact_by_phone(NUMBER), good, telling=self.report)

    def _until_crm(self, what: str, good: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return until(what, self._crm, good, telling=self.report, every_s=0.25)

    def _until_enriched(self, what: Talk, *, status: str) -> dict[str, Any]:
        """Waits until contact and record agree on the status and have every sentence, and the activity is there."""

        def whole(values: dict[str, Any]) -> bool:
            return values.get("lead_status") == status and self._sentences(values) == self._once()

        self._until_contact("the analysis to be mapped", lambda contact: whole(values_of(contact)))
        self._until_crm("the push to the CRM", whole)
        until(
            "the activity in the CRM", lambda: self.eyes.activities(self.record_id),
            lambda logged: any(a.conversation_id == what.talk_id and what.summary in a.text for a in logged),
            telling=self.report, every_s=0.25,
        )  # fmt: skip
        return self._contact()

    def _once(self) -> dict[str, int]:
        return dict.fromkeys(self.notes, 1)

    def _sentences(self, values: Mapping[str, Any]) -> dict[str, int]:
        text = values.get("interaction_summary") or ""
        return {sentence: text.count(sentence) for sentence in self.notes}

    def _show(
        self, contact: Mapping[str, Any], crm: Mapping[str, Any], contact_after: Mapping[str, Any]
    ) -> None:
        ours, theirs = changes(contact, contact_after), changes(crm, self._crm())
        same = [replace(change, where="both") for change in ours if change in theirs]
        only_ours = [replace(change, where="Tieline") for change in ours if change not in theirs]
        only_theirs = [replace(change, where="CRM") for change in theirs if change not in ours]
        title = f"  Contact in Tieline and record in {self.account.title}"
        self.report.values(title, [*same, *only_ours, *only_theirs], more="where")

    def _claim_state(self, status: str, contact: Mapping[str, Any]) -> None:
        crm = self._crm()
        self.report.claim(
            f"lead_status is {status} in Tieline and in the CRM",
            expected=(status, status), found=(contact.get("lead_status"), crm["lead_status"]),
        )  # fmt: skip
        self.report.claim(
            f"the note has each of its {len(self.notes)} sentences once, in both",
            expected=(self._once(), self._once()), found=(self._sentences(contact), self._sentences(crm)),
        )  # fmt: skip
        same = {name: contact.get(name) for name in OUTBOUND}
        self.report.claim(
            "both sides hold the same", expected=same, found={name: crm[name] for name in OUTBOUND}
        )

    def _claim_logged(self, what: Talk) -> None:
        logged = [one for one in self.eyes.activities(self.record_id) if one.conversation_id == what.talk_id]
        self._show_activities(logged)
        self.report.claim("it is logged in the CRM, once", expected=1, found=len(logged))
        is_call = what.talk_id.startswith("call")
        one = logged[0]
        expected = Logged(
            kind="call" if is_call else "chat",
            conversation_id=what.talk_id,
            direction=what.direction if is_call else None,
            seconds=round(what.duration_ms / 1000) if is_call else None,
            day=_day(what.started_ms),
            # Salesforce's Task has a day and no time of day.
            started_ms=None if self.account.provider == "salesforce" else what.started_ms,
            text=one.text,
        )
        with_what = "with direction, duration and timestamp" if is_call else "as a chat, with its timestamp"
        self.report.claim(with_what, expected=expected, found=one)
        self.report.claim("and its summary", expected=True, found=what.summary in one.text)

    def _show_activities(self, logged: Sequence[Logged]) -> None:
        rows = [
            (one.conversation_id, one.kind, one.direction, one.seconds, one.day, _summary(one.text))
            for one in logged
        ]
        columns = ("conversation", "kind", "direction", "s", "day", "summary")
        self.report.listed(f"  Activities in {self.account.title}", columns, rows)

    def _claim_ledger(self, text: str, expected: list[tuple[str, str, str]]) -> None:
        contact_id = self.client.contact_by_phone(NUMBER)["contact_id"]
        entries = self.client.history(contact_id, "lead_status")
        columns = ("value", "outcome", "source")
        self.report.listed(
            "  Ledger of lead_status", columns, [[e["value"], e["outcome"], e["source"]] for e in entries]
        )
        found = [(entry["value"], entry["source_kind"], entry["outcome"]) for entry in entries]
        newest = found[-len(expected) :]
        self.report.claim(text, expected=sorted(expected), found=sorted(newest))


def _summary(text: str) -> str:
    """The last line of an activity's text, but for the key that HubSpot's ends with."""
    return [line for line in text.splitlines() if line and not line.startswith("Ref: ")][-1]


def _day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()
