"""A contact's past conversations, taken up in their order, as if their mappings had always been there. Pure.

Everything that they change ends on one board, so that the contact is saved once. As with a single conversation, texts
may have to be merged by a model first: the plan then says which, as far as it came, and is made again with the answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tieline.domain.analysed import Analysed, AnalysisRules, Application, Contributed
from tieline.domain.board import Board
from tieline.domain.merging_notes import Answer, MergeNeeded
from tieline.domain.plan_analysis import plan_analysis


@dataclass(frozen=True, slots=True)
class Turn:
    """One conversation, and by which rules it is mapped. More than one: it also adds to the contact's memory."""

    parts: Sequence[tuple[Analysed, AnalysisRules]]

    @property
    def key(self) -> str:
        """Whose turn it is."""
        return self.parts[0][0].key

    @property
    def ended_ms(self) -> int:
        """As of when it counts."""
        return self.parts[0][0].ended_ms


@dataclass(frozen=True, slots=True)
class Replayed:
    """What to remember of each conversation, by its key, and what must be merged before it can be carried out."""

    applications: Mapping[str, Sequence[Application]]
    needs: Sequence[MergeNeeded]


def replay(
    board: Board, contact_id: str, turns: Sequence[Turn], known: Sequence[Contributed],
    answers: Mapping[MergeNeeded, Answer],
) -> Replayed:  # fmt: skip
    """Puts what the conversations contribute on the board. With unmet `needs` the board must be thrown away.

    `known` is what all of the contact's conversations did before, those in `turns` as well as others.
    """
    done = {(one.ref, _mapping(one.application)): one for one in known}
    made: dict[str, list[Application]] = {}
    for turn in sorted(turns, key=lambda one: (one.ended_ms, one.key)):
        needs: list[MergeNeeded] = []
        for said, rules in turn.parts:
            earlier = [one.application for one in done.values() if one.ref == turn.key]
            others = [one for one in done.values() if one.ref != turn.key]
            replaying = replace(rules, replay=True)
            plan = plan_analysis(board, contact_id, said, replaying, earlier, answers, others)
            needs += plan.needs
            for one in plan.applications:
                done[turn.key, _mapping(one)] = Contributed(turn.key, turn.ended_ms, one)
            made.setdefault(turn.key, []).extend(plan.applications)
        if needs:
            return Replayed(made, needs)
    return Replayed(made, ())


def _mapping(one: Application) -> tuple[str, str]:
    return one.analysis_data_name, one.field_name
