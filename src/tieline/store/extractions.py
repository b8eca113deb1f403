"""The rows of extractions, and the definitions of what is to be found. Implements `ports.extracting.ExtractionStore`.

Must never replace an analysis that a platform told, unless a person asked for that.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from psycopg.types.json import Jsonb

from tieline.domain.extraction.definition import AnalysisDefinition, AnalysisField, field_json, read_fields
from tieline.ports.extracting import ExtractedAnalysis, ExtractionTask, Place
from tieline.ports.jobs import JobQueue, Wake, WakeKind
from tieline.ports.store import UnitOfWork
from tieline.ports.work import ConversationKey
from tieline.store.config import Configs
from tieline.store.json_text import canonical_json
from tieline.store.pool import Connection, Pool, Queries
from tieline.store.unit_of_work import PostgresStore, PostgresUnitOfWork
from tieline.store.work import conversation_from_row

_sql = Queries("extractions")


async def want_extraction(unit: UnitOfWork, key: ConversationKey) -> None:
    """Makes a conversation due if something is to be found in it that nobody told, and wakes for it."""
    found = await (await _connection(unit).execute(_sql["want"], _key(key))).fetchone()
    if found:
        await unit.wake(Wake(WakeKind.EXTRACTION, key.org_id, delay_s=found["in_s"]))


@dataclass(frozen=True, slots=True)
class RerunFilter:
    """Which conversations to analyse again; what is None or empty does not matter. Times are of their beginning."""

    type: str | None = None
    conversation_ids: Sequence[str] | None = None
    platform: str | None = None
    agent_ids: Sequence[str] | None = None
    contact_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Extractions:
    """The extractions of all organisations."""

    def __init__(self, pool: Pool, store: PostgresStore, configs: Configs, jobs: JobQueue) -> None:
        self._pool = pool
        self._store = store
        self._configs = configs
        self._jobs = jobs

    def transaction(self) -> AbstractAsyncContextManager[PostgresUnitOfWork]:
        """Opens a unit of work."""
        return self._store.transaction()

    async def waiting(self, unit: UnitOfWork, org_id: str, now: datetime, cause: str) -> tuple[int, bool]:
        """How many are due, and whether an issue of that cause is open."""
        values = {"org_id": org_id, "now": now, "cause": cause}
        row = await (await _connection(unit).execute(_sql["waiting"], values)).fetchone()
        assert row is not None
        return row["number"], row["told"]

    async def claim(
        self, unit: UnitOfWork, org_id: str, token: str, limit: int, now: datetime, until: datetime
    ) -> Sequence[ExtractionTask]:
        """Due conversations; nobody else gets them before `until`."""
        values = {"org_id": org_id, "token": token, "limit": limit, "now": now, "until": until}
        rows = await (await _connection(unit).execute(_sql["claim"], values)).fetchall()
        return [_task(row) for row in rows]

    async def keep(self, unit: UnitOfWork, key: ConversationKey, token: str, until: datetime) -> bool:
        """Prolongs a claim; False if it is somebody else's by now."""
        values = {**_key(key), "token": token, "until": until}
        return (await _connection(unit).execute(_sql["keep"], values)).rowcount > 0

    async def save(
        self, unit: UnitOfWork, task: ExtractionTask, token: str, made: ExtractedAnalysis, now: datetime
    ) -> bool:
        """Makes it the conversation's analysis; False if it may not be any more."""
        row = await (await _connection(unit).execute(_sql["lock"], _key(task.key))).fetchone()
        if row is None or row["extraction_token"] != token or row["transcript"] != task.transcript:
            return False
        told = _platform_part(row)
        if told[1] != task.platform_version:
            return False
        kind = task.kind
        values = {
            **_key(task.key),
            "analysis": Jsonb(made.analysis),
            "analysis_version": sha256(canonical_json(made.analysis)).hexdigest(),
            "analysis_origin": Jsonb(
                {**made.origin, "platform_analysis": told[0], "platform_version": told[1]}
            ),
            "evidence": Jsonb(made.evidence),
            "summary": made.analysis.get(f"{kind}_summary"),
            "sentiment": made.analysis.get("user_sentiment"),
            "successful": made.analysis.get(f"{kind}_successful"),
            "now": now,
        }
        await _connection(unit).execute(_sql["save"], values)
        return True

    async def finish(
        self, unit: UnitOfWork, task: ExtractionTask, token: str, again_at: datetime | None
    ) -> None:
        """Ends a claim; what was wanted anew meanwhile stays due."""
        values = {**_key(task.key), "token": token, "revision": task.revision, "again_at": again_at}
        await _connection(unit).execute(_sql["finish"], values)

    async def definition(self, org_id: str, agent_id: str | None, kind: str) -> AnalysisDefinition | None:
        """What counts for that agent's calls or chats: its own, else the one for all agents."""
        by_agent = {one.agent_id: one for one in await self.definitions(org_id)}
        for name in (agent_id or "", ""):
            if name in by_agent and by_agent[name].fields_of(kind) is not None:
                return by_agent[name]
        return None

    async def place(self, org_id: str) -> Place:
        """Where the organisation's people live."""
        config = await self._configs.get(org_id)
        return Place(config.time_zone, config.default_country)

    async def definitions(self, org_id: str) -> list[AnalysisDefinition]:
        """All definitions, the one for all agents first."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_sql["definitions"], {"org_id": org_id})).fetchall()
        return [_definition(row) for row in rows]

    async def save_definition(self, org_id: str, definition: AnalysisDefinition) -> None:
        """Replaces an agent's definition; one that says nothing is dropped. It counts from the next conversation on."""
        empty = definition.call_fields is None and definition.chat_fields is None
        values = {
            "org_id": org_id,
            "agent_id": definition.agent_id,
            "call_fields": _fields(definition.call_fields),
            "chat_fields": _fields(definition.chat_fields),
            "time_zone": definition.time_zone,
            "default_country": definition.default_country,
        }
        async with self._pool.connection() as connection:
            await connection.execute(_sql["drop_definition" if empty else "save_definition"], values)

    async def rerun(self, org_id: str, which: RerunFilter) -> int:
        """Has conversations analysed again, by the definitions as they are now; how many."""
        values = {
            "org_id": org_id, "type": which.type, "platform": which.platform, "contact_id": which.contact_id,
            "conversation_ids": None if which.conversation_ids is None else list(which.conversation_ids),
            "agent_ids": None if which.agent_ids is None else list(which.agent_ids),
            "since": which.since, "until": which.until,
        }  # fmt: skip
        async with self._pool.connection() as connection, connection.transaction():
            wanted = (await connection.execute(_sql["rerun"], values)).rowcount
            if wanted:
                await self._jobs.enqueue(connection, [Wake(WakeKind.EXTRACTION, org_id)])
        return wanted


