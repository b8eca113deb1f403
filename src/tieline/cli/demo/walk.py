"""The walk-through on one CRM, step by step, for the demo and for the acceptance tests.

Acts through public doors only: the SDK, webhooks, the command line, and a rep in the CRM. Every claim is checked on
what came back through Tieline's API or the CRM's public one.
"""

from collections.abc import Mapping
from typing import Any

from tieline.cli.demo.agent import Talk, talk
from tieline.cli.demo.client import values_of
from tieline.cli.demo.report import changes
from tieline.cli.demo.seen import FIRST_NOTE
from tieline.cli.demo.setting import (
    ANALYSIS_MAPPINGS,
    CREDENTIALS,
    CUSTOM_FIELDS,
    NUMBER,
    sync_mappings,
)
from tieline.cli.demo.transcripts import Transcripts
from tieline.cli.demo.waiting import until

FAIR = "Met her at the Denver fair."
QUESTIONNAIRE = "She asked for our security questionnaire."
ALICE: Mapping[str, Any] = {
    "phone_number": NUMBER, "first_name": "Alice", "last_name": "Smith", "lead_status": "New",
    "interaction_summary": FIRST_NOTE, "plan": "Pro", "score": 42.5, "vip": True, "renewal_date": "2026-12-31",
    "last_demo": "2026-11-02T10:30:00Z",
}  # fmt: skip


