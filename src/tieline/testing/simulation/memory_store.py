"""The store in memory: `ports.store.Store` with real transactions, for one process and one loop.

Units of work come one after the other, as if each held all locks; a unit that ends in an exception leaves nothing
behind. Unique indexes raise ConflictError and an old lease LeaseLostError, as in the store on PostgreSQL.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from tieline.domain.changeset import Changeset, ContactState, LinkState, LinkStatus
from tieline.ports.clock import Clock
from tieline.ports.errors import LeaseLostError
from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.store import Lane, Lease, Origin, ReadState
from tieline.testing.simulation.memory_changes import Changes
from tieline.testing.simulation.memory_creations import MemoryCreations
from tieline.testing.simulation.memory_work import MemoryWork
from tieline.testing.simulation.tables import LinkRow, Tables

Point = Callable[[str], Awaitable[None]]
"""Told of each statement before it is carried out, and of `begin` and `commit`; may suspend, may raise."""

_WAITING = (LinkStatus.SHARED, LinkStatus.SKIPPED)


async def _nothing(what: str) -> None:
    return None


class MemoryUnitOfWork:
    """Implements `ports.store.UnitOfWork` on the tables of an open transaction."""

    def __init__(self, store: "MemoryStore") -> None:
        self._store = store
        self._tables = store.tables
        self.work = MemoryWork(store.tables, store.clock, store.point)
        self.creations = MemoryCreations(store.tables, store.point)

    async def links(
        self, org_id: str, tenant_key: str, external_ids: Collection[str], *, lock: bool
    ) -> Mapping[str, LinkState]:
        """Known records of a tenant by external id."""
        await self._store.point("links")
        wanted = set(external_ids)
        return {
            row.state.external_id: row.state
            for row in self._of(org_id, tenant_key)
            if row.state.external_id in wanted
        }

    async def open_links(
        self, org_id: str, tenant_key: str, contact_ids: Collection[str]
    ) -> Mapping[str, LinkState]:
        """The open link of each contact, by contact id."""
        await self._store.point("open_links")
        wanted = set(contact_ids)
        return {
            row.state.contact_id: row.state
            for row in self._of(org_id, tenant_key)
            if row.state.status is LinkStatus.OPEN and row.state.contact_id in wanted and row.state.contact_id
        }

    async def former_links(
        self, org_id: str, tenant_key: str, contact_ids: Collection[str]
    ) -> Sequence[LinkState]:
        """Records of these contacts that are deleted, merged away, missing or closed."""
        await self._store.point("former_links")
        wanted = set(contact_ids)
        gone = (LinkStatus.DELETED, LinkStatus.MERGED, LinkStatus.MISSING, LinkStatus.CLOSED)
        found = (row.state for row in self._of(org_id, tenant_key))
        return [link for link in found if link.status in gone and link.contact_id in wanted]

    async def records_with_phones(
        self, org_id: str, tenant_key: str, phones: Collection[str]
    ) -> Sequence[LinkState]:
        """Shared and skipped records that have one of these numbers."""
        await self._store.point("records_with_phones")
        found = [
            row.state
            for row in self._of(org_id, tenant_key)
            if row.state.status in _WAITING and set(row.state.phones) & set(phones)
        ]
        return sorted(found, key=lambda link: (link.created_ms, link.external_id))

    async def contacts(
        self, org_id: str, contact_ids: Collection[str], *, lock: bool
    ) -> Mapping[str, ContactState]:
        """Contacts by the asked id; a merged one is answered with its survivor."""
        await self._store.point("contacts")
        found = {}
        for asked in contact_ids:
            row = self._tables.contacts.get((org_id, asked))
            while row is not None and row.merged_into is not None:
                row = self._tables.contacts.get((org_id, row.merged_into))
            if row is not None:
                found[asked] = row.state
        return found

    async def contacts_by_phone(
        self, org_id: str, phones: Collection[str], *, lock: bool
    ) -> Mapping[str, ContactState]:
        """Contacts by number, else by an alias that exactly one contact has."""
        own, alias = await self.contact_ids_by_phone(org_id, phones)
        ids = {**alias, **own}
        found = await self.contacts(org_id, set(ids.values()), lock=lock)
        return {phone: found[contact_id] for phone, contact_id in ids.items() if contact_id in found}

    async def contact_ids_by_phone(
        self, org_id: str, phones: Collection[str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Contact ids by own number, and by unambiguous alias."""
        await self._store.point("contact_ids_by_phone")
        living = {
            key[1]: row.state
            for key, row in self._tables.contacts.items()
            if key[0] == org_id and row.merged_into is None
        }
        own = {c.phone_number: contact_id for contact_id, c in living.items() if c.phone_number in phones}
        holders: dict[str, list[str]] = {}
        for org, number, contact_id in self._tables.aliases:
            if org == org_id and number in phones and contact_id in living:
                holders.setdefault(number, []).append(contact_id)
        return own, {number: ids[0] for number, ids in holders.items() if len(ids) == 1}

    async def open_causes(
        self, org_id: str, app_id: str, external_ids: Collection[str], contact_ids: Collection[str]
    ) -> frozenset[str]:
        """Causes of open issues about these records or contacts."""
        await self._store.point("open_causes")
        found = set()
        for (org, cause), issue in self._tables.issues.items():
            whole = issue.note.external_id is None and issue.note.contact_id is None
            of_record = issue.app_id == app_id and (whole or issue.note.external_id in set(external_ids))
            if org == org_id and (of_record or issue.note.contact_id in set(contact_ids)):
                found.add(cause)
        return frozenset(found)

    async def apply(self, org_id: str, changeset: Changeset, origin: Origin) -> None:
        """Carries a changeset out."""
        await self._store.point("apply")
        if Changes(self._tables, org_id, self._store.clock.now()).apply(changeset, origin):
            linked = self._store.linked_apps.get(org_id)
            if linked is not None:
                self._wake(Wake(WakeKind.PUSH, org_id, linked))

    async def wake(self, *wakes: Wake) -> None:
        """Enqueues wake-ups in this transaction."""
        await self._store.point("wake")
        for wake in wakes:
            self._wake(wake)

    async def needing_read(
        self, org_id: str, tenant_key: str, limit: int, *, without: Collection[str]
    ) -> Sequence[str]:
        """External ids of records that must be read again by id."""
        await self._store.point("needing_read")
        found = sorted(row.state.external_id for row in self._of(org_id, tenant_key) if row.state.needs_read)
        return [external_id for external_id in found if external_id not in without][:limit]

    async def missing_records(
        self, org_id: str, tenant_key: str, limit: int, *, without: Collection[str]
    ) -> Sequence[str]:
        """External ids of records that the CRM did not return by their ids."""
        await self._store.point("missing_records")
        found = sorted(
            row.state.external_id
            for row in self._of(org_id, tenant_key)
            if row.state.status is LinkStatus.MISSING
        )
        return [external_id for external_id in found if external_id not in without][:limit]

    async def doubt_links(self, org_id: str, tenant_key: str) -> None:
        """Has every open or shared record read again."""
        await self._store.point("doubt_links")
        for key, row in self._tables.links.items():
            if key[:2] == (org_id, tenant_key) and row.state.status in (LinkStatus.OPEN, LinkStatus.SHARED):
                self._tables.links[key] = replace(row, state=replace(row.state, needs_read=True))

    async def dirty_links(self, org_id: str, tenant_key: str, limit: int, now: datetime) -> Sequence[str]:
        """External ids of open links that may have something to push, longest waiting first."""
        await self._store.point("dirty_links")
        found = sorted(
            (row.dirty_at, row.state.external_id)
            for row in self._of(org_id, tenant_key)
            if row.dirty_at is not None
            and row.state.status is LinkStatus.OPEN
            and (row.not_before is None or row.not_before <= now)
        )
        return [external_id for _, external_id in found[:limit]]

    async def postpone_push(
        self,
        org_id: str,
        tenant_key: str,
        external_ids: Collection[str],
        until: datetime,
        *,
        counted: bool = True,
    ) -> None:
        """Lets these links wait; `counted`: it was an attempt, and not one that the CRM put off."""
        await self._store.point("postpone_push")
        for external_id in external_ids:
            key = (org_id, tenant_key, external_id)
            self._tables.links[key] = _postponed(self._tables.links[key], until, int(counted))

    async def begin_pass(self, org_id: str, app_id: str | None, kind: str, run_id: str) -> None:
        """No runs of passes are kept."""
        await self._store.point("begin_pass")

    async def add_counts(self, org_id: str, run_id: str, counts: Mapping[str, int], requests: int) -> None:
        """Adds to a run's counts and requests sent."""
        await self._store.point("add_counts")
        added = {**counts, "requests": requests}
        old = self._tables.counts.get((org_id, run_id), {})
        both = {name: old.get(name, 0) + added.get(name, 0) for name in {*old, *added}}
        self._tables.counts[org_id, run_id] = both

    async def read_state(self, org_id: str, app_id: str, kind: str, tenant_key: str) -> ReadState:
        """Where a read of this tenant stands."""
        await self._store.point("read_state")
        tenant, state = self._tables.read_states.get((org_id, app_id, kind), ("", ReadState()))
        known = (org_id, tenant_key) in self._tables.tenants_read
        return replace(state if tenant == tenant_key else ReadState(), tenant_known=known)

    async def save_read_state(
        self, org_id: str, app_id: str, kind: str, tenant_key: str, state: ReadState
    ) -> None:
        """Saves it."""
        await self._store.point("save_read_state")
        if kind == "full" and state.completed_at is not None:
            self._tables.tenants_read.setdefault((org_id, tenant_key), state.completed_at)
        self._tables.read_states[org_id, app_id, kind] = (tenant_key, state)

    def _of(self, org_id: str, tenant_key: str) -> list[LinkRow]:
        here = (org_id, tenant_key)
        return [row for key, row in sorted(self._tables.links.items()) if key[:2] == here]

    def _wake(self, wake: Wake) -> None:
        self._tables.wakes[len(self._tables.wakes) + 1] = wake


