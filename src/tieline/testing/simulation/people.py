"""What people and platforms do to a simulated world: reps in the CRM, persons here, calls and chats that end.

Every action takes its choices from the chance that it is given. One that has nothing to work on returns False.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any, Final, TypeVar

from tieline.domain.changeset import SourceKind
from tieline.domain.fields import BUILTIN_FIELDS
from tieline.domain.intake import Report
from tieline.flows.editing import Edit, Editor
from tieline.testing.simulation import setting
from tieline.testing.simulation.chronicle import CONTACT, CONVERSATION, RECORD, STRANGER
from tieline.testing.simulation.crm import RefusedByCrmError
from tieline.testing.simulation.scene import Scene

T = TypeVar("T")
PLATFORM: Final = "retell"
_ACT_S: Final = 0.01
"""A rep's edit is not of the very millisecond of a write of ours: a CRM that stamps in those tells them apart."""


@dataclass(slots=True)
class Outside:
    """What the world's outside remembers: numbers given out, reports on their way and delivered, deleted records."""

    numbers: int = 0
    calls: int = 0
    pending: list[Report] = field(default_factory=list)
    delivered: list[Report] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    def new_number(self) -> str:
        """A number that nobody has."""
        self.numbers += 1
        return f"+1415555{100 + self.numbers:04d}"


