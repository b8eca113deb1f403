"""The three-way table, as a table; and its laws over random histories."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.changes import (
    AskPerson,
    Base,
    Drifted,
    Held,
    KeepLocal,
    Merged,
    Nothing,
    Outcome,
    PairState,
    Sent,
    TakeRemote,
    Times,
    Unreadable,
    Verdict,
    confirmed,
    expire,
    reconcile,
    refused,
    sending,
)
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.do_not_call import reconcile_do_not_call
from tieline.domain.fields import BUILTIN_FIELDS, FieldSpec
from tieline.domain.link_state import pair_from_json, pair_to_json
from tieline.domain.mapping import Pair, Policy
from tieline.domain.values import ABSENT, Absent, FieldType, Value

TEXT = FieldSpec("note", FieldType.STRING)
TEXT_CRM = CrmField("Note", "Note", CrmKind.STRING)


def pair(policy: Policy = Policy.CRM_WINS, *, inbound: bool = True, outbound: bool = True) -> Pair:
    return Pair(TEXT, TEXT_CRM, inbound, outbound, policy)


def agreed(value: Value) -> PairState:
    return PairState(Base(value, value))


def look(
    p: Pair,
    state: PairState,
    local: Value,
    remote: Value | Absent,
    *,
    own_echo: bool = False,
    times: Times | None = None,
) -> Outcome:
    return reconcile(p, state, local, remote, own_echo=own_echo, times=times or Times())


@pytest.mark.parametrize(
    ("local", "remote", "verdict", "base"),
    [
        ("a", "a", Nothing(), Base("a", "a")),
        ("b", "b", Nothing(), Base("b", "b")),
        ("a", "b", TakeRemote("b"), Base("b", "b")),
        ("a", None, TakeRemote(None), Base(None, None)),
        ("b", "a", KeepLocal(push=True), Base("a", "a")),
        (None, "a", KeepLocal(push=True), Base("a", "a")),
        ("b", "c", TakeRemote("c", overruled=True, reason="crm_wins"), Base("c", "c")),
        ("b", None, TakeRemote(None, overruled=True, reason="crm_wins"), Base(None, None)),
    ],
)
def test_the_table_for_a_two_way_pair_where_the_crm_wins(
    local: Value, remote: Value, verdict: Verdict, base: Base
) -> None:
    assert look(pair(), agreed("a"), local, remote) == Outcome(verdict, PairState(base))


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        (Policy.TIELINE_WINS, KeepLocal(push=True, overrules=True, reason="tieline_wins")),
        (Policy.REVIEW, AskPerson()),
        (Policy.MERGE, Merged("c\nb", push=True)),
    ],
)
def test_a_conflict_is_decided_by_the_policy(policy: Policy, verdict: Verdict) -> None:
    assert look(pair(policy), agreed("a"), "b", "c").verdict == verdict


@pytest.mark.parametrize(
    ("times", "wins"),
    [
        (Times(local_ms=50, remote_after_ms=10, remote_until_ms=40), KeepLocal),
        (Times(local_ms=5, remote_after_ms=10, remote_until_ms=40), TakeRemote),
        (Times(local_ms=20, remote_after_ms=10, remote_until_ms=40), TakeRemote),
    ],
)
def test_newest_wins_where_times_decide_and_the_crm_where_they_cannot(times: Times, wins: type) -> None:
    verdict = look(pair(Policy.NEWEST_WINS), agreed("a"), "b", "c", times=times).verdict
    assert isinstance(verdict, wins)


def test_an_absent_field_is_drift_and_never_a_clear() -> None:
    assert look(pair(), agreed("a"), "a", ABSENT) == Outcome(Drifted(), agreed("a"))


def test_a_new_link_takes_what_only_the_crm_has_and_keeps_what_only_we_have() -> None:
    assert look(pair(), PairState(), None, "x").verdict == TakeRemote("x")
    assert look(pair(), PairState(), "x", None).verdict == KeepLocal(push=True)
    assert look(pair(), PairState(), "x", "y").verdict == TakeRemote("y", overruled=True, reason="crm_wins")


def test_a_checkbox_that_nobody_set_erases_nothing_on_a_new_link() -> None:
    flag = Pair(
        FieldSpec("vip", FieldType.BOOLEAN),
        CrmField("VIP", "VIP", CrmKind.BOOLEAN),
        True,
        True,
        Policy.CRM_WINS,
    )
    assert look(flag, PairState(), True, False).verdict == KeepLocal(push=True)


def test_our_own_write_is_no_news_even_when_local_has_moved_on() -> None:
    sent = Sent("b", "b", 1)
    state = sending(agreed("a"), sent)
    outcome = look(pair(), state, "c", "b")
    assert outcome.verdict == KeepLocal(push=True)
    assert outcome.state == PairState(Base("b", "b"), theirs="")


def test_the_old_value_is_no_news_while_a_write_is_on_its_way() -> None:
    state = sending(agreed("a"), Sent("b", "b", 1))
    assert look(pair(), state, "b", "a").verdict == KeepLocal(push=True)
    assert look(pair(), state, "a", "a").verdict == Nothing()


def test_a_reps_edit_during_a_write_is_news_and_a_late_landing_of_our_write_is_undone_by_it() -> None:
    state = sending(agreed("a"), Sent("b", "b", 1))
    edited = look(pair(), state, "b", "rep")
    assert edited.verdict == TakeRemote("rep", overruled=True, reason="crm_wins")
    landed = look(pair(), edited.state, "rep", "b")
    assert landed.verdict == KeepLocal(push=True), "the rep's value is written back"


def test_the_crms_form_of_our_value_moves_only_its_half_of_the_base() -> None:
    state = confirmed(sending(agreed("a"), Sent("b  c", "b  c", 1)), Sent("b  c", "b  c", 1), 0)
    outcome = look(pair(), state, "b  c", "b c", own_echo=True)
    assert outcome == Outcome(Nothing(), PairState(Base("b  c", "b c"), theirs=""))
    assert look(pair(), outcome.state, "b  c", "b c").verdict == Nothing(), "and it never flips"


def test_a_refused_write_agrees_on_nothing() -> None:
    sent = Sent("b", "b", 1)
    assert refused(sending(agreed("a"), sent), sent) == agreed("a")


def test_a_write_that_can_no_longer_land_is_forgotten() -> None:
    assert expire(sending(agreed("a"), Sent("b", "b", 1)), 2) == agreed("a")


def test_an_undone_inbound_value_is_held_until_the_crm_changes_again() -> None:
    state = replace(agreed("a"), held=Held("bad"))
    assert look(pair(), state, "a", "bad").verdict == Nothing()
    assert look(pair(), state, "a", "good").verdict == TakeRemote("good")


def test_outbound_only_leaves_the_crms_changes_alone() -> None:
    outcome = look(pair(Policy.TIELINE_WINS, inbound=False), agreed("a"), "a", "b")
    assert isinstance(outcome.verdict, KeepLocal)
    assert not outcome.verdict.push
    assert outcome.state.base == Base("a", "b")


def test_inbound_only_pushes_nothing() -> None:
    assert look(pair(outbound=False), agreed("a"), "b", "a").verdict == KeepLocal(push=False)


def test_a_pair_mapped_later_pushes_only_changes_from_then_on() -> None:
    seeded = PairState(Base("old", ABSENT))
    outbound = pair(Policy.TIELINE_WINS, inbound=False)
    assert look(outbound, seeded, "old", "theirs").verdict == Nothing()
    assert look(outbound, seeded, "new", "theirs").verdict == KeepLocal(push=True)


def test_a_value_that_does_not_fit_changes_nothing_and_stays_news() -> None:
    number = Pair(
        FieldSpec("n", FieldType.NUMBER), CrmField("N", "N", CrmKind.STRING), True, False, Policy.CRM_WINS
    )
    outcome = look(number, PairState(Base(1, "1")), 1, "many")
    assert isinstance(outcome.verdict, Unreadable)
    assert look(number, outcome.state, 1, "2").verdict == TakeRemote(2)


# do_not_call

DNC = Pair(
    BUILTIN_FIELDS["do_not_call"], CrmField("DoNotCall", "Do Not Call", CrmKind.BOOLEAN, default=False), True, True,
    Policy.CRM_WINS,
)  # fmt: skip


@pytest.mark.parametrize(
    ("base", "local", "remote", "verdict"),
    [
        (Base(None, False), None, True, TakeRemote(True)),
        (Base(new=True), None, True, TakeRemote(True)),
        (Base(new=True), True, False, KeepLocal(push=True)),
        (Base(None, False), True, False, KeepLocal(push=True)),
        (Base(True, True), True, False, AskPerson()),
        (Base(True, True), False, True, KeepLocal(push=True)),
        (Base(True, True), True, True, Nothing()),
        (Base(True, False), True, False, KeepLocal(push=False)),
    ],
)
def test_do_not_call_is_loosened_by_nobody_but_a_person_here(
    base: Base, local: Value, remote: Value, verdict: Verdict
) -> None:
    assert reconcile_do_not_call(DNC, PairState(base), local, remote).verdict == verdict


@given(st.lists(st.sampled_from(["crm_true", "crm_false", "look"]), max_size=12), st.booleans())
def test_no_history_in_the_crm_ever_clears_do_not_call(events: list[str], start: bool) -> None:
    local: Value = start
    remote: Value = False
    state = PairState()
    was_true = start
    for event in events:
        if event == "look":
            outcome = reconcile_do_not_call(DNC, state, local, remote)
            state = outcome.state
            if isinstance(outcome.verdict, TakeRemote):
                local = outcome.verdict.value
            was_true |= remote is True
        else:
            remote = event == "crm_true"
        assert not was_true or local is True


# Random histories of both sides with a network that loses answers and applies writes late.


@dataclass
class World:
    local: str = "0"
    remote: str = "0"
    state: PairState = field(default_factory=lambda: agreed("0"))
    pending: tuple[Sent, ...] = ()
    clock: int = 0


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["ours", "theirs", "read", "push", "push_lost", "push_late", "land", "push_refused"]),
        st.sampled_from(["1", "2", "3"]),
    ),
    max_size=25,
)
POLICIES = st.sampled_from([Policy.CRM_WINS, Policy.TIELINE_WINS])


def step(world: World, p: Pair, event: str, value: str) -> None:
    world.clock += 1
    match event:
        case "ours":
            world.local = value
        case "theirs":
            world.remote = value
        case "land":
            for sent in world.pending:
                world.remote = str(sent.remote)
            world.pending = ()
        case _:
            take(world, p, event)


def take(world: World, p: Pair, event: str) -> None:
    outcome = look(p, world.state, world.local, world.remote)
    world.state = outcome.state
    if isinstance(outcome.verdict, TakeRemote):
        world.local = str(outcome.verdict.value)
    if event == "read" or not (isinstance(outcome.verdict, KeepLocal) and outcome.verdict.push):
        return
    sent = Sent(world.local, world.local, world.clock)
    world.state = sending(world.state, sent)
    match event:
        case "push":
            world.remote = world.local
            world.state = confirmed(world.state, sent, 0)
        case "push_lost":
            world.remote = world.local
        case "push_late":
            world.pending = (*world.pending, sent)
        case "push_refused":
            world.state = refused(world.state, sent)


@given(EVENTS, POLICIES)
def test_any_history_comes_to_rest_with_both_sides_equal(
    events: list[tuple[str, str]], policy: Policy
) -> None:
    world, p = World(), pair(policy)
    for event, value in events:
        step(world, p, event, value)
    step(world, p, "land", "")
    for _ in range(4):
        step(world, p, "push", "")
    assert world.local == world.remote
    rested = (world.local, world.remote)
    for _ in range(3):
        step(world, p, "push", "")
        step(world, p, "read", "")
    assert (world.local, world.remote) == rested, "nothing flips once at rest"


@given(EVENTS, st.sampled_from(["7", "8"]))
def test_a_reps_last_edit_stands_when_nothing_of_ours_follows(
    events: list[tuple[str, str]], last: str
) -> None:
    world, p = World(), pair(Policy.CRM_WINS)
    for event, value in events:
        step(world, p, event, value)
    step(world, p, "land", "")
    step(world, p, "theirs", last)
    for _ in range(4):
        step(world, p, "push", "")
    assert (world.local, world.remote) == (last, last)


@given(EVENTS)
def test_states_survive_their_journey_through_json(events: list[tuple[str, str]]) -> None:
    world, p = World(), pair()
    for event, value in events:
        step(world, p, event, value)
        assert pair_from_json(pair_to_json(world.state)) == world.state


def test_a_reps_value_does_not_become_our_form_because_we_wrote_another_field_later() -> None:
    """The first look after a write showed somebody else's value; a second write of ours must not adopt it."""
    p = pair(Policy.REVIEW)
    sent = Sent("b", "b", 10)
    state = confirmed(sending(agreed("a"), sent), sent, expired_before_ms=0)
    seen = look(p, state, "c", "rep")
    assert seen.verdict == AskPerson()
    assert look(p, seen.state, "c", "rep", own_echo=True).verdict == AskPerson()


