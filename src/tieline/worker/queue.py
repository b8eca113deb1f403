"""Wake-ups on pgqueuer, behind `ports.jobs.JobQueue`. Never holds work itself: that lies in our tables.

**Equal wake-ups become one when they are taken, not when they are enqueued.** pgqueuer's dedupe key covers
jobs that wait and jobs in work. So a wake-up that is skipped because the same one is in work is lost, and so
is one that is skipped because of a waiting job that starts, and looks, before the skipper commits. Besides, a
unique key makes two transactions that wake one flow wait for each other, and two that wake two flows in
different orders deadlock. Therefore every wake-up is a row of its own, and whoever takes one removes the
others that are due before it looks for work: those were committed, hence what they announce is visible.
Within a process, a wake-up that arrives while the same one is in work asks for one more pass, and ends. Both
hold when the process is killed: a job keeps its row until a pass that began after the wake-up has ended.

**Two connections.** psycopg holds a connection's lock while it waits for notifications, up to a second at a
time in pgqueuer's driver, and a query on the same connection waits as long. So listening has its own.
"""

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import FailingListenerError, RetryRequested
from pgqueuer.domain.models import Job
from pgqueuer.domain.settings import db_settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tieline.ports.jobs import Handler, Wake, WakeKind

_log = logging.getLogger(__name__)

