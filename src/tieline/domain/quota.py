"""The day's requests to a CRM as a budget: which lane may still spend, which waits, and until when.

A CRM counts the requests of all tools of its tenant together. A share of them is reserved for the customer's other
tools; of ours, a backfill may take the least and a live call's write-back the most. Pure: the moment and the counts
are given. This module must know no vendor, and must never let a lane spend that a higher lane may not.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias

from tieline.domain import instants

LANES: Final = ("live", "recurring", "backfill")
"""The highest first."""

RESERVE_PERCENT: Final = 20
"""What is left to the customer's other tools unless an app says otherwise."""
MAX_RESERVE_PERCENT: Final = 90

DAY: Final = timedelta(hours=24)
RECHECK: Final = timedelta(minutes=15)
"""While lanes wait and nothing else tells the CRM's count, one request in this time may ask."""
_AFTER_MIDNIGHT: Final = timedelta(minutes=1)
"""The CRM's clock may be behind ours: asked at midnight sharp it would still tell yesterday's count."""


class Reset(StrEnum):
    """When a CRM's count starts again: at midnight of its time zone, or never: it counts the last 24 hours."""

    MIDNIGHT = "midnight"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True)
class QuotaRules:
    """How a budget is kept: when the CRM's count starts again (`zone`: whose midnight), and the reserve in percent."""

    reset: Reset
    zone: str = "UTC"
    reserve_percent: int = RESERVE_PERCENT


@dataclass(frozen=True, slots=True)
class Budget:
    """What is known of a day's requests. `allowed` is 0 as long as the CRM has told nothing.

    `used` is the CRM's own count at `told_at`, all tools together; `since` are our own requests after that.
    `refused_at` is set when the CRM refused a request by its day's limit and has let none through since. `asked_at` is
    when a request was last let through only to ask. All moments are aware and of one clock.
    """

    allowed: int = 0
    used: int = 0
    told_at: datetime | None = None
    since: int = 0
    refused_at: datetime | None = None
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Go:
    """The request may be sent."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The lane waits, but the count is old: one request may be sent to learn it anew, by whoever takes the turn."""


@dataclass(frozen=True, slots=True)
class Coast:
    """The lane waits. `until` is when it is expected to go on (`estimated`: nobody knows exactly), `ask_at` when it
    is worth looking again, which is never later."""

    until: datetime
    ask_at: datetime
    estimated: bool


Decision: TypeAlias = Go | Ask | Coast


def ceiling(lane: str, allowed: int, reserve_percent: int = RESERVE_PERCENT) -> int:
    """Up to which count of all tools together a lane may spend.

    Recurring work stops where the reserve begins, backfills at three quarters of that. A live write-back is small and
    somebody waits for it: it may borrow three quarters of the reserve, and the last quarter is never touched.
    """
    match lane:
        case "live":
            return allowed - _share(allowed, reserve_percent, 400)
        case "recurring":
            return allowed - _share(allowed, reserve_percent, 100)
        case "backfill":
            return (allowed - _share(allowed, reserve_percent, 100)) * 3 // 4
    raise ValueError(f"{lane!r} is no lane")


def spent(budget: Budget, rules: QuotaRules, now: datetime) -> int:
    """The best count of what is used: told and our own since; a count of another day is void."""
    told = 0 if _void(budget.told_at, rules, now) else budget.used
    refused = not _void(budget.refused_at, rules, now)
    return max(told + budget.since, budget.allowed if refused else 0)


def decide(lane: str, budget: Budget, rules: QuotaRules, now: datetime) -> Decision:
    """Whether one more request of the lane may be sent now."""
    if budget.allowed <= 0:
        return _after_refusal(budget, rules, now)
    used, most = spent(budget, rules, now), ceiling(lane, budget.allowed, rules.reserve_percent)
    if used < most:
        return Go()
    known_at = max(
        at for at in (budget.told_at, budget.refused_at, budget.asked_at, _LONG_AGO) if at is not None
    )
    if now >= known_at + RECHECK:
        return Ask()
    if rules.reset is Reset.MIDNIGHT:
        until = next_midnight(now, rules.zone) + _AFTER_MIDNIGHT
        return Coast(until, min(until, known_at + RECHECK), estimated=False)
    # The last 24 hours: if they were spent evenly, so much of them must pass until we are below the lane's share.
    over = DAY * min(1.0, (used - most + 1) / max(used, 1))
    until = max(known_at + over, known_at + RECHECK)
    return Coast(until, known_at + RECHECK, estimated=True)


def next_midnight(now: datetime, zone: str) -> datetime:
    """The next midnight of a time zone, in UTC. Raises ValueError for a name that is none."""
    return _midnight(now, zone, days=1)


