"""What an audit keeps in the store while it runs: the records it came across, and its findings about them.

Every method works in the caller's unit of work, so that a page, its findings and its cursor commit together.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tieline.domain.activities import Activity
from tieline.domain.audit import Finding
from tieline.ports.crm import Operation
from tieline.ports.store import UnitOfWork
from tieline.ports.work import ActivityRow


@runtime_checkable
class CountsActivities(Protocol):
    """A connector that can tell all activities of a conversation, and not only one of them."""

    def activity_ids(self, contact_id: str, activity: Activity) -> Operation[Sequence[str]]:
        """Ids of every activity with this key, found without a lagging index."""


@dataclass(frozen=True, slots=True)
class Audited:
    """Which audit's notes: one run of one organisation."""

    org_id: str
    run_id: str
    tenant_key: str


class AuditBook(Protocol):
    """The notes of audits."""

    async def begin(self, uow: UnitOfWork, audit: Audited, app_id: str) -> None:
        """Forgets the notes of the app's earlier audits, and of this one."""

    async def full_read_waits(self, uow: UnitOfWork, audit: Audited, app_id: str) -> bool:
        """Whether a full sync of the app is queued or running, so that newly mapped fields are yet to be read."""

    async def note(
        self, uow: UnitOfWork, audit: Audited, external_ids: Collection[str], findings: Sequence[Finding]
    ) -> int:
        """Notes records as listed, and what was found; how many were not noted before."""

    async def unlisted(self, uow: UnitOfWork, audit: Audited, started_ms: int) -> tuple[int, int]:
        """How many open links the CRM did not list, and how many open links there are. Those count that were known when
        the audit started (our clock, ms).
        """

    async def note_unlisted(
        self, uow: UnitOfWork, audit: Audited, started_ms: int, after: str, size: int
    ) -> str | None:
        """Notes what was not listed among the next `size` links behind `after`; the last link's id, None at the end."""

    async def unsettled(
        self, uow: UnitOfWork, audit: Audited, limit: int, *, after: str = ""
    ) -> Sequence[str]:
        """Records with a finding that was not taken through the ordinary plan yet, in the order of their ids."""

    async def settle(
        self, uow: UnitOfWork, audit: Audited, external_ids: Collection[str], real: Collection[str]
    ) -> None:
        """Settles these findings; those not in `real` were none."""

    async def noted(self, uow: UnitOfWork, audit: Audited) -> int:
        """How many records were listed."""

    async def totals(self, uow: UnitOfWork, audit: Audited) -> dict[str, int]:
        """Findings by kind."""

    async def some_findings(self, uow: UnitOfWork, audit: Audited, limit: int) -> Sequence[Finding]:
        """The first findings, some of each cause."""

    async def end(self, uow: UnitOfWork, audit: Audited) -> None:
        """Forgets the notes."""

    async def activity_sample(self, uow: UnitOfWork, audit: Audited, limit: int) -> Sequence[ActivityRow]:
        """Logged conversations to count again: those whose creation was in doubt first, then others by chance."""