def _task(row: Mapping[str, Any]) -> ExtractionTask:
    told, version = _platform_part(row)
    return ExtractionTask(
        conversation_from_row(row), row["transcript"] or "", row["extraction_revision"], row["rerun"],
        row["extraction_attempts"], told, version,
    )  # fmt: skip


def _platform_part(row: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str | None]:
    """What the platform told, and its version."""
    origin = row["analysis_origin"]
    if origin is None:
        return row["analysis"], row["analysis_version"]
    return origin.get("platform_analysis"), origin.get("platform_version")


def _definition(row: Mapping[str, Any]) -> AnalysisDefinition:
    return AnalysisDefinition(
        row["agent_id"],
        None if row["call_fields"] is None else read_fields("call", "", row["call_fields"])[0],
        None if row["chat_fields"] is None else read_fields("chat", "", row["chat_fields"])[0],
        row["time_zone"],
        row["default_country"],
    )


def _fields(fields: Sequence[AnalysisField] | None) -> Jsonb | None:
    return None if fields is None else Jsonb([field_json(field) for field in fields])


def _key(key: ConversationKey) -> dict[str, str]:
    return {"org_id": key.org_id, "platform": key.platform, "conversation_id": key.conversation_id}


def _connection(unit: UnitOfWork) -> Connection:
    assert isinstance(unit, PostgresUnitOfWork)
    return unit.connection
