"""Runs a connector's operations by hand: each request is kept, each answer is given, nothing is sent."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tieline.ports.crm import Operation, Request, Response
from tieline.ports.errors import CrmError

T = TypeVar("T")

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DATE = "Mon, 23 Nov 2026 12:00:01 GMT"


def answer(body: Any = None, status: int = 200, **headers: str) -> Response:
    """An answer; a body that is no bytes is JSON. Underscores in header names are dashes."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    named = {"date": DATE} | {name.replace("_", "-").lower(): text for name, text in headers.items()}
    return Response(status, named, raw, NOW, NOW + timedelta(seconds=1))


class Play:
    """What an operation asked for, and what it came to. It must ask exactly as often as it is answered."""

    def __init__(self, operation: Operation[T], *answers: Response | CrmError) -> None:
        self.requests: list[Request] = []
        self.result: Any = None
        waiting = list(answers)
        try:
            self.requests.append(next(operation))
            while True:
                given = waiting.pop(0)
                asked = operation.throw(given) if isinstance(given, CrmError) else operation.send(given)
                self.requests.append(asked)
        except StopIteration as stop:
            self.result = stop.value
        assert not waiting, "the operation ended before it was answered in full"

    @property
    def request(self) -> Request:
        """The only request."""
        assert len(self.requests) == 1
        return self.requests[0]

    @property
    def soql(self) -> str:
        """The query of the last request."""
        return str(self.requests[-1].query["q"])


def body_of(recording: Mapping[str, Any]) -> Response:
    """The answer of a recorded exchange."""
    told = recording["response"]
    headers = {name.lower(): text for name, text in told["headers"].items()}
    return Response(told["status"], headers, json.dumps(told["body"]).encode(), NOW, NOW)
