"""The queue of wake-ups on a real database: what commits is worked on, soon, and never lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import psycopg
import pytest

from tieline.ports.jobs import Wake, WakeKind
from tieline.worker.queue import PgQueue, QueueTuning, open_driver

PUSH = Wake(WakeKind.PUSH, "org_1", "app_1")
PATIENCE_S = 20.0
BY_NOTIFICATION = QueueTuning(poll_s=600.0, grace_s=0.0, backoff_s=0.02)


@asynccontextmanager
async def working(
    queue: PgQueue, handler: Callable[[Wake], Awaitable[None]], kind: WakeKind = WakeKind.PUSH
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(queue.run({kind: handler}))
    try:
        yield task
    finally:
        await queue.stop()
        await asyncio.wait_for(task, PATIENCE_S)


async def enqueue(url: str, queue: PgQueue, *wakes: Wake) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn, conn.transaction():
        await queue.enqueue(conn, list(wakes))


async def waiting(url: str) -> int:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        row = await (await conn.execute("select count(*) from pgqueuer where status = 'queued'")).fetchone()
        assert row is not None
        return int(row[0])


async def listening(url: str) -> None:
    """Returns when a worker listens, so that what follows is found by notification."""
    query = "select from pg_stat_activity where query ilike 'listen%' and datname = current_database()"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        for _ in range(2000):
            if await (await conn.execute(query)).fetchone() is not None:
                return
            await asyncio.sleep(0.01)
    raise AssertionError("no worker listens")


class Seen:
    """Records what a handler was called with."""

    def __init__(self) -> None:
        self.wakes: asyncio.Queue[Wake] = asyncio.Queue()

    async def __call__(self, wake: Wake) -> None:
        self.wakes.put_nowait(wake)

    async def next(self) -> Wake:
        return await asyncio.wait_for(self.wakes.get(), PATIENCE_S)


async def test_a_wake_up_exists_only_if_its_transaction_commits(db_url: str) -> None:
    queue = PgQueue(db_url)
    async with await psycopg.AsyncConnection.connect(db_url, autocommit=True) as conn:
        async with conn.transaction(force_rollback=True):
            await queue.enqueue(conn, [PUSH])
        assert await waiting(db_url) == 0
        async with conn.transaction():
            await queue.enqueue(conn, [PUSH])
            assert await waiting(db_url) == 0
        assert await waiting(db_url) == 1


async def test_a_wake_up_is_taken_by_notification_and_not_by_polling(db_url: str) -> None:
    queue, seen = PgQueue(db_url, BY_NOTIFICATION), Seen()
    async with working(queue, seen):
        await listening(db_url)
        for _ in range(5):
            await enqueue(db_url, queue, PUSH)
            assert await seen.next() == PUSH


async def test_wake_ups_that_wait_and_are_equal_are_one_pass(db_url: str) -> None:
    queue, seen = PgQueue(db_url), Seen()
    other = Wake(WakeKind.PUSH, "org_1", "app_2")
    for _ in range(50):
        await enqueue(db_url, queue, PUSH)
    await enqueue(db_url, queue, other)
    async with working(queue, seen):
        taken = [await seen.next()]
        while taken[-1] != other:
            taken.append(await seen.next())
    # One pass, and one more where a second job of the first batch arrived while it was in work.
    assert taken.count(PUSH) <= 2
    assert await waiting(db_url) == 0


async def test_a_wake_up_that_arrives_while_the_same_one_is_in_work_leads_to_another_pass(
    db_url: str,
) -> None:
    queue = PgQueue(db_url, BY_NOTIFICATION)
    started, go_on, passes = asyncio.Queue[int](), asyncio.Event(), 0

    async def handler(_: Wake) -> None:
        nonlocal passes
        passes += 1
        started.put_nowait(passes)
        await go_on.wait()

    async with working(queue, handler):
        await enqueue(db_url, queue, PUSH)
        assert await asyncio.wait_for(started.get(), PATIENCE_S) == 1
        await enqueue(db_url, queue, PUSH)
        go_on.set()
        assert await asyncio.wait_for(started.get(), PATIENCE_S) == 2


async def test_work_committed_after_a_pass_has_looked_is_seen_by_another_pass(db_url: str) -> None:
    """What a dedupe key over waiting jobs would lose: taken, and looked at, before the second commit."""
    queue = PgQueue(db_url, BY_NOTIFICATION)
    async with await psycopg.AsyncConnection.connect(db_url, autocommit=True) as conn:
        await conn.execute("create table work (id int)")
    looks: asyncio.Queue[int] = asyncio.Queue()

    async def look(_: Wake) -> None:
        async with await psycopg.AsyncConnection.connect(db_url, autocommit=True) as conn:
            row = await (await conn.execute("select count(*) from work")).fetchone()
            assert row is not None
            looks.put_nowait(int(row[0]))

    await enqueue(db_url, queue, PUSH)
    async with await psycopg.AsyncConnection.connect(db_url, autocommit=True) as conn, conn.transaction():
        await conn.execute("insert into work values (1)")
        await queue.enqueue(conn, [PUSH])  # while an equal one waits
        async with working(queue, look):
            assert await asyncio.wait_for(looks.get(), PATIENCE_S) == 0
    queue = PgQueue(db_url)
    async with working(queue, look):
        assert await asyncio.wait_for(looks.get(), PATIENCE_S) == 1


async def test_a_delayed_wake_up_waits_and_holds_up_no_other(db_url: str) -> None:
    queue, seen = PgQueue(db_url, BY_NOTIFICATION), Seen()
    async with working(queue, seen):
        await listening(db_url)
        await enqueue(db_url, queue, Wake(WakeKind.PUSH, "org_1", "app_1", delay_s=3600))
        await enqueue(db_url, queue, Wake(WakeKind.PUSH, "org_1", "app_2", delay_s=0.2))
        await enqueue(db_url, queue, PUSH)
        assert {(await seen.next()).app_id, (await seen.next()).app_id} == {"app_1", "app_2"}
    assert await waiting(db_url) == 1


async def test_a_handler_that_fails_is_called_again(db_url: str) -> None:
    queue, calls = PgQueue(db_url, QueueTuning(poll_s=0.05, backoff_s=0.01)), 0
    done = asyncio.Event()

    async def handler(_: Wake) -> None:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise ValueError("planted")
        done.set()

    async with working(queue, handler):
        await enqueue(db_url, queue, PUSH)
        await asyncio.wait_for(done.wait(), PATIENCE_S)
    assert calls == 3
    assert await waiting(db_url) == 0


async def test_a_handler_that_always_fails_is_given_up(db_url: str) -> None:
    queue, calls = PgQueue(db_url, QueueTuning(poll_s=0.05, backoff_s=0.001, attempts=3)), 0
    last = asyncio.Event()

    async def handler(_: Wake) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            last.set()
        raise ValueError("planted")

    async with working(queue, handler):
        await enqueue(db_url, queue, PUSH)
        await asyncio.wait_for(last.wait(), PATIENCE_S)
    assert calls == 3
    assert await waiting(db_url) == 0


async def test_a_stopped_worker_hands_its_wake_up_back(db_url: str) -> None:
    queue, started = PgQueue(db_url, BY_NOTIFICATION), asyncio.Event()

    async def handler(_: Wake) -> None:
        started.set()
        await asyncio.Event().wait()

    async with working(queue, handler):
        await enqueue(db_url, queue, PUSH)
        await asyncio.wait_for(started.wait(), PATIENCE_S)
    assert await waiting(db_url) == 1
    seen = Seen()
    async with working(PgQueue(db_url), seen):
        assert await seen.next() == PUSH


async def test_a_queue_that_loses_the_database_connects_again(db_url: str) -> None:
    queue, seen = PgQueue(db_url, QueueTuning(poll_s=0.1, backoff_s=0.01)), Seen()
    async with working(queue, seen) as task:
        await listening(db_url)
        async with await psycopg.AsyncConnection.connect(db_url, autocommit=True) as conn:
            await conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        await enqueue(db_url, queue, PUSH)
        assert await seen.next() == PUSH
        assert not task.done()


async def test_a_queue_without_a_database_keeps_trying_until_it_is_stopped() -> None:
    queue = PgQueue("postgresql://nobody@127.0.0.1:1/none", QueueTuning(backoff_s=0.001))
    task = asyncio.create_task(queue.run({}))
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(task), 0.2)
    assert not task.done()
    await queue.stop()
    await asyncio.wait_for(task, PATIENCE_S)


async def test_what_is_notified_before_the_engine_asks_to_listen_is_not_missed(db_url: str) -> None:
    heard: asyncio.Queue[object] = asyncio.Queue()
    async with open_driver(db_url) as driver:
        await driver.notify("ch_pgqueuer", "early")
        async with driver:
            await driver.add_listener("ch_pgqueuer", heard.put_nowait)
            assert await asyncio.wait_for(heard.get(), PATIENCE_S) == "early"


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_equal_wake_ups_of_one_statement_are_one(db_url: str, count: int) -> None:
    await enqueue(db_url, PgQueue(db_url), *[PUSH] * count)
    assert await waiting(db_url) == min(count, 1)


async def test_the_engines_log_is_cleaned_of_what_is_old(db_url: str) -> None:
    queue = PgQueue(db_url)
    await enqueue(db_url, queue, PUSH)
    async with await psycopg.AsyncConnection.connect(db_url, autocommit=True) as conn:
        await conn.execute("insert into pgqueuer_log (created, job_id, status, priority, entrypoint)"
                           " values (now() - interval '3 days', 7, 'successful', 0, 'push')")  # fmt: skip
        await queue.clean(conn, timedelta(days=2))
        rows = await (await conn.execute("select status::text from pgqueuer_log")).fetchall()
    assert rows == [("queued",)]
