"""What an analysis changes: modes, the moment as of which it counts, re-runs, and what waits for a merge."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.board import Board, Known
from tieline.domain.changeset import Changeset, ContactState, LedgerOutcome, Source, SourceKind
from tieline.domain.comparing import compare
from tieline.domain.evidence import Evidence
from tieline.domain.facts import MergeStrategy, Moment
from tieline.domain.fields import BUILTIN_FIELDS, MAX_TEXT, FieldSpec
from tieline.domain.mapping import Policy
from tieline.domain.merging_facts import When, question
from tieline.domain.plan_analysis import (
    ACCEPTED,
    UNDONE,
    Analysed,
    AnalysisPlan,
    AnalysisRules,
    Answer,
    Application,
    Contributed,
    MergeNeeded,
    plan_analysis,
)
from tieline.domain.update_modes import COMBINING, UpdateMode
from tieline.domain.values import FieldType, Value

NOTE, SCORE = FieldSpec("note", FieldType.STRING), FieldSpec("score", FieldType.NUMBER)
FIELDS = {**BUILTIN_FIELDS, "note": NOTE, "score": SCORE}
ENDED = 1_000
DAY = "1970-01-01"
PERSON, CALL = SourceKind.PERSON, SourceKind.CONVERSATION


class Contact:
    """One contact over several analyses, merged without a model."""

    def __init__(self, **values: Value) -> None:
        self.state = ContactState("c", "+14155550100", values)
        self.memory: dict[tuple[str, str, str], Application] = {}
        self.ends: dict[str, int] = {}
        self.last = Changeset()

    def set(self, name: str, value: Value, source: Source) -> None:
        self.state = ContactState(
            "c", self.state.phone_number, {**self.state.values, name: value}, {**self.state.sources, name: source}
        )  # fmt: skip

    def plan(
        self, mode: UpdateMode | AnalysisMapping, said: Any, *, field: str = "note", key: str = "call",
        ended: int = ENDED, version: str = "v1", policy: Policy = Policy.CRM_WINS,
        confidence: float | None = None, **more: Any,
    ) -> AnalysisPlan:  # fmt: skip
        mapping = mode if isinstance(mode, AnalysisMapping) else AnalysisMapping("said", field, mode)
        rules = AnalysisRules([mapping], FIELDS, inbound_policies={field: policy})
        evidence = {} if confidence is None else {"said": Evidence("Yes.", 3, 7, confidence)}
        analysed = Analysed(key, ended, version, {"said": said}, evidence=evidence, **more)
        earlier = [one for (who, _, _), one in self.memory.items() if who == key]
        others = [
            Contributed(who, self.ends[who], one) for (who, _, _), one in self.memory.items() if who != key
        ]
        answers: dict[MergeNeeded, Answer] = {}
        for _ in range(3):
            board = Board(Known(contacts={"c": self.state}), "", lambda: next(map(str, itertools.count())))
            plan = plan_analysis(board, "c", analysed, rules, earlier, answers, others)
            if not plan.needs:
                break
            answers = {need: without_model(need) for need in plan.needs}
        self.last = board.changeset()
        self.state = board.contacts["c"]
        self.ends[key] = ended
        self.memory |= {(key, a.analysis_data_name, a.field_name): a for a in plan.applications}
        return plan

    @property
    def note(self) -> Value:
        return self.state.values.get("note")

    def outcomes(self) -> list[LedgerOutcome]:
        return [change.outcome for contact in self.last.contact_changes for change in contact.changes]

    def evidence(self) -> Any:
        ((change,),) = (contact.changes for contact in self.last.contact_changes)
        return change.evidence


def without_model(need: MergeNeeded) -> Answer:
    asked = question(need.old, need.new)
    return Answer(compare(asked.old, asked.asked))


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
        (UpdateMode.MERGE, "old", "new", f"old\n{DAY}: new"),
        (UpdateMode.MERGE, None, "new", f"{DAY}: new"),
        (UpdateMode.MERGE, "Old.  New.", "new.", "Old.  New."),
        (UpdateMode.MERGE, "Wants a demo.", "The customer wants the demo", "Wants a demo."),
        (UpdateMode.APPEND, "old", "old", f"old\n{DAY}: old"),
        (UpdateMode.APPEND, None, "two\nlines", f"{DAY}: two lines"),
        (UpdateMode.LATEST, "old", "new", "new"),
        (UpdateMode.UNION, "Tea; coffee", "Milk, TEA", "Tea; coffee; Milk"),
    ],
)
def test_the_modes_of_texts(mode: UpdateMode, old: Value, said: Any, becomes: Value) -> None:
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


@pytest.mark.parametrize("mode", [m for m in UpdateMode if m not in (UpdateMode.MAX, UpdateMode.MIN)])
def test_the_same_version_is_applied_once_and_a_new_one_replaces_it(mode: UpdateMode) -> None:
    contact = Contact()
    contact.plan(mode, "First.")
    assert not contact.plan(mode, "Something else.", version="v1").applications
    contact.plan(mode, "Second.", version="v2")
    assert contact.note in ("Second.", f"{DAY}: Second.")


def test_a_rerun_leaves_what_others_wrote_around_its_statements() -> None:
    contact = Contact(note="Before.")
    contact.plan(UpdateMode.MERGE, "Mine.")
    contact.set("note", f"{contact.note}\nAfter.", Source(PERSON, ENDED + 5, "ann"))
    contact.plan(UpdateMode.MERGE, "Corrected.", version="v2")
    assert contact.note == f"Before.\nAfter.\n{DAY}: Corrected."


def test_a_rerun_that_says_only_what_was_there_before_takes_its_own_statement_back() -> None:
    contact = Contact(note="Before.")
    contact.plan(UpdateMode.MERGE, "Mine.")
    contact.plan(UpdateMode.MERGE, "Before.", version="v2")
    assert contact.note == "Before."
    contact.plan(UpdateMode.MERGE, "Again.", version="v3")
    assert contact.note == f"Before.\n{DAY}: Again."


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
    assert contact.note == f"Before.\n{DAY}: Corrected."


def test_a_rerun_after_a_model_reworded_the_text_starts_from_what_was_there_before() -> None:
    contact = Contact(note="Asked for a brochure.")
    rewrite = AnalysisMapping("said", "note", UpdateMode.MERGE, merge_strategy=MergeStrategy.REWRITE)
    rules = AnalysisRules([rewrite], FIELDS)
    said = Analysed("call", ENDED, "v1", {"said": "Wants a dmeo."})
    board = Board(Known(contacts={"c": contact.state}), "", str)
    (need,) = plan_analysis(board, "c", said, rules, [], {}).needs
    answers = {need: Answer((), "model", text="Asked for a brochure and wants a dmeo.")}
    made = plan_analysis(board, "c", said, rules, [], answers)
    contact.state = board.contacts["c"]
    assert contact.note == "Asked for a brochure and wants a dmeo."
    contact.memory = {("call", "said", "note"): made.applications[0]}
    contact.plan(UpdateMode.MERGE, "Wants a demo.", version="v2")
    assert contact.note == f"Asked for a brochure.\n{DAY}: Wants a demo."


def test_a_rerun_that_says_the_same_asks_nobody_and_changes_nothing() -> None:
    contact = Contact(note="Before.")
    contact.plan(UpdateMode.MERGE, "Mine.")
    contact.set("note", "Before. Mine is wrong.", Source(PERSON, ENDED + 5, "ann"))
    plan = contact.plan(UpdateMode.MERGE, "Mine.", version="v2")
    assert contact.note == "Before. Mine is wrong."
    assert not plan.needs


def test_what_does_not_fit_any_more_is_named_in_the_ledger() -> None:
    old = "x" * (MAX_TEXT - 3)
    contact = Contact(note=old)
    contact.plan(UpdateMode.MERGE, "more than that")
    assert contact.note == f"{DAY}: more than that"
    assert contact.evidence()["overflowed"] == [{"statement": old}]


def test_a_statement_that_can_never_fit_is_left_out_and_said_so() -> None:
    short = AnalysisMapping("said", "note", UpdateMode.MERGE, max_characters=50)
    contact = Contact(note="Before.")
    contact.plan(short, "y" * 60)
    assert contact.note == "Before."
    assert contact.outcomes() == [LedgerOutcome.OVERRULED]
    assert [note.kind for note in contact.last.issues] == ["analysis_value"]


def test_a_merge_is_asked_for_again_when_the_old_text_moved() -> None:
    rules = AnalysisRules([AnalysisMapping("said", "note", UpdateMode.MERGE)], FIELDS)
    said = Analysed("call", ENDED, "v1", {"said": "New."})
    when = When(Moment(ENDED, "call"), DAY)
    answers = {MergeNeeded("note", "Old.", "New.", when): Answer((), "model")}
    board = Board(Known(contacts={"c": ContactState("c", "+1", {"note": "Moved."})}), "", str)
    plan = plan_analysis(board, "c", said, rules, [], answers)
    assert plan.needs == (MergeNeeded("note", "Moved.", "New.", when),)


def test_a_value_below_the_threshold_waits_for_a_person_and_is_applied_when_accepted() -> None:
    sure = AnalysisMapping("said", "note", UpdateMode.OVERWRITE, min_confidence=0.7)
    contact = Contact(note="old")
    contact.plan(sure, "maybe", confidence=0.69)
    assert contact.note == "old"
    (item,) = contact.last.issues
    assert (item.kind, item.raw["value"], item.raw["quote"]) == ("low_confidence", "maybe", "Yes.")
    waiting = contact.memory["call", "said", "note"]
    accepted = {**waiting.contribution, "value": "edited"}
    contact.memory["call", "said", "note"] = Application("said", "note", "v1", ACCEPTED, accepted)
    contact.plan(sure, "maybe", confidence=0.69)
    assert contact.note == "edited"
    assert not contact.plan(sure, "maybe", confidence=0.69).applications


@pytest.mark.parametrize("confidence", [None, 0.7, 1.0])
def test_a_value_at_the_threshold_or_of_unknown_confidence_is_applied(confidence: float | None) -> None:
    contact = Contact()
    contact.plan(
        AnalysisMapping("said", "note", UpdateMode.OVERWRITE, min_confidence=0.7),
        "yes",
        confidence=confidence,
    )
    assert contact.note == "yes"


@pytest.mark.parametrize(
    ("condition", "conversation", "applies"),
    [
        ({"only_agents": ("a", "b")}, {"agent_id": "b"}, True),
        ({"only_agents": ("a",)}, {"agent_id": "b"}, False),
        ({"only_agents": ("a",)}, {}, False),
        ({"only_directions": ("inbound",)}, {"direction": "inbound"}, True),
        ({"only_directions": ("inbound",)}, {"direction": "outbound"}, False),
        ({"only_if_successful": True}, {"successful": True}, True),
        ({"only_if_successful": True}, {"successful": None}, False),
    ],
)
def test_a_mapping_is_for_the_conversations_that_it_names(
    condition: dict[str, Any], conversation: dict[str, Any], applies: bool
) -> None:
    contact = Contact()
    contact.plan(AnalysisMapping("said", "note", UpdateMode.OVERWRITE, **condition), "yes", **conversation)
    assert contact.note == ("yes" if applies else None)


def test_the_ledger_names_the_quote_the_strategy_and_what_went() -> None:
    contact = Contact(note="Has 40 seats.")
    contact.plan(
        UpdateMode.MERGE, "Has 50 seats.", confidence=0.9, extracted_by={"engine": "m", "prompt_version": "p"}
    )
    assert contact.evidence() == {
        "quote": "Yes.", "start": 3, "end": 7, "confidence": 0.9, "strategy": "facts", "engine": "no model",
        "extracted_by": {"engine": "m", "prompt_version": "p"},
    }  # fmt: skip


def test_what_a_person_undid_is_never_applied_again() -> None:
    contact = Contact()
    contact.plan(UpdateMode.OVERWRITE, "said")
    contact.memory["call", "said", "note"] = Application("said", "note", "v1", UNDONE, "said")
    contact.set("note", None, Source(PERSON, ENDED + 9, "ann"))
    contact.plan(UpdateMode.OVERWRITE, "said again", version="v2")
    assert contact.note is None


_SAID = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([*COMBINING, UpdateMode.APPEND, UpdateMode.MERGE]), _SAID, st.randoms())
def test_the_order_in_which_conversations_come_does_not_matter(
    mode: UpdateMode, said: list[tuple[int, int]], chance: Any
) -> None:
    field = "score" if mode in (UpdateMode.MAX, UpdateMode.MIN) else "note"
    conversations = [
        (
            f"call{index}",
            ENDED + day * 86_400_000,
            number if field == "score" else f"Item {number}; and {day}. Same.",
        )
        for index, (day, number) in enumerate(said)
    ]
    results = []
    for _ in range(2):
        contact = Contact()
        for key, ended, value in conversations:
            contact.plan(mode, value, field=field, key=key, ended=ended)
        # Each is analysed a second time as well, and comes out the same.
        key, ended, value = conversations[0]
        contact.plan(mode, value, field=field, key=key, ended=ended, version="v2")
        results.append(contact.state.values[field])
        chance.shuffle(conversations)
    assert results[0] == results[1]


def test_the_latest_conversation_counts_and_a_rerun_gives_way_to_the_one_before() -> None:
    contact = Contact(score=1)
    contact.plan(UpdateMode.LATEST, 5, field="score", key="first", ended=10)
    contact.plan(UpdateMode.LATEST, 9, field="score", key="last", ended=30)
    contact.plan(UpdateMode.LATEST, 7, field="score", key="late", ended=20)
    assert contact.state.values["score"] == 9
    assert contact.outcomes() == [LedgerOutcome.OVERRULED]


def test_a_lower_rerun_of_the_highest_gives_way_to_the_next_and_to_what_a_person_set() -> None:
    contact = Contact(score=70)
    contact.plan(UpdateMode.MAX, 120, field="score", key="high", ended=10)
    contact.plan(UpdateMode.MAX, 100, field="score", key="next", ended=20)
    contact.plan(UpdateMode.MAX, 30, field="score", key="high", ended=10, version="v2")
    assert contact.state.values["score"] == 100
    contact.plan(UpdateMode.MAX, 40, field="score", key="next", ended=20, version="v2")
    assert contact.state.values["score"] == 70
    contact.set("score", 5, Source(PERSON, 30, "ann"))
    contact.plan(UpdateMode.MAX, 90, field="score", key="late", ended=25)
    assert contact.state.values["score"] == 5
    contact.plan(UpdateMode.MAX, 6, field="score", key="new", ended=40)
    assert contact.state.values["score"] == 6


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