def _midnight(now: datetime, zone: str, *, days: int) -> datetime:
    """The start of the day that many days after the zone's day of now. A day may have 23 or 25 hours."""
    there = instants.zone(zone)
    day = now.astimezone(there).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=there).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget as a person sees it. `by_us` are our own requests by lane, of the day or the 24 hours that count.

    `waiting_since` is when the first of the `waiting` lanes began to wait.
    """

    budget: Budget
    rules: QuotaRules
    now: datetime
    by_us: Mapping[str, int]
    waiting_since: datetime | None = None
    waiting: Sequence[str] = ()

    @property
    def used(self) -> int:
        """All tools together."""
        return max(spent(self.budget, self.rules, self.now), self.ours)

    @property
    def ours(self) -> int:
        """Of these, Tieline's."""
        return sum(self.by_us.values())

    @property
    def until(self) -> datetime | None:
        """When the last of the lanes that wait is expected to go on; None when that has passed."""
        ends = [
            decision.until
            for decision in waiting(self.budget, self.rules, self.now, self.waiting).values()
            if isinstance(decision, Coast)
        ]
        return max(ends, default=None)


def shown(standing: Standing) -> dict[str, Any]:
    """A standing member by member. A lane is named with the count of all tools up to which it may spend."""
    budget, rules = standing.budget, standing.rules
    known = budget.allowed > 0
    return {
        "allowed": budget.allowed if known else None,
        "used": standing.used,
        "used_by_tieline": standing.ours,
        "used_by_others": standing.used - standing.ours if known else None,
        "used_by_lane": {lane: standing.by_us.get(lane, 0) for lane in LANES},
        "reserve_percent": rules.reserve_percent,
        "lane_ceilings": {lane: ceiling(lane, budget.allowed, rules.reserve_percent) for lane in LANES}
        if known
        else None,
        "resets": rules.reset.value,
        "resets_at": next_midnight(standing.now, rules.zone) if rules.reset is Reset.MIDNIGHT else None,
        "told_at": budget.told_at,
        "waiting": list(standing.waiting),
        "waiting_since": standing.waiting_since,
        "waiting_until": standing.until,
    }


def counted_since(rules: QuotaRules, now: datetime) -> datetime:
    """From when on requests count against the budget of now."""
    if rules.reset is Reset.ROLLING:
        return now - DAY
    return _midnight(now, rules.zone, days=0)


def notice(standing: Standing) -> str:
    """What the issue about lanes that wait says."""
    budget, rules = standing.budget, standing.rules
    if budget.allowed > 0:
        count = (
            f"{standing.used:,} of {budget.allowed:,} requests are used, {standing.ours:,} of them by Tieline"
        )
    else:
        count = f"the CRM refuses more; Tieline has sent {standing.ours:,} requests"
    until, about = standing.until, "about " if rules.reset is Reset.ROLLING else ""
    goes_on = f"They are expected to go on {about}{_moment(until)}" if until else "They go on shortly"
    kept = f"{rules.reserve_percent} % are kept for the CRM's other tools (crm_config.api_reserve_percent)"
    since = f" since {_moment(standing.waiting_since)}" if standing.waiting_since else ""
    return (
        f"The CRM's daily limit is nearly reached or used up: {count}, and {kept}. Waiting{since}:"
        f" {', '.join(standing.waiting)}. {goes_on}; the CRM's count is looked at again every"
        f" {RECHECK.seconds // 60} minutes. Nothing is lost, and this issue closes by itself."
    )


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def waiting(
    budget: Budget, rules: QuotaRules, now: datetime, lanes: Collection[str] = LANES
) -> dict[str, Decision]:
    """The lanes among these that may not simply go on, highest first."""
    found = {lane: decide(lane, budget, rules, now) for lane in LANES if lane in lanes}
    return {lane: decision for lane, decision in found.items() if not isinstance(decision, Go)}


_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _share(allowed: int, percent: int, of: int) -> int:
    """A share, rounded up: what is reserved is never less than was promised."""
    return -(-allowed * percent // of)


def _void(at: datetime | None, rules: QuotaRules, now: datetime) -> bool:
    """Whether what was known then says nothing about now."""
    if at is None:
        return True
    if rules.reset is Reset.ROLLING:
        return now >= at + DAY
    return now >= next_midnight(at, rules.zone) + _AFTER_MIDNIGHT


def _after_refusal(budget: Budget, rules: QuotaRules, now: datetime) -> Decision:
    """A CRM that tells no count is asked again now and then after it refused."""
    if (
        budget.refused_at is None
        or now >= budget.refused_at + RECHECK
        or _void(budget.refused_at, rules, now)
    ):
        return Go()
    ask_at = budget.refused_at + RECHECK
    if rules.reset is Reset.ROLLING:
        return Coast(ask_at, ask_at, estimated=True)
    until = next_midnight(now, rules.zone) + _AFTER_MIDNIGHT
    return Coast(until, min(until, ask_at), estimated=False)