class Walk(Transcripts):
    """One account's walk."""

    def all_steps(self) -> None:
        """Everything, in the order of the story."""
        self.connect()
        self.first_sync()
        call = self.outbound_call_starts()
        self.first_call_is_analysed(call)
        self.rep_edits_before_a_call()
        self.second_call_comes_in_twice()
        self.chat()
        self.transcript_alone()
        self.person_edits()
        self.rep_edits_before_the_push()
        self.all_is_at_rest()

    # The beginning

    def connect(self) -> None:
        """Fields, mappings and the app, by the SDK."""
        self.report.step(
            f"Connect {self.account.title}", "retell-sdk: crm.update_config, app.create, app.test_auth"
        )
        self.client.configure(
            custom_fields=list(CUSTOM_FIELDS), crm_analysis_data_mappings=list(ANALYSIS_MAPPINGS)
        )
        app = self.client.create_app(
            type="crm", provider=self.account.provider, name=self.account.title, tenant_url=self.account.crm_url,
            auth_config=dict(CREDENTIALS[self.account.provider]), crm_config=sync_mappings(self.account.provider),
        )  # fmt: skip
        shown = {name: app.get(name) for name in ("connection_status", "mappings_checked", "crm_tenant_id")}
        self.report.values(f"  App {app['app_id']}", changes({}, shown))
        self.report.claim("the app is connected", expected="connected", found=app["connection_status"])
        test = self.client.test_app(app["app_id"])
        self.report.claim("its credentials work", expected=True, found=test["success"])
        self._app_id = str(app["app_id"])

    def first_sync(self) -> None:
        """Alice is in the CRM; linking the app starts the first recurring sync by itself."""
        self.report.step(
            "Alice is in the CRM, and the first inbound sync brings her",
            "A rep creates her in the CRM. crm.update_config links the app; the schedule does the rest.",
        )
        self.record_id = self.rep.creates(**ALICE)
        before = self.client.contact_by_phone(NUMBER)
        self.report.claim("Tieline does not know her yet", expected={}, found=before)
        self.client.configure(app_id=self._app_id)
        contact = self._until_contact("the first sync", lambda contact: bool(contact))
        found = values_of(contact)
        self.report.values("  Her contact in Tieline", changes({}, found))
        self.report.claim(
            "every value arrived: text, number, boolean, date, datetime and enum among them",
            expected=dict(ALICE), found={name: found.get(name) for name in ALICE},
        )  # fmt: skip
        self.report.claim(
            "external_id is her record's", expected=self.record_id, found=contact["external_id"]
        )

    def outbound_call_starts(self) -> Talk:
        """What the agent is given before it dials."""
        self.report.step(
            "An outbound call starts with her fields", "GET /get-contact-dynamic-variables/+14155550100"
        )
        variables = self.client.dynamic_variables(NUMBER)
        self.report.listed("", ("dynamic variable", "text"), list(variables.items()))
        self.report.claim(
            "status and name are known to the agent, and every variable is text",
            expected=("New", "Alice", True),
            found=(
                variables.get("lead_status"), variables.get("first_name"),
                all(isinstance(v, str) for v in variables.values()),
            ),
        )  # fmt: skip
        self.report.claim("what is empty is absent", expected=False, found="email" in variables)
        return talk("call_demo_1", 94, "Alice wants to see the enterprise plan in a demo.", {
            "lead_qualification_status": "Qualified",
            "customer_notes": "Interested in enterprise plan, wants demo next week",
            "email": "alice@example.com",
        })  # fmt: skip

    # Conversations

    def first_call_is_analysed(self, call: Talk) -> None:
        """Overwrite, merge and fill; push; activity."""
        self.report.step(
            "The call ends, and its analysis arrives",
            "Webhooks call_started, call_ended, call_analyzed, signed as Retell signs them.",
        )
        contact, crm = self._contact(), self._crm()
        self.agent.call_started(call, NUMBER)
        self.agent.call_ended(call, NUMBER)
        self.agent.call_analyzed(call, NUMBER)
        self._heard(call)
        after = self._until_enriched(call, status="Qualified")
        self._show(contact, crm, after)
        self.report.claim(
            "email was empty and is filled", expected="alice@example.com", found=after.get("email")
        )
        self._claim_state("Qualified", after)
        self._claim_logged(call)

    def rep_edits_before_a_call(self) -> None:
        """Case one, first half: a rep's edit that is synced."""
        self.report.step(
            "A rep edits her status and note in the CRM, and that is synced", "tieline sync run (incremental)"
        )
        contact, crm = self._contact(), self._crm()
        self.rep.edits(
            self.record_id,
            lead_status="Contacted",
            interaction_summary=f"{crm['interaction_summary']}\n{FAIR}",
        )
        self.notes.append(FAIR)
        run = self.sync_now()
        self.report.claim("the sync succeeded", expected="succeeded", found=run["status"])
        after = values_of(self.client.contact_by_phone(NUMBER))
        self._show(contact, crm, after)
        self._claim_state("Contacted", after)

    def second_call_comes_in_twice(self) -> None:
        """Case one, second half: the call is later, so its status wins; its webhooks come twice."""
        self.report.step(
            "She calls back; every webhook of that call is delivered twice",
            "Webhook call_inbound is answered with her variables while it rings.",
        )
        contact, crm = self._contact(), self._crm()
        variables = self.agent.inbound("call_inbound", NUMBER)
        self.report.claim(
            "the agent knows the rep's status", expected="Contacted", found=variables.get("lead_status")
        )
        call = talk("call_demo_2", 61, "Her budget is approved.", {
            "lead_qualification_status": "Nurturing",
            "customer_notes": "Her manager approved the budget.",
            "email": "somebody.else@example.com",
        }, "inbound")  # fmt: skip
        for _ in range(2):
            self.agent.call_ended(call, NUMBER)
        for _ in range(2):
            self.agent.call_analyzed(call, NUMBER)
        self._heard(call)
        after = self._until_enriched(call, status="Nurturing")
        self._show(contact, crm, after)
        self.report.claim("email is not touched", expected="alice@example.com", found=after.get("email"))
        self._claim_state("Nurturing", after)
        self._claim_logged(call)
        self._claim_ledger(
            "the ledger has the rep's status and the call's above it",
            [("Contacted", "crm", "set"), ("Nurturing", "conversation", "set")],
        )

    def chat(self) -> None:
        """A chat does the same as a chat."""
        self.report.step(
            "She writes: a chat does the same",
            "Webhooks chat_inbound (which tells her number), chat_ended, chat_analyzed.",
        )
        contact, crm = self._contact(), self._crm()
        variables = self.agent.inbound("chat_inbound", NUMBER)
        self.report.claim(
            "the agent knows the new status", expected="Nurturing", found=variables.get("lead_status")
        )
        chat = talk("chat_demo_1", 20, "She prefers text messages.", {
            "lead_qualification_status": "Qualified", "customer_notes": "Prefers to be reached by text message.",
        }, "inbound")  # fmt: skip
        self.agent.chat_ended(chat)
        self.agent.chat_analyzed(chat)
        self._heard(chat)
        after = self._until_enriched(chat, status="Qualified")
        self._show(contact, crm, after)
        self._claim_state("Qualified", after)
        self._claim_logged(chat)

    # People

    def person_edits(self) -> None:
        """An edit by the API goes to the CRM."""
        self.report.step("Somebody edits her in Tieline, and the CRM follows", "retell-sdk: contact.update")
        contact, crm = self._contact(), self._crm()
        contact_id = self.client.contact_by_phone(NUMBER)["contact_id"]
        self.client.update_contact(contact_id, custom_fields={"lead_status": "Nurturing"})
        self._until_crm("the edit in the CRM", lambda seen: seen["lead_status"] == "Nurturing")
        after = self._contact()
        self._show(contact, crm, after)
        self._claim_state("Nurturing", after)

    def rep_edits_before_the_push(self) -> None:
        """Case two: the rep edits after the call ended, before its values could be pushed."""
        self.report.step(
            "A rep edits her after a call ended, but before its push",
            "To hold the push back, the CRM answers Tieline's writes with 503 until the rep is done.",
        )
        contact, crm = self._contact(), self._crm()
        fault = self.rep.writes_fail()
        call = talk("call_demo_3", 47, "She wants to sign.", {
            "lead_qualification_status": "Qualified", "customer_notes": "Wants to sign before the quarter ends.",
        })  # fmt: skip
        self.agent.call_ended(call, NUMBER)
        self.agent.call_analyzed(call, NUMBER)
        self._heard(call)
        until("the push to be refused", lambda: self.rep.failures(fault), bool, telling=self.report)
        held = self._contact()
        self.report.claim(
            "the call's status is in Tieline, and not in the CRM",
            expected=("Qualified", "Nurturing"), found=(held.get("lead_status"), self._crm()["lead_status"]),
        )  # fmt: skip
        self.rep.edits(
            self.record_id, lead_status="Unqualified",
            interaction_summary=f"{crm['interaction_summary']}\n{QUESTIONNAIRE}",
        )  # fmt: skip
        self.notes.append(QUESTIONNAIRE)
        self.rep.writes_work(fault)
        after = self._until_enriched(call, status="Unqualified")
        self._show(contact, crm, after)
        self._claim_state("Unqualified", after)
        self._claim_logged(call)
        self._claim_ledger(
            "the rep's status won, and the ledger has the call's as overruled",
            [("Qualified", "conversation", "overruled"), ("Unqualified", "crm", "set")],
        )

    def all_is_at_rest(self) -> None:
        """A forged webhook, and a full sync that finds nothing to do."""
        self.report.step(
            "Nothing is left to do",
            "A forged webhook; then retell-sdk: crm.run_sync_job, which reads everything anew.",
        )
        contact, crm = self._contact(), self._crm()
        refused = self.agent.forged(talk("call_forged", 10, "", {}), NUMBER)
        self.report.claim("a webhook with a wrong signature is refused", expected=401, found=refused)
        self.client.run_sync_job()
        job = until(
            "the full sync", self.client.sync_job, lambda seen: seen["status"] == "idle", telling=self.report
        )
        self.report.claim("the full sync failed on no record", expected=0, found=job.get("failed", 0))
        self.report.claim("no value of the contact changed", expected=contact, found=self._contact())
        self.report.claim("no value of the record changed", expected=crm, found=self._crm())
        self.report.claim(
            "email is what the first call said", expected="alice@example.com", found=contact.get("email")
        )
        logged = self.eyes.activities(self.record_id)
        self._show_activities(logged)
        self.report.claim(
            "each conversation is logged exactly once",
            expected=sorted(talk.talk_id for talk in self.talks), found=sorted(one.conversation_id for one in logged),
        )  # fmt: skip
        known = self.client.conversations(self.client.contact_by_phone(NUMBER)["contact_id"])
        self.report.claim(
            "Tieline has those conversations and no other", expected=len(self.talks), found=len(known)
        )
