"""Full reads and reads by id: complete, honest about what is absent, never mistaking a short answer for a deletion."""

from typing import Any

import pytest
from tests.connectors.hubspot.driving import FIRST, PHONE, Script, V, answer, contact, drive, error_body

from tieline.connectors.hubspot import CONNECTOR
from tieline.connectors.hubspot.reading import watermark_ms
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.ports.errors import CursorGoneError, MalformedAnswerError

MANY = [CrmField(f"a_property_with_a_long_name_{n}", "", CrmKind.STRING) for n in range(200)]


def page(*results: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    return {"results": list(results), **({"paging": {"next": {"after": after}}} if after else {})}


def test_a_full_read_pages_by_id_and_ends_with_a_watermark_behind_its_start() -> None:
    script = Script(
        answer(200, page(contact("1", firstname="A", phone=None), after="2")),
        answer(200, page(contact("2", firstname="B", phone="1")), {"date": "Mon, 23 Nov 2026 13:00:00 GMT"}),
    )
    first = drive(CONNECTOR.read_all([FIRST, PHONE], None, 500), script)
    assert first.watermark is None
    assert first.cursor is not None
    last = drive(CONNECTOR.read_all([FIRST, PHONE], first.cursor, 500), script)
    assert last.cursor is None
    assert last.watermark == "2026-11-23T11:55:00Z"
    assert [request.query.get("after") for request in script.requests] == [None, "2"]
    assert script.requests[0].query["limit"] == "100"
    assert first.records[0].values == {"firstname": "A", "phone": None}
    assert first.authoritative


def test_a_property_that_the_answer_lacks_is_absent_and_an_empty_one_is_none() -> None:
    script = Script(answer(200, page(contact("1", firstname=None))))
    (record,) = drive(CONNECTOR.read_all([FIRST, PHONE], None, 10), script).records
    assert record.values == {"firstname": None}


def test_a_record_carries_its_stamps_its_editor_and_what_was_merged_into_it() -> None:
    known = contact(
        "5",
        hs_updated_by_user_id="42",
        hs_merged_object_ids="3;4",
        hs_calculated_merged_vids="3:1700000000000;5:1;2:9",
    )
    (record,) = drive(CONNECTOR.read_all([], None, 10), Script(answer(200, page(known)))).records
    assert (record.created_ms, record.modified_ms) == (1_767_323_045_678, 1_795_431_600_123)
    assert record.modified_by == "42"
    assert record.merged_ids == ("3", "4", "2")


def test_bookkeeping_is_asked_for_with_every_read() -> None:
    script = Script(answer(200, page()))
    drive(CONNECTOR.read_all([FIRST], None, 10), script)
    assert script.requests[0].query["properties"].split(",") == [
        "firstname",
        "lastmodifieddate",
        "hs_merged_object_ids",
        "hs_calculated_merged_vids",
        "hs_updated_by_user_id",
    ]


def test_property_names_too_long_for_an_address_are_read_in_a_batch() -> None:
    values = {field.name: "v" for field in MANY}
    script = Script(answer(200, page(contact("1"))), answer(200, {"results": [contact("1", **values)]}))
    (record,) = drive(CONNECTOR.read_all(MANY, None, 10), script).records
    assert record.values == values
    assert [len(request.query.get("properties", "")) < 4_000 for request in script.requests] == [True, True]


def test_reads_by_id_leave_out_what_does_not_exist() -> None:
    missing = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "", "context": {"ids": ["2"]}}
    script = Script(answer(207, {"results": [contact("1")], "errors": [missing], "numErrors": 1}))
    found = drive(CONNECTOR.read_by_ids([FIRST], ["1", "2", "1"]), script)
    assert [record.external_id for record in found.records] == ["1"]
    assert script.requests[0].json["inputs"] == [{"id": "1"}, {"id": "2"}]
    assert not script.requests[0].applies


def test_reads_by_id_are_cut_into_batches_of_a_hundred() -> None:
    ids = [str(n) for n in range(1, 251)]
    script = Script(
        *(answer(200, {"results": [contact(one) for one in ids[at : at + 100]]}) for at in (0, 100, 200))
    )
    found = drive(CONNECTOR.read_by_ids([FIRST], ids), script)
    assert [record.external_id for record in found.records] == ids
    assert [len(request.json["inputs"]) for request in script.requests] == [100, 100, 50]


def test_a_silently_missing_record_is_looked_up_before_it_counts_as_gone() -> None:
    script = Script(answer(200, {"results": []}), answer(404, error_body("OBJECT_NOT_FOUND")))
    assert drive(CONNECTOR.read_by_ids([FIRST], ["1"]), script).records == []
    assert script.requests[1].path == f"/crm/objects/{V}/contacts/1"


def test_an_id_that_answers_as_another_record_was_merged_away() -> None:
    script = Script(answer(200, {"results": []}), answer(200, contact("9")))
    assert drive(CONNECTOR.read_by_ids([FIRST], ["1"]), script).records == []


def test_a_short_answer_is_not_a_deletion() -> None:
    script = Script(answer(200, {"results": []}), answer(200, contact("1")))
    with pytest.raises(MalformedAnswerError):
        drive(CONNECTOR.read_by_ids([FIRST], ["1"]), script)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"results": [{}]}', b'{"results": null}', b"<html>"])
def test_an_answer_of_another_shape_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        drive(CONNECTOR.read_all([FIRST], None, 10), Script(answer(200, body)))


def test_no_ids_need_no_request() -> None:
    assert drive(CONNECTOR.read_by_ids([FIRST], []), Script()).records == []


def test_a_watermark_that_is_none_of_ours_ends_the_read() -> None:
    with pytest.raises(CursorGoneError):
        watermark_ms("yesterday")


@pytest.mark.parametrize("cursor", [{}, {"after": "5"}, {"after": "5", "started_ms": "x"}])
def test_a_saved_place_that_is_none_of_ours_starts_the_read_again(cursor: dict[str, Any]) -> None:
    with pytest.raises(CursorGoneError):
        drive(CONNECTOR.read_all([FIRST], cursor, 10), Script(answer(200, page())))
    with pytest.raises(CursorGoneError):
        drive(CONNECTOR.read_changes([FIRST], "2026-01-01T00:00:00Z", cursor, 10), Script())
    with pytest.raises(CursorGoneError):
        drive(CONNECTOR.read_removals(None, {"phase": "archived"}), Script(answer(200, page())))
