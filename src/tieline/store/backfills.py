"""Backfills: queued, taken up, counted; and the conversations that they take up. Decides nothing.

Implements `ports.backfilling.BackfillStore`. One of an organisation is in flight, which the table itself enforces.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.sql import SQL, Composed
from psycopg.types.json import Jsonb

from tieline.domain.backfill import BackfillRequest, Reach
from tieline.domain.plan_analysis import Application, Contributed
from tieline.ports.backfilling import Progress
from tieline.ports.clock import Ids
from tieline.ports.jobs import JobQueue, Wake, WakeKind
from tieline.ports.store import UnitOfWork
from tieline.ports.work import Conversation
from tieline.store.pool import Connection, Pool, Queries
from tieline.store.runs import Run, run_from_row
from tieline.store.unit_of_work import PostgresUnitOfWork
from tieline.store.work import conversation_from_row

_sql = Queries("backfills")


class BackfillInProgressError(Exception):
    """One is queued or running."""

    def __init__(self) -> None:
        super().__init__("A backfill job is already running.")


class Backfills:
    """The backfills of all organisations."""

    def __init__(self, pool: Pool, jobs: JobQueue, ids: Ids) -> None:
        self._pool = pool
        self._jobs = jobs
        self._ids = ids

    async def queue(self, org_id: str, request: BackfillRequest) -> Run:
        """A new run, and the wake-up for it. Raises BackfillInProgressError."""
        values = {
            "org_id": org_id, "run_id": self._ids.new("run"), "request": Jsonb(request.as_json()),
        }  # fmt: skip
        async with self._pool.connection() as connection, connection.transaction():
            row = await (await connection.execute(_sql["queue"], values)).fetchone()
            if row is None:
                raise BackfillInProgressError
            await self._jobs.enqueue(connection, [Wake(WakeKind.BACKFILL, org_id)])
        return run_from_row(row)

    async def due(self, org_id: str, app_id: str = "") -> Run | None:
        """The run that may be taken up now. A backfill has no app."""
        return await self._run("due", org_id)

    async def latest(self, org_id: str) -> Run | None:
        """The one in flight, else the newest."""
        return await self._run("latest", org_id)

    async def reach(
        self, org_id: str, request: BackfillRequest, names: Sequence[str], merging: Sequence[str]
    ) -> Reach:
        """How much there is to do. `merging`: names of analysis data that a model merges."""
        values = {**_which(org_id, request, names), "merging": list(merging)}
        (row,) = await self._rows(_composed("reach"), values)
        return Reach(**row)

    async def request_ms(self, org_id: str) -> Mapping[tuple[str, str], float]:
        """How long a request took lately, by use and engine."""
        rows = await self._rows(_sql["request_ms"], {"org_id": org_id})
        return {(row["use"], row["engine"]): row["request_ms"] for row in rows}

    async def progress(self, org_id: str, run_id: str) -> Progress:
        """Where a run stands."""
        (row,) = await self._rows(_sql["progress"], {"org_id": org_id, "run_id": run_id})
        return Progress(
            BackfillRequest.from_json(row["request"]), row["last_contact_id"], row["extraction_wanted"]
        )

    async def want_extraction(self, org_id: str, run_id: str, request: BackfillRequest) -> None:
        """Makes what has a transcript and no analysis due for the extraction, and wakes for it."""
        key = {"org_id": org_id, "run_id": run_id}
        async with self._pool.connection() as connection, connection.transaction():
            if not (await connection.execute(_sql["extraction_wanted"], key)).rowcount:
                return
            wanted = await connection.execute(_composed("want_extraction"), _which(org_id, request, ()))
            if wanted.rowcount:
                await self._jobs.enqueue(connection, [Wake(WakeKind.EXTRACTION, org_id)])

    async def extraction_waits(self, org_id: str, request: BackfillRequest) -> bool:
        """Whether conversations of the request are still to be analysed, or to be mapped since."""
        (row,) = await self._rows(_composed("extraction_waits"), _which(org_id, request, ()))
        return bool(row["waits"])

    async def live_work_waits(self, org_id: str) -> bool:
        """Whether a conversation that just ended is due."""
        (row,) = await self._rows(_sql["live_work_waits"], {"org_id": org_id})
        return bool(row["waits"])

    async def contacts_after(
        self, org_id: str, request: BackfillRequest, names: Sequence[str], after: str, limit: int
    ) -> Sequence[str]:
        """Contacts with conversations to be taken up, by id."""
        values = {**_which(org_id, request, names), "after": after, "limit": limit}
        return [row["contact_id"] for row in await self._rows(_composed("contacts_after"), values)]

    async def merged_since_begun(
        self, org_id: str, run_id: str, request: BackfillRequest, names: Sequence[str]
    ) -> Sequence[str]:
        """Those that took another contact's conversations since the run began."""
        values = {**_which(org_id, request, names), "run_id": run_id}
        return [row["contact_id"] for row in await self._rows(_composed("merged_since_begun"), values)]

    async def conversations(
        self, org_id: str, request: BackfillRequest, names: Sequence[str], contact_id: str
    ) -> Sequence[Conversation]:
        """A contact's, in the order of their ends."""
        values = {**_which(org_id, request, names), "contact_id": contact_id}
        return [conversation_from_row(row) for row in await self._rows(_composed("conversations"), values)]

    async def known(
        self, unit: UnitOfWork, org_id: str, contact_id: str, fields: Sequence[str]
    ) -> Sequence[Contributed]:
        """What its conversations did to these fields, since the fields are there."""
        values = {"org_id": org_id, "contact_id": contact_id, "fields": list(fields)}
        rows = await (await _connection(unit).execute(_sql["known"], values)).fetchall()
        return [Contributed(row.pop("ref"), int(row.pop("ended_ms")), Application(**row)) for row in rows]

    async def set_by_others(
        self, unit: UnitOfWork, org_id: str, contact_id: str, fields: Sequence[str]
    ) -> Mapping[str, int]:
        """When somebody else than a conversation last changed each field."""
        values = {"org_id": org_id, "contact_id": contact_id, "fields": list(fields)}
        rows = await (await _connection(unit).execute(_sql["set_by_others"], values)).fetchall()
        return {row["field_name"]: int(row["at_ms"]) for row in rows}

    async def advance(
        self, unit: UnitOfWork, org_id: str, run_id: str, contact_id: str, counts: Mapping[str, int]
    ) -> None:
        """A contact is done, in the unit's transaction."""
        key = {"org_id": org_id, "run_id": run_id}
        await _connection(unit).execute(_sql["advance"], {**key, "contact_id": contact_id})
        await _connection(unit).execute(_sql["counts"], {**key, "counts": Jsonb(dict(counts))})

    async def told(self, org_id: str, run_id: str, engines: Sequence[str]) -> None:
        """What merged texts in the run."""
        values = {"org_id": org_id, "run_id": run_id, "engine": ", ".join(engines) or None}
        async with self._pool.connection() as connection:
            await connection.execute(_sql["told"], values)

    async def _run(self, query: str, org_id: str) -> Run | None:
        rows = await self._rows(_sql[query], {"org_id": org_id})
        return run_from_row(rows[0]) if rows else None

    async def _rows(self, query: SQL | Composed, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(query, values)).fetchall()


def _composed(name: str) -> Composed:
    parts = {"matching": _sql["matching"], "telling": _sql["telling"]}
    return _sql[name].format(**parts, unanalysed=_sql["unanalysed"].format())


def _which(org_id: str, request: BackfillRequest, names: Sequence[str]) -> dict[str, Any]:
    raw = request.as_json()
    bounds = {name: raw[name] for name in ("since_ms", "until_ms", "not_ms")}
    return {
        "org_id": org_id, "agents": Jsonb(raw["agents"]), **bounds, "names": list(names), "memory": request.memory,
    }  # fmt: skip


def _connection(unit: UnitOfWork) -> Connection:
    assert isinstance(unit, PostgresUnitOfWork)
    return unit.connection
