"""Histories of the simulated world that once broke an invariant, as the plans at fault (docs/simulation.md)."""

from dataclasses import replace

import pytest
from tests.support import FrozenClock
from tests.unit.domain.memory import TENANT, Memory, mapping, record

from tieline.domain.changes import Base, PairState, Sent, confirmed
from tieline.domain.changeset import LedgerOutcome, LinkStatus, Source, SourceKind
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.fields import BUILTIN_FIELDS
from tieline.domain.mapping import Pair, Policy
from tieline.domain.plan_inbound import InboundRules, plan_inbound
from tieline.domain.records import Removal
from tieline.ports.errors import ConflictError
from tieline.ports.store import Origin
from tieline.testing.simulation.memory_store import MemoryStore

N1, N2 = "+14155550101", "+14155550102"


def test_when_two_sharers_go_in_one_sweep_the_third_is_next() -> None:
    memory = Memory()
    memory.read([record(f"r{number}", N1, created=number) for number in (1, 2, 3)], first=True)
    memory.remove(Removal("r1", 20), Removal("r2", 21))
    assert memory.links["r3"].needs_read


def test_a_sharer_that_goes_while_the_primary_stays_changes_nobody() -> None:
    memory = Memory()
    memory.read([record(f"r{number}", N1, created=number) for number in (1, 2, 3)], first=True)
    memory.remove(Removal("r2", 21))
    assert not memory.links["r3"].needs_read
    assert memory.links["r1"].status is LinkStatus.OPEN


def test_a_value_that_was_refused_is_tried_again_after_a_delete_and_a_restore() -> None:
    memory = Memory()
    memory.read([record("r1", N1)], first=True)
    memory.links["r1"] = replace(memory.links["r1"], blocked={"colour|Colour": {"l": "red", "why": "no"}})
    memory.remove(Removal("r1", 20))
    memory.read([record("r1", N1, modified=30)], fresh=True)
    assert memory.links["r1"].status is LinkStatus.OPEN
    assert memory.links["r1"].blocked == {}


def test_values_that_a_merge_in_the_crm_brings_over_wait_to_be_pushed() -> None:
    memory = Memory()
    memory.read([record("r1", N1, Colour="red"), record("r2", N2)], first=True)
    memory.remove(Removal("r1", 20, survivor_id="r2"))
    contact_id = memory.links["r2"].contact_id
    assert contact_id is not None
    assert memory.contacts[contact_id].values["colour"] == "red"
    assert memory.links["r2"].dirty


def test_a_merge_into_a_record_that_is_missing_leaves_that_record_to_its_contact() -> None:
    memory = Memory()
    memory.read([record("r1", N1), record("r2", N2)], first=True)
    contact_id = memory.links["r1"].contact_id
    memory.missing("r1")
    memory.remove(Removal("r2", 20, survivor_id="r1"))
    assert memory.links["r1"].contact_id == contact_id
    memory.remove(Removal("r1", 21))
    assert memory.links["r1"].status is LinkStatus.DELETED
    assert memory.links["r1"].contact_id == contact_id


def test_a_reps_edit_that_was_read_in_part_is_not_taken_for_the_form_of_our_own_write() -> None:
    memory = Memory()
    memory.read([record("r1", N1, Colour="old", modified=10)], first=True)
    contact = memory.by_number(N1)
    pairs = dict(memory.links["r1"].pairs)
    pairs["colour|Colour"] = PairState(Base("ours", "ours", unseen=True))
    memory.links["r1"] = replace(
        memory.links["r1"], pairs=pairs, confirmed_write_ms=memory.clock, stamp_ms=15, dirty=True
    )
    newer = Source(SourceKind.PERSON, 5)
    memory.contacts[contact.contact_id] = replace(
        contact,
        values={**contact.values, "colour": "newer"},
        sources={**contact.sources, "colour": newer},
    )
    edited = record("r1", N1, Colour="reps", modified=20)
    hidden = {name: value for name, value in edited.values.items() if name != "Colour"}
    memory.read([replace(edited, values=hidden)])
    memory.read([edited])
    assert memory.by_number(N1).values["colour"] == "reps"
    assert ("newer", LedgerOutcome.OVERRULED) in [(c.new, c.outcome) for _, c in memory.ledger]


def test_a_value_that_was_refused_is_tried_again_when_a_missing_record_is_found() -> None:
    memory = Memory()
    memory.read([record("r1", N1)], first=True)
    memory.links["r1"] = replace(memory.links["r1"], blocked={"colour|Colour": {"l": "red", "why": "no"}})
    memory.missing("r1")
    memory.read([record("r1", N1, modified=30)], fresh=True)
    assert memory.links["r1"].status is LinkStatus.OPEN
    assert memory.links["r1"].blocked == {}


