"""What a worker does with the outcome of a flow. The store, the queue and the flows are fakes that are passed in."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support import START, FrozenClock

from tieline.ports.errors import (
    BrakedError,
    CredentialsInvalidError,
    LeaseLostError,
    PermissionMissingError,
    RateLimitedError,
    TransientError,
)
from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.store import Lane, Lease
from tieline.worker.jobs import BUSY_S, RUN_BUSY_S, Flows, Jobs
from tieline.worker.retry import MOST_ATTEMPTS

INBOUND = Wake(WakeKind.INBOUND, "org_1", "app_1")
PUSH = Wake(WakeKind.PUSH, "org_1", "app_1")
ANALYSIS = Wake(WakeKind.ANALYSIS, "org_1")


class NotConfiguredError(Exception):
    """A refusal of a flow."""


@dataclass(frozen=True)
class FakeRun:
    run_id: str = "run_1"
    status: str = "running"
    attempts: int = 1
    lane: Lane = Lane.RECURRING


@dataclass
class World:
    """Every collaborator of the handlers in one place; `log` is what they were told, in order."""

    run: FakeRun | None = field(default_factory=FakeRun)
    taken: FakeRun | None = field(default_factory=FakeRun)
    busy: bool = False
    error: Exception | None = None
    again_s: float | None = None
    log: list[tuple[Any, ...]] = field(default_factory=list)

    # Runs
    async def due(self, org_id: str, app_id: str) -> FakeRun | None:
        return self.run

    async def due_audit(self, org_id: str, app_id: str) -> FakeRun | None:
        return self.run

    async def take_up(self, lease: Lease, run_id: str, *, most_attempts: int) -> FakeRun | None:
        return self.taken

    async def postpone(
        self, lease: Lease, run: FakeRun, delay: timedelta, reason: str, *, counted: bool
    ) -> None:
        self.log.append(("postponed", delay.total_seconds(), reason, counted))

    async def succeed(self, lease: Lease, run: FakeRun) -> None:
        self.log.append(("succeeded",))

    async def fail(self, lease: Lease, run: FakeRun, reason: str) -> None:
        self.log.append(("failed", reason))

    async def brake(self, lease: Lease, run: FakeRun, reason: str) -> None:
        self.log.append(("braked", reason))

    # Leases
    async def acquire(self, org_id: str, app_id: str, lane: Lane, owner: str) -> Lease | None:
        return None if self.busy else Lease(org_id, app_id, lane, owner, 1)

    async def renew(self, lease: Lease) -> bool:
        return True

    async def release(self, lease: Lease) -> None:
        self.log.append(("released", str(lease.lane)))

    # Flows
    async def flow(self, *_: Any) -> float | None:
        self.log.append(("worked",))
        if self.error:
            raise self.error
        return self.again_s

    async def inbound(self, run: Any, lease: Lease) -> None:
        await self.flow()

    async def reconnect(self, org_id: str, app_id: str) -> None:
        self.log.append(("reconnected", app_id))

    async def stop_app(self, org_id: str, app_id: str, reason: str) -> None:
        self.log.append(("stopped", app_id, reason))

    async def wake(self, wake: Wake) -> None:
        self.log.append(("woken", wake.kind.value, wake.delay_s))

    def flows(self) -> Flows:
        return Flows(
            inbound=self.inbound, audit=self.inbound, push=self.flow, activity=self.flow, analysis=self.flow,
            reconnect=self.reconnect, stop_app=self.stop_app, wake=self.wake, refusals=(NotConfiguredError,),
            backfill=self.inbound, due_backfill=self.due,
        )  # fmt: skip

    async def handle(self, wake: Wake, times: int = 1) -> list[tuple[Any, ...]]:
        jobs = Jobs(self.flows(), self, self, FrozenClock(), "worker", jitter=lambda: 0.0)
        for _ in range(times):
            self.log.clear()
            await jobs.handlers()[wake.kind](wake)
        return self.log


async def test_a_run_that_ends_well_succeeds_and_frees_its_lane() -> None:
    assert await World().handle(INBOUND) == [("worked",), ("succeeded",), ("released", "recurring")]


async def test_a_full_read_holds_its_own_lane() -> None:
    world = World(run=FakeRun(lane=Lane.BACKFILL))
    assert ("released", "backfill") in await world.handle(INBOUND)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RateLimitedError("slow", until=START + timedelta(seconds=60)), [("postponed", 60.0, "slow", False)]),
        (TransientError("down"), [("postponed", 1.0, "down", True)]),
        (BrakedError("too much"), [("braked", "too much")]),
        (PermissionMissingError("not yours"), [("failed", "not yours")]),
        (NotConfiguredError("no phone mapping"), [("failed", "no phone mapping")]),
        (CredentialsInvalidError("no"), [("stopped", "app_1", "no"), ("failed", "no")]),
        (LeaseLostError("lost"), []),
    ],
)
async def test_the_error_of_a_run_decides_what_becomes_of_it(error: Exception, outcome: list[Any]) -> None:
    assert await World(error=error).handle(INBOUND) == [("worked",), *outcome, ("released", "recurring")]


async def test_a_run_that_has_failed_often_enough_ends() -> None:
    world = World(taken=FakeRun(attempts=MOST_ATTEMPTS), error=TransientError("down"))
    assert (await world.handle(INBOUND))[1] == ("failed", f"down ({MOST_ATTEMPTS} attempts)")


async def test_a_bug_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        await World(error=ZeroDivisionError()).handle(INBOUND)
    with pytest.raises(ZeroDivisionError):
        await World(error=ZeroDivisionError()).handle(PUSH)


@pytest.mark.parametrize("taken", [None, replace(FakeRun(), status="failed")])
async def test_a_run_that_is_over_is_not_worked_on(taken: FakeRun | None) -> None:
    assert await World(taken=taken).handle(INBOUND) == [("released", "recurring")]


async def test_a_run_that_another_worker_is_at_is_left_to_it_and_looked_at_again() -> None:
    assert await World(busy=True).handle(INBOUND) == [("woken", "inbound", RUN_BUSY_S)]


async def test_a_wake_up_without_a_run_tries_the_connection() -> None:
    assert await World(run=None).handle(INBOUND) == [("reconnected", "app_1")]


async def test_a_pass_says_when_there_is_more() -> None:
    assert await World(again_s=3.0).handle(PUSH) == [
        ("worked",),
        ("released", "live"),
        ("woken", "push", 3.0),
    ]
    assert await World().handle(PUSH) == [("worked",), ("released", "live")]
    assert await World(again_s=3.0).handle(ANALYSIS) == [("worked",), ("woken", "analysis", 3.0)]


async def test_a_busy_live_lane_is_asked_for_again_soon() -> None:
    assert await World(busy=True).handle(PUSH) == [("woken", "push", BUSY_S)]


async def test_passes_that_fail_in_a_row_wait_longer_each_time_and_then_leave_it_to_the_sweep() -> None:
    assert (await World(error=TransientError("down")).handle(PUSH))[-1] == ("woken", "push", 1.0)
    assert (await World(error=TransientError("down")).handle(PUSH, times=3))[-1] == ("woken", "push", 4.0)
    given_up = await World(error=TransientError("down")).handle(PUSH, times=MOST_ATTEMPTS)
    assert given_up == [("worked",), ("released", "live")]


async def test_refused_credentials_stop_the_app_and_wake_nobody() -> None:
    log = await World(error=CredentialsInvalidError("no")).handle(PUSH)
    assert log == [("worked",), ("released", "live"), ("stopped", "app_1", "no")]


async def test_push_and_activity_of_an_app_take_turns_in_one_process() -> None:
    world, inside, most = World(), 0, 0

    async def flow(org_id: str, app_id: str, lease: Lease) -> float | None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        return None

    flows = replace(world.flows(), push=flow, activity=flow)
    handlers = Jobs(flows, world, world, FrozenClock(), "worker").handlers()
    await asyncio.gather(
        handlers[WakeKind.PUSH](PUSH), handlers[WakeKind.ACTIVITY](Wake(WakeKind.ACTIVITY, "org_1", "app_1"))
    )
    assert most == 1


def test_every_kind_of_wake_up_has_a_handler() -> None:
    handlers: dict[WakeKind, Callable[[Wake], Awaitable[None]]] = dict(
        Jobs(World().flows(), World(), World(), FrozenClock(), "worker").handlers()
    )
    assert set(handlers) == set(WakeKind)
