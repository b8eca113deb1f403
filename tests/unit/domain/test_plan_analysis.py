"""What an analysis changes: modes, the moment as of which it counts, re-runs, and what waits for a merge."""

import itertools
from collections.abc import Collection
from typing import Any

import pytest

from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.board import Board, Known
from tieline.domain.changeset import Changeset, ContactState, LedgerOutcome, Source, SourceKind
from tieline.domain.fields import BUILTIN_FIELDS, MAX_TEXT, FieldSpec
from tieline.domain.mapping import Policy
from tieline.domain.merging import append_new
from tieline.domain.plan_analysis import (
    Analysed,
    AnalysisPlan,
    AnalysisRules,
    Answer,
    Application,
    MergeNeeded,
    plan_analysis,
)
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import FieldType, Value

NOTE, SCORE = FieldSpec("note", FieldType.STRING), FieldSpec("score", FieldType.NUMBER)
FIELDS = {**BUILTIN_FIELDS, "note": NOTE, "score": SCORE}
ENDED = 1_000
PERSON, CALL = SourceKind.PERSON, SourceKind.CONVERSATION


class Contact:
    """One contact over several analyses, merged without a model."""

    def __init__(self, **values: Value) -> None:
        self.state = ContactState("c", "+14155550100", values)
        self.memory: dict[tuple[str, str], Application] = {}
        self.last = Changeset()

    def set(self, name: str, value: Value, source: Source) -> None:
        self.state = ContactState(
            "c", self.state.phone_number, {**self.state.values, name: value}, {**self.state.sources, name: source}
        )  # fmt: skip

    def plan(
        self, mode: UpdateMode, said: Any, *, field: str = "note", key: str = "call", ended: int = ENDED,
        version: str = "v1", policy: Policy = Policy.CRM_WINS, earlier: Collection[Application] | None = None,
    ) -> AnalysisPlan:  # fmt: skip
        rules = AnalysisRules(
            [AnalysisMapping("said", field, mode)], FIELDS, inbound_policies={field: policy}
        )
        answers: dict[MergeNeeded, Answer] = {}
        known = [*self.memory.values()] if earlier is None else earlier
        for _ in range(3):
            board = Board(Known(contacts={"c": self.state}), "", lambda: next(map(str, itertools.count())))
            plan = plan_analysis(
                board, "c", Analysed(key, ended, version, {"said": said}), rules, known, answers
            )
            if not plan.needs:
                break
            answers = {need: Answer(append_new(need.old, need.new), "offline") for need in plan.needs}
        self.last = board.changeset()
        self.state = board.contacts["c"]
        self.memory |= {(a.analysis_data_name, a.field_name): a for a in plan.applications}
        return plan

    @property
    def note(self) -> Value:
        return self.state.values.get("note")

    def outcomes(self) -> list[LedgerOutcome]:
        return [change.outcome for contact in self.last.contact_changes for change in contact.changes]


@pytest.mark.parametrize(
    ("mode", "old", "said", "becomes"),
    [
        (UpdateMode.OVERWRITE, "old", "new", "new"),
        (UpdateMode.OVERWRITE, None, "new", "new"),
        (UpdateMode.OVERWRITE, "old", "", "old"),
        (UpdateMode.OVERWRITE, "old", None, "old"),
        (UpdateMode.FILL_IF_EMPTY, "old", "new", "old"),
        (UpdateMode.FILL_IF_EMPTY, "  ", "new", "new"),
        (UpdateMode.FILL_IF_EMPTY, None, "new", "new"),
        (UpdateMode.MERGE, "old", "new", "old\nnew"),
        (UpdateMode.MERGE, None, "new", "new"),
        (UpdateMode.MERGE, "Old.  New.", "new.", "Old.  New."),
    ],
)
def test_the_three_modes(mode: UpdateMode, old: Value, said: Any, becomes: Value) -> None:
    contact = Contact(note=old)
    contact.plan(mode, said)
    assert contact.note == becomes


@pytest.mark.parametrize(
    ("source", "policy", "stands"),
    [
        (Source(PERSON, ENDED - 1, "ann"), Policy.CRM_WINS, False),
        (Source(PERSON, ENDED + 1, "ann"), Policy.CRM_WINS, True),
        (Source(CALL, ENDED + 1, "later"), Policy.CRM_WINS, True),
        (Source(CALL, ENDED - 1, "sooner"), Policy.CRM_WINS, False),
        (Source(SourceKind.CRM, ENDED - 1, "r", 10), Policy.CRM_WINS, False),
        (Source(SourceKind.CRM, ENDED + 9, "r", ENDED), Policy.TIELINE_WINS, True),
        (Source(SourceKind.CRM, ENDED + 9, "r", 10), Policy.CRM_WINS, True),
        (Source(SourceKind.CRM, ENDED + 9, "r", 10), Policy.TIELINE_WINS, False),
    ],
)
def test_overwrite_counts_as_of_the_conversations_end(source: Source, policy: Policy, stands: bool) -> None:
    contact = Contact()
    contact.set("note", "standing", source)
    contact.plan(UpdateMode.OVERWRITE, "said", policy=policy)
    assert contact.note == ("standing" if stands else "said")
    assert contact.outcomes() == [LedgerOutcome.OVERRULED if stands else LedgerOutcome.SET]


