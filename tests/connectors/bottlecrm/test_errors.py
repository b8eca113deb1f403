"""Status and words to one class, as a table. The bodies are BottleCRM's own."""

from datetime import timedelta
from typing import Any

import pytest
from tests.connectors.bottlecrm.answers import ONE
from tests.connectors.hands import NOW, answer

from tieline.connectors.bottlecrm.errors import classify
from tieline.ports.crm import Request
from tieline.ports.errors import (
    AccessTokenExpiredError,
    CrmError,
    DuplicateRecordError,
    FatalError,
    PermissionMissingError,
    RateLimitedError,
    RecordGoneError,
    RecordRejectedError,
    TransientError,
)

READ = Request("GET", f"/api/contacts/{ONE}/")
WRITE = Request("PATCH", f"/api/contacts/{ONE}/", json={}, applies=True)
LIST = Request("GET", "/api/contacts/")
LOG = Request("POST", "/api/interactions/", json={}, applies=True)
HTML = b"<!doctype html><h1>Not Found</h1>"

TABLE: list[tuple[Request, int, Any, type[CrmError], str]] = [
    (
        READ,
        403,
        {"detail": "Organization context is required. Please login again."},
        AccessTokenExpiredError,
        "Organization context",
    ),
    (READ, 403, {"detail": "Invalid token"}, AccessTokenExpiredError, "Invalid token"),
    (READ, 403, {"detail": "Token revoked or expired"}, AccessTokenExpiredError, "revoked"),
    (
        READ,
        401,
        {"detail": "Given token not valid for any token type", "code": "token_not_valid"},
        AccessTokenExpiredError,
        "not valid",
    ),
    (
        WRITE,
        403,
        {
            "detail": "This token is not scoped for write access to contacts. It needs the contacts:write scope."
        },
        PermissionMissingError,
        "contacts:write",
    ),
    (
        WRITE,
        403,
        {"error": True, "errors": "Only the person who logged this, or an admin, can change it."},
        PermissionMissingError,
        "Only the person",
    ),
    (READ, 404, {"detail": "No Contact matches the given query."}, RecordGoneError, "No Contact"),
    (READ, 404, HTML, RecordGoneError, "not in BottleCRM"),
    (LOG, 404, {"detail": "No such record."}, RecordGoneError, "No such record"),
    (LOG, 404, HTML, FatalError, "1.35"),
    (LIST, 404, HTML, FatalError, "1.35"),
    (
        WRITE,
        400,
        {"error": True, "errors": {"phone": ["Enter a valid phone number"], "title": ["Too long."]}},
        RecordRejectedError,
        "phone: Enter a valid phone number; title: Too long.",
    ),
    (
        WRITE,
        400,
        {"error": True, "errors": {"custom_fields": {"score": "must be a number"}}},
        RecordRejectedError,
        "cf_score: must be a number",
    ),
    (
        WRITE,
        400,
        {"error": True, "errors": {"email": ["Contact already exists with this email"]}},
        DuplicateRecordError,
        "already exists",
    ),
    (WRITE, 400, {"detail": "JSON parse error - Expecting value"}, RecordRejectedError, "JSON parse error"),
    (WRITE, 400, b"<h1>Bad Request (400)</h1>", FatalError, "status 400"),
    (LIST, 400, {"detail": "banana is no date"}, FatalError, "banana"),
    (LIST, 405, {"detail": 'Method "GET" not allowed.'}, FatalError, "not allowed"),
    (READ, 500, b"<h1>Server Error (500)</h1>", TransientError, "failed"),
    (READ, 418, {"anything": {"new": ["a text"]}}, FatalError, "new: a text"),
]


@pytest.mark.parametrize(("request_", "status", "body", "kind", "said"), TABLE)
def test_each_answer_has_its_class_and_says_what_the_crm_said(
    request_: Request, status: int, body: Any, kind: type[CrmError], said: str
) -> None:
    error = classify(request_, answer(body, status))
    assert type(error) is kind
    assert said in str(error)
    assert "<h1>" not in str(error)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"error": True, "errors": {"title": ["Too long."]}}, "title"),
        ({"error": True, "errors": {"custom_fields": {"score": "must be a number"}}}, "cf_score"),
        ({"error": True, "errors": {"non_field_errors": ["Name exactly one record."]}}, None),
        ({"error": True, "errors": "no"}, None),
        ({"teams": ["'x' is not a valid id."]}, "teams"),
    ],
)
def test_a_refusal_names_the_field(body: Any, field: str | None) -> None:
    error = classify(WRITE, answer(body, 400))
    assert isinstance(error, RecordRejectedError)
    assert error.field == field


def test_a_write_that_ends_in_a_server_error_may_have_happened() -> None:
    write, read = classify(WRITE, answer(b"", 502)), classify(READ, answer(b"", 502))
    assert isinstance(write, TransientError)
    assert isinstance(read, TransientError)
    assert (write.maybe_applied, read.maybe_applied) == (True, False)


@pytest.mark.parametrize(("told", "seconds"), [("30", 30), ("0", 1), ("soon", 60)])
def test_a_pause_ends_when_bottlecrm_says(told: str, seconds: int) -> None:
    error = classify(LIST, answer({"detail": "Request was throttled."}, 429, Retry_After=told))
    assert isinstance(error, RateLimitedError)
    assert error.until == NOW + timedelta(seconds=1 + seconds)


def test_what_succeeded_is_no_error() -> None:
    assert classify(WRITE, answer({}, 200)) is None
    assert classify(LOG, answer({}, 201)) is None
