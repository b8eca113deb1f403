"""Time and new identifiers, passed in so that a test or a simulated world can decide them."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Our own clock."""

    def now(self) -> datetime:
        """The time, aware and in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Waits that long on this clock."""


class Ids(Protocol):
    """Identifiers that nobody can guess or meet twice."""

    def new(self, prefix: str) -> str:
        """`prefix_` and 24 hexadecimal characters."""


def to_ms(at: datetime) -> int:
    """An aware time as epoch milliseconds."""
    return int(at.timestamp() * 1000)
