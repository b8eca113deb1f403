"""What a decision about an issue needs of the store besides its changeset. Part of the flow's unit of work.

Decides nothing.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from tieline.ports.config import AppConfig
from tieline.ports.jobs import JobQueue, Wake, WakeKind
from tieline.ports.store import UnitOfWork
from tieline.store.apps import Apps
from tieline.store.issues import Issue, Replay, replay_on
from tieline.store.pool import Connection, Queries
from tieline.store.unit_of_work import PostgresStore, PostgresUnitOfWork

_sql = Queries("issues")
_apps_sql = Queries("apps")


class ReviewDesk:
    """Implements the reviewing flow's `ReviewStore`."""

    def __init__(self, store: PostgresStore, apps: Apps, jobs: JobQueue) -> None:
        self._store = store
        self._apps = apps
        self._jobs = jobs

    def transaction(self) -> AbstractAsyncContextManager[PostgresUnitOfWork]:
        """Opens a unit of work."""
        return self._store.transaction()

    async def issue(self, unit: UnitOfWork, org_id: str, issue_id: str) -> Issue | None:
        """The open issue of that id. Not locked: records and contacts are locked before issues."""
        for row in await _rows(unit, _sql, "get", org_id=org_id, issue_id=issue_id):
            issue = Issue(**row)
            return issue if issue.closed_at is None else None
        return None

    async def close(self, unit: UnitOfWork, org_id: str, issue_id: str, because: str) -> bool:
        """Closes it; False if it is closed already."""
        return bool(await _rows(unit, _sql, "close", org_id=org_id, issue_id=issue_id, because=because))

    async def replay(self, unit: UnitOfWork, org_id: str, issue_ids: Collection[str]) -> Sequence[str]:
        """Has what these issues are about done again."""
        return await replay_on(_connection(unit), self._jobs, org_id, Replay(issue_ids=list(issue_ids)))

    async def app(self, unit: UnitOfWork, org_id: str, app_id: str) -> AppConfig | None:
        """An app's configuration."""
        for row in await _rows(unit, _apps_sql, "get", org_id=org_id, app_id=app_id):
            return self._apps.from_row(row)
        return None

    async def sync_soon(self, unit: UnitOfWork, org_id: str, app_id: str) -> None:
        """Lets the app's next recurring read be due now."""
        await _connection(unit).execute(_sql["sync_soon"], {"org_id": org_id, "app_id": app_id})
        await self._jobs.enqueue(_connection(unit), [Wake(WakeKind.INBOUND, org_id, app_id)])


def _connection(unit: UnitOfWork) -> Connection:
    assert isinstance(unit, PostgresUnitOfWork)
    return unit.connection


async def _rows(unit: UnitOfWork, sql: Queries, query: str, **values: Any) -> list[dict[str, Any]]:
    return await (await _connection(unit).execute(sql[query], values)).fetchall()
