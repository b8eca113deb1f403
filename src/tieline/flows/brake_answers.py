"""What a person says to a stop: confirm it, and it may go on once and as far as was shown; or reject it.

Only keeps the answer and has the flow begin again. It never does what was stopped, and never widens a limit.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol

from tieline.domain.brake import Brake, BrakeStatus
from tieline.domain.brake_report import brake_cause
from tieline.domain.changeset import Changeset
from tieline.flows.brake import CONFIRMATION_LASTS
from tieline.flows.editing import Editor
from tieline.ports.brake import BrakeBook
from tieline.ports.clock import Clock
from tieline.ports.store import Origin, UnitOfWork


class UnknownBrakeError(LookupError):
    """There is no stop of that id."""

    def __init__(self, brake_id: str) -> None:
        super().__init__(f"The brake has made no stop {brake_id}.")


class BrakeOverError(Exception):
    """The stop is over, or another one has taken its place: an answer to it would mean something else."""


class BrakeStore(BrakeBook, Protocol):
    """What answering needs of the store besides."""

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Opens a unit of work."""

    async def get(self, uow: UnitOfWork, org_id: str, brake_id: str, *, lock: bool = False) -> Brake | None:
        """The stop of that id, over or not."""

    async def find(
        self, uow: UnitOfWork, org_id: str, app_id: str | None, limit: int, *, ended: bool
    ) -> Sequence[Brake]:
        """Stops, the newest first; with `ended` also those that are over."""

    async def go_on(self, uow: UnitOfWork, brake: Brake) -> None:
        """Has what was stopped done again, now."""


class BrakeAnswers:
    """Lists stops and takes people's answers to them."""

    def __init__(self, store: BrakeStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def find(
        self, org_id: str, app_id: str | None = None, *, ended: bool = False, limit: int = 100
    ) -> Sequence[Brake]:
        """The stops that stand, the newest first; with `ended` also those that are over."""
        async with self._store.transaction() as uow:
            return await self._store.find(uow, org_id, app_id, limit, ended=ended)

    async def get(self, org_id: str, brake_id: str) -> Brake:
        """One stop. Raises UnknownBrakeError."""
        async with self._store.transaction() as uow:
            brake = await self._store.get(uow, org_id, brake_id)
        if brake is None:
            raise UnknownBrakeError(brake_id)
        return brake

    async def confirm(self, org_id: str, brake_id: str, by: Editor, note: str = "") -> Brake:
        """Lets it go on within a day, once, as far as was shown and a tenth more. Raises UnknownBrakeError,
        BrakeOverError.
        """
        async with self._store.transaction() as uow:
            brake = self._answered(
                await self._standing(uow, org_id, brake_id), BrakeStatus.CONFIRMED, by, note
            )
            brake = replace(brake, expires_at=self._clock.now() + CONFIRMATION_LASTS)
            await self._store.put(uow, brake)
            closed = Changeset(closed_causes=[brake_cause(brake.app_id, brake.flow)])
            await uow.apply(org_id, closed, Origin(brake.app_id))
            await self._store.go_on(uow, brake)
        return brake

    async def reject(self, org_id: str, brake_id: str, by: Editor, note: str = "") -> Brake:
        """Leaves it stopped, and lets nobody look again before it is confirmed or the app's limits are changed.

        Raises UnknownBrakeError, BrakeOverError.
        """
        async with self._store.transaction() as uow:
            brake = self._answered(
                await self._standing(uow, org_id, brake_id), BrakeStatus.REJECTED, by, note
            )
            brake = replace(brake, expires_at=None)
            await self._store.put(uow, brake)
        return brake

    async def _standing(self, uow: UnitOfWork, org_id: str, brake_id: str) -> Brake:
        brake = await self._store.get(uow, org_id, brake_id, lock=True)
        if brake is None:
            raise UnknownBrakeError(brake_id)
        if brake.ended_at is not None:
            raise BrakeOverError(
                f"The stop {brake_id} is over: {brake.ended_because}. Look at those that stand (list-brakes, tieline "
                "brake list)."
            )
        return brake

    def _answered(self, brake: Brake, status: BrakeStatus, by: Editor, note: str) -> Brake:
        who = f"{by.kind.value}:{by.ref}"
        return replace(brake, status=status, decided_at=self._clock.now(), decided_by=who, note=note or None)
