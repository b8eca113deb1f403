"""An app's budget of daily requests, kept in one row for all workers; the rules are `domain.quota`'s.

Counts a request before it leaves, so that workers who ask at once do not overshoot together. Time is the database's.
When lanes wait there is one issue about it, which closes when the last of them may go on. Must never know a vendor.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from tieline.domain import instants
from tieline.domain.quota import (
    LANES,
    RECHECK,
    Ask,
    Budget,
    Coast,
    Go,
    QuotaRules,
    Standing,
    counted_since,
    decide,
    notice,
    waiting,
)
from tieline.ports.clock import Clock
from tieline.ports.config import AppConfig
from tieline.ports.crm import Connector, DailyLimit, Limits
from tieline.ports.errors import RateLimitedError
from tieline.ports.store import Lane
from tieline.store.issues import Issues
from tieline.store.pool import Pool, Queries

ISSUE_KIND = "daily_limit"
_HOUR_S = 3600.0
_sql = Queries("quota")


def rules_for(app: AppConfig, limit: DailyLimit) -> QuotaRules:
    """How the budget of an app is kept. Midnight is the CRM tenant's own, whatever the app's setting for dates."""
    zone = app.time_zone or "UTC"
    try:
        instants.zone(zone)
    except ValueError:
        zone = "UTC"
    return QuotaRules(limit.resets, zone, app.api_reserve_percent)


class QuotaBook:
    """The budget of one app, as one lane's session sees it."""

    def __init__(
        self,
        pool: Pool,
        org_id: str,
        app_id: str,
        limit: DailyLimit,
        rules: QuotaRules,
        clock: Clock,
        *,
        lane: Lane = Lane.LIVE,
        issues: Issues | None = None,
    ) -> None:
        self._pool = pool
        self._app = {"org_id": org_id, "app_id": app_id}
        self._limit = limit
        self._rules = rules
        self._clock = clock
        self._lane = lane
        self._issues = issues
        self._ticket = 0
        # Close to the end of the share the row is read first: who is refused there has not been counted.
        self.careful = True
        self._tidied = False

    def counts(self, bucket: str) -> bool:
        """Whether requests of that bucket are among those that the CRM counts."""
        return bucket in self._limit.buckets

    def is_told_by(self, limits: Limits) -> bool:
        """Whether these are the day's figures."""
        return limits.bucket == self._limit.told_as and limits.window_s >= _HOUR_S

    async def look(self) -> bool:
        """Whether the request now is one that only asks. Raises RateLimitedError when the lane has to wait."""
        if not self.careful:
            return False
        row = await self._row("read")
        match decide(self._lane, _budget(row), self._rules, row["now"]):
            case Go():
                self.careful = False
                return False
            case Ask() if await self._takes_the_turn(row):
                return True
            case decision:
                raise await self._waits(row, decision)

    async def take(self, *, asks: bool) -> None:
        """Counts the request that leaves now. Raises RateLimitedError when another was faster and none is left."""
        row = await self._row("take", lane=self._lane)
        self._ticket = row["sent"]
        if asks:
            return
        match decide(self._lane, _budget(row, without_own=1), self._rules, row["now"]):
            case Go() if row["waiting_lanes"]:
                await self._settle(row)
            case Go():
                return
            case decision:
                self.careful = True
                if not (isinstance(decision, Ask) and await self._takes_the_turn(row)):
                    raise await self._waits(row, decision)

    async def tell(self, limits: Limits) -> None:
        """Takes over the CRM's own count."""
        row = await self._one("tell", sent=self._ticket, allowed=limits.allowed, used=limits.used)
        if row is not None and row["waiting_lanes"]:
            await self._settle(row)
        if not self._tidied:
            self._tidied = True
            await self._run("forget")

    async def refuse(self) -> datetime:
        """The CRM says that the day's requests are used up: nobody goes on. When to look again, on our clock."""
        self.careful = True
        row = await self._row("refuse")
        return (await self._waits(row, decide(self._lane, _budget(row), self._rules, row["now"]))).until

    async def standing(self) -> Standing:
        """The budget for people to see."""
        return await self._standing(await self._row("read"))

    async def _takes_the_turn(self, row: Mapping[str, Any]) -> bool:
        return await self._one("ask", asked_at=row["asked_at"], told_at=row["told_at"]) is not None

    async def _waits(self, row: Mapping[str, Any], decision: Ask | Coast | Go) -> RateLimitedError:
        """Notes that the lane waits, says so once in a while, and gives the error that puts the work off."""
        known = self._lane in row["waiting_lanes"] if row["waiting_lanes"] else False
        noticed = row["noticed_at"]
        if not known or noticed is None or row["now"] >= noticed + RECHECK:
            row = await self._one("wait", lane=self._lane) or row
            standing = await self._standing(row)
            if self._issues is not None:
                await self._issues.raise_for_app(
                    **self._app, kind=ISSUE_KIND, message=notice(standing), severity="warning"
                )
        until, ask_at = row["now"] + RECHECK, row["now"] + RECHECK
        if isinstance(decision, Coast):
            until, ask_at = decision.until, decision.ask_at
        return RateLimitedError(
            f"The CRM's daily limit leaves nothing for {self._lane} work until about {until:%Y-%m-%d %H:%M} UTC."
            " It is put off until then, and nothing is lost.",
            until=self._clock.now() + max(ask_at - row["now"], timedelta(0)),
            daily=True,
        )

    async def _settle(self, row: Mapping[str, Any]) -> None:
        """Takes the lanes that may go on from the list of those that wait; without any, the issue closes."""
        seen = list(row["waiting_lanes"])
        still = list(waiting(_budget(row), self._rules, row["now"], seen))
        if still == [lane for lane in LANES if lane in seen]:
            return
        settled = await self._one("settle", lanes=still, seen=seen)
        if settled is not None and not still and self._issues is not None:
            await self._issues.settle_for_app(
                **self._app, kind=ISSUE_KIND, because="the CRM has requests left again"
            )

    async def _standing(self, row: Mapping[str, Any]) -> Standing:
        now = row["now"]
        async with self._pool.connection() as conn:
            values = {**self._app, "since": counted_since(self._rules, now)}
            found = await (await conn.execute(_sql["by_lane"], values)).fetchall()
        ours = {one["lane"]: one["requests"] for one in found}
        lanes = [lane for lane in LANES if lane in (row["waiting_lanes"] or ())]
        return Standing(_budget(row), self._rules, now, ours, row["waiting_since"], lanes)

    async def _row(self, query: str, **values: object) -> dict[str, Any]:
        row = await self._one(query, **values)
        assert row is not None, f"{query} always gives a row"
        return row

    async def _one(self, query: str, **values: object) -> dict[str, Any] | None:
        async with self._pool.connection() as conn:
            return await (await conn.execute(_sql[query], {**self._app, **values})).fetchone()

    async def _run(self, query: str) -> None:
        async with self._pool.connection() as conn:
            await conn.execute(_sql[query], self._app)


class Quotas:
    """The budgets of all apps, for people to see."""

    def __init__(self, pool: Pool, clock: Clock, connector_of: Callable[[str], Connector]) -> None:
        self._pool = pool
        self._clock = clock
        self._connector_of = connector_of

    async def standing(self, app: AppConfig) -> Standing | None:
        """How an app's day stands; None for a CRM that has no daily limit. Raises LookupError for no such connector."""
        limit = self._connector_of(app.provider).spec.daily_limit
        if limit is None:
            return None
        book = QuotaBook(self._pool, app.org_id, app.app_id, limit, rules_for(app, limit), self._clock)
        return await book.standing()


def _budget(row: Mapping[str, Any], *, without_own: int = 0) -> Budget:
    """`sent` less what it was when the told count was asked for: requests that it does not hold."""
    sent, told_after = row["sent"] or 0, row["told_after"]
    since = sent - without_own - (told_after or 0) if told_after is not None else 0
    return Budget(
        row["allowed"] or 0,
        row["used"] or 0,
        row["told_at"],
        max(0, since),
        row["refused_at"],
        row["asked_at"],
    )
