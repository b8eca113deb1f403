"""Waiting for something that happens elsewhere: look, and look again until a deadline. Never just sleeps."""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")

DEADLINE_S = 60.0


class TooLateError(Exception):
    """It did not happen in time; the message says what was waited for and what was seen last."""


class Telling(Protocol):
    """Whoever wants to know what is waited for."""

    def waiting(self, what: str) -> None:
        """Called before the wait; an empty text when it is over."""


class Silent:
    """Tells nobody."""

    def waiting(self, what: str) -> None:
        """Nothing."""


def until(
    what: str,
    look: Callable[[], T],
    good: Callable[[T], bool],
    *,
    telling: Telling | None = None,
    deadline_s: float = DEADLINE_S,
    every_s: float = 0.1,
) -> T:
    """What `look` returned when it was `good`. Raises TooLateError with the last thing seen."""
    told = telling or Silent()
    told.waiting(what)
    ends = time.monotonic() + deadline_s
    try:
        while True:
            seen = look()
            if good(seen):
                return seen
            if time.monotonic() > ends:
                raise TooLateError(f"waited {deadline_s:.0f} s for {what}; last seen: {seen!r}")
            time.sleep(every_s)
    finally:
        told.waiting("")
