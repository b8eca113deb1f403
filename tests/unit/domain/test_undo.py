"""What an undo restores, what it leaves, and that it can itself be undone."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.analysed import UNDONE, Analysed, AnalysisRules, Application, Contributed
from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.board import Board, Known
from tieline.domain.changes import (
    UNDONE_HERE_ONLY,
    Base,
    Held,
    KeepLocal,
    Nothing,
    Outcome,
    PairState,
    TakeRemote,
    Times,
    reconcile,
)
from tieline.domain.changeset import (
    ContactState,
    FieldChange,
    LedgerOutcome,
    LinkState,
    LinkStatus,
    Source,
    SourceKind,
)
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.do_not_call import reconcile_do_not_call
from tieline.domain.fields import BUILTIN_FIELDS, DO_NOT_CALL, FieldSpec
from tieline.domain.link_state import pair_from_json, pair_to_json
from tieline.domain.mapping import Pair, Policy
from tieline.domain.plan_analysis import plan_analysis
from tieline.domain.replaying import Turn, replay
from tieline.domain.undo import Former, Orders, Talk, ToUndo, UndoPlan, by_conversation, plan_undo
from tieline.domain.undo_history import Entry, History, entry
from tieline.domain.undo_links import Restored, Tied, released, tie_again
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import FieldType, Value

FIELDS = {
    **BUILTIN_FIELDS,
    "status": FieldSpec("status", FieldType.STRING, field_id="f1"),
    "plan": FieldSpec("plan", FieldType.STRING, field_id="f2"),
    "note": FieldSpec("note", FieldType.STRING, field_id="f3"),
    "seats": FieldSpec("seats", FieldType.NUMBER, field_id="f4"),
    "tags": FieldSpec("tags", FieldType.STRING, field_id="f5"),
}
MAPPINGS = [
    AnalysisMapping("status", "status", UpdateMode.OVERWRITE),
    AnalysisMapping("note", "note", UpdateMode.APPEND),
    AnalysisMapping("seats", "seats", UpdateMode.MAX),
    AnalysisMapping("tags", "tags", UpdateMode.UNION),
    AnalysisMapping("do_not_call", DO_NOT_CALL, UpdateMode.OVERWRITE),
]
RULES = AnalysisRules(MAPPINGS, FIELDS)
ANN = Source(SourceKind.PERSON, 10**9, "ann")
DAY = 86_400_000


@dataclass
class Life:
    """A contact with its ledger and what conversations did, as the store would keep them."""

    contact: ContactState = field(default_factory=lambda: ContactState("c1", "+14155550100"))
    ledger: list[tuple[FieldChange, str]] = field(default_factory=list)
    said: dict[str, Analysed] = field(default_factory=dict)
    applied: dict[tuple[str, str, str], Application] = field(default_factory=dict)
    formers: dict[str, list[Former]] = field(default_factory=dict)
    runs: int = 0

    def carry_out(self, board: Board, run_id: str) -> None:
        self.contact = board.contacts["c1"]
        for change in board.changeset().contact_changes:
            self.ledger += [(one, run_id) for one in change.changes]

    def set(self, name: str, value: Value, source: Source) -> str:
        self.runs += 1
        board = Board(Known(contacts={"c1": self.contact}), "", str)
        old = board.value("c1", name)
        if old != value:
            board.change_field("c1", FieldChange(name, old, value, source, field_id=FIELDS[name].field_id))
        self.carry_out(board, f"run{self.runs}")
        return f"run{self.runs}"

    def say(self, ref: str, ended_ms: int, **analysis: Any) -> str:
        self.runs += 1
        self.said[ref] = Analysed(ref, ended_ms, f"v{self.runs}", analysis)
        board = Board(Known(contacts={"c1": self.contact}), "", str)
        plan = plan_analysis(board, "c1", self.said[ref], RULES, self.of(ref), {}, self.others(ref))
        assert not plan.needs
        for one in plan.applications:
            self.applied[ref, one.analysis_data_name, one.field_name] = one
        self.carry_out(board, f"run{self.runs}")
        return f"run{self.runs}"

    def of(self, ref: str) -> list[Application]:
        return [one for key, one in self.applied.items() if key[0] == ref]

    def others(self, ref: str) -> list[Contributed]:
        found = [(k[0], one) for k, one in self.applied.items() if k[0] != ref and k[2]]
        return [Contributed(who, self.said[who].ended_ms, one) for who, one in found]

    def histories(self) -> dict[str, History]:
        entries: dict[str, list[Entry]] = {}
        for number, (one, run_id) in enumerate(self.ledger):
            if one.outcome is not LedgerOutcome.OVERRULED:
                read = entry(number, one.field_name, one.old, one.new, one.source, run_id, one.evidence)
                entries.setdefault(one.field_name, []).append(read)
        return {name: History(found) for name, found in entries.items()}

    def talk(self, ref: str, *, whole: bool = True, only: str | None = None) -> Talk:
        mine = [one for one in self.of(ref) if only is None or one.field_name == only]
        return Talk(self.said[ref], mine, self.others(ref), whole)

    def undo(self, asked: ToUndo, *, clear: bool = False) -> tuple[str, UndoPlan]:
        self.runs += 1
        run_id = f"undo{self.runs}"
        plan = plan_undo(asked, RULES, Orders(ANN, "undo", clear))
        board = Board(Known(contacts={"c1": self.contact}), "", str)
        for change in plan.changeset.contact_changes:
            for one in change.changes:
                board.change_field("c1", one)
        self.carry_out(board, run_id)
        for former in plan.applications:
            applied = former.application
            self.applied[former.ref, applied.analysis_data_name, applied.field_name] = applied
        self.formers[run_id] = list(plan.applications)
        return run_id, plan

    def undo_conversation(self, ref: str, *, clear: bool = False) -> tuple[str, UndoPlan]:
        return self.undo(
            ToUndo(self.contact, self.histories(), by_conversation(ref), [self.talk(ref)]), clear=clear
        )

    def undo_run(self, run_id: str, *, clear: bool = False) -> tuple[str, UndoPlan]:
        chosen = [e for h in self.histories().values() for e in h.standing if e.run_id == run_id]
        refs = {e.stands.ref for e in chosen if e.stands.kind is SourceKind.CONVERSATION}
        talks = [self.talk(ref, whole=False) for ref in sorted(refs & set(self.said))]
        return self.undo(
            ToUndo(self.contact, self.histories(), lambda e: e.run_id == run_id, talks, whole_values=True),
            clear=clear,
        )

    def redo(self, run_id: str) -> tuple[str, UndoPlan]:
        formers = [
            replace(f, application=self.applied[f.ref, f.application.analysis_data_name, f.application.field_name])
            for f in self.formers[run_id]
        ]  # fmt: skip
        return self.undo(
            ToUndo(self.contact, self.histories(), lambda e: False, redo=run_id, formers=formers), clear=True
        )

    def state(self) -> tuple[Any, ...]:
        held = {name: value for name, value in self.contact.values.items() if value is not None}
        sources = {name: source for name, source in self.contact.sources.items() if name in held}
        standing = {k: a.outcome for k, a in self.applied.items() if k[2]}
        return held, sources, standing


WORDS = st.sampled_from(["gold", "blue", "ten seats", "wants a demo", "budget approved", "left the firm"])
REFS = st.sampled_from(["retell:a", "retell:b", "retell:c"])
ENDS = {"retell:a": 10 * DAY, "retell:b": 20 * DAY, "retell:c": 30 * DAY}


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Persons, records and conversations one after the other; each conversation has one place in time."""
    life = Life()
    for _ in range(draw(st.integers(1, 6))):
        who = draw(st.sampled_from(["person", "crm", "conversation", "conversation"]))
        if who == "conversation":
            said = {
                "status": draw(WORDS), "note": draw(WORDS), "seats": draw(st.integers(1, 9)), "tags": draw(WORDS),
                "do_not_call": draw(st.booleans()),
            }  # fmt: skip
            names = draw(st.sets(st.sampled_from(sorted(said))))
            ref = draw(REFS)
            life.say(ref, ENDS[ref], **{name: said[name] for name in sorted(names)})
        else:
            kind, ref = (
                (SourceKind.PERSON, "ann") if who == "person" else (SourceKind.CRM, "003@salesforce:00D")
            )
            name = draw(st.sampled_from(["status", "plan", DO_NOT_CALL]))
            value: Value = draw(st.booleans()) if name == DO_NOT_CALL else draw(WORDS)
            life.set(name, value, Source(kind, draw(st.integers(1, 40)) * DAY, ref))
    return life


