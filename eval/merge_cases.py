"""The labelled merges: notes with a new value, and sequences of merges.

Read from `merges/` and `sequences/`; how they are labelled is in README.md. Must never change a label to fit an engine.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from tieline.domain.facts import Judgement, Relation
from tieline.domain.statements import statements

HERE = Path(__file__).parent
CATEGORIES = frozenset(
    """new_fact duplicate paraphrase supersession contradiction negation number_change relative_date name_change
    injection other_language emoji very_long human_edit""".split()
)
_PLACED = re.compile(r"(old|new) (\d+): (.+)")
_STEP_FACT = re.compile(r"([\w-]+): (?:repeats (\w+)|(.+?)(?: ends (\w+(?: \w+)*))?)")


class LabelError(Exception):
    """A labelled file cannot be read; says which case and why."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something one statement says: which text it is of, that statement's index, and the terms by which it is known."""

    of: str
    index: int
    terms: str


@dataclass(frozen=True, slots=True)
class MergeCase:
    """A note and a new value. `labels` are, for each statement of the new value, the judgements that are right."""

    id: str
    category: str
    language: str
    instruction: str
    old: str
    new: str
    on: date
    human: frozenset[int]
    labels: tuple[tuple[Judgement, ...], ...]
    required: tuple[Fact, ...]
    superseded: tuple[Fact, ...]
    forbidden: tuple[str, ...]

    @property
    def old_statements(self) -> tuple[str, ...]:
        """In order; labels and facts count them from 0."""
        return statements(self.old)

    @property
    def new_statements(self) -> tuple[str, ...]:
        """In order; labels and facts count them from 0."""
        return statements(self.new)


@dataclass(frozen=True, slots=True)
class StepFact:
    """What a conversation of a sequence adds. `ends`: facts not true after it; `repeats`: one that is said again."""

    id: str
    terms: str = ""
    ends: tuple[str, ...] = ()
    repeats: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One merge of a sequence."""

    says: str
    facts: tuple[StepFact, ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """Merges in a row into one note."""

    id: str
    instruction: str
    start: str
    start_facts: tuple[StepFact, ...]
    steps: tuple[Step, ...]


def merge_cases(directory: Path = HERE / "merges") -> tuple[MergeCase, ...]:
    """All of them, in the order of the files' names. Raises LabelError."""
    return tuple(_named(path, raw, _case) for path, raw in _tables(directory, "case"))


def sequences(directory: Path = HERE / "sequences") -> tuple[Sequence, ...]:
    """All of them. Raises LabelError."""
    return tuple(_named(path, _toml(path), _sequence) for path in sorted(directory.glob("*.toml")))


def said_again(cases: Iterable[MergeCase], merges: int = 50) -> Sequence:
    """A sequence in which the same is said over and over in other words: nothing may be added, and nothing lost."""
    same = [case for case in cases if all(_only_same(label) for label in case.labels)]
    known = {case.id: [f"{case.id}_{place}" for place in range(len(case.required))] for case in same}
    start = [
        StepFact(name, fact.terms)
        for case in same
        for name, fact in zip(known[case.id], case.required, strict=True)
    ]
    steps = []
    for case in islice(cycle(same), merges):
        repeated = [
            StepFact("", repeats=name)
            for name, fact in zip(known[case.id], case.required, strict=True)
            if any(fact.index in one.of for label in case.labels for one in label)
        ]
        steps.append(Step(case.new, tuple(repeated)))
    return Sequence("said again", "", "\n".join(case.old for case in same), tuple(start), tuple(steps))


def _only_same(label: tuple[Judgement, ...]) -> bool:
    return all(one.relation is Relation.SAME and one.of for one in label)


def parse_labels(text: str) -> tuple[Judgement, ...]:
    """`supersedes 0 2 | new` as the judgements that are right. Raises ValueError."""
    found = []
    for one in text.split("|"):
        relation, *indexes = one.split()
        found.append(Judgement(Relation(relation), tuple(map(int, indexes))))
    return tuple(found)


def _tables(directory: Path, name: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for path in sorted(directory.glob("*.toml")):
        yield from ((path, raw) for raw in _toml(path)[name])


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _named(path: Path, raw: Mapping[str, Any], make: Any) -> Any:
    try:
        return make(raw)
    except (KeyError, ValueError, TypeError) as error:
        raise LabelError(f"{path.name}, {raw.get('id')}: {type(error).__name__} {error}") from error


def _case(raw: Mapping[str, Any]) -> MergeCase:
    _only(raw, (*MergeCase.__slots__, "note", "old_on"))
    return MergeCase(
        raw["id"],
        raw["category"],
        raw.get("language", "en"),
        raw.get("instruction", ""),
        raw["old"].strip("\n"),
        raw["new"].strip("\n"),
        raw.get("on", date(2026, 3, 5)),
        frozenset(raw.get("human", ())),
        tuple(parse_labels(label) for label in raw["labels"]),
        tuple(map(_fact, raw["required"])),
        tuple(map(_fact, raw.get("superseded", ()))),
        tuple(raw.get("forbidden", ())),
    )


def _fact(text: str) -> Fact:
    match = _PLACED.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not 'old 0: terms' or 'new 0: terms'")
    return Fact(match[1], int(match[2]), match[3])


def _sequence(raw: Mapping[str, Any]) -> Sequence:
    _only(raw, ("id", "instruction", "start", "start_facts", "step"))
    steps = tuple(Step(step["says"], tuple(map(_step_fact, step["facts"]))) for step in raw["step"])
    return Sequence(
        raw["id"], raw["instruction"], raw["start"], tuple(map(_step_fact, raw["start_facts"])), steps
    )


def _step_fact(text: str) -> StepFact:
    match = _STEP_FACT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not 'id: terms', 'id: terms ends id' or '-: repeats id'")
    if match[2]:
        return StepFact("", repeats=match[2])
    return StepFact(match[1], match[3], tuple((match[4] or "").split()))


def _only(raw: Mapping[str, Any], known: tuple[str, ...]) -> None:
    if unknown := set(raw) - set(known):
        raise ValueError(f"unknown members {', '.join(sorted(unknown))}")
