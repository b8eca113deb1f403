"""Connections to PostgreSQL, and the SQL that runs on them, which lies in named files.

Every connection is in autocommit and speaks UTC; whoever changes more than one row opens
`conn.transaction()`. Numbers in jsonb come back as `int` or `Decimal`. This module must never hold a query of
its own.
"""

from importlib.resources import files
from typing import Any, TypeAlias

from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool

from tieline.store.json_text import dump_json, load_json

Connection: TypeAlias = AsyncConnection[DictRow]
Pool: TypeAlias = AsyncConnectionPool[Connection]

_SETTINGS: dict[str, Any] = {
    "autocommit": True,
    "row_factory": dict_row,
    "options": "-c timezone=UTC -c client_encoding=UTF8",
    "application_name": "tieline",
}


def make_pool(url: str, *, min_size: int = 1, max_size: int = 10, timeout_s: float = 10.0) -> Pool:
    """A pool that is not open yet: `async with make_pool(url) as pool:` opens and closes it.

    `timeout_s` is how long to wait for a free connection before psycopg_pool.PoolTimeout.
    """
    return AsyncConnectionPool(
        url,
        kwargs=_SETTINGS,
        min_size=min_size,
        max_size=max_size,
        timeout=timeout_s,
        configure=configure,
        open=False,
    )


async def connect(url: str) -> Connection:
    """One connection like those of the pool, for whoever must own it (a listener, a test)."""
    connection = await AsyncConnection[DictRow].connect(url, **_SETTINGS)
    await configure(connection)
    return connection


async def configure(connection: Connection) -> None:
    """Makes a connection read and write JSON as `json_text` does."""
    set_json_dumps(dump_json, connection)
    set_json_loads(load_json, connection)


class Queries:
    """The SQL files of one folder below `queries`, by name without ending. Read once, when it is made.

    A file may hold `{}` placeholders for `psycopg.sql`; then every literal brace in it is doubled.
    """

    def __init__(self, group: str) -> None:
        folder = files("tieline.store") / "queries" / group
        self._group = group
        self._texts = {
            entry.name.removesuffix(".sql"): sql.SQL(entry.read_text(encoding="utf-8"))
            for entry in folder.iterdir()
            if entry.name.endswith(".sql")
        }

    def __getitem__(self, name: str) -> sql.SQL:
        try:
            return self._texts[name]
        except KeyError:
            raise KeyError(f"there is no query {self._group}/{name}.sql") from None
