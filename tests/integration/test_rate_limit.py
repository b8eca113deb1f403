"""One pace for all workers of an app. Periods are long here, so that the time a test takes does not matter."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.support import FrozenClock

from tieline.ports.crm import Limits, RateRule
from tieline.ports.errors import RateLimitedError
from tieline.ports.store import Lane
from tieline.store.pool import Pool, make_pool
from tieline.store.rate_limit import Pace, PostgresGate, told_limits

SLOW = (RateRule("core", 100, 100_000.0), RateRule("search", 100, 100_000.0))
BURST = 10


@pytest.fixture
async def pool(db_url: str) -> AsyncIterator[Pool]:
    async with make_pool(db_url) as pool:
        yield pool


def gate(pool: Pool, app_id: str = "app_1", lane: Lane = Lane.LIVE) -> PostgresGate:
    return PostgresGate(pool, "org_1", app_id, SLOW, FrozenClock(), lane=lane)


async def granted(one: PostgresGate, bucket: str = "core", tries: int = 50) -> int:
    for count in range(tries):
        try:
            await one.acquire(bucket)
        except RateLimitedError:
            return count
    return tries


async def test_a_burst_is_granted_and_then_no_more(pool: Pool) -> None:
    assert await granted(gate(pool)) == BURST


async def test_workers_share_one_pace(pool: Pool) -> None:
    counts = await asyncio.gather(*(granted(gate(pool)) for _ in range(4)))
    assert sum(counts) == BURST


async def test_other_apps_and_buckets_have_a_pace_of_their_own(pool: Pool) -> None:
    one = gate(pool)
    assert await granted(one, "core") == BURST
    assert await granted(one, "search") == BURST
    assert await granted(gate(pool, "app_2"), "core") == BURST


async def test_the_error_says_when_there_is_room_again(pool: Pool) -> None:
    one, clock = gate(pool), FrozenClock()
    await granted(one)
    with pytest.raises(RateLimitedError) as caught:
        await one.acquire("core")
    interval = Pace.of(100, 100_000.0).interval_s
    assert timedelta(0) < caught.value.until - clock.now() <= timedelta(seconds=interval)


async def test_a_short_wait_is_waited_for(pool: Pool) -> None:
    waits: list[float] = []

    class RealClock(FrozenClock):
        async def sleep(self, seconds: float) -> None:
            waits.append(seconds)
            await asyncio.sleep(seconds)

    fast = PostgresGate(pool, "org_1", "app_1", (RateRule("core", 50, 1.0),), RealClock())
    for _ in range(12):
        await fast.acquire("core")
    assert waits
    assert max(waits) <= 1.0


async def test_a_lower_lane_leaves_room_for_a_higher_one(pool: Pool) -> None:
    assert 0 < await granted(gate(pool, lane=Lane.BACKFILL)) < BURST
    assert await granted(gate(pool, lane=Lane.BACKFILL)) == 0
    assert await granted(gate(pool, lane=Lane.RECURRING)) > 0
    assert await granted(gate(pool, lane=Lane.RECURRING)) == 0
    assert await granted(gate(pool, lane=Lane.LIVE)) > 0


async def test_a_pause_holds_every_worker_and_is_not_shortened(pool: Pool) -> None:
    one, clock = gate(pool), FrozenClock()
    await one.pause("core", clock.now() + timedelta(seconds=5000))
    await gate(pool).pause("core", clock.now() + timedelta(seconds=60))
    with pytest.raises(RateLimitedError) as caught:
        await gate(pool).acquire("core")
    assert caught.value.until - clock.now() > timedelta(seconds=4000)
    await gate(pool).acquire("search")


async def test_a_pause_that_is_over_holds_nobody(pool: Pool) -> None:
    one, clock = gate(pool), FrozenClock()
    await one.pause("core", clock.now() - timedelta(seconds=1))
    await one.acquire("core")


async def test_what_the_crm_told_becomes_the_pace_and_is_kept(pool: Pool) -> None:
    one = gate(pool)
    await one.report(Limits("core", allowed=1000, used=3, window_s=60.0))
    assert await granted(one, tries=60) == 60
    assert await told_limits(pool, "org_1", "app_1") == [Limits("core", 1000, 3, 60.0)]
    assert await told_limits(pool, "org_1", "app_2") == []


async def test_a_limit_of_a_day_changes_no_pace(pool: Pool) -> None:
    one = gate(pool)
    await one.report(Limits("core", allowed=15_000, used=15_000, window_s=86_400.0))
    assert await granted(one) == BURST


async def test_a_window_that_is_used_up_is_waited_out(pool: Pool) -> None:
    one = gate(pool)
    await one.report(Limits("core", allowed=100, used=100, window_s=60.0))
    with pytest.raises(RateLimitedError):
        await one.acquire("core")


@pytest.mark.parametrize(
    ("requests", "period_s"), [(1, 1.0), (5, 1.0), (100, 10.0), (190, 10.0), (650, 10.0)]
)
def test_the_busiest_period_holds_no_more_than_the_rule_allows(requests: int, period_s: float) -> None:
    pace = Pace.of(requests, period_s)
    assert pace.burst + (period_s - 1e-9) // pace.interval_s <= max(requests, 1)
