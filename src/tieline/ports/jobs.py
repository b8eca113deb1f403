"""Wake-ups. A job says only that there is work; the work itself lies in our tables, so a lost or doubled job
is harmless.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias


class WakeKind(StrEnum):
    """Which flow should look for work."""

    INBOUND = "inbound"
    ANALYSIS = "analysis"
    EXTRACTION = "extraction"
    PUSH = "push"
    ACTIVITY = "activity"
    AUDIT = "audit"
    BACKFILL = "backfill"


@dataclass(frozen=True, slots=True)
class Wake:
    """One wake-up. `app_id` is empty for flows that belong to no app. Equal wake-ups that wait are one."""

    kind: WakeKind
    org_id: str
    app_id: str = ""
    delay_s: float = 0.0

    @property
    def dedupe_key(self) -> str:
        """What makes two waiting wake-ups the same."""
        return f"{self.kind}:{self.org_id}:{self.app_id}"


Handler: TypeAlias = Callable[[Wake], Awaitable[None]]


class JobQueue(Protocol):
    """The engine behind the wake-ups."""

    async def enqueue(self, connection: Any, wakes: list[Wake]) -> None:
        """Adds wake-ups on a connection's own transaction: they exist if and only if it commits."""

    async def run(self, handlers: Mapping[WakeKind, Handler]) -> None:
        """Works until `stop`; supervises itself through a database that goes away and comes back."""

    async def stop(self) -> None:
        """Lets running handlers end, takes no new wake-up, makes `run` return."""
