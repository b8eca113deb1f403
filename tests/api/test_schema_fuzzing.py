"""Requests made up from the OpenAPI document, good and bad: none is a fault of ours, and answers are as described."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance
from tests.api.test_isolation import CALLS
from tests.support import world_on

from tieline.api.app import create_app
from tieline.store.embedded import EmbeddedServer, ensure_database
from tieline.store.migrate import migrate


@dataclass(frozen=True, slots=True)
class Running:
    """A server on loopback and a key for it."""

    url: str
    key: str


@pytest.fixture(scope="module")
def running(pg_server: EmbeddedServer) -> Iterator[Running]:
    """The API in a thread of its own, since the made-up requests come from a synchronous client."""
    url = ensure_database(pg_server.url(), "fuzzed")
    migrate(url)
    started: Future[tuple[uvicorn.Server, Running]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(url, started)))
    thread.start()
    server, here = started.result(timeout=30)
    yield here
    server.should_exit = True
    thread.join()


async def _serve(url: str, started: "Future[tuple[uvicorn.Server, Running]]") -> None:
    async with world_on(url) as world:
        org_id, key = await world.org()
        await world.app(org_id)
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(create_app(world.services), log_level="critical", lifespan="off")
        )
        started.set_result((server, Running(f"http://127.0.0.1:{listener.getsockname()[1]}", key)))
        await server.serve(sockets=[listener])
        listener.close()


@pytest.fixture(scope="module")
def document(running: Running) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{running.url}/openapi.json", wait_for_schema=10)


# A route that takes nothing cannot be called wrongly.
TRIED = [
    (*route, mode)
    for route in sorted(CALLS)
    for mode in GenerationMode
    if route[1] != "/health" or mode.is_positive
]


@pytest.mark.parametrize(("method", "path", "mode"), TRIED)
def test_no_request_is_a_fault_of_ours(
    document: schemathesis.BaseSchema, running: Running, method: str, path: str, mode: GenerationMode
) -> None:
    @settings(max_examples=15, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=document[path][method].as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        response = case.call(headers={"authorization": f"Bearer {running.key}"})
        # 503 is what a CRM that cannot be reached becomes, and in this world none can.
        assert response.status_code < 500 or response.status_code == 503, response.text
        case.validate_response(response, checks=[status_code_conformance, response_schema_conformance])

    send()
