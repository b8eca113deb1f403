"""Brings a world of real processes to rest: what is broken is healed, time passes, and the workers work until nothing
is due and nothing changes. One that does not come to rest is broken itself.
"""

from collections.abc import Mapping
from typing import Any, Final

from tests.simulation.postgres.actions import Actions
from tests.simulation.postgres.world import LEASE_S, WORKERS, PostgresWorld

from tieline.testing.simulation.resting import ROUNDS, appearance, waiting

_ROUND_S: Final = 700.0
_PATIENCE_S: Final = 15.0
_SWEEPS: Final = 12


async def bring_to_rest(world: PostgresWorld, actions: Actions) -> bool:
    """Whether it came to rest."""
    await _heal(world, actions)
    former: Mapping[str, Any] | None = None
    for _ in range(ROUNDS):
        # An app that coasts on a daily limit reads again only when its count starts anew.
        await world.advance(max(_ROUND_S, await world.put_off_s() + 1))
        if not await _work(world):
            return False
        await world.refresh()
        now = appearance(world)
        if now == former and not waiting(world) and not await world.put_off_s():
            return True
        former = now
    left = ", ".join(waiting(world)) or "something changes in every round"
    world.broken.append(f"the world does not come to rest: {left}")
    return False


async def _heal(world: PostgresWorld, actions: Actions) -> None:
    world.say("--- all faults end; time passes until nothing is due ---")
    world.door.crm = world.crm
    world.crm.heal()
    await world.door.heal()
    await world.thaw()
    while len(world.living()) < WORKERS:
        world.start_worker()
    await world.refresh()
    if not world.app.may_run:
        await world.give_credentials(world.crm.auth)
    await world.advance(LEASE_S)
    await world.calm(_PATIENCE_S)
    world.crm.heal()
    while actions.outside.pending:
        await actions.people.deliver(actions.outside.pending.pop(0))


async def _work(world: PostgresWorld) -> bool:
    """A scheduled run, then whatever there is to do."""
    await world.tick()
    for _ in range(_SWEEPS):
        if not await world.calm(_PATIENCE_S):
            jobs = await world.rows("select entrypoint, status, execute_after from pgqueuer")
            runs = await world.rows(
                "select kind, status, reason from run where status in ('queued', 'running')"
            )
            world.broken.append(f"the workers do not come to an end: {jobs} {runs}")
            return False
        if not await world.tieline.due_work.sweep():
            return True
    world.broken.append("every sweep finds something to do")
    return False
