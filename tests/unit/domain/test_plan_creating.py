"""Who gets a record, what it is created with, and that a stand-in for a name never becomes one."""

from dataclasses import replace

import pytest

from tieline.domain.board import Board, Known
from tieline.domain.changes import Base, PairState
from tieline.domain.changeset import ContactState, LinkState, LinkStatus, Source, SourceKind
from tieline.domain.crm_schema import CrmField, CrmKind, CrmSchema
from tieline.domain.fields import BUILTIN_FIELDS, FieldSpec
from tieline.domain.mapping import MappingSet, Pair, Policy
from tieline.domain.plan_creating import (
    CreationRules,
    HadRecord,
    HeldHere,
    NewRecord,
    NobodyHere,
    RecordMissing,
    forget_placeholders,
    intent_from_json,
    open_link,
    plan_record,
    standing,
)
from tieline.domain.values import FieldType

TENANT, NUMBER = "crm:T1", "+14155550100"
FIRST = CrmField("First", "First", CrmKind.STRING, max_length=10)
LAST = CrmField("Last", "Last", CrmKind.STRING, required=True, max_length=10)
COLOUR = CrmField("Colour", "Colour", CrmKind.STRING, max_length=5)
PHONE = CrmField("Phone", "Phone", CrmKind.STRING)
PAIRS = (
    Pair(BUILTIN_FIELDS["last_name"], LAST, True, False, Policy.CRM_WINS),
    Pair(FieldSpec("colour", FieldType.STRING), COLOUR, True, True, Policy.CRM_WINS),
)
LAST_KEY, COLOUR_KEY = (pair.key for pair in PAIRS)


def rules(placeholder: str | None = None, *, last: CrmField = LAST) -> CreationRules:
    schema = CrmSchema({one.name: one for one in (PHONE, FIRST, last, COLOUR)})
    mapping = MappingSet((), (), "Phone", (), PAIRS)
    return CreationRules(mapping, schema, TENANT, "US", ("First", "Last"), placeholder)


def link(external_id: str, status: LinkStatus, **more: object) -> LinkState:
    return replace(LinkState(external_id, "c1", status), **more)  # type: ignore[arg-type]


def test_a_contact_without_any_record_is_looked_for_in_the_crm() -> None:
    assert standing(NUMBER, [], [], "US") == NobodyHere()


@pytest.mark.parametrize("status", [LinkStatus.DELETED, LinkStatus.MERGED, LinkStatus.CLOSED])
def test_a_contact_that_had_a_record_gets_no_other_by_itself(status: LinkStatus) -> None:
    assert standing(NUMBER, [link("R1", status)], [], "US") == HadRecord(link("R1", status))


def test_a_record_that_was_not_found_is_a_sweeps_to_judge_first() -> None:
    assert standing(NUMBER, [link("R1", LinkStatus.MISSING)], [], "US") == RecordMissing()


def test_a_record_of_ours_shows_the_number_in_its_phones_or_in_a_spelling_that_reads_by_now() -> None:
    by_phone = link("R1", LinkStatus.SHARED, phones=("+14155550111", NUMBER))
    by_spelling = link("R2", LinkStatus.SKIPPED, raw_phone="(415) 555-0100")
    another = link("R3", LinkStatus.SKIPPED, raw_phone="(212) 555-0100")
    assert standing(NUMBER, [], [by_phone, by_spelling, another], "US") == HeldHere(("R1", "R2"))


def test_a_record_is_made_of_the_number_the_mapped_values_and_our_names() -> None:
    contact = ContactState("c1", NUMBER, {"first_name": "Ann", "last_name": "Lee", "colour": "red"})
    made = plan_record(contact, rules())
    assert made.values == {"Phone": NUMBER, "First": "Ann", "Last": "Lee", "Colour": "red"}
    assert made.sent[LAST_KEY].local == "Lee"
    assert intent_from_json(made.to_json()) == made


