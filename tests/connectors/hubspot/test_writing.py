"""Batch updates: no bad record spoils another, nothing unaccounted for counts as written."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.hubspot.driving import NOW, Script, answer, contact, drive, error_body

from tieline.connectors.hubspot import CONNECTOR
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.records import Patch
from tieline.domain.values import Value
from tieline.ports.crm import Refused, Request, Response, WriteOutcome, Written
from tieline.ports.errors import (
    CredentialsInvalidError,
    CrmError,
    DuplicateRecordError,
    RateLimitedError,
    RecordGoneError,
    RecordRejectedError,
    SchemaDriftError,
    TransientError,
)

FIELDS = {
    name: CrmField(name, name, kind)
    for name, kind in (
        ("firstname", CrmKind.STRING),
        ("vip", CrmKind.BOOLEAN),
        ("tags", CrmKind.MULTI_PICKLIST),
    )
}


class Portal:
    """Updates as HubSpot does: all or nothing for bad values, 207 for missing ids. Names no input in its 400."""

    def __init__(self, bad: set[str], missing: set[str] = frozenset(), code: str = "INVALID_OPTION") -> None:  # type: ignore[assignment]
        self.bad, self.missing, self.code = bad, missing, code
        self.written: dict[str, dict[str, str]] = {}
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        assert request.applies
        inputs = request.json["inputs"]
        assert 1 <= len(inputs) <= 100
        assert len({one["id"] for one in inputs}) == len(inputs)
        if any(one["id"] in self.bad for one in inputs):
            return answer(400, error_body("VALIDATION_ERROR", "Property values were not valid"))
        good = [one for one in inputs if one["id"] not in self.missing]
        self.written.update((one["id"], one["properties"]) for one in good)
        body: dict[str, Any] = {
            "status": "COMPLETE",
            "results": [contact(one["id"]) for one in reversed(good)],
        }
        gone = [one["id"] for one in inputs if one["id"] in self.missing]
        if not gone:
            return answer(200, body)
        problem = {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": "gone",
            "context": {"ids": gone},
        }
        return answer(207, {**body, "numErrors": 1, "errors": [problem]})


def update(patches: Sequence[Patch], handler: Any) -> Sequence[WriteOutcome]:
    return drive(CONNECTOR.update_contacts(patches, FIELDS), handler)


def refusal(outcome: WriteOutcome) -> CrmError:
    assert isinstance(outcome, Refused)
    return outcome.error


@given(
    count=st.integers(1, 130),
    bad=st.sets(st.integers(0, 129), max_size=6),
    missing=st.sets(st.integers(0, 129), max_size=6),
)
def test_exactly_the_bad_records_are_refused(count: int, bad: set[int], missing: set[int]) -> None:
    portal = Portal({str(n) for n in bad}, {str(n) for n in missing})
    outcomes = update([Patch(str(n), {"firstname": "x"}) for n in range(count)], portal)
    assert [outcome.external_id for outcome in outcomes] == [str(n) for n in range(count)]
    for number, outcome in enumerate(outcomes):
        if number in bad:
            assert isinstance(refusal(outcome), RecordRejectedError)
        elif number in missing:
            assert isinstance(refusal(outcome), RecordGoneError)
        else:
            assert isinstance(outcome, Written)
    assert set(portal.written) == {str(n) for n in range(count) if n not in bad | missing}


def test_one_bad_record_of_a_hundred_costs_few_requests() -> None:
    portal = Portal({"57"})
    update([Patch(str(n), {"firstname": "x"}) for n in range(100)], portal)
    assert len(portal.requests) <= 15


def test_a_good_batch_is_one_request_and_tells_the_new_stamp() -> None:
    script = Script(answer(200, {"results": [contact("1", "2026-11-23T12:00:00.500Z")]}))
    (outcome,) = update([Patch("1", {"firstname": "A"})], script)
    assert outcome == Written("1", 1_795_435_200_500)
    assert script.requests[0].json == {"inputs": [{"id": "1", "properties": {"firstname": "A"}}]}


@pytest.mark.parametrize(
    ("value", "sent"),
    [(None, ""), (True, "true"), (12, "12"), ("a;b", "a;b"), ('q"\\', 'q"\\'), ("😀", "😀")],
)
def test_values_go_as_hubspot_takes_them(value: Value, sent: str) -> None:
    portal = Portal(set())
    update([Patch("1", {"firstname": value})], portal)
    assert portal.written["1"] == {"firstname": sent}


def test_two_patches_of_one_record_are_sent_once_and_answered_twice() -> None:
    portal = Portal(set())
    outcomes = update([Patch("1", {"firstname": "A", "vip": True}), Patch("1", {"firstname": "B"})], portal)
    assert portal.written == {"1": {"firstname": "B", "vip": "true"}}
    assert [outcome.external_id for outcome in outcomes] == ["1", "1"]


def named(code: str, name: str, message: str = "") -> Response:
    entry = {"message": message, "code": code, "context": {"propertyName": [name]}}
    return answer(400, error_body("VALIDATION_ERROR", message, errors=[entry]))


def test_a_property_that_is_gone_refuses_only_those_who_set_it_without_asking_again() -> None:
    script = Script(named("PROPERTY_DOESNT_EXIST", "vip"), answer(200, {"results": [contact("2")]}))
    patches = [Patch("1", {"vip": True}), Patch("2", {"firstname": "x"}), Patch("3", {"vip": False})]
    first, second, third = update(patches, script)
    assert isinstance(refusal(first), SchemaDriftError)
    assert isinstance(refusal(third), SchemaDriftError)
    assert isinstance(second, Written)


def test_the_record_with_the_refused_option_is_tried_apart_first() -> None:
    refused = named("INVALID_OPTION", "tags", "Pink was not one of the allowed options: [a, b]")
    good = [contact(str(n)) for n in range(4) if n != 2]
    script = Script(refused, refused, answer(200, {"results": good}))
    patches = [Patch(str(n), {"tags": "Pink" if n == 2 else "a"}) for n in range(4)]
    outcomes = update(patches, script)
    assert [isinstance(outcome, Written) for outcome in outcomes] == [True, True, False, True]
    error = refusal(outcomes[2])
    assert isinstance(error, RecordRejectedError)
    assert error.field == "tags"
    assert "Pink" in str(error)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"results": []}', b'{"status":"PENDING","results":[]}'])
def test_an_answer_without_the_record_leaves_its_fate_open(body: bytes) -> None:
    with pytest.raises(TransientError) as raised:
        update([Patch("1", {"firstname": "x"})], Script(answer(200, body)))
    assert raised.value.maybe_applied


def test_a_207_that_accounts_for_only_some_leaves_the_rest_open() -> None:
    body = {"results": [contact("1")], "errors": [{"status": "error", "category": "X", "message": "?"}]}
    with pytest.raises(TransientError):
        update([Patch("1", {"vip": True}), Patch("2", {"vip": True})], Script(answer(207, body)))


@pytest.mark.parametrize(
    ("category", "context", "expected"),
    [
        ("OBJECT_NOT_FOUND", {"ids": ["2"]}, RecordGoneError),
        ("VALIDATION_ERROR", {"id": ["2"]}, RecordRejectedError),
        ("CONFLICT", {"ids": ["2"], "existingId": ["9"]}, DuplicateRecordError),
        ("INTERNAL_ERROR", {"ids": ["2"]}, TransientError),
    ],
)
def test_each_category_of_a_207_has_its_class(
    category: str, context: Mapping[str, Any], expected: type[CrmError]
) -> None:
    problem = {"status": "error", "category": category, "message": "no", "context": context}
    script = Script(answer(207, {"results": [contact("1")], "errors": [problem], "numErrors": 1}))
    first, second = update([Patch("1", {"vip": True}), Patch("2", {"vip": True})], script)
    assert isinstance(first, Written)
    assert type(refusal(second)) is expected


def test_an_error_of_the_connection_before_anything_was_answered_is_raised() -> None:
    with pytest.raises(RateLimitedError):
        update([Patch("1", {"vip": True})], Script(answer(429, error_body("RATE_LIMITS"))))


def test_an_error_of_the_connection_later_keeps_what_was_written() -> None:
    patches = [Patch(str(n), {"vip": True}) for n in range(250)]
    limited = RateLimitedError("later", until=NOW)
    script = Script(answer(200, {"results": [contact(str(n)) for n in range(100)]}), limited)
    outcomes = update(patches, script)
    assert all(isinstance(outcome, Written) for outcome in outcomes[:100])
    assert all(refusal(outcome) is limited for outcome in outcomes[100:])


def test_a_refused_token_stops_everything() -> None:
    with pytest.raises(CredentialsInvalidError):
        update([Patch("1", {"vip": True})], Script(answer(401, error_body("INVALID_AUTHENTICATION"))))


def test_a_create_sends_what_is_not_empty() -> None:
    script = Script(answer(201, contact("7", "2026-11-23T12:00:00Z")))
    written = drive(CONNECTOR.create_contact({"firstname": "A", "vip": None}, FIELDS), script)
    assert written.external_id == "7"
    (request,) = script.requests
    assert (request.json, request.applies) == ({"properties": {"firstname": "A"}}, True)


def test_a_duplicate_create_names_the_record() -> None:
    body = error_body("CONFLICT", "Contact already exists. Existing ID: 12")
    with pytest.raises(DuplicateRecordError) as raised:
        drive(CONNECTOR.create_contact({"firstname": "A"}, FIELDS), Script(answer(409, body)))
    assert raised.value.existing_ids == ("12",)


def test_a_create_without_an_answer_may_have_happened() -> None:
    with pytest.raises(TransientError) as raised:
        drive(CONNECTOR.create_contact({"firstname": "A"}, FIELDS), Script(answer(201, b"")))
    assert raised.value.maybe_applied


def test_no_patches_need_no_request() -> None:
    assert update([], Script()) == []
