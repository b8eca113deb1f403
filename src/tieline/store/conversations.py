"""The rows of conversations and of announced chats, as the intake flow reads and writes them.

What the analysis flow does with the rows is `work.py`'s. This module must never overwrite a contact that was
found.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from tieline.domain.intake import Announcement, Report
from tieline.ports.clock import Clock
from tieline.ports.store import UnitOfWork
from tieline.ports.work import ConversationKey
from tieline.store.extractions import want_extraction
from tieline.store.pool import Connection, Pool, Queries
from tieline.store.unit_of_work import PostgresStore, PostgresUnitOfWork

_JSON = ("analysis", "metadata")


class Conversations:
    """Implements `flows.intake.IntakeStore`."""

    def __init__(self, pool: Pool, store: PostgresStore, clock: Clock) -> None:
        self._pool = pool
        self._store = store
        self._clock = clock
        self._sql = Queries("conversations")

    def transaction(self) -> AbstractAsyncContextManager[PostgresUnitOfWork]:
        """Opens a unit of work."""
        return self._store.transaction()

    async def known(
        self, unit: UnitOfWork, org_id: str, platform: str, conversation_id: str
    ) -> Report | None:
        """What is known of a conversation, locked until the unit ends, also when nothing is known yet."""
        key = {"org_id": org_id, "platform": platform, "conversation_id": conversation_id}
        found = await self._look(unit, key)
        if found is not None:
            return found
        # There is no row to lock, so its key is; whoever waited for that must look again.
        await _connection(unit).execute(self._sql["lock_key"], key)
        return await self._look(unit, key)

    async def save(
        self, unit: UnitOfWork, org_id: str, report: Report, raw: Mapping[str, Any], due_at: datetime | None
    ) -> None:
        """Inserts or replaces what is known, which `known` locked in the same unit."""
        row = asdict(report)
        for name in _JSON:
            row[name] = None if row[name] is None else Jsonb(row[name])
        row |= {"org_id": org_id, "raw": Jsonb(raw), "due_at": due_at, "now": self._clock.now()}
        updated = await _connection(unit).execute(self._sql["update"], row)
        if updated.rowcount == 0:
            await _connection(unit).execute(self._sql["insert"], row)
        await want_extraction(unit, ConversationKey(org_id, report.platform, report.conversation_id))

    async def _look(self, unit: UnitOfWork, key: Mapping[str, str]) -> Report | None:
        row = await (await _connection(unit).execute(self._sql["known"], key)).fetchone()
        return Report(**row) if row else None

    async def find(
        self, org_id: str, type_: str, conversation_id: str, platform: str | None = None
    ) -> dict[str, Any] | None:
        """A call or chat as its row; of several platforms with that id Retell's, else the first."""
        values = {"org_id": org_id, "type": type_, "conversation_id": conversation_id, "platform": platform}
        async with self._pool.connection() as connection:
            return await (await connection.execute(self._sql["find"], values)).fetchone()

    async def announce(self, org_id: str, announcement: Announcement, at: datetime) -> None:
        """Remembers an announcement."""
        async with self._pool.connection() as connection:
            row = {**asdict(announcement), "org_id": org_id, "now": at}
            await connection.execute(self._sql["announce"], row)

    async def consume_announcement(
        self, unit: UnitOfWork, org_id: str, agent_id: str, began: datetime, conversation_id: str
    ) -> Announcement | None:
        """The nearest unconsumed announcement of that agent within ten minutes of `began`; this chat consumes it."""
        key = {"org_id": org_id, "agent_id": agent_id, "began": began, "conversation_id": conversation_id}
        row = await (await _connection(unit).execute(self._sql["consume"], key)).fetchone()
        return Announcement(**row) if row else None

    async def contact_exists(self, unit: UnitOfWork, org_id: str, contact_id: str) -> bool:
        """Whether there is such a contact; a merged one counts."""
        return contact_id in await unit.contacts(org_id, [contact_id], lock=False)


def _connection(unit: UnitOfWork) -> Connection:
    assert isinstance(unit, PostgresUnitOfWork)
    return unit.connection
