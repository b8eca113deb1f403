"""The state of everything at a glance. This module must never change anything."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tieline.store.pool import Pool, Queries

_sql = Queries("overview")


class OverviewReader:
    """Figures for the first page."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def flows(self, org_id: str, since: datetime) -> Mapping[str, Any]:
        """What each flow did since then (`from_crm`, `from_talks`, `pushed`, `logged`), and what waits for it."""
        async with self._pool.connection() as conn:
            row = await (await conn.execute(_sql["flows"], {"org_id": org_id, "since": since})).fetchone()
        assert row is not None
        return row

    async def apps(self, org_id: str) -> Sequence[Mapping[str, Any]]:
        """Each app's health, the linked one first."""
        async with self._pool.connection() as conn:
            return await (await conn.execute(_sql["apps"], {"org_id": org_id})).fetchall()
