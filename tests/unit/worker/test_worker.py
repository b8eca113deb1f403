"""A worker's life: it works and keeps the time until it is told to stop, by a call or by a signal."""

import asyncio
import signal
from collections.abc import Mapping
from datetime import timedelta

from tieline.ports.jobs import Handler, WakeKind
from tieline.worker.worker import Worker, worker_name


class FakeParts:
    """Queue and due work in one: notes what it is asked for."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.stopped = asyncio.Event()

    async def run(self, handlers: Mapping[WakeKind, Handler]) -> None:
        self.log.append("queue")
        await self.stopped.wait()

    async def stop(self) -> None:
        self.stopped.set()

    async def queue_due(self) -> None:
        self.log.append("due")

    async def sweep(self) -> None:
        self.log.append("sweep")

    async def clean(self, older_than: timedelta) -> None:
        self.log.append("clean")


async def test_a_worker_takes_wake_ups_looks_for_due_work_sweeps_and_cleans_until_stopped() -> None:
    parts = FakeParts()
    worker = Worker(parts, {}, parts, parts.clean)
    running = asyncio.create_task(worker.run())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not running.done()
    await worker.stop()
    await asyncio.wait_for(running, 20)
    assert {"queue", "due", "sweep", "clean"} <= set(parts.log)


async def test_a_signal_ends_a_worker_and_its_handlers_are_removed() -> None:
    parts = FakeParts()
    worker = Worker(parts, {}, parts, parts.clean)
    await asyncio.wait_for(worker.run_until_signal(lambda: signal.raise_signal(signal.SIGTERM)), 20)
    assert parts.stopped.is_set()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_two_workers_of_one_process_have_different_names() -> None:
    assert worker_name() != worker_name()
