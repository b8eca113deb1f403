"""Salesforce's errors as values. Texts that are recorded or documented are written as they were seen.

An error body is an array of `{message, errorCode, fields?}`; inside collection results the code is called
`statusCode` and `fields` is always there.
"""

import json
from collections.abc import Mapping, Sequence

from tieline.sandbox.kernel.exchange import Answer
from tieline.sandbox.kernel.values import JsonObject

JSON_HEADERS = {"content-type": "application/json;charset=UTF-8"}


class SalesforceError(Exception):
    """One refused request or record. `fields` None leaves the member out of a request's error body."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        fields: Sequence[str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = None if fields is None else list(fields)
        self.extra = dict(extra or {})

    def as_body(self) -> list[JsonObject]:
        entry: JsonObject = {"message": self.message, "errorCode": self.code, **self.extra}
        if self.fields is not None:
            entry["fields"] = self.fields
        return [entry]

    def as_result(self) -> JsonObject:
        entry: JsonObject = {"statusCode": self.code, "message": self.message, "fields": self.fields or []}
        return {**entry, **self.extra}

    def answer(self) -> Answer:
        return Answer(self.status, json.dumps(self.as_body()).encode(), dict(JSON_HEADERS))


def session_invalid() -> SalesforceError:
    return SalesforceError("INVALID_SESSION_ID", "Session expired or invalid", status=401)


def not_found() -> SalesforceError:
    return SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404)


def no_such_column(field: str, sobject: str) -> SalesforceError:
    return SalesforceError(
        "INVALID_FIELD", f"No such column '{field}' on sobject of type {sobject}", fields=[]
    )


def not_writable(fields: Sequence[str]) -> SalesforceError:
    return SalesforceError(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {', '.join(fields)}. Please check the security settings of this "
        "field and verify that it is read/write for your profile or permission set.",
        fields=fields,
    )


def row_locked(record_id: str | None) -> SalesforceError:
    return SalesforceError(
        "UNABLE_TO_LOCK_ROW",
        f"unable to obtain exclusive access to this record or 1 records: {record_id or 'null'}",
        fields=[],
    )


def is_deleted(status: int = 404) -> SalesforceError:
    return SalesforceError("ENTITY_IS_DELETED", "entity is deleted", status=status, fields=[])


def rolled_back() -> SalesforceError:
    return SalesforceError(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone header",
        fields=[],
    )


def method_not_allowed(method: str, allowed: Sequence[str]) -> SalesforceError:
    message = f"HTTP Method '{method}' not allowed. Allowed are {','.join(allowed)}"
    return SalesforceError("METHOD_NOT_ALLOWED", message, status=405)


def limit_exceeded(name: str = "TotalRequests") -> SalesforceError:
    return SalesforceError("REQUEST_LIMIT_EXCEEDED", f"{name} Limit exceeded.", status=403)


_HTML = {"content-type": "text/html;charset=iso-8859-1"}
_BY_NAME: dict[str, SalesforceError] = {
    error.code: error
    for error in (
        session_invalid(),
        not_found(),
        limit_exceeded(),
        row_locked(None),
        is_deleted(),
        SalesforceError(
            "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner", status=403
        ),
        SalesforceError("INSUFFICIENT_ACCESS", "insufficient access rights on object id", status=403),
        SalesforceError("METHOD_NOT_ALLOWED", "HTTP Method not allowed for this resource", status=405),
        SalesforceError("UNSUPPORTED_MEDIA_TYPE", "Unsupported content type", status=415),
        SalesforceError(
            "UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId", status=500
        ),
        SalesforceError("SERVER_UNAVAILABLE", "The server is temporarily unavailable", status=503),
        SalesforceError("QUERY_TIMEOUT", "Your query request was running for too long."),
        SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator"),
    )
}
_BY_STATUS = {
    401: "INVALID_SESSION_ID",
    403: "REQUEST_LIMIT_EXCEEDED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    415: "UNSUPPORTED_MEDIA_TYPE",
    500: "UNKNOWN_EXCEPTION",
    503: "SERVER_UNAVAILABLE",
}


_OAUTH = {
    "invalid_grant": "authentication failure",
    "invalid_client_id": "client identifier invalid",
    "invalid_client": "invalid client credentials",
    "inactive_user": "user is inactive",
}


def authentic_answer(status: int, name: str | None) -> Answer:
    """Salesforce's own answer; `CONCURRENT` names the other request limit. Gateways answer 414, 431, 502 in HTML."""
    if name in _OAUTH:
        body = {"error": name, "error_description": _OAUTH[name]}
        return Answer(status, json.dumps(body).encode(), dict(JSON_HEADERS))
    if name == "CONCURRENT":
        return limit_exceeded("ConcurrentPerOrgLongTxn").answer()
    error = _BY_NAME.get(name or _BY_STATUS.get(status, ""))
    if error is not None:
        answer = error.answer()
        return Answer(status, answer.body, answer.headers)
    if status in (414, 431) or status >= 500:
        return bad_message(status)
    return SalesforceError(name or "UNKNOWN_EXCEPTION", name or f"HTTP {status}", status=status).answer()


def bad_message(status: int) -> Answer:
    reason = {414: "URI Too Long", 431: "Request Header Fields Too Large"}.get(status, "Bad Gateway")
    return Answer(status, f"<h1>Bad Message {status}</h1><pre>reason: {reason}</pre>".encode(), dict(_HTML))
