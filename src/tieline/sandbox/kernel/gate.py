"""The gate in front of every CRM request: faults, admission and the log.

Plain ASGI, because it runs on each call.
"""

import asyncio
import json
import time
from datetime import timedelta
from email.utils import format_datetime
from typing import Protocol

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tieline.sandbox.kernel.crm import SandboxCrm
from tieline.sandbox.kernel.exchange import SCOPE_KEY, Answer, Exchange
from tieline.sandbox.kernel.faults import Rule
from tieline.sandbox.kernel.log import BODY_LIMIT, LogEntry
from tieline.sandbox.kernel.values import get_number

ADMIN_PREFIX = "/__sandbox__"
TRANSPORT_KEY = "sandbox.transport"


class ConnectionDropped(ConnectionResetError):  # noqa: N818 - reads as what happened to the client
    """Raised instead of closing a socket where the app is called in-process, without one."""


class _Closable(Protocol):
    def close(self) -> None: ...
    def abort(self) -> None: ...


class Gate:
    """ASGI middleware of one CRM."""

    def __init__(self, app: ASGIApp, crm: SandboxCrm) -> None:
        self._app = app
        self._crm = crm
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(ADMIN_PREFIX):
            await self._app(scope, receive, send)
            return
        exchange = await self._open(scope, receive)
        scope[SCOPE_KEY] = exchange
        call = _Call(self._app, self._crm, scope, receive, send, exchange)
        started = time.perf_counter()
        try:
            await self._run(call)
        finally:
            elapsed = (time.perf_counter() - started) * 1000
            call.entry = LogEntry(exchange, call.status, elapsed, call.late_status)
            self._crm.log.add(call.entry)

    async def _open(self, scope: Scope, receive: Receive) -> Exchange:
        body = await _read_body(receive)
        path, method = scope["path"], scope["method"]
        return Exchange(
            number=self._crm.log.next_number(),
            at=self._crm.clock.now(),
            method=method,
            path=path,
            query=scope["query_string"].decode("latin-1"),
            body=body,
            operation=self._crm.operation(method, path),
        )

    async def _run(self, call: "_Call") -> None:
        for rule in self._crm.faults.take(call.exchange):
            call.exchange.fault = rule.kind
            if rule.kind == "latency":
                await asyncio.sleep(get_number(rule.arguments, "seconds"))
            else:
                await self._fail(call, rule)
                return
        await call.serve()

    async def _fail(self, call: "_Call", rule: Rule) -> None:
        if rule.kind == "status":
            await call.answer(_status_answer(self._crm, rule))
        elif rule.kind == "drop_before":
            await call.drop(rule)
        elif rule.kind == "drop_after":
            await call.apply()
            await call.drop(rule)
        else:
            await self._commit_late(call, rule)

    async def _commit_late(self, call: "_Call", rule: Rule) -> None:
        """Keeps the client waiting unanswered; the write happens on its own, also after it has gone."""
        clock = self._crm.clock
        due = clock.now() + timedelta(seconds=get_number(rule.arguments, "seconds"))
        if rule.arguments.get("stamp") == "request":
            call.exchange.stamp = clock.now()

        async def commit() -> None:
            await clock.wait_until(due)
            await call.apply()

        task = asyncio.create_task(commit())
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        gone = asyncio.create_task(call.wait_for_disconnect())
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
        if task.done():
            task.result()
            await call.drop(rule)


class _Call:
    """One request on its way through: serve it, answer it, apply it unanswered, or drop it."""

    def __init__(
        self, app: ASGIApp, crm: SandboxCrm, scope: Scope, receive: Receive, send: Send, exchange: Exchange
    ) -> None:
        self._app = app
        self._crm = crm
        self._scope = scope
        self._receive = receive
        self._send = send
        self._body_given = False
        self._body = exchange.body
        self.exchange = exchange
        self.status: int | None = None
        self.late_status: int | None = None
        self.entry: LogEntry | None = None

    async def serve(self) -> None:
        await self._pass_on(self._replay, self._answered)

    async def answer(self, answer: Answer) -> None:
        await answer.response()(self._scope, self._replay, self._answered)

    async def apply(self) -> None:
        """Runs the handler and throws its answer away."""

        async def discard(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.late_status = message["status"]
                if self.entry is not None:
                    self.entry.late_status = self.late_status

        self._body_given = False
        # The log shortens the body of a request that it has entered, which may be before it is applied.
        self.exchange.body = self._body
        await self._pass_on(self._body_only, discard)
        if self.entry is not None:
            self.exchange.body = self._body[:BODY_LIMIT]

    async def drop(self, rule: Rule) -> None:
        """Closes the TCP connection without an answer: FIN, or RST when the rule says `reset`."""
        transport: _Closable | None = self._scope.get(TRANSPORT_KEY)
        if transport is None:
            raise ConnectionDropped(f"the sandbox dropped this request ({rule.kind})")
        if rule.arguments.get("reset") is True:
            transport.abort()
        else:
            transport.close()
        await self.wait_for_disconnect()

    async def wait_for_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _pass_on(self, receive: Receive, send: Send) -> None:
        refusal = self._crm.admit(Request(self._scope))
        if refusal is not None:
            await refusal(self._scope, receive, send)
        else:
            await self._app(self._scope, receive, send)

    async def _body_only(self) -> Message:
        if self._body_given:
            return {"type": "http.disconnect"}
        self._body_given = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def _replay(self) -> Message:
        return await self._receive() if self._body_given else await self._body_only()

    async def _answered(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            # The CRM's clock, not the machine's: clients take their watermarks from it.
            date = format_datetime(self._crm.clock.now().replace(microsecond=0), usegmt=True)
            extra = {"date": date, **self._crm.answer_headers(self.exchange)}
            message["headers"] = [
                *message.get("headers", ()),
                *((name.encode("latin-1"), value.encode("latin-1")) for name, value in extra.items()),
            ]
        await self._send(message)


def _status_answer(crm: SandboxCrm, rule: Rule) -> Answer:
    """The CRM's own answer to that status unless the rule brings a body; a rule's headers are added."""
    status, name, body = rule.arguments["status"], rule.arguments.get("name"), rule.arguments.get("body")
    assert isinstance(status, int)
    answer = crm.authentic_error(status, name if isinstance(name, str) else None)
    headers = dict(answer.headers)
    given = rule.arguments.get("headers")
    if isinstance(given, dict):
        headers.update({str(key): str(value) for key, value in given.items()})
    if body is None:
        return Answer(status, answer.body, headers)
    return Answer(status, encode_body(body), headers)


def encode_body(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


async def _read_body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
