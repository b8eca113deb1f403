"""From a wake-up to a flow, and from a flow's outcome to what happens next.

The flows come as callables, so that nothing here knows an adapter. The only place that decides to try again
(by `worker.retry`); it never changes a contact, a link or a record itself.
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

from tieline.ports.clock import Clock
from tieline.ports.errors import BrakedError, ConflictError, CrmError, LeaseLostError
from tieline.ports.jobs import Handler, Wake, WakeKind
from tieline.ports.store import Lane, Lease
from tieline.worker.lane import LeaseKeeper, held_lane
from tieline.worker.retry import MOST_ATTEMPTS, Decision, GiveUp, RetryAfter, StopApp, decide

_log = logging.getLogger(__name__)

# A live lane is held for moments: another worker's pass is worth waiting for.
BUSY_S = 0.5
# A run may take hours. This bounds how long a dead worker's run lies before somebody looks whether its lease ended.
RUN_BUSY_S = 3.0


class RunBook(Protocol):
    """The runs of all apps; see `store.runs.Runs`. Of a run, only its id, status, attempts and lane are read here."""

    async def due(self, org_id: str, app_id: str) -> Any: ...
    async def due_audit(self, org_id: str, app_id: str) -> Any: ...
    async def take_up(self, lease: Lease, run_id: str, *, most_attempts: int) -> Any: ...
    async def postpone(
        self, lease: Lease, run: Any, delay: timedelta, reason: str, *, counted: bool
    ) -> None: ...
    async def succeed(self, lease: Lease, run: Any) -> None: ...
    async def fail(self, lease: Lease, run: Any, reason: str) -> None: ...
    async def brake(self, lease: Lease, run: Any, reason: str) -> None: ...


RunFlow: TypeAlias = Callable[[Any, Lease], Awaitable[None]]
"""Works on one run under its lane's lease, until its end."""
LiveFlow: TypeAlias = Callable[[str, str, Lease], Awaitable[float | None]]
"""(org id, app id, lease) -> seconds until there is more to do, or None."""


@dataclass(frozen=True, slots=True)
class Flows:
    """The flows, wired. `refusals` are exceptions of theirs that only a person's change can cure."""

    inbound: RunFlow
    audit: RunFlow
    push: LiveFlow
    activity: LiveFlow
    analysis: Callable[[str], Awaitable[float | None]]
    reconnect: Callable[[str, str], Awaitable[None]]
    stop_app: Callable[[str, str, str], Awaitable[None]]
    wake: Callable[[Wake], Awaitable[None]]
    refusals: tuple[type[Exception], ...] = ()
    extraction: Callable[[str], Awaitable[float | None]] | None = None
    backfill: RunFlow | None = None
    due_backfill: Callable[[str, str], Awaitable[Any]] | None = None


