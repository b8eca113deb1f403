"""The brake's stops in the in-memory store: `ports.brake.BrakeBook`, as `store/queries/brake` has it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from tieline.domain.brake import Brake, BrakeFlow, BrakeKind
from tieline.domain.changeset import LinkStatus
from tieline.ports.brake import DoneSoFar
from tieline.ports.creating import CreationRow
from tieline.ports.store import UnitOfWork
from tieline.testing.simulation.tables import LinkRow, Tables

_NOT_LONG: Final = timedelta(hours=1)


class MemoryBrakes:
    """Stops and figures, on the tables of whatever transaction is open."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def standing(
        self, uow: UnitOfWork, org_id: str, app_id: str, flow: BrakeFlow, *, lock: bool = False
    ) -> Brake | None:
        """The stop of that flow that has not ended."""
        for brake in self._tables.brakes.values():
            if (brake.org_id, brake.app_id, brake.flow, brake.ended_at) == (org_id, app_id, flow, None):
                return brake
        return None

    async def put(self, uow: UnitOfWork, brake: Brake) -> None:
        """Inserts a stop, or replaces it."""
        self._tables.brakes[brake.org_id, brake.brake_id] = brake

    async def done_so_far(self, uow: UnitOfWork, org_id: str, run_id: str, flow: BrakeFlow) -> DoneSoFar:
        """What earlier attempts at a run did in one flow."""
        read = self._tables.counts.get((org_id, run_id), {}).get("read", 0)
        return DoneSoFar(self._tables.effects.get((org_id, run_id, flow), {}), read)

    async def add_done(
        self, uow: UnitOfWork, org_id: str, run_id: str, flow: BrakeFlow, counts: Mapping[BrakeKind, int]
    ) -> None:
        """Adds to it."""
        done = self._tables.effects.get((org_id, run_id, flow), {})
        self._tables.effects[org_id, run_id, flow] = dict(Counter(done) + Counter(counts))

    async def linked(self, uow: UnitOfWork, org_id: str, tenant_key: str) -> int:
        """How many contacts are linked to a record of the tenant."""
        return len(self._open(org_id, tenant_key))

    async def push_backlog(self, uow: UnitOfWork, org_id: str, tenant_key: str) -> int:
        """How many dirty links no conversation has made dirty."""
        return sum(not self._told(org_id, row) for row in self._dirty(org_id, tenant_key))

    async def in_push_backlog(
        self, uow: UnitOfWork, org_id: str, tenant_key: str, after: str, limit: int
    ) -> Sequence[str]:
        """External ids of these links."""
        ids = [
            row.state.external_id for row in self._dirty(org_id, tenant_key) if not self._told(org_id, row)
        ]
        return sorted(one for one in ids if one > after)[:limit]

    async def creation_backlog(
        self, uow: UnitOfWork, org_id: str, tenant_key: str, now: datetime, limit: int
    ) -> tuple[int, Sequence[str]]:
        """How many due intents no conversation has made. A simulated intent does not know its age: none counts."""
        return 0, ()

    async def pushes_apart_from_it(
        self, uow: UnitOfWork, org_id: str, tenant_key: str, limit: int, now: datetime
    ) -> Sequence[str]:
        """External ids of dirty links that a conversation has made dirty."""
        due = [
            row
            for row in self._dirty(org_id, tenant_key)
            if self._told(org_id, row) and (row.not_before is None or row.not_before <= now)
        ]
        return [row.state.external_id for row in due][:limit]

    async def creations_apart_from_it(
        self, uow: UnitOfWork, org_id: str, tenant_key: str, limit: int, now: datetime
    ) -> Sequence[CreationRow]:
        """Due intents that a conversation has made: all."""
        return await uow.creations.due(org_id, tenant_key, limit, now)

    def _open(self, org_id: str, tenant_key: str) -> list[LinkRow]:
        here = (org_id, tenant_key)
        rows = [row for key, row in sorted(self._tables.links.items()) if key[:2] == here]
        return [row for row in rows if row.state.status is LinkStatus.OPEN]

    def _dirty(self, org_id: str, tenant_key: str) -> list[LinkRow]:
        return [row for row in self._open(org_id, tenant_key) if row.dirty_at is not None]

    def _told(self, org_id: str, row: LinkRow) -> bool:
        contact = self._tables.contacts.get((org_id, row.state.contact_id or ""))
        last = contact.last_conversation_at if contact else None
        return last is not None and row.dirty_at is not None and last >= row.dirty_at - _NOT_LONG
