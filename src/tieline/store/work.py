"""Implements `ports.work.Work` on a connection with an open transaction. Decides nothing."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from tieline.domain.activities import ConversationDirection, ConversationType
from tieline.domain.evidence import Evidence
from tieline.domain.plan_analysis import Application, Contributed
from tieline.ports.work import ActivityRow, Conversation, ConversationKey, UsageRow
from tieline.store.pool import Connection, Queries
from tieline.store.usage import record_usage

_sql = Queries("work")
_ACTIVITY = (
    "tenant_key", "contact_id", "external_id", "status", "activity_id", "wanted_hash", "written_hash", "intent_at",
    "due_at", "attempts",
)  # fmt: skip


class PostgresWork:
    """Conversations and activities as rows of work."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim_conversations(
        self, org_id: str, token: str, limit: int, now: datetime, until: datetime
    ) -> Sequence[Conversation]:
        """Due conversations, the one that ended first in front."""
        found = await self._rows(
            "claim_conversations", org_id=org_id, token=token, limit=limit, now=now, until=until
        )
        claimed = [conversation_from_row(row) for row in found]
        return sorted(claimed, key=lambda c: (c.counts_as_of, c.key.ref))

    async def conversation(self, key: ConversationKey, *, lock: bool) -> Conversation | None:
        """One conversation as it is now."""
        if lock:
            await self._run("lock_conversation", key)
        found = await self._rows("conversation", **_key(key))
        return conversation_from_row(found[0]) if found else None

    async def attach(
        self, key: ConversationKey, contact_id: str, counts_as_of: datetime, *, count: bool
    ) -> None:
        """Ties a conversation to its contact; the first time it also counts."""
        await self._run("attach", key, contact_id=contact_id)
        if count:
            await self._run("count", key, contact_id=contact_id, at=counts_as_of)

    async def finish_conversation(
        self, key: ConversationKey, token: str, revision: datetime, *, again_at: datetime | None
    ) -> None:
        """Ends a claim."""
        await self._run("finish_conversation", key, token=token, revision=revision, again_at=again_at)

    async def applications(self, key: ConversationKey) -> Sequence[Application]:
        """What this conversation did so far."""
        return [Application(**row) for row in await self._rows("applications", **_key(key))]

    async def memory(self, org_id: str, contact_id: str) -> str | None:
        """The contact's memory."""
        found = await self._rows("memory", org_id=org_id, contact_id=contact_id)
        return found[0]["contact_memory"] if found else None

    async def due_again(self, key: ConversationKey) -> None:
        """Has the analysis flow look at the conversation again."""
        await self._run("due_again", key)

    async def contributions(
        self, key: ConversationKey, contact_id: str, field_names: Collection[str]
    ) -> Sequence[Contributed]:
        """What the contact's other conversations did to these fields."""
        found = await self._rows(
            "contributions", **_key(key), contact_id=contact_id, field_names=list(field_names)
        )
        return [Contributed(row.pop("ref"), int(row.pop("ended_ms")), Application(**row)) for row in found]

    async def save_applications(self, key: ConversationKey, applications: Sequence[Application]) -> None:
        """Remembers it."""
        made = [
            {
                "analysis_data_name": a.analysis_data_name, "field_name": a.field_name,
                "analysis_version": a.analysis_version, "outcome": a.outcome, "contribution": a.contribution,
            }
            for a in applications
        ]  # fmt: skip
        if made:
            await self._run("save_applications", key, rows=Jsonb(made))

    async def record_usage(self, org_id: str, uses: Sequence[UsageRow]) -> None:
        """Keeps what uses of models took."""
        await record_usage(self._connection, org_id, uses)

    async def want_activity(self, row: ActivityRow) -> None:
        """Says that a conversation is to be logged, or logged anew."""
        await self._run("want_activity", row.key, **_activity_values(row))

    async def due_activities(
        self, org_id: str, tenant_key: str, limit: int, now: datetime
    ) -> Sequence[ActivityRow]:
        """Activities with something to do."""
        found = await self._rows("due_activities", org_id=org_id, tenant_key=tenant_key, limit=limit, now=now)
        return [activity_from_row(row) for row in found]

    async def activities_of(self, key: ConversationKey) -> Sequence[ActivityRow]:
        """A conversation's activities, one per tenant."""
        return [activity_from_row(row) for row in await self._rows("activities_of", **_key(key))]

    async def save_activity(self, row: ActivityRow) -> None:
        """Replaces an activity's row."""
        await self._run("save_activity", row.key, **_activity_values(row))

    async def _rows(self, name: str, **values: Any) -> list[dict[str, Any]]:
        return await (await self._connection.execute(_sql[name], values)).fetchall()

    async def _run(self, name: str, key: ConversationKey, **values: Any) -> None:
        await self._connection.execute(_sql[name], {**_key(key), **values})


def _key(key: ConversationKey) -> dict[str, str]:
    return {"org_id": key.org_id, "platform": key.platform, "conversation_id": key.conversation_id}


def _activity_values(row: ActivityRow) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in _ACTIVITY}
    return {**values, "written": None if row.written is None else Jsonb(dict(row.written))}


def activity_from_row(row: Mapping[str, Any]) -> ActivityRow:
    """A row of the activity table."""
    key = ConversationKey(row["org_id"], row["platform"], row["conversation_id"])
    return ActivityRow(key=key, written=row["written"], **{name: row[name] for name in _ACTIVITY})


def conversation_from_row(row: Mapping[str, Any]) -> Conversation:
    direction = row["direction"]
    return Conversation(
        key=ConversationKey(row["org_id"], row["platform"], row["conversation_id"]),
        type=ConversationType(row["type"]),
        status=row["status"],
        revision=row["updated_at"],
        direction=None if direction is None else ConversationDirection(direction),
        has_number=row["has_number"],
        from_number=row["from_number"],
        to_number=row["to_number"],
        contact_id=row["contact_id"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        duration_ms=row["duration_ms"],
        disconnection_reason=row["disconnection_reason"],
        summary=row["summary"],
        analysis=row["analysis"] or {},
        analysis_version=row["analysis_version"],
        metadata=row["metadata"] if isinstance(row["metadata"], dict) else {},
        counted=row["counted"],
        attempts=row["attempts"],
        created_at=row["created_at"],
        agent_id=row["agent_id"],
        successful=row["successful"],
        analysis_origin=row["analysis_origin"] or {},
        transcript=row["transcript"],
        evidence={name: _evidence(raw) for name, raw in (row["evidence"] or {}).items()},
    )


def _evidence(raw: Mapping[str, Any]) -> Evidence:
    sure = raw.get("confidence")
    return Evidence.from_json({**raw, "confidence": None if sure is None else float(sure)})
