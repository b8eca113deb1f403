"""All that is known about one contact, as its page shows it: sources, changes, records, further numbers.

This module must never change anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tieline.domain.changes import PairState
from tieline.domain.link_state import from_json
from tieline.store.explain import Explained, explained
from tieline.store.pool import Pool, Queries

_sql = Queries("contact_view")


@dataclass(frozen=True, slots=True)
class Change:
    """A ledger row with its field."""

    field_name: str
    entry: Explained


@dataclass(frozen=True, slots=True)
class LinkedRecord:
    """A record of a CRM that is or was this contact's. `pairs` is what both sides last agreed on, by pair key.

    `blocked` has what the CRM refused: by pair key the value and why. `stamp_ms` is on the CRM's clock.
    """

    tenant_key: str
    external_id: str
    status: str
    pairs: Mapping[str, PairState]
    raw_phone: str | None
    stamp_ms: int
    confirmed_write_at: datetime | None
    dirty_at: datetime | None
    blocked: Mapping[str, Any]
    needs_read: bool
    app_id: str | None
    app_name: str | None
    provider: str | None
    tenant_url: str | None
    crm_config: Mapping[str, Any]


class ContactView:
    """Reads one contact's surroundings."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def sources(self, org_id: str, contact_id: str) -> dict[str, Explained]:
        """By field: the ledger row of the value that stands."""
        rows = await self._rows("sources", org_id, contact_id)
        return {row["field_name"]: explained(row) for row in rows}

    async def changes(
        self, org_id: str, contact_id: str, *, limit: int = 50, before: int | None = None
    ) -> Sequence[Change]:
        """The newest first; `before` is the entry id of the page before's last."""
        rows = await self._rows("changes", org_id, contact_id, limit=limit, before=before)
        return [Change(row["field_name"], explained(row)) for row in rows]

    async def records(self, org_id: str, contact_id: str) -> Sequence[LinkedRecord]:
        """The open links first."""
        return [_record(row) for row in await self._rows("links", org_id, contact_id)]

    async def aliases(self, org_id: str, contact_id: str) -> Sequence[tuple[str, str]]:
        """Further numbers, with where each comes from: record, former or merged."""
        rows = await self._rows("aliases", org_id, contact_id)
        return [(row["phone_number"], row["origin"]) for row in rows]

    async def _rows(self, query: str, org_id: str, contact_id: str, **values: Any) -> list[dict[str, Any]]:
        async with self._pool.connection() as conn:
            found = await conn.execute(_sql[query], {"org_id": org_id, "contact_id": contact_id, **values})
            return await found.fetchall()


def _record(row: Mapping[str, Any]) -> LinkedRecord:
    return LinkedRecord(
        tenant_key=row["tenant_key"],
        external_id=row["external_id"],
        status=row["status"],
        pairs=from_json(row["state"]),
        raw_phone=row["raw_phone"],
        stamp_ms=row["stamp_ms"],
        confirmed_write_at=row["confirmed_write_at"],
        dirty_at=row["dirty_at"],
        blocked=row["push_blocked"],
        needs_read=row["needs_read"],
        app_id=row["app_id"],
        app_name=row["app_name"],
        provider=row["provider"],
        tenant_url=row["tenant_url"],
        crm_config=row["crm_config"] or {},
    )
