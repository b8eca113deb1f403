"""Audits come round by their own clocks, one at a time, and their wake-ups are not lost."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb
from tests.integration.work_support import APP, ORG, NotedWakes, execute, ids, make_app

from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.store import Lane
from tieline.store.due_work import DueWork
from tieline.store.leases import Leases
from tieline.store.pool import Pool, make_pool
from tieline.store.runs import RunInProgressError, Runs, UnknownAppError

AUDIT = Wake(WakeKind.AUDIT, ORG, APP)
MAPPED = [{"external_field_name": "Tier", "field_name": "tier"}]


@pytest.fixture
async def pool(db_url: str) -> AsyncIterator[Pool]:
    async with make_pool(db_url) as pool:
        schema = Jsonb([{"name": "Tier", "label": "Tier", "kind": "string", "calculated": True}])
        await make_app(pool, schema=schema)
        yield pool


@pytest.fixture
def jobs() -> NotedWakes:
    return NotedWakes()


@pytest.fixture
def due_work(pool: Pool, jobs: NotedWakes) -> DueWork:
    return DueWork(pool, jobs)


@pytest.fixture
def runs(pool: Pool, jobs: NotedWakes) -> Runs:
    return Runs(pool, jobs, ids())


async def first_read(pool: Pool, hours_ago: float, tenant: str = "salesforce:00D1") -> None:
    await execute(
        pool,
        "insert into read_state (org_id, app_id, kind, tenant_key, completed_at)"
        " values (%s, %s, 'full', %s, now() - %s)", ORG, APP, tenant, timedelta(hours=hours_ago),
    )  # fmt: skip


async def configure(pool: Pool, **settings: object) -> None:
    await execute(pool, "update app set crm_config = %s", Jsonb(settings))


async def pass_hours(pool: Pool, hours: float) -> None:
    """As if everything had happened so much earlier."""
    await execute(pool, "update run set created_at = created_at - %s", timedelta(hours=hours))


async def queued(pool: Pool) -> list[tuple[str, str]]:
    return [
        (r["kind"], r["triggered_by"])
        for r in await execute(pool, "select * from run where status = 'queued'")
    ]


async def end(pool: Pool) -> None:
    await execute(pool, "update run set status = 'succeeded'")


async def test_the_first_audit_comes_a_day_after_the_first_read_and_then_daily(
    pool: Pool, due_work: DueWork, jobs: NotedWakes
) -> None:
    await due_work.sweep()
    assert await queued(pool) == [], "nothing was read yet"
    await first_read(pool, 23.9)
    await due_work.sweep()
    assert await queued(pool) == []
    await execute(pool, "update read_state set completed_at = now() - interval '25 h'")
    await due_work.sweep()
    assert await queued(pool) == [("audit", "cron")]
    assert AUDIT in jobs.wakes
    await end(pool)
    await pass_hours(pool, 23)
    await due_work.sweep()
    assert await queued(pool) == []
    await pass_hours(pool, 1.1)
    await due_work.sweep()
    assert await queued(pool) == [("audit", "cron")]


async def test_calculated_fields_have_a_clock_of_their_own_where_they_are_mapped(
    pool: Pool, due_work: DueWork
) -> None:
    await first_read(pool, 7)
    await due_work.sweep()
    assert await queued(pool) == []
    await configure(pool, inbound_sync_mappings=MAPPED)
    await due_work.sweep()
    assert await queued(pool) == [("calculated", "cron")]
    await end(pool)
    await pass_hours(pool, 5.9)
    await due_work.sweep()
    assert await queued(pool) == []
    await execute(pool, "insert into run (org_id, run_id, app_id, kind, full_read, status, triggered_by, created_at)"
                        " values (%s, 'run_a', %s, 'audit', true, 'succeeded', 'manual', now())", ORG, APP)  # fmt: skip
    await pass_hours(pool, 1)
    await due_work.sweep()
    assert await queued(pool) == [], "an audit compares them too"


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({"audit_interval_hours": 0}, ["calculated"]),
        ({"calculated_interval_hours": 0}, ["audit"]),
        ({"audit_interval_hours": 0, "calculated_interval_hours": 0}, []),
        ({"audit_interval_hours": 200, "calculated_interval_hours": 200}, []),
        ({"audit_interval_hours": 48}, ["audit"]),
    ],
)
async def test_the_intervals_are_settings_and_nought_is_never(
    pool: Pool, due_work: DueWork, settings: dict[str, int], kinds: list[str]
) -> None:
    await first_read(pool, 100)
    await configure(pool, inbound_sync_mappings=MAPPED, **settings)
    await due_work.sweep()
    assert [kind for kind, _ in await queued(pool)] == kinds


@pytest.mark.parametrize(
    "change",
    [
        "update app set stopped_reason = 'another tenant'", "update app set connection_status = 'error'",
        "update app set deleted_at = now()", "update crm_config set app_id = null",
        "update app set tenant_id = 'another'", "update app set mappings_checked = false",
    ],
)  # fmt: skip
async def test_no_audit_starts_for_an_app_that_may_not_run(
    pool: Pool, due_work: DueWork, change: str
) -> None:
    await first_read(pool, 100)
    await execute(pool, change)
    await due_work.sweep()
    assert await queued(pool) == []


async def test_no_audit_is_queued_while_a_full_sync_is_to_come(
    pool: Pool, due_work: DueWork, runs: Runs
) -> None:
    await first_read(pool, 100)
    await runs.queue(ORG, APP, full_read=True, triggered_by="manual")
    await due_work.sweep()
    assert await queued(pool) == [("inbound", "manual")]


async def test_one_audit_of_an_app_is_in_flight_and_a_sync_beside_it(
    pool: Pool, due_work: DueWork, runs: Runs, jobs: NotedWakes
) -> None:
    await first_read(pool, 100)
    run = await runs.queue_audit(ORG, APP, triggered_by="manual")
    assert (run.kind, run.lane) == ("audit", Lane.BACKFILL)
    assert jobs.wakes == [AUDIT]
    with pytest.raises(RunInProgressError, match="An audit of"):
        await runs.queue_audit(ORG, APP, kind="calculated", triggered_by="manual")
    with pytest.raises(UnknownAppError):
        await runs.queue_audit(ORG, "nothing", triggered_by="manual")
    sync = await runs.queue(ORG, APP, full_read=False, triggered_by="manual")
    assert await runs.in_flight(ORG, APP) == sync
    assert await runs.audit_in_flight(ORG, APP) == await runs.due_audit(ORG, APP) == run
    await due_work.sweep()
    assert sorted(await queued(pool)) == [("audit", "manual"), ("inbound", "manual")]


async def test_an_audit_that_is_put_off_wakes_the_auditor_and_one_that_fails_says_it_was_an_audit(
    pool: Pool, runs: Runs, jobs: NotedWakes
) -> None:
    run = await runs.queue_audit(ORG, APP, triggered_by="manual")
    lease = await Leases(pool).acquire(ORG, APP, Lane.BACKFILL, "worker")
    assert lease is not None
    taken = await runs.take_up(lease, run.run_id, most_attempts=8)
    assert taken is not None
    await runs.postpone(lease, taken, timedelta(seconds=9), "the CRM asked for patience", counted=False)
    assert jobs.wakes[-1] == Wake(WakeKind.AUDIT, ORG, APP, 9.0)
    assert await runs.due_audit(ORG, APP) is None
    await runs.fail(lease, taken, "It could not be.")
    (issue,) = await execute(pool, "select * from issue")
    assert issue["message"] == "An audit ended without success. It could not be."
    last = await runs.last_audit(ORG, APP)
    assert last is not None
    assert last.status == "failed"


async def test_an_audit_of_a_dead_worker_is_woken_for_when_its_lease_has_ended(
    pool: Pool, due_work: DueWork, runs: Runs, jobs: NotedWakes
) -> None:
    await runs.queue_audit(ORG, APP, triggered_by="manual")
    await Leases(pool).acquire(ORG, APP, Lane.BACKFILL, "worker")
    jobs.wakes.clear()
    await due_work.sweep()
    assert jobs.wakes == []
    await execute(pool, "update lease set expires_at = now() - interval '1 s'")
    await due_work.sweep()
    assert jobs.wakes == [AUDIT]