def test_an_answer_that_comes_after_a_look_has_settled_the_send_moves_nothing() -> None:
    sent = Sent("b", "b", 10)
    going = sending(agreed("a"), sent)
    settled = look(pair(), going, "b", "b").state
    later = look(pair(), settled, "b", "rep").state
    assert confirmed(later, sent, expired_before_ms=0) == later
    assert confirmed(PairState(), sent, expired_before_ms=0) == PairState(), "its pair was unmapped meanwhile"


def test_a_merge_that_no_field_could_hold_is_left_to_a_person() -> None:
    ours, theirs = "ours " * 4_000, "theirs " * 4_000
    seen = look(pair(Policy.MERGE), agreed(""), ours.strip(), theirs.strip())
    assert seen == Outcome(AskPerson(), agreed(""))


def test_do_not_call_in_the_crm_is_overwritten_only_where_a_person_cleared_it_here() -> None:
    flag = Pair(
        BUILTIN_FIELDS["do_not_call"], CrmField("DNC", "DNC", CrmKind.BOOLEAN), False, True, Policy.TIELINE_WINS
    )  # fmt: skip
    new = reconcile_do_not_call(flag, PairState(), None, True)
    assert new.verdict == KeepLocal(push=False)
    both = PairState(Base(True, True))
    assert reconcile_do_not_call(flag, both, False, True).verdict == KeepLocal(push=True)
