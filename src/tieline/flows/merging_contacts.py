"""Two contacts merged by a person or a caller, and a merge undone, whoever made it.

Read, plan, act, in one unit of work, like every flow. Never writes to a CRM: what a merge fills in is pushed, and what
an undo takes back is cleared there, by the push flow, which looks first.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tieline.domain.changeset import Source
from tieline.domain.fields import FieldSpec
from tieline.domain.merges import (
    Refused,
    Standing,
    Ties,
    choose_survivor,
    plan_merge,
    plan_unmerge,
)
from tieline.flows.editing import Editor, UnknownContactError
from tieline.ports.clock import Clock, to_ms
from tieline.ports.errors import ConflictError
from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.store import Origin, UnitOfWork

T = TypeVar("T")
_ATTEMPTS = 3


class MergeRefusedError(Exception):
    """The contacts cannot be merged, or the merge cannot be undone; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Merged:
    """`swapped`: the contact that was to go is the linked one, so that it survives."""

    survivor_id: str
    loser_id: str
    swapped: bool


@dataclass(frozen=True, slots=True)
class Unmerged:
    """Two contacts again. `kept` are fields that the merge set and that stay on the survivor (`do_not_call`)."""

    survivor_id: str
    contact_id: str
    kept: tuple[str, ...]


class MergeRules(Protocol):
    """What a merge must know of an organisation's configuration."""

    @property
    def fields(self) -> Mapping[str, FieldSpec]: ...


class MergeStore(Protocol):
    """Units of work, and what a merge must look up besides."""

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Opens a unit of work."""

    async def ties(self, unit: UnitOfWork, org_id: str, contact_ids: Collection[str]) -> Ties:
        """The records that speak for these contacts, in all tenants."""

    async def active(self, unit: UnitOfWork, org_id: str) -> tuple[str, str]:
        """Id and tenant of the app that syncs contacts; both may be ''."""

    async def proposals(self, unit: UnitOfWork, org_id: str, one_id: str, other_id: str) -> Sequence[str]:
        """Causes of open issues that ask whether these two are one."""

    async def standing(self, unit: UnitOfWork, org_id: str, loser_id: str) -> Standing | None:
        """The merge by which this contact went into another, locked; None if there is none that stands."""


class ContactMerging:
    """The flow. One instance serves all organisations."""

    def __init__(self, store: MergeStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def merge(
        self, org_id: str, rules: MergeRules, survivor_id: str, loser_id: str, editor: Editor
    ) -> Merged:
        """Makes two contacts one. Raises UnknownContactError, MergeRefusedError."""

        async def once(unit: UnitOfWork) -> Merged:
            return await self._merge(unit, org_id, rules, survivor_id, loser_id, editor)

        return await self._in_unit(once)

    async def unmerge(
        self,
        org_id: str,
        rules: MergeRules,
        contact_id: str,
        editor: Editor,
        *,
        clear_do_not_call: bool = False,
    ) -> Unmerged:
        """Undoes the merge by which this contact went. Raises UnknownContactError, MergeRefusedError."""

        async def once(unit: UnitOfWork) -> Unmerged:
            return await self._unmerge(unit, org_id, rules, contact_id, editor, clear_do_not_call)

        return await self._in_unit(once)

    async def merge_in(
        self, unit: UnitOfWork, org_id: str, rules: MergeRules, survivor_id: str, loser_id: str, editor: Editor
    ) -> Merged:  # fmt: skip
        """The same as `merge`, as part of somebody's unit of work."""
        return await self._merge(unit, org_id, rules, survivor_id, loser_id, editor)

    async def _merge(
        self, unit: UnitOfWork, org_id: str, rules: MergeRules, survivor_id: str, loser_id: str, editor: Editor
    ) -> Merged:  # fmt: skip
        found = await unit.contacts(org_id, [survivor_id, loser_id], lock=True)
        for asked in (survivor_id, loser_id):
            if asked not in found:
                raise UnknownContactError(asked)
        ids = [found[survivor_id].contact_id, found[loser_id].contact_id]
        app_id, tenant = await self._store.active(unit, org_id)
        roles = choose_survivor(ids[0], ids[1], await self._store.ties(unit, org_id, ids), tenant)
        if isinstance(roles, Refused):
            raise MergeRefusedError(roles.reason)
        contacts = {contact.contact_id: contact for contact in found.values()}
        changes = plan_merge(
            contacts[roles.survivor_id],
            contacts[roles.loser_id],
            rules.fields,
            f"merged with {roles.loser_id} by {editor.kind.value} {editor.ref}".rstrip(),
            await self._store.proposals(unit, org_id, roles.survivor_id, roles.loser_id),
        )
        await unit.apply(org_id, changes, Origin())
        if app_id:
            await unit.wake(Wake(WakeKind.ACTIVITY, org_id, app_id))
        return Merged(roles.survivor_id, roles.loser_id, roles.swapped)

    async def _unmerge(
        self, unit: UnitOfWork, org_id: str, rules: MergeRules, contact_id: str, editor: Editor, clear: bool
    ) -> Unmerged:
        found = await unit.contacts(org_id, [contact_id], lock=True)
        standing = await self._store.standing(unit, org_id, contact_id)
        if standing is None:
            if contact_id not in found:
                raise UnknownContactError(contact_id)
            raise MergeRefusedError(f"Contact {contact_id} is not part of another one.")
        record = standing.record
        if contact_id not in found:
            raise MergeRefusedError(
                f"Contact {record.survivor_id}, which it became part of, was deleted; nothing can be taken out of it."
            )
        survivor = found[contact_id]
        if survivor.contact_id != record.survivor_id:
            raise MergeRefusedError(
                f"Contact {record.survivor_id}, which it became part of, is itself part of {survivor.contact_id}. "
                "Undo that merge first."
            )
        source = Source(editor.kind, to_ms(self._clock.now()), editor.ref)
        plan = plan_unmerge(
            record,
            survivor,
            standing.loser,
            standing.numbers,
            rules.fields,
            source,
            clear_do_not_call=clear,
        )
        if isinstance(plan, Refused):
            raise MergeRefusedError(plan.reason)
        await unit.apply(org_id, plan.changeset, Origin())
        return Unmerged(record.survivor_id, contact_id, plan.kept)

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
