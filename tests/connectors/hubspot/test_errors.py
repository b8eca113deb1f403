"""Every row of HubSpot's error catalogue ends in the error that says what to do next."""

from datetime import timedelta
from typing import Any

import pytest
from tests.connectors.hubspot.driving import NOW, V, answer, error_body

from tieline.connectors.hubspot import CONNECTOR
from tieline.ports.crm import Request
from tieline.ports.errors import (
    AccessTokenExpiredError,
    CredentialsInvalidError,
    CrmError,
    CursorGoneError,
    DuplicateRecordError,
    FatalError,
    PermissionMissingError,
    RateLimitedError,
    RecordGoneError,
    RecordRejectedError,
    SchemaDriftError,
    TransientError,
)

READ = Request("POST", f"/crm/objects/{V}/contacts/batch/read", json={})
SEARCH = Request("POST", f"/crm/objects/{V}/contacts/search", json={}, bucket="search")
WRITE = Request("POST", f"/crm/objects/{V}/contacts/batch/update", json={}, applies=True)
ONE = Request("GET", f"/crm/objects/{V}/contacts/77")
LIST = Request("GET", f"/crm/objects/{V}/contacts", query={"after": "5"})
TOKEN = Request("POST", "/oauth/2026-03/token", form={}, authenticated=False)


def prop(code: str, name: str, message: str) -> dict[str, Any]:
    return error_body(
        "VALIDATION_ERROR",
        message,
        errors=[{"message": message, "code": code, "context": {"propertyName": [name]}}],
    )


CATALOGUE = [
    (READ, 401, error_body("INVALID_AUTHENTICATION"), CredentialsInvalidError),
    (READ, 401, error_body("EXPIRED_AUTHENTICATION"), AccessTokenExpiredError),
    (READ, 401, b"", CredentialsInvalidError),
    (READ, 403, error_body("MISSING_SCOPES"), PermissionMissingError),
    (READ, 403, b"<html>no</html>", PermissionMissingError),
    (ONE, 404, error_body("OBJECT_NOT_FOUND"), RecordGoneError),
    (ONE, 404, b"", RecordGoneError),
    (SEARCH, 404, b"", FatalError),
    (LIST, 405, b"", FatalError),
    (WRITE, 409, error_body("CONFLICT", "Contact already exists"), DuplicateRecordError),
    (LIST, 414, b"", FatalError),
    (LIST, 415, b"", FatalError),
    (WRITE, 408, b"", TransientError),
    (WRITE, 423, error_body("LOCKED"), TransientError),
    (SEARCH, 429, error_body("RATE_LIMITS", "You have reached your secondly limit."), RateLimitedError),
    (READ, 477, b"", RateLimitedError),
    *((WRITE, status, b"", TransientError) for status in (500, 502, 503, 504, 521, 522, 523, 524, 525, 526)),
    (WRITE, 400, prop("PROPERTY_DOESNT_EXIST", "x", 'Property "x" does not exist'), SchemaDriftError),
    (SEARCH, 400, prop("PROPERTY_DOESNT_EXIST", "x", 'Property "x" does not exist'), SchemaDriftError),
    (WRITE, 400, prop("READ_ONLY_VALUE", "x", '"x" is a read only property'), RecordRejectedError),
    (WRITE, 400, prop("INVALID_OPTION", "x", "Z was not one of the allowed options"), RecordRejectedError),
    (WRITE, 400, prop("INVALID_EMAIL", "email", "Email address a is invalid"), RecordRejectedError),
    (WRITE, 400, error_body("VALIDATION_ERROR", "Something is required"), RecordRejectedError),
    (WRITE, 400, b"", RecordRejectedError),
    (SEARCH, 400, error_body("VALIDATION_ERROR", "There was a problem with the request."), FatalError),
    (LIST, 400, error_body("VALIDATION_ERROR", "after is not valid"), CursorGoneError),
    (TOKEN, 400, {"status": "BAD_REFRESH_TOKEN", "message": "unknown"}, CredentialsInvalidError),
    (TOKEN, 400, {"error": "invalid_grant", "error_description": "no"}, CredentialsInvalidError),
    (TOKEN, 503, b"", TransientError),
]


@pytest.mark.parametrize(("request_", "status", "body", "expected"), CATALOGUE)
def test_each_answer_has_its_class(
    request_: Request, status: int, body: Any, expected: type[CrmError]
) -> None:
    error = CONNECTOR.classify(request_, answer(status, body))
    assert type(error) is expected
    assert error.message.endswith(".")


@pytest.mark.parametrize("status", [200, 201, 204, 207])
def test_success_is_no_error(status: int) -> None:
    assert CONNECTOR.classify(WRITE, answer(status)) is None


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"errors": 3}', b'{"context": []}']
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 423, 429, 477, 500, 526])
def test_no_body_can_break_the_classification(status: int, body: bytes) -> None:
    assert isinstance(CONNECTOR.classify(WRITE, answer(status, body)), CrmError)


