"""Runs: one execution of the inbound flow or of an audit for an app, from queued to succeeded or failed, with counts.

One sync and one audit are in flight per app, which the table itself enforces. This module must never decide whether
to try again: `worker.retry` does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from tieline.ports.clock import Ids, to_ms
from tieline.ports.jobs import JobQueue, Wake, WakeKind
from tieline.ports.store import Lane, Lease
from tieline.store.leases import check
from tieline.store.pool import Connection, Pool, Queries

Trigger: TypeAlias = Literal["manual", "cron", "webhook"]
_sql = Queries("runs")
_audit_sql = Queries("audit")
_issues_sql = Queries("issues")
AuditKind: TypeAlias = Literal["audit", "calculated"]
_AUDITS = ("audit", "calculated")
_WAKES = {
    "inbound": WakeKind.INBOUND, "audit": WakeKind.AUDIT, "calculated": WakeKind.AUDIT,
    "backfill": WakeKind.BACKFILL,
}  # fmt: skip
SYNCS = ("inbound", "audit", "calculated")
"""Kinds that the schedule or a person starts; the others are passes that a change or a conversation wakes."""

# Counts whose items were not taken over; everything else that was read counts as done.
_FAILED = ("failed", "skipped")


class RunInProgressError(Exception):
    """A sync of this app is queued or running; `run` is it."""

    def __init__(self, run: "Run") -> None:
        super().__init__(
            f"{_named(run)} of {run.app_id} is already {run.status} ({run.run_id}); wait for its end."
        )
        self.run = run


class UnknownAppError(LookupError):
    """The organisation has no such app."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stands. `reason` says why it ended as it did, or what it waits for."""

    org_id: str
    run_id: str
    app_id: str | None
    kind: str
    full_read: bool
    status: str
    triggered_by: str
    counts: Mapping[str, int]
    reason: str | None
    attempts: int
    requests_sent: int
    not_before: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    effects: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    engine: str | None = None

    @property
    def in_flight(self) -> bool:
        """Queued or running."""
        return self.status in ("queued", "running")

    @property
    def lane(self) -> Lane:
        """Where it runs: a full read must not stand in the way of the recurring ones of others."""
        return Lane.BACKFILL if self.full_read or self.kind == "backfill" else Lane.RECURRING

    @property
    def failed_items(self) -> int:
        """Records that were read and not taken over."""
        return sum(self.counts.get(name, 0) for name in _FAILED)

    @property
    def succeeded_items(self) -> int:
        """Records that were read and taken over, or needed nothing."""
        return max(0, self.counts.get("read", 0) - self.failed_items)


def job_status(run: Run | None) -> dict[str, Any]:
    """A run in the shape of Retell's JobStatus: status queued, running or idle, and counts."""
    if run is None:
        return {"status": "idle"}
    status: dict[str, Any] = {
        "status": run.status if run.in_flight else "idle",
        "triggered_by": "manual" if run.triggered_by == "manual" else "cron",
        "succeeded": run.succeeded_items,
        "failed": run.failed_items,
    }
    if run.started_at is not None:
        status["start_timestamp"] = to_ms(run.started_at)
    return status


