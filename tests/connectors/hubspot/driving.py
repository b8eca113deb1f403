"""Drives the connector's generators by hand: a handler plays HubSpot, the connector's own `classify` names errors."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from tieline.connectors.hubspot import CONNECTOR
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.ports.crm import Operation, Request, Response
from tieline.ports.errors import CrmError

T = TypeVar("T")
Handler = Callable[[Request], Response | CrmError]

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
DATE = "Mon, 23 Nov 2026 12:00:00 GMT"
NOW_MS = 1_795_435_200_000
V = "2026-09"

FIRST = CrmField("firstname", "First name", CrmKind.STRING)
PHONE = CrmField("phone", "Phone", CrmKind.STRING, is_phone=True)


def answer(status: int = 200, body: Any = None, headers: Mapping[str, str] | None = None) -> Response:
    """An answer as the driver would give it."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Response(status, {"date": DATE, **(headers or {})}, content, NOW, NOW)


def drive(operation: Operation[T], handler: Handler) -> T:
    """Runs an operation to its result as the driver does: errors are thrown in, answers sent."""
    try:
        request = next(operation)
        while True:
            given = handler(request)
            error = given if isinstance(given, CrmError) else CONNECTOR.classify(request, given)
            if error is not None:
                request = operation.throw(error)
            else:
                assert isinstance(given, Response)
                request = operation.send(given)
    except StopIteration as stop:
        result: T = stop.value
        return result


class Script:
    """Gives prepared answers in turn and keeps the requests."""

    def __init__(self, *answers: Response | CrmError) -> None:
        self._answers = list(answers)
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response | CrmError:
        self.requests.append(request)
        assert self._answers, f"one request too many: {request}"
        return self._answers.pop(0)


def contact(contact_id: str, modified: str = "2026-11-23T11:00:00.123Z", **properties: Any) -> dict[str, Any]:
    """A contact as HubSpot shows it."""
    return {
        "id": contact_id,
        "properties": {"hs_object_id": contact_id, "lastmodifieddate": modified, **properties},
        "createdAt": "2026-01-02T03:04:05.678Z",
        "updatedAt": modified,
        "archived": False,
    }


def error_body(category: str, message: str = "no", **more: Any) -> dict[str, Any]:
    """An error body as HubSpot documents it."""
    return {"status": "error", "message": message, "correlationId": "c-1", "category": category, **more}
