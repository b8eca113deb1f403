"""A worker process for `test_killed_workers`: writes a row after another while it holds the lane.

Stubborn on purpose: it heeds nothing but the fence in its own transactions.
"""

import asyncio
import sys
from datetime import timedelta

import psycopg

from tieline.ports.errors import LeaseLostError
from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.store import Lane
from tieline.store.leases import Leases, check
from tieline.store.pool import Pool, make_pool
from tieline.worker.queue import PgQueue, QueueTuning


async def work(pool: Pool, leases: Leases, queue: PgQueue, wake: Wake, name: str) -> None:
    lease = await leases.acquire(wake.org_id, wake.app_id, Lane.LIVE, name)
    if lease is None:
        async with pool.connection() as conn, conn.transaction():
            await queue.enqueue(conn, [Wake(wake.kind, wake.org_id, wake.app_id, delay_s=0.2)])
        return
    try:
        while True:
            await leases.renew(lease)
            async with pool.connection() as conn, conn.transaction():
                await check(conn, lease)
                await conn.execute("insert into written (by, token) values (%s, %s)", [name, lease.token])
    except (LeaseLostError, psycopg.Error):  # the latter when it was frozen inside a transaction
        async with pool.connection() as conn:
            await conn.execute("insert into refused (by) values (%s)", [name])


async def main(url: str, name: str) -> None:
    queue = PgQueue(url, QueueTuning(heartbeat_s=1.0, poll_s=0.2))
    async with make_pool(url) as pool:
        leases = Leases(pool, timedelta(seconds=1))

        async def handler(wake: Wake) -> None:
            await work(pool, leases, queue, wake, name)

        await queue.run({WakeKind.PUSH: handler})


asyncio.run(main(*sys.argv[1:]))