_PRIORITIES = {
    WakeKind.ANALYSIS: 30,
    WakeKind.PUSH: 20,
    WakeKind.EXTRACTION: 10,
    WakeKind.ACTIVITY: 10,
    WakeKind.INBOUND: 0,
    WakeKind.AUDIT: 0,
    WakeKind.BACKFILL: 0,
}
_KEEPALIVE = {
    "connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}  # fmt: skip
_LOST = (psycopg.OperationalError, psycopg.InterfaceError, FailingListenerError, OSError)


@dataclass(frozen=True, slots=True)
class QueueTuning:
    """Times in seconds. A killed worker's job is taken by another after `heartbeat_s` plus at most `poll_s`.

    `grace_s` is how long `stop` lets handlers run before it cancels them and hands their wake-ups back; it is less
    than the ten seconds that process managers give before they kill.
    """

    heartbeat_s: float = 4.0
    poll_s: float = 1.0
    grace_s: float = 7.0
    backoff_s: float = 0.2
    longest_backoff_s: float = 10.0
    batch: int = 8
    concurrent: int = 32
    attempts: int = 5


class _Driver(PsycopgDriver):
    """Listens on one connection and queries on another."""

    def __init__(self, listening: psycopg.AsyncConnection, working: psycopg.AsyncConnection) -> None:
        super().__init__(listening)
        self._working = PsycopgDriver(working)

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return await self._working.fetch(query, *args)

    async def execute(self, query: str, *args: object) -> str:
        return await self._working.execute(query, *args)


@asynccontextmanager
async def open_driver(url: str) -> AsyncIterator[PsycopgDriver]:
    """The engine's two connections. It listens from the start: nothing notified from then on is missed.

    The engine probes its listener by a notification, which may leave before it asks to listen.
    """
    conninfo = make_conninfo(url, **_KEEPALIVE)
    async with (
        await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as listening,
        await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as working,
    ):
        await listening.execute(sql.SQL("listen {}").format(sql.Identifier(db_settings().channel)))
        yield _Driver(listening, working)


@dataclass(slots=True)
class _Pass:
    """A wake-up in work. `again`: an equal one arrived since the pass began."""

    again: bool = False


class PgQueue:
    """`JobQueue` on the database at `url`. One instance runs once; `enqueue` needs no `run`."""

    def __init__(
        self,
        url: str,
        tuning: QueueTuning | None = None,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._url = url
        self._tuning = tuning or QueueTuning()
        self._jitter = jitter
        self._stopping = asyncio.Event()
        self._passes: dict[str, _Pass] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def enqueue(self, connection: Any, wakes: list[Wake]) -> None:
        """Adds wake-ups in the transaction that is open on `connection` (psycopg, autocommit)."""
        # Once per statement is enough for equal ones: they commit together.
        distinct = list({(wake.dedupe_key, wake.delay_s): wake for wake in wakes}.values())
        if not distinct:
            return
        await Queries(PsycopgDriver(connection)).enqueue(
            [str(wake.kind) for wake in distinct],
            [_payload(wake) for wake in distinct],
            [_PRIORITIES[wake.kind] for wake in distinct],
            [timedelta(seconds=wake.delay_s) for wake in distinct],
        )

    async def run(self, handlers: Mapping[WakeKind, Handler]) -> None:
        """Works until `stop`, through any number of losses of the database."""
        failures = 0
        while not self._stopping.is_set():
            try:
                async with open_driver(self._url) as driver:
                    failures = 0
                    await self._work(driver, handlers)
            except _LOST as error:
                pause = self._pause(failures)
                failures += 1
                # Only the class: an error's text may quote the address with its password.
                _log.warning("database lost (%s); next attempt in %.1f s", type(error).__name__, pause)
                await self._stop_within(pause)

    async def stop(self) -> None:
        """Takes nothing new. Handlers still running after the grace time are cancelled and requeued."""
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=self._tuning.grace_s)
        for task in self._tasks:
            task.cancel()

    async def clean(self, connection: Any, older_than: timedelta) -> None:
        """Forgets the engine's log of finished jobs, which it keeps for ever."""
        await connection.execute("delete from pgqueuer_log where created < now() - %s", [older_than])

    def _pause(self, failures: int) -> float:
        longest = min(self._tuning.backoff_s * 2.0 ** min(failures, 16), self._tuning.longest_backoff_s)
        return longest * (0.5 + self._jitter() / 2)

    async def _stop_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _work(self, driver: PsycopgDriver, handlers: Mapping[WakeKind, Handler]) -> None:
        manager = QueueManager(Queries(driver))
        for kind, handler in handlers.items():
            manager.entrypoint(str(kind))(self._entrypoint(driver, kind, handler))

        async def end() -> None:
            await self._stopping.wait()
            manager.shutdown.set()

        watch = asyncio.create_task(end())
        try:
            await manager.run(
                dequeue_timeout=timedelta(seconds=self._tuning.poll_s),
                batch_size=self._tuning.batch,
                max_concurrent_tasks=self._tuning.concurrent,
                heartbeat_timeout=timedelta(seconds=self._tuning.heartbeat_s),
                # A listener that died must not go unnoticed: without it a wake-up waits for the next poll.
                shutdown_on_listener_failure=True,
                log_aggregation_interval=timedelta(0),
            )
        finally:
            watch.cancel()

    def _entrypoint(self, driver: PsycopgDriver, kind: WakeKind, handler: Handler) -> Callable[[Job], Any]:
        async def entrypoint(job: Job) -> None:
            wake = _wake(kind, job.payload)
            if current := self._passes.get(wake.dedupe_key):
                current.again = True
                return
            # Set before the task's first step: the next job of the same batch must see it.
            current = self._passes[wake.dedupe_key] = _Pass()
            task = asyncio.create_task(self._run_passes(driver, wake, handler, current))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await self._outcome(task, job, wake)

        return entrypoint

    async def _run_passes(self, driver: PsycopgDriver, wake: Wake, handler: Handler, current: _Pass) -> None:
        try:
            current.again = True
            while current.again:
                if self._stopping.is_set():
                    raise asyncio.CancelledError  # before the pass that was asked for: hand it back
                current.again = False
                await _absorb(driver, wake)
                await handler(wake)
        finally:
            del self._passes[wake.dedupe_key]

    async def _outcome(self, task: asyncio.Task[None], job: Job, wake: Wake) -> None:
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.cancelled() and self._stopping.is_set():
            raise RetryRequested(delay=timedelta(0), reason="the worker was stopped")
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            return
        _log.error("handler of %s failed", wake.dedupe_key, exc_info=error)
        if job.attempts + 1 < self._tuning.attempts:
            delay = self._pause(job.attempts + 1)
            raise RetryRequested(delay=timedelta(seconds=delay), reason=type(error).__name__)
        # Given up: what lies undone in our tables is found by the next sweep.


async def _absorb(driver: PsycopgDriver, wake: Wake) -> None:
    """Removes equal wake-ups that are due. One that another worker is taking at this moment is left to it."""
    await driver.execute(
        "delete from pgqueuer where id in (select id from pgqueuer where entrypoint = $1 and payload = $2"
        " and status = 'queued' and execute_after <= now() for update skip locked)",
        str(wake.kind),
        _payload(wake),
    )


def _payload(wake: Wake) -> bytes:
    return json.dumps([wake.org_id, wake.app_id]).encode()


def _wake(kind: WakeKind, payload: bytes | None) -> Wake:
    org_id, app_id = json.loads(payload or b"")
    return Wake(kind, org_id, app_id)
