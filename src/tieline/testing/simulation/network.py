"""The network between Tieline and a CRM in one process: every request and every answer is a boundary, and may get lost.

Sends nothing anywhere; the CRM is an ASGI application that is called. What goes wrong next was said before by `arm`.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import httpx2

from tieline.testing.simulation.clockwork import WorldClock
from tieline.testing.simulation.crm import AsgiApp, SimulatedCrm
from tieline.testing.simulation.scheduler import Scheduler

TRAVELS_S: Final = 0.2
LOST_BEFORE, LOST_AFTER, UNREACHABLE, TOO_LATE = "lost_before", "lost_after", "unreachable", "too_late"
NETWORK_FAULTS: Final = (LOST_BEFORE, LOST_AFTER, UNREACHABLE, TOO_LATE)
CRM_FAULTS: Final = ("unauthorized", "forbidden", "rate_limited", "unavailable")
_TIME_LIMIT_S: Final = 60.0

Watch = Callable[[str, str], Callable[[int], None]]
"""Told of a request before it is applied; gives whom to tell of its status afterwards."""


class Network(httpx2.AsyncBaseTransport):
    """An httpx2 transport to one simulated CRM; `crm` may be replaced by another tenant's."""

    def __init__(
        self,
        crm: SimulatedCrm,
        scheduler: Scheduler,
        clock: WorldClock,
        watch: Watch,
        story: Callable[[str], None],
    ) -> None:
        self.crm = crm
        self._scheduler = scheduler
        self._clock = clock
        self._watch = watch
        self._story = story
        self._armed: dict[bool, deque[str]] = {False: deque(), True: deque()}

    def arm(self, fault: str, *, write: bool = False) -> None:
        """The next request (`write`: that changes a record or activity) that is not yet spoken for fails so."""
        self._armed[write].append(fault)

    def heal(self) -> None:
        """Nothing fails any more."""
        for armed in self._armed.values():
            armed.clear()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Carries one request there and its answer back."""
        body = await request.aread()
        what = f"{request.method} {request.url.path}"
        await self._scheduler.boundary(f"request {what}")
        armed = self._armed[True] if is_write(request.method, str(request.url)) else None
        armed = armed or self._armed[False]
        fault = armed.popleft() if armed else ""
        self._clock.advance(TRAVELS_S)
        if fault in (UNREACHABLE, LOST_BEFORE):
            self._story(f"{what}: {fault}")
            raise _lost(fault, request)
        if fault == TOO_LATE:
            return await self._too_late(request, body, what)
        if fault in CRM_FAULTS:
            self.crm.fail(fault)
        response = await self._apply(request, body, what)
        if fault == LOST_AFTER:
            self._story(f"{what}: applied, and the answer lost")
            await self._scheduler.boundary(f"lost answer to {what}")
            raise _lost(fault, request)
        await self._scheduler.boundary(f"answer {response.status_code} to {what}")
        return response

    async def _too_late(self, request: httpx2.Request, body: bytes, what: str) -> httpx2.Response:
        """The CRM applies the request only when half of our patience is gone, and we never hear of it."""
        self._story(f"{what}: waits in the CRM")
        await self._scheduler.boundary(f"no answer yet to {what}")
        self._clock.advance(_TIME_LIMIT_S / 2)
        await self._apply(request, body, what)
        await self._scheduler.boundary(f"still no answer to {what}")
        self._clock.advance(_TIME_LIMIT_S / 2)
        raise httpx2.ReadTimeout("the CRM did not answer", request=request)

    async def _apply(self, request: httpx2.Request, body: bytes, what: str) -> httpx2.Response:
        self.crm.set_time(self._clock.now())
        done = self._watch(request.method, str(request.url))
        response = await call(self.crm.app, request, body)
        done(response.status_code)
        self._story(f"{what}: {response.status_code}")
        return response


def is_write(method: str, url: str) -> bool:
    """Whether the request changes a record or an activity."""
    reads = ("/search", "/batch/read", "/oauth2/", "/jobs/query", "/associations/")
    return method != "GET" and not any(part in url for part in reads)


def _lost(fault: str, request: httpx2.Request) -> httpx2.RequestError:
    if fault == UNREACHABLE:
        return httpx2.ConnectError("no connection", request=request)
    return httpx2.ReadError("the connection was lost", request=request)


async def call(app: AsgiApp, request: httpx2.Request, body: bytes) -> httpx2.Response:
    """One request to an ASGI application, its answer read whole."""
    url = request.url
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw], "scheme": url.scheme,
        "path": url.path, "raw_path": url.raw_path.split(b"?")[0], "query_string": url.query,
        "server": (url.host, url.port), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    inbox = [{"type": "http.request", "body": body, "more_body": False}]
    status, headers, parts = 0, [], []

    async def receive() -> Any:
        return inbox.pop() if inbox else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message.get("headers", ()))
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return httpx2.Response(status, headers=headers, content=b"".join(parts), request=request)
