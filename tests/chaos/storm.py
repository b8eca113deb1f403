"""Kills and freezes the workers that work, at moments drawn from a seed, and measures until another worker works.

What counts as working is a committed write, noted by the database's clock. Nothing here decides whether the outcome is
right.
"""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from tests.chaos.world import Worker, World

PATIENCE_S = 400.0
_LANES = {
    "page": ("backfill", "recurring"),
    "push": ("live",),
    "activity": ("live",),
    "backfill": ("backfill",),
}
_WORK = {"page": ["page"], "push": ["push", "settle"], "activity": ["activity"], "backfill": ["backfill"]}

Harm: TypeAlias = Literal["kill", "freeze"]
What: TypeAlias = Literal["page", "push", "activity", "backfill"]


@dataclass(frozen=True)
class Takeover:
    """A worker that was killed or frozen in work, and the seconds until another had committed its first write."""

    harm: Harm
    victim: str
    into_work_s: float
    taken_over_s: float

    def __str__(self) -> str:
        return (
            f"{self.harm} {self.victim} {self.into_work_s:.2f} s into its work: "
            f"another's first committed work after {self.taken_over_s:.2f} s"
        )


@dataclass
class Storm:
    """`stint_s` is the longest time that a worker is left in peace once it has begun to work."""

    world: World
    what: What
    rng: random.Random
    stint_s: float
    tell: Callable[[str], None] = print
    aim: Callable[[], Awaitable[None]] | None = None
    """Waits for the moment that the next harm is to fall into; by default any."""

    async def rage(
        self,
        harms: list[Harm],
        finished: Callable[[], Awaitable[bool]],
        refill: Callable[[], Awaitable[None]] | None = None,
    ) -> list[Takeover]:
        """Does these harms one after the other, while two workers are kept running. `refill` makes new work."""
        felt: list[Takeover] = []
        since = await self._now()
        left = list(harms)
        while left:
            harm = left[0]
            victim, into = await self._victim(since, finished, refill)
            if victim is None:
                self.tell(f"the work was done after {len(felt)} of {len(harms)} harms")
                break
            since = await self._now()
            self.world.signal(victim, signal.SIGKILL if harm == "kill" else signal.SIGSTOP)
            if harm == "kill":
                await self.world.start_worker()
            else:
                victim.frozen = True
            took = await self._another(since, victim, finished)
            if took is None:
                self.tell(f"  {harm} {victim.name}: it had just done all there was, so this does not count")
            else:
                felt.append(Takeover(harm, victim.name, into, took))
                left.pop(0)
                self.tell(f"  {felt[-1]}")
            if harm == "freeze":
                # The lane is another's by now, and the frozen one goes on where it was.
                self.world.signal(victim, signal.SIGCONT)
                victim.frozen = False
        return felt

    async def calm(self, finished: Callable[[], Awaitable[bool]]) -> None:
        """Waits for the end of the work, in peace."""
        deadline = time.monotonic() + PATIENCE_S
        while not await finished():
            assert time.monotonic() < deadline, f"the {self.what} work does not come to its end"
            await asyncio.sleep(0.2)

    async def _victim(
        self,
        since: datetime,
        finished: Callable[[], Awaitable[bool]],
        refill: Callable[[], Awaitable[None]] | None,
    ) -> tuple[Worker | None, float]:
        """A worker in the middle of its work, and for how long it has worked."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if await finished():
                if refill is None:
                    return None, 0.0
                await refill()
            began = await self.world.rows(
                "select 1 from chaos_write where what = any(%s) and at > %s limit 1", _WORK[self.what], since
            )
            holder = await self.world.holder(*_LANES[self.what])
            if not began or holder is None:
                await asyncio.sleep(0.01)
                continue
            into = self.rng.uniform(0, self.stint_s)
            await asyncio.sleep(into)
            if self.aim is not None:
                await self.aim()
            holder = await self.world.holder(*_LANES[self.what])
            if holder is not None and not await finished():
                return holder, into
        raise AssertionError(f"no worker does {self.what} work")

    async def _another(
        self, since: datetime, victim: Worker, finished: Callable[[], Awaitable[bool]]
    ) -> float | None:
        """Seconds from then to the first write by a worker that is not the victim; None if there is no work left."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            worked_at = await self.world.first_other(_WORK[self.what], since, victim)
            if worked_at is not None:
                return (worked_at - since).total_seconds()
            if await finished():
                return None
            await asyncio.sleep(0.01)
        raise AssertionError(f"nobody took over from {victim.name}")

    async def _now(self) -> datetime:
        now: datetime = await self.world.one("select clock_timestamp()")
        return now
