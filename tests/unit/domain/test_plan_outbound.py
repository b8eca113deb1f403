"""What a look before a push sends, and what the CRM's answers leave behind."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tieline.domain.board import Known
from tieline.domain.changes import Base, PairState, Sent
from tieline.domain.changeset import ContactState, LedgerOutcome, LinkState, LinkStatus
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.fields import FieldSpec
from tieline.domain.mapping import MappingSet, Pair, Policy
from tieline.domain.plan_outbound import (
    Confirmed,
    Denied,
    OutboundPlan,
    OutboundRules,
    PlannedWrite,
    plan_outbound,
    settle,
)
from tieline.domain.records import RemoteRecord
from tieline.domain.values import FieldType, Value

TENANT = "crm:T1"
NAMES = ("a", "b", "c")
PAIRS = tuple(
    Pair(
        FieldSpec(name, FieldType.STRING), CrmField(name.upper(), name, CrmKind.STRING, max_length=20),
        True, True, Policy.CRM_WINS,
    )
    for name in NAMES
)  # fmt: skip
KEYS = {pair.field.name: pair.key for pair in PAIRS}
MAPPING = MappingSet((), (), "Phone", (), PAIRS)


def link(**more: Any) -> LinkState:
    agreed = {pair.key: PairState(Base("old", "old")) for pair in PAIRS}
    return LinkState("r", "c1", LinkStatus.OPEN, pairs=agreed, dirty=True, **more)


def known(tie: LinkState, **values: Value) -> Known:
    contact = ContactState("c1", "+14155550100", {name: values.get(name, "old") for name in NAMES})
    return Known(links={"r": tie}, contacts={"c1": contact}, primaries={"c1": "r"})


def record(modified: int = 5, **values: Value) -> RemoteRecord:
    return record_with(values, modified)


def record_with(values: Mapping[str, Value], modified: int = 5) -> RemoteRecord:
    return RemoteRecord("r", 1, modified, {name.upper(): values.get(name, "old") for name in NAMES})


RULES = OutboundRules(MAPPING, TENANT, now_ms=1_000, read_ms=990)


def plan(tie: LinkState, local: Mapping[str, Value], remote: Mapping[str, Value]) -> OutboundPlan:
    return plan_outbound([tie], {"r": record_with(remote)}, known(tie, **local), RULES, lambda: "id")


def sent_of(made: OutboundPlan) -> PlannedWrite:
    (write,) = made.writes
    return write


def after(made: OutboundPlan) -> LinkState:
    (tie,) = made.changeset.links
    return tie


def settled(tie: LinkState, write: PlannedWrite, answer: Confirmed | Denied, **local: Value) -> LinkState:
    rules = replace(RULES, now_ms=1_200)
    changes = settle([answer], {"r": write}, known(tie, **local), rules, lambda: "id", expired_before_ms=0)
    return changes.links[0] if changes.links else tie


def test_only_what_changed_here_is_sent_and_stands_in_flight_before_it_leaves() -> None:
    made = plan(link(), {"a": "new"}, {})
    assert sent_of(made).patch.values == {"A": "new"}
    assert after(made).pairs[KEYS["a"]].in_flight == (Sent("new", "new", 1_000),)
    assert after(made).dirty, "a worker that dies now leaves it to be looked at again"


def test_nothing_is_sent_when_the_crm_has_it_already_or_its_own_change_wins() -> None:
    made = plan(link(), {"a": "new", "b": "ours"}, {"a": "new", "b": "theirs"})
    assert not made.writes
    assert not after(made).dirty
    (change,) = made.changeset.contact_changes
    assert change.changes[0].new == "theirs"


def test_a_value_that_the_field_cannot_hold_is_not_sent_and_the_others_are() -> None:
    made = plan(link(), {"a": "x" * 21, "b": "new"}, {})
    assert sent_of(made).patch.values == {"B": "new"}
    (note,) = made.changeset.issues
    assert (note.kind, note.raw) == ("push_refused", "x" * 21)
    assert KEYS["a"] in after(made).blocked


def test_a_confirmed_write_moves_the_base_to_what_was_sent() -> None:
    made = plan(link(), {"a": "new"}, {})
    done = settled(after(made), sent_of(made), Confirmed("r", 7), a="new")
    assert done.pairs[KEYS["a"]] == PairState(Base("new", "new", unseen=True), theirs="")
    assert (done.dirty, done.stamp_ms, done.confirmed_write_ms) == (False, 7, 1_200)


def test_what_changed_while_it_was_sent_is_looked_at_again() -> None:
    made = plan(link(), {"a": "new"}, {})
    assert settled(after(made), sent_of(made), Confirmed("r"), a="newer").dirty
    assert settled(after(made), sent_of(made), Confirmed("r"), a="new", b="other").dirty


def test_a_refusal_that_names_its_field_blocks_only_that() -> None:
    made = plan(link(), {"a": "bad", "b": "good"}, {})
    done = settled(after(made), sent_of(made), Denied("r", "No.", crm_field="A"), a="bad", b="good")
    assert set(done.blocked) == {KEYS["a"]}
    assert done.dirty
    again = plan(done, {"a": "bad", "b": "good"}, {})
    assert sent_of(again).patch.values == {"B": "good"}


def test_a_refusal_that_names_none_is_tracked_down_one_field_at_a_time() -> None:
    local = {"a": "bad", "b": "good", "c": "fine"}
    tie = link()
    sent: list[Mapping[str, Value]] = []
    for _ in range(6):
        made = plan(tie, local, {name.lower(): value for patch in sent for name, value in patch.items()})
        tie = after(made)
        if not made.writes:
            break
        values = sent_of(made).patch.values
        bad = "A" in values
        if not bad:
            sent.append(dict(values))
        tie = settled(tie, sent_of(made), Denied("r", "No.") if bad else Confirmed("r"), **local)
        tie = replace(tie, confirmed_write_ms=0)
    assert sent == [{"B": "good"}, {"C": "fine"}]
    assert set(tie.blocked) == {KEYS["a"]}
    assert not tie.dirty
    assert not tie.blocked[KEYS["a"]].get("alone")


def test_a_refused_value_is_sent_again_only_when_it_changed() -> None:
    blocked = {KEYS["a"]: {"l": "bad", "why": "No."}}
    assert not plan(link(blocked=blocked), {"a": "bad"}, {}).writes
    assert sent_of(plan(link(blocked=blocked), {"a": "better"}, {})).patch.values == {"A": "better"}


def test_a_refused_value_that_nobody_wants_any_more_is_forgotten() -> None:
    blocked = {KEYS["a"]: {"l": "bad", "why": "No."}}
    assert after(plan(link(blocked=blocked), {"a": "old"}, {})).blocked == {}
    assert after(plan(link(blocked=blocked), {"a": "bad"}, {"a": "bad"})).blocked == {}


def test_an_answer_that_may_hide_an_applied_write_leaves_it_in_flight() -> None:
    made = plan(link(), {"a": "new"}, {})
    lost = Denied("r", "?", again=True, maybe_applied=True)
    assert settled(after(made), sent_of(made), lost, a="new").pairs[KEYS["a"]].in_flight
    locked = Denied("r", "locked", again=True)
    done = settled(after(made), sent_of(made), locked, a="new")
    assert not done.pairs[KEYS["a"]].in_flight
    assert done.dirty


def test_a_record_that_is_gone_rests_as_missing_with_one_issue() -> None:
    tie = link()
    made = plan_outbound([tie], {}, known(tie, a="new"), RULES, lambda: "id")
    assert after(made).status is LinkStatus.MISSING
    assert [note.kind for note in made.changeset.issues] == ["record_missing"]
    assert not made.writes


def test_an_answer_for_a_link_that_closed_meanwhile_changes_nothing() -> None:
    made = plan(link(), {"a": "new"}, {})
    closed = replace(after(made), status=LinkStatus.SHARED, pairs={}, dirty=False)
    rules = replace(RULES, now_ms=1_200)
    for answer in (Confirmed("r"), Denied("r", "No.")):
        changes = settle(
            [answer], {"r": sent_of(made)}, known(closed, a="new"), rules, lambda: "id", expired_before_ms=0
        )
        assert not changes


def test_a_look_older_than_the_last_confirmed_write_decides_nothing() -> None:
    tie = link(confirmed_write_ms=995)
    made = plan(tie, {"a": "new"}, {})
    assert not made.writes
    assert not made.changeset


def test_a_look_older_than_another_look_decides_nothing() -> None:
    tie = link(read_ms=991)
    made = plan(tie, {"a": "new"}, {"b": "of an older moment"})
    assert not made.writes
    assert not made.changeset


def test_a_value_that_was_agreed_to_differ_is_kept_in_the_ledger_when_it_is_replaced() -> None:
    tie = link()
    differs = replace(tie, pairs={**tie.pairs, KEYS["a"]: PairState(Base("old", "theirs"))})
    made = plan(differs, {"a": "new"}, {"a": "theirs"})
    (change,) = [c for one in made.changeset.contact_changes for c in one.changes]
    assert (change.outcome, change.new) == (LedgerOutcome.OVERRULED, "theirs")
