"""Virtual time: a clock that only a world moves, an event loop that goes by it, and identifiers in their order.

Nothing here may ask the machine for the time or for chance.
"""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final

BEGINNING: Final = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class WorldClock:
    """Implements `ports.clock.Clock`. Sleeping moves it on."""

    def __init__(self, at: datetime = BEGINNING) -> None:
        self.at = at

    def now(self) -> datetime:
        """The world's time."""
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Time passes for everybody."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Moves the time on."""
        self.at += timedelta(seconds=seconds)


class WorldLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers go by a world's clock, so that a time limit ends when the world says so."""

    def __init__(self, clock: WorldClock) -> None:
        self._world_clock = clock
        super().__init__()

    def time(self) -> float:
        """Seconds of the world."""
        return self._world_clock.at.timestamp()


class CountingIds:
    """Implements `ports.clock.Ids`: identifiers in the order in which they were asked for."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def new(self, prefix: str) -> str:
        """`contact_1`, `contact_2`, ..."""
        self._counts[prefix] += 1
        return f"{prefix}_{self._counts[prefix]}"
