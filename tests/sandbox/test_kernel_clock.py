"""The sandbox clock."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tieline.sandbox.kernel.clock import SandboxClock

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_it_follows_its_source_and_moves_ahead_of_it() -> None:
    clock = SandboxClock(lambda: NOON)
    clock.advance(90)
    assert clock.now() == NOON + timedelta(seconds=90)


def test_a_frozen_clock_stands_until_it_is_moved_or_let_go() -> None:
    moments = iter([NOON + timedelta(hours=1), NOON + timedelta(hours=2)])
    clock = SandboxClock(lambda: next(moments))
    clock.freeze(NOON)
    clock.advance(5)
    assert clock.now() == NOON + timedelta(seconds=5)
    clock.freeze(None)
    assert not clock.frozen
    assert clock.now() == NOON + timedelta(seconds=5, hours=1)


def test_it_refuses_a_moment_without_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        SandboxClock().freeze(datetime(2026, 5, 1))


def test_waiting_ends_when_somebody_advances_the_clock() -> None:
    async def scenario() -> bool:
        clock = SandboxClock(lambda: NOON)
        waiting = asyncio.create_task(clock.wait_until(NOON + timedelta(hours=1)))
        await asyncio.sleep(0)
        early = waiting.done()
        clock.advance(3600)
        await asyncio.wait_for(waiting, 5)
        return early

    assert asyncio.run(scenario()) is False
