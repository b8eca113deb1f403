"""Chores are done at once, again and again, and through a lost database."""

import asyncio

import psycopg
import pytest

from tieline.worker.schedule import Chore, run_chores


async def test_each_chore_is_repeated_until_stopped_and_survives_a_lost_database() -> None:
    stopping, calls = asyncio.Event(), 0

    async def chore() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise psycopg.OperationalError("gone")
        if calls == 3:
            stopping.set()

    await asyncio.wait_for(run_chores([Chore("one", 0.001, chore)], stopping), 20)
    assert calls == 3


async def test_a_bug_in_a_chore_is_not_swallowed() -> None:
    async def chore() -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        await run_chores([Chore("one", 0.001, chore)], asyncio.Event())
    assert caught.group_contains(ZeroDivisionError)
