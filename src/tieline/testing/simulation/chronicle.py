"""What truly happened in a simulated world: who wrote which value where, and what a write of ours replaced.

Every text that anybody writes holds a mark of its own (`r2x17`: record r2's, `p1x3`: contact p1's, `t4x9`: from
conversation t4), so that a value tells whose it is wherever it turns up. Knows nothing of what Tieline believes.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tieline.testing.simulation.crm import Fields
from tieline.testing.simulation.scheduler import Job, current_job
from tieline.testing.simulation.setting import MERGED, TEXTS

_MARK: Final = re.compile(r"\b[rptz]\d+x\d+\b")
RECORD, CONTACT, CONVERSATION, STRANGER = "r", "p", "t", "z"
"""Whose mark it is: a record's, a contact's, a conversation's, a record's of another CRM tenant."""


def marks_in(value: object) -> frozenset[str]:
    """The marks in a text."""
    return frozenset(_MARK.findall(value)) if isinstance(value, str) else frozenset()


@dataclass(frozen=True, slots=True)
class Mark:
    """Who wrote it: the kind of owner and its id (of the record, contact or conversation)."""

    kind: str
    owner: str
    field_name: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """A rep's standing value that a write of ours replaced; `prior` is what the rep had replaced by it.

    `in_window`: written after our last look at the record.
    """

    record_id: str
    field_name: str
    value: Any
    prior: Any
    by: Any
    at: datetime
    in_window: bool
    writer: str


@dataclass(slots=True)
class Chronicle:
    """The true history. `moment` counts everything that happens in the CRM; `born` has the marks that a record which we
    created began with; `renumbered` are records whose number a rep changed before
    Tieline knew them; `remapped` are fields whose mapping an administrator changed.
    """

    marks: dict[str, Mark] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    standing: dict[tuple[str, str], tuple[int, Any, Any]] = field(default_factory=dict)
    replaced: list[Replaced] = field(default_factory=list)
    born: dict[str, frozenset[str]] = field(default_factory=dict)
    merged: list[tuple[str, str]] = field(default_factory=list)
    renumbered: set[str] = field(default_factory=set)
    unknown: int = 0
    remapped: set[str] = field(default_factory=set)
    moment: int = 0

    def alias(self, kind: str, owner: str) -> str:
        """A short name for a record, contact or conversation: r1, p2, t3."""
        known = self.aliases.get((kind, owner))
        if known is None:
            number = 1 + sum(one == kind for one, _ in self.aliases)
            known = self.aliases[kind, owner] = f"{kind}{number}"
        return known

    def text(self, kind: str, owner: str, field_name: str) -> str:
        """A new text of that owner for that field."""
        mark = f"{self.alias(kind, owner)}x{len(self.marks) + 1}"
        self.marks[mark] = Mark(kind, owner, field_name)
        return f"Note {mark}." if field_name == MERGED else f"{field_name} {mark}"

    def rep_wrote(self, record_id: str, before: Fields, values: Fields) -> None:
        """A user of the CRM set these. What was there before and was never read by anybody cannot be missed."""
        self.moment += 1
        for name, value in values.items():
            if before.get(name) != value:
                self.standing[record_id, name] = (self.moment, value, before.get(name))

    def watch(
        self, records: Callable[[], Mapping[str, Fields]], at: datetime, reads: bool, job: Job | None = None
    ) -> Callable[[int], None]:
        """A request of ours, or of that job, is about to be applied; gives whom to tell when it was."""
        job = job or current_job()
        if reads:
            self.moment += 1
            if job is not None:
                job.last_read = self.moment
            return lambda status: None
        before = records()
        seen = job.last_read if job is not None else 0

        def applied(status: int) -> None:
            self.moment += 1
            self._compare(before, records(), at, seen, job.name if job else "nobody")

        return applied

    def _compare(
        self, before: Mapping[str, Fields], after: Mapping[str, Fields], at: datetime, seen: int, writer: str
    ) -> None:
        for record_id, now in after.items():
            if record_id not in before:
                self.born[record_id] = frozenset().union(*(marks_in(value) for value in now.values()))
            was = before.get(record_id, {})
            for name in (*TEXTS, "do_not_call"):
                if was.get(name) == now.get(name):
                    continue
                when, value, prior = self.standing.pop((record_id, name), (0, None, None))
                if when:
                    lost = Replaced(record_id, name, value, prior, now.get(name), at, when > seen, writer)
                    self.replaced.append(lost)

    def unknowable(self, record_id: str, mark: str) -> bool:
        """Whether the record was made by us with this text in it, and a rep gave it another number while the answer to
        our request was still out: the number was all that it could have been known by, and now it looks like anybody's.
        """
        lost = record_id in self.renumbered and mark in self.born.get(record_id, frozenset())
        self.unknown += lost
        return lost

    def same_person(self, one: str, other: str) -> bool:
        """Whether the CRM's users have merged these records into one."""
        return other in self._group({one})

    def _group(self, seen: set[str]) -> set[str]:
        while True:
            more = {b for a, b in self.merged if a in seen} | {a for a, b in self.merged if b in seen}
            if more <= seen:
                return seen
            seen = seen | more

    def owners(self, marks: Iterable[str]) -> list[tuple[str, Mark]]:
        """The marks with their owners; one that nobody made is left out."""
        return [(mark, self.marks[mark]) for mark in sorted(marks) if mark in self.marks]