class People:
    """All whom Tieline does not command."""

    def __init__(self, world: Scene) -> None:
        self._world = world
        self.outside = Outside()

    # The CRM's users

    async def edit(self, chance: Random) -> bool:
        """A rep edits a text or two, perhaps in a transaction that commits late."""
        record_id = pick(chance, self.live())
        if record_id is None:
            return False
        names = {a_field(chance) for _ in range(chance.choice((1, 1, 2)))}
        values = {name: self._world.chronicle.text(RECORD, record_id, name) for name in sorted(names)}
        late = chance.choice((0, 0, 0, self._world.crm.longest_late_s // 2, self._world.crm.longest_late_s))
        return self._rep(record_id, values, late)

    async def clear(self, chance: Random) -> bool:
        """A rep clears a text."""
        record_id = pick(chance, self.live())
        return record_id is not None and self._rep(record_id, {a_field(chance): None})

    async def forbid_calls(self, chance: Random) -> bool:
        """A rep decides whether to call."""
        record_id = pick(chance, self.live())
        return record_id is not None and self._rep(record_id, {"do_not_call": chance.random() < 0.6})

    async def phone(self, chance: Random) -> bool:
        """A rep changes a number."""
        record_id = pick(chance, self.live())
        return record_id is not None and self._rep(record_id, {"phone_number": self._number(chance)})

    def _rep(self, record_id: str, values: Mapping[str, Any], late_s: int = 0) -> bool:
        world = self._world
        world.clock.advance(_ACT_S)
        world.crm.set_time(world.clock.now())
        before = world.crm.records()[record_id]
        try:
            world.crm.edit(record_id, values, late_s)
        except RefusedByCrmError as error:
            world.say(f"a rep may not edit {world.name(record_id)}: {error}")
            return False
        world.chronicle.rep_wrote(record_id, before, values)
        known = {key[2] for key in world.memory.tables.links if key[0] == setting.ORG}
        if (
            values.get("phone_number", before["phone_number"]) != before["phone_number"]
            and record_id not in known
        ):
            world.chronicle.renumbered.add(record_id)
        late = f", stamped {late_s} s ago" if late_s else ""
        world.say(f"a rep sets {dict(values)} on {world.name(record_id)}{late}")
        return True

    async def add(self, chance: Random) -> bool:
        """A rep creates a record."""
        self.create(self._number(chance), chance)
        return True

    def create(self, number: str | None, chance: Random) -> str:
        """A rep creates a record with that number."""
        world = self._world
        world.crm.set_time(world.clock.now())
        record_id = world.crm.create({"phone_number": number, "last_name": "Person"})
        values = {
            name: world.chronicle.text(RECORD, record_id, name)
            for name in setting.TEXTS
            if chance.random() < 0.5
        }
        try:
            world.crm.edit(record_id, values)
        except RefusedByCrmError:  # one of the fields is hidden at the moment
            values = {}
        world.chronicle.rep_wrote(record_id, {}, values)
        world.say(f"a rep creates {world.name(record_id)} with {number} and {values}")
        return record_id

    async def delete(self, chance: Random) -> bool:
        """A rep deletes a record."""
        record_id = pick(chance, self.live())
        if record_id is None:
            return False
        self._world.crm.set_time(self._world.clock.now())
        self._world.crm.delete(record_id)
        self.outside.deleted.append(record_id)
        self._world.say(f"a rep deletes {self._world.name(record_id)}")
        return True

    async def restore(self, chance: Random) -> bool:
        """A rep takes a deleted record back."""
        record_id = pick(chance, self.outside.deleted)
        if record_id is None:
            return False
        self._world.crm.set_time(self._world.clock.now())
        try:
            self._world.crm.restore(record_id)
        except RefusedByCrmError:
            return False
        self.outside.deleted.remove(record_id)
        self._world.say(f"a rep restores {self._world.name(record_id)}")
        return True

    async def merge(self, chance: Random) -> bool:
        """A rep merges two records."""
        live = self.live()
        if len(live) < 2:
            return False
        winner, loser = chance.sample(live, 2)
        world = self._world
        world.crm.set_time(world.clock.now())
        before = world.crm.records()
        survivor = world.crm.merge(winner, loser)
        world.chronicle.merged += [(winner, loser), (winner, survivor)]
        after = {name: value for name, value in world.crm.records()[survivor].items() if name != "_stamp"}
        world.chronicle.rep_wrote(survivor, before.get(survivor, {}), after)
        world.say(
            f"a rep merges {world.name(loser)} into {world.name(winner)}; {world.name(survivor)} survives"
        )
        return True

    # People here

    async def person_edits(self, chance: Random) -> bool:
        """A person here edits a contact."""
        contact_id = pick(chance, self._contacts())
        if contact_id is None:
            return False
        name = a_field(chance)
        return await self._person(contact_id, {name: self._world.chronicle.text(CONTACT, contact_id, name)})

    async def person_clears(self, chance: Random) -> bool:
        """A person here clears a text."""
        contact_id = pick(chance, self._contacts())
        return contact_id is not None and await self._person(contact_id, {a_field(chance): None})

    async def person_decides_calls(self, chance: Random) -> bool:
        """A person here decides whether to call."""
        contact_id = pick(chance, self._contacts())
        return contact_id is not None and await self._person(
            contact_id, {"do_not_call": chance.random() < 0.5}
        )

    async def _person(self, contact_id: str, values: Mapping[str, Any]) -> bool:
        own = {name: value for name, value in values.items() if name in BUILTIN_FIELDS}
        custom = {name: value for name, value in values.items() if name not in own}
        self._world.say(f"a person sets {dict(values)} on {contact_id}")
        await self._world.editing.update(
            setting.ORG, self._world.org, contact_id, Edit(own, custom), Editor(SourceKind.PERSON, "ann")
        )
        return True

    # Conversations

    async def conversation(self, chance: Random) -> bool:
        """A call or chat ends; its three reports are on their way, in whatever order they come."""
        world, outside = self._world, self.outside
        outside.calls += 1
        kind = chance.choice(("call", "call", "chat"))
        conversation_id = f"{kind}_{outside.calls}"
        numbers = sorted(
            row.state.phone_number
            for key, row in world.memory.tables.contacts.items()
            if key[0] == setting.ORG
        )
        numbers += [str(one["phone_number"]) for one in world.crm.records().values() if one["phone_number"]]
        number = (None if chance.random() < 0.2 else pick(chance, numbers)) or outside.new_number()
        ended = world.clock.now()
        begun = Report(
            PLATFORM, conversation_id, kind, "ongoing", "outbound", True, "+14155559999", number,
            started_at=ended - timedelta(seconds=60),
        )  # fmt: skip
        told = replace(
            begun, status="ended", ended_at=ended, duration_ms=60000, disconnection_reason="user_hangup"
        )
        reports = [begun, told, self._analysed(told, conversation_id, chance, 1)]
        if chance.random() < 0.2:
            reports.append(self._analysed(told, conversation_id, chance, 2))
        outside.pending += reports
        world.say(f"{conversation_id} with {number} ends")
        return True

    def _analysed(self, told: Report, conversation_id: str, chance: Random, version: int) -> Report:
        text = self._world.chronicle.text
        analysis: dict[str, Any] = {"call_summary": f"Summary {version}."}
        for name, field_name in (
            ("customer_plan", "plan"),
            ("customer_notes", "notes"),
            ("customer_title", "title"),
        ):
            if chance.random() < 0.6:
                analysis[name] = text(CONVERSATION, conversation_id, field_name)
        if chance.random() < 0.2:
            analysis["wants_no_calls"] = chance.random() < 0.7
        return replace(
            told, status="analyzed", analysis=analysis, summary=analysis["call_summary"],
            analysis_version=f"v{version}",
        )  # fmt: skip

    async def webhook(self, chance: Random) -> bool:
        """A report comes in: the next, one out of order, or one again."""
        outside = self.outside
        if outside.pending and chance.random() < 0.8:
            at = 0 if chance.random() < 0.7 else chance.randrange(len(outside.pending))
            report = outside.pending.pop(at)
        else:
            chosen = pick(chance, outside.delivered)
            if chosen is None:
                return False
            report = chosen
        await self.deliver(report)
        return True

    async def deliver(self, report: Report) -> None:
        """A webhook comes in."""
        self._world.say(f"webhook: {report.conversation_id} {report.status} {dict(report.analysis or {})}")
        await self._world.intake.take(setting.ORG, report, {})
        self.outside.delivered.append(report)

    # Helpers

    def _number(self, chance: Random) -> str | None:
        kind = chance.random()
        if kind < 0.1:
            return chance.choice((None, "555-1234", "no phone"))
        taken = sorted(
            {str(one["phone_number"]) for one in self._world.crm.records().values() if one["phone_number"]}
        )
        taken += sorted(row.state.phone_number for row in self._world.memory.tables.contacts.values())
        return chance.choice(taken) if kind < 0.45 and taken else self.outside.new_number()

    def live(self) -> list[str]:
        return sorted(self._world.crm.records())

    def _contacts(self) -> list[str]:
        rows = self._world.memory.tables.contacts.items()
        return sorted(key[1] for key, row in rows if key[0] == setting.ORG and row.merged_into is None)


def people_of_the_other_tenant(world: Scene, numbers: Sequence[str]) -> None:
    """Strangers with the same ids and numbers in the other tenant."""
    assert world.other is not None
    for number in numbers:
        record_id = world.other.create({"phone_number": number, "last_name": "Stranger"})
        values = {name: world.chronicle.text(STRANGER, record_id, name) for name in setting.TEXTS}
        world.other.edit(record_id, values)


def pick(chance: Random, among: Sequence[T]) -> T | None:
    """One of them; the first more often than the others, so that things meet."""
    if not among:
        return None
    return among[0] if chance.random() < 0.4 else among[chance.randrange(len(among))]


def a_field(chance: Random) -> str:
    """A text field; those that more than one side writes more often."""
    return chance.choices(("plan", "notes", "title", "first_name", "city", "department"), (5, 3, 3, 2, 1, 2))[
        0
    ]
