"""The merge engines as they are built into the flows, with what is to be measured of their answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from eval.merge_scores import Outcome
from tieline.domain.facts import Contribution, Judgement, MergeStrategy, Moment, Relation, Said, Tie
from tieline.domain.merging_facts import When, question
from tieline.domain.merging_notes import Answer, MergeNeeded, merge_note
from tieline.domain.statements import compare_key, pieces
from tieline.flows.merging import NoteMerging
from tieline.ports.llm import MergeModel

FIELD = "notes"


@dataclass(frozen=True, slots=True)
class Asked:
    """Two texts of a note, the day of the new one, and what other conversations put there."""

    old: str
    new: str
    instruction: str
    on: date
    others: Sequence[Said] = ()


class MergeEngine:
    """A model (or none) with a strategy, run as a flow runs it."""

    def __init__(self, model: MergeModel, strategy: MergeStrategy) -> None:
        self.strategy = strategy
        self._merging = NoteMerging(model)

    async def merge(self, asked: Asked) -> tuple[Outcome, Contribution]:
        """The note and what is on the record about it."""
        when = When(moment_of(asked.on), asked.on.isoformat())
        need = MergeNeeded(FIELD, asked.old, asked.new, when, self.strategy)
        answered = await self._merging.answer(need, asked.instruction)
        merged = merge_note(need, answered.answer, asked.others)
        written = answered.answer.text is not None and merged.text == answered.answer.text
        contribution = merged.contribution
        outcome = Outcome(
            merged.text,
            "rewrite" if written else "facts",
            record_of(contribution),
            _judged(asked, answered.answer, contribution, written=written),
            answered.usage,
            answered.answer.remark,
        )
        return outcome, contribution


def _judged(
    asked: Asked, answer: Answer, contribution: Contribution, *, written: bool
) -> dict[str, Judgement]:
    """Without an answer of the model only what code saw by itself has been judged."""
    if question(asked.old, asked.new).asked and not answer.judgements:
        same = {compare_key(tie.statement) for tie in contribution.same}
        return {key: one for key, one in judged_of(asked, contribution).items() if key in same}
    return _asked_for(asked, answer.judgements) if written else judged_of(asked, contribution)


def record_of(contribution: Contribution) -> tuple[str, ...]:
    """Every statement that the contribution names as gone from the note, or as not taken into it."""
    gone = [tie.of.statement for tie in contribution.superseded]
    gone += [tie.statement for tie in (*contribution.same, *contribution.yielded)]
    gone += [fact.statement for fact in (*contribution.left_out, *contribution.overflowed)]
    return tuple(gone)


def judged_of(asked: Asked, contribution: Contribution) -> dict[str, Judgement]:
    """What each new statement was taken for in the end, after the code's own vetoes."""
    found: dict[str, Judgement] = {
        compare_key(text): Judgement(Relation.NEW) for text in question(asked.old, asked.new).new
    }
    places = {part.key: index for index, part in reversed(list(enumerate(pieces(asked.old))))}
    for relation, ties in (
        (Relation.CONTRADICTS, contribution.contradicts),
        (Relation.SUPERSEDES, contribution.superseded),
        (Relation.SAME, contribution.same),
    ):
        for key, of in _by_statement(ties).items():
            found[key] = Judgement(relation, tuple(places[one] for one in of if one in places))
    return found


def _asked_for(asked: Asked, judgements: Sequence[Judgement]) -> dict[str, Judgement]:
    """The judgements as they were given: what a rewritten note did with them cannot be told."""
    wanted = question(asked.old, asked.new)
    return dict(zip(map(compare_key, wanted.new), wanted.complete(judgements), strict=True))


def _by_statement(ties: Sequence[Tie]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tie in ties:
        found.setdefault(compare_key(tie.statement), []).append(compare_key(tie.of.statement))
    return found


def moment_of(on: date) -> Moment:
    """Noon of that day."""
    noon = datetime.combine(on, time(12), UTC)
    return Moment(int(noon.timestamp() * 1000), f"call_{on:%Y%m%d}")
