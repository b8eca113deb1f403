"""The day's budget in the store: one count for all workers, lower lanes wait first, one issue that closes by itself."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.support import CountingIds, FrozenClock, RecordedQueue

from tieline.domain.quota import RECHECK, QuotaRules, Reset
from tieline.ports.crm import DailyLimit, Limits, RateRule
from tieline.ports.errors import RateLimitedError
from tieline.ports.store import Lane
from tieline.store.issues import Issue, IssueFilter, Issues
from tieline.store.pool import Pool, make_pool
from tieline.store.quota import QuotaBook
from tieline.store.rate_limit import PostgresGate

DAY_S = 86_400.0
FAST = (RateRule("core", 1_000_000, 1.0), RateRule("auth", 1_000_000, 1.0))

# One for all workers of a test, as random ones are: two must not give the same.
_IDS = CountingIds()


@pytest.fixture
async def pool(db_url: str) -> AsyncIterator[Pool]:
    async with make_pool(db_url) as pool:
        async with pool.connection() as connection:
            await connection.execute("insert into organisation (org_id, name) values ('org_1', 'Test')")
        yield pool


def book(
    pool: Pool, lane: Lane = Lane.LIVE, reset: Reset = Reset.ROLLING, app_id: str = "app_1"
) -> QuotaBook:
    limit = DailyLimit("daily", ("core",), reset)
    issues = Issues(pool, RecordedQueue(), _IDS)
    return QuotaBook(
        pool, "org_1", app_id, limit, QuotaRules(reset), FrozenClock(), lane=lane, issues=issues
    )  # fmt: skip


def gate(pool: Pool, lane: Lane = Lane.LIVE, **more: Any) -> PostgresGate:
    """A new session of some worker."""
    return PostgresGate(
        pool, "org_1", "app_1", FAST, FrozenClock(), lane=lane, quota=book(pool, lane, **more)
    )


async def tell(pool: Pool, used: int, allowed: int = 100, **more: Any) -> None:
    """The CRM answers somebody's request."""
    one = gate(pool, **more)
    async with pool.connection() as connection:
        await connection.execute("update quota set told_after = 0, sent = 0")
    await one.report(Limits("daily", allowed, used, DAY_S))


async def granted(one: PostgresGate, tries: int = 300) -> int:
    for count in range(tries):
        try:
            await one.acquire("core")
        except RateLimitedError:
            return count
    return tries


async def time_passes(pool: Pool, by: timedelta) -> None:
    """Everything that is known was known that much earlier."""
    async with pool.connection() as connection:
        await connection.execute(
            "update quota set told_at = told_at - %(by)s, refused_at = refused_at - %(by)s,"
            " asked_at = asked_at - %(by)s, noticed_at = noticed_at - %(by)s",
            {"by": by},
        )


async def open_issues(pool: Pool) -> list[Issue]:
    return await Issues(pool, RecordedQueue(), CountingIds()).find("org_1", IssueFilter())


async def test_lower_lanes_stop_first_and_many_workers_do_not_overshoot(pool: Pool) -> None:
    """Nothing is told between, so what stops them is our own count."""
    await tell(pool, used=10)
    totals = []
    for lane in (Lane.BACKFILL, Lane.RECURRING, Lane.LIVE):
        got = await asyncio.gather(*(granted(gate(pool, lane)) for _ in range(5)))
        totals.append(sum(got))
    assert totals[0] <= 50
    assert totals[0] + totals[1] <= 70
    # A request that met the end of its lane's share was counted and not sent, once for each of ten sessions.
    assert 85 - 10 <= sum(totals) <= 85


async def test_nothing_told_stops_nobody_and_other_buckets_are_not_counted(pool: Pool) -> None:
    assert await granted(gate(pool, Lane.BACKFILL), tries=20) == 20
    await tell(pool, used=100)
    one = gate(pool, Lane.BACKFILL)
    await one.acquire("auth")
    with pytest.raises(RateLimitedError) as caught:
        await one.acquire("core")
    assert caught.value.daily
    assert timedelta(0) < caught.value.until - FrozenClock().now() <= RECHECK


