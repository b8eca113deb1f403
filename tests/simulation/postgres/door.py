"""The way to the sandbox CRM for requests over HTTP: who asks, what happens to the request, and what truly changed.

Requests are applied one after the other. What happens to one was said before: it fails, its answer gets lost, it is
applied late; it waits until it is let go on; a worker dies at it; a rep edits just before it. Decides nothing itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
from starlette.types import Receive, Scope, Send
from tests.simulation.postgres.warp import Warp
from tests.simulation.postgres.worker import WHO

from tieline.sandbox.kernel.gate import TRANSPORT_KEY
from tieline.testing.simulation.chronicle import Chronicle
from tieline.testing.simulation.crm import SimulatedCrm
from tieline.testing.simulation.network import (
    CRM_FAULTS,
    LOST_AFTER,
    LOST_BEFORE,
    TOO_LATE,
    UNREACHABLE,
    call,
    is_write,
)
from tieline.testing.simulation.scheduler import Job

_LATE_S: Final = 0.15
CHECKS: Final = "checks"


@dataclass
class Hold:
    """A request that is stopped: `reached` when one came (then `who` asked), `go` lets it on."""

    write: bool
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    who: str = ""
    what: str = ""
    lost: bool = False


@dataclass
class Fall:
    """A worker dies when that many more requests and answers have passed."""

    boundaries: int


class Door:
    """An ASGI application in front of one CRM, which may be replaced by another tenant's."""

    def __init__(
        self, crm: SimulatedCrm, chronicle: Chronicle, warp: Warp, say: Callable[[str], None]
    ) -> None:
        self.crm = crm
        self.busy = asyncio.Lock()
        self.requests = 0
        self.holds: list[Hold] = []
        self.falls: list[Fall] = []
        self.before_write: list[Callable[[], Awaitable[object]]] = []
        self.kill: Callable[[str], None] = lambda who: None
        self.changed: Callable[[], None] = lambda: None
        self._chronicle, self._warp, self._say = chronicle, warp, say
        self._armed: dict[bool, deque[str]] = {False: deque(), True: deque()}
        self._jobs: dict[str, Job] = {}
        self._late: set[asyncio.Task[None]] = set()

    def arm(self, fault: str, *, write: bool) -> None:
        """The next such request fails so."""
        self._armed[write].append(fault)

    async def heal(self) -> None:
        """Nothing fails and nothing waits any more; what was to be applied late has been."""
        for armed in self._armed.values():
            armed.clear()
        self.falls.clear()
        self.before_write.clear()
        for hold in self.holds:
            hold.go.set()
        self.holds.clear()
        await self.settle()

    async def settle(self) -> None:
        """Returns when nothing is to be applied late any more."""
        if self._late:
            await asyncio.gather(*self._late)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        assert scope["type"] == "http"
        request = await _request(scope, receive)
        who = request.headers.get(WHO, "?")
        what = f"{request.method} {request.url.path}"
        response = await self._carry(request, who, what)
        if response is None:
            transport: Any = scope[TRANSPORT_KEY]
            transport.abort()
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        with suppress(OSError):  # the worker may be no more
            await send(
                {"type": "http.response.start", "status": response.status_code, "headers": _headers(response)}
            )
            await send({"type": "http.response.body", "body": response.content})

    async def _carry(self, request: httpx2.Request, who: str, what: str) -> httpx2.Response | None:
        """The answer; None where the connection is lost."""
        if who.startswith(CHECKS) or request.url.path.startswith("/__sandbox__"):
            async with self.busy:
                return await call(self.crm.app, request, request.content)
        self.requests += 1
        write = is_write(request.method, str(request.url))
        self._boundary(who, f"before {what}")
        if not await self._wait_in_hold(write, who, what):
            return None
        armed = (self._armed[True] if write else None) or self._armed[False]
        fault = armed.popleft() if armed else ""
        if fault in (LOST_BEFORE, UNREACHABLE):
            self._say(f"{who}: {what}: lost before it came")
            return None
        if fault == TOO_LATE:
            self._say(f"{who}: {what}: waits in the CRM, and nobody hears of it")
            late = asyncio.create_task(self._apply_late(request, who, what))
            self._late.add(late)
            late.add_done_callback(self._late.discard)
            return None
        if fault in CRM_FAULTS:
            self.crm.fail(fault)
        if "batch/update" in what or request.method == "PATCH":
            while self.before_write:
                await self.before_write.pop()()
        response = await self._apply(request, who, what)
        if fault == LOST_AFTER:
            self._say(f"{who}: {what}: the answer is lost")
            return None
        self._boundary(who, f"after {what}")
        return response

    async def _wait_in_hold(self, write: bool, who: str, what: str) -> bool:
        """Whether the request goes on."""
        hold = next((one for one in self.holds if not one.reached.is_set() and one.write <= write), None)
        if hold is None:
            return True
        hold.who, hold.what = who, what
        self._say(f"... {who} waits at: {what}")
        hold.reached.set()
        await hold.go.wait()
        return not hold.lost

    def _boundary(self, who: str, where: str) -> None:
        for fall in list(self.falls):
            fall.boundaries -= 1
            if fall.boundaries < 0:
                self.falls.remove(fall)
                self._say(f"kill -9 {who} {where}")
                self.kill(who)

    async def _apply_late(self, request: httpx2.Request, who: str, what: str) -> None:
        await asyncio.sleep(_LATE_S)
        await self._apply(request, who, f"{what} (late)")

    async def _apply(self, request: httpx2.Request, who: str, what: str) -> httpx2.Response:
        async with self.busy:
            self.crm.set_time(self._warp.now())
            done = self._watch(request, who)
            response = await call(self.crm.app, request, request.content)
            done(response.status_code)
            self._say(f"{who}: {what}: {response.status_code}")
            return response

    def _watch(self, request: httpx2.Request, who: str) -> Callable[[int], None]:
        method, url = request.method, str(request.url)
        reads = "/search" in url or "/batch/read" in url or (method == "GET" and "Contact" in url)
        if method == "GET" and not reads:
            return lambda status: None
        job = self._jobs.setdefault(who, Job(who.rpartition("/")[2].split()[0], who))
        done = self._chronicle.watch(self.crm.records, self._warp.now(), reads, job)

        def applied(status: int) -> None:
            done(status)
            self.changed()

        return applied


async def _request(scope: Scope, receive: Receive) -> httpx2.Request:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    host, port = scope["server"]
    query = f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
    url = f"http://{host}:{port}{scope['raw_path'].decode()}{query}"
    return httpx2.Request(scope["method"], url, headers=scope["headers"], content=body)


def _headers(response: httpx2.Response) -> list[tuple[bytes, bytes]]:
    left_out = (b"content-length", b"transfer-encoding", b"connection", b"content-encoding")
    kept = [(name.lower(), value) for name, value in response.headers.raw if name.lower() not in left_out]
    return [*kept, (b"content-length", str(len(response.content)).encode())]
