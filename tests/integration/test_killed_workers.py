"""Real worker processes, killed and frozen: their work goes on elsewhere, and they write no more."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import pytest

from tieline.ports.jobs import Wake, WakeKind
from tieline.store.pool import Pool, make_pool
from tieline.worker.queue import PgQueue

PROGRAM = Path(__file__).with_name("lane_worker.py")
Start: TypeAlias = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
async def pool(db_url: str) -> AsyncIterator[Pool]:
    async with make_pool(db_url) as pool:
        async with pool.connection() as conn, conn.transaction():
            await conn.execute(
                "create table written (id int generated always as identity, by text, token int)"
            )
            await conn.execute("create table refused (by text)")
            await PgQueue(db_url).enqueue(conn, [Wake(WakeKind.PUSH, "org_1", "app_1")])
        yield pool


@pytest.fixture
async def start(db_url: str) -> AsyncIterator[Start]:
    processes = []

    def start(name: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, str(PROGRAM), db_url, name])
        processes.append(process)
        return process

    yield start
    for process in processes:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait()


async def until(pool: Pool, query: str) -> None:
    """Returns when the query finds a row."""
    async with pool.connection() as conn:
        for _ in range(1200):
            if await (await conn.execute(query.encode())).fetchone() is not None:
                return
            await asyncio.sleep(0.05)
    raise AssertionError(f"nothing found: {query}")


async def test_the_job_of_a_killed_worker_is_done_by_another(pool: Pool, start: Start) -> None:
    first = start("first")
    await until(pool, "select 1 from written where by = 'first'")
    start("second")
    first.send_signal(signal.SIGKILL)
    await until(pool, "select 1 from written where by = 'second'")


async def test_a_worker_that_was_frozen_cannot_write_after_another_took_over(
    pool: Pool, start: Start
) -> None:
    frozen = start("frozen")
    await until(pool, "select 1 from written where by = 'frozen'")
    frozen.send_signal(signal.SIGSTOP)
    start("next")
    await until(pool, "select 1 from written where by = 'next'")
    frozen.send_signal(signal.SIGCONT)
    await until(pool, "select 1 from refused where by = 'frozen'")
    await until(pool, "select 1 from written where by = 'next' having count(*) > 20")
    async with pool.connection() as conn:
        rows = await (await conn.execute("select by, token from written order by id")).fetchall()
    writers = [row["by"] for row in rows]
    assert "frozen" not in writers[writers.index("next") :]
    assert [row["token"] for row in rows] == sorted(row["token"] for row in rows)
