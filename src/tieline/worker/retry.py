"""What to do after an error, by its class alone. Pure; chance is passed in. Nothing else in Tieline tries again.

Any other exception is a bug: the caller must let it propagate.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from tieline.ports.errors import (
    ConflictError,
    CredentialsInvalidError,
    CrmError,
    CursorGoneError,
    RateLimitedError,
    TransientError,
)

FIRST_DELAY = timedelta(seconds=2)
LONGEST_DELAY = timedelta(minutes=5)
MOST_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Again after `delay`. `counted`: it was an attempt that failed, and not one that the CRM put off."""

    delay: timedelta
    counted: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The same work will fail again; a person must see the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class StopApp:
    """Nothing of this app may run until a person has acted."""

    reason: str


Decision: TypeAlias = RetryAfter | GiveUp | StopApp


def decide(error: CrmError | ConflictError, attempt: int, now: datetime, jitter: float) -> Decision:
    """What follows from an error of the `attempt`-th attempt (from 1). `jitter` is in [0, 1)."""
    match error:
        case RateLimitedError():
            # A little later than allowed, and not all workers at one instant.
            return RetryAfter(max(error.until - now, timedelta(0)) + timedelta(seconds=jitter), counted=False)
        case CredentialsInvalidError():
            return StopApp(str(error))
        case TransientError() | CursorGoneError() | ConflictError() if attempt < MOST_ATTEMPTS:
            return RetryAfter(backoff(attempt, jitter), counted=True)
        case TransientError() | CursorGoneError() | ConflictError():
            return GiveUp(f"{error} ({attempt} attempts)")
        case _:
            return GiveUp(str(error))


def backoff(attempt: int, jitter: float) -> timedelta:
    """The pause after the `attempt`-th failure: it doubles, and is half fixed and half chance."""
    doublings = min(max(attempt, 1) - 1, 16)
    longest: timedelta = min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)
    return longest * (0.5 + jitter / 2)