def test_a_clear_by_a_person_after_the_conversation_stands() -> None:
    contact = Contact()
    contact.set("note", None, Source(PERSON, ENDED + 1, "ann"))
    contact.plan(UpdateMode.OVERWRITE, "said")
    assert contact.note is None


@pytest.mark.parametrize("mode", list(UpdateMode))
def test_the_same_version_is_applied_once_and_a_new_one_replaces_it(mode: UpdateMode) -> None:
    contact = Contact()
    contact.plan(mode, "First.")
    assert not contact.plan(mode, "Something else.", version="v1").applications
    contact.plan(mode, "Second.", version="v2")
    assert contact.note == "Second."


def test_a_rerun_leaves_what_others_wrote_around_its_statements() -> None:
    contact = Contact(note="Before.")
    contact.plan(UpdateMode.MERGE, "Mine.")
    contact.set("note", f"{contact.note}\nAfter.", Source(PERSON, ENDED + 5, "ann"))
    contact.plan(UpdateMode.MERGE, "Corrected.", version="v2")
    assert contact.note == "Before.\nAfter.\nCorrected."


def test_a_rerun_that_says_only_what_was_there_before_takes_its_own_statement_back() -> None:
    contact = Contact(note="Before.")
    contact.plan(UpdateMode.MERGE, "Mine.")
    contact.plan(UpdateMode.MERGE, "Before.", version="v2")
    assert contact.note == "Before."
    contact.plan(UpdateMode.MERGE, "Again.", version="v3")
    assert contact.note == "Before.\nAgain."


def test_a_rerun_whose_earlier_value_was_replaced_is_judged_like_any_other() -> None:
    contact = Contact()
    contact.plan(UpdateMode.OVERWRITE, "mine")
    contact.set("note", "hers", Source(PERSON, ENDED + 5, "ann"))
    contact.plan(UpdateMode.OVERWRITE, "mine again", version="v2")
    assert contact.note == "hers"


def test_a_version_that_does_not_fit_forgets_nothing_of_the_one_before() -> None:
    contact = Contact(note="Before.")
    contact.plan(UpdateMode.MERGE, "Mine.")
    contact.plan(UpdateMode.MERGE, ["a", "list"], version="v2")
    assert [note.kind for note in contact.last.issues] == ["analysis_value"]
    contact.plan(UpdateMode.MERGE, "Corrected.", version="v3")
    assert contact.note == "Before.\nCorrected."


def test_a_rerun_after_a_model_reworded_the_text_starts_from_what_was_there_before() -> None:
    contact = Contact(note="Asked for a brochure.")
    before = contact.state
    rules = AnalysisRules([AnalysisMapping("said", "note", UpdateMode.MERGE)], FIELDS)
    need = MergeNeeded("note", "Asked for a brochure.", "Wants a dmeo.")
    answers = {need: Answer("Asked for a brochure and a dmeo.", "model")}
    board = Board(Known(contacts={"c": before}), "", str)
    said = Analysed("call", ENDED, "v1", {"said": "Wants a dmeo."})
    made = plan_analysis(board, "c", said, rules, [], answers)
    contact.state = board.contacts["c"]
    contact.plan(UpdateMode.MERGE, "Wants a demo.", version="v2", earlier=made.applications)
    assert contact.note == "Asked for a brochure.\nWants a demo."


def test_a_merge_that_would_be_too_long_changes_nothing_and_says_so() -> None:
    old = "x" * (MAX_TEXT - 3)
    contact = Contact(note=old)
    contact.plan(UpdateMode.MERGE, "more than that")
    assert contact.note == old
    assert [note.raw for note in contact.last.issues] == ["more than that"]


def test_a_merge_is_asked_for_again_when_the_old_text_moved() -> None:
    rules = AnalysisRules([AnalysisMapping("said", "note", UpdateMode.MERGE)], FIELDS)
    said = Analysed("call", ENDED, "v1", {"said": "New."})
    answers = {MergeNeeded("note", "Old.", "New."): Answer("Old. New.", "model")}
    board = Board(Known(contacts={"c": ContactState("c", "+1", {"note": "Moved."})}), "", str)
    plan = plan_analysis(board, "c", said, rules, [], answers)
    assert plan.needs == (MergeNeeded("note", "Moved.", "New."),)


@pytest.mark.parametrize("said", ["12 EUR", "1,000", True, [1], "NaN"])
def test_a_value_of_the_wrong_type_is_skipped_with_an_issue_that_keeps_it(said: Any) -> None:
    contact = Contact(score=1)
    contact.plan(UpdateMode.OVERWRITE, said, field="score")
    assert contact.state.values["score"] == 1
    (note,) = contact.last.issues
    assert note.raw in (said, "[1]")


@pytest.mark.parametrize(
    ("standing", "said", "becomes", "issues"),
    [
        (None, True, True, 0),
        (False, True, True, 0),
        (True, False, True, 1),
        (None, False, None, 0),
        (True, True, True, 0),
    ],
)
def test_do_not_call_is_only_ever_set(standing: Value, said: bool, becomes: Value, issues: int) -> None:
    contact = Contact(**({} if standing is None else {"do_not_call": standing}))
    contact.plan(UpdateMode.OVERWRITE, said, field="do_not_call")
    assert contact.state.values.get("do_not_call") is becomes
    assert len(contact.last.issues) == issues