@given(lives(), REFS, st.booleans())
def test_an_undone_undo_is_as_if_nothing_had_been_undone(life: Life, ref: str, by_run: bool) -> None:
    if ref not in life.said:
        return
    before = life.state()
    run_id = (
        life.undo_run(life.ledger[-1][1])[0]
        if by_run and life.ledger
        else life.undo_conversation(ref, clear=True)[0]
    )
    again, plan = life.redo(run_id)
    assert not plan.kept
    assert life.state() == before
    third, _ = life.redo(again)
    life.redo(third)
    assert life.state() == before


@given(lives(), REFS)
def test_a_conversation_undone_leaves_other_fields_alone_and_names_what_it_leaves(
    life: Life, ref: str
) -> None:
    if ref not in life.said:
        return
    before = dict(life.contact.values)
    histories = life.histories()
    theirs = {one.field_name for one in life.of(ref)}
    _, plan = life.undo_conversation(ref)
    for name, value in before.items():
        if name not in theirs:
            assert life.contact.values.get(name) == value
    if before.get(DO_NOT_CALL) is True:
        assert life.contact.values[DO_NOT_CALL] is True, "it is cleared by name only"
    named = {line.field_name for line in (*plan.undone, *plan.kept)}
    for name in ("status", DO_NOT_CALL):
        mine = [e for e in histories[name].standing if by_conversation(ref)(e)] if name in histories else []
        assert not mine or name in named, "what it set is undone, or said why not"
    assert all(one.outcome == UNDONE for one in life.of(ref) if one.field_name != DO_NOT_CALL)
    life.say(ref, ENDS[ref], status="said again", note="said again", seats=99, tags="said again", plan="x")
    after = life.contact.values
    assert "said again" not in (after.get("status"), after.get("tags"))
    assert after.get("seats") != 99


