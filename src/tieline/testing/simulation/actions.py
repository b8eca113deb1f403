"""The steps of a history: whatever may happen in a simulated world next, by name.

A step takes its choices from its `salt` alone, so that leaving out another step changes it as little as possible.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from tieline.testing.simulation import network
from tieline.testing.simulation.administrators import Administrators
from tieline.testing.simulation.people import People, a_field, pick
from tieline.testing.simulation.scheduler import Job
from tieline.testing.simulation.world import ACTIVITY, ANALYSIS, AUDIT, FLOWS, INBOUND, PUSH, World

_BETWEEN: Final = (
    "edit", "edit", "person_edits", "person_edits", "person_edits", "clear", "run", "run", "run", "webhook", "fault",
    "phone", "person_pushes", "person_pushes", "person_pushes",
)  # fmt: skip
_LONGEST: Final = 2000
"""Boundaries that one pass of a flow may reach."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a history: what happens, and the number that all its choices come from."""

    kind: str
    salt: int


class Actions:
    """Carries steps out on one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.people = people = People(world)
        self.outside = people.outside
        self.administrators = administrators = Administrators(world)
        self._verbs: Mapping[str, Callable[[Random], Awaitable[bool]]] = {
            "edit": people.edit, "clear": people.clear, "create": people.add, "delete": people.delete,
            "restore": people.restore, "merge": people.merge, "phone": people.phone,
            "forbid_calls": people.forbid_calls, "person_edits": people.person_edits,
            "person_clears": people.person_clears, "person_decides_calls": people.person_decides_calls,
            "conversation": people.conversation, "webhook": people.webhook, "call": self._call,
            "late_call": self._late_call,
            "person_pushes": self._person_pushes, "edit_in_window": self._edit_in_window, "race": self._race,
            "start": self._start, "move": self._move, "run": self._run, "fault": self._fault,
            "record_fault": self._record_fault, "die": self._die, "kill": self._kill, "wait": self._wait,
            "lag": self._lag, "hide": self._hide, "tenant": self._tenant,
            "remap": administrators.remap, "disconnect": self._disconnect, "connect": administrators.connect,
            "audit": self._audit,
        }  # fmt: skip

    async def do(self, step: Step) -> bool:
        """One step; whether it did anything."""
        self._world.clock.advance(1.3)
        return await self._verbs[step.kind](Random(step.salt))

    # Workers, network, time

    async def _start(self, chance: Random) -> bool:
        """A flow begins and gets some way."""
        job = await self._world.start(self._flow(chance), take_over=chance.random() < 0.3)
        if job is None:
            return False
        await self._some_way(job, chance)
        return True

    async def _run(self, chance: Random) -> bool:
        """A flow from its begin to its end, while the others wait; the one that holds its lane goes on instead."""
        flow = self._flow(chance)
        job = await self._world.start(flow) or self._world.holder(flow)
        if job is None:
            return False
        await self._to_its_end(job)
        return True

    def _flow(self, chance: Random) -> str:
        """A flow, rather one that has something to do."""
        tables = self._world.memory.tables
        busy = [INBOUND]
        busy += [PUSH] * 3 * any(row.dirty_at is not None for row in tables.links.values())
        busy += [ANALYSIS] * 2 * any(row.due_at is not None for row in tables.conversations.values())
        busy += [ACTIVITY] * 2 * any(row.due_at is not None for row in tables.activities.values())
        return chance.choice(busy) if chance.random() < 0.85 else chance.choice(FLOWS)

    async def _edit_in_window(self, chance: Random) -> bool:
        """A push comes as far as its write; a rep edits a record in the moment between our look and that write."""
        world = self._world
        job = await world.start(PUSH) or world.holder(PUSH)
        while job is not None and job.name == PUSH and not job.done:
            if job.where.startswith("request") and ("batch/update" in job.where or "PATCH" in job.where):
                world.say(f"... {job.worker} is about to write")
                return await self.people.edit(chance)
            await world.scheduler.step(job)
        return False

    async def _race(self, chance: Random) -> bool:
        """A flow stops half-way; others act and other flows run to their end; then it goes on to its own."""
        world = self._world
        slow = await world.start(self._flow(chance))
        if slow is None:
            return False
        await self._some_way(slow, chance)
        if slow.done:
            return True
        for _ in range(chance.randrange(1, 4)):
            await self._verbs[chance.choice(_BETWEEN)](chance)
        end = chance.random()
        if end < 0.7:
            await self._to_its_end(slow)
        elif end < 0.85:
            await world.scheduler.kill(slow)
        return True

    async def _person_pushes(self, chance: Random) -> bool:
        """A person edits, and the push that follows runs to its end."""
        await self.people.person_edits(chance)
        job = await self._world.start(PUSH)
        if job is None:
            return False
        await self._to_its_end(job)
        return True

    async def _late_call(self, chance: Random) -> bool:
        """A conversation ends; a person, a rep or a later conversation writes; only then its reports come."""
        before = len(self.outside.pending)
        await self.people.conversation(chance)
        reports = self.outside.pending[before:]
        del self.outside.pending[before:]
        self._world.clock.advance(5)
        for _ in range(chance.randrange(1, 4)):
            await self._verbs[chance.choice(("person_edits", "person_edits", "call", "edit", "run"))](chance)
        for report in reports:
            await self.people.deliver(report)
        await self._run(chance)
        return True

    async def _call(self, chance: Random) -> bool:
        """A conversation ends and all its reports come at once, as they usually do."""
        before = len(self.outside.pending)
        await self.people.conversation(chance)
        reports = self.outside.pending[before:]
        del self.outside.pending[before:]
        for report in reports:
            await self.people.deliver(report)
            if chance.random() < 0.4:
                await self._run(chance)
        return True

    async def _audit(self, chance: Random) -> bool:
        """The auditor begins, and as a rule comes to its end while others act now and then."""
        job = await self._world.start(AUDIT, take_over=chance.random() < 0.2)
        if job is None:
            return False
        await self._some_way(job, chance)
        for _ in range(chance.randrange(3)):
            await self._verbs[chance.choice(_BETWEEN)](chance)
            if not job.done:
                await self._some_way(job, chance)
        if not job.done and chance.random() < 0.6:
            await self._to_its_end(job)
        return True

    async def _disconnect(self, chance: Random) -> bool:
        """The CRM is disconnected; a few things happen; as a rule it is connected again."""
        if not await self.administrators.disconnect(chance):
            return False
        for _ in range(chance.randrange(4)):
            await self._verbs[chance.choice(_BETWEEN)](chance)
        if chance.random() < 0.7:
            await self.administrators.connect(chance)
        return True

    async def _to_its_end(self, job: Job) -> None:
        for _ in range(_LONGEST):
            if job.done:
                return
            await self._world.scheduler.step(job)
        self._world.broken.append(f"{job.name} does not end: {job.where}")
        await self._world.scheduler.kill(job)

    async def _move(self, chance: Random) -> bool:
        job = pick(chance, self._world.scheduler.jobs)
        if job is None:
            return False
        await self._some_way(job, chance)
        return True

    async def _some_way(self, job: Job, chance: Random) -> None:
        for _ in range(chance.choice((1, 2, 4, 6, 8, 10, 13, 17, 25))):
            if not job.done:
                await self._world.scheduler.step(job)
        if not job.done:
            self._world.say(f"... {job.worker} pauses in {job.name} at: {job.where}")

    async def _fault(self, chance: Random) -> bool:
        fault = chance.choice((*network.NETWORK_FAULTS, network.LOST_AFTER, *network.CRM_FAULTS))
        write = chance.random() < 0.6
        self._world.network.arm(fault, write=write)
        self._world.say(f"the next {'write' if write else 'request'} will fail: {fault}")
        return True

    async def _record_fault(self, chance: Random) -> bool:
        record_id = pick(chance, self.people.live())
        if record_id is None:
            return False
        fault = chance.choice(("rejected", "locked"))
        self._world.crm.fail(fault, record_id)
        self._world.say(f"the next write of {self._world.name(record_id)} will be {fault}")
        return True

    async def _die(self, chance: Random) -> bool:
        job = pick(chance, self._world.scheduler.jobs)
        if job is None:
            return False
        job.die_in = chance.randrange(25)
        return True

    async def _kill(self, chance: Random) -> bool:
        job = pick(chance, self._world.scheduler.jobs)
        if job is None:
            return False
        await self._world.scheduler.kill(job)
        return True

    async def _wait(self, chance: Random) -> bool:
        seconds = chance.choice((5, 40, 130, 700, 700, 3700))
        self._world.clock.advance(seconds)
        self._world.say(f"{seconds} s pass")
        return True

    async def _lag(self, chance: Random) -> bool:
        seconds = chance.choice((0, 5, 60))
        self._world.crm.set_lag(seconds)
        return True

    async def _hide(self, chance: Random) -> bool:
        """A field is taken away from our user; some flows run meanwhile; as a rule it is given back."""
        name = a_field(chance)
        if chance.random() < 0.7:
            await self.people.person_edits(chance)
        self._world.crm.hide(name)
        self._world.hidden = True
        self._world.say(f"an administrator hides the field of {name}")
        for _ in range(chance.randrange(1, 4)):
            await self._run(chance)
        if chance.random() < 0.8:
            self._world.crm.heal()
            self._world.hidden = False
            self._world.say(f"the field of {name} is back")
        return True

    async def _tenant(self, chance: Random) -> bool:
        """The credentials open another tenant for a while."""
        world = self._world
        if world.other is None:
            return False
        for crm, what in (
            (world.other, "the credentials now open another tenant"),
            (world.crm, "they open ours again"),
        ):
            world.network.crm, world.tokens.token = crm, None
            world.say(what)
            for _ in range(chance.randrange(1, 3)):
                await self._run(chance)
        return True