def test_an_answer_asked_for_before_the_last_look_is_read_again_even_if_it_was_read_by_id() -> None:
    memory = Memory()
    memory.read([record("r1", N1, Colour="old")], first=True)
    memory.read([record("r1", N1, Colour="new", modified=5)], fresh=True)
    late = InboundRules(mapping(), TENANT, "US", memory.clock - 1, fresh=True)
    plan = plan_inbound([record("r1", N1, Colour="old")], memory.known(), late, memory.new_id)
    memory.apply(plan.changeset)
    assert memory.by_number(N1).values["colour"] == "new"
    assert memory.links["r1"].needs_read


def test_what_came_from_a_record_that_was_merged_stays_when_its_survivor_comes_back() -> None:
    memory = Memory()
    memory.read([record("r1", N1, Colour="red")], first=True)
    memory.remove(Removal("r1", 20, survivor_id="r2"))
    memory.remove(Removal("r2", 21))
    memory.read([record("r2", N1, Colour="red", First="r1", modified=30)], fresh=True)
    assert memory.by_number(N1).values == {"first_name": "r1", "colour": "red"}
    assert not memory.links["r2"].dirty


def test_a_reps_sentence_leaves_a_merged_text_also_when_that_text_was_pushed() -> None:
    memory = Memory()
    memory.read([record("r1", N1, Colour="Likes red.", created=1), record("r2", N1, created=2)], first=True)
    contact, text = memory.by_number(N1), "Likes red.\nWants a demo."
    sent = Sent(text, text, 5)
    pushed = confirmed(replace(memory.links["r1"].pairs["colour|Colour"], in_flight=(sent,)), sent, 0)
    assert pushed.theirs == "Likes red."
    memory.links["r1"] = replace(memory.links["r1"], pairs={"colour|Colour": pushed})
    memory.contacts[contact.contact_id] = replace(
        contact,
        values={**contact.values, "colour": text},
        sources={**contact.sources, "colour": Source(SourceKind.CONVERSATION, 50, "call")},
    )
    memory.remove(Removal("r1", 30))
    memory.settle({"r2": record("r2", N1, created=2)})
    assert memory.by_number(N1).values == {"first_name": "r2", "colour": "Wants a demo."}


def test_the_next_record_does_not_inherit_from_one_that_was_merged_into_anothers() -> None:
    memory = Memory()
    memory.read(
        [record("r1", N1, Colour="Red.", created=1), record("r2", N1, created=2), record("r3", N2)],
        first=True,
    )
    contact = memory.by_number(N1)
    memory.contacts[contact.contact_id] = replace(
        contact,
        values={**contact.values, "colour": "Red.\nWants a demo."},
        sources={**contact.sources, "colour": Source(SourceKind.CONVERSATION, 50, "call")},
    )
    memory.remove(Removal("r1", 30, survivor_id="r3"))
    memory.read([record("r2", N1, created=2, modified=40)], fresh=True)
    assert memory.by_number(N1).values == {"first_name": "r2", "colour": "Wants a demo."}


def test_a_value_that_a_rep_cleared_on_the_survivor_of_a_merge_is_not_written_back() -> None:
    memory = Memory()
    memory.read([record("r1", N1), record("r2", N2, Colour="red")], first=True)
    memory.remove(Removal("r1", 20, survivor_id="r3"), Removal("r2", 20, survivor_id="r3"))
    assert memory.links["r3"].pairs["colour|Colour"].base == Base("red", "red")
    memory.settle({"r3": record("r3", N1, modified=30)})
    assert "colour" not in memory.by_number(N1).values


def test_an_undecided_do_not_call_is_asked_about_again_after_a_merge_and_after_a_restore() -> None:
    flag = Pair(
        BUILTIN_FIELDS["do_not_call"],
        CrmField("Off", "Off", CrmKind.BOOLEAN),
        True,
        True,
        Policy.CRM_WINS,
    )
    memory = Memory(extra=(flag,))
    cause = f"value:{TENANT}:{{}}:{flag.key}"
    memory.read([record("r1", N1, Off=True)], first=True)
    memory.read([record("r1", N1, Off=False, modified=11)])
    assert cause.format("r1") in memory.issues
    memory.remove(Removal("r1", 20, survivor_id="r2"))
    assert cause.format("r1") not in memory.issues
    memory.settle({"r2": record("r2", N1, Off=False, modified=21)})
    assert cause.format("r2") in memory.issues
    memory.remove(Removal("r2", 22))
    assert not memory.issues
    memory.read([record("r2", N1, Off=False, modified=30)], fresh=True)
    assert cause.format("r2") in memory.issues
    assert memory.by_number(N1).values["do_not_call"] is True


