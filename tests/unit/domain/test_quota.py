"""The day's budget: the reserve is kept, lower lanes stop first, and everybody goes on when the count starts again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.quota import (
    LANES,
    MAX_RESERVE_PERCENT,
    RECHECK,
    Ask,
    Budget,
    Coast,
    Go,
    QuotaRules,
    Reset,
    Standing,
    ceiling,
    counted_since,
    decide,
    next_midnight,
    notice,
    waiting,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ROLLING = QuotaRules(Reset.ROLLING)
MIDNIGHT = QuotaRules(Reset.MIDNIGHT, "US/Eastern")

allowances = st.integers(1, 2_000_000)
reserves = st.integers(0, MAX_RESERVE_PERCENT)
lanes = st.sampled_from(LANES)
rules = st.builds(
    QuotaRules, st.sampled_from(Reset), st.sampled_from(["UTC", "US/Eastern", "Asia/Kathmandu"]), reserves
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))


@st.composite
def budgets(draw: st.DrawFn) -> tuple[Budget, datetime]:
    """A budget that was told something within the last day, and now."""
    now = draw(moments)
    allowed = draw(allowances)
    ago = st.none() | st.integers(0, 86_000).map(lambda seconds: now - timedelta(seconds=seconds))
    told = Budget(
        allowed,
        draw(st.integers(0, 2 * allowed)),
        draw(ago),
        draw(st.integers(0, allowed)),
        draw(ago),
        draw(ago),
    )
    return told, now


def test_by_default_backfills_stop_at_60_recurring_work_at_80_and_live_write_backs_at_95_percent() -> None:
    assert [ceiling(lane, 100_000) for lane in LANES] == [95_000, 80_000, 60_000]


@given(allowances, reserves)
def test_a_higher_lane_may_spend_at_least_as_much_and_nobody_the_last_quarter_of_the_reserve(
    allowed: int, reserve: int
) -> None:
    live, recurring, backfill = (ceiling(lane, allowed, reserve) for lane in LANES)
    assert 0 <= backfill <= recurring <= live <= allowed
    assert 100 * (allowed - recurring) >= reserve * allowed
    assert 400 * (allowed - live) >= reserve * allowed


@given(budgets(), rules)
def test_when_a_lane_goes_every_higher_one_does(at: tuple[Budget, datetime], how: QuotaRules) -> None:
    budget, now = at
    goes = [isinstance(decide(lane, budget, how, now), Go) for lane in LANES]
    assert goes == sorted(goes, reverse=True)


@given(budgets(), rules, lanes, st.integers(1, 1000))
def test_a_lane_that_waits_also_waits_when_more_is_used(
    at: tuple[Budget, datetime], how: QuotaRules, lane: str, more: int
) -> None:
    budget, now = at
    if not isinstance(decide(lane, budget, how, now), Go):
        for fuller in (replace(budget, used=budget.used + more), replace(budget, since=budget.since + more)):
            assert not isinstance(decide(lane, fuller, how, now), Go)


@given(budgets(), rules, lanes)
def test_who_waits_is_told_a_moment_to_come_at_which_it_is_worth_looking(
    at: tuple[Budget, datetime], how: QuotaRules, lane: str
) -> None:
    budget, now = at
    decision = decide(lane, budget, how, now)
    if isinstance(decision, Coast):
        assert now < decision.ask_at <= decision.until
        assert decision.ask_at <= now + RECHECK
        assert not isinstance(decide(lane, budget, how, decision.ask_at), Coast)


@given(
    st.lists(st.tuples(st.sampled_from([*LANES, "others", "told"]), st.integers(1, 40))),
    st.integers(1, 300),
    reserves,
)
def test_no_lane_ever_spends_beyond_its_share(
    events: list[tuple[str, int]], allowed: int, reserve: int
) -> None:
    """Others spend as they like, and are seen when the CRM tells; our own requests are counted between."""
    how, used = QuotaRules(Reset.ROLLING, "UTC", reserve), 0
    budget = Budget(allowed, 0, NOW)
    for what, times in events:
        for _ in range(times):
            if what == "told":
                budget = Budget(allowed, used, NOW)
            elif what == "others":
                used += 1
            elif isinstance(decide(what, budget, how, NOW), Go):
                assert budget.used + budget.since < ceiling(what, allowed, reserve)
                budget, used = replace(budget, since=budget.since + 1), used + 1
    if not any(what == "others" for what, _ in events):
        assert used <= ceiling("live", allowed, reserve)


def test_at_midnight_of_the_tenants_zone_yesterdays_count_is_void() -> None:
    budget = Budget(1000, 1000, NOW)
    waits = decide("recurring", budget, MIDNIGHT, NOW)
    assert waits == Coast(datetime(2026, 11, 24, 5, 1, tzinfo=UTC), NOW + RECHECK, estimated=False)
    told_late = replace(budget, told_at=waits.until - timedelta(minutes=5))
    assert isinstance(decide("recurring", told_late, MIDNIGHT, waits.until - timedelta(seconds=1)), Coast)
    assert decide("recurring", told_late, MIDNIGHT, waits.until) == Go()


def test_a_rolling_count_is_estimated_and_asked_again() -> None:
    budget = Budget(1000, 900, NOW)
    waits = decide("recurring", budget, ROLLING, NOW)
    assert isinstance(waits, Coast)
    assert waits.estimated
    assert timedelta(hours=2) < waits.until - NOW < timedelta(hours=3)
    assert waits.ask_at == NOW + RECHECK
    assert decide("recurring", budget, ROLLING, NOW + RECHECK) == Ask()
    asked = replace(budget, asked_at=NOW + RECHECK)
    assert isinstance(decide("recurring", asked, ROLLING, NOW + RECHECK), Coast)


def test_a_refusal_stops_every_lane_whatever_was_told() -> None:
    refused = Budget(1000, 10, NOW, refused_at=NOW)
    assert list(waiting(refused, ROLLING, NOW)) == list(LANES)
    assert waiting(replace(refused, refused_at=None), ROLLING, NOW) == {}


@pytest.mark.parametrize("how", [ROLLING, MIDNIGHT])
def test_where_nothing_is_told_only_a_refusal_stops_and_not_for_long(how: QuotaRules) -> None:
    assert decide("backfill", Budget(), how, NOW) == Go()
    refused = Budget(refused_at=NOW)
    assert isinstance(decide("live", refused, how, NOW), Coast)
    assert decide("backfill", refused, how, NOW + RECHECK) == Go()


def test_a_day_of_the_tenants_zone_may_have_25_hours() -> None:
    start = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
    assert counted_since(MIDNIGHT, start + timedelta(hours=24)) == start
    assert next_midnight(start, "US/Eastern") == start + timedelta(hours=25)


def test_the_notice_names_counts_lanes_and_moments() -> None:
    budget = Budget(15_000, 12_500, NOW, 3)
    standing = Standing(
        budget, MIDNIGHT, NOW, {"live": 40, "recurring": 1200}, NOW, ("recurring", "backfill")
    )
    text = notice(standing)
    for part in ("12,503 of 15,000", "1,240 of them by Tieline", "20 %", "since 2026-11-23 12:00 UTC",
                 "recurring, backfill", "go on 2026-11-24 05:01 UTC"):  # fmt: skip
        assert part in text
    assert "about 2026" in notice(replace(standing, rules=ROLLING))
