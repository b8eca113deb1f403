"""The in-memory store as the intake of conversations and the editing of contacts want it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any

from tieline.domain.intake import Announcement, Report
from tieline.ports.store import UnitOfWork
from tieline.testing.simulation.memory_store import MemoryStore, MemoryUnitOfWork
from tieline.testing.simulation.tables import ConversationRow


class MemoryIntake:
    """Implements `flows.intake.IntakeStore`. Announcements are not kept: no simulated chat has any."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def transaction(self) -> AbstractAsyncContextManager[MemoryUnitOfWork]:
        """Opens a unit of work."""
        return self._store.transaction()

    async def known(
        self, unit: UnitOfWork, org_id: str, platform: str, conversation_id: str
    ) -> Report | None:
        """What is known of a conversation."""
        await self._store.point("known")
        row = self._store.tables.conversations.get((org_id, platform, conversation_id))
        return None if row is None else replace(row.report, contact_id=row.contact_id)

    async def save(
        self, unit: UnitOfWork, org_id: str, report: Report, raw: Mapping[str, Any], due_at: datetime | None
    ) -> None:
        """Inserts or replaces what is known. A contact that was found stays."""
        await self._store.point("save")
        key, now = (org_id, report.platform, report.conversation_id), self._store.clock.now()
        old = self._store.tables.conversations.get(key)
        if old is None:
            row = ConversationRow(report, now, now, report.contact_id, due_at=due_at)
        else:
            row = replace(
                old, report=report, revision=now, contact_id=old.contact_id or report.contact_id,
                due_at=due_at or old.due_at, attempts=old.attempts if due_at is None else 0,
            )  # fmt: skip
        self._store.tables.conversations[key] = row

    async def announce(self, org_id: str, announcement: Announcement, at: datetime) -> None:
        """Not kept."""

    async def consume_announcement(
        self, unit: UnitOfWork, org_id: str, agent_id: str, began: datetime, conversation_id: str
    ) -> Announcement | None:
        """There is none."""
        return None

    async def contact_exists(self, unit: UnitOfWork, org_id: str, contact_id: str) -> bool:
        """Whether there is such a contact."""
        return contact_id in await unit.contacts(org_id, [contact_id], lock=False)


class MemoryEditing:
    """Implements `flows.editing.EditingStore`. Contacts have no tags here."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def transaction(self) -> AbstractAsyncContextManager[MemoryUnitOfWork]:
        """Opens a unit of work."""
        return self._store.transaction()

    async def tag_ids(self, unit: UnitOfWork, org_id: str, contact_id: str) -> Sequence[str]:
        """None."""
        return ()

    async def set_tags(self, unit: UnitOfWork, org_id: str, contact_id: str, tag_ids: Sequence[str]) -> None:
        """Refused: nothing in a simulated world sets them."""
        raise NotImplementedError("contacts of a simulated world have no tags")
