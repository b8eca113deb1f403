"""The kernel on a toy CRM: faults on the wire, the log and the admin routes."""

import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tieline.sandbox.kernel.app import make_app
from tieline.sandbox.kernel.clock import SandboxClock
from tieline.sandbox.kernel.errors import AdminError
from tieline.sandbox.kernel.exchange import Answer, Exchange, exchange_of
from tieline.sandbox.kernel.faults import Faults
from tieline.sandbox.kernel.log import RequestLog
from tieline.sandbox.kernel.server import LoopbackServer, bind
from tieline.sandbox.kernel.values import JsonObject
from tieline.sandbox.server import create_crm


class ToyCrm:
    """Keeps the texts that were posted."""

    name = "toy"

    def __init__(self) -> None:
        self.clock = SandboxClock()
        self.faults = Faults()
        self.log = RequestLog()
        self.kept: list[str] = []
        self.stamps: list[str] = []

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/things", self._things, methods=["GET", "POST"])]

    async def _things(self, request: Request) -> Response:
        if request.method == "POST":
            exchange = exchange_of(request)
            self.kept.append(exchange.body.decode())
            self.stamps.append((exchange.stamp or self.clock.now()).isoformat())
            exchange.record_ids.append(str(len(self.kept)))
            return JSONResponse({"id": len(self.kept)}, status_code=201)
        return JSONResponse(self.kept)

    def operation(self, method: str, path: str) -> str:
        return f"things.{method.lower()}" if path == "/things" else "unknown"

    def admit(self, request: Request) -> Response | None:
        return None if request.headers.get("authorization") else JSONResponse({"who": "?"}, status_code=401)

    def answer_headers(self, exchange: Exchange) -> Mapping[str, str]:
        return {"x-toy": str(exchange.number)}

    def authentic_error(self, status: int, name: str | None = None) -> Answer:
        return Answer(
            status, json.dumps({"toy": name or status}).encode(), {"content-type": "application/json"}
        )

    def _nothing(self, spec: JsonObject) -> JsonObject:
        raise AdminError("toys are not steered")

    seed = create = edit = delete = restore = merge = change_schema = settings = _nothing

    def state(self) -> JsonObject:
        return {"things": len(self.kept)}


@pytest.fixture
def crm() -> ToyCrm:
    return ToyCrm()


@pytest.fixture
def client(crm: ToyCrm) -> Iterator[httpx2.Client]:
    with (
        LoopbackServer(make_app(crm)) as server,
        httpx2.Client(base_url=server.url, headers={"authorization": "x"}, timeout=5) as client,
    ):
        yield client


def add_fault(client: httpx2.Client, **rule: object) -> str:
    answer = client.post("/__sandbox__/faults", json=rule)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["faults"][0]["id"])


def raw_exchange(client: httpx2.Client, request: bytes) -> bytes:
    """Everything the server sends until it closes the connection."""
    host = urlsplit(str(client.base_url))
    received = b""
    with socket.create_connection((host.hostname, host.port), timeout=5) as sock:
        sock.sendall(request)
        while chunk := sock.recv(65536):
            received += chunk
    return received


POST_RAW = b"POST /things HTTP/1.1\r\nhost: x\r\nauthorization: x\r\ncontent-length: 3\r\n\r\nabc"


def test_every_answer_carries_the_crms_headers_also_refusals_and_unknown_paths(client: httpx2.Client) -> None:
    assert client.get("/things").headers["x-toy"] == "1"
    refused = client.get("/things", headers={"authorization": ""})
    assert (refused.status_code, refused.headers["x-toy"]) == (401, "2")
    missing = client.get("/nowhere")
    assert (missing.status_code, missing.json(), missing.headers["x-toy"]) == (404, {"toy": 404}, "3")
    assert client.delete("/things").status_code == 405


def test_a_status_fault_answers_as_the_crm_would_and_lets_the_write_alone(
    client: httpx2.Client, crm: ToyCrm
) -> None:
    add_fault(client, kind="status", status=503, match={"operation": "things.post"}, times=2, after=1)
    statuses = [client.post("/things", content=b"a").status_code for _ in range(4)]
    assert statuses == [201, 503, 503, 201]
    assert len(crm.kept) == 2


def test_a_status_fault_can_bring_its_own_body_and_headers(client: httpx2.Client) -> None:
    add_fault(client, kind="status", status=429, body={"own": 1}, headers={"retry-after": "7"})
    answer = client.get("/things")
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (429, {"own": 1}, "7")


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(("kind", "applied"), [("drop_before", 0), ("drop_after", 1)])
def test_a_drop_closes_the_connection_without_a_byte(
    client: httpx2.Client, crm: ToyCrm, kind: str, applied: int, reset: bool
) -> None:
    add_fault(client, kind=kind, reset=reset, match={"method": "POST"})
    try:
        assert raw_exchange(client, POST_RAW) == b""
    except ConnectionResetError:
        assert reset
    assert len(crm.kept) == applied
    add_fault(client, kind=kind, match={"method": "POST"})
    with pytest.raises(httpx2.TransportError):
        client.post("/things", content=b"b")
    assert client.get("/things").status_code == 200


