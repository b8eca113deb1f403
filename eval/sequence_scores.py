"""Drift: what fifty merges in a row leave of what is true, and what they leave standing that is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from eval.merge_cases import Sequence, StepFact
from eval.merge_scores import Look, Outcome, undated_length
from eval.text import holds, says
from tieline.domain.statements import pieces, statements

# Each merge of a sequence has its own day, given by `day_of`: dates that an engine puts before its lines.
FIRST_DAY = date(2026, 3, 2)


def day_of(step: int) -> date:
    """The day of a step, from 0: one a week."""
    return FIRST_DAY + timedelta(weeks=step)


@dataclass(frozen=True, slots=True)
class DriftPoint:
    """The note after that many merges. `length` over that of the statements that are true; `lost`: neither in the note
    nor on any record up to then."""

    merges: int
    true: int
    kept: int
    ended: int
    stale: tuple[str, ...]
    missing: tuple[str, ...]
    lost: tuple[str, ...]
    invented: tuple[str, ...]
    duplicates: int
    length: float


class Drift:
    """Follows a sequence with the outcomes of an engine, step by step."""

    def __init__(self, sequence: Sequence) -> None:
        self._true: dict[str, StepFact] = {}
        self._ended: dict[str, StepFact] = {}
        self._said: dict[str, set[str]] = {}
        self._sources: list[str] = []
        self._record: list[str] = []
        self._merges = 0
        self._tell(sequence.start, sequence.start_facts)

    def after(self, says_: str, facts: tuple[StepFact, ...], outcome: Outcome) -> DriftPoint:
        """The figures after one more merge."""
        self._merges += 1
        self._tell(says_, facts)
        self._record.extend(outcome.record)
        look = Look(Outcome(outcome.text, outcome.strategy, tuple(self._record)))
        missing = [name for name in self._true if not self._stated(look, name, self._true)]
        stale = [name for name in self._ended if self._stated(look, name, self._ended)]
        gone = [*missing, *(name for name in self._ended if name not in stale)]
        recorded = {piece.key for text in self._record for piece in pieces(text)}
        return DriftPoint(
            self._merges,
            len(self._true),
            len(self._true) - len(missing),
            len(self._ended),
            tuple(stale),
            tuple(missing),
            tuple(name for name in gone if not self._said[name] & recorded),
            look.inventions((*self._sources, *self._days()), FIRST_DAY),
            self._duplicates(look),
            undated_length(outcome.text) / max(1, self._true_length()),
        )

    def _tell(self, text: str, facts: tuple[StepFact, ...]) -> None:
        self._sources.append(text)
        for fact in facts:
            name = fact.repeats or fact.id
            if not fact.repeats:
                self._true[name] = fact
            for ended in fact.ends:
                self._ended[ended] = self._true.pop(ended)
            known = self._true[name]
            keys = {p.key for part in statements(text) if holds(part, known.terms) for p in pieces(part)}
            self._said.setdefault(name, set()).update(keys)

    def _stated(self, look: Look, name: str, facts: Mapping[str, StepFact]) -> bool:
        if look.by_statement:
            return bool(self._said[name] & set(look.keys))
        if facts is self._ended:
            return says(look.outcome.text, facts[name].terms) > 0
        return holds(look.outcome.text, facts[name].terms)

    def _duplicates(self, look: Look) -> int:
        repeated = len(look.keys) - len(set(look.keys))
        if not look.by_statement:
            return repeated
        return repeated + sum(max(0, len(self._said[name] & set(look.keys)) - 1) for name in self._true)

    def _days(self) -> list[str]:
        return [day_of(step).isoformat() for step in range(self._merges)]

    def _true_length(self) -> int:
        true = {key for name in self._true for key in self._said[name]}
        return sum(len(key) + 1 for key in true)
