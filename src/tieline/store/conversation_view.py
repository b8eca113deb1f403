"""Conversations as their pages show them. This module must never change anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tieline.store.pool import Pool, Queries

_sql = Queries("conversation_view")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list. `number` is the contact's, else the caller's."""

    platform: str
    conversation_id: str
    type: str
    direction: str | None
    status: str
    contact_id: str | None
    agent_id: str | None
    duration_ms: int | None
    sentiment: str | None
    successful: bool | None
    summary: str | None
    at: datetime
    created_at: datetime
    contact_name: str | None
    number: str | None


@dataclass(frozen=True, slots=True)
class Talk:
    """One conversation: its row, what its analysis did to each field, its activities, and its ledger rows."""

    row: Mapping[str, Any]
    applications: Sequence[Mapping[str, Any]]
    activities: Sequence[Mapping[str, Any]]
    written: Sequence[Mapping[str, Any]]


class ConversationView:
    """Reads conversations."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(
        self, org_id: str, *, type: str | None, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Line]:
        """The newest first; `before` is the creation time and id of the last line of the page before."""
        at, last_id = before or (None, None)
        values = {"org_id": org_id, "type": type, "before": at, "before_id": last_id, "limit": limit}
        return [Line(**row) for row in await self._rows("list", values)]

    async def one(self, org_id: str, platform: str, conversation_id: str) -> Talk | None:
        """All about one conversation; None if there is no such one."""
        key = {"org_id": org_id, "platform": platform, "conversation_id": conversation_id}
        rows = await self._rows("one", key)
        if not rows:
            return None
        row = rows[0]
        source = {"contact_id": row["contact_id"], "source_ref": f"{platform}:{conversation_id}"}
        return Talk(
            row,
            await self._rows("applications", key),
            await self._rows("activities", key),
            await self._rows("written", {**key, **source}) if row["contact_id"] else (),
        )

    async def _rows(self, query: str, values: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        async with self._pool.connection() as conn:
            return await (await conn.execute(_sql[query], values)).fetchall()
