"""Runs: one in flight per app, attempts counted before the work, never taken up for ever."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.integration.work_support import APP, ORG, NotedWakes, execute, ids, make_app

from tieline.ports.errors import LeaseLostError
from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.store import Lane, Lease
from tieline.store.issues import Issues
from tieline.store.leases import Leases
from tieline.store.pool import Pool, make_pool
from tieline.store.runs import Run, RunInProgressError, Runs, UnknownAppError, add_progress, job_status

NO_WAIT = timedelta(0)


@pytest.fixture
async def pool(db_url: str) -> AsyncIterator[Pool]:
    async with make_pool(db_url) as pool:
        await make_app(pool)
        yield pool


@pytest.fixture
def jobs() -> NotedWakes:
    return NotedWakes()


@pytest.fixture
def runs(pool: Pool, jobs: NotedWakes) -> Runs:
    return Runs(pool, jobs, ids())


@pytest.fixture
async def lease(pool: Pool) -> Lease:
    lease = await Leases(pool).acquire(ORG, APP, Lane.RECURRING, "worker")
    assert lease is not None
    return lease


async def taken_up(runs: Runs, lease: Lease, run: Run, most_attempts: int = 3) -> Run:
    taken = await runs.take_up(lease, run.run_id, most_attempts=most_attempts)
    assert taken is not None
    return taken


async def test_a_queued_run_wakes_the_inbound_flow(runs: Runs, jobs: NotedWakes) -> None:
    run = await runs.queue(ORG, APP, full_read=False, triggered_by="manual")
    assert (run.status, run.attempts, run.counts) == ("queued", 0, {})
    assert jobs.wakes == [Wake(WakeKind.INBOUND, ORG, APP)]
    assert await runs.due(ORG, APP) == run


async def test_a_second_run_of_an_app_is_refused_by_naming_the_first(runs: Runs, lease: Lease) -> None:
    first = await runs.queue(ORG, APP, full_read=False, triggered_by="cron")
    with pytest.raises(RunInProgressError, match=first.run_id):
        await runs.queue(ORG, APP, full_read=True, triggered_by="manual")
    await runs.succeed(lease, first)
    await runs.queue(ORG, APP, full_read=True, triggered_by="manual")


async def test_of_runs_queued_at_once_one_is_queued(runs: Runs) -> None:
    tries = (runs.queue(ORG, APP, full_read=False, triggered_by="manual") for _ in range(8))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, Run) for result in results) == 1
    assert sum(isinstance(result, RunInProgressError) for result in results) == 7


async def test_an_app_of_another_organisation_is_unknown(runs: Runs) -> None:
    with pytest.raises(UnknownAppError):
        await runs.queue("org_2", APP, full_read=False, triggered_by="manual")


async def test_a_run_without_an_earlier_first_read_is_full(runs: Runs, pool: Pool, lease: Lease) -> None:
    first = await runs.queue(ORG, APP, full_read=False, triggered_by="cron")
    assert (first.full_read, first.lane) == (True, Lane.BACKFILL)
    await runs.succeed(lease, first)
    await execute(
        pool,
        "insert into read_state (org_id, app_id, kind, completed_at) values (%s, %s, 'full', now())",
        ORG,
        APP,
    )
    second = await runs.queue(ORG, APP, full_read=False, triggered_by="cron")
    assert (second.full_read, second.lane) == (False, Lane.RECURRING)


async def test_attempts_are_counted_when_work_begins_and_forgiven_by_progress(
    runs: Runs, pool: Pool, lease: Lease
) -> None:
    run = await runs.queue(ORG, APP, full_read=False, triggered_by="manual")
    assert [(await taken_up(runs, lease, run)).attempts for _ in range(2)] == [1, 2]
    await execute(
        pool, "insert into read_state (org_id, app_id, kind, cursor) values (%s, %s, 'full', '{}')", ORG, APP
    )
    async with pool.connection() as conn:
        await add_progress(conn, ORG, run.run_id, {"read": 3, "created": 2}, requests=4)
        await add_progress(conn, ORG, run.run_id, {"read": 2, "skipped": 1}, requests=1)
    present = await runs.get(ORG, run.run_id)
    assert present is not None
    assert present.counts == {"read": 5, "created": 2, "skipped": 1}
    assert (present.attempts, present.requests_sent) == (1, 5)


async def test_a_last_page_that_each_attempt_reads_anew_forgives_nothing(
    runs: Runs, pool: Pool, lease: Lease
) -> None:
    # Else work behind the last page that kills its worker would be taken up for ever.
    run = await runs.queue(ORG, APP, full_read=False, triggered_by="manual")
    await execute(pool, "insert into read_state (org_id, app_id, kind) values (%s, %s, 'changes')", ORG, APP)
    statuses = []
    for _ in range(4):
        taken = await taken_up(runs, lease, run)
        statuses.append((taken.status, taken.attempts))
        async with pool.connection() as conn:
            await add_progress(conn, ORG, run.run_id, {"read": 7})
    assert statuses == [("running", 1), ("running", 2), ("running", 3), ("failed", 4)]


async def test_a_run_begun_too_often_without_progress_fails_with_an_issue(
    runs: Runs, pool: Pool, jobs: NotedWakes, lease: Lease
) -> None:
    run = await runs.queue(ORG, APP, full_read=False, triggered_by="manual")
    taken = [await taken_up(runs, lease, run, most_attempts=2) for _ in range(3)]
    assert [t.status for t in taken] == ["running", "running", "failed"]
    assert await runs.due(ORG, APP) is None
    (issue,) = await Issues(pool, jobs, ids()).find(ORG)
    assert (issue.kind, issue.run_id, issue.app_id) == ("run_failed", run.run_id, APP)
    assert "2 times" in issue.message


async def test_a_postponed_run_is_not_due_and_wakes_later(runs: Runs, jobs: NotedWakes, lease: Lease) -> None:
    run = await taken_up(runs, lease, await runs.queue(ORG, APP, full_read=False, triggered_by="manual"))
    await runs.postpone(lease, run, timedelta(seconds=600), "The CRM is busy.", counted=False)
    assert await runs.due(ORG, APP) is None
    waiting = await runs.in_flight(ORG, APP)
    assert waiting is not None
    assert (waiting.status, waiting.reason, waiting.attempts) == ("queued", "The CRM is busy.", 0)
    assert jobs.wakes[-1] == Wake(WakeKind.INBOUND, ORG, APP, delay_s=600.0)


async def test_a_postponement_that_counts_leaves_the_attempt(runs: Runs, lease: Lease) -> None:
    run = await taken_up(runs, lease, await runs.queue(ORG, APP, full_read=False, triggered_by="manual"))
    await runs.postpone(lease, run, NO_WAIT, "It did not answer.", counted=True)
    due = await runs.due(ORG, APP)
    assert due is not None
    assert due.attempts == 1


async def test_success_closes_the_issue_of_an_earlier_failure(
    runs: Runs, pool: Pool, jobs: NotedWakes, lease: Lease
) -> None:
    await runs.fail(lease, await runs.queue(ORG, APP, full_read=False, triggered_by="cron"), "No permission.")
    issues = Issues(pool, jobs, ids())
    assert [issue.message for issue in await issues.find(ORG)] == [
        "A sync ended without success. No permission."
    ]
    await runs.succeed(lease, await runs.queue(ORG, APP, full_read=False, triggered_by="cron"))
    assert await issues.find(ORG) == []
    (config,) = await execute(pool, "select last_sync_at from crm_config")
    assert config["last_sync_at"] is not None


async def test_a_worker_that_lost_its_lane_changes_no_run(runs: Runs, pool: Pool, lease: Lease) -> None:
    run = await runs.queue(ORG, APP, full_read=False, triggered_by="manual")
    await execute(pool, "update lease set token = token + 1")
    with pytest.raises(LeaseLostError):
        await runs.take_up(lease, run.run_id, most_attempts=3)
    with pytest.raises(LeaseLostError):
        await runs.succeed(lease, run)
    assert await runs.get(ORG, run.run_id) == run


async def test_an_ended_run_is_not_ended_again(runs: Runs, lease: Lease) -> None:
    run = await runs.queue(ORG, APP, full_read=False, triggered_by="manual")
    await runs.succeed(lease, run)
    await runs.fail(lease, run, "too late")
    ended = await runs.get(ORG, run.run_id)
    assert ended is not None
    assert ended.status == "succeeded"
    assert await runs.take_up(lease, run.run_id, most_attempts=3) is None


async def test_the_status_has_the_shape_of_retells(runs: Runs, pool: Pool, lease: Lease) -> None:
    assert job_status(None) == {"status": "idle"}
    run = await runs.queue(ORG, APP, full_read=False, triggered_by="cron")
    assert job_status(run) == {"status": "queued", "triggered_by": "cron", "succeeded": 0, "failed": 0}
    run = await taken_up(runs, lease, run)
    async with pool.connection() as conn:
        await add_progress(conn, ORG, run.run_id, {"read": 5, "skipped": 1, "failed": 1})
    (run,) = await runs.recent(ORG)
    status = job_status(run)
    assert (status["status"], status["succeeded"], status["failed"]) == ("running", 3, 2)
    assert isinstance(status["start_timestamp"], int)
    await runs.succeed(lease, run)
    (run,) = await runs.recent(ORG, APP)
    assert job_status(run)["status"] == "idle"
