"""What several suites of the store and the API share: a clock and identifiers that a test decides."""

import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class FrozenClock:
    """Stands still until it is told to go on."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Moves the time forward."""
        self.at += timedelta(seconds=seconds)


class CountingIds:
    """Identifiers in the order in which they were asked for."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):024x}"
