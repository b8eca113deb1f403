"""Runs engines over the labelled sets, one case after the other, and keeps every score, for the table and `--show`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from eval import field_scores, merge_scores, summary
from eval.conversations import Conversation
from eval.field_scores import FieldScore, Found
from eval.merge_cases import MergeCase
from eval.merge_cases import Sequence as MergeSequence
from eval.merge_engines import Asked, MergeEngine, moment_of
from eval.merge_scores import MergeScore, Outcome
from eval.sequence_scores import Drift, DriftPoint, day_of
from tieline.domain.facts import Said

Progress = Callable[[str], None]


class FieldEngine(Protocol):
    """Finds what is asked in a conversation."""

    async def find(self, conversation: Conversation) -> Found:
        """What it found; a failure is in the answer."""


@dataclass(frozen=True, slots=True)
class Sets:
    """What is run: all of it, or a part for a quick look."""

    merges: Sequence[MergeCase] = ()
    sequences: Sequence[MergeSequence] = ()
    conversations: Sequence[Conversation] = ()

    def every(self, nth: int) -> "Sets":
        """Each nth case and conversation; sequences stay whole."""
        return Sets(self.merges[::nth], self.sequences, self.conversations[::nth])


@dataclass
class Report:
    """All scores of one engine with one strategy. `no_fields`: it cannot extract, so that nothing was measured."""

    engine: str
    strategy: str
    merges: list[MergeScore] = field(default_factory=list)
    drift: dict[str, list[DriftPoint]] = field(default_factory=dict)
    fields: list[FieldScore] | None = None
    found: list[Found] = field(default_factory=list)
    no_fields: bool = False

    def figures(self) -> dict[str, Any]:
        """As they are kept and shown."""
        figures: dict[str, Any] = {"engine": self.engine, "strategy": self.strategy}
        if self.merges:
            figures["merges"] = summary.merges(self.merges)
        if self.drift:
            figures["drift"] = {name: summary.drift(points) for name, points in self.drift.items()}
        if self.no_fields:
            figures["fields"] = None
        elif self.fields is not None:
            figures["fields"] = summary.fields(self.fields, self.found)
        return figures


async def run_merges(report: Report, engine: MergeEngine, sets: Sets, progress: Progress) -> None:
    """All cases, then the sequences."""
    for case in sets.merges:
        outcome, _ = await engine.merge(Asked(case.old, case.new, case.instruction, case.on))
        report.merges.append(merge_scores.score(case, outcome))
        progress(case.id)
    for sequence in sets.sequences:
        report.drift[sequence.id] = await _in_a_row(engine, sequence, progress)


async def run_fields(report: Report, engine: FieldEngine, sets: Sets, progress: Progress) -> None:
    """All conversations."""
    report.fields = []
    for conversation in sets.conversations:
        found = await engine.find(conversation)
        report.found.append(found)
        report.fields.extend(field_scores.score(conversation, found))
        progress(conversation.id)


async def _in_a_row(engine: MergeEngine, sequence: MergeSequence, progress: Progress) -> list[DriftPoint]:
    drift, note, points = Drift(sequence), sequence.start, []
    others: list[Said] = []
    for number, step in enumerate(sequence.steps):
        asked = Asked(note, step.says, sequence.instruction, day_of(number), tuple(others))
        outcome, contribution = await engine.merge(asked)
        others.append(Said(moment_of(asked.on), contribution))
        note = outcome.text
        points.append(drift.after(step.says, step.facts, Outcome(note, outcome.strategy, outcome.record)))
        progress(f"{sequence.id} {number + 1}")
    return points