def test_a_missing_scope_is_named() -> None:
    entry = {"message": "One of", "context": {"requiredGranularScopes": ["crm.objects.contacts.read"]}}
    error = CONNECTOR.classify(READ, answer(403, error_body("MISSING_SCOPES", errors=[entry])))
    assert "the scope crm.objects.contacts.read" in str(error)


@pytest.mark.parametrize(
    ("body", "headers", "seconds", "daily"),
    [
        (error_body("RATE_LIMITS", "You have reached your secondly limit."), {}, 1, False),
        (error_body("RATE_LIMITS", "You have reached your ten_secondly_rolling limit."), {}, 10, False),
        (
            error_body("RATE_LIMITS", policyName="TEN_SECONDLY_ROLLING"),
            {"x-hubspot-ratelimit-interval-milliseconds": "5000"},
            5,
            False,
        ),
        (error_body("RATE_LIMITS", policyName="TEN_SECONDLY_ROLLING"), {"retry-after": "3"}, 3, False),
        (error_body("RATE_LIMITS", "You have reached your daily limit."), {}, 3600, True),
        (error_body("RATE_LIMITS", policyName="DAILY"), {}, 3600, True),
        (b"", {}, 10, False),
    ],
)
def test_a_rate_limit_waits_as_its_policy_says(
    body: Any, headers: dict[str, str], seconds: float, daily: bool
) -> None:
    error = CONNECTOR.classify(READ, answer(429, body, headers))
    assert isinstance(error, RateLimitedError)
    assert (error.until, error.daily) == (NOW + timedelta(seconds=seconds), daily)


def test_a_migration_waits_as_long_as_it_says() -> None:
    error = CONNECTOR.classify(READ, answer(477, b"", {"retry-after": "86400"}))
    assert isinstance(error, RateLimitedError)
    assert error.until == NOW + timedelta(days=1)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520, 524])
def test_a_fault_after_a_write_may_have_applied_it_and_after_a_read_changes_nothing(status: int) -> None:
    written, read = CONNECTOR.classify(WRITE, answer(status)), CONNECTOR.classify(READ, answer(status))
    assert isinstance(written, TransientError)
    assert isinstance(read, TransientError)
    assert (written.maybe_applied, read.maybe_applied) == (True, False)


def test_a_lock_applied_nothing() -> None:
    locked = CONNECTOR.classify(WRITE, answer(423))
    assert isinstance(locked, TransientError)
    assert not locked.maybe_applied


def test_a_duplicate_names_the_record_that_exists() -> None:
    text = "Contact already exists. Existing ID: 171591000198"
    error = CONNECTOR.classify(WRITE, answer(409, error_body("CONFLICT", text)))
    assert isinstance(error, DuplicateRecordError)
    assert error.existing_ids == ("171591000198",)


def test_a_duplicate_without_an_id_names_none() -> None:
    error = CONNECTOR.classify(WRITE, answer(409, error_body("CONFLICT", "Contact already exists")))
    assert isinstance(error, DuplicateRecordError)
    assert error.existing_ids == ()


def test_the_refused_property_is_read_from_the_list_inside_the_message() -> None:
    text = (
        'Property values were not valid: [{"isValid":false,"message":"Property \\"z\\" does not exist",'
        '"error":"PROPERTY_DOESNT_EXIST","name":"z"}]'
    )
    error = CONNECTOR.classify(WRITE, answer(400, error_body("VALIDATION_ERROR", text)))
    assert isinstance(error, SchemaDriftError)
    assert error.field == "z"


def test_the_text_of_hubspot_is_kept_without_tokens() -> None:
    token = "-".join(("pat", "na1", "11111111", "2222", "3333", "4444", "555555555555"))
    text = f"Bearer {token} may not read hs_searchable_calculated_international_mobile_number"
    error = CONNECTOR.classify(READ, answer(401, error_body("INVALID_AUTHENTICATION", text)))
    assert error is not None
    assert token not in str(error)
    assert "hs_searchable_calculated_international_mobile_number" in str(error)


def test_the_gone_record_is_named() -> None:
    error = CONNECTOR.classify(ONE, answer(404, error_body("OBJECT_NOT_FOUND")))
    assert isinstance(error, RecordGoneError)
    assert error.external_id == "77"


def test_a_value_that_does_not_exist_is_not_a_property_that_does_not() -> None:
    text = "Owner 77 does not exist"
    error = CONNECTOR.classify(WRITE, answer(400, prop("INVALID_OWNER_ID", "hubspot_owner_id", text)))
    assert type(error) is RecordRejectedError
    assert error.field == "hubspot_owner_id"


def test_the_complaints_are_shown_in_words_and_not_as_json() -> None:
    text = 'Property values were not valid: [{"isValid":false,"message":"Too late","error":"X","name":"a"}]'
    error = CONNECTOR.classify(WRITE, answer(400, error_body("VALIDATION_ERROR", text)))
    assert error is not None
    assert error.detail == "Too late"


def test_a_required_property_that_is_missing_is_named() -> None:
    body = error_body(
        "VALIDATION_ERROR", "Some required properties were not set.", context={"properties": ["b"]}
    )
    error = CONNECTOR.classify(WRITE, answer(400, body))
    assert isinstance(error, RecordRejectedError)
    assert error.field == "b"
