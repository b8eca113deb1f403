"""The notes of audits in PostgreSQL: set-based statements on a table of ids, so that memory does not grow with the CRM.

Decides nothing and changes no link: what a finding leads to comes from the ordinary plan.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from tieline.domain.audit import Finding, FindingKind, Why
from tieline.ports.audit import Audited
from tieline.ports.store import UnitOfWork
from tieline.ports.work import ActivityRow
from tieline.store.pool import Connection, Queries
from tieline.store.unit_of_work import PostgresUnitOfWork
from tieline.store.work import activity_from_row

_sql = Queries("audit")


class PostgresAudits:
    """Implements `ports.audit.AuditBook` on the connection of a unit of work."""

    async def begin(self, uow: UnitOfWork, audit: Audited, app_id: str) -> None:
        """Forgets the notes of the app's earlier audits, and of this one."""
        await _run(uow, "begin", audit, app_id=app_id)

    async def full_read_waits(self, uow: UnitOfWork, audit: Audited, app_id: str) -> bool:
        """Whether a full sync of the app is queued or running."""
        waits: bool = (await _rows(uow, "full_read_waits", audit, app_id=app_id))[0]["waits"]
        return waits

    async def note(
        self, uow: UnitOfWork, audit: Audited, external_ids: Collection[str], findings: Sequence[Finding]
    ) -> int:
        """Notes records as listed, and what was found; how many were not noted before."""
        found = {f.external_id: {"finding": f.kind.value, "why": f.why.value} for f in findings}
        noted = [{"external_id": one, **found.get(one, {})} for one in dict.fromkeys(external_ids)]
        if not noted:
            return 0
        return sum(row["added"] for row in await _rows(uow, "note", audit, rows=Jsonb(noted)))

    async def unlisted(self, uow: UnitOfWork, audit: Audited, started_ms: int) -> tuple[int, int]:
        """How many open links the CRM did not list, of how many."""
        row = (await _rows(uow, "unlisted", audit, started_ms=started_ms))[0]
        return row["unlisted"], row["open_links"]

    async def note_unlisted(
        self, uow: UnitOfWork, audit: Audited, started_ms: int, after: str, size: int
    ) -> str | None:
        """Notes what was not listed in one bucket of links."""
        rows = await _rows(
            uow, "note_unlisted", audit, started_ms=started_ms, after=after, size=size, why=Why.UNLISTED.value
        )
        last: str | None = rows[0]["last"]
        return last

    async def unsettled(
        self, uow: UnitOfWork, audit: Audited, limit: int, *, after: str = ""
    ) -> Sequence[str]:
        """Records with a finding that was not taken through the ordinary plan yet."""
        return [row["external_id"] for row in await _rows(uow, "unsettled", audit, limit=limit, after=after)]

    async def settle(
        self, uow: UnitOfWork, audit: Audited, external_ids: Collection[str], real: Collection[str]
    ) -> None:
        """Settles these findings; those not in `real` were none."""
        await _run(uow, "settle", audit, external_ids=list(external_ids), real=list(real))

    async def noted(self, uow: UnitOfWork, audit: Audited) -> int:
        """How many records were listed."""
        number: int = (await _rows(uow, "noted", audit))[0]["number"]
        return number

    async def totals(self, uow: UnitOfWork, audit: Audited) -> dict[str, int]:
        """Findings by kind."""
        return {row["finding"]: row["number"] for row in await _rows(uow, "totals", audit)}

    async def some_findings(self, uow: UnitOfWork, audit: Audited, limit: int) -> Sequence[Finding]:
        """The first findings, some of each cause."""
        rows = await _rows(uow, "some_findings", audit, limit=limit)
        return [Finding(row["external_id"], FindingKind(row["finding"]), Why(row["why"])) for row in rows]

    async def end(self, uow: UnitOfWork, audit: Audited) -> None:
        """Forgets the notes."""
        await _run(uow, "end", audit)

    async def activity_sample(self, uow: UnitOfWork, audit: Audited, limit: int) -> Sequence[ActivityRow]:
        """Logged conversations to count again."""
        return [activity_from_row(row) for row in await _rows(uow, "activity_sample", audit, limit=limit)]


def _connection(uow: UnitOfWork) -> Connection:
    assert isinstance(uow, PostgresUnitOfWork), "notes of audits lie in the database of the unit of work"
    return uow.connection


def _values(audit: Audited, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"org_id": audit.org_id, "run_id": audit.run_id, "tenant_key": audit.tenant_key, **values}


async def _rows(uow: UnitOfWork, name: str, audit: Audited, **values: Any) -> list[dict[str, Any]]:
    return await (await _connection(uow).execute(_sql[name], _values(audit, values))).fetchall()


async def _run(uow: UnitOfWork, name: str, audit: Audited, **values: Any) -> None:
    await _connection(uow).execute(_sql[name], _values(audit, values))
