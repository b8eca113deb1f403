"""An organisation with an app, and a queue that only writes down what it was told."""

from typing import Any

from tests.support import CountingIds

from tieline.ports.jobs import Wake
from tieline.store.pool import Pool

ORG, APP = "org_1", "app_1"


class NotedWakes:
    """The enqueuing half of a `JobQueue`."""

    def __init__(self) -> None:
        self.wakes: list[Wake] = []

    async def enqueue(self, connection: Any, wakes: list[Wake]) -> None:
        self.wakes += wakes

    async def run(self, handlers: Any) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError


async def execute(pool: Pool, query: str, *values: object) -> list[dict[str, Any]]:
    async with pool.connection() as conn:
        cursor = await conn.execute(query.encode(), values)
        return await cursor.fetchall() if cursor.description else []


async def make_app(pool: Pool, app_id: str = APP, org_id: str = ORG, **columns: object) -> None:
    """An organisation (once) with a connected, checked and linked app."""
    await execute(
        pool, "insert into organisation (org_id, name) values (%s, 'One') on conflict do nothing", org_id
    )
    values = {
        "org_id": org_id, "app_id": app_id, "type": "crm", "provider": "salesforce", "tenant_id": "00D1",
        "connection_status": "connected", "mappings_checked": True, **columns,
    }  # fmt: skip
    names = ", ".join(values)
    places = ", ".join(["%s"] * len(values))
    await execute(pool, f"insert into app ({names}) values ({places})", *values.values())
    await execute(
        pool,
        "insert into crm_config (org_id, app_id) values (%s, %s)"
        " on conflict (org_id) do update set app_id = excluded.app_id",
        org_id,
        app_id,
    )


def ids() -> CountingIds:
    return CountingIds()