async def test_what_other_tools_used_is_seen_with_the_next_answer(pool: Pool) -> None:
    await tell(pool, used=10)
    one = gate(pool, Lane.RECURRING)
    assert await granted(one, tries=5) == 5
    await one.report(Limits("daily", 100, 79, DAY_S))
    assert await granted(one) == 1


async def test_an_answer_to_an_earlier_request_that_comes_late_is_not_believed(pool: Pool) -> None:
    early, late = gate(pool), gate(pool)
    await early.acquire("core")
    await late.acquire("core")
    await late.report(Limits("daily", 100, 80, DAY_S))
    await early.report(Limits("daily", 100, 10, DAY_S))
    assert await granted(gate(pool, Lane.RECURRING)) == 0


async def test_one_issue_names_who_waits_and_closes_when_nobody_does(pool: Pool) -> None:
    await tell(pool, used=85)
    assert await granted(gate(pool, Lane.BACKFILL)) == 0
    assert await granted(gate(pool, Lane.RECURRING)) == 0
    assert await granted(gate(pool, Lane.LIVE), tries=3) == 3
    (issue,) = await open_issues(pool)
    assert (issue.kind, issue.severity, issue.app_id) == ("daily_limit", "warning", "app_1")
    assert "recurring, backfill" in issue.message
    await tell(pool, used=70)
    (issue,) = await open_issues(pool)
    assert (await book(pool).standing()).waiting == ["backfill"]
    await tell(pool, used=20)
    assert await open_issues(pool) == []
    assert (await book(pool).standing()).waiting_since is None


async def test_while_all_wait_one_request_in_a_while_asks_for_all_workers(pool: Pool) -> None:
    await tell(pool, used=98)
    lanes = [gate(pool, lane) for lane in Lane for _ in range(3)]
    assert await asyncio.gather(*(granted(one) for one in lanes)) == [0] * 9
    await time_passes(pool, RECHECK)
    assert sum(await asyncio.gather(*(granted(one) for one in lanes))) == 1
    assert sum(await asyncio.gather(*(granted(one) for one in lanes))) == 0


async def test_a_refusal_stops_all_lanes_until_a_request_gets_through(pool: Pool) -> None:
    await tell(pool, used=10)
    one = gate(pool)
    await one.acquire("core")
    until = await one.exhausted("core", FrozenClock().now() + timedelta(hours=9))
    assert timedelta(0) < until - FrozenClock().now() <= RECHECK
    assert await granted(gate(pool, Lane.LIVE)) == 0
    await time_passes(pool, RECHECK)
    asking = gate(pool, Lane.BACKFILL)
    assert await granted(asking) == 1
    await asking.report(Limits("daily", 100, 12, DAY_S))
    assert await granted(gate(pool, Lane.BACKFILL), tries=5) == 5
    assert await open_issues(pool) == []


async def test_after_midnight_everybody_goes_on_though_nothing_was_told_yet(pool: Pool) -> None:
    await tell(pool, used=100, reset=Reset.MIDNIGHT)
    assert await granted(gate(pool, Lane.RECURRING, reset=Reset.MIDNIGHT)) == 0
    assert len(await open_issues(pool)) == 1
    await time_passes(pool, timedelta(hours=25))
    assert await granted(gate(pool, Lane.RECURRING, reset=Reset.MIDNIGHT), tries=5) == 5
    assert await open_issues(pool) == []


async def test_a_crm_that_tells_no_count_is_asked_again_after_its_refusal(pool: Pool) -> None:
    await gate(pool).exhausted("core", FrozenClock().now())
    assert await granted(gate(pool)) == 0
    await time_passes(pool, RECHECK)
    assert await granted(gate(pool), tries=5) == 5
    assert await open_issues(pool) == []


async def test_a_person_sees_whose_the_requests_were(pool: Pool) -> None:
    await gate(pool, Lane.LIVE).acquire("core")
    assert await granted(gate(pool, Lane.BACKFILL), tries=4) == 4
    one = gate(pool)
    await one.acquire("core")
    await one.report(Limits("daily", 100, 40, DAY_S))
    standing = await book(pool).standing()
    assert (standing.used, standing.ours, standing.by_us) == (40, 6, {"live": 2, "backfill": 4})
    assert (await book(pool, app_id="app_2").standing()).used == 0
