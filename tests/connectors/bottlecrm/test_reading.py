"""The list, which shifts while it is read, and single contacts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.bottlecrm.answers import (
    DEFINED,
    ONE,
    OTHER,
    contact,
    definitions,
    detail,
    fields,
    listed,
)
from tests.connectors.hands import DATE, Play, answer

from tieline.connectors.bottlecrm.reading import read_all, read_by_ids
from tieline.connectors.bottlecrm.wire import record
from tieline.ports.crm import Json, Page
from tieline.ports.errors import CursorGoneError, FatalError, MalformedAnswerError, RecordGoneError

NAMES = fields("first_name")
FIRST = datetime(2026, 11, 23, tzinfo=UTC)


def made_at(minute: int) -> str:
    """In the organisation's own time zone, as BottleCRM writes it."""
    zone = timezone(timedelta(hours=5, minutes=30))
    return (FIRST + timedelta(seconds=minute / 2)).astimezone(zone).isoformat()


class List:
    """BottleCRM's list: by creation, the newest first; those of one moment in any order."""

    def __init__(self, minutes: Sequence[int]) -> None:
        self.rows = {f"id{n}": minute for n, minute in enumerate(minutes)}
        self.turn = 0

    def page(self, offset: int, limit: int) -> list[dict[str, object]]:
        self.turn += 1
        order = sorted(self.rows, reverse=self.turn % 2 == 0)
        newest = sorted(order, key=lambda one: -self.rows[one])
        return [contact(one, created_at=made_at(self.rows[one])) for one in newest[offset : offset + limit]]


def step(crm: List, cursor: Json | None, size: int, asked: list[int] | None = None) -> Page:
    """One page; its requests' offsets go to `asked`."""
    operation = read_all(NAMES, cursor, size)
    request = next(operation)
    while True:
        offset = int(request.query["offset"])
        if asked is not None:
            asked.append(offset)
        rows = crm.page(offset, int(request.query["limit"]))
        try:
            request = operation.send(listed(*rows))
        except StopIteration as stop:
            page: Page = stop.value
            return page


def read(crm: List, size: int, between: Sequence[tuple[str, int]] = ()) -> list[str]:
    """A whole listing; before each page but the first one thing happens."""
    happening = list(between)
    found: list[str] = []
    cursor: Json | None = None
    for _ in range(1000):
        page = step(crm, cursor, size)
        found += [one.external_id for one in page.records]
        cursor = page.cursor
        if cursor is None:
            assert page.watermark == "2026-11-23T12:00:01Z"
            return found
        if happening:
            what, which = happening.pop(0)
            if what == "make":
                crm.rows[f"new{len(happening)}"] = 10_000 + which
            elif crm.rows:
                del crm.rows[sorted(crm.rows)[which % len(crm.rows)]]
    raise AssertionError("the listing does not end")


@given(st.lists(st.integers(0, 12), max_size=30), st.integers(1, 7))
def test_a_quiet_list_gives_each_contact_once(minutes: list[int], size: int) -> None:
    crm = List(minutes)
    assert sorted(read(crm, size)) == sorted(crm.rows)


@given(
    st.lists(st.integers(0, 12), max_size=30),
    st.integers(1, 7),
    st.lists(st.tuples(st.sampled_from(["make", "delete"]), st.integers(0, 100)), max_size=25),
)
def test_what_was_there_all_the_time_is_read_though_others_come_and_go(
    minutes: list[int], size: int, between: list[tuple[str, int]]
) -> None:
    crm = List(minutes)
    there = set(crm.rows)
    found = read(crm, size, between)
    assert there & set(crm.rows) <= set(found)
    assert len(found) == len(set(found))


def test_a_deletion_that_shifts_more_than_the_overlap_is_met_by_asking_further_up() -> None:
    crm = List(range(40))
    first = step(crm, None, 20)
    for one in list(crm.rows)[-20:-10]:
        del crm.rows[one]
    asked: list[int] = []
    step(crm, first.cursor, 5, asked)
    assert asked == [17, 8]


def test_a_list_in_another_order_is_refused_rather_than_read_with_gaps() -> None:
    older, newer = contact(ONE, created_at=made_at(1)), contact(OTHER, created_at=made_at(2))
    with pytest.raises(FatalError, match="newest first"):
        Play(read_all(NAMES, None, 10), listed(older, newer))


def test_a_cursor_of_somebody_else_is_gone() -> None:
    with pytest.raises(CursorGoneError):
        next(read_all(NAMES, {"after": "17"}, 10))


def test_the_organisations_own_fields_are_asked_for_after_the_page_and_only_when_mapped() -> None:
    play = Play(
        read_all(fields("cf_score"), None, 10),
        listed(contact(custom_fields={"score": 7.0})),
        definitions(*DEFINED),
    )
    assert [request.path for request in play.requests] == ["/api/contacts/", "/api/custom-fields/"]
    assert play.result.records[0].values == {"cf_score": 7}
    assert Play(read_all(NAMES, None, 10), listed(contact())).request.path == "/api/contacts/"


def test_an_own_field_without_a_value_is_empty_and_one_that_is_not_defined_is_absent() -> None:
    one = contact(custom_fields={"vip": False, "notes": "kept by BottleCRM"})
    shown = record(one, fields("cf_score", "cf_vip", "cf_notes"), {"score", "vip"})
    assert shown.values == {"cf_score": None, "cf_vip": False}


def test_a_record_has_its_stamps_and_canonical_values() -> None:
    one = contact(first_name="-", phone_e164="", updated_at="2026-11-23T20:28:19.360390+05:30")
    shown = record(one, fields("first_name", "last_name", "phone_e164", "do_not_call", "updated_at"), set())
    assert shown.created_ms == 1_795_445_899_360
    assert shown.modified_ms == shown.created_ms
    assert shown.values == {
        "first_name": None,
        "last_name": "Lovelace",
        "phone_e164": None,
        "do_not_call": False,
        "updated_at": "2026-11-23T14:58:19.360Z",
    }


def test_contacts_are_read_by_id_one_by_one_and_only_a_404_leaves_one_out() -> None:
    play = Play(
        read_by_ids(fields("cf_notes"), [ONE, OTHER, ONE]),
        RecordGoneError("gone"),
        detail(contact(OTHER, custom_fields={"notes": "Hi"}), *DEFINED),
    )
    assert [one.external_id for one in play.result.records] == [OTHER]
    assert play.result.records[0].values == {"cf_notes": "Hi"}
    assert play.result.authoritative
    with pytest.raises(MalformedAnswerError, match="another contact"):
        Play(read_by_ids(NAMES, [ONE]), detail(contact(OTHER)))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        {"results": None},
        {"results": [{"id": ONE}]},
        {"results": [contact(created_at="yesterday")]},
    ],
)
def test_half_an_answer_is_no_page(body: object) -> None:
    with pytest.raises(MalformedAnswerError):
        Play(read_all(NAMES, None, 10), answer(body))


def test_the_watermark_is_the_crms_clock_at_the_beginning() -> None:
    assert DATE.endswith("12:00:01 GMT")
    assert Play(read_all(NAMES, None, 10), listed()).result.watermark == "2026-11-23T12:00:01Z"