@pytest.mark.parametrize(
    ("placeholder", "named"), [("Caller", "Caller"), (None, NUMBER), ("x" * 11, NUMBER), ("", NUMBER)]
)
def test_a_missing_name_is_stood_in_for_and_agreed_on_as_nothing_of_ours(
    placeholder: str | None, named: str
) -> None:
    made = plan_record(ContactState("c1", NUMBER), rules(placeholder))
    assert made.values == {"Phone": NUMBER, "Last": named}
    assert (made.sent[LAST_KEY].local, made.sent[LAST_KEY].remote) == (None, named)


def test_where_one_name_is_enough_nothing_stands_in_for_the_other() -> None:
    contact = ContactState("c1", NUMBER, {"first_name": "Ann"})
    made = plan_record(contact, rules("Caller", last=replace(LAST, required=False)))
    assert made.values == {"Phone": NUMBER, "First": "Ann"}


def test_what_does_not_fit_is_left_to_the_push_which_says_so() -> None:
    contact = ContactState("c1", NUMBER, {"last_name": "Lee", "colour": "crimson"})
    made = plan_record(contact, rules())
    assert "Colour" not in made.values
    board = Board(Known(contacts={"c1": contact}), TENANT, str)
    open_link(board, "c1", "R1", made, rules(), now_ms=20, sent_ms=10, stamp_ms=15)
    assert board.links["R1"].dirty


def test_the_link_opens_with_what_was_sent_as_its_base() -> None:
    contact = ContactState("c1", NUMBER, {"last_name": "Lee", "colour": "red"})
    made = plan_record(contact, rules())
    board = Board(Known(contacts={"c1": contact}), TENANT, str)
    open_link(board, "c1", "R1", made, rules(), now_ms=20, sent_ms=10, stamp_ms=15)
    opened = board.links["R1"]
    assert (opened.status, opened.contact_id, opened.phones) == (LinkStatus.OPEN, "c1", (NUMBER,))
    assert opened.pairs[COLOUR_KEY] == PairState(Base("red", "red", unseen=True), theirs="")
    assert not opened.dirty


def test_a_record_made_for_a_contact_that_got_another_meanwhile_shares_its_number() -> None:
    contact = ContactState("c1", NUMBER)
    other = LinkState("R0", "c1", LinkStatus.OPEN, phones=(NUMBER,))
    known = Known(links={"R0": other}, contacts={"c1": contact}, primaries={"c1": "R0"})
    board = Board(known, TENANT, str)
    made = plan_record(contact, rules())
    open_link(board, "c1", "R1", made, rules(), now_ms=20, sent_ms=10, stamp_ms=None)
    assert board.links["R1"].status is LinkStatus.SHARED
    assert board.links["R0"] == other


@pytest.mark.parametrize(
    ("kind", "value", "taken_back"),
    [
        (SourceKind.CRM, NUMBER, True),
        (SourceKind.CRM, "Lee", False),
        (SourceKind.PERSON, NUMBER, False),
    ],
)
def test_only_a_placeholder_that_a_read_brought_is_taken_back(
    kind: SourceKind, value: str, taken_back: bool
) -> None:
    source = Source(kind, 5, f"R1@{TENANT}")
    contact = ContactState("c1", NUMBER, {"last_name": value}, {"last_name": source})
    opened = LinkState("R1", "c1", LinkStatus.OPEN, pairs={LAST_KEY: PairState(Base(value, value))})
    board = Board(Known(links={"R1": opened}, contacts={"c1": contact}), TENANT, str)
    made: NewRecord = plan_record(ContactState("c1", NUMBER), rules())
    forget_placeholders(board, opened, made, rules())
    assert board.value("c1", "last_name") == (None if taken_back else value)
    base = board.links["R1"].pairs[LAST_KEY].base
    assert base == (Base(None, NUMBER) if taken_back else Base(value, value))


def test_a_name_of_ours_that_does_not_fit_is_not_agreed_on_as_the_placeholder() -> None:
    contact = ContactState("c1", NUMBER, {"last_name": "Featherstonehaugh"})
    made = plan_record(contact, rules("Caller"))
    assert made.values["Last"] == "Caller"
    assert (made.sent[LAST_KEY].local, made.sent[LAST_KEY].remote) == (None, "Caller")
