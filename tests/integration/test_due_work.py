"""Recurring syncs by due time, and the sweep that finds all work whose wake-up was lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.integration.work_support import APP, ORG, NotedWakes, execute, make_app

from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.store import Lane
from tieline.store.due_work import DueWork
from tieline.store.leases import Leases
from tieline.store.pool import Pool, make_pool

INBOUND = Wake(WakeKind.INBOUND, ORG, APP)
TENANT = "salesforce:00D1"


@pytest.fixture
async def pool(db_url: str) -> AsyncIterator[Pool]:
    async with make_pool(db_url) as pool:
        await make_app(pool)
        yield pool


@pytest.fixture
def jobs() -> NotedWakes:
    return NotedWakes()


@pytest.fixture
def due_work(pool: Pool, jobs: NotedWakes) -> DueWork:
    return DueWork(pool, jobs)


async def make_due(pool: Pool, changes: str = "updated_at = now()") -> None:
    await execute(pool, f"update app set next_sync_at = now() - interval '1 s', {changes}")


async def runs(pool: Pool) -> list[tuple[str, str, bool]]:
    rows = await execute(pool, "select status, triggered_by, full_read from run order by created_at")
    return [(row["status"], row["triggered_by"], row["full_read"]) for row in rows]


async def test_an_app_that_is_due_gets_a_run_and_its_next_time(
    pool: Pool, due_work: DueWork, jobs: NotedWakes
) -> None:
    await make_due(pool, "sync_interval_s = 300")
    assert await due_work.queue_due() == 1
    assert jobs.wakes == [INBOUND]
    assert await runs(pool) == [("queued", "cron", True)]
    (app,) = await execute(
        pool,
        "select next_sync_at between now() + interval '4 min' and now() + interval '6 min' as ok from app",
    )
    assert app["ok"]
    assert await due_work.queue_due() == 0


async def test_a_run_in_flight_is_not_doubled(pool: Pool, due_work: DueWork) -> None:
    for _ in range(2):
        await make_due(pool)
        await due_work.queue_due()
    assert len(await runs(pool)) == 1


async def test_workers_that_look_at_once_queue_one_run(pool: Pool, due_work: DueWork) -> None:
    await make_due(pool)
    assert sum(await asyncio.gather(*(due_work.queue_due() for _ in range(6)))) == 1


@pytest.mark.parametrize(
    "change",
    [
        "stopped_reason = 'another tenant'", "connection_status = 'error'", "deleted_at = now()",
        "next_sync_at = now() + interval '1 h'", "next_sync_at = null",
    ],
)  # fmt: skip
async def test_no_run_starts_for_an_app_that_may_not_run(pool: Pool, due_work: DueWork, change: str) -> None:
    assignments = change if "next_sync_at" in change else f"next_sync_at = now(), {change}"
    await execute(pool, f"update app set {assignments}")
    assert await due_work.queue_due() == 0
    assert await runs(pool) == []


async def test_an_app_that_is_not_linked_is_not_synced(pool: Pool, due_work: DueWork) -> None:
    await make_due(pool)
    await execute(pool, "update crm_config set app_id = null")
    assert await due_work.queue_due() == 0


async def test_an_app_that_could_not_be_reached_is_tried_again_without_a_run(
    pool: Pool, due_work: DueWork, jobs: NotedWakes
) -> None:
    await make_due(
        pool, "mappings_checked = false, connection_status = 'not_connected', auth_ciphertext = 'x'"
    )
    assert await due_work.queue_due() == 1
    assert jobs.wakes == [INBOUND]
    assert await runs(pool) == []
    assert await due_work.queue_due() == 0


async def swept(due_work: DueWork, jobs: NotedWakes) -> list[Wake]:
    jobs.wakes.clear()
    await due_work.sweep()
    return jobs.wakes


async def test_an_idle_system_wakes_nobody(due_work: DueWork, jobs: NotedWakes) -> None:
    assert await swept(due_work, jobs) == []


async def test_a_run_without_a_worker_is_found_and_one_with_a_worker_is_left(
    pool: Pool, due_work: DueWork, jobs: NotedWakes
) -> None:
    await make_due(pool)
    await due_work.queue_due()
    assert await swept(due_work, jobs) == [INBOUND]
    lease = await Leases(pool).acquire(ORG, APP, Lane.BACKFILL, "worker")
    assert lease is not None
    assert await swept(due_work, jobs) == []
    await Leases(pool).release(lease)
    await execute(pool, "update run set status = 'running'")
    assert await swept(due_work, jobs) == [INBOUND]
    await execute(pool, "update run set not_before = now() + interval '1 h'")
    assert await swept(due_work, jobs) == []


async def test_dirty_links_are_found(pool: Pool, due_work: DueWork, jobs: NotedWakes) -> None:
    await execute(
        pool,
        "insert into link (org_id, tenant_key, external_id, status, dirty_at) values (%s, %s, '1', 'open', now())",
        ORG,
        TENANT,
    )
    assert await swept(due_work, jobs) == [Wake(WakeKind.PUSH, ORG, APP)]
    await execute(pool, "update link set push_not_before = now() + interval '1 h'")
    assert await swept(due_work, jobs) == []


async def test_due_activities_are_found(pool: Pool, due_work: DueWork, jobs: NotedWakes) -> None:
    await execute(
        pool,
        "insert into activity (org_id, tenant_key, platform, conversation_id, contact_id, external_id, status, due_at)"
        " values (%s, %s, 'retell', 'call_1', 'c', '1', 'due', now())",
        ORG,
        TENANT,
    )
    assert await swept(due_work, jobs) == [Wake(WakeKind.ACTIVITY, ORG, APP)]


async def test_due_conversations_are_found_unless_claimed(
    pool: Pool, due_work: DueWork, jobs: NotedWakes
) -> None:
    await execute(
        pool,
        "insert into conversation (org_id, platform, conversation_id, type, status, due_at)"
        " values (%s, 'retell', 'call_1', 'call', 'ended', now())",
        ORG,
    )
    assert await swept(due_work, jobs) == [Wake(WakeKind.ANALYSIS, ORG)]
    await execute(pool, "update conversation set claim_until = now() + interval '1 min'")
    assert await swept(due_work, jobs) == []


async def test_work_that_is_put_off_says_when_it_is_due(pool: Pool, due_work: DueWork) -> None:
    assert await due_work.next_due_s(WakeKind.PUSH, ORG, TENANT) is None
    await execute(
        pool,
        "insert into link (org_id, tenant_key, external_id, status, dirty_at, push_not_before)"
        " values (%s, %s, '1', 'open', now(), now() + interval '1 h'), (%s, %s, '2', 'open', now(), null)",
        *(ORG, TENANT) * 2,
    )
    await execute(
        pool,
        "insert into conversation (org_id, platform, conversation_id, type, status, due_at)"
        " values (%s, 'retell', 'call_1', 'call', 'ended', now() + interval '2 h')",
        ORG,
    )
    seconds = [
        await due_work.next_due_s(WakeKind.PUSH, ORG, TENANT), await due_work.next_due_s(WakeKind.ANALYSIS, ORG)
    ]  # fmt: skip
    assert [round((s or 0) / 3600, 1) for s in seconds] == [1.0, 2.0]
    assert await due_work.next_due_s(WakeKind.ACTIVITY, ORG, TENANT) is None
    assert await due_work.next_due_s(WakeKind.PUSH, "org_2", TENANT) is None
