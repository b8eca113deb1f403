"""What a person can decide, and what a decision does to the three-way table afterwards."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.memory import TENANT, Memory, record

from tieline.domain.changes import (
    Base,
    KeepLocal,
    Nothing,
    PairState,
    Times,
    reconcile,
)
from tieline.domain.changeset import ContactState, LedgerOutcome, LinkState, LinkStatus, Source, SourceKind
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.do_not_call import reconcile_do_not_call
from tieline.domain.fields import BUILTIN_FIELDS, FieldSpec
from tieline.domain.merges import Refused
from tieline.domain.pairs import Pair, Policy
from tieline.domain.review import (
    Choice,
    choices,
    pair_of,
    plan_keep_ours,
    plan_pick_primary,
    plan_take_crm,
    value_cause,
)
from tieline.domain.values import FieldType

N1 = "+14155550101"
ANN = Source(SourceKind.PERSON, 900, "ann")
NOTE = Pair(
    FieldSpec("note", FieldType.STRING), CrmField("Note", "Note", CrmKind.STRING), True, True, Policy.REVIEW
)
SCORE = Pair(
    FieldSpec("score", FieldType.NUMBER),
    CrmField("Score", "Score", CrmKind.STRING),
    True,
    True,
    Policy.REVIEW,
)
DO_NOT_CALL = Pair(
    BUILTIN_FIELDS["do_not_call"], CrmField("DNC", "DNC", CrmKind.BOOLEAN), True, True, Policy.CRM_WINS
)


@dataclass
class Issue:
    kind: str = "conflict"
    cause: str = ""
    external_id: str | None = "r1"
    field_name: str | None = "note"
    raw: Any = None


def link(pair: Pair, state: PairState) -> LinkState:
    return LinkState("r1", "a", LinkStatus.OPEN, pairs={pair.key: state})


texts = st.sampled_from(["x", "y", "z"]) | st.none()


@given(base=texts, local=texts, remote=texts, later=texts)
def test_ours_is_kept_and_pushed_unless_the_crm_moves_on(
    base: str | None, local: str | None, remote: str | None, later: str | None
) -> None:
    contact = ContactState("a", N1, {"note": local} if local else {}, {})
    state = PairState(Base(base, base))
    changes = plan_keep_ours(contact, link(NOTE, state), NOTE, remote, TENANT, 900, "ann")
    (kept,) = changes.links
    after = kept.pairs[NOTE.key]
    seen = reconcile(NOTE, after, local, remote, own_echo=False, times=Times())
    if NOTE.same(local, remote) or local == base:
        assert isinstance(seen.verdict, Nothing)
    else:
        assert seen.verdict == KeepLocal(push=True)
    if later != remote and later != local and local != base:
        moved = reconcile(NOTE, after, local, later, own_echo=False, times=Times())
        assert not isinstance(moved.verdict, KeepLocal), (
            "a later change of the CRM's is a conflict of its own"
        )
    (change,) = changes.contact_changes
    assert [(c.outcome, c.new) for c in change.changes] == [(LedgerOutcome.OVERRULED, remote)]
    assert not change.mark_dirty
    assert kept.dirty


def test_after_the_crms_value_is_taken_both_sides_agree() -> None:
    contact = ContactState("a", N1, {"note": "ours"}, {})
    changes = plan_take_crm(contact, NOTE, "theirs", ANN, "r1")
    assert not isinstance(changes, Refused)
    (change,) = changes.contact_changes
    assert [(c.old, c.new, c.source) for c in change.changes] == [("ours", "theirs", ANN)]
    state = PairState(Base("base", "base"))
    seen = reconcile(NOTE, state, "theirs", "theirs", own_echo=False, times=Times())
    assert (seen.verdict, seen.state.base) == (Nothing(), Base("theirs", "theirs"))


def test_a_value_that_the_field_cannot_hold_is_not_taken() -> None:
    refused = plan_take_crm(ContactState("a", N1), SCORE, "many", ANN, "r1")
    assert isinstance(refused, Refused)


def test_a_do_not_call_that_is_kept_is_pushed_again() -> None:
    contact = ContactState("a", N1, {"do_not_call": True}, {})
    state = PairState(Base(True, False))  # the look that raised the issue has seen the CRM's clear
    changes = plan_keep_ours(contact, link(DO_NOT_CALL, state), DO_NOT_CALL, False, TENANT, 900, "ann")
    seen = reconcile_do_not_call(DO_NOT_CALL, changes.links[0].pairs[DO_NOT_CALL.key], True, False)
    assert seen.verdict == KeepLocal(push=True)


def test_every_issue_can_at_least_be_dismissed_and_a_clear_has_its_own_name() -> None:
    for kind in ("conflict", "shared_number", "merge_proposed", "ambiguous_alias", "push_refused", "schema_drift",
                 "tenant_mismatch", "something_new"):  # fmt: skip
        assert Choice.DISMISS in choices(Issue(kind))
    assert choices(Issue(field_name="do_not_call"))[0] is Choice.CLEAR_DO_NOT_CALL
    assert Choice.TAKE_CRM not in choices(Issue(field_name="do_not_call"))
    assert Choice.REPLAY in choices(Issue("something_new"))
    assert Choice.REPLAY not in choices(Issue("merge_proposed"))


def test_a_conflict_knows_its_pair_as_long_as_that_is_mapped() -> None:
    issue = Issue(cause=value_cause(TENANT, "r1", NOTE.key))
    assert pair_of(issue, TENANT, [SCORE, NOTE]) is NOTE
    assert pair_of(issue, TENANT, [SCORE]) is None
    assert pair_of(issue, "crm:other", [NOTE]) is None


def test_a_picked_record_speaks_for_the_number_and_nothing_of_the_old_one_stays() -> None:
    memory = Memory()
    old, new = record("old", N1, created=1, Colour="red"), record("new", N1, created=2)
    memory.read([old, new], first=True)
    changes = plan_pick_primary(memory.known(), TENANT, "new")
    assert not isinstance(changes, Refused)
    memory.apply(changes)
    assert memory.primary_of(N1) == "new"
    assert memory.links["new"].pinned
    assert memory.links["old"].status is LinkStatus.SHARED
    assert memory.by_number(N1).values == {}
    memory.settle({"old": old, "new": new})
    assert memory.by_number(N1).values == {"first_name": "new"}
    memory.read([old, new], first=True)
    assert memory.primary_of(N1) == "new", "what a person picked stays"


@pytest.mark.parametrize("external_id", ["old", "stranger"])
def test_only_a_record_that_waits_can_be_picked(external_id: str) -> None:
    memory = Memory()
    memory.read([record("old", N1, created=1), record("new", N1, created=2)], first=True)
    assert isinstance(plan_pick_primary(memory.known(), TENANT, external_id), Refused)
