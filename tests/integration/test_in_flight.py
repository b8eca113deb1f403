"""How many requests of an app can be under way at once: one a lane, however many workers there are (docs/quota.md)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.support import FrozenClock
from tests.unit.worker.test_jobs import FakeRun

from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.store import Lane, Lease
from tieline.store.leases import Leases
from tieline.store.pool import Pool, make_pool
from tieline.worker.jobs import Flows, Jobs

WORKERS = 4


@pytest.fixture
async def pool(db_url: str) -> AsyncIterator[Pool]:
    async with make_pool(db_url) as pool:
        yield pool


@dataclass
class Crm:
    """Counts the requests under way; each run, push and activity pass sends three, one after the other."""

    now: Counter[Lane] = field(default_factory=Counter)
    most: Counter[Lane] = field(default_factory=Counter)
    most_at_all: int = 0
    passes: int = 0

    async def work(self, lane: Lane) -> None:
        self.passes += 1
        for _ in range(3):
            self.now[lane] += 1
            self.most[lane] = max(self.most[lane], self.now[lane])
            self.most_at_all = max(self.most_at_all, self.now.total())
            for _ in range(20):
                await asyncio.sleep(0)
            self.now[lane] -= 1

    async def inbound(self, run: Any, lease: Lease) -> None:
        await self.work(lease.lane)

    async def live(self, org_id: str, app_id: str, lease: Lease) -> float | None:
        await self.work(lease.lane)
        return None

    async def nothing(self, *_: Any) -> None:
        return None

    def flows(self) -> Flows:
        return Flows(
            inbound=self.inbound, audit=self.inbound, push=self.live, activity=self.live, analysis=self.nothing,
            reconnect=self.nothing, stop_app=self.nothing, wake=self.nothing,
        )  # fmt: skip


class Runs:
    """Always one recurring sync and one audit in the backfill lane to do."""

    async def due(self, org_id: str, app_id: str) -> FakeRun:
        return FakeRun(lane=Lane.RECURRING)

    async def due_audit(self, org_id: str, app_id: str) -> FakeRun:
        return FakeRun(lane=Lane.BACKFILL)

    async def take_up(self, lease: Lease, run_id: str, *, most_attempts: int) -> FakeRun:
        return FakeRun(lane=lease.lane)

    async def done(self, *_: Any, **__: Any) -> None:
        return None

    postpone = succeed = fail = brake = done


async def test_of_any_number_of_workers_each_lane_of_an_app_sends_one_request_at_a_time(pool: Pool) -> None:
    crm = Crm()
    workers = [
        Jobs(crm.flows(), Runs(), Leases(pool), FrozenClock(), f"worker {number}").handlers()
        for number in range(WORKERS)
    ]
    kinds = (WakeKind.INBOUND, WakeKind.AUDIT, WakeKind.PUSH, WakeKind.ACTIVITY)
    wakes = [Wake(kind, "org_1", "app_1") for kind in kinds]
    for _ in range(3):
        await asyncio.gather(*(handlers[wake.kind](wake) for handlers in workers for wake in wakes))
    assert crm.passes >= 3 * len(Lane)
    assert crm.most == dict.fromkeys(Lane, 1)
    assert crm.most_at_all <= len(Lane)
