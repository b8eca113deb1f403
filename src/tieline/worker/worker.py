"""A worker: the queue, the schedule and a graceful end. Any number may run against one database."""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol

from tieline.ports.jobs import Handler, WakeKind
from tieline.worker.schedule import Chore, run_chores

DUE_EVERY_S = 1.0
SWEEP_EVERY_S = 30.0
CLEAN_EVERY_S = 3600.0
KEEP_LOG = timedelta(days=2)


class Queue(Protocol):
    """The half of `ports.jobs.JobQueue` that works."""

    async def run(self, handlers: Mapping[WakeKind, Handler]) -> None: ...
    async def stop(self) -> None: ...


class DueWork(Protocol):
    """See `store.due_work.DueWork`."""

    async def queue_due(self) -> Any: ...
    async def sweep(self) -> Any: ...


def worker_name() -> str:
    """Host, process and chance: unique, and readable in the lease table."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


class Worker:
    """Works until `stop`. `clean` forgets the queue's old log."""

    def __init__(
        self,
        queue: Queue,
        handlers: Mapping[WakeKind, Handler],
        due_work: DueWork,
        clean: Callable[[timedelta], Awaitable[None]],
    ) -> None:
        self._queue = queue
        self._handlers = handlers
        self._chores = [
            Chore("due syncs", DUE_EVERY_S, due_work.queue_due),
            Chore("sweep", SWEEP_EVERY_S, due_work.sweep),
            Chore("queue log", CLEAN_EVERY_S, lambda: clean(KEEP_LOG)),
        ]
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Returns when everything that was in work has ended or been handed back."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.run(self._handlers))
            group.create_task(run_chores(self._chores, self._stopping))

    async def stop(self) -> None:
        """Takes nothing new and ends what is in work."""
        self._stopping.set()
        await self._queue.stop()

    async def run_until_signal(self, on_ready: Callable[[], None]) -> None:
        """Runs until SIGTERM or SIGINT; a second one ends the process at once. `on_ready`: they are heeded now."""
        loop = asyncio.get_running_loop()
        ending: list[asyncio.Task[None]] = []

        def on_signal(number: signal.Signals) -> None:
            if ending:
                loop.remove_signal_handler(number)
                signal.raise_signal(number)
            ending.append(loop.create_task(self.stop()))

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal, number)
        on_ready()
        try:
            await self.run()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
