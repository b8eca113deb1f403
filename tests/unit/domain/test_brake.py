"""The brake's rule, its limits and its counts, without any flow."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.board import Known
from tieline.domain.brake import (
    DEFAULTS,
    SMALL,
    Brake,
    BrakeFlow,
    BrakeKind,
    BrakeLimits,
    BrakeStatus,
    Effect,
    Exceeded,
    Go,
    Limit,
    Stop,
    Tally,
    agreed_to,
    brake_limits,
    decide,
)
from tieline.domain.brake_effects import inbound_effects, outbound_effects
from tieline.domain.brake_report import brake_note
from tieline.domain.brake_settings import brake_problem
from tieline.domain.changes import Base, PairState
from tieline.domain.changeset import (
    Changeset,
    ContactChange,
    ContactState,
    FieldChange,
    LedgerOutcome,
    LinkState,
    LinkStatus,
    NewContact,
    Source,
    SourceKind,
)
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.fields import FieldSpec
from tieline.domain.pairs import Pair, Policy
from tieline.domain.values import FieldType, Value

USUAL = BrakeLimits()
NOW = datetime(2026, 11, 20, tzinfo=UTC)
CRM = Source(SourceKind.CRM, 1)
KINDS = st.sampled_from(list(BrakeKind))
COUNTS = st.dictionaries(KINDS, st.integers(0, 30_000))
LIMITS = st.dictionaries(
    KINDS, st.builds(Limit, st.none() | st.integers(0, 20_000), st.none() | st.floats(0, 1))
).map(BrakeLimits)


@pytest.mark.parametrize(
    ("gone", "linked", "stops"),
    [(0, 0, False), (50, 50, False), (51, 51, True), (51, 254, True), (51, 255, False), (1_001, 9_999, True)],
)
def test_a_share_a_floor_and_a_number_say_when_it_is_too_much(gone: int, linked: int, stops: bool) -> None:
    verdict = decide({BrakeKind.RECORDS_GONE: gone}, linked, USUAL)
    assert isinstance(verdict, Stop) is stops


@given(st.dictionaries(KINDS, st.integers(0, SMALL)), st.integers(0, 10))
def test_no_share_stops_a_small_organisation(counts: dict[BrakeKind, int], linked: int) -> None:
    assert decide(counts, linked, USUAL) == Go()
    assert USUAL.surely_fine(counts)


@given(COUNTS, KINDS, st.integers(0, 1_000), st.integers(0, 100_000), LIMITS, COUNTS)
def test_more_never_goes_where_less_was_stopped(
    counts: dict[BrakeKind, int], kind: BrakeKind, more: int, linked: int, limits: BrakeLimits,
    agreed: dict[BrakeKind, int],
) -> None:  # fmt: skip
    grown = {**counts, kind: counts.get(kind, 0) + more}
    if isinstance(decide(counts, linked, limits, agreed), Stop):
        assert isinstance(decide(grown, linked, limits, agreed), Stop)
        assert isinstance(decide(counts, linked, limits), Stop), "agreeing never stops anything"
    if limits.surely_fine(counts):
        assert decide(counts, linked, limits) == Go()


@given(
    st.lists(st.tuples(KINDS, st.sampled_from("abcdefgh")), max_size=60),
    st.lists(st.integers(1, 9)),
    st.integers(0),
)
def test_counts_do_not_depend_on_how_a_read_is_cut_or_on_what_is_read_twice(
    things: list[tuple[BrakeKind, str]], cuts: list[int], seed: int
) -> None:
    effects = [Effect(kind, key) for kind, key in things]
    whole, cut = Tally(), Tally()
    whole.add(effects)
    rest = list(effects)
    for size in cuts:
        cut.add(rest[:size])
        rest = rest[max(0, size - seed % 2) :]
    cut.add(rest)
    assert cut.counts == whole.counts
    assert sum(whole.counts.values()) == len(set(things))


def test_what_earlier_attempts_did_counts() -> None:
    tally = Tally({BrakeKind.CONTACTS_CHANGED: 7})
    tally.add([Effect(BrakeKind.CONTACTS_CHANGED, "a")])
    assert tally.counts == {BrakeKind.CONTACTS_CHANGED: 8}


def test_a_sample_names_ten_and_the_rarest_kind_first() -> None:
    tally = Tally()
    tally.add([Effect(BrakeKind.CONTACTS_CHANGED, str(n)) for n in range(30)])
    tally.add([Effect(BrakeKind.CONTACTS_BLANKED, str(n)) for n in range(3)])
    sample = tally.sample([BrakeKind.CONTACTS_CHANGED, BrakeKind.CONTACTS_BLANKED])
    assert [effect.kind for effect in sample] == [BrakeKind.CONTACTS_BLANKED] * 3 + [
        BrakeKind.CONTACTS_CHANGED
    ] * 7


def standing(status: BrakeStatus, **more: Any) -> Brake:
    shown = {BrakeKind.CONTACTS_CHANGED: (200, 50)}
    return Brake(
        "org_1", "brake_1", "app_1", BrakeFlow.CHANGES, status, shown, 100,
        **{"expires_at": NOW + timedelta(hours=1), **more},
    )  # fmt: skip


def test_a_confirmation_goes_a_tenth_beyond_what_was_shown_and_to_no_other_kind() -> None:
    agreed = standing(BrakeStatus.CONFIRMED).agreed(NOW)
    limits = BrakeLimits({kind: Limit(number=50) for kind in BrakeKind})
    assert decide({BrakeKind.CONTACTS_CHANGED: 220}, 100, limits, agreed) == Go(allowed=True)
    assert isinstance(decide({BrakeKind.CONTACTS_CHANGED: 221}, 100, limits, agreed), Stop)
    both = {BrakeKind.CONTACTS_CHANGED: 200, BrakeKind.CONTACTS_BLANKED: 51}
    stop = decide(both, 100, limits, agreed)
    assert isinstance(stop, Stop)
    assert {one.kind for one in stop.exceeded} == set(both), "a person sees all that is too much"
    assert agreed_to(1) == 2


@pytest.mark.parametrize(
    "brake",
    [
        standing(BrakeStatus.STOPPED),
        standing(BrakeStatus.REJECTED),
        standing(BrakeStatus.CONFIRMED, expires_at=NOW),
        standing(BrakeStatus.CONFIRMED, ended_at=NOW),
    ],
)
def test_nothing_else_agrees_to_anything(brake: Brake) -> None:
    assert brake.agreed(NOW) == {}


def test_a_rejected_stop_rests_until_the_limits_change() -> None:
    brake = standing(BrakeStatus.REJECTED, settings={"contacts_changed": {"number": 50}})
    assert brake.rests({"contacts_changed": {"number": 50}})
    assert not brake.rests(None)
    assert not standing(BrakeStatus.STOPPED).rests(None)


def test_what_is_far_more_than_was_shown_is_another_stop() -> None:
    brake = standing(BrakeStatus.STOPPED)
    assert brake.covers(Stop((Exceeded(BrakeKind.CONTACTS_CHANGED, 220, 50),), 100))
    assert not brake.covers(Stop((Exceeded(BrakeKind.CONTACTS_CHANGED, 221, 50),), 100))
    assert not brake.covers(Stop((Exceeded(BrakeKind.RECORDS_GONE, 51, 50),), 100))


def test_the_issue_says_how_much_of_how_many_and_what_to_do() -> None:
    message = brake_note("Prod", standing(BrakeStatus.STOPPED)).message
    for part in (
        "change 200 contacts",
        "limit is 50",
        "of 100",
        "tieline brake confirm brake_1",
        "crm_config.brake",
    ):
        assert part in message


# Settings


def test_settings_replace_what_they_name_and_keep_the_rest() -> None:
    limits = brake_limits(
        {"contacts_changed": {"number": 3}, "contacts_blanked": False, "records_gone": {"share": None}}
    )
    assert limits.of(BrakeKind.CONTACTS_CHANGED) == Limit(3, DEFAULTS[BrakeKind.CONTACTS_CHANGED].share)
    assert limits.of(BrakeKind.CONTACTS_BLANKED).of(10) is None
    assert limits.of(BrakeKind.RECORDS_GONE) == Limit(DEFAULTS[BrakeKind.RECORDS_GONE].number, None)
    assert limits.of(BrakeKind.RECORDS_CREATED) == DEFAULTS[BrakeKind.RECORDS_CREATED]
    assert brake_limits(None) == USUAL
    assert decide(dict.fromkeys(BrakeKind, 10**9), 1, brake_limits(False)) == Go()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (True, "Give false"),
        (5, "Give false"),
        ({"contacts": {"number": 1}}, "There is no kind contacts; there are: contacts_created,"),
        ({"contacts_changed": 5}, "contacts_changed: give false"),
        ({"contacts_changed": {}}, "contacts_changed: give false"),
        ({"contacts_changed": {"count": 5}}, "contacts_changed: give false"),
        ({"contacts_changed": {"number": -1}}, "contacts_changed.number"),
        ({"contacts_changed": {"number": 1.5}}, "contacts_changed.number"),
        ({"contacts_changed": {"number": True}}, "contacts_changed.number"),
        ({"contacts_changed": {"share": 30}}, "contacts_changed.share"),
        ({"contacts_changed": {"share": "0.3"}}, "contacts_changed.share"),
        ({"contacts_changed": {"number": -1, "share": 2}, "x": {}}, "There is no kind x"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(settings: Any, said: str) -> None:
    assert said in (brake_problem(settings) or "")


@pytest.mark.parametrize(
    "settings", [False, {}, {"contacts_changed": False}, {"records_gone": {"number": 5, "share": 0.5}},
                 {"records_gone": {"number": None}}],
)  # fmt: skip
def test_settings_that_can_be_are_taken(settings: Any) -> None:
    assert brake_problem(settings) is None


# What plans would do


def pair(name: str, *, outbound: bool = True) -> Pair:
    return Pair(
        FieldSpec(name, FieldType.STRING),
        CrmField(f"{name}__c", name, CrmKind.STRING),
        True,
        outbound,
        Policy.CRM_WINS,
    )


def link(status: LinkStatus = LinkStatus.OPEN, /, **agreed: Value) -> LinkState:
    pairs = {pair(name).key: PairState(Base(value, value)) for name, value in agreed.items()}
    return LinkState("r1", "c1", status, pairs=pairs)


def known(**agreed: Value) -> Known:
    return Known(
        {"r1": link(**agreed)}, {"c1": ContactState("c1", "+14155550100", agreed)}, primaries={"c1": "r1"}
    )


def change(name: str, old: Value, new: Value, outcome: LedgerOutcome = LedgerOutcome.SET) -> FieldChange:
    return FieldChange(name, old, new, CRM, outcome)


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ([change("plan", "a", "b")], {"contacts_changed"}),
        ([change("plan", "a", None)], {"contacts_changed", "contacts_blanked"}),
        ([change("plan", "a", None, LedgerOutcome.WITHDRAWN)], {"contacts_changed", "contacts_blanked"}),
        ([change("plan", "a", "b", LedgerOutcome.OVERRULED)], set()),
        ([change("new", None, "b")], set()),
        ([change("new", None, "b"), change("plan", "a", "b")], {"contacts_changed"}),
    ],
)
def test_what_counts_as_a_change(changes: list[FieldChange], kinds: set[str]) -> None:
    plan = Changeset(contact_changes=[ContactChange("c1", tuple(changes))])
    effects = inbound_effects(plan, known(plan="a"), [pair("plan"), pair("new")])
    assert {effect.kind.value for effect in effects} == kinds


def test_new_contacts_and_records_that_are_gone_count() -> None:
    plan = Changeset(
        new_contacts=[NewContact("c2", "+14155550101")], links=[link(LinkStatus.DELETED, plan="a")]
    )
    found = {(effect.kind.value, effect.key) for effect in inbound_effects(plan, known(plan="a"), [])}
    assert found == {("contacts_created", "+14155550101"), ("records_gone", "r1")}
    gone = Known({"r1": link(LinkStatus.SHARED)})
    assert not inbound_effects(Changeset(links=[link(LinkStatus.DELETED)]), gone, [])


@pytest.mark.parametrize(
    ("ours", "kinds"),
    [("a", set()), ("b", {"records_changed"}), (None, {"records_changed", "records_blanked"})],
)
def test_what_a_push_may_do_is_told_by_what_is_held_here(ours: Value, kinds: set[str]) -> None:
    contacts = {"c1": ContactState("c1", "+14155550100", {"plan": ours} if ours else {})}
    effects = outbound_effects([link(plan="a")], contacts, [pair("plan")])
    assert {effect.kind.value for effect in effects} == kinds
    assert not outbound_effects([link(plan="a")], contacts, [pair("plan", outbound=False)])
