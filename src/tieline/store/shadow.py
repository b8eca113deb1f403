"""Copies of an organisation's rows to try things on: temporary tables that stand in front of the real ones.

The same SQL runs on them, as a session's temporary tables come first in its search path. Once they are filled the
session is read-only, and then PostgreSQL lets nothing but temporary tables be changed: so nothing real can be, whatever
a flow does. No real row is locked; all is gone when the connection closes. Must never enqueue a wake-up.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from psycopg import errors
from psycopg.sql import SQL, Composable, Identifier, Literal

from tieline.domain.changeset import Changeset
from tieline.domain.dry_run import Before
from tieline.domain.mapping_changes import MappingChange
from tieline.ports.clock import Ids
from tieline.ports.dry_run import Applied, Watch
from tieline.ports.errors import ConflictError
from tieline.ports.jobs import Wake
from tieline.ports.store import Lease, Origin
from tieline.ports.work import UsageRow
from tieline.store.mapping_changes import change_links
from tieline.store.pool import Connection, Queries, connect
from tieline.store.unit_of_work import PostgresUnitOfWork
from tieline.store.work import PostgresWork

_sql = Queries("dry_run")
# By table, which of the organisation's rows are copied. No flow reads the ledger or what models took, so of these only
# what the dry run adds is there. A standing stop of the brake is left out: what it keeps from happening is to be shown.
COPIED: Final[Mapping[str, str]] = {
    "contact": "true",
    "contact_alias": "true",
    "contact_merge": "undone_at is null",
    "link": "true",
    "ledger": "false",
    "conversation": "true",
    "analysis_application": "true",
    "activity": "true",
    "record_creation": "true",
    "read_state": "true",
    "tenant_read": "true",
    "issue": "closed_at is null",
    "run": "false",
    "brake": "ended_at is null and status = 'confirmed'",
    "llm_usage": "false",
    "extraction": "false",
}
# Large, and read by no flow.
_LEFT_EMPTY: Final = {"conversation": ("transcript", "raw")}
_ANALYSED: Final = SQL("analyze contact, contact_alias, link, issue, conversation, activity")
# Without statistics the planner may read a whole table for every number; nobody else renews those of temporary tables.
_FIRST, _GROWTH = 500, 4


class _Nobody:
    """A queue to which wake-ups go to be forgotten."""

    async def enqueue(self, connection: Any, wakes: list[Wake]) -> None:
        """Nothing is woken by what did not happen."""

    async def run(self, handlers: Any) -> None:
        """Nobody works here."""

    async def stop(self) -> None:
        """Nobody works here."""


class ShadowUnitOfWork(PostgresUnitOfWork):
    """A unit of work on copies, which remembers what it was told to apply."""

    def __init__(self, connection: Connection, ids: Ids) -> None:
        super().__init__(connection, _Nobody(), ids)
        self.changes: list[tuple[Changeset, Before]] = []
        self.usage: list[UsageRow] = []
        self.counts: Counter[str] = Counter()
        self.work = _ShadowWork(connection, self.usage)

    async def apply(self, org_id: str, changeset: Changeset, origin: Origin) -> None:
        """Applies it to the copies."""
        if changeset:
            self.changes.append((changeset, await self._before(org_id, changeset)))
        await super().apply(org_id, changeset, origin)

    async def add_counts(self, org_id: str, run_id: str, counts: Mapping[str, int], requests: int) -> None:
        """Remembers them; there is no run."""
        self.counts.update(counts)

    async def _before(self, org_id: str, changeset: Changeset) -> Before:
        contacts = {change.contact_id for change in changeset.contact_changes}
        contacts |= {note.contact_id for note in changeset.issues if note.contact_id}
        contacts |= {merge.loser_id for merge in changeset.contact_merges}
        causes = [*(note.cause for note in changeset.issues), *changeset.closed_causes]
        values = {"org_id": org_id, "contact_ids": sorted(contacts), "causes": causes}
        numbers = await self._look("numbers", values) if contacts else []
        records = await self._look("records", values) if contacts else []
        standing = await self._look("causes", values) if causes else []
        ids = [link.external_id for link in changeset.links]
        return Before(
            await self.links(org_id, changeset.tenant_key, ids, lock=False) if ids else {},
            frozenset(row["cause"] for row in standing),
            {row["contact_id"]: row["phone_number"] for row in numbers},
            {row["contact_id"]: row["external_id"] for row in records},
        )

    async def _look(self, name: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        return await (await self.connection.execute(_sql[name], values)).fetchall()


class _ShadowWork(PostgresWork):
    """Rows of work on copies. What models took is real, and is told."""

    def __init__(self, connection: Connection, usage: list[UsageRow]) -> None:
        super().__init__(connection)
        self._usage = usage

    async def record_usage(self, org_id: str, uses: Sequence[UsageRow]) -> None:
        """Tells it."""
        self._usage += [one for one in uses if one.usage.requests]


class PostgresShadow:
    """Implements `ports.dry_run.ShadowStore`. One unit of work at a time: there is one connection."""

    def __init__(self, connection: Connection, ids: Ids, watch: Watch) -> None:
        self._connection = connection
        self._ids = ids
        self._watch = watch
        self._turn = asyncio.Lock()
        self._added, self._next = 0, _FIRST

    @asynccontextmanager
    async def transaction(self, lease: Lease | None = None) -> AsyncIterator[ShadowUnitOfWork]:
        """One unit of work. Nobody else works on the copies, so there is no lease to check."""
        async with self._turn:
            unit = ShadowUnitOfWork(self._connection, self._ids)
            try:
                async with self._connection.transaction():
                    yield unit
            except errors.UniqueViolation as error:
                raise ConflictError("two rows of one key") from error
            await self._count(unit.contacts_added)
        if unit.changes or unit.usage or unit.counts:
            await self._watch(Applied(unit.changes, unit.usage, unit.counts))

    async def change_mappings(self, org_id: str, tenant_key: str, change: MappingChange) -> None:
        """What saving other mappings does to the copies of a tenant's links."""
        async with self._turn, self._connection.transaction():
            await change_links(self._connection, org_id, tenant_key, change, shared=False)

    async def _count(self, added: int) -> None:
        self._added += added
        if self._added >= self._next:
            while self._next <= self._added:
                self._next *= _GROWTH
            await self._connection.execute(_ANALYSED)


