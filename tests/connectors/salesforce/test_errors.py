"""Every row of Salesforce's error catalogue ends in one class, with a sentence of ours and Salesforce's own
text.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.hands import NOW, answer, body_of

from tieline.connectors.salesforce import CONNECTOR
from tieline.connectors.salesforce.catalogue import record_error
from tieline.connectors.salesforce.wire import JOBS_PATH, QUERY_PATH, ROOT, TOKEN_PATH
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

READ = Request("GET", QUERY_PATH)
WRITE = Request("POST", f"{ROOT}/sobjects/Task", applies=True)
CONTACT = "0034S000005YJX9QAO"

ROWS: list[tuple[int, str, str, type[CrmError]]] = [
    (401, "INVALID_SESSION_ID", "Session expired or invalid", AccessTokenExpiredError),
    (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", RateLimitedError),
    (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.", RateLimitedError),
    (403, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization", PermissionMissingError),
    (403, "INSUFFICIENT_ACCESS", "insufficient access rights on object id", PermissionMissingError),
    (403, "SOMETHING_NEW", "not known", PermissionMissingError),
    (404, "NOT_FOUND", "The requested resource does not exist", FatalError),
    (
        404,
        "NOT_FOUND",
        "Provided external ID field does not exist or is not accessible: X__c",
        SchemaDriftError,
    ),
    (404, "ENTITY_IS_DELETED", "entity is deleted", RecordGoneError),
    (400, "MALFORMED_QUERY", "unexpected token: 'FRM'", FatalError),
    (400, "INVALID_FIELD", "No such column 'X__c' on sobject of type Contact", SchemaDriftError),
    (400, "INVALID_TYPE", "sObject type 'Task' is not supported.", PermissionMissingError),
    (400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", RecordRejectedError),
    (
        400,
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "Unable to create/update fields: MasterRecordId. Please check the security settings of this field "
        "and verify",
        RecordRejectedError,
    ),
    (400, "STRING_TOO_LONG", "Last Name: data value too large: xx (max length=80)", RecordRejectedError),
    (
        400,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "Race: bad value for restricted picklist field: x",
        RecordRejectedError,
    ),
    (400, "INVALID_EMAIL_ADDRESS", "email_field: invalid email address: badone", RecordRejectedError),
    (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "Ask Finance first", RecordRejectedError),
    (400, "DUPLICATES_DETECTED", "Use one of these records?", DuplicateRecordError),
    (400, "DUPLICATE_VALUE", "duplicate value found: X__c duplicates value on record", DuplicateRecordError),
    (400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", TransientError),
    (400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", RecordGoneError),
    (400, "MALFORMED_ID", "bad id", RecordGoneError),
    (400, "MISSING_ARGUMENT", "Id not specified in an update call", FatalError),
    (400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", RecordRejectedError),
    (
        400,
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "insufficient access rights on object id",
        PermissionMissingError,
    ),
    (400, "JSON_PARSER_ERROR", "Unexpected character", FatalError),
    (400, "INVALID_QUERY_LOCATOR", "invalid query locator", CursorGoneError),
    (400, "EXCEEDED_ID_LIMIT", "exceeded 600000 ids", FatalError),
    (400, "QUERY_TIMEOUT", "Your query request was running for too long.", TransientError),
    (400, "SOMETHING_NEW", "not known", FatalError),
    (405, "METHOD_NOT_ALLOWED", "HTTP Method 'PUT' not allowed.", FatalError),
    (409, "CONFLICT", "conflict", TransientError),
    (412, "PRECONDITION_FAILED", "no such match", FatalError),
    (414, "", "URI Too Long", FatalError),
    (415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported content type", FatalError),
    (429, "", "slow down", RateLimitedError),
    (431, "", "too large", FatalError),
    (500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.", TransientError),
    (502, "", "Bad Gateway", TransientError),
    (503, "SERVER_UNAVAILABLE", "The server is temporarily unavailable", TransientError),
]


@pytest.mark.parametrize(("status", "code", "text", "kind"), ROWS)
def test_each_row_of_the_catalogue_has_its_class(
    status: int, code: str, text: str, kind: type[CrmError]
) -> None:
    body: Any = [{"message": text, "errorCode": code}] if code else f"<h1>{text}</h1>".encode()
    error = CONNECTOR.classify(READ, answer(body, status))
    assert type(error) is kind
    assert text in error.detail
    assert text not in error.message
    assert error.code == code or (not code and error.code in ("", str(status)))
    assert error.message[0].isupper()
    assert error.message.endswith(".")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b"[1]", b'[{"errorCode": 5}]', b"\xff\xfe", b'"x"']
)
@pytest.mark.parametrize("status", [300, 400, 401, 403, 404, 410, 429, 500, 503])
def test_no_error_status_passes_for_success_whatever_its_body(status: int, body: bytes) -> None:
    assert CONNECTOR.classify(WRITE, answer(body, status)) is not None


@pytest.mark.parametrize("status", [200, 201, 204, 207])
def test_what_succeeded_is_for_the_operation_to_judge(status: int) -> None:
    assert CONNECTOR.classify(WRITE, answer(None, status)) is None


def test_a_days_limit_is_told_from_a_busy_moment() -> None:
    def limited(name: str) -> CrmError | None:
        body = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": f"{name} Limit exceeded."}]
        return CONNECTOR.classify(READ, answer(body, 403))

    daily, busy = limited("TotalRequests"), limited("ConcurrentPerOrgLongTxn")
    assert isinstance(daily, RateLimitedError)
    assert isinstance(busy, RateLimitedError)
    assert (daily.daily, busy.daily) == (True, False)
    assert daily.until > busy.until >= NOW + timedelta(seconds=10)


@pytest.mark.parametrize(("request_", "maybe"), [(READ, False), (WRITE, True)])
def test_a_failure_of_the_server_leaves_a_write_in_doubt_and_a_read_not(
    request_: Request, maybe: bool
) -> None:
    for status, body in ((500, b"x"), (503, b""), (502, b"<html>")):
        error = CONNECTOR.classify(request_, answer(body, status))
        assert isinstance(error, TransientError)
        assert error.maybe_applied is maybe


def test_a_lock_is_certain_to_have_written_nothing() -> None:
    error = CONNECTOR.classify(WRITE, answer([{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "busy"}], 400))
    assert isinstance(error, TransientError)
    assert not error.maybe_applied


@pytest.mark.parametrize(
    ("code", "text", "fields", "field"),
    [
        ("INVALID_FIELD", "No such column 'Plan__c' on sobject of type Contact", None, "Plan__c"),
        ("INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: A__c, B__c. Please", [], "A__c"),
        ("STRING_TOO_LONG", "Last Name: data value too large", ["LastName"], "LastName"),
        ("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", None, "LastName"),
    ],
)
def test_the_field_is_named(code: str, text: str, fields: list[str] | None, field: str) -> None:
    entry: dict[str, Any] = {"errorCode": code, "message": text}
    if fields is not None:
        entry["fields"] = fields
    error = CONNECTOR.classify(READ, answer([entry], 400))
    assert isinstance(error, SchemaDriftError | RecordRejectedError)
    assert error.field == field
    assert field in error.message


def test_a_reference_to_nothing_is_gone_only_when_it_is_the_record_itself() -> None:
    entry = {"statusCode": "INVALID_CROSS_REFERENCE_KEY", "message": "invalid cross reference id"}
    gone = record_error([{**entry, "fields": []}], CONTACT)
    assert isinstance(gone, RecordGoneError)
    assert gone.external_id == CONTACT
    assert isinstance(record_error([{**entry, "fields": ["WhoId"]}], CONTACT), RecordGoneError)
    rejected = record_error([{**entry, "fields": ["OwnerId"]}], CONTACT)
    assert isinstance(rejected, RecordRejectedError)
    assert rejected.field == "OwnerId"


@pytest.mark.parametrize("errors", [None, [], "x", [{}], [{"message": "?"}]])
def test_a_record_refused_without_a_reason_is_refused_all_the_same(errors: object) -> None:
    assert isinstance(record_error(errors, CONTACT), RecordRejectedError)


def test_an_unknown_code_of_one_record_is_a_refusal_of_that_record() -> None:
    error = record_error([{"statusCode": "NEW_CODE", "message": "why", "fields": ["A__c"]}], CONTACT)
    assert isinstance(error, RecordRejectedError)
    assert (error.field, error.detail, error.code) == ("A__c", "why", "NEW_CODE")


def test_duplicates_are_named() -> None:
    """The shape of the body is from published v54 and v56 answers."""
    match = {
        "entityType": "Contact",
        "matchRecords": [{"matchConfidence": 100.0, "record": {"attributes": {}, "Id": CONTACT}}],
        "success": True,
    }
    body = [
        {
            "message": "Use one of these records?",
            "errorCode": "DUPLICATES_DETECTED",
            "duplicateResult": {"allowSave": True, "matchResults": [match, match]},
        }
    ]
    error = CONNECTOR.classify(WRITE, answer(body, 400))
    assert isinstance(error, DuplicateRecordError)
    assert error.existing_ids == (CONTACT,)
    text = f"duplicate value found: X__c duplicates value on record with id: {CONTACT[:15]}"
    error = CONNECTOR.classify(WRITE, answer([{"message": text, "errorCode": "DUPLICATE_VALUE"}], 400))
    assert isinstance(error, DuplicateRecordError)
    assert error.existing_ids == (CONTACT[:15],)


def test_a_record_that_is_not_there_is_told_from_an_address_that_is_not() -> None:
    body = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
    task = Request("PATCH", f"{ROOT}/sobjects/Task/00T4S000005YJX9QAO")
    error = CONNECTOR.classify(task, answer(body, 404))
    assert isinstance(error, RecordGoneError)
    assert error.external_id == "00T4S000005YJX9QAO"
    job = Request("GET", f"{JOBS_PATH}/7504S000005YJX9QAO/results")
    assert isinstance(CONNECTOR.classify(job, answer(body, 404)), CursorGoneError)
    assert isinstance(CONNECTOR.classify(job, answer([], 409)), CursorGoneError)
    assert isinstance(CONNECTOR.classify(job, answer([], 401)), AccessTokenExpiredError)
    assert isinstance(CONNECTOR.classify(Request("POST", JOBS_PATH), answer(body, 404)), FatalError)


@pytest.mark.parametrize(
    ("error", "description", "words"),
    [
        ("invalid_grant", "authentication failure", "refuses to sign Tieline in"),
        ("invalid_grant", "user hasn't approved this consumer", "not approved"),
        ("invalid_grant", "no client credentials user enabled", "Run As"),
        ("invalid_grant", "request not supported on this domain", "My Domain"),
        ("invalid_grant", "audience is invalid", "audience"),
        ("invalid_client_id", "client identifier invalid", "client ID"),
        ("invalid_client", "invalid client credentials", "secret"),
        ("inactive_user", "user is inactive", "inactive"),
        ("new_error", "?", "refuses to sign Tieline in"),
    ],
)
def test_a_refused_sign_in_says_what_to_do(error: str, description: str, words: str) -> None:
    body = {"error": error, "error_description": description}
    found = CONNECTOR.classify(Request("POST", TOKEN_PATH, authenticated=False), answer(body, 400))
    assert type(found) is CredentialsInvalidError
    assert words in found.message
    assert (found.detail, found.code) == (description, error)


def test_a_sign_in_that_failed_for_now_is_not_the_credentials_fault() -> None:
    request = Request("POST", TOKEN_PATH, authenticated=False)
    assert isinstance(CONNECTOR.classify(request, answer(b"", 503)), TransientError)
    exceeded = {"error": "invalid_grant", "error_description": "login rate exceeded"}
    assert isinstance(CONNECTOR.classify(request, answer(exceeded, 400)), RateLimitedError)


def test_recorded_errors_are_classified(recordings: Path) -> None:
    found = json.loads((recordings / "salesforce/get-sobjects-contact-id-404-0.json").read_text())
    request = Request("GET", found["request"]["path"].replace("v42.0", "v68.0"))
    assert isinstance(CONNECTOR.classify(request, body_of(found)), RecordGoneError)
    unknown = (recordings / "salesforce/query-400-unknown-field.body.json").read_bytes()
    error = CONNECTOR.classify(READ, answer(unknown, 400))
    assert isinstance(error, SchemaDriftError)
    assert error.field == "AccountNumer"
    empty = (recordings / "salesforce/collections-create-400.body.json").read_bytes()
    assert isinstance(CONNECTOR.classify(WRITE, answer(empty, 400)), RecordRejectedError)
    failed = recordings / "salesforce/collections-update-200-each-failed.body.json"
    for result in json.loads(failed.read_text()):
        assert isinstance(record_error(result["errors"], CONTACT), FatalError)
