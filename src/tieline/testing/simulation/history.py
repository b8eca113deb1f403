"""Histories: made from a seed, lived through in a fresh world, told as a story.

`run` is the whole of a simulation; everything it does follows from its `History` and nothing else.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final, TypeAlias

from tieline.domain.changeset import Alias, Changeset, LinkState, LinkStatus, NewContact
from tieline.ports.store import Origin
from tieline.testing.simulation import setting
from tieline.testing.simulation.actions import Actions, Step
from tieline.testing.simulation.at_rest import look
from tieline.testing.simulation.checks import CHECKS
from tieline.testing.simulation.clockwork import WorldLoop
from tieline.testing.simulation.crm import SimulatedCrm
from tieline.testing.simulation.memory_changes import Changes
from tieline.testing.simulation.people import people_of_the_other_tenant
from tieline.testing.simulation.resting import bring_to_rest
from tieline.testing.simulation.ties import Ties
from tieline.testing.simulation.world import FULL, Lessons, Parts, World

WEIGHTS: Final[Mapping[str, int]] = {
    "edit": 11, "clear": 3, "create": 2, "delete": 2, "restore": 2, "merge": 1, "phone": 4, "forbid_calls": 2,
    "person_edits": 12, "person_pushes": 3, "person_clears": 2, "person_decides_calls": 2, "conversation": 2,
    "webhook": 4, "call": 4,
    "late_call": 2,
    "start": 8, "move": 10, "run": 26, "race": 16, "fault": 9, "record_fault": 2, "die": 4, "kill": 2, "wait": 9,
    "lag": 1, "hide": 2, "tenant": 1, "edit_in_window": 2,
}  # fmt: skip
"""How often each action is chosen."""

ADMINISTERED: Final[Mapping[str, int]] = {**WEIGHTS, "remap": 5, "disconnect": 3, "connect": 1, "audit": 6}
"""The same where administrators act, too."""

MakeCrm: TypeAlias = Callable[..., SimulatedCrm]
"""(provider, other_tenant=..., new_id_on_merge=...) -> a fresh CRM."""


@dataclass(frozen=True, slots=True)
class History:
    """All that happens, and in what kind of world. `first_read`: the first read is complete before it begins."""

    provider: str
    steps: tuple[Step, ...]
    people: int = 3
    first_read: bool = True
    lag_s: float = 0.0
    new_id_on_merge: bool = False
    creates: bool = False


@dataclass(slots=True)
class Outcome:
    """What came of a history. `broken` are sentences, by the invariant that does not hold; `in_window` counts edits
    that were lost inside the window between re-read and write; `unknowable` values of a record that we made and that
    nobody could know for ours."""

    history: History
    story: Sequence[str]
    broken: Mapping[str, Sequence[str]] = field(default_factory=dict)
    in_window: int = 0
    requests: int = 0
    unknowable: int = 0

    def told(self) -> str:
        """The story, then what is broken."""
        lines = [f"{self.history.provider}, {self.history.people} people", *self.story, ""]
        for name, sentences in self.broken.items():
            lines += [f"BROKEN ({name}): {sentence}" for sentence in sentences]
        return "\n".join(lines)


def kinds_of(seed: int) -> Mapping[str, int]:
    """Administrators act in each fifth history from 200 on: the seeds below tell the stories that they always told."""
    return ADMINISTERED if seed >= 200 and seed % 5 == 0 else WEIGHTS


def make_history(
    seed: int, *, provider: str | None = None, kinds: Mapping[str, int] | None = None
) -> History:
    """The history of a seed."""
    chance = Random(seed)
    kinds = kinds_of(seed) if kinds is None else kinds
    chosen = chance.choice(("salesforce", "hubspot"))
    names, weights = list(kinds), list(kinds.values())
    picked = chance.choices(names, weights, k=chance.randrange(15, 90))
    steps = tuple(Step(kind, chance.randrange(1 << 30)) for kind in picked)
    return History(
        provider or chosen, steps, people=chance.choice((1, 1, 2, 2, 3)), first_read=chance.random() < 0.85,
        lag_s=chance.choice((0.0, 0.0, 5.0, 60.0)), new_id_on_merge=chance.random() < 0.3,
        creates=chance.random() < 0.35,
    )  # fmt: skip


def run(
    history: History, make_crm: MakeCrm, *, parts: Parts | None = None, lessons: Lessons | None = None
) -> Outcome:
    """Lives through a history. An exception that no flow may raise comes out as a broken invariant too."""
    crm = make_crm(history.provider, new_id_on_merge=history.new_id_on_merge)
    has_other = any(step.kind == "tenant" for step in history.steps)
    other = make_crm(history.provider, other_tenant=True) if has_other else None
    world = World(crm, other, parts or Parts(), lessons or Lessons())
    with asyncio.Runner(loop_factory=lambda: WorldLoop(world.clock)) as runner:
        return runner.run(_live(world, history))


async def _live(world: World, history: History) -> Outcome:
    broken: dict[str, list[str]] = {}
    ties = Ties(world)
    try:
        await world.open(creates=history.creates)
        await _begin(world, history, actions := Actions(world))
        neighbours = world.memory.tables.of_organisation(setting.OTHER_ORG)
        for step in history.steps:
            await actions.do(step)
        if await bring_to_rest(world, actions):
            rest = await look(world, ties)
            broken = {name: found for name, check in CHECKS.items() if (found := list(check(rest)))}
        if world.memory.tables.of_organisation(setting.OTHER_ORG) != neighbours:
            broken["other organisations"] = ["another organisation's rows were changed"]
    except (Exception, ExceptionGroup) as error:
        broken["no crash"] = [f"{type(error).__name__}: {error}"]
    finally:
        await world.close()
    if world.broken:
        broken["rest"] = list(dict.fromkeys(world.broken))
    windows = sum(one.in_window for one in world.chronicle.replaced)
    return Outcome(history, world.lines, broken, windows, unknowable=world.chronicle.unknown)


async def _begin(world: World, history: History, actions: Actions) -> None:
    """People in the CRM, a neighbour with the same numbers and ids, and as a rule a first read."""
    world.crm.set_lag(history.lag_s)
    chance = Random(history.people)
    numbers = [actions.outside.new_number() for _ in range(history.people)]
    for number in numbers:
        actions.people.create(number, chance)
    if world.other is not None:
        people_of_the_other_tenant(world, numbers)
    _neighbour(world, numbers)
    world.clock.advance(61)
    if history.first_read:
        job = await world.start(FULL)
        while job is not None and not job.done:
            await world.scheduler.step(job)


def _neighbour(world: World, numbers: Sequence[str]) -> None:
    """Another organisation on the same tenant, with contacts of the same numbers and links of the same ids."""
    tenant = world.app.tenant_key
    record_ids = sorted(world.crm.records())
    contacts = [NewContact(f"neighbour_{at}", number) for at, number in enumerate(numbers)]
    links = [
        LinkState(record_id, f"neighbour_{at}", LinkStatus.OPEN, (numbers[at],))
        for at, record_id in enumerate(record_ids)
    ]
    aliases = [Alias(f"neighbour_{at}", "+14155559998", "former") for at in range(len(numbers))]
    changes = Changeset(tenant_key=tenant, new_contacts=contacts, links=links, aliases=aliases)
    Changes(world.memory.tables, setting.OTHER_ORG, world.clock.now()).apply(changes, Origin())


def shrink(history: History, still_fails: Callable[[History], bool]) -> History:
    """A shorter history that still fails: halves, then quarters, down to single steps are left out while it does."""
    size = max(1, len(history.steps) // 2)
    while True:
        at, progress = 0, False
        while at < len(history.steps):
            shorter = replace(history, steps=history.steps[:at] + history.steps[at + size :])
            if still_fails(shorter):
                history, progress = shorter, True
            else:
                at += size
        if size == 1 and not progress:
            return history
        size = max(1, size // 2)
