"""How each statement of a new text stands to the statements of a note. Whoever judges (a comparison, a model), code
renders: a judgement can add, drop or keep a whole statement and nothing else, so nothing can be invented. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from tieline.domain.statements import compare_key
from tieline.domain.terms import is_relative


class Relation(StrEnum):
    """What a new statement is to the old ones."""

    NEW = "new"
    SAME = "same"
    SUPERSEDES = "supersedes"
    CONTRADICTS = "contradicts"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One new statement's relation, and the indexes (from 0) of the old statements that it is the same as, supersedes
    or contradicts; none for NEW."""

    relation: Relation
    of: tuple[int, ...] = ()


class MergeStrategy(StrEnum):
    """`facts`: statements are judged and rendered by code. `rewrite`: a model writes, and a guard checks it."""

    FACTS = "facts"
    REWRITE = "rewrite"


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """When something was said: the conversation's end (epoch ms), and which conversation, for those of one moment."""

    ms: int
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A statement of a note, with its line's date (ISO) or ''."""

    statement: str
    date: str = ""

    @property
    def key(self) -> str:
        """What it compares as; its date does not matter."""
        return compare_key(self.statement)

    @property
    def dated(self) -> tuple[str, str]:
        """What it compares as when also the dates must agree."""
        return self.date, self.key

    @property
    def identity(self) -> tuple[str, str]:
        """What it is the same fact by: its words, and its day if they mean another time on another day."""
        return (self.date if is_relative(self.statement) else ""), self.key


@dataclass(frozen=True, slots=True)
class Tie:
    """A new statement and the fact that it was judged against."""

    statement: str
    of: Fact


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a conversation did to a note.

    `added` are its statements in the note; `left_out` those that found no room. `same`: was there already, in these
    words. `superseded`: what its statements took the place of; `yielded`: its statements whose place a later one has.
    `contradicts`: both stand. `overflowed`: facts of others that it pushed out. `said` is the value that it came from.
    """

    said: str
    date: str
    added: tuple[Fact, ...] = ()
    left_out: tuple[Fact, ...] = ()
    same: tuple[Tie, ...] = ()
    superseded: tuple[Tie, ...] = ()
    yielded: tuple[Tie, ...] = ()
    contradicts: tuple[Tie, ...] = ()
    overflowed: tuple[Fact, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As it is kept beside the conversation; empty members are left out."""
        members: dict[str, Any] = {"said": self.said, "date": self.date}
        for name in _FACTS:
            members[name] = [_fact_json(fact) for fact in getattr(self, name)]
        for name in _TIES:
            members[name] = [{"statement": tie.statement, **_of_json(tie.of)} for tie in getattr(self, name)]
        return {name: value for name, value in members.items() if value or name in ("said", "date")}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Contribution":
        """The inverse of `as_json`."""
        members: dict[str, Any] = {name: tuple(_fact(item) for item in raw.get(name, ())) for name in _FACTS}
        for name in _TIES:
            members[name] = tuple(
                Tie(item["statement"], Fact(item["of"], item.get("date", ""))) for item in raw.get(name, ())
            )
        return cls(raw.get("said", ""), raw.get("date", ""), **members)


@dataclass(frozen=True, slots=True)
class Said:
    """What another conversation contributed to the same note, and when it was said."""

    moment: Moment
    contribution: Contribution


_FACTS = ("added", "left_out", "overflowed")
_TIES = ("same", "superseded", "yielded", "contradicts")


Known: TypeAlias = Mapping[tuple[str, str], Sequence[Moment]]
"""When facts were said, by date and key: once for each conversation that put one into the note, in order."""


def moments(others: Iterable[Said]) -> Known:
    """When each fact was said, as far as conversations are known to have said it."""
    found: dict[tuple[str, str], list[Moment]] = {}
    for other in sorted(others, key=lambda one: one.moment):
        for fact in other.contribution.added:
            found.setdefault(fact.dated, []).append(other.moment)
    return found


def checked(judgements: Sequence[Judgement], old: int) -> tuple[Judgement, ...]:
    """Judgements without indexes that do not exist; one that relates to nothing is NEW, whatever it says."""
    valid = [
        Judgement(one.relation, tuple(dict.fromkeys(i for i in one.of if 0 <= i < old))) for one in judgements
    ]
    return tuple(one if one.of else Judgement(Relation.NEW) for one in valid)


def _fact_json(fact: Fact) -> dict[str, str]:
    return {"statement": fact.statement, **({"date": fact.date} if fact.date else {})}


def _of_json(fact: Fact) -> dict[str, str]:
    return {"of": fact.statement, **({"date": fact.date} if fact.date else {})}


def _fact(raw: Mapping[str, Any]) -> Fact:
    return Fact(raw["statement"], raw.get("date", ""))