def test_a_late_commit_is_applied_after_the_client_gave_up(client: httpx2.Client, crm: ToyCrm) -> None:
    crm.clock.freeze(crm.clock.now())
    start = crm.clock.now()
    add_fault(client, kind="late_commit", seconds=60, stamp="request", match={"method": "POST"})
    long = "late" * 50_000
    with pytest.raises(httpx2.ReadTimeout):
        client.post("/things", content=long.encode(), timeout=0.5)
    assert client.get("/things").json() == []
    client.post("/__sandbox__/clock", json={"advance": 61})
    deadline = time.monotonic() + 5
    while client.get("/things").json() != [long]:
        assert time.monotonic() < deadline, "the late write never came"
    assert crm.stamps == [start.isoformat()]
    entry = crm.log.entries(operation="things.post")[0].as_json()
    assert (entry["status"], entry["late_status"], entry["fault"]) == (None, 201, "late_commit")
    assert len(str(entry["body"])) == 64 * 1024


def test_a_late_commit_closes_the_connection_of_a_client_that_still_waits(
    client: httpx2.Client, crm: ToyCrm
) -> None:
    add_fault(client, kind="late_commit", seconds=0.05, match={"method": "POST"})
    assert raw_exchange(client, POST_RAW) == b""
    assert crm.kept == ["abc"]


def test_faults_are_listed_with_how_often_they_fired_and_removed(client: httpx2.Client) -> None:
    first = add_fault(client, kind="latency", seconds=0, times=None)
    add_fault(client, kind="status", status=500, match={"body": "poison"})
    client.get("/things")
    rules = client.get("/__sandbox__/faults").json()["faults"]
    assert [(rule["fired"], rule["times"]) for rule in rules] == [(1, None), (0, 1)]
    assert client.post("/things", content=b"a poison pill").status_code == 500
    assert len(client.delete(f"/__sandbox__/faults/{first}").json()["faults"]) == 1
    assert client.delete("/__sandbox__/faults").json() == {"faults": []}
    assert client.delete("/__sandbox__/faults/f9").status_code == 404


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"kind": "explode"}, "unknown fault kind"),
        ({"kind": "latency"}, "seconds must be a number"),
        ({"kind": "status", "status": 200}, "400 to 599"),
        ({"kind": "drop_before", "second": 1}, "no member 'second'"),
        ({"kind": "drop_before", "match": {"path": "("}}, "not a regular expression"),
        ({"kind": "drop_before", "match": {"url": "x"}}, "no member 'url'"),
        ({"kind": "late_commit", "seconds": 1, "stamp": "never"}, "commit or request"),
    ],
)
def test_a_wrong_fault_is_refused_with_the_reason(
    client: httpx2.Client, rule: JsonObject, words: str
) -> None:
    answer = client.post("/__sandbox__/faults", json=rule)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_the_log_counts_requests_by_operation_and_keeps_their_bodies(client: httpx2.Client) -> None:
    client.post("/things?x=1", content=b"hello")
    client.get("/things")
    log = client.get("/__sandbox__/requests").json()
    assert log["counts"]["total"] == 2
    assert log["counts"]["by_operation"] == {"things.post": 1, "things.get": 1}
    first = log["requests"][0]
    assert (first["body"], first["query"], first["record_ids"], first["status"]) == (
        "hello",
        "x=1",
        ["1"],
        201,
    )
    only = client.get("/__sandbox__/requests", params={"operation": "things.get"}).json()["requests"]
    assert [entry["n"] for entry in only] == [2]
    assert client.delete("/__sandbox__/requests").json()["counts"]["total"] == 0


def test_admin_errors_say_what_is_wrong(client: httpx2.Client) -> None:
    assert client.post("/__sandbox__/edit", json={}).json() == {"error": "toys are not steered"}
    assert "not JSON" in client.post("/__sandbox__/edit", content=b"{").json()["error"]
    assert client.get("/__sandbox__/nothing").status_code == 404
    assert "advance" in client.post("/__sandbox__/clock", json={"x": 1}).json()["error"]
    assert client.get("/__sandbox__/health").json() == {"status": "ok", "crm": "toy"}
    assert client.get("/__sandbox__/state").json() == {"things": 0}


def test_the_servers_sockets_name_their_protocol_so_that_answers_are_not_delayed() -> None:
    with bind("127.0.0.1", 0) as sock:
        assert sock.proto == socket.IPPROTO_TCP


def test_the_date_of_an_answer_is_the_crms_own() -> None:
    crm = create_crm("salesforce", {})
    crm.clock.freeze(datetime(2031, 5, 1, 12, 0, tzinfo=UTC))
    with LoopbackServer(make_app(crm)) as server:
        answer = httpx2.get(f"{server.url}/services/data/")
    assert answer.headers.get_list("date") == ["Thu, 01 May 2031 12:00:00 GMT"]
