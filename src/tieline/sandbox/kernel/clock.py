"""The sandbox's own clock, so that tests move time instead of waiting for it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_POLL_SECONDS = 0.05


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SandboxClock:
    """Real UTC time plus an offset, or a frozen moment.

    `source` gives the underlying time and must return aware UTC datetimes.
    """

    def __init__(self, source: Callable[[], datetime] = _utc_now) -> None:
        self._source = source
        self._offset = timedelta()
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        if self._frozen is not None:
            return self._frozen
        return self._source() + self._offset

    @property
    def frozen(self) -> bool:
        return self._frozen is not None

    def advance(self, seconds: float) -> None:
        """Moves the clock; a frozen one stays frozen at the later moment."""
        if self._frozen is not None:
            self._frozen += timedelta(seconds=seconds)
        else:
            self._offset += timedelta(seconds=seconds)

    def freeze(self, at: datetime | None) -> None:
        """Stops the clock at `at`; None lets it run on from where it stands."""
        if at is None:
            if self._frozen is not None:
                self._offset = self._frozen - self._source()
            self._frozen = None
            return
        if at.tzinfo is None:
            raise ValueError("the clock needs a datetime with a time zone")
        self._frozen = at.astimezone(UTC)

    async def wait_until(self, at: datetime) -> None:
        """Returns once `now()` has reached `at`, whether real time passed or somebody advanced the clock."""
        while (left := (at - self.now()).total_seconds()) > 0:  # noqa: ASYNC110
            # Polled: real time moves the clock as well as `advance` does, and no event tells of both.
            await asyncio.sleep(min(left, _POLL_SECONDS))
