"""The steps of a history on real processes: the same kinds as in the simulated world, drawn from the same seed.

What people do is the very same code. What workers do cannot be commanded here: a step lets them work for a while,
wakes them, stops one at a request that it makes, kills or freezes it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Final

from tests.simulation.postgres.door import Fall, Hold
from tests.simulation.postgres.world import LEASE_S, PostgresWorld

from tieline.domain.intake import Report
from tieline.testing.simulation import network
from tieline.testing.simulation.actions import Step
from tieline.testing.simulation.people import People, a_field, pick

_BETWEEN: Final = (
    "edit", "edit", "person_edits", "person_edits", "person_edits", "clear", "move", "webhook", "fault", "phone",
    "call", "kill",
)  # fmt: skip
_RUN_S: Final = 1.0
_REACH_S: Final = 0.4


class Actions:
    """Carries steps out on one world."""

    def __init__(self, world: PostgresWorld) -> None:
        self._world = world
        self.people = people = People(world)
        self.outside = people.outside
        self._verbs: Mapping[str, Callable[[Random], Awaitable[object]]] = {
            "edit": people.edit, "clear": people.clear, "create": people.add, "delete": people.delete,
            "restore": people.restore, "merge": people.merge, "phone": people.phone,
            "forbid_calls": people.forbid_calls, "person_edits": people.person_edits,
            "person_clears": people.person_clears, "person_decides_calls": people.person_decides_calls,
            "conversation": people.conversation, "webhook": people.webhook, "call": self._call,
            "late_call": self._late_call, "person_pushes": self._person_pushes,
            "edit_in_window": self._edit_in_window, "race": self._race, "start": self._start, "move": self._move,
            "run": self._run, "fault": self._fault, "record_fault": self._record_fault, "die": self._die,
            "kill": self._kill, "wait": self._wait, "lag": self._lag, "hide": self._hide, "tenant": self._tenant,
        }  # fmt: skip

    async def do(self, step: Step) -> None:
        """One step; what the simulated world can do and this one cannot is left out."""
        await self._world.advance(1.3)
        await self._verb(step.kind, Random(step.salt))

    async def _verb(self, kind: str, chance: Random) -> None:
        verb = self._verbs.get(kind)
        if verb is None:
            return
        await self._world.refresh()
        if kind in _REPS:
            # A rep's edit is one moment of the CRM: no request of ours is in the middle of being applied.
            async with self._world.door.busy:
                await verb(chance)
        else:
            await verb(chance)

    # Workers, network, time

    async def _start(self, chance: Random) -> None:
        await self._world.tick(full=chance.random() < 0.15)
        await asyncio.sleep(chance.choice((0, 0.01, 0.03, 0.06)))

    async def _run(self, chance: Random) -> None:
        if chance.random() < 0.5:
            await self._world.tick()
        await self._world.calm(_RUN_S)

    async def _move(self, chance: Random) -> None:
        await self._world.thaw()
        await asyncio.sleep(chance.choice((0.01, 0.03, 0.1)))

    async def _race(self, chance: Random) -> None:
        """A worker stops at a request that it makes; others act; then it goes on, or dies there."""
        world = self._world
        hold = Hold(write=chance.random() < 0.6)
        world.door.holds.append(hold)
        if hold.write and chance.random() < 0.7:
            await self._verb("person_edits", chance)
        elif not hold.write or chance.random() < 0.5:
            await world.tick()
        try:
            await asyncio.wait_for(hold.reached.wait(), _REACH_S)
            for _ in range(chance.randrange(1, 4)):
                await self._verb(chance.choice(_BETWEEN), chance)
            if chance.random() < 0.25:
                hold.lost = chance.random() < 0.5
                world.say(f"kill -9 {hold.who}, which waits{'; its request is lost' if hold.lost else ''}")
                world.door.kill(hold.who)
                await self._after_death(chance)
        except TimeoutError:
            pass
        finally:
            hold.go.set()
            if hold in world.door.holds:
                world.door.holds.remove(hold)

    async def _edit_in_window(self, chance: Random) -> None:
        """A rep edits in the moment between our look and our write."""
        world = self._world

        async def edit() -> None:
            world.say("... a write is about to be applied")
            async with world.door.busy:
                await self.people.edit(chance)

        world.door.before_write.append(edit)
        await self._verb("person_edits", chance)
        await world.calm(_RUN_S)
        world.door.before_write.clear()

    async def _person_pushes(self, chance: Random) -> None:
        await self.people.person_edits(chance)
        await self._world.calm(_RUN_S)

    async def _call(self, chance: Random) -> None:
        """A conversation ends and all its reports come at once."""
        for report in await self._reports(chance):
            await self.people.deliver(report)
            if chance.random() < 0.4:
                await self._world.calm(_RUN_S)

    async def _late_call(self, chance: Random) -> None:
        """A conversation ends; others write; only then its reports come."""
        reports = await self._reports(chance)
        await self._world.advance(5)
        for _ in range(chance.randrange(1, 4)):
            await self._verb(chance.choice(("person_edits", "person_edits", "call", "edit", "run")), chance)
        for report in reports:
            await self.people.deliver(report)
        await self._run(chance)

    async def _reports(self, chance: Random) -> list[Report]:
        before = len(self.outside.pending)
        await self.people.conversation(chance)
        reports = self.outside.pending[before:]
        del self.outside.pending[before:]
        return reports

    async def _fault(self, chance: Random) -> None:
        fault = chance.choice((*network.NETWORK_FAULTS, network.LOST_AFTER, *network.CRM_FAULTS))
        write = chance.random() < 0.6
        self._world.door.arm(fault, write=write)
        self._world.say(f"the next {'write' if write else 'request'} will fail: {fault}")

    async def _record_fault(self, chance: Random) -> None:
        record_id = pick(chance, self.people.live())
        if record_id is not None:
            fault = chance.choice(("rejected", "locked"))
            self._world.crm.fail(fault, record_id)
            self._world.say(f"the next write of {self._world.name(record_id)} will be {fault}")

    async def _die(self, chance: Random) -> None:
        """Kills whoever is at some request or answer, not far from now."""
        self._world.door.falls.append(Fall(chance.randrange(25)))

    async def _kill(self, chance: Random) -> None:
        """Kills or freezes a worker in whatever it does, mostly just when there is something to do."""
        world = self._world
        nap = chance.choice((0, 0.03, 0.1))
        await world.slow(nap)
        if chance.random() < 0.8:
            await world.tick(full=chance.random() < 0.15)
            await asyncio.sleep(chance.random() * (0.06 + 6 * nap))
        owner = await world.holder() if chance.random() < 0.7 else None
        worker = owner or pick(chance, world.living())
        if worker is None:
            await world.slow(0)
            return
        if chance.random() < 0.3:
            world.say(f"{worker.name} freezes")
            world.freeze(worker)
        else:
            world.say(f"kill -9 {worker.name}")
            world.kill(worker)
        await world.slow(0)
        await self._after_death(chance)

    async def _after_death(self, chance: Random) -> None:
        if chance.random() < 0.7:
            # Its leases run out and its jobs are handed on.
            await self._world.advance(LEASE_S)

    async def _wait(self, chance: Random) -> None:
        seconds = chance.choice((5, 40, 130, 700, 700, 3700))
        await self._world.advance(seconds)
        self._world.say(f"{seconds} s pass")

    async def _lag(self, chance: Random) -> None:
        self._world.crm.set_lag(chance.choice((0, 5, 60)))

    async def _hide(self, chance: Random) -> None:
        """A field is taken away from our user; flows run meanwhile; it is given back, here or at the end."""
        world, name = self._world, a_field(chance)
        if chance.random() < 0.7:
            await self._verb("person_edits", chance)
        world.crm.hide(name)
        world.say(f"an administrator hides the field of {name}")
        for _ in range(chance.randrange(1, 3)):
            await self._run(chance)
        if chance.random() < 0.8:
            world.crm.heal()
            world.say(f"the field of {name} is back")

    async def _tenant(self, chance: Random) -> None:
        """The credentials open another tenant for a while."""
        world = self._world
        if world.other is None:
            return
        for crm, what in ((world.other, "another tenant"), (world.crm, "ours again")):
            world.door.crm = crm
            world.say(f"the address and the credentials are those of {what}")
            await world.give_credentials(crm.auth)
            await self._run(chance)


_REPS: Final = frozenset(
    {"edit", "clear", "create", "delete", "restore", "merge", "phone", "forbid_calls", "record_fault"}
)
