"""What the brake keeps in the store: stops and people's answers to them, and what a run has done so far.

Every method works in the caller's unit of work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tieline.domain.brake import Brake, BrakeFlow, BrakeKind
from tieline.ports.creating import CreationRow
from tieline.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True)
class DoneSoFar:
    """What earlier attempts at a run have committed: effects by kind, and how many records they read."""

    counts: Mapping[BrakeKind, int] = field(default_factory=dict)
    read: int = 0


class BrakeBook(Protocol):
    """Stops, and the figures that the brake decides by. A backlog is work of which no conversation was the cause."""

    async def standing(
        self, uow: UnitOfWork, org_id: str, app_id: str, flow: BrakeFlow, *, lock: bool = False
    ) -> Brake | None:
        """The stop of that flow that has not ended, if there is one."""

    async def put(self, uow: UnitOfWork, brake: Brake) -> None:
        """Inserts a stop, or replaces it."""

    async def done_so_far(self, uow: UnitOfWork, org_id: str, run_id: str, flow: BrakeFlow) -> DoneSoFar:
        """What earlier attempts at a run did in one flow."""

    async def add_done(
        self, uow: UnitOfWork, org_id: str, run_id: str, flow: BrakeFlow, counts: Mapping[BrakeKind, int]
    ) -> None:
        """Adds to it, in the transaction that does it."""

    async def linked(self, uow: UnitOfWork, org_id: str, tenant_key: str) -> int:
        """How many contacts are linked to a record of the tenant."""

    async def push_backlog(self, uow: UnitOfWork, org_id: str, tenant_key: str) -> int:
        """How many dirty links no conversation of the hour before has made dirty."""

    async def in_push_backlog(
        self, uow: UnitOfWork, org_id: str, tenant_key: str, after: str, limit: int
    ) -> Sequence[str]:
        """External ids of these links, in their order, behind `after`."""

    async def creation_backlog(
        self, uow: UnitOfWork, org_id: str, tenant_key: str, now: datetime, limit: int
    ) -> tuple[int, Sequence[str]]:
        """How many due intents to create a record no conversation of the hour before has made; the first contacts."""

    async def pushes_apart_from_it(
        self, uow: UnitOfWork, org_id: str, tenant_key: str, limit: int, now: datetime
    ) -> Sequence[str]:
        """External ids of open dirty links that a conversation has made dirty, longest waiting first."""

    async def creations_apart_from_it(
        self, uow: UnitOfWork, org_id: str, tenant_key: str, limit: int, now: datetime
    ) -> Sequence[CreationRow]:
        """Due intents to create a record that a conversation has made, longest waiting first."""
