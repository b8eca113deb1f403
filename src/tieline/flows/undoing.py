"""A run, a conversation or a field undone, and a held pair let go.

Read, plan, act, one unit of work per contact; an undo that was cut off goes on where it was when it is asked for again.
Never writes to a CRM: what is to be restored there is pushed by the flow that does so, which looks first.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from tieline.domain.changeset import Changeset, Source
from tieline.domain.undo import Line, Orders, UndoPlan
from tieline.domain.undo_links import released
from tieline.flows.editing import Editor, UnknownContactError
from tieline.flows.undo_contact import ContactReads, OneContact, Scope, undo_rules
from tieline.ports.clock import Clock, Ids, to_ms
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.errors import ConflictError
from tieline.ports.store import Origin, UnitOfWork
from tieline.ports.work import ConversationKey

T = TypeVar("T")
_ATTEMPTS: Final = 5
_PAGE: Final = 500
LISTED: Final = 1_000
"""So many fields are listed; the totals count all of them."""


class UndoRefusedError(Exception):
    """There is nothing of that kind to undo; the message says why."""


class UnknownToUndoError(UndoRefusedError):
    """There is no such run or conversation."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to undo: a run, a conversation, or the newest change of a contact's field. The others are ''."""

    run_id: str = ""
    platform: str = ""
    conversation_id: str = ""
    contact_id: str = ""
    field_name: str = ""
    clear_do_not_call: bool = False

    @property
    def conversation(self) -> str:
        """How sources name the conversation; '' for none."""
        return f"{self.platform}:{self.conversation_id}" if self.conversation_id else ""

    def key(self, org_id: str) -> ConversationKey:
        """The conversation's identity."""
        return ConversationKey(org_id, self.platform, self.conversation_id)

    @property
    def words(self) -> str:
        """As the ledger names it."""
        if self.run_id:
            return f"undo of run {self.run_id}"
        if self.conversation_id:
            return f"undo of conversation {self.conversation}"
        return f"undo of {self.field_name}"


@dataclass
class UndoReport:
    """What was undone, or would be. `run_id` is None for a dry run. `stays` names what an undo never deletes."""

    run_id: str | None = None
    contacts: int = 0
    undone_count: int = 0
    kept_count: int = 0
    undone: list[Line] = field(default_factory=list)
    kept: list[Line] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)

    def add(self, plan: UndoPlan) -> None:
        """Adds what came of one contact."""
        self.contacts += 1
        self.undone_count += len(plan.undone)
        self.kept_count += len(plan.kept)
        self.undone += plan.undone[: max(0, LISTED - len(self.undone))]
        self.kept += plan.kept[: max(0, LISTED - len(self.kept))]


class UndoStore(ContactReads, Protocol):
    """Units of work, and what an undo looks up and remembers besides."""

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Opens a unit of work."""

    async def run(self, unit: UnitOfWork, org_id: str, run_id: str) -> tuple[str, str] | None:
        """Kind and status of a run."""

    async def begin(
        self, unit: UnitOfWork, org_id: str, run_id: str, request: Mapping[str, Any]
    ) -> tuple[str, str]:
        """Opens the run, or goes on with one of the same request; its id, and the contact it came to."""

    async def end(self, unit: UnitOfWork, org_id: str, run_id: str) -> None:
        """Everything is done."""

    async def contacts(
        self, unit: UnitOfWork, org_id: str, run_id: str, after: str, limit: int
    ) -> Sequence[str]:
        """Contacts that a run changed, by id, behind that one."""


class UndoConfig(Protocol):
    """The organisation's configuration."""

    async def org(self, org_id: str) -> OrgConfig:
        """Its fields and mappings."""

    async def linked_app(self, org_id: str) -> AppConfig | None:
        """The app that syncs contacts."""