@given(st.permutations(["retell:a", "retell:b", "retell:c"]), REFS)
def test_notes_lists_and_largest_values_are_as_if_it_had_never_been_said(order: list[str], ref: str) -> None:
    said: dict[str, dict[str, Any]] = {
        "retell:a": {"note": "Wants a demo.", "seats": 3, "tags": "gold; red"},
        "retell:b": {"note": "Has 40 seats.", "seats": 9, "tags": "red; blue"},
        "retell:c": {"note": "Budget is approved.", "seats": 5, "tags": "green"},
    }
    life, without_it = Life(), Life()
    for one in order:
        life.say(one, ENDS[one], **said[one])
        if one != ref:
            without_it.say(one, ENDS[one], **said[one])
    life.undo_conversation(ref)
    assert life.contact.values == without_it.contact.values


def test_what_stood_before_stands_by_whom_it_stood() -> None:
    life = Life()
    crm = Source(SourceKind.CRM, DAY, "003@salesforce:00D")
    life.set("status", "gold", crm)
    life.say("retell:a", ENDS["retell:a"], status="blue")
    life.undo_conversation("retell:a")
    assert (life.contact.values["status"], life.contact.sources["status"]) == ("gold", crm)
    last = life.ledger[-1][0]
    assert (last.source, last.reason) == (ANN, "undo")


def test_a_value_on_which_another_stands_is_left_and_named() -> None:
    life = Life()
    run_id = life.say("retell:a", ENDS["retell:a"], status="blue")
    life.set("status", "red", replace(ANN, ref="bob"))
    for by_run in (True, False):
        _, plan = life.undo_run(run_id) if by_run else life.undo_conversation("retell:a")
        assert [(line.field_name, line.why) for line in plan.kept] == [("status", "overtaken by person bob")]
        assert life.contact.values["status"] == "red"


def test_do_not_call_stays_where_another_conversation_said_so_too() -> None:
    life = Life()
    life.say("retell:a", ENDS["retell:a"], do_not_call=True)
    life.say("retell:b", ENDS["retell:b"], do_not_call=True)
    _, plan = life.undo_conversation("retell:a", clear=True)
    assert plan.kept[0].why == "conversation retell:b said so as well"
    assert life.contact.values[DO_NOT_CALL] is True


@pytest.mark.parametrize("clear", [True, False])
def test_do_not_call_is_cleared_only_by_name(clear: bool) -> None:
    life = Life()
    life.say("retell:a", ENDS["retell:a"], do_not_call=True)
    _, plan = life.undo_conversation("retell:a", clear=clear)
    assert life.contact.values.get(DO_NOT_CALL) is (None if clear else True)
    assert bool(plan.kept) is not clear


def test_a_backfill_passes_an_undone_conversation_by_also_for_mappings_that_came_later() -> None:
    life = Life()
    life.say("retell:a", ENDS["retell:a"], status="blue")
    life.undo_conversation("retell:a")
    known = [Contributed(key[0], ENDS[key[0]], one) for key, one in life.applied.items()]
    said = replace(life.said["retell:a"], analysis_version="v9", analysis={"status": "red", "note": "Said."})
    board = Board(Known(contacts={"c1": life.contact}), "", str)
    assert replay(board, "c1", [Turn([(said, RULES)])], known, {}).applications == {"retell:a": []}
    assert not board.changeset()


