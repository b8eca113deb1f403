"""A history of the simulation, lived through by real processes on PostgreSQL, and looked at by the same checks."""

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.simulation.crms import make_crm
from tests.simulation.postgres.actions import Actions
from tests.simulation.postgres.resting import bring_to_rest
from tests.simulation.postgres.tables import ties_of
from tests.simulation.postgres.world import WORKERS, Ground, PostgresWorld, opened

from tieline.domain.changeset import Alias, Changeset, LinkState, LinkStatus, NewContact
from tieline.ports.store import Origin
from tieline.testing.simulation import History, Outcome, setting
from tieline.testing.simulation.at_rest import look
from tieline.testing.simulation.checks import CHECKS
from tieline.testing.simulation.people import people_of_the_other_tenant


async def live(history: History, ground: Ground, *, breakage: str | None = None) -> Outcome:
    """Lives through it. What no flow may raise comes out as a broken invariant too."""
    crm = make_crm(history.provider, new_id_on_merge=history.new_id_on_merge)
    has_other = any(step.kind == "tenant" for step in history.steps)
    other = make_crm(history.provider, other_tenant=True) if has_other else None
    with TemporaryDirectory(prefix="history-", dir=ground.directory) as directory:
        world = PostgresWorld(ground, crm, other, Path(directory))
        broken = await _lived(world, history, breakage)
        if complaints := world.complaints():
            broken["no crash"] = complaints
        if world.broken:
            broken["rest"] = list(dict.fromkeys(world.broken))
    windows = sum(one.in_window for one in world.chronicle.replaced)
    return Outcome(history, world.lines, broken, windows, world.door.requests)


async def _lived(world: PostgresWorld, history: History, breakage: str | None) -> dict[str, list[str]]:
    broken: dict[str, list[str]] = {}
    async with opened(world, creates=history.creates, breakage=breakage):
        actions = Actions(world)
        await _begin(world, history, actions)
        await world.refresh()
        neighbours = world.memory.tables.of_organisation(setting.OTHER_ORG)
        for step in history.steps:
            await actions.do(step)
        if await bring_to_rest(world, actions):
            rest = await look(world, await ties_of(world, world.eyes, world.died))
            broken = {name: found for name, check in CHECKS.items() if (found := list(check(rest)))}
        await world.tell_the_end()
        await world.refresh()
        if world.memory.tables.of_organisation(setting.OTHER_ORG) != neighbours:
            broken["other organisations"] = ["another organisation's rows were changed"]
    return broken


async def _begin(world: PostgresWorld, history: History, actions: Actions) -> None:
    """People in the CRM, a neighbour with the same numbers and ids, and as a rule a first read."""
    world.crm.set_lag(history.lag_s)
    chance = Random(history.people)
    numbers = [actions.outside.new_number() for _ in range(history.people)]
    for number in numbers:
        actions.people.create(number, chance)
    if world.other is not None:
        people_of_the_other_tenant(world, numbers)
    await _neighbour(world, numbers)
    await world.advance(61)
    for _ in range(WORKERS):
        world.start_worker()
    if history.first_read:
        await world.tick(full=True)
        await world.calm(20)


async def _neighbour(world: PostgresWorld, numbers: list[str]) -> None:
    """Another organisation on the same tenant, with contacts of the same numbers and links of the same ids."""
    contacts = [NewContact(f"neighbour_{at}", number) for at, number in enumerate(numbers)]
    links = [
        LinkState(record_id, f"neighbour_{at}", LinkStatus.OPEN, (numbers[at],))
        for at, record_id in enumerate(sorted(world.crm.records()))
    ]
    aliases = [Alias(f"neighbour_{at}", "+14155559998", "former") for at in range(len(numbers))]
    changes = Changeset(tenant_key=world.app.tenant_key, new_contacts=contacts, links=links, aliases=aliases)
    async with world.tieline.store.transaction() as unit:
        await unit.apply(setting.OTHER_ORG, changes, Origin())