def test_a_reps_edit_of_a_field_that_was_hidden_is_not_taken_for_the_form_of_our_write() -> None:
    memory = Memory()
    memory.read([record("r1", N1, Colour="old")], first=True)
    written = {"colour|Colour": PairState(Base("ours", "ours", unseen=True))}
    memory.links["r1"] = replace(memory.links["r1"], pairs=written)
    shown = record("r1", N1, modified=20)
    hidden = {name: value for name, value in shown.values.items() if name != "Colour"}
    memory.read([replace(shown, values=hidden)])
    assert memory.links["r1"].pairs["colour|Colour"].base == Base("ours", "ours")


def test_who_waits_behind_a_record_is_next_when_that_is_merged_into_another_contacts() -> None:
    for page in (True, False):
        memory = Memory()
        people = {"r3": record("r3", N2, created=3)}
        memory.read([record("r1", N1), record("r2", N2, created=2), people["r3"]], first=True)
        if page:
            memory.read([record("r1", N1, modified=20, merged=("r2",))])
        else:
            memory.remove(Removal("r2", 20, survivor_id="r1"))
        memory.settle(people)
        assert memory.primary_of(N2) == "r3"


def test_an_unusable_number_that_a_new_survivor_brings_is_told() -> None:
    memory = Memory()
    memory.read([record("r1", N1)], first=True)
    memory.remove(Removal("r1", 20, survivor_id="r2"))
    memory.settle({"r2": record("r2", "no phone", modified=30)})
    assert memory.by_number(N1).values["first_name"] == "r2"
    assert "unusable_phone" in memory.issues.values()


def test_an_index_that_lags_is_not_believed_about_a_record_that_was_read_since() -> None:
    memory = Memory()
    memory.read([record("r1", N1, Colour="old", modified=20)], first=True)
    memory.read([record("r1", N1, Colour="late", modified=10)], fresh=True)
    index = InboundRules(mapping(), TENANT, "US", memory.clock + 1, hint_since_ms=memory.clock - 50)
    plan = plan_inbound([record("r1", N1, Colour="old", modified=20)], memory.known(), index, memory.new_id)
    memory.apply(plan.changeset)
    assert memory.by_number(N1).values["colour"] == "late"
    assert memory.links["r1"].needs_read


@pytest.mark.parametrize(("editor", "value"), [("rep", "reps"), ("us", "newer"), (None, "newer")])
def test_an_edit_of_the_same_second_as_our_write_is_news_if_somebody_else_made_it(
    editor: str | None, value: str
) -> None:
    memory = Memory(own_user_id="us")
    memory.read([record("r1", N1, Colour="old", modified=10)], first=True)
    contact = memory.by_number(N1)
    written = {"colour|Colour": PairState(Base("ours", "ours", unseen=True))}
    memory.links["r1"] = replace(memory.links["r1"], pairs=written, confirmed_write_ms=memory.clock)
    memory.contacts[contact.contact_id] = replace(
        contact,
        values={**contact.values, "colour": "newer"},
        sources={**contact.sources, "colour": Source(SourceKind.PERSON, 5)},
    )
    memory.read([replace(record("r1", N1, Colour="reps", modified=10), modified_by=editor)])
    assert memory.by_number(N1).values["colour"] == value


async def test_numbers_that_pass_down_a_row_within_a_first_read_are_written_and_nobody_waits() -> None:
    memory, store = Memory(), MemoryStore(FrozenClock())
    held, now = (None, N1, N2), (N1, N2, "+14155550103")
    records = [record(f"r{number}", phone, created=number) for number, phone in enumerate(held)]
    before = memory.read(records, first=True)
    moved = memory.read(
        [record(f"r{number}", phone, created=number, modified=20) for number, phone in enumerate(now)],
        first=True,
    )
    assert memory.issues == {}
    assert moved.moved == ["r1", "r2"]
    async with store.transaction() as unit:
        await unit.apply("org_1", before, Origin())
    with pytest.raises(ConflictError, match="link_open"):
        async with store.transaction() as unit:
            await unit.apply("org_1", replace(moved, moved=()), Origin())
    async with store.transaction() as unit:
        await unit.apply("org_1", moved, Origin())
        links = await unit.links("org_1", TENANT, ["r0", "r1", "r2"], lock=False)
    assert {link.status for link in links.values()} == {LinkStatus.OPEN}
