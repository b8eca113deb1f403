"""Who is who: placing records, shared numbers, numbers that change, records that go or are merged."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.memory import COLOUR, TENANT, Memory, mapping, record

from tieline.domain.changes import PairState, TakeRemote, Times, reconcile
from tieline.domain.changeset import ContactState, LedgerOutcome, LinkStatus, Source, SourceKind
from tieline.domain.identity import record_ref
from tieline.domain.records import RemoteRecord, Removal
from tieline.domain.values import ABSENT

N1, N2, N3 = "+14155550101", "+14155550102", "+14155550103"


@st.composite
def populations(draw: st.DrawFn) -> list[RemoteRecord]:
    """A handful of records over few numbers, with ties in their creation."""
    many = draw(st.integers(1, 7))
    numbers = st.sampled_from([N1, N2, "(415) 555-0101", "555", None])
    return [
        record(f"r{i}", draw(numbers), mobile=draw(st.sampled_from([None, N3])), created=draw(st.integers(1, 3)))
        for i in range(many)
    ]  # fmt: skip


def state_of(memory: Memory) -> object:
    """What a reader of the store can tell, without ids and times."""
    people = {
        contact.phone_number: (
            memory.primary_of(contact.phone_number), tuple(sorted(contact.values.items())),
            tuple(sorted(n for (cid, n) in memory.aliases if cid == contact.contact_id)),
        )
        for contact in memory.contacts.values()
    }  # fmt: skip
    return people, {ext: link.status for ext, link in memory.links.items()}, set(memory.issues)


@given(populations(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_order_and_size_of_pages_of_a_first_read_change_nothing(
    people: list[RemoteRecord], random: Random, size: int
) -> None:
    one, other = Memory(), Memory()
    one.read(people, first=True)
    shuffled = list(people)
    random.shuffle(shuffled)
    for i in range(0, len(shuffled), size):
        other.read(shuffled[i : i + size], first=True)
    assert state_of(one) == state_of(other)


@given(populations())
def test_each_usable_record_is_here_once_and_no_value_reaches_anothers_contact(
    people: list[RemoteRecord],
) -> None:
    memory = Memory()
    memory.read(people, first=True)
    for contact in memory.contacts.values():
        primary = memory.primary_of(contact.phone_number)
        assert contact.values["first_name"] == primary, "the only name is the primary's own"
    for ext, link in memory.links.items():
        assert (link.status is LinkStatus.SKIPPED) == (not link.phones), ext


def test_a_later_record_never_displaces_the_incumbent() -> None:
    memory = Memory()
    memory.read([record("old", N1, created=5)], first=True)
    memory.read([record("older", N1, created=1)])
    assert memory.primary_of(N1) == "old"
    assert memory.links["older"].status is LinkStatus.SHARED
    assert f"shared:{TENANT}:{N1}" in memory.issues


def test_a_swap_withdraws_the_old_records_values_and_keeps_those_of_conversations() -> None:
    memory = Memory()
    memory.read([record("late", N1, created=5, mobile=N2, Colour="red")], first=True)
    contact = memory.by_number(N1)
    talked = Source(SourceKind.CONVERSATION, 50, "call")
    memory.contacts[contact.contact_id] = replace(
        contact,
        values={**contact.values, "note": "wants a demo"},
        sources={**contact.sources, "note": talked},
    )
    memory.read([record("early", N1, created=1)], first=True)
    values = memory.by_number(N1).values
    assert values == {"first_name": "early", "note": "wants a demo"}
    assert (contact.contact_id, N2) not in memory.aliases, "the old record's other numbers go with it"
    withdrawn = [c for _, c in memory.ledger if c.outcome is LedgerOutcome.WITHDRAWN]
    assert {c.field_name for c in withdrawn} == {"first_name", COLOUR.name}


def test_a_contact_follows_its_records_number_and_keeps_the_old_one_as_alias() -> None:
    memory = Memory()
    memory.read([record("a", N1)], first=True)
    contact_id = memory.by_number(N1).contact_id
    memory.read([record("a", N2, modified=20)])
    assert memory.by_number(N2).contact_id == contact_id
    assert memory.aliases[contact_id, N1] == "former"


def test_a_number_that_an_unlinked_contact_has_merges_the_two_and_do_not_call_is_the_or() -> None:
    memory = Memory()
    memory.read([record("a", N1)], first=True)
    by_call = Source(SourceKind.CONVERSATION, 5, "call")
    memory.contacts["mine"] = ContactState("mine", N2, {"do_not_call": True}, {"do_not_call": by_call})
    memory.read([record("a", N2, modified=20)])
    survivor = memory.by_number(N2)
    assert survivor.values == {"first_name": "a", "do_not_call": True}
    assert "mine" not in memory.contacts


def test_a_number_that_a_linked_contact_has_becomes_shared() -> None:
    memory = Memory()
    memory.read([record("a", N1), record("b", N2)], first=True)
    memory.read([record("a", N2, modified=20)])
    assert memory.primary_of(N2) == "b"
    assert memory.links["a"].status is LinkStatus.SHARED
    assert memory.by_number(N2).values["first_name"] == "b"


def test_the_earliest_sharer_gets_a_contact_of_its_own_when_the_primary_leaves_the_number() -> None:
    people = {
        r.external_id: r
        for r in (record("a", N1, created=1), record("c", N1, created=3), record("b", N1, created=2))
    }
    memory = Memory()
    memory.read(list(people.values()), first=True)
    people["a"] = record("a", N2, created=1, modified=20)
    memory.read([people["a"]])
    memory.settle(people)
    assert memory.primary_of(N2) == "a"
    assert memory.primary_of(N1) == "b"
    assert memory.by_number(N1).values["first_name"] == "b"
    assert memory.links["c"].status is LinkStatus.SHARED


def test_a_number_that_becomes_unusable_is_kept_and_the_issue_closes_by_itself() -> None:
    memory = Memory()
    memory.read([record("a", N1, Colour="red")], first=True)
    memory.read([record("a", "555", modified=20, Colour="blue")])
    cause = f"phone:{TENANT}:a"
    assert memory.by_number(N1).values["colour"] == "blue", "the other fields go on syncing"
    assert cause in memory.issues
    memory.read([record("a", "(415) 555-0101", modified=30)])
    assert cause not in memory.issues


def test_a_skipped_record_becomes_a_contact_when_its_number_is_corrected() -> None:
    memory = Memory()
    memory.read([record("a", None)], first=True)
    assert not memory.contacts
    memory.read([record("a", N1, modified=20)])
    assert memory.primary_of(N1) == "a"
    assert not memory.issues


def test_a_deleted_record_leaves_its_contact_and_comes_back_to_it() -> None:
    memory = Memory()
    memory.read([record("a", N1)], first=True)
    contact_id = memory.by_number(N1).contact_id
    memory.remove(Removal("a", 30))
    assert memory.primary_of(N1) is None
    assert memory.by_number(N1).values["first_name"] == "a"
    memory.read([record("a", N1, modified=40)])
    assert memory.primary_of(N1) is None, "an index that lags may still show it"
    memory.settle({"a": record("a", N1, modified=40)})
    assert memory.primary_of(N1) == "a"
    assert memory.by_number(N1).contact_id == contact_id


def test_the_next_record_on_a_deleted_ones_number_does_not_inherit_its_values() -> None:
    people = {"b": record("b", N1, created=2)}
    memory = Memory()
    memory.read([record("a", N1, created=1, Colour="red"), people["b"]], first=True)
    memory.remove(Removal("a", 30))
    memory.settle(people)
    assert memory.primary_of(N1) == "b"
    assert memory.by_number(N1).values == {"first_name": "b"}


def test_a_crm_merge_moves_the_link_with_its_base() -> None:
    memory = Memory()
    memory.read([record("a", N1, Colour="red")], first=True)
    pairs = memory.links["a"].pairs
    memory.remove(Removal("a", 30, survivor_id="b"))
    moved = memory.links["b"]
    assert (moved.status, moved.pairs, moved.needs_read) == (LinkStatus.OPEN, pairs, True)
    assert memory.links["a"].merged_into == "b"
    memory.settle({"b": record("b", N1, Colour="red")})
    assert memory.by_number(N1).values == {"first_name": "b", "colour": "red"}


def test_a_merge_of_two_linked_records_is_proposed_when_both_contacts_have_values_of_their_own() -> None:
    memory = Memory()
    memory.read([record("a", N1), record("b", N2)], first=True)
    one = memory.by_number(N1)
    memory.contacts[one.contact_id] = replace(
        one, values={**one.values, "note": "x"}, sources={**one.sources, "note": Source(SourceKind.PERSON, 5)}
    )
    memory.read([record("b", N2, modified=20, merged=("a",))])
    assert "merge_proposed" in memory.issues.values()
    assert len(memory.contacts) == 2
    assert memory.links["a"].status is LinkStatus.MERGED


def test_a_merge_of_two_linked_records_is_done_when_one_contact_holds_only_what_the_crm_gave() -> None:
    memory = Memory()
    memory.read([record("a", N1), record("b", N2)], first=True)
    memory.read([record("b", N2, modified=20, merged=("a",))])
    assert [c.phone_number for c in memory.contacts.values()] == [N2]
    assert memory.aliases[memory.by_number(N2).contact_id, N1] == "merged"


def test_an_older_answer_is_not_applied_and_the_record_is_read_again() -> None:
    memory = Memory()
    memory.read([record("a", N1, modified=20, Colour="new")], first=True)
    memory.read([record("a", N1, modified=10, Colour="old")])
    assert memory.by_number(N1).values["colour"] == "new"
    assert memory.links["a"].needs_read
    memory.settle({"a": record("a", N1, modified=15, Colour="late")})
    assert memory.by_number(N1).values["colour"] == "late", "a fresh look is the truth, whatever its stamp"


def test_a_page_asked_for_before_a_confirmed_write_is_not_believed() -> None:
    memory = Memory()
    memory.read([record("a", N1, Colour="red")], first=True)
    memory.links["a"] = replace(memory.links["a"], confirmed_write_ms=10_000)
    memory.read([record("a", N1, modified=20, Colour="stale")])
    assert memory.by_number(N1).values["colour"] == "red"


def test_two_tenants_with_one_record_id_are_told_apart() -> None:
    assert record_ref("sf:1", "003") != record_ref("sf:2", "003")


@given(st.sampled_from([None, "", "red", "  ", "véry"]), st.booleans())
def test_the_short_way_for_a_first_value_decides_as_the_table_does(
    remote: str | None, outbound: bool
) -> None:
    pair = mapping(outbound=outbound).pairs[1]
    long_way = reconcile(pair, PairState(), None, remote, own_echo=False, times=Times())
    memory = Memory()
    memory.read([record("a", N1, Colour=remote)], first=True)
    value = memory.by_number(N1).values.get("colour")
    expected = long_way.verdict.value if isinstance(long_way.verdict, TakeRemote) else None
    assert value == expected
    taken = memory.links["a"].pairs[pair.key].base
    assert (
        pair.local_form(taken.local),
        pair.remote_form(taken.remote if taken.remote is not ABSENT else None),
    ) == (
        pair.local_form(long_way.state.base.local),
        pair.remote_form(remote),
    )


def test_a_missing_record_that_the_sweep_calls_merged_moves_its_link_with_its_base() -> None:
    memory = Memory()
    memory.read([record("a", N1, Colour="red")], first=True)
    pairs = memory.links["a"].pairs
    memory.missing("a")
    assert f"missing:{TENANT}:a" in memory.issues
    memory.remove(Removal("a", 30, survivor_id="b"))
    assert (memory.links["b"].status, memory.links["b"].pairs) == (LinkStatus.OPEN, pairs)
    assert not memory.issues


def test_a_missing_record_that_was_deleted_gives_its_number_to_the_next_one() -> None:
    people = {"b": record("b", N1, created=2)}
    memory = Memory()
    memory.read([record("a", N1, created=1), people["b"]], first=True)
    memory.missing("a")
    memory.remove(Removal("a", 30))
    memory.settle(people)
    assert memory.primary_of(N1) == "b"
    assert not memory.issues


def test_a_missing_record_that_is_found_again_closes_its_issue() -> None:
    memory = Memory()
    memory.read([record("a", N1)], first=True)
    memory.missing("a")
    memory.read([record("a", N1, modified=20)], fresh=True)
    assert memory.primary_of(N1) == "a"
    assert not memory.issues


def test_a_loser_that_was_called_deleted_first_still_hands_its_link_on() -> None:
    memory = Memory()
    memory.read([record("a", N1, Colour="red")], first=True)
    memory.remove(Removal("a", 30))
    memory.remove(Removal("a", 30, survivor_id="b"))
    assert memory.primary_of(N1) == "b"


def test_a_record_that_waited_hands_nothing_on_of_the_one_it_waited_behind() -> None:
    memory = Memory()
    memory.read([record("a", N1, created=1, Colour="red"), record("b", N1, created=2)], first=True)
    memory.remove(Removal("b", 20))
    memory.remove(Removal("a", 30))
    memory.remove(Removal("b", 40, survivor_id="c"))
    memory.settle({"c": record("c", N1, created=3)})
    assert memory.primary_of(N1) == "c"
    assert memory.by_number(N1).values == {"first_name": "c"}, "red was another person's"


def test_a_plain_delete_of_a_merged_away_record_changes_nothing() -> None:
    memory = Memory()
    memory.read([record("a", N1), record("b", N2)], first=True)
    memory.remove(Removal("a", 30, survivor_id="b"))
    memory.remove(Removal("a", 40))
    assert memory.links["a"].status is LinkStatus.MERGED
    assert memory.primary_of(N2) == "b"


def test_a_restored_record_without_a_number_comes_back_to_its_contact() -> None:
    memory = Memory()
    memory.read([record("a", N1)], first=True)
    memory.remove(Removal("a", 30))
    memory.read([record("a", None, modified=40, Colour="blue")], fresh=True)
    assert memory.primary_of(N1) == "a"
    assert memory.by_number(N1).values["colour"] == "blue"
    assert f"phone:{TENANT}:a" in memory.issues


def test_a_restored_record_brings_its_new_number_along() -> None:
    memory = Memory()
    memory.read([record("a", N1)], first=True)
    memory.remove(Removal("a", 30))
    memory.read([record("a", N2, modified=40)], fresh=True)
    assert memory.primary_of(N2) == "a"
    assert len(memory.contacts) == 1


def test_a_restored_record_whose_place_is_taken_is_listed() -> None:
    memory = Memory()
    memory.read([record("a", N1)], first=True)
    memory.remove(Removal("a", 30))
    memory.read([record("b", N1, modified=35)])
    memory.read([record("a", N1, modified=40)], fresh=True)
    assert memory.primary_of(N1) == "b"
    assert memory.links["a"].status is LinkStatus.SHARED
    assert f"shared:{TENANT}:{N1}" in memory.issues


def test_the_list_of_a_shared_number_names_all_and_closes_with_the_last() -> None:
    memory = Memory()
    memory.read([record("a", N1, created=1)], first=True)
    memory.read([record("b", N1, created=2)])
    memory.read([record("c", N1, created=3)])
    cause = f"shared:{TENANT}:{N1}"
    assert memory.notes[cause].raw["others"] == ["b", "c"]
    memory.read([record("b", N2, modified=20)])
    assert memory.notes[cause].raw["others"] == ["c"]
    memory.remove(Removal("c", 30))
    assert cause not in memory.issues


def test_a_second_look_at_a_record_that_was_matched_by_an_alias_changes_nothing() -> None:
    memory = Memory()
    memory.contacts["mine"] = ContactState("mine", N1)
    memory.aliases["mine", N2] = "former"
    memory.read([record("a", N2)], first=True)
    before = dict(memory.contacts)
    memory.read([record("a", N2)])
    assert memory.contacts == before
    assert memory.by_number(N2).contact_id == "mine"


def test_a_bad_value_that_goes_back_to_what_it_was_closes_its_issue() -> None:
    memory = Memory()
    memory.read([record("a", N1, Colour="red")], first=True)
    memory.read([record("a", N1, modified=20, Colour="x" * 40_000)])
    assert [*memory.issues.values()] == ["bad_value"]
    memory.read([record("a", N1, modified=30, Colour="red")])
    assert not memory.issues


def test_a_first_value_that_is_corrected_closes_its_issue() -> None:
    memory = Memory()
    memory.read([record("a", N1, Colour="x" * 40_000)], first=True)
    assert [*memory.issues.values()] == ["bad_value"]
    memory.read([record("a", N1, modified=30, Colour="red")])
    assert not memory.issues


def test_a_change_of_primary_never_lifts_do_not_call() -> None:
    people = {"b": record("b", N1, created=2)}
    memory = Memory()
    memory.read([record("a", N1, created=1), people["b"]], first=True)
    contact = memory.by_number(N1)
    by_record = Source(SourceKind.CRM, 5, record_ref(TENANT, "a"))
    memory.contacts[contact.contact_id] = replace(
        contact,
        values={**contact.values, "do_not_call": True},
        sources={**contact.sources, "do_not_call": by_record},
    )
    memory.remove(Removal("a", 30))
    memory.settle(people)
    assert memory.by_number(N1).values == {"first_name": "b", "do_not_call": True}


def test_the_old_records_sentences_leave_a_text_that_a_call_was_merged_into() -> None:
    people = {"b": record("b", N1, created=2)}
    memory = Memory()
    memory.read([record("a", N1, created=1, Colour="Likes red."), people["b"]], first=True)
    contact = memory.by_number(N1)
    talked = Source(SourceKind.CONVERSATION, 50, "call")
    memory.contacts[contact.contact_id] = replace(
        contact,
        values={**contact.values, "colour": "Likes red.\nWants a demo."},
        sources={**contact.sources, "colour": talked},
    )
    memory.remove(Removal("a", 30))
    memory.settle(people)
    assert memory.by_number(N1).values == {"first_name": "b", "colour": "Wants a demo."}


def test_a_record_that_moves_to_anothers_number_takes_its_values_from_the_contact_it_leaves() -> None:
    memory = Memory()
    memory.read([record("a", N1, Colour="red"), record("b", N2)], first=True)
    memory.read([record("a", N2, modified=20, Colour="red")])
    assert memory.by_number(N1).values == {}
    assert memory.by_number(N2).values == {"first_name": "b"}
