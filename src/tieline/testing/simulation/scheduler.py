"""Workers as tasks that move only when the world says so, one boundary at a time.

A boundary is a request, an answer, the begin of a transaction or its commit; statements within a transaction are places
to die at, but nobody else gets a turn there. This module decides nothing: who moves and who dies, the history says.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

_RESTS: Final = frozenset({"begin", "committed"})


class WorkerDiedError(BaseException):
    """The worker's process ended at this boundary. No flow may catch it."""


@dataclass(eq=False, slots=True)
class Job:
    """One pass of one flow by one worker. `die_in` counts down boundaries and statements until it dies."""

    name: str
    worker: str
    lane: object = None
    task: "asyncio.Task[None] | None" = None
    waiting: "asyncio.Future[None] | None" = None
    where: str = "start"
    die_in: int | None = None
    last_read: int = 0

    @property
    def done(self) -> bool:
        """Ended, in whatever way."""
        return self.task is not None and self.task.done()


_current: "ContextVar[Job | None]" = ContextVar("job", default=None)


def current_job() -> Job | None:
    """Whose work this is; None for the world's own hands."""
    return _current.get()


class Scheduler:
    """Keeps the jobs that are under way."""

    def __init__(self, story: Callable[[str], None]) -> None:
        self.jobs: list[Job] = []
        self._story = story

    async def point(self, what: str) -> None:
        """A statement or the edge of a transaction."""
        await self._reach(what, rests=what in _RESTS)

    async def boundary(self, what: str) -> None:
        """A request or an answer."""
        await self._reach(what, rests=True)

    async def _reach(self, what: str, *, rests: bool) -> None:
        job = _current.get()
        if job is None:
            return
        job.where = what
        if job.die_in is not None:
            job.die_in -= 1
            if job.die_in < 0:
                raise WorkerDiedError
        if not rests:
            return
        job.waiting = asyncio.get_running_loop().create_future()
        try:
            await job.waiting
        finally:
            job.waiting = None

    async def start(self, job: Job, work: Callable[[], Coroutine[Any, Any, None]]) -> Job:
        """Starts a job and lets it come to its first boundary."""

        async def run() -> None:
            _current.set(job)
            try:
                await work()
            except WorkerDiedError:
                self._story(f"{job.worker} died in {job.name} at: {job.where}")

        job.task = asyncio.get_running_loop().create_task(run())
        self.jobs.append(job)
        await self.settle()
        return job

    async def step(self, job: Job) -> None:
        """Lets a job go on to its next boundary."""
        if job.waiting is not None and not job.waiting.done():
            job.waiting.set_result(None)
        await self.settle()

    async def kill(self, job: Job) -> None:
        """Ends a job where it stands."""
        if job.waiting is not None and not job.waiting.done():
            job.waiting.set_exception(WorkerDiedError())
        await self.settle()

    async def settle(self) -> None:
        """Returns when every job waits at a boundary or has ended. Raises what a job failed with."""
        await asyncio.sleep(0)
        # No event tells of it: a job may also have been cancelled by a time limit of its own.
        while any(not job.done and job.waiting is None for job in self.jobs):  # noqa: ASYNC110
            await asyncio.sleep(0)
        ended = [job for job in self.jobs if job.done]
        self.jobs = [job for job in self.jobs if not job.done]
        for job in ended:
            assert job.task is not None
            job.task.result()

    async def abandon(self) -> None:
        """Ends everything at once, at the end of a world."""
        for job in self.jobs:
            if job.task is not None:
                job.task.cancel()
        await asyncio.gather(*(job.task for job in self.jobs if job.task), return_exceptions=True)
        self.jobs = []
