"""The intents to create records, as rows of work: one per contact and CRM tenant, kept until it is known what became
of it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from tieline.domain.changeset import LinkState


@dataclass(frozen=True, slots=True)
class CreationRow:
    """One intent. `status`: due, done or blocked. `intent_at`: a create was sent then and its answer is not known.

    `intent` is what it sent, as `domain.plan_creating` writes it down.
    """

    org_id: str
    tenant_key: str
    contact_id: str
    status: str = "due"
    intent_at: datetime | None = None
    intent: Mapping[str, Any] | None = None
    due_at: datetime | None = None
    attempts: int = 0


class Creations(Protocol):
    """The rows within a unit of work."""

    async def want(self, org_id: str, tenant_key: str, contact_id: str, now: datetime) -> None:
        """Says that a contact without a record is to get one."""

    async def due(self, org_id: str, tenant_key: str, limit: int, now: datetime) -> Sequence[CreationRow]:
        """Intents with something to do; also blocked ones whose contact has a record by now."""

    async def save(self, row: CreationRow) -> None:
        """Replaces an intent's row."""

    async def postpone(self, row: CreationRow, until: datetime, *, counted: bool = True) -> None:
        """Lets an intent wait, as it was saved last; `counted`: it was an attempt, and not put off by the CRM."""

    async def move(self, row: CreationRow, survivor_id: str, now: datetime) -> None:
        """Makes the intent that of the contact into which its own was merged."""

    async def unanswered(
        self, org_id: str, tenant_key: str, contact_ids: Collection[str]
    ) -> Sequence[CreationRow]:
        """Intents of these contacts whose create was sent, and whose answer is not known."""

    async def ties(self, org_id: str, tenant_key: str, contact_id: str) -> Sequence[LinkState]:
        """All records that are or were tied to a contact."""

    async def holders(self, org_id: str, tenant_key: str, number: str) -> Sequence[LinkState]:
        """Living records that may have this number (E.164), whatever their place; the caller compares."""

    async def release_activities(self, org_id: str, tenant_key: str, now: datetime) -> None:
        """Makes conversations due that waited to be logged until their contact has a record."""
