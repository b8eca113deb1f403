"""Keeps the planner informed while an import fills young tables.

Without statistics all indexes of a table look equally good, and the planner took one that reads a whole organisation
for every number; the server's own autovacuum comes by only once a minute. Decides nothing else.
"""

from psycopg.sql import SQL

from tieline.store.pool import Pool

_ANALYZE = SQL("analyze contact, contact_alias, link, issue, conversation")
_FIRST = 500
_GROWTH = 4


class Statistics:
    """Counts rows that this process adds and renews the statistics each time they have grown by a factor."""

    def __init__(self) -> None:
        self._added = 0
        self._next = _FIRST

    def added(self, rows: int) -> None:
        """So many contacts were added."""
        self._added += rows

    async def renew_if_due(self, pool: Pool) -> None:
        """Between two units of work, never in one: it waits for nobody and changes no row."""
        if self._added < self._next:
            return
        while self._next <= self._added:
            self._next *= _GROWTH
        async with pool.connection() as connection:
            await connection.execute(_ANALYZE)
