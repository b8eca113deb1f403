"""Increments lose nothing: ties, moving records and more than 10,000 of them included."""

import json
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.connectors.hubspot.driving import (
    FIRST,
    NOW_MS,
    Script,
    answer,
    contact,
    drive,
    error_body,
)
from tests.connectors.hubspot.search_index import SearchIndex, iso

from tieline.connectors.hubspot import CONNECTOR
from tieline.connectors.hubspot.reading import watermark_ms
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.ports.crm import Json
from tieline.ports.errors import MalformedAnswerError, SchemaDriftError

START = NOW_MS - 3_600_000


def read(index: SearchIndex, since: int, page_size: int = 200) -> tuple[Counter[str], str]:
    """All pages of an increment; every cursor goes through JSON, as if another process went on."""
    seen: Counter[str] = Counter()
    cursor: Json | None = None
    for _ in range(100_000):
        page = drive(CONNECTOR.read_changes([FIRST], iso(since), cursor, page_size), index)
        assert not page.authoritative
        seen.update(record.external_id for record in page.records)
        if page.cursor is None:
            assert page.watermark is not None
            return seen, page.watermark
        cursor = json.loads(json.dumps(page.cursor))
    raise AssertionError("the read does not end")


@given(
    stamps=st.lists(st.integers(-5, 30), max_size=120),
    page_size=st.integers(1, 7),
    seed=st.integers(0, 1_000),
)
def test_every_change_is_read_whatever_the_ties(stamps: list[int], page_size: int, seed: int) -> None:
    modified = {number: START + at for number, at in enumerate(stamps, start=1)}
    seen, _ = read(SearchIndex(modified, random.Random(seed)), START, page_size)
    assert set(seen) == {str(one) for one, at in modified.items() if at >= START}


@given(
    stamps=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    moves=st.lists(st.tuples(st.integers(1, 60), st.integers(21, 60)), max_size=30),
    page_size=st.integers(1, 5),
)
def test_records_that_move_while_pages_are_read_push_no_other_off_a_page(
    stamps: list[int], moves: list[tuple[int, int]], page_size: int
) -> None:
    modified = {number: START + at for number, at in enumerate(stamps, start=1)}
    ticks = [(one, START + at) for one, at in moves if one in modified]
    seen, _ = read(SearchIndex(modified, ticks=ticks), START, page_size)
    assert set(seen) == {str(one) for one in modified}


@settings(max_examples=2)
@given(seed=st.integers(0, 1_000))
def test_twelve_thousand_changes_of_one_millisecond_stay_below_the_cap(seed: int) -> None:
    modified = dict.fromkeys(range(1, 12001), START + 7)
    modified |= {number: START + number for number in range(12_001, 12_400)}
    index = SearchIndex(modified, random.Random(seed))
    seen, _ = read(index, START)
    assert set(seen) == {str(one) for one in modified}
    assert index.deepest <= 10_000
    assert index.requests < 70


def test_eleven_thousand_spread_changes_stay_below_the_cap_and_are_hardly_repeated() -> None:
    index = SearchIndex({number: START + number for number in range(11_000)})
    seen, _ = read(index, START)
    assert len(seen) == 11_000
    assert index.deepest <= 10_000
    assert sum(seen.values()) < 11_100


def test_the_next_increment_starts_behind_this_ones_start_but_never_goes_back() -> None:
    _, watermark = read(SearchIndex({}), START)
    assert watermark_ms(watermark) == NOW_MS - 300_000
    _, kept = read(SearchIndex({}), NOW_MS)
    assert watermark_ms(kept) == NOW_MS


def test_the_watermark_is_taken_at_the_start_of_an_increment_and_not_at_its_end() -> None:
    full = {"results": [contact("1", iso(START + 5))], "paging": {"next": {"after": "1"}}}
    later = {"date": "Mon, 23 Nov 2026 14:00:00 GMT"}
    script = Script(answer(200, full), answer(200, {"results": []}, later))
    page = drive(CONNECTOR.read_changes([FIRST], iso(START), None, 1), script)
    last = drive(CONNECTOR.read_changes([FIRST], iso(START), page.cursor, 1), script)
    assert last.watermark == "2026-11-23T11:55:00Z"


def test_a_search_body_stays_below_its_limit_and_the_values_come_from_a_batch_then() -> None:
    many = [CrmField(f"a_property_with_a_long_name_{n}", "", CrmKind.STRING) for n in range(120)]
    values = {field.name: "v" for field in many}
    script = Script(
        answer(200, {"results": [contact("1", iso(START))]}),
        answer(200, {"results": [contact("1", iso(START), **values)]}),
    )
    page = drive(CONNECTOR.read_changes(many, iso(START), None, 200), script)
    assert page.records[0].values == values
    assert page.authoritative
    assert len(json.dumps(script.requests[0].json)) <= 3_000
    assert script.requests[1].path.endswith("/batch/read")


def test_results_out_of_order_are_not_trusted() -> None:
    full = {"results": [contact("1", iso(START - 5))], "paging": {"next": {"after": "1"}}}
    with pytest.raises(MalformedAnswerError):
        drive(CONNECTOR.read_changes([FIRST], iso(START), None, 1), Script(answer(200, full)))


def test_a_promise_of_more_without_results_is_malformed() -> None:
    empty = {"results": [], "paging": {"next": {"after": "1"}}}
    with pytest.raises(MalformedAnswerError):
        drive(CONNECTOR.read_changes([FIRST], iso(START), None, 1), Script(answer(200, empty)))


def test_a_number_is_searched_in_every_spelling_and_property() -> None:
    script = Script(answer(200, {"results": [contact("1"), contact("2")]}))
    page = drive(CONNECTOR.find_by_phone([FIRST], "+14155550100", ["phone", "mobilephone"]), script)
    assert [record.external_id for record in page.records] == ["1", "2"]
    (request,) = script.requests
    by_name = {
        one["filters"][0]["propertyName"]: one["filters"][0]["values"] for one in request.json["filterGroups"]
    }
    assert "4155550100" in by_name["hs_searchable_calculated_phone_number"]
    assert "4155550100" in by_name["hs_searchable_calculated_mobile_number"]
    assert {"+14155550100", "(415) 555-0100", "415-555-0100", "+1 415-555-0100"} <= set(by_name["phone"])
    assert request.bucket == "search"
    assert len(json.dumps(request.json)) <= 3_000


def test_many_phone_properties_take_several_searches_and_a_hit_counts_once() -> None:
    script = Script(*(answer(200, {"results": [contact("1")]}) for _ in range(2)))
    names = [f"phone_{n}" for n in range(6)]
    page = drive(CONNECTOR.find_by_phone([FIRST], "+442079460958", names), script)
    assert [record.external_id for record in page.records] == ["1"]
    assert [len(request.json["filterGroups"]) for request in script.requests] == [5, 3]


def test_all_pages_of_candidates_are_read() -> None:
    script = Script(
        answer(200, {"results": [contact("1")], "paging": {"next": {"after": "200"}}}),
        answer(200, {"results": [contact("2")]}),
    )
    page = drive(CONNECTOR.find_by_phone([FIRST], "+14155550100", []), script)
    assert [record.external_id for record in page.records] == ["1", "2"]
    assert script.requests[1].json["after"] == "200"


def test_a_phone_property_that_is_gone_is_schema_drift() -> None:
    body = error_body("VALIDATION_ERROR", 'Property "x" does not exist')
    with pytest.raises(SchemaDriftError):
        drive(CONNECTOR.find_by_phone([FIRST], "+14155550100", ["x"]), Script(answer(400, body)))
