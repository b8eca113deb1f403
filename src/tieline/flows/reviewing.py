"""The review list worked off: a person's decision about an open issue, carried out.

Read, plan, act, in one unit of work, like every flow. Never writes to a CRM: what a decision leaves to be pushed, read
or logged is done by the flows that do so.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from tieline.domain.changeset import Changeset, ContactState, LinkState, LinkStatus, Source
from tieline.domain.fields import DO_NOT_CALL, Uncoercible, coerce
from tieline.domain.merges import Refused
from tieline.domain.pairs import Pair
from tieline.domain.review import (
    Choice,
    Item,
    choices,
    pair_of,
    plan_accept_newer,
    plan_clear_do_not_call,
    plan_keep_ours,
    plan_pick_primary,
    plan_take_crm,
)
from tieline.flows.accepting import NotWaitingError, accept_value
from tieline.flows.configuration import ConfigurationError, effective
from tieline.flows.editing import Editor
from tieline.flows.known import known_of_links
from tieline.flows.merging_contacts import ContactMerging
from tieline.ports.clock import Clock, to_ms
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.errors import ConflictError
from tieline.ports.store import Origin, UnitOfWork

_ATTEMPTS = 3


class UnknownIssueError(LookupError):
    """There is no open issue of that id."""

    def __init__(self, issue_id: str) -> None:
        super().__init__(f"There is no open issue {issue_id}.")


class DecisionRefusedError(Exception):
    """The decision cannot be carried out; the message says why and what to do."""


class ReviewIssue(Item, Protocol):
    """An open issue, as the flow needs it."""

    @property
    def issue_id(self) -> str: ...
    @property
    def app_id(self) -> str | None: ...
    @property
    def contact_id(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person says to an issue. `external_id` is the record to pick; `survivor_id` who is to survive a merge;
    `value` is what an edited value is to be.
    """

    choice: Choice
    external_id: str | None = None
    survivor_id: str | None = None
    note: str = ""
    value: Any = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of it. `closed`: False for a replay, whose issue closes when what it is about goes well."""

    issue_id: str
    choice: Choice
    closed: bool
    contact_id: str | None = None


class ReviewStore(Protocol):
    """Units of work, and what a decision needs besides."""

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Opens a unit of work."""

    async def issue(self, unit: UnitOfWork, org_id: str, issue_id: str) -> ReviewIssue | None:
        """The open issue of that id."""

    async def close(self, unit: UnitOfWork, org_id: str, issue_id: str, because: str) -> bool:
        """Closes it; False if somebody else did meanwhile."""

    async def replay(self, unit: UnitOfWork, org_id: str, issue_ids: Collection[str]) -> Sequence[str]:
        """Has what these issues are about done again; the ids of those that are open."""

    async def app(self, unit: UnitOfWork, org_id: str, app_id: str) -> AppConfig | None:
        """An app's configuration."""

    async def sync_soon(self, unit: UnitOfWork, org_id: str, app_id: str) -> None:
        """Lets the app's next recurring read be due now."""


class Reviewing:
    """The flow. One instance serves all organisations."""

    def __init__(self, store: ReviewStore, merging: ContactMerging, clock: Clock) -> None:
        self._store = store
        self._merging = merging
        self._clock = clock

    async def decide(
        self, org_id: str, org: OrgConfig, issue_id: str, decision: Decision, editor: Editor
    ) -> Decided:
        """Carries a decision out. Raises UnknownIssueError, DecisionRefusedError, MergeRefusedError."""
        for attempt in range(_ATTEMPTS):
            try:
                async with self._store.transaction() as unit:
                    issue = await self._store.issue(unit, org_id, issue_id)
                    if issue is None:
                        raise UnknownIssueError(issue_id)
                    deciding = _Deciding(self._store, self._merging, unit, org_id, org, issue, editor)
                    return await deciding.carry_out(decision, to_ms(self._clock.now()))
            except ConflictError:
                if attempt + 1 == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")


