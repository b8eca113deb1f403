"""Intents to create records in the in-memory store: `ports.creating.Creations`, as `store/queries/creations` has it."""

import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from tieline.domain.changeset import LinkState, LinkStatus
from tieline.ports.creating import CreationRow
from tieline.testing.simulation.tables import Tables

_TAIL_DIGITS: Final = 7
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class MemoryCreations:
    """The rows within an open transaction."""

    def __init__(self, tables: Tables, point: Callable[[str], Awaitable[None]]) -> None:
        self._tables = tables
        self._point = point

    async def want(self, org_id: str, tenant_key: str, contact_id: str, now: datetime) -> None:
        """Says that a contact without a record is to get one."""
        await self._point("want")
        key = (org_id, tenant_key, contact_id)
        old = self._tables.creations.get(key) or CreationRow(*key)
        self._tables.creations[key] = replace(old, status="due", due_at=old.due_at or now)

    async def due(self, org_id: str, tenant_key: str, limit: int, now: datetime) -> Sequence[CreationRow]:
        """Intents with something to do."""
        await self._point("due")
        found = [
            row
            for key, row in self._tables.creations.items()
            if key[:2] == (org_id, tenant_key)
            and row.status != "done"
            and (
                (row.due_at is not None and row.due_at <= now)
                or (row.status == "blocked" and self._has_record(row))
            )
        ]
        return sorted(found, key=lambda row: (row.due_at or _LONG_AGO, row.contact_id))[:limit]

    async def save(self, row: CreationRow) -> None:
        """Replaces an intent's row."""
        await self._point("save")
        self._tables.creations[row.org_id, row.tenant_key, row.contact_id] = row

    async def postpone(self, row: CreationRow, until: datetime, *, counted: bool = True) -> None:
        """Lets an intent wait; `counted`: it was an attempt, and not one that the CRM put off."""
        await self._point("postpone")
        key = (row.org_id, row.tenant_key, row.contact_id)
        old = self._tables.creations.get(key)
        if old is not None and old.status == "due":
            self._tables.creations[key] = replace(old, due_at=until, attempts=old.attempts + counted)

    async def move(self, row: CreationRow, survivor_id: str, now: datetime) -> None:
        """Makes the intent the survivor's."""
        await self._point("move")
        gone = self._tables.creations.pop((row.org_id, row.tenant_key, row.contact_id), None)
        if gone is None:
            return
        key = (row.org_id, row.tenant_key, survivor_id)
        kept = self._tables.creations.get(key)
        sent = [at for at in (gone.intent_at, kept.intent_at if kept else None) if at is not None]
        self._tables.creations[key] = replace(
            kept or CreationRow(*key), status="due", due_at=now, intent_at=max(sent, default=None),
            intent=(kept.intent if kept else None) or gone.intent,
        )  # fmt: skip

    async def unanswered(
        self, org_id: str, tenant_key: str, contact_ids: Collection[str]
    ) -> Sequence[CreationRow]:
        """Intents whose create was sent, and whose answer is not known."""
        rows = (self._tables.creations.get((org_id, tenant_key, contact)) for contact in contact_ids)
        return [row for row in rows if row and row.intent_at is not None and row.intent is not None]

    async def ties(self, org_id: str, tenant_key: str, contact_id: str) -> Sequence[LinkState]:
        """All records that are or were tied to a contact."""
        await self._point("ties")
        return [link for link in self._links(org_id, tenant_key) if link.contact_id == contact_id]

    async def holders(self, org_id: str, tenant_key: str, number: str) -> Sequence[LinkState]:
        """Living records that may have this number."""
        await self._point("holders")
        tail = number[-_TAIL_DIGITS:]
        theirs = {
            key[1]
            for key, row in self._tables.contacts.items()
            if key[0] == org_id and row.merged_into is None and row.state.phone_number == number
        }
        theirs |= {
            contact_id for org, alias, contact_id in self._tables.aliases if (org, alias) == (org_id, number)
        }
        found = []
        for link in self._links(org_id, tenant_key):
            waits = link.status in (LinkStatus.SHARED, LinkStatus.SKIPPED) and number in link.phones
            digits = re.sub("[^0-9]", "", link.raw_phone or "")
            unusable = link.status is LinkStatus.SKIPPED and digits[-_TAIL_DIGITS:] == tail
            speaks = link.status in (LinkStatus.OPEN, LinkStatus.CLOSED) and link.contact_id in theirs
            if waits or unusable or (speaks and number in link.phones):
                found.append(link)
        return found

    async def release_activities(self, org_id: str, tenant_key: str, now: datetime) -> None:
        """Makes conversations due that waited for a record."""
        await self._point("release_activities")
        primaries = {
            link.contact_id: link.external_id
            for link in self._links(org_id, tenant_key)
            if link.status is LinkStatus.OPEN
        }
        for key, row in self._tables.activities.items():
            waits = key[:2] == (org_id, tenant_key) and row.status == "due" and row.due_at is None
            if waits and row.contact_id in primaries:
                released = replace(row, due_at=now, external_id=primaries[row.contact_id])
                self._tables.activities[key] = released

    def _links(self, org_id: str, tenant_key: str) -> list[LinkState]:
        here = (org_id, tenant_key)
        return [row.state for key, row in sorted(self._tables.links.items()) if key[:2] == here]

    def _has_record(self, row: CreationRow) -> bool:
        links = self._links(row.org_id, row.tenant_key)
        return any(link.contact_id == row.contact_id and link.status is LinkStatus.OPEN for link in links)
