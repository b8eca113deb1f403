"""The brake in a flow: counts what a run would do, asks the domain whether that is too much, and keeps a stop.

It never writes what it counts, and it never goes on by itself where a person was asked: a flow that meets
`BrakedError` ends, and its next run looks again.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from tieline.domain.brake import (
    Brake,
    BrakeFlow,
    BrakeKind,
    BrakeLimits,
    BrakeStatus,
    Effect,
    Go,
    Stop,
    Tally,
    brake_limits,
    decide,
)
from tieline.domain.brake_report import brake_cause, brake_note, sample_json, why_stopped
from tieline.domain.changeset import Changeset
from tieline.ports.brake import BrakeBook
from tieline.ports.clock import Clock, Ids
from tieline.ports.config import AppConfig
from tieline.ports.errors import BrakedError, ConflictError
from tieline.ports.store import Lease, Origin, Store, UnitOfWork

CONFIRMATION_LASTS: Final = timedelta(hours=24)
OnStop = Callable[[UnitOfWork], Awaitable[None]]


async def _nothing(uow: UnitOfWork) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Braking:
    """What every brake of a process is made of."""

    book: BrakeBook
    store: Store
    clock: Clock
    ids: Ids

    def of(
        self,
        app: AppConfig,
        flow: BrakeFlow,
        lease: Lease | None,
        run_id: str = "",
        on_stop: OnStop = _nothing,
    ) -> "RunBrake":
        """The brake of one run of one flow; `on_stop` is done in the transaction that keeps a stop."""
        return RunBrake(self, app, flow, lease, run_id, on_stop)


class RunBrake:
    """One run's brake. It is opened before anything is weighed."""

    def __init__(
        self, of: Braking, app: AppConfig, flow: BrakeFlow, lease: Lease | None, run_id: str, on_stop: OnStop
    ) -> None:
        self._book, self._store, self._clock, self._ids = of.book, of.store, of.clock, of.ids
        self._app, self._flow, self._lease, self._run_id = app, flow, lease, run_id
        self._on_stop = on_stop
        self._settings = app.crm_config.get("brake")
        self._limits = brake_limits(self._settings)
        self._tally = Tally()
        self._linked: int | None = None
        self.standing: Brake | None = None
        self.read_before = 0

    @property
    def limits(self) -> BrakeLimits:
        """The app's limits."""
        return self._limits

    async def open(self, uow: UnitOfWork) -> None:
        """Learns what stands. Raises BrakedError where a person wants that nobody looks again."""
        await self.look(uow)
        if self.standing is not None and self.standing.rests(self._settings):
            raise BrakedError(why_stopped(self.standing))
        if self._run_id:
            done = await self._book.done_so_far(uow, self._app.org_id, self._run_id, self._flow)
            self._tally, self.read_before = Tally(done.counts), done.read

    async def look(self, uow: UnitOfWork) -> Brake | None:
        """The stop that stands, as it is now."""
        app = self._app
        self.standing = await self._book.standing(uow, app.org_id, app.app_id, self._flow)
        return self.standing

    async def weigh(self, uow: UnitOfWork, effects: Sequence[Effect]) -> Stop | None:
        """Counts these too; a stop if the run would do too much with them."""
        self._tally.add(effects)
        counts = self._tally.counts
        stop = await self.judge(uow, counts)
        return stop and replace(stop, sample=self._tally.sample(one.kind for one in stop.exceeded))

    async def judge(self, uow: UnitOfWork, counts: dict[BrakeKind, int]) -> Stop | None:
        """A stop if that is too much, and nobody has agreed to it."""
        if self._limits.surely_fine(counts):
            return None
        linked = await self.linked(uow)
        if isinstance(decide(counts, linked, self._limits), Go):
            return None
        standing = await self.look(uow)
        agreed = standing.agreed(self._clock.now()) if standing else {}
        verdict = decide(counts, linked, self._limits, agreed)
        return verdict if isinstance(verdict, Stop) else None

    async def nothing_listed(self, uow: UnitOfWork) -> Stop | None:
        """A stop if the CRM, which shows no record at all, had many: all that are linked would be gone."""
        return await self.judge(uow, {BrakeKind.RECORDS_GONE: await self.linked(uow)})

    async def linked(self, uow: UnitOfWork) -> int:
        """How many contacts are linked; counted once in a run, and only if it matters."""
        if self._linked is None:
            self._linked = await self._book.linked(uow, self._app.org_id, self._app.tenant_key)
        return self._linked

    async def done(self, uow: UnitOfWork, effects: Sequence[Effect]) -> None:
        """Remembers, in the transaction that does them, that these are done."""
        counts = Counter(kind for kind, _ in {(effect.kind, effect.key) for effect in effects})
        if counts and self._run_id:
            await self._book.add_done(uow, self._app.org_id, self._run_id, self._flow, counts)

    @property
    def is_known(self) -> bool:
        """Whether a person was asked already, so that nobody needs to count to the end again."""
        return self.standing is not None and self.standing.status is not BrakeStatus.CONFIRMED

    async def stopped(self, stop: Stop) -> BrakedError:
        """Keeps a stop, with its issue. Returns what to raise. Raises ConflictError if a person agreed meanwhile."""
        async with self._store.transaction(self._lease) as uow:
            brake = await self.keep(uow, stop)
            await self._on_stop(uow)
        return BrakedError(why_stopped(brake))

    async def keep(self, uow: UnitOfWork, stop: Stop, sample: Sequence[Effect] = ()) -> Brake:
        """Inserts the stop, or notes that it is still so. What is far more than was shown is another stop."""
        app, now = self._app, self._clock.now()
        old = await self._book.standing(uow, app.org_id, app.app_id, self._flow, lock=True)
        if old is not None:
            agreed = old.agreed(now)
            if agreed and all(one.count <= agreed.get(one.kind, one.limit) for one in stop.exceeded):
                raise ConflictError("a person agreed to this a moment ago")
            if old.status is not BrakeStatus.CONFIRMED and old.covers(stop):
                brake = replace(
                    old, seen_at=now, status=BrakeStatus.STOPPED, settings=self._settings, run_id=self._run_id
                )
                await self._book.put(uow, brake)
                await self._tell(uow, brake)
                return brake
            await self._end(uow, old, "it was exceeded, or its confirmation had expired")
        shown = {one.kind: (one.count, one.limit) for one in stop.exceeded}
        brake = Brake(
            app.org_id, self._ids.new("brake"), app.app_id, self._flow, BrakeStatus.STOPPED, shown, stop.known,
            tuple(sample_json(effect) for effect in sample or stop.sample), self._settings, self._run_id, now, now,
        )  # fmt: skip
        await self._book.put(uow, brake)
        await self._tell(uow, brake)
        return brake

    async def _tell(self, uow: UnitOfWork, brake: Brake) -> None:
        note = brake_note(self._app.name or self._app.app_id, brake)
        await uow.apply(
            self._app.org_id, Changeset(issues=[note]), Origin(self._app.app_id, self._run_id or None)
        )
        self.standing = brake

    async def settle(self) -> None:
        """The run went through: what stood is over."""
        if self.standing is not None:
            async with self._store.transaction(self._lease) as uow:
                await self.settle_in(uow)

    async def settle_unless_stopped(self) -> None:
        """The run went through, if need be without the part that it was stopped in: then raises BrakedError."""
        async with self._store.transaction(self._lease) as uow:
            standing = await self.look(uow)
            if self.is_known and standing is not None and standing.run_id == self._run_id:
                raise BrakedError(why_stopped(standing))
            await self.settle_in(uow)

    async def settle_in(self, uow: UnitOfWork) -> None:
        """The same in a unit of work, if a stop was seen to stand."""
        if self.standing is None:
            return
        app = self._app
        old = await self._book.standing(uow, app.org_id, app.app_id, self._flow, lock=True)
        if old is not None:
            went, fell = "what was confirmed has been done", "it is within the limits now"
            await self._end(uow, old, went if old.status is BrakeStatus.CONFIRMED else fell)
        self.standing = None

    async def _end(self, uow: UnitOfWork, brake: Brake, because: str) -> None:
        await self._book.put(uow, replace(brake, ended_at=self._clock.now(), ended_because=because))
        closed = Changeset(closed_causes=[brake_cause(brake.app_id, brake.flow)])
        await uow.apply(brake.org_id, closed, Origin(brake.app_id))