class PostgresShadows:
    """Implements `ports.dry_run.Shadows`."""

    def __init__(self, url: str, ids: Ids) -> None:
        self._url = url
        self._ids = ids

    @asynccontextmanager
    async def open(self, org_id: str, watch: Watch) -> AsyncIterator[PostgresShadow]:
        """Copies of the organisation's rows as of one moment. Raises psycopg.Error."""
        connection = await connect(self._url)
        try:
            await _copy(connection, org_id)
            yield PostgresShadow(connection, self._ids, watch)
        finally:
            await connection.close()


async def _copy(connection: Connection, org_id: str) -> None:
    await connection.execute("set temp_buffers = '64MB'")
    async with connection.transaction():
        await connection.execute("set transaction isolation level repeatable read")
        for table, which in COPIED.items():
            real = await _real(connection, table)
            await connection.execute(
                SQL("create temp table {} (like {} including all)").format(Identifier(table), real)
            )
            await _fill(connection, table, real, which, org_id)
    await connection.execute(_ANALYSED)
    await connection.execute("set default_transaction_read_only = on")


async def _real(connection: Connection, table: str) -> Composable:
    """The name by which the real table is still found when its copy stands in front of it."""
    cursor = await connection.execute(_sql["schema"], {"table": table})
    row = await cursor.fetchone()
    assert row is not None
    return Identifier(row["schema"], table)


async def _fill(connection: Connection, table: str, real: Composable, which: str, org_id: str) -> None:
    columns = await (await connection.execute(_sql["columns"], {"table": table})).fetchall()
    names = [row["name"] for row in columns if row["name"] not in _LEFT_EMPTY.get(table, ())]
    listed = SQL(", ").join(Identifier(name) for name in names)
    copy = SQL(
        "insert into pg_temp.{} ({}) overriding system value select {} from {} where org_id = {} and {}"
    )
    await connection.execute(
        copy.format(Identifier(table), listed, listed, real, Literal(org_id), SQL(which))
    )
    for row in columns:
        if row["is_identity"]:
            # Beyond what was copied; a number that a real row gets meanwhile does not matter, as none leaves here.
            restart = "alter table pg_temp.{} alter column {} restart with {}"
            await connection.execute(
                SQL(restart).format(Identifier(table), Identifier(row["name"]), Literal(2**62))
            )
