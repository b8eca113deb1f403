"""What audits keep, in memory: `ports.audit.AuditBook` over the tables, as the queries of `store/audit.py` have it."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from tieline.domain.audit import Finding, FindingKind, Why
from tieline.domain.changeset import LinkState, LinkStatus
from tieline.ports.audit import Audited
from tieline.ports.store import UnitOfWork
from tieline.ports.work import ActivityRow
from tieline.testing.simulation.memory_store import MemoryStore
from tieline.testing.simulation.tables import AuditRecord


class MemoryAuditBook:
    """See the module. `full_waits` says whether a full read is queued or running."""

    def __init__(self, store: MemoryStore, full_waits: Callable[[], bool]) -> None:
        self._store = store
        self._full_waits = full_waits

    async def begin(self, uow: UnitOfWork, audit: Audited, app_id: str) -> None:
        """Forgets the notes of earlier audits, and of this one."""
        for key in list(self._records):
            if key[0] == audit.org_id:
                del self._records[key]

    async def full_read_waits(self, uow: UnitOfWork, audit: Audited, app_id: str) -> bool:
        """Whether a full sync of the app is queued or running."""
        return self._full_waits()

    async def note(
        self, uow: UnitOfWork, audit: Audited, external_ids: Collection[str], findings: Sequence[Finding]
    ) -> int:
        """Notes records as listed, and what was found; what was found and settled before stays."""
        await self._store.point("note")
        found = {finding.external_id: finding for finding in findings}
        added = 0
        for external_id in dict.fromkeys(external_ids):
            key, finding = (audit.org_id, audit.run_id, external_id), found.get(external_id)
            known = self._records.get(key)
            added += known is None
            if known is None or (known.finding is None and finding is not None):
                self._records[key] = AuditRecord(finding)
        return added

    async def unlisted(self, uow: UnitOfWork, audit: Audited, started_ms: int) -> tuple[int, int]:
        """How many open links the CRM did not list, of how many."""
        links = [link for link in self._links(audit) if link.status is LinkStatus.OPEN]
        listed = self._of(audit)
        return sum(x.external_id not in listed and x.read_ms < started_ms for x in links), len(links)

    async def note_unlisted(
        self, uow: UnitOfWork, audit: Audited, started_ms: int, after: str, size: int
    ) -> str | None:
        """Notes what was not listed in one bucket of links."""
        await self._store.point("note_unlisted")
        bucket = [link for link in self._links(audit) if link.external_id > after][:size]
        listed = self._of(audit)
        for link in bucket:
            if (
                link.status is LinkStatus.OPEN
                and link.read_ms < started_ms
                and link.external_id not in listed
            ):
                gone = Finding(link.external_id, FindingKind.MISSING_THERE, Why.UNLISTED)
                self._records[audit.org_id, audit.run_id, link.external_id] = AuditRecord(gone)
        return bucket[-1].external_id if bucket else None

    async def unsettled(self, uow: UnitOfWork, audit: Audited, limit: int, after: str = "") -> Sequence[str]:
        """Records with a finding that was not taken through the ordinary plan yet."""
        of_audit = self._of(audit).items()
        waiting = sorted(one for one, row in of_audit if row.finding is not None and not row.settled)
        return [one for one in waiting if one > after][:limit]

    async def settle(
        self, uow: UnitOfWork, audit: Audited, external_ids: Collection[str], real: Collection[str]
    ) -> None:
        """Settles these findings; those not in `real` were none."""
        for external_id, row in self._of(audit).items():
            if external_id in external_ids and not row.settled:
                finding = row.finding if external_id in real else None
                settled = replace(row, finding=finding, settled=True)
                self._records[audit.org_id, audit.run_id, external_id] = settled

    async def noted(self, uow: UnitOfWork, audit: Audited) -> int:
        """How many records were listed."""
        return len(self._of(audit)) - (await self.totals(uow, audit)).get(FindingKind.MISSING_THERE, 0)

    async def totals(self, uow: UnitOfWork, audit: Audited) -> dict[str, int]:
        """Findings by kind."""
        return dict(Counter(row.finding.kind.value for row in self._of(audit).values() if row.finding))

    async def some_findings(self, uow: UnitOfWork, audit: Audited, limit: int) -> Sequence[Finding]:
        """The first findings."""
        return [row.finding for _, row in sorted(self._of(audit).items()) if row.finding][:limit]

    async def end(self, uow: UnitOfWork, audit: Audited) -> None:
        """Forgets the notes."""
        await self.begin(uow, audit, "")

    async def activity_sample(self, uow: UnitOfWork, audit: Audited, limit: int) -> Sequence[ActivityRow]:
        """Logged conversations to count again."""
        rows = self._store.tables.activities.items()
        ours = [
            row
            for key, row in sorted(rows, key=lambda one: one[0])
            if key[:2] == (audit.org_id, audit.tenant_key)
        ]
        logged = [row for row in ours if row.activity_id is not None]
        return sorted(logged, key=lambda row: row.intent_at is None)[:limit]

    @property
    def _records(self) -> dict[tuple[str, str, str], AuditRecord]:
        return self._store.tables.audit_records

    def _of(self, audit: Audited) -> dict[str, AuditRecord]:
        return {key[2]: row for key, row in self._records.items() if key[:2] == (audit.org_id, audit.run_id)}

    def _links(self, audit: Audited) -> list[LinkState]:
        here = (audit.org_id, audit.tenant_key)
        return [row.state for key, row in sorted(self._store.tables.links.items()) if key[:2] == here]
