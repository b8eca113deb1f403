"""The worker's clockwork: recurring syncs by each app's due time, and the sweep for work whose wake-up was lost.

Every worker runs it; the statements behind it let no app be queued twice. Never does the work itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg
from psycopg_pool import PoolTimeout

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do every `every_s` seconds."""

    name: str
    every_s: float
    do: Callable[[], Awaitable[object]]


async def run_chores(chores: list[Chore], stopping: asyncio.Event) -> None:
    """Does each chore at once and then at its pace, until told to stop. A lost database is waited out."""
    async with asyncio.TaskGroup() as group:
        for chore in chores:
            group.create_task(_repeat(chore, stopping))


async def _repeat(chore: Chore, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        try:
            await chore.do()
        except (psycopg.Error, PoolTimeout, OSError) as error:
            _log.warning("%s: database not available (%s)", chore.name, type(error).__name__)
        try:
            await asyncio.wait_for(stopping.wait(), chore.every_s)
        except TimeoutError:
            continue
