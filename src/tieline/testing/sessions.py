"""In-memory stand-ins for what a CRM session needs: a token store, a gate, a clock. Never for production."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tieline.ports.crm import Limits, Token
from tieline.ports.errors import RateLimitedError


class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


@dataclass(slots=True)
class ManualClock:
    """A clock that stands still until it is moved."""

    at: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """The moment it was set to."""
        return self.at

    def advance(self, seconds: float) -> None:
        """Moves it forward."""
        self.at += timedelta(seconds=seconds)


@dataclass(slots=True)
class MemoryTokenStore:
    """Keeps a token as long as it lives; `saves` counts how often one was stored."""

    token: Token | None = None
    saves: int = 0

    async def load(self) -> Token | None:
        """The token that was saved last, or None."""
        return self.token

    async def save(self, token: Token) -> None:
        """Replaces the token."""
        self.token = token
        self.saves += 1

    async def clear(self) -> None:
        """Forgets the token."""
        self.token = None


@dataclass(slots=True)
class MemoryGate:
    """Lets everything through, keeps what it was told, and refuses what was paused while `clock` says so."""

    clock: RealClock | ManualClock = field(default_factory=RealClock)
    acquired: list[str] = field(default_factory=list)
    reports: list[Limits] = field(default_factory=list)
    pauses: dict[str, datetime] = field(default_factory=dict)
    exhaustions: list[str] = field(default_factory=list)

    async def acquire(self, bucket: str) -> None:
        """Raises RateLimitedError while the bucket is paused."""
        until = self.pauses.get(bucket)
        if until is not None and self.clock.now() < until:
            raise RateLimitedError("The CRM asked for a pause.", until=until)
        self.acquired.append(bucket)

    async def report(self, limits: Limits) -> None:
        """Keeps the limits."""
        self.reports.append(limits)

    async def pause(self, bucket: str, until: datetime) -> None:
        """Keeps the latest end of a pause."""
        self.pauses[bucket] = max(until, self.pauses.get(bucket, until))

    async def exhausted(self, bucket: str, until: datetime) -> datetime:
        """A pause like any other, and remembered."""
        self.exhaustions.append(bucket)
        await self.pause(bucket, until)
        return until
