"""Which apps are due and where work lies: what the worker's schedule asks for, in one statement each.

Works across organisations, since it is a worker's view; nothing in it is ever shown to anybody.
"""

from tieline.domain.audit import DEFAULT_AUDIT_HOURS, DEFAULT_CALCULATED_HOURS
from tieline.ports.jobs import JobQueue, Wake, WakeKind
from tieline.store.pool import Pool, Queries

_sql = Queries("schedule")
_audit_sql = Queries("audit")
_AUDIT_HOURS = {"audit_hours": DEFAULT_AUDIT_HOURS, "calculated_hours": DEFAULT_CALCULATED_HOURS}


class DueWork:
    """Turns due times and lying work into runs and wake-ups."""

    def __init__(self, pool: Pool, jobs: JobQueue) -> None:
        self._pool = pool
        self._jobs = jobs

    async def queue_due(self) -> int:
        """Queues the recurring runs that are due and wakes for them; how many apps were due.

        An app that is not connected yet gets a wake-up without a run: its connection is to be tried again.
        """
        async with self._pool.connection() as conn, conn.transaction():
            wakes = [
                Wake(WakeKind.INBOUND, row["org_id"], row["app_id"])
                for name in ("queue_due", "unconnected_due")
                for row in await (await conn.execute(_sql[name])).fetchall()
            ]
            await self._jobs.enqueue(conn, wakes)
        return len(wakes)

    async def sweep(self) -> int:
        """Wakes for everything that has work; how many wake-ups. One too many costs a look, one too few nothing.

        Audits come round in hours, so their clock is looked at here and not each second.
        """
        async with self._pool.connection() as conn, conn.transaction():
            await conn.execute(_audit_sql["queue_due"], _AUDIT_HOURS)
            rows = await (await conn.execute(_sql["work"])).fetchall()
            wakes = [Wake(WakeKind(row["kind"]), row["org_id"], row["app_id"]) for row in rows]
            await self._jobs.enqueue(conn, wakes)
        return len(wakes)

    async def next_due_s(self, kind: WakeKind, org_id: str, tenant_key: str = "") -> float | None:
        """Seconds until work of that kind that is put off; None if there is none."""
        values = {"kind": str(kind), "org_id": org_id, "tenant_key": tenant_key}
        async with self._pool.connection() as conn:
            row = await (await conn.execute(_sql["next_due"], values)).fetchone()
        return row["seconds"] if row else None