def test_what_does_not_fit_any_more_is_not_brought_back() -> None:
    life = Life()
    life.set("status", "gold", ANN)
    life.set("status", "blue", ANN)
    only_blue = FieldSpec("status", FieldType.ENUM, options=("blue",), field_id="f1")
    asked = ToUndo(life.contact, life.histories(), lambda one: one.run_id == "run2")
    plan = plan_undo(asked, replace(RULES, fields={**FIELDS, "status": only_blue}), Orders(ANN, "undo"))
    assert not plan.changeset
    assert "does not fit the field any more" in plan.kept[0].why


# What an undo means to a pair of a linked record.

POLICIES = st.sampled_from([Policy.CRM_WINS, Policy.TIELINE_WINS, Policy.NEWEST_WINS])
WAYS = st.sampled_from([(True, False), (True, True), (False, True)])
RECORD = Source(SourceKind.CRM, DAY, "003@salesforce:00D")
CALL = Source(SourceKind.CONVERSATION, DAY, "retell:a")


def note_pair(policy: Policy, inbound: bool, outbound: bool) -> Pair:
    return Pair(FIELDS["note"], CrmField("Note", "Note", CrmKind.STRING), inbound, outbound, policy)


def after_undo(p: Pair, base: Base, value: str, undone: Source) -> PairState:
    """The pair's state after the field got `value` back, from what `undone` had set."""
    link = LinkState("003", "c1", LinkStatus.OPEN, pairs={p.key: PairState(base)})
    tied = [Tied("salesforce:00D", link)]
    keys = {p.key} if p.inbound else set()
    (one,) = tie_again(tied, [Restored("note", value, ANN, undone)], keys)
    assert one.link.dirty
    state = one.link.pairs[p.key]
    assert pair_from_json(pair_to_json(state)) == state
    return state


def look(p: Pair, state: PairState, local: Value, remote: Value) -> Outcome:
    return reconcile(p, state, local, remote, own_echo=False, times=Times(10**15, 1, 2))


@given(POLICIES, st.booleans())
def test_a_held_pair_rests_until_the_crms_value_changes_or_it_is_let_go(
    policy: Policy, outbound: bool
) -> None:
    p = note_pair(policy, True, outbound)
    state = after_undo(p, Base("new", "new"), "old", RECORD)
    for local in ("old", "edited meanwhile"):
        rested = look(p, state, local, "new")
        assert (rested.verdict, rested.state) == (Nothing(), state)
    moved = look(p, state, "old", "newer")
    assert moved.verdict == TakeRemote("newer")
    assert moved.state.held is None
    link = LinkState("003", "c1", LinkStatus.OPEN, pairs={p.key: state})
    let_go = released(link, "note")
    assert let_go is not None
    assert let_go.needs_read
    assert look(p, let_go.pairs[p.key], "old", "new").verdict == TakeRemote("new")
    assert released(let_go, "note") is None


@given(POLICIES, WAYS, st.sampled_from(["ours", "theirs"]))
def test_what_we_wrote_is_restored_only_where_it_still_stands(
    policy: Policy, ways: tuple[bool, bool], remote: str
) -> None:
    p = note_pair(policy, *ways)
    state = after_undo(p, Base("ours", "ours"), "old", CALL)
    outcome = look(p, state, "old", remote)
    pushed = isinstance(outcome.verdict, KeepLocal) and outcome.verdict.push
    assert pushed is (p.outbound and remote == "ours")
    if not pushed:
        assert outcome.state.restoring is None, "it is tried once"


def test_what_replaced_ours_in_a_field_that_does_not_come_in_is_not_replaced_by_an_undo() -> None:
    p = note_pair(Policy.TIELINE_WINS, False, True)
    outcome = look(p, after_undo(p, Base("ours", "theirs"), "old", CALL), "old", "theirs")
    assert outcome.verdict == KeepLocal(push=False, reason=UNDONE_HERE_ONLY), "and the difference is listed"


def test_a_value_set_after_the_undo_is_an_ordinary_change() -> None:
    p = note_pair(Policy.TIELINE_WINS, True, True)
    outcome = look(p, after_undo(p, Base("ours", "ours"), "old", CALL), "set since", "theirs")
    assert isinstance(outcome.verdict, KeepLocal)
    assert outcome.verdict.push


def test_do_not_call_of_a_record_that_was_cleared_by_name_rests() -> None:
    p = Pair(
        FIELDS[DO_NOT_CALL],
        CrmField("DNC", "DNC", CrmKind.BOOLEAN, default=False),
        True,
        True,
        Policy.CRM_WINS,
    )
    held = PairState(Base(None, True), held=Held(True))
    assert reconcile_do_not_call(p, held, None, True) == Outcome(Nothing(), held)
    cleared = reconcile_do_not_call(p, held, None, False)
    assert cleared.state.held is None
    assert reconcile_do_not_call(p, cleared.state, None, True).verdict == TakeRemote(True)
