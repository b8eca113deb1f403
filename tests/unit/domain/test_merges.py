"""Merges by a person and their undoing, as plans."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.changeset import Changeset, ContactState, LedgerOutcome, Source, SourceKind
from tieline.domain.fields import BUILTIN_FIELDS, FieldSpec
from tieline.domain.identity import record_ref
from tieline.domain.merges import (
    MergeRecord,
    Numbers,
    Refused,
    Roles,
    UnmergePlan,
    choose_survivor,
    plan_merge,
    plan_unmerge,
)
from tieline.domain.values import FieldType

N1, N2, N3 = "+14155550101", "+14155550102", "+14155550103"
TENANT = "salesforce:T1"
FIELDS = {**BUILTIN_FIELDS, "note": FieldSpec("note", FieldType.STRING, field_id="field_note")}
ANN = Source(SourceKind.PERSON, 900, "ann")


def contact(contact_id: str, number: str, **values: Any) -> ContactState:
    """Each value from a source of its own."""
    sources = {name: Source(SourceKind.API, 5, contact_id) for name in values}
    return ContactState(contact_id, number, values, sources)


def applied(state: ContactState, changes: Changeset) -> ContactState:
    """A contact as a changeset leaves it."""
    for change in changes.contact_changes:
        if change.contact_id != state.contact_id:
            continue
        if change.phone_number:
            state = replace(state, phone_number=change.phone_number)
        for one in change.changes:
            if one.outcome is LedgerOutcome.OVERRULED:
                continue
            assert one.old == state.values.get(one.field_name), "the ledger tells what was there"
            values = {**state.values, one.field_name: one.new}
            values = {name: value for name, value in values.items() if value is not None}
            state = replace(state, values=values, sources={**state.sources, one.field_name: one.source})
    return state


def remembered(changes: Changeset, survivor: ContactState, loser: ContactState, **more: Any) -> MergeRecord:
    """What the store keeps of a merge."""
    (merge,) = changes.contact_merges
    return MergeRecord(
        survivor.contact_id, loser.contact_id, datetime(2026, 11, 20, tzinfo=UTC), merge.filled,
        aliases=[loser.phone_number], survivor_number=survivor.phone_number, **more,
    )  # fmt: skip


def merged(survivor: ContactState, loser: ContactState, **more: Any) -> tuple[ContactState, MergeRecord]:
    changes = plan_merge(survivor, loser, FIELDS, "merged by ann")
    return applied(survivor, changes), remembered(changes, survivor, loser, **more)


def undone(record: MergeRecord, survivor: ContactState, loser: ContactState, **more: Any) -> UnmergePlan:
    plan = plan_unmerge(record, survivor, loser, more.pop("numbers", Numbers()), FIELDS, ANN, **more)
    assert isinstance(plan, UnmergePlan)
    return plan


values = st.fixed_dictionaries(
    {},
    optional={
        "first_name": st.sampled_from("ab"),
        "do_not_call": st.booleans(),
        "note": st.sampled_from("xy"),
    },
)


@given(values, values)
def test_a_merge_and_its_undoing_leave_both_contacts_as_they_were(
    ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    survivor, loser = contact("a", N1, **ours), contact("b", N2, **theirs)
    one, record = merged(survivor, loser)
    plan = undone(record, one, loser, clear_do_not_call=True)
    after = applied(one, plan.changeset)
    assert (after.values, after.phone_number) == (survivor.values, N1)
    (back,) = plan.changeset.contact_unmerges
    assert (back.loser_id, back.numbers, back.dropped) == ("b", (N2,), (N2,))


@given(values, values)
def test_nothing_is_lost_and_do_not_call_is_the_or(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    survivor, loser = contact("a", N1, **ours), contact("b", N2, **theirs)
    changes = plan_merge(survivor, loser, FIELDS, "merged by ann")
    after = applied(survivor, changes)
    assert after.values.get("do_not_call", False) == bool(
        ours.get("do_not_call") or theirs.get("do_not_call")
    )
    for name, value in theirs.items():
        told = [(c.field_name, c.new) for change in changes.contact_changes for c in change.changes]
        assert ours.get(name) == value or (name, value) in told
    for name, value in ours.items():
        assert after.values[name] == value or (name, value) == ("do_not_call", False)


@given(values, values, st.sampled_from(["first_name", "note"]))
def test_a_later_edit_outlives_the_undoing(ours: dict[str, Any], theirs: dict[str, Any], name: str) -> None:
    survivor, loser = contact("a", N1, **ours), contact("b", N2, **theirs)
    one, record = merged(survivor, loser)
    edited = replace(one, values={**one.values, name: "edited"}, sources={**one.sources, name: ANN})
    after = applied(edited, undone(record, edited, loser).changeset)
    assert after.values[name] == "edited"


def test_an_equal_value_of_the_survivors_own_is_not_withdrawn() -> None:
    same = Source(SourceKind.API, 5, "key")
    survivor = ContactState("a", N1, {"note": "x"}, {"note": same})
    loser = ContactState("b", N2, {"note": "x"}, {"note": same})
    one, record = merged(survivor, loser)
    assert applied(one, undone(record, one, loser).changeset).values == {"note": "x"}


def test_do_not_call_stays_unless_its_clearing_is_asked_for_by_name() -> None:
    survivor, loser = contact("a", N1, do_not_call=False), contact("b", N2, do_not_call=True)
    one, record = merged(survivor, loser)
    kept = undone(record, one, loser)
    assert (kept.kept, kept.changeset.contact_changes) == (("do_not_call",), [])
    cleared = undone(record, one, loser, clear_do_not_call=True)
    assert applied(one, cleared.changeset).values == {"do_not_call": False}


def test_what_a_record_gave_goes_where_the_record_goes() -> None:
    survivor, loser = contact("a", N1), contact("b", N2)
    one, record = merged(survivor, loser, records=frozenset([record_ref(TENANT, "r1")]))
    theirs = Source(SourceKind.CRM, 50, record_ref(TENANT, "r1"))
    read = replace(one, values={"note": "theirs"}, sources={"note": theirs})
    (change,) = undone(record, read, loser).changeset.contact_changes
    (withdrawn,) = change.changes
    assert (withdrawn.field_name, withdrawn.new, withdrawn.outcome) == ("note", None, LedgerOutcome.WITHDRAWN)
    assert withdrawn.field_id == "field_note"


def test_a_survivor_that_took_the_number_gives_it_back_and_returns_to_its_own() -> None:
    survivor, loser = contact("a", N1), contact("b", N2)
    one, record = merged(survivor, loser)
    moved = replace(one, phone_number=N2)
    plan = undone(record, moved, loser, numbers=Numbers(of_loser="a"))
    assert applied(moved, plan.changeset).phone_number == N1
    assert plan.changeset.contact_unmerges[0].dropped == (N2, N1)


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        (Numbers(of_loser="c"), "contact c's by now"),
        (Numbers(of_loser="a", held_by="r1"), "because its CRM record r1 has it"),
        (Numbers(of_loser="a", of_former="d"), "no other that it could go back to"),
    ],
)
def test_a_number_that_cannot_be_given_back_refuses_the_undoing(numbers: Numbers, why: str) -> None:
    survivor, loser = contact("a", N1), contact("b", N2)
    one, record = merged(survivor, loser)
    plan = plan_unmerge(record, one, loser, numbers, FIELDS, ANN)
    assert isinstance(plan, Refused)
    assert why in plan.reason


@pytest.mark.parametrize(
    ("ties", "roles"),
    [
        ({}, Roles("a", "b")),
        ({"a": {TENANT: "r1"}}, Roles("a", "b")),
        ({"b": {TENANT: "r1"}}, Roles("b", "a", swapped=True)),
        ({"a": {"hubspot:1": "h1"}, "b": {TENANT: "r1"}}, Roles("b", "a", swapped=True)),
        ({"a": {TENANT: "r1"}, "b": {"hubspot:1": "h1"}}, Roles("a", "b")),
        ({"b": {"hubspot:1": "h1"}}, Roles("b", "a", swapped=True)),
    ],
)
def test_the_linked_one_survives_and_before_others_that_of_the_app_which_syncs(
    ties: Any, roles: Roles
) -> None:
    assert choose_survivor("a", "b", ties, TENANT) == roles


def test_two_records_of_one_tenant_are_merged_in_the_crm_first() -> None:
    refused = choose_survivor("a", "b", {"a": {TENANT: "r1"}, "b": {TENANT: "r2"}}, TENANT)
    assert isinstance(refused, Refused)
    assert "r1 and r2" in refused.reason
