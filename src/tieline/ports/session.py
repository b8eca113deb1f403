"""What a connection to a CRM needs from the rest of Tieline: where its token lies, its pace, the time.

Adapters implement these (the store, `tieline.testing`); this module must do no I/O and know no CRM.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol, TypeAlias

from tieline.ports.crm import Identity, Limits, Token

OnIdentity: TypeAlias = Callable[[Identity], Awaitable[None]]
"""Told whom the CRM said we are, before anything is read or written. Raises to stop (another tenant).

It must not use the session that tells it: that one waits for it.
"""


class Clock(Protocol):
    """Our own clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class TokenStore(Protocol):
    """Keeps one connection's access token between sessions. Cleared by whoever changes the credentials."""

    async def load(self) -> Token | None:
        """The token that was saved last, or None."""
        ...

    async def save(self, token: Token) -> None:
        """Replaces the token; when this returns, other sessions of the connection find the new one."""
        ...

    async def clear(self) -> None:
        """Forgets the token."""
        ...


class RateGate(Protocol):
    """One connection's pace, shared by all its sessions. A bucket is one of the vendor's rate limits."""

    async def acquire(self, bucket: str) -> None:
        """Waits for the turn of one request. Raises RateLimitedError when that would take too long."""
        ...

    async def report(self, limits: Limits) -> None:
        """What the CRM's headers told of a limit."""
        ...

    async def pause(self, bucket: str, until: datetime) -> None:
        """Lets no request of the bucket through before `until` (our clock)."""
        ...

    async def exhausted(self, bucket: str, until: datetime) -> datetime:
        """The CRM refused a request by its day's limit. Returns when it is worth looking again, at first `until`."""
        ...
