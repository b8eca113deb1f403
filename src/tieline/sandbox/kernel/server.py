"""Serves sandbox applications on loopback, one port each, in one uvicorn process or in a thread of a test.

A dropped request must look like a dropped one on the wire, so the HTTP protocol hands its transport to the
application in the ASGI scope; nothing but the gate may use it.
"""

import asyncio
import contextlib
import json
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol

from tieline.sandbox.kernel.gate import TRANSPORT_KEY

_START_SECONDS = 20


class SandboxProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with the transport in the scope."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        served = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope[TRANSPORT_KEY] = self.transport
            await served(scope, receive, send)

        self.app = with_transport


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it: several servers share one process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets that name their protocol; without it each answer waits 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(512)
    return sock


def url_of(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(app: ASGIApp) -> _Server:
    config = Config(
        app,
        http=SandboxProtocol,
        lifespan="off",
        log_level="warning",
        access_log=False,
        date_header=False,  # The gate sends the CRM's own.
        timeout_graceful_shutdown=1,
        # Longer than clients pause between polls: a connection closed just as it is used again looks like a fault.
        timeout_keep_alive=120,
        # The CRM refuses what is too long with its own answer, so the server must let it through.
        h11_max_incomplete_event_size=1 << 20,
    )
    return _Server(config)


def serve(
    apps: Mapping[str, ASGIApp], host: str, ports: Mapping[str, int], *, announce: bool = False
) -> None:
    """Serves until SIGINT or SIGTERM; `announce` prints a JSON line `{"crm", "url"}` per application."""
    asyncio.run(_serve(apps, host, ports, announce))


async def _serve(apps: Mapping[str, ASGIApp], host: str, ports: Mapping[str, int], announce: bool) -> None:
    servers = {name: _server(app) for name, app in apps.items()}
    sockets = {name: bind(host, ports.get(name, 0)) for name in apps}
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers.values():
            server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    if announce:
        for name, sock in sockets.items():
            print(json.dumps({"crm": name, "url": url_of(sock)}), flush=True)
    await asyncio.gather(*(server.serve(sockets=[sockets[name]]) for name, server in servers.items()))


class LoopbackServer:
    """Context manager that serves one application on 127.0.0.1 from a thread; `url` is its address."""

    def __init__(self, app: ASGIApp) -> None:
        self._server = _server(app)
        self._socket = bind("127.0.0.1", 0)
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._ready = threading.Event()
        self.url = url_of(self._socket)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise RuntimeError("the sandbox did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        # The socket already listens: a request that comes early waits in its backlog.
        self._ready.set()
        await self._server.serve(sockets=[self._socket])
