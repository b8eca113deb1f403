"""The pace of one app towards its CRM, shared by every worker: one row per bucket, one statement per request.

Time is the database's, so that workers whose clocks differ share one pace; our own clock only sleeps and says
until when. This module must never know a vendor.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tieline.ports.clock import Clock
from tieline.ports.crm import Limits, RateRule
from tieline.ports.errors import RateLimitedError
from tieline.ports.store import Lane
from tieline.store.pool import Pool, Queries
from tieline.store.quota import QuotaBook

_UNKNOWN_RULE = RateRule("", 10, 1.0)
# A limit over a longer window is a budget and not a pace.
_LONGEST_PACE_S = 60.0
_REPORT_EVERY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """A request each `interval_s`, and `burst` at once after a rest: together no more than the rule allows."""

    interval_s: float
    burst: int

    @classmethod
    def of(cls, requests: int, period_s: float) -> "Pace":
        """A tenth of the allowance is the burst, so that the busiest period holds no more than all of it."""
        burst = max(1, requests // 10)
        return cls(period_s / max(1, requests - burst), burst)

    def tolerance_s(self, lane: Lane) -> float:
        """How early a request may come. A lower lane must leave room, so a live write-back finds it free."""
        share, slack = {Lane.LIVE: (1.0, 0.0), Lane.RECURRING: (0.5, 0.05), Lane.BACKFILL: (0.0, 0.1)}[lane]
        return self.interval_s * ((self.burst - 1) * share - slack)


class PostgresGate:
    """`RateGate` of one app for one lane. A wait over `longest_wait_s` is an error: the work is put off."""

    def __init__(
        self,
        pool: Pool,
        org_id: str,
        app_id: str,
        rules: tuple[RateRule, ...],
        clock: Clock,
        *,
        lane: Lane = Lane.LIVE,
        longest_wait_s: float = 30.0,
        quota: QuotaBook | None = None,
    ) -> None:
        self._pool = pool
        self._app = {"org_id": org_id, "app_id": app_id}
        self._clock = clock
        self._lane = lane
        self._longest_wait_s = longest_wait_s
        self._sql = Queries("rate_limit")
        self._paces = {rule.bucket: Pace.of(rule.requests, rule.period_s) for rule in rules}
        self._reported: dict[str, datetime] = {}
        self._quota = quota

    async def acquire(self, bucket: str) -> None:
        """Waits for one request's turn. Raises RateLimitedError when that would take too long, or the day's share
        of the lane is spent.
        """
        quota = self._quota
        if quota is None or not quota.counts(bucket):
            await self._turn(bucket)
            return
        asks = await quota.look()
        await self._turn(bucket)
        await quota.take(asks=asks)

    async def _turn(self, bucket: str) -> None:
        waited_s = 0.0
        while (wait_s := await self._ask(bucket)) > 0:
            if waited_s + wait_s > self._longest_wait_s:
                until = self._clock.now() + timedelta(seconds=wait_s)
                raise RateLimitedError(
                    f"The CRM's rate limit is used up; the work goes on in {wait_s:.0f} seconds.", until=until
                )
            await self._clock.sleep(wait_s)
            waited_s += wait_s

    async def report(self, limits: Limits) -> None:
        """Takes over the pace that the CRM told, and keeps what it told for people to see."""
        bucket, now = limits.bucket, self._clock.now()
        if 0 < limits.window_s <= _LONGEST_PACE_S and limits.allowed > 0:
            self._paces[bucket] = Pace.of(limits.allowed, limits.window_s)
            if limits.used >= limits.allowed:
                await self.pause(bucket, now + timedelta(seconds=limits.window_s))
        quota = self._quota if self._quota is not None and self._quota.is_told_by(limits) else None
        last = self._reported.get(bucket)
        if last is not None and now - last < _REPORT_EVERY and not (quota and quota.careful):
            return
        self._reported[bucket] = now
        if quota is not None:
            await quota.tell(limits)
            return
        await self._run("report", bucket, allowed=limits.allowed, used=limits.used, window_s=limits.window_s)

    async def pause(self, bucket: str, until: datetime) -> None:
        """Lets no request of the bucket through before `until`, in any worker."""
        await self._run("pause", bucket, duration=max(until - self._clock.now(), timedelta(0)))

    async def exhausted(self, bucket: str, until: datetime) -> datetime:
        """Stops every lane by the budget; for a CRM that declares no daily limit it is a pause like any other."""
        if self._quota is not None and self._quota.counts(bucket):
            return await self._quota.refuse()
        await self.pause(bucket, until)
        return until

    async def _ask(self, bucket: str) -> float:
        pace = self._paces.get(bucket) or Pace.of(_UNKNOWN_RULE.requests, _UNKNOWN_RULE.period_s)
        row = await self._run(
            "acquire",
            bucket,
            interval=timedelta(seconds=pace.interval_s),
            tolerance=timedelta(seconds=pace.tolerance_s(self._lane)),
        )
        return float(row["wait_s"]) if row else 0.0

    async def _run(self, query: str, bucket: str, **values: object) -> dict[str, Any] | None:
        async with self._pool.connection() as conn:
            cursor = await conn.execute(self._sql[query], {**self._app, "bucket": bucket, **values})
            return await cursor.fetchone() if cursor.description else None


async def told_limits(pool: Pool, org_id: str, app_id: str) -> list[Limits]:
    """What the CRM last told of each limit of an app."""
    async with pool.connection() as conn:
        rows = await (
            await conn.execute(Queries("rate_limit")["told"], {"org_id": org_id, "app_id": app_id})
        ).fetchall()
    return [Limits(row["bucket"], row["allowed"], row["used"], row["window_s"]) for row in rows]