class Jobs:
    """The handlers of one worker. `owner` names it in the leases it holds."""

    def __init__(
        self,
        flows: Flows,
        runs: RunBook,
        leases: LeaseKeeper,
        clock: Clock,
        owner: str,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._flows = flows
        self._runs = runs
        self._leases = leases
        self._clock = clock
        self._owner = owner
        self._jitter = jitter
        self._live: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._failures: defaultdict[str, int] = defaultdict(int)

    def handlers(self) -> Mapping[WakeKind, Handler]:
        """A handler for every kind of wake-up."""
        handlers: dict[WakeKind, Handler] = {
            WakeKind.INBOUND: self._run_pass(self._runs.due, self._flows.inbound, self._flows.reconnect),
            WakeKind.AUDIT: self._run_pass(self._runs.due_audit, self._flows.audit),
            WakeKind.ANALYSIS: self._analysis,
            WakeKind.EXTRACTION: self._extraction,
            WakeKind.PUSH: self._live_pass(self._flows.push),
            WakeKind.ACTIVITY: self._live_pass(self._flows.activity),
        }
        if self._flows.backfill is not None and self._flows.due_backfill is not None:
            handlers[WakeKind.BACKFILL] = self._run_pass(self._flows.due_backfill, self._flows.backfill)
        return handlers

    def _run_pass(
        self,
        due: Callable[[str, str], Awaitable[Any]],
        flow: RunFlow,
        without_run: Callable[[str, str], Awaitable[None]] | None = None,
    ) -> Handler:
        async def handler(wake: Wake) -> None:
            try:
                run = await due(wake.org_id, wake.app_id)
                if run is not None:
                    await self._in_run_lane(wake, run, flow)
                elif without_run is not None:
                    await without_run(wake.org_id, wake.app_id)
            except LeaseLostError:
                _log.info("%s: the lane was lost", wake.dedupe_key)

        return handler

    async def _in_run_lane(self, wake: Wake, run: Any, flow: RunFlow) -> None:
        async with held_lane(self._leases, wake.org_id, wake.app_id, run.lane, self._owner) as lease:
            if lease is None:
                await self._flows.wake(Wake(wake.kind, wake.org_id, wake.app_id, delay_s=RUN_BUSY_S))
                return
            taken = await self._runs.take_up(lease, run.run_id, most_attempts=MOST_ATTEMPTS)
            if taken is None or taken.status != "running":
                return
            await self._work_on(wake, taken, lease, flow)

    async def _work_on(self, wake: Wake, run: Any, lease: Lease, flow: RunFlow) -> None:
        try:
            await flow(run, lease)
        except (CrmError, ConflictError) as error:
            match self._decide(error, run.attempts):
                case RetryAfter(delay, counted):
                    await self._runs.postpone(lease, run, delay, str(error), counted=counted)
                case GiveUp(reason):
                    await self._runs.fail(lease, run, reason)
                case StopApp(reason):
                    await self._flows.stop_app(wake.org_id, wake.app_id, reason)
                    await self._runs.fail(lease, run, reason)
        except BrakedError as error:
            await self._runs.brake(lease, run, str(error))
        except self._flows.refusals as error:
            await self._runs.fail(lease, run, str(error))
        else:
            await self._runs.succeed(lease, run)

    def _live_pass(self, flow: LiveFlow) -> Handler:
        async def handler(wake: Wake) -> None:
            # Pushes and activities of an app share its live lane: within a process they queue for it.
            async with self._live[wake.org_id, wake.app_id]:
                await self._guarded(wake, lambda: self._in_live_lane(wake, flow))

        return handler

    async def _in_live_lane(self, wake: Wake, flow: LiveFlow) -> float | None:
        async with held_lane(self._leases, wake.org_id, wake.app_id, Lane.LIVE, self._owner) as lease:
            return BUSY_S if lease is None else await flow(wake.org_id, wake.app_id, lease)

    async def _analysis(self, wake: Wake) -> None:
        await self._guarded(wake, lambda: self._flows.analysis(wake.org_id))

    async def _extraction(self, wake: Wake) -> None:
        if (extraction := self._flows.extraction) is not None:
            await self._guarded(wake, lambda: extraction(wake.org_id))

    async def _guarded(self, wake: Wake, work: Callable[[], Awaitable[float | None]]) -> None:
        """Runs a pass that keeps its own place in our tables, and wakes for what is left."""
        try:
            again_s = await work()
        except LeaseLostError:
            _log.info("%s: the lane was lost", wake.dedupe_key)
            return
        except (CrmError, ConflictError) as error:
            again_s = await self._after(error, wake)
        except self._flows.refusals as error:
            _log.warning("%s: %s", wake.dedupe_key, error)
            return
        else:
            self._failures.pop(wake.dedupe_key, None)
        if again_s is not None:
            await self._flows.wake(Wake(wake.kind, wake.org_id, wake.app_id, delay_s=again_s))

    async def _after(self, error: CrmError | ConflictError, wake: Wake) -> float | None:
        self._failures[wake.dedupe_key] += 1
        match self._decide(error, self._failures[wake.dedupe_key]):
            case RetryAfter(delay):
                return delay.total_seconds()
            case StopApp(reason):
                await self._flows.stop_app(wake.org_id, wake.app_id, reason)
            case GiveUp(reason):
                # What lies undone stays in our tables, with its issue; the sweep looks again.
                _log.warning("%s: %s", wake.dedupe_key, reason)
        self._failures.pop(wake.dedupe_key, None)
        return None

    def _decide(self, error: CrmError | ConflictError, attempt: int) -> Decision:
        return decide(error, attempt, self._clock.now(), self._jitter())
