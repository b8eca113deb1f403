"""Implements `ports.creating.Creations` on a connection with an open transaction. Decides nothing."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb

from tieline.domain.changeset import LinkState
from tieline.ports.creating import CreationRow
from tieline.store.pool import Connection, Queries
from tieline.store.rows import link_from_row

_sql = Queries("creations")
_TAIL_DIGITS: Final = 7


class PostgresCreations:
    """Intents to create records."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def want(self, org_id: str, tenant_key: str, contact_id: str, now: datetime) -> None:
        """Says that a contact without a record is to get one."""
        await self._run("want", org_id=org_id, tenant_key=tenant_key, contact_id=contact_id, now=now)

    async def due(self, org_id: str, tenant_key: str, limit: int, now: datetime) -> Sequence[CreationRow]:
        """Intents with something to do."""
        found = await self._rows("due", org_id=org_id, tenant_key=tenant_key, limit=limit, now=now)
        return [CreationRow(**row) for row in found]

    async def save(self, row: CreationRow) -> None:
        """Replaces an intent's row."""
        intent = None if row.intent is None else Jsonb(dict(row.intent))
        await self._run(
            "save", **_key(row), status=row.status, intent_at=row.intent_at, intent=intent, due_at=row.due_at,
            attempts=row.attempts,
        )  # fmt: skip

    async def postpone(self, row: CreationRow, until: datetime, *, counted: bool = True) -> None:
        """Lets an intent wait; `counted`: it was an attempt, and not one that the CRM put off."""
        await self._run("postpone", **_key(row), until=until, more=int(counted))

    async def move(self, row: CreationRow, survivor_id: str, now: datetime) -> None:
        """Makes the intent the survivor's."""
        await self._run("move", **_key(row), survivor_id=survivor_id, now=now)

    async def unanswered(
        self, org_id: str, tenant_key: str, contact_ids: Collection[str]
    ) -> Sequence[CreationRow]:
        """Intents whose create was sent, and whose answer is not known."""
        found = await self._rows(
            "unanswered", org_id=org_id, tenant_key=tenant_key, contact_ids=list(contact_ids)
        )
        return [CreationRow(**row) for row in found]

    async def ties(self, org_id: str, tenant_key: str, contact_id: str) -> Sequence[LinkState]:
        """All records that are or were tied to a contact."""
        found = await self._rows("ties", org_id=org_id, tenant_key=tenant_key, contact_id=contact_id)
        return [link_from_row(row) for row in found]

    async def holders(self, org_id: str, tenant_key: str, number: str) -> Sequence[LinkState]:
        """Living records that may have this number."""
        tail = number[-_TAIL_DIGITS:]
        found = await self._rows("holders", org_id=org_id, tenant_key=tenant_key, number=number, tail=tail)
        return [link_from_row(row) for row in found]

    async def release_activities(self, org_id: str, tenant_key: str, now: datetime) -> None:
        """Makes conversations due that waited for a record."""
        await self._run("release_activities", org_id=org_id, tenant_key=tenant_key, now=now)

    async def _rows(self, name: str, **values: Any) -> list[dict[str, Any]]:
        return await (await self._connection.execute(_sql[name], values)).fetchall()

    async def _run(self, name: str, **values: Any) -> None:
        await self._connection.execute(_sql[name], values)


def _key(row: CreationRow) -> dict[str, str]:
    return {"org_id": row.org_id, "tenant_key": row.tenant_key, "contact_id": row.contact_id}
