"""One request to an emulated CRM, as the gate, the faults, the log and the handlers see it."""

from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

SCOPE_KEY = "sandbox.exchange"


@dataclass(slots=True)
class Exchange:
    """`operation` is a CRM's own name for what is asked ("query", "contacts.search").

    Handlers add to `record_ids` what they touch and set `secret` where the body must not be logged. `stamp`
    is the moment that a write must carry when it is applied late; None means now.
    """

    number: int
    at: datetime
    method: str
    path: str
    query: str
    body: bytes
    operation: str = "unknown"
    record_ids: list[str] = field(default_factory=list)
    secret: bool = False
    stamp: datetime | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer as a value."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        return Response(self.body, status_code=self.status, headers=self.headers)


def exchange_of(request: Request) -> Exchange:
    """The exchange that the gate attached to this request."""
    found = request.scope[SCOPE_KEY]
    if not isinstance(found, Exchange):
        raise TypeError("this request did not pass the sandbox's gate")
    return found
