"""Histories of the simulated world that once broke an invariant, as the plans at fault (docs/simulation.md)."""

from dataclasses import replace

from tests.unit.domain.memory import Memory, record

from tieline.domain.changes import Base, PairState
from tieline.domain.changeset import LedgerOutcome, LinkStatus, Source, SourceKind
from tieline.domain.records import Removal

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
