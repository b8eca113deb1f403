"""Updates, one after the other, and creates."""

from decimal import Decimal
from typing import Any

import pytest
from tests.connectors.bottlecrm.answers import DEFINED, FIELDS, ONE, OTHER, UPDATED, definitions
from tests.connectors.hands import NOW, Play, answer

from tieline.connectors.bottlecrm.writing import create_contact, update_contacts
from tieline.domain.records import Patch
from tieline.domain.values import Value
from tieline.ports.crm import Refused, Written
from tieline.ports.errors import (
    CredentialsInvalidError,
    CrmError,
    MalformedAnswerError,
    RateLimitedError,
    RecordGoneError,
    RecordRejectedError,
    SchemaDriftError,
    TransientError,
)

LOST = TransientError("lost", maybe_applied=True)


def update(*patches: Patch, answers: list[Any]) -> Play:
    return Play(update_contacts(list(patches), FIELDS), *answers)


def test_a_patch_names_only_its_fields_and_clears_with_null() -> None:
    values: dict[str, Value] = {
        "title": None,
        "cf_score": Decimal("0.25"),
        "cf_vip": None,
        "do_not_call": None,
    }
    play = update(Patch(ONE, values), answers=[definitions(*DEFINED), answer(UPDATED)])
    sent = play.requests[-1]
    assert (sent.method, sent.path, sent.applies) == ("PATCH", f"/api/contacts/{ONE}/", True)
    assert sent.json == {
        "title": None,
        "do_not_call": False,
        "custom_fields": {"score": Decimal("0.25"), "vip": None},
    }
    assert play.result == [Written(ONE)]


def test_what_cannot_be_null_is_cleared_as_bottlecrm_can() -> None:
    values: dict[str, Value] = {"first_name": None, "source": None, "is_active": None, "description": ""}
    play = update(Patch(ONE, values), answers=[answer(UPDATED)])
    assert play.request.json == {"first_name": "-", "source": "", "is_active": True, "description": None}


def test_an_own_field_that_is_gone_is_never_written_as_if_all_went_well() -> None:
    play = update(
        Patch(ONE, {"cf_score": 1}), Patch(OTHER, {"title": "CEO"}),
        answers=[definitions(DEFINED[0]), answer(UPDATED)],
    )  # fmt: skip
    refused, written = play.result
    assert isinstance(refused.error, SchemaDriftError)
    assert refused.error.field == "cf_score"
    assert written == Written(OTHER)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cf_score", 12345678901234567890),
        ("cf_score", Decimal("0.12345678901234567")),
        ("cf_score", 10**400),
        ("cf_score", True),
        ("cf_renewal", "tomorrow"),
        ("cf_vip", 1),
    ],
)
def test_what_the_field_cannot_hold_is_refused_before_it_is_sent(name: str, value: Value) -> None:
    play = update(Patch(ONE, {name: value}), answers=[definitions(*DEFINED)])
    assert play.request.method == "GET"
    (outcome,) = play.result
    assert isinstance(outcome.error, RecordRejectedError)
    assert outcome.error.field == name


def test_a_bad_record_fails_alone_and_each_outcome_is_its_patchs() -> None:
    play = update(
        *(Patch(one, {"title": "CEO"}) for one in (ONE, OTHER, "third")),
        answers=[RecordRejectedError("no", field="title"), RecordGoneError("gone"), answer(UPDATED)],
    )
    assert [outcome.external_id for outcome in play.result] == [ONE, OTHER, "third"]
    assert [type(outcome) for outcome in play.result] == [Refused, Refused, Written]
    assert play.result[1].error.external_id == OTHER


def test_a_connection_that_fails_before_anything_was_written_ends_the_batch() -> None:
    with pytest.raises(RateLimitedError):
        update(Patch(ONE, {"title": "a"}), answers=[RateLimitedError("wait", until=NOW)])
    with pytest.raises(TransientError) as raised:
        update(Patch(ONE, {"title": "a"}), Patch(OTHER, {"title": "b"}), answers=[LOST])
    assert raised.value.maybe_applied


def test_a_connection_that_fails_later_leaves_what_was_written_written() -> None:
    play = update(
        *(Patch(one, {"title": "a"}) for one in (ONE, OTHER, "third")), answers=[answer(UPDATED), LOST]
    )
    written, lost, unsent = play.result
    assert written == Written(ONE)
    assert lost.error.maybe_applied
    assert not unsent.error.maybe_applied


def test_a_token_revoked_in_the_middle_is_no_refusal_of_the_records_after_it() -> None:
    patches = [Patch(one, {"title": "a"}) for one in (ONE, OTHER, "third")]
    play = update(*patches, answers=[answer(UPDATED), CredentialsInvalidError("revoked")])
    assert play.result[0] == Written(ONE)
    for outcome in play.result[1:]:
        assert isinstance(outcome.error, TransientError)
        assert not outcome.error.maybe_applied


@pytest.mark.parametrize("body", [b"", b"<html>", {}, {"error": True}, []])
def test_an_answer_that_does_not_confirm_is_no_success(body: object) -> None:
    with pytest.raises(MalformedAnswerError) as raised:
        update(Patch(ONE, {"title": "a"}), answers=[answer(body)])
    assert raised.value.maybe_applied


def test_nothing_to_write_sends_nothing() -> None:
    with pytest.raises(StopIteration) as stopped:
        next(update_contacts([], FIELDS))
    assert stopped.value.value == []


def test_a_create_has_both_names_and_gives_the_id() -> None:
    made = answer({"error": False, "message": "Contact created Successfuly", "id": ONE})
    values: dict[str, Value] = {"phone": "+14155550123", "first_name": "Ada", "title": None}
    play = Play(create_contact(values, FIELDS), made)
    assert play.request.json == {"phone": "+14155550123", "first_name": "Ada", "last_name": "-"}
    assert play.result == Written(ONE)


@pytest.mark.parametrize("body", [b"", {"error": False}, {"id": ""}])
def test_a_create_whose_answer_is_half_may_have_happened(body: object) -> None:
    with pytest.raises(CrmError) as raised:
        Play(create_contact({}, FIELDS), answer(body))
    assert getattr(raised.value, "maybe_applied", False)
