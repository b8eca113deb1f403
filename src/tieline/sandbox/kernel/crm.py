"""What an emulated CRM must offer to be served and steered."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tieline.sandbox.kernel.clock import SandboxClock
from tieline.sandbox.kernel.exchange import Answer, Exchange
from tieline.sandbox.kernel.faults import Faults
from tieline.sandbox.kernel.log import RequestLog
from tieline.sandbox.kernel.values import JsonObject


class SandboxCrm(Protocol):
    """One CRM tenant in memory.

    The admin operations take and give decoded JSON and raise `AdminError`. They run at once, outside the
    CRM's own limits, faults and log.
    """

    name: str
    clock: SandboxClock
    faults: Faults
    log: RequestLog

    def routes(self) -> Sequence[BaseRoute]:
        """The CRM's public API. Handlers find their `Exchange` with `exchange_of(request)`."""
        ...

    def operation(self, method: str, path: str) -> str:
        """The name of what a request asks for, in faults and in the log; `unknown` when nothing is known."""
        ...

    def admit(self, request: Request) -> Response | None:
        """Called before the handler (authentication, limits); a response here is the answer."""
        ...

    def answer_headers(self, exchange: Exchange) -> Mapping[str, str]:
        """Headers that every answer to this request carries, also errors and injected ones."""
        ...

    def authentic_error(self, status: int, name: str | None = None) -> Answer:
        """The CRM's own answer for a status, or for one of several errors of that status by its `name`."""
        ...

    def seed(self, spec: JsonObject) -> JsonObject: ...
    def create(self, spec: JsonObject) -> JsonObject: ...
    def edit(self, spec: JsonObject) -> JsonObject: ...
    def delete(self, spec: JsonObject) -> JsonObject: ...
    def restore(self, spec: JsonObject) -> JsonObject: ...
    def merge(self, spec: JsonObject) -> JsonObject: ...
    def change_schema(self, spec: JsonObject) -> JsonObject: ...
    def settings(self, spec: JsonObject) -> JsonObject:
        """Changes what `spec` names and answers all settings; `{}` only reads them."""
        ...

    def state(self) -> JsonObject:
        """Counts of what is in there."""
        ...