class _Deciding:
    """One decision in one unit of work."""

    def __init__(
        self, store: ReviewStore, merging: ContactMerging, unit: UnitOfWork, org_id: str, org: OrgConfig,
        issue: ReviewIssue, editor: Editor,
    ) -> None:  # fmt: skip
        self.store, self.merging, self.unit, self.org_id, self.org = store, merging, unit, org_id, org
        self.issue, self.editor = issue, editor

    async def carry_out(self, decision: Decision, now_ms: int) -> Decided:
        offered = choices(self.issue)
        if decision.choice not in offered:
            raise DecisionRefusedError(
                f"An issue of kind {self.issue.kind} can be decided by: {', '.join(offered)}."
            )
        contact_id = self.issue.contact_id
        match decision.choice:
            case Choice.REPLAY:
                await self.store.replay(self.unit, self.org_id, [self.issue.issue_id])
                return Decided(self.issue.issue_id, decision.choice, False, contact_id)
            case Choice.TAKE_CRM | Choice.KEEP_OURS | Choice.CLEAR_DO_NOT_CALL:
                await self._conflict(decision.choice, now_ms)
            case Choice.PICK_PRIMARY:
                await self._pick(decision.external_id)
            case Choice.ACCEPT | Choice.EDIT:
                await self._accept(decision, now_ms)
            case Choice.MERGE_CONTACTS:
                contact_id = await self._merge(decision.survivor_id)
            case Choice.DISMISS:
                pass
        who = f"{self.editor.kind.value} {self.editor.ref}".rstrip()
        because = f"{decision.choice.value}, by {who}" + (f": {decision.note}" if decision.note else "")
        closed = await self.store.close(self.unit, self.org_id, self.issue.issue_id, because)
        if not closed and decision.choice is Choice.DISMISS:
            raise UnknownIssueError(self.issue.issue_id)
        return Decided(self.issue.issue_id, decision.choice, True, contact_id)

    async def _conflict(self, choice: Choice, now_ms: int) -> None:
        source = Source(self.editor.kind, now_ms, self.editor.ref)
        if self.issue.app_id is None:
            # Not between us and a record: an analysis asks.
            if choice is Choice.CLEAR_DO_NOT_CALL:
                changes = plan_clear_do_not_call(await self._contact(), self.org.fields[DO_NOT_CALL], source)
                await self._apply(changes)
            return
        app = await self._app()
        pair, link, contact = await self._both_sides(app)
        remote = self.issue.raw.get("remote") if isinstance(self.issue.raw, dict) else None
        match choice:
            case Choice.KEEP_OURS:
                who = f"{self.editor.kind.value} {self.editor.ref}".rstrip()
                await self._apply(plan_keep_ours(contact, link, pair, remote, app.tenant_key, now_ms, who))
            case Choice.CLEAR_DO_NOT_CALL:
                await self._apply(plan_clear_do_not_call(contact, pair.field, source))
            case _:
                await self._apply(plan_take_crm(contact, pair, remote, source, link.external_id))

    async def _accept(self, decision: Decision, now_ms: int) -> None:
        """A value of an analysis that a person lets pass, perhaps changed; or the newer of two statements."""
        source = Source(self.editor.kind, now_ms, self.editor.ref)
        spec = self.org.fields.get(self.issue.field_name or "")
        if spec is None:
            raise DecisionRefusedError(
                f"There is no field {self.issue.field_name} any more: dismiss the issue."
            )
        if self.issue.kind == "contradiction":
            await self._apply(plan_accept_newer(await self._contact(), spec, self.issue.raw, source))
            return
        if decision.choice is Choice.EDIT and decision.value is None:
            raise DecisionRefusedError("Give the value that it is to be as value.")
        value = decision.value if decision.choice is Choice.EDIT else self.issue.raw["value"]
        fitting = coerce(value, spec)
        if isinstance(fitting, Uncoercible):
            raise DecisionRefusedError(f"The value does not fit {spec.name}: {fitting.reason}.")
        try:
            await accept_value(self.unit, self.org_id, spec.name, self.issue.raw, fitting)
        except NotWaitingError as error:
            raise DecisionRefusedError(str(error)) from None

    async def _pick(self, external_id: str | None) -> None:
        app = await self._app()
        others = self.issue.raw.get("others", []) if isinstance(self.issue.raw, dict) else []
        if external_id is None:
            raise DecisionRefusedError(f"Name the record as external_id: one of {', '.join(others)}.")
        asked = {external_id, *([self.issue.external_id] if self.issue.external_id else [])}
        known = await known_of_links(self.unit, self.org_id, app.app_id, app.tenant_key, asked, leaving=True)
        await self._apply(plan_pick_primary(known, app.tenant_key, external_id))
        await self.store.sync_soon(self.unit, self.org_id, app.app_id)

    async def _merge(self, survivor_id: str | None) -> str:
        pair = _contacts_named(self.issue)
        if len(pair) != 2:
            raise DecisionRefusedError(
                f"The issue names {len(pair)} contacts ({', '.join(pair)}): merge them two by two with merge-contacts."
            )
        if survivor_id is not None and survivor_id not in pair:
            raise DecisionRefusedError(f"survivor_id is one of {', '.join(pair)}.")
        survivor = survivor_id or pair[0]
        loser = next(one for one in pair if one != survivor)
        merged = await self.merging.merge_in(self.unit, self.org_id, self.org, survivor, loser, self.editor)
        return merged.survivor_id

    async def _both_sides(self, app: AppConfig) -> tuple[Pair, LinkState, ContactState]:
        """The pair, the record and the contact of a conflict, locked."""
        external_id = self.issue.external_id or ""
        links = await self.unit.links(self.org_id, app.tenant_key, [external_id], lock=True)
        link = links.get(external_id)
        if link is None or link.status is not LinkStatus.OPEN or link.contact_id is None:
            raise DecisionRefusedError(
                f"Record {external_id} is not a contact's record any more: dismiss the issue."
            )
        contacts = await self.unit.contacts(self.org_id, [link.contact_id], lock=True)
        pair = None
        if app.schema is not None:
            try:
                pairs = effective(app, self.org, app.schema).mapping.pairs
            except ConfigurationError as error:
                raise DecisionRefusedError(str(error)) from None
            pair = pair_of(self.issue, app.tenant_key, pairs)
        if pair is None or link.contact_id not in contacts:
            raise DecisionRefusedError(
                f"{self.issue.field_name} is not mapped as it was when the conflict was listed: dismiss the issue."
            )
        return pair, link, contacts[link.contact_id]

    async def _contact(self) -> ContactState:
        asked = self.issue.contact_id or ""
        contacts = await self.unit.contacts(self.org_id, [asked], lock=True)
        if asked not in contacts:
            raise DecisionRefusedError("The contact is not there any more: dismiss the issue.")
        return contacts[asked]

    async def _app(self) -> AppConfig:
        app = await self.store.app(self.unit, self.org_id, self.issue.app_id) if self.issue.app_id else None
        if app is None or not app.tenant_key:
            raise DecisionRefusedError("The app of this issue is not there any more: dismiss the issue.")
        return app

    async def _apply(self, changes: Changeset | Refused) -> None:
        if isinstance(changes, Refused):
            raise DecisionRefusedError(changes.reason)
        await self.unit.apply(self.org_id, changes, Origin(self.issue.app_id))


def _contacts_named(issue: ReviewIssue) -> list[str]:
    """The contacts that an issue asks to merge, the one that would survive in front."""
    raw = issue.raw if isinstance(issue.raw, dict) else {}
    if issue.kind == "merge_proposed":
        return [raw["survivor"], raw["loser"]]
    return list(raw.get("contacts", ()))
