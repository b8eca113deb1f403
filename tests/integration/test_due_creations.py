"""Records that are still to be created are found by the sweep, where the app creates any."""

import pytest
from psycopg.types.json import Jsonb
from tests.integration.test_due_work import TENANT, due_work, jobs, pool
from tests.integration.work_support import APP, ORG, NotedWakes, execute

from tieline.ports.jobs import Wake, WakeKind
from tieline.store.due_work import DueWork
from tieline.store.pool import Pool

__all__ = ["due_work", "jobs", "pool"]


async def wanted(pool: Pool, *, status: str, due: str, setting: object) -> None:
    await execute(pool, "update app set crm_config = %s", Jsonb({"sync_new_contacts": setting}))
    await execute(
        pool,
        "insert into record_creation (org_id, tenant_key, contact_id, status, due_at)"
        f" values (%s, %s, 'c1', %s, now() + interval '{due}')",
        ORG,
        TENANT,
        status,
    )


@pytest.mark.parametrize(
    ("status", "due", "setting", "wakes"),
    [
        ("due", "-1 s", True, 1),
        ("due", "1 h", True, 0),
        ("due", "-1 s", False, 0),
        ("due", "-1 s", None, 0),
        ("done", "-1 s", True, 0),
    ],
)
async def test_the_sweep_wakes_for_a_record_that_is_due(
    pool: Pool, due_work: DueWork, jobs: NotedWakes, status: str, due: str, setting: object, wakes: int
) -> None:
    await wanted(pool, status=status, due=due, setting=setting)
    assert await due_work.sweep() == wakes
    assert jobs.wakes == [Wake(WakeKind.ACTIVITY, ORG, APP)] * wakes


async def test_a_record_that_is_put_off_says_for_how_long(pool: Pool, due_work: DueWork) -> None:
    await wanted(pool, status="due", due="20 s", setting=True)
    seconds = await due_work.next_due_s(WakeKind.ACTIVITY, ORG, TENANT)
    assert seconds is not None
    assert 10 < seconds <= 20
