"""Brings a world to rest: what is broken is healed, time passes, and the flows run until nothing is due or changes.

A world that does not come to rest is broken itself.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from tieline.domain.changeset import LinkStatus
from tieline.testing.simulation import setting
from tieline.testing.simulation.actions import Actions
from tieline.testing.simulation.scene import Scene
from tieline.testing.simulation.world import ACTIVITY, ANALYSIS, INBOUND, PUSH, World

ROUNDS: Final = 14
_ROUND_S: Final = 700.0
_STEPS: Final = 4000


async def bring_to_rest(world: World, actions: Actions) -> bool:
    """Whether it came to rest."""
    await _heal(world, actions)
    former: Mapping[str, Any] | None = None
    for _ in range(ROUNDS):
        world.clock.advance(_ROUND_S)
        for flow in (INBOUND, ANALYSIS, PUSH, ACTIVITY):
            await world.start(flow)
            await finish(world)
        now = appearance(world)
        if now == former and not waiting(world):
            return True
        former = now
    left = ", ".join(waiting(world)) or "something changes in every round"
    world.broken.append(f"the world does not come to rest: {left}")
    return False


async def _heal(world: World, actions: Actions) -> None:
    world.say("--- all faults end; time passes until nothing is due ---")
    world.network.heal()
    world.crm.heal()
    world.gate.pauses.clear()
    if world.network.crm is not world.crm:
        world.network.crm, world.tokens.token = world.crm, None
    for job in world.scheduler.jobs:
        job.die_in = None
    await finish(world)
    world.crm.heal()
    world.network.heal()
    world.hidden = False
    await actions.administrators.settle()
    while actions.outside.pending:
        await actions.people.deliver(actions.outside.pending.pop(0))


async def finish(world: World) -> None:
    """Lets every worker come to its end."""
    for _ in range(_STEPS):
        if not world.scheduler.jobs:
            return
        await world.scheduler.step(world.scheduler.jobs[0])
    world.broken.append(f"{world.scheduler.jobs[0].name} does not end: {world.scheduler.jobs[0].where}")
    await world.scheduler.abandon()


def waiting(world: Scene) -> list[str]:
    """What is still to be done."""
    tables = world.memory.tables
    left = [
        f"record {world.name(row.state.external_id)} waits to be pushed"
        for row in tables.links.values()
        if row.dirty_at is not None and row.state.status is LinkStatus.OPEN
    ]
    left += [
        f"record {world.name(row.state.external_id)} waits to be read"
        for row in tables.links.values()
        if row.state.needs_read
    ]
    left += [
        f"{key[2]} waits to be mapped" for key, row in tables.conversations.items() if row.due_at is not None
    ]
    left += [
        f"{row.contact_id} waits to get a record"
        for row in tables.creations.values()
        if row.due_at is not None and row.status == "due"
    ]
    left += [
        f"the activity of {row.key.conversation_id} waits"
        for row in tables.activities.values()
        if row.due_at is not None
    ]
    return left


def appearance(world: Scene) -> dict[str, Any]:
    """Everything that must not change at rest: ours without counters, and theirs with its stamps."""
    tables = world.memory.tables
    return {
        "contacts": {
            key: (replace(row.state, version=0), row.merged_into) for key, row in tables.contacts.items()
        },
        "ledger": len(tables.ledger),
        "issues": sorted(tables.issues),
        "links": {key: (row.state.status, row.state.contact_id) for key, row in tables.links.items()},
        "records": world.crm.records(),
        "activities": sorted((one.activity_id, one.text) for one in world.crm.activities()),
        "organisation": setting.ORG,
    }