class Undoing:
    """The flow. One instance serves all organisations."""

    def __init__(self, store: UndoStore, config: UndoConfig, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._config = config
        self._clock = clock
        self._ids = ids

    async def undo(self, org_id: str, asked: Asked, editor: Editor, *, dry_run: bool = False) -> UndoReport:
        """Undoes it, or says what would be. Raises UndoRefusedError, UnknownContactError."""
        rules = undo_rules(await self._config.org(org_id), await self._config.linked_app(org_id))
        report, after = UndoReport(), ""
        async with self._store.transaction() as unit:
            redo = await self._check(unit, org_id, asked, report)
            if not dry_run:
                fresh = self._ids.new("run")
                report.run_id, after = await self._store.begin(unit, org_id, fresh, asdict(asked))
        scope = Scope(asked.run_id, asked.conversation, asked.field_name, redo)
        by = Source(editor.kind, to_ms(self._clock.now()), editor.ref)
        orders = Orders(by, asked.words, asked.clear_do_not_call)
        one = OneContact(self._store, org_id, scope, rules, orders, report.run_id)
        async for contact_id in self._contacts(org_id, asked, after):
            report.add(await self._in_unit(partial(one.carry_out, contact_id=contact_id)))
        if report.run_id is not None:
            async with self._store.transaction() as unit:
                await self._store.end(unit, org_id, report.run_id)
        return report

    async def release(self, org_id: str, contact_id: str, field_name: str) -> int:
        """Lets the held pairs of a field go; the number of records. Raises UnknownContactError, UndoRefusedError."""

        async def once(unit: UnitOfWork) -> int:
            contacts = await unit.contacts(org_id, [contact_id], lock=True)
            if contact_id not in contacts:
                raise UnknownContactError(contact_id)
            count = 0
            for tied in await self._store.links(unit, org_id, contacts[contact_id].contact_id):
                link = released(tied.link, field_name)
                if link is not None:
                    count += 1
                    await unit.apply(org_id, Changeset(tenant_key=tied.tenant_key, links=[link]), Origin())
            return count

        count = await self._in_unit(once)
        if not count:
            raise UndoRefusedError(f"Nothing of {field_name} is held on contact {contact_id}.")
        return count

    async def _check(self, unit: UnitOfWork, org_id: str, asked: Asked, report: UndoReport) -> bool:
        """Whether what is to be undone is itself an undo."""
        if asked.conversation_id:
            await self._check_conversation(unit, asked.key(org_id), report)
        elif asked.run_id:
            return await self._check_run(unit, org_id, asked.run_id)
        else:
            found = await unit.contacts(org_id, [asked.contact_id], lock=False)
            if asked.contact_id not in found:
                raise UnknownContactError(asked.contact_id)
            history = await self._store.history(unit, org_id, found[asked.contact_id].contact_id)
            if not any(one.field_name == asked.field_name for _, one in history):
                raise UndoRefusedError(
                    f"Nothing ever changed {asked.field_name} of contact {asked.contact_id}."
                )
        return False

    async def _check_conversation(self, unit: UnitOfWork, key: ConversationKey, report: UndoReport) -> None:
        conversation = await unit.work.conversation(key, lock=False)
        if conversation is None:
            raise UnknownToUndoError(f"There is no conversation {key.ref}.")
        if conversation.contact_id is None:
            raise UndoRefusedError(f"Conversation {key.ref} belongs to no contact, so it changed nothing.")
        for row in await unit.work.activities_of(key):
            if row.activity_id:
                report.stays.append(f"activity {row.activity_id} in {row.tenant_key}")

    async def _check_run(self, unit: UnitOfWork, org_id: str, run_id: str) -> bool:
        found = await self._store.run(unit, org_id, run_id)
        if found is None:
            raise UnknownToUndoError(f"There is no run {run_id}.")
        kind, status = found
        if status in ("queued", "running"):
            raise UndoRefusedError(f"Run {run_id} is still {status}; wait for its end.")
        if not await self._store.contacts(unit, org_id, run_id, "", 1):
            raise UndoRefusedError(
                f"Run {run_id} ({kind}) changed no contact. What a push wrote is taken back with the change that it "
                "passed on; records and activities in the CRM are never deleted."
            )
        return kind == "undo"

    async def _contacts(self, org_id: str, asked: Asked, after: str) -> AsyncIterator[str]:
        if asked.conversation_id:
            async with self._store.transaction() as unit:
                conversation = await unit.work.conversation(asked.key(org_id), lock=False)
            if conversation is not None and conversation.contact_id is not None:
                yield conversation.contact_id
            return
        if not asked.run_id:
            yield asked.contact_id
            return
        while True:
            async with self._store.transaction() as unit:
                page = await self._store.contacts(unit, org_id, asked.run_id, after, _PAGE)
            for contact_id in page:
                yield contact_id
            if len(page) < _PAGE:
                return
            after = page[-1]

    async def _in_unit(self, work: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        """Somebody else's change of the same rows, at the same moment, is a reason to look again."""
        for attempt in range(_ATTEMPTS):
            try:
                async with self._store.transaction() as unit:
                    return await work(unit)
            except ConflictError:
                if attempt + 1 == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")