def _postponed(row: LinkRow, until: datetime, more: int) -> LinkRow:
    return LinkRow(replace(row.state, push_attempts=row.state.push_attempts + more), row.dirty_at, until)


class MemoryStore:
    """Implements `ports.store.Store`. `point` is told of every statement; `committed` after every commit.

    `linked_apps` says which app syncs an organisation's contacts. `leases` holds the newest fence of each lane.
    """

    def __init__(
        self, clock: Clock, *, point: Point = _nothing, committed: Callable[[], None] = lambda: None
    ) -> None:
        self.tables = Tables()
        self.clock = clock
        self.point = point
        self.linked_apps: dict[str, str] = {}
        self.leases: dict[tuple[str, str, Lane], int] = {}
        self._committed = committed

    def acquire(self, org_id: str, app_id: str, lane: Lane, owner: str) -> Lease:
        """A newer lease of a lane: whoever held it before may not commit any more."""
        key = (org_id, app_id, lane)
        self.leases[key] = self.leases.get(key, 0) + 1
        return Lease(org_id, app_id, lane, owner, self.leases[key])

    @asynccontextmanager
    async def transaction(self, lease: Lease | None = None) -> AsyncIterator[MemoryUnitOfWork]:
        """One unit of work. Raises LeaseLostError; ConflictError where an index refuses a row."""
        await self.point("begin")
        former = self.tables.copy()
        try:
            if lease is not None:
                self._check(lease)
            yield MemoryUnitOfWork(self)
            await self.point("commit")
        except BaseException:
            self.tables.restore(former)
            raise
        self._committed()
        await self.point("committed")

    def _check(self, lease: Lease) -> None:
        newest = self.leases.get((lease.org_id, lease.app_id, lease.lane))
        if newest != lease.token:
            raise LeaseLostError(f"{lease.lane} of {lease.app_id} belongs to a newer holder")
