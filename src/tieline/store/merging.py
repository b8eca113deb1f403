"""What the merging of contacts looks up: who is linked where, and what the store remembers of a merge.

Reads only, inside the flow's unit of work; the merge itself is a changeset.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from tieline.domain.identity import record_ref
from tieline.domain.merges import MergeRecord, Numbers, Standing, Ties
from tieline.ports.store import UnitOfWork
from tieline.store.pool import Queries
from tieline.store.rows import contact_from_row
from tieline.store.unit_of_work import PostgresStore, PostgresUnitOfWork

_sql = Queries("merges")


class ContactMerges:
    """Implements the merging flow's `MergeStore`."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    def transaction(self) -> AbstractAsyncContextManager[PostgresUnitOfWork]:
        """Opens a unit of work."""
        return self._store.transaction()

    async def ties(self, unit: UnitOfWork, org_id: str, contact_ids: Collection[str]) -> Ties:
        """The records that speak for these contacts, in all tenants."""
        found: dict[str, dict[str, str]] = {}
        for row in await rows_of(unit, "ties", org_id=org_id, contact_ids=list(contact_ids)):
            found.setdefault(row["contact_id"], {})[row["tenant_key"]] = row["external_id"]
        return found

    async def active(self, unit: UnitOfWork, org_id: str) -> tuple[str, str]:
        """Id and tenant of the app that syncs contacts; both may be ''."""
        for row in await rows_of(unit, "active", org_id=org_id):
            return row["app_id"], row["tenant_key"] or ""
        return "", ""

    async def proposals(self, unit: UnitOfWork, org_id: str, one_id: str, other_id: str) -> Sequence[str]:
        """Causes of open issues that ask whether these two are one."""
        return [
            row["cause"] for row in await rows_of(unit, "proposals", org_id=org_id, pair=[one_id, other_id])
        ]

    async def standing(self, unit: UnitOfWork, org_id: str, loser_id: str) -> Standing | None:
        """The merge by which this contact went into another, locked."""
        for row in await rows_of(unit, "standing", org_id=org_id, loser_id=loser_id):
            numbers = Numbers(row["of_loser"], row["of_former"], row["held_by"])
            return Standing(_record(row), contact_from_row(row), numbers)
        return None


def _record(row: Mapping[str, Any]) -> MergeRecord:
    return MergeRecord(
        survivor_id=row["survivor_id"],
        loser_id=row["loser_id"],
        merged_at=row["merged_at"],
        filled=row["filled"],
        aliases=row["aliases"],
        records=frozenset(record_ref(tenant_key, external_id) for tenant_key, external_id in row["links"]),
        survivor_number=row["survivor_number"],
    )


async def rows_of(unit: UnitOfWork, query: str, **values: Any) -> list[dict[str, Any]]:
    """What a query finds in the unit's transaction."""
    assert isinstance(unit, PostgresUnitOfWork)
    return await (await unit.connection.execute(_sql[query], values)).fetchall()