class Runs:
    """Queues, takes up, postpones and ends runs."""

    def __init__(self, pool: Pool, jobs: JobQueue, ids: Ids) -> None:
        self._pool = pool
        self._jobs = jobs
        self._ids = ids

    async def queue(self, org_id: str, app_id: str, *, full_read: bool, triggered_by: Trigger) -> Run:
        """A new run, and the wake-up for it. Full where the app was never read completely.

        Raises RunInProgressError, UnknownAppError.
        """
        values = {
            "org_id": org_id, "app_id": app_id, "run_id": self._ids.new("run"),
            "full_read": full_read, "triggered_by": triggered_by,
        }  # fmt: skip
        async with self._pool.connection() as conn, conn.transaction():
            run = await _one(conn, "queue", values)
            if run is None:
                present = await _one(conn, "in_flight", values)
                if present is not None:
                    raise RunInProgressError(present)
                raise UnknownAppError(f"There is no app {app_id}.")
            await self._jobs.enqueue(conn, [Wake(WakeKind.INBOUND, org_id, app_id)])
        return run

    async def queue_audit(
        self, org_id: str, app_id: str, *, kind: AuditKind = "audit", triggered_by: Trigger
    ) -> Run:
        """A new audit, and the wake-up for it. Raises RunInProgressError, UnknownAppError."""
        values = {
            "org_id": org_id, "app_id": app_id, "run_id": self._ids.new("run"), "kind": kind,
            "triggered_by": triggered_by,
        }  # fmt: skip
        async with self._pool.connection() as conn, conn.transaction():
            run = await _first(conn, _audit_sql["queue"], values)
            if run is None:
                present = await _first(conn, _audit_sql["in_flight"], values)
                if present is not None:
                    raise RunInProgressError(present)
                raise UnknownAppError(f"There is no app {app_id}.")
            await self._jobs.enqueue(conn, [Wake(WakeKind.AUDIT, org_id, app_id)])
        return run

    async def due_audit(self, org_id: str, app_id: str) -> Run | None:
        """The audit that may be taken up now."""
        return await self._read_audit("due", org_id, app_id)

    async def audit_in_flight(self, org_id: str, app_id: str) -> Run | None:
        """The audit that is queued or running, be it of calculated fields alone."""
        return await self._read_audit("in_flight", org_id, app_id)

    async def last_audit(self, org_id: str, app_id: str) -> Run | None:
        """The newest whole audit, over or not."""
        return await self._read_audit("last", org_id, app_id)

    async def due(self, org_id: str, app_id: str) -> Run | None:
        """The run that may be taken up now: it waits for nothing."""
        return await self._read("due", org_id=org_id, app_id=app_id)

    async def in_flight(self, org_id: str, app_id: str) -> Run | None:
        """The run that is queued or running."""
        return await self._read("in_flight", org_id=org_id, app_id=app_id)

    async def get(self, org_id: str, run_id: str) -> Run | None:
        """The run of that id."""
        return await self._read("get", org_id=org_id, run_id=run_id)

    async def recent(
        self,
        org_id: str,
        app_id: str | None = None,
        limit: int = 20,
        *,
        kinds: Sequence[str] | None = None,
        before: str | None = None,
    ) -> list[Run]:
        """The newest runs, newest first: of these kinds, older than the run `before`."""
        async with self._pool.connection() as conn:
            chosen = None if kinds is None else list(kinds)
            values = {"org_id": org_id, "app_id": app_id, "limit": limit, "before": before, "kinds": chosen}
            rows = await (await conn.execute(_sql["recent"], values)).fetchall()
        return [run_from_row(row) for row in rows]

    async def take_up(self, lease: Lease, run_id: str, *, most_attempts: int) -> Run | None:
        """Starts work on a run; None if it is over. A run that had its attempts is ended as failed instead."""
        async with self._pool.connection() as conn, conn.transaction():
            await check(conn, lease)
            run = await _one(conn, "take_up", {"org_id": lease.org_id, "run_id": run_id})
            if run is None or run.attempts <= most_attempts:
                return run
            reason = f"It was begun {most_attempts} times without progress; the work seems to end its worker."
            return await self._end(conn, run, "failed", reason)

    async def postpone(self, lease: Lease, run: Run, delay: timedelta, reason: str, *, counted: bool) -> None:
        """Puts the rest off, and wakes for it. `counted`: this attempt counts against the run."""
        async with self._pool.connection() as conn, conn.transaction():
            await check(conn, lease)
            values = {"delay": delay, "reason": reason, "counted": counted}
            if await _one(conn, "postpone", {"org_id": run.org_id, "run_id": run.run_id, **values}):
                wake = Wake(_WAKES[run.kind], run.org_id, run.app_id or "", delay_s=delay.total_seconds())
                await self._jobs.enqueue(conn, [wake])

    async def succeed(self, lease: Lease, run: Run, reason: str | None = None) -> None:
        """Ends a run well; its app's issue about failed runs is over too."""
        await self._finish(lease, run, "succeeded", reason)

    async def fail(self, lease: Lease, run: Run, reason: str) -> None:
        """Ends a run with an issue that says why."""
        await self._finish(lease, run, "failed", reason)

    async def brake(self, lease: Lease, run: Run, reason: str) -> None:
        """Ends a run that the brake has stopped. The stop has an issue of its own."""
        await self._finish(lease, run, "braked", reason)

    async def _finish(self, lease: Lease, run: Run, status: str, reason: str | None) -> None:
        async with self._pool.connection() as conn, conn.transaction():
            await check(conn, lease)
            await self._end(conn, run, status, reason)

    async def _end(self, conn: Connection, run: Run, status: str, reason: str | None) -> Run | None:
        key = {"org_id": run.org_id, "run_id": run.run_id}
        ended = await _one(conn, "finish", {**key, "status": status, "reason": reason})
        if ended is None or status == "braked":
            return ended
        cause = {"org_id": run.org_id, "cause": f"run:{run.kind}:{run.app_id}"}
        if status == "succeeded":
            await conn.execute(_issues_sql["close_cause"], {**cause, "because": "a later run succeeded"})
            return ended
        issue = {
            **cause, "issue_id": self._ids.new("issue"), "kind": "run_failed", "severity": "error",
            "message": f"{_named(run)} ended without success. {reason}", "app_id": run.app_id, "run_id": run.run_id,
        }  # fmt: skip
        await conn.execute(_issues_sql["open"], issue)
        return ended

    async def _read_audit(self, query: str, org_id: str, app_id: str) -> Run | None:
        async with self._pool.connection() as conn:
            return await _first(conn, _audit_sql[query], {"org_id": org_id, "app_id": app_id})

    async def _read(self, query: str, **values: object) -> Run | None:
        async with self._pool.connection() as conn:
            return await _one(conn, query, values)


async def add_progress(
    conn: Connection, org_id: str, run_id: str, counts: Mapping[str, int], requests: int = 0
) -> None:
    """Adds a page's counts to a run, in the transaction of the page; earlier attempts are forgiven."""
    values = {"org_id": org_id, "run_id": run_id, "counts": Jsonb(dict(counts)), "requests": requests}
    await conn.execute(_sql["progress"], values)


async def _one(conn: Connection, query: str, values: Mapping[str, object]) -> Run | None:
    return await _first(conn, _sql[query], values)


async def _first(conn: Connection, query: SQL, values: Mapping[str, object]) -> Run | None:
    row = await (await conn.execute(query, values)).fetchone()
    return run_from_row(row) if row else None


def _named(run: Run) -> str:
    if run.kind == "backfill":
        return "A backfill"
    return "An audit" if run.kind in _AUDITS else "A sync"


def run_from_row(row: Mapping[str, Any]) -> Run:
    """A row of the run table."""
    counted = {
        name: {what: int(number) for what, number in row[name].items()} for name in ("counts", "errors")
    }
    return Run(**{**row, **counted})
