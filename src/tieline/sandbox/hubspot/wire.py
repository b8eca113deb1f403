"""HubSpot's wire formats: JSON answers, error bodies, timestamps. Knows nothing of records or requests."""

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from starlette.responses import Response

from tieline.sandbox.kernel.exchange import Answer

JSON_TYPE = "application/json;charset=utf-8"
ObjectJson = dict[str, object]


class PropertyFault(NamedTuple):
    """One property value that HubSpot does not accept."""

    message: str
    code: str
    name: str

    def as_detail(self) -> ObjectJson:
        return {"message": self.message, "code": self.code, "context": {"propertyName": [self.name]}}


class HubSpotError(Exception):
    """An error answer of the public API.

    `status` is the HTTP status; the body has HubSpot's members in HubSpot's order, the empty ones left out.
    https://developers.hubspot.com/docs/api-reference/error-handling
    """

    def __init__(
        self,
        status: int,
        message: str,
        category: str | None = None,
        *,
        errors: Sequence[ObjectJson] = (),
        context: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.category = category
        self.errors = list(errors)
        self.context = dict(context or {})
        self.headers = dict(headers or {})

    def body(self) -> ObjectJson:
        body: ObjectJson = {"status": "error", "message": self.message, "correlationId": str(uuid.uuid4())}
        if self.errors:
            body["errors"] = self.errors
        if self.context:
            body["context"] = self.context
        if self.category is not None:
            body["category"] = self.category
        return body

    def entry(self, trace_id: str | None = None) -> ObjectJson:
        """The same error as one entry of a 207 answer."""
        context = dict(self.context)
        if trace_id is not None:
            context["objectWriteTraceId"] = [trace_id]
        entry: ObjectJson = {"status": "error", "category": self.category or "", "message": self.message}
        if context:
            entry["context"] = context
        if self.errors:
            entry["errors"] = self.errors
        return entry

    def answer(self) -> Answer:
        body = self.body()
        headers = {
            "Content-Type": JSON_TYPE,
            "X-HubSpot-Correlation-Id": str(body["correlationId"]),
            **self.headers,
        }
        return Answer(self.status, msgspec.json.encode(body), headers)


class ConflictError(HubSpotError):
    """409: a unique value belongs to another record. The 207 form names that record in the context."""

    def __init__(self, label: str, existing_id: int) -> None:
        super().__init__(409, f"{label} already exists. Existing ID: {existing_id}", "CONFLICT")
        self.short = f"{label} already exists"
        self._existing_id = existing_id

    def entry(self, trace_id: str | None = None) -> ObjectJson:
        entry = super().entry(trace_id)
        context = entry.get("context")
        named = dict(context) if isinstance(context, dict) else {}
        return {**entry, "message": self.short, "context": {**named, "existingId": [str(self._existing_id)]}}


class CodedError(HubSpotError):
    """An error whose body is not of the usual shape, such as the rate limits' and OAuth's."""

    def __init__(self, status: int, body: ObjectJson, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, str(body.get("message", "")), headers=headers)
        self._body = body

    def body(self) -> ObjectJson:
        return {**self._body, "correlationId": str(uuid.uuid4())}


def invalid_properties(faults: Sequence[PropertyFault]) -> HubSpotError:
    """400 with the list of faults embedded in the message as JSON, as HubSpot does."""
    listed = [
        {"isValid": False, "message": fault.message, "error": fault.code, "name": fault.name}
        for fault in faults
    ]
    message = "Property values were not valid: " + msgspec.json.encode(listed).decode()
    return HubSpotError(400, message, "VALIDATION_ERROR", errors=[fault.as_detail() for fault in faults])


def bad_request(message: str, context: Mapping[str, object] | None = None) -> HubSpotError:
    return HubSpotError(400, message, "VALIDATION_ERROR", context=context)


def not_found() -> HubSpotError:
    return HubSpotError(404, "resource not found", "OBJECT_NOT_FOUND")


def json_answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    extra = {"X-HubSpot-Correlation-Id": str(uuid.uuid4()), **(headers or {})}
    return Response(msgspec.json.encode(body), status, headers=extra, media_type=JSON_TYPE)


def no_content() -> Response:
    return Response(status_code=204, headers={"X-HubSpot-Correlation-Id": str(uuid.uuid4())})


def to_ms(moment: datetime) -> int:
    """Epoch milliseconds of an aware datetime."""
    return int(moment.timestamp() * 1000 + 0.5)


def iso(ms: int) -> str:
    """UTC with `Z`; three digits of milliseconds, none when they are zero (Java's Instant)."""
    seconds, rest = divmod(ms, 1000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:03d}Z" if rest else f"{text}Z"


_EPOCH = re.compile(r"-?\d{1,15}")


def parse_ms(text: str) -> int | None:
    """Epoch milliseconds of an ISO 8601 date or datetime, or of themselves as text; None for neither."""
    if _EPOCH.fullmatch(text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
