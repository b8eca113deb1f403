"""Time that a history can move on, for all processes of a world and for its database at once.

Workers take it from a small file that they share. The database takes it from a table, by functions of its own under
the names `now` and `clock_timestamp` that are found before PostgreSQL's. Time never goes back, and it never stands
still: between two moves it goes on as the machine's does.
"""

import asyncio
import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, LiteralString

from tieline.testing.simulation.clockwork import BEGINNING

_FORM: Final = struct.Struct("d")
_NAP_S: Final = 0.02

FUNCTIONS: Final[tuple[LiteralString, ...]] = (
    "create table warp (ahead interval not null, nap double precision not null)",
    "insert into warp values ('0', 0)",
    """create function public.now() returns timestamptz stable language sql
       return pg_catalog.now() + (select ahead from public.warp)""",
    """create function public.clock_timestamp() returns timestamptz volatile language sql
       return pg_catalog.clock_timestamp() + (select ahead from public.warp)""",
    """create function public.nap() returns trigger language plpgsql as $$ begin
       perform pg_sleep(nap) from public.warp where nap > 0;
       return null; end $$""",
)
SLOWED: Final = ("link", "contact", "ledger", "read_state", "conversation", "activity", "record_creation")
"""Tables of which each write takes a nap, when there is one: then a kill falls between two statements."""
SEARCH_PATH: Final = "public, pg_catalog"


class Warp:
    """Implements `ports.clock.Clock` on the shared file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            # A sandbox's clock begins at BEGINNING, and must not be behind that.
            behind = (BEGINNING - datetime.now(UTC)).total_seconds()
            path.write_bytes(_FORM.pack(max(0.0, behind + 3600)))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _FORM.size)

    @property
    def ahead_s(self) -> float:
        """How far it is ahead of the machine's clock."""
        seconds: float = _FORM.unpack_from(self._memory)[0]
        return seconds

    def advance(self, seconds: float) -> None:
        """Moves it on, for processes only."""
        _FORM.pack_into(self._memory, 0, self.ahead_s + seconds)

    def now(self) -> datetime:
        """The world's time."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)

    async def sleep(self, seconds: float) -> None:
        """Until that much of the world's time has passed."""
        until = self.now() + timedelta(seconds=seconds)
        while (left := (until - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - another process moves it
            await asyncio.sleep(min(left, _NAP_S))
