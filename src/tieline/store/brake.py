"""The brake's stops in PostgreSQL, and the figures that it decides by. Decides nothing."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from tieline.domain.brake import Brake, BrakeFlow, BrakeKind, BrakeStatus
from tieline.ports.brake import DoneSoFar
from tieline.ports.clock import Ids
from tieline.ports.creating import CreationRow
from tieline.ports.jobs import JobQueue, Wake, WakeKind
from tieline.ports.store import UnitOfWork
from tieline.store.pool import Connection, Queries
from tieline.store.unit_of_work import PostgresStore, PostgresUnitOfWork

_sql = Queries("brake")
_AUDITS = (BrakeFlow.AUDIT, BrakeFlow.CALCULATED)


class PostgresBrakes:
    """Implements `ports.brake.BrakeBook` on the connection of a unit of work."""

    async def standing(
        self, uow: UnitOfWork, org_id: str, app_id: str, flow: BrakeFlow, *, lock: bool = False
    ) -> Brake | None:
        """The stop of that flow that has not ended."""
        query = "standing_locked" if lock else "standing"
        rows = await _rows(uow, query, org_id=org_id, app_id=app_id, flow=flow.value)
        return _brake(rows[0]) if rows else None

    async def put(self, uow: UnitOfWork, brake: Brake) -> None:
        """Inserts a stop, or replaces it."""
        shown = {kind.value: list(figures) for kind, figures in brake.shown.items()}
        names = ("org_id", "brake_id", "app_id", "known", "run_id", "stopped_at", "seen_at", "decided_at", "decided_by",
                 "note", "expires_at", "ended_at", "ended_because")  # fmt: skip
        values = {name: getattr(brake, name) for name in names}
        await _connection(uow).execute(
            _sql["put"],
            {
                **values, "flow": brake.flow.value, "status": brake.status.value, "shown": Jsonb(shown),
                "sample": Jsonb(list(brake.sample)), "settings": Jsonb(brake.settings),
            },
        )  # fmt: skip

    async def done_so_far(self, uow: UnitOfWork, org_id: str, run_id: str, flow: BrakeFlow) -> DoneSoFar:
        """What earlier attempts at a run did in one flow."""
        rows = await _rows(uow, "done_so_far", org_id=org_id, run_id=run_id)
        if not rows:
            return DoneSoFar()
        named = ((name.partition(":"), int(n)) for name, n in rows[0]["effects"].items())
        counts = {BrakeKind(kind): n for (of, _, kind), n in named if of == flow.value}
        return DoneSoFar(counts, rows[0]["read"])

    async def add_done(
        self, uow: UnitOfWork, org_id: str, run_id: str, flow: BrakeFlow, counts: Mapping[BrakeKind, int]
    ) -> None:
        """Adds to it."""
        added = Jsonb({f"{flow.value}:{kind.value}": number for kind, number in counts.items()})
        await _connection(uow).execute(
            _sql["add_done"], {"org_id": org_id, "run_id": run_id, "counts": added}
        )

    async def linked(self, uow: UnitOfWork, org_id: str, tenant_key: str) -> int:
        """How many contacts are linked to a record of the tenant."""
        number: int = (await _rows(uow, "linked", org_id=org_id, tenant_key=tenant_key))[0]["number"]
        return number

    async def push_backlog(self, uow: UnitOfWork, org_id: str, tenant_key: str) -> int:
        """How many dirty links no conversation of the hour before has made dirty."""
        number: int = (await _rows(uow, "push_backlog", org_id=org_id, tenant_key=tenant_key))[0]["number"]
        return number

    async def in_push_backlog(
        self, uow: UnitOfWork, org_id: str, tenant_key: str, after: str, limit: int
    ) -> Sequence[str]:
        """External ids of these links."""
        rows = await _rows(
            uow, "in_push_backlog", org_id=org_id, tenant_key=tenant_key, after=after, limit=limit
        )
        return [row["external_id"] for row in rows]

    async def creation_backlog(
        self, uow: UnitOfWork, org_id: str, tenant_key: str, now: datetime, limit: int
    ) -> tuple[int, Sequence[str]]:
        """How many due intents no conversation of the hour before has made, and the first contacts."""
        rows = await _rows(
            uow, "creation_backlog", org_id=org_id, tenant_key=tenant_key, now=now, limit=limit
        )
        return (rows[0]["number"] if rows else 0), [row["contact_id"] for row in rows]

    async def pushes_apart_from_it(
        self, uow: UnitOfWork, org_id: str, tenant_key: str, limit: int, now: datetime
    ) -> Sequence[str]:
        """External ids of dirty links that a conversation has made dirty."""
        rows = await _rows(uow, "pushes_apart", org_id=org_id, tenant_key=tenant_key, limit=limit, now=now)
        return [row["external_id"] for row in rows]

    async def creations_apart_from_it(
        self, uow: UnitOfWork, org_id: str, tenant_key: str, limit: int, now: datetime
    ) -> Sequence[CreationRow]:
        """Due intents that a conversation has made."""
        rows = await _rows(uow, "creations_apart", org_id=org_id, tenant_key=tenant_key, limit=limit, now=now)
        return [CreationRow(**row) for row in rows]


class BrakeDesk(PostgresBrakes):
    """Implements the `BrakeStore` of `flows.brake_answers`: what a person's answer needs besides."""

    def __init__(self, store: PostgresStore, jobs: JobQueue, ids: Ids) -> None:
        self._store = store
        self._jobs = jobs
        self._ids = ids

    def transaction(self) -> AbstractAsyncContextManager[PostgresUnitOfWork]:
        """Opens a unit of work."""
        return self._store.transaction()

    async def get(self, uow: UnitOfWork, org_id: str, brake_id: str, *, lock: bool = False) -> Brake | None:
        """The stop of that id, over or not."""
        query = "get_locked" if lock else "get"
        rows = await _rows(uow, query, org_id=org_id, brake_id=brake_id)
        return _brake(rows[0]) if rows else None

    async def find(
        self, uow: UnitOfWork, org_id: str, app_id: str | None, limit: int, *, ended: bool
    ) -> Sequence[Brake]:
        """Stops, the newest first; with `ended` also those that are over."""
        rows = await _rows(uow, "list", org_id=org_id, app_id=app_id, limit=limit, all=ended)
        return [_brake(row) for row in rows]

    async def go_on(self, uow: UnitOfWork, brake: Brake) -> None:
        """Has what was stopped done again, now."""
        org_id, app_id, flow = brake.org_id, brake.app_id, brake.flow
        kind = {BrakeFlow.PUSH: WakeKind.PUSH, BrakeFlow.CREATING: WakeKind.ACTIVITY}.get(
            flow, WakeKind.INBOUND
        )
        if flow in _AUDITS:
            kind = WakeKind.AUDIT
        if kind in (WakeKind.INBOUND, WakeKind.AUDIT):
            values = {
                "org_id": org_id, "app_id": app_id, "run_id": self._ids.new("run"),
                "kind": flow.value if flow in _AUDITS else "inbound",
                "full_read": flow in (BrakeFlow.FULL, *_AUDITS),
            }  # fmt: skip
            await _connection(uow).execute(_sql["queue_run"], values)
        await self._jobs.enqueue(_connection(uow), [Wake(kind, org_id, app_id)])


def _brake(row: Mapping[str, Any]) -> Brake:
    shown = {BrakeKind(kind): (int(n), int(limit)) for kind, (n, limit) in row["shown"].items()}
    return Brake(
        **{
            **row, "flow": BrakeFlow(row["flow"]), "status": BrakeStatus(row["status"]), "shown": shown,
            "sample": tuple(row["sample"]),
        }
    )  # fmt: skip


def _connection(uow: UnitOfWork) -> Connection:
    assert isinstance(uow, PostgresUnitOfWork), "stops lie in the database of the unit of work"
    return uow.connection


async def _rows(uow: UnitOfWork, name: str, **values: Any) -> list[dict[str, Any]]:
    return await (await _connection(uow).execute(_sql[name], values)).fetchall()
