"""The driver: where requests go, what they carry, what failures become, and that no secret gets out."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import httpx2
import pytest
from tests.connectors.fakes import ORIGIN, SECRET, Setup, ask

from tieline.ports.crm import Identity, Limits, Operation, Request, Response, Token
from tieline.ports.errors import (
    CredentialsInvalidError,
    CrmError,
    FatalError,
    MalformedAnswerError,
    RateLimitedError,
    RecordRejectedError,
    SendTooLateError,
    TransientError,
)
from tieline.testing.sessions import ManualClock, MemoryGate


@pytest.fixture
async def it() -> Setup:
    return Setup()


# What is sent, and where


async def test_a_request_carries_the_token_its_query_and_its_numbers_exactly(it: Setup) -> None:
    request = Request("POST", "/things", query={"q": "a+b c'%_é"}, json={"n": Decimal("0.10"), "t": "é"})
    response = await it.session.run(ask(request))
    sent = it.crm.requests[-1]
    assert sent.headers["authorization"] == "Bearer token-1"
    assert str(sent.url) == f"{ORIGIN}/things?q=a%2Bb%20c%27%25_%C3%A9"
    assert sent.content == '{"n":0.10,"t":"é"}'.encode()
    assert json.loads(response.body) == {"ok": True}
    assert it.crm.paths() == ["/token", "/me", "/things"]
    assert it.session.requests_sent == 3
    assert it.session.identity == Identity("tenant-1")


async def test_a_request_that_needs_no_token_carries_none(it: Setup) -> None:
    it.crm.valid.add("")
    with pytest.raises(CrmError):
        await it.session.run(ask(authenticated=False))
    assert "authorization" not in it.crm.requests[-1].headers


async def test_requests_go_to_the_tokens_own_origin(it: Setup) -> None:
    it.crm.token_answer = {"base_url": "https://other.example"}
    await it.session.run(ask())
    assert [request.url.host for request in it.crm.requests] == [
        "crm.example",
        "other.example",
        "other.example",
    ]


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "things",
        "@evil.example/",
        ":80@evil.example/",
        "/a/../b",
        "/a/%2e%2e/b",
        "/a/..",
        "/a?x=1",
        "/a#x",
        "/a\\b",
        "/a b",
        "/a\r\nHost: evil.example",
        "",
    ],
)
async def test_a_path_that_could_lead_elsewhere_is_never_sent(it: Setup, path: str) -> None:
    with pytest.raises(FatalError):
        await it.session.run(ask(path=path))
    assert it.crm.paths() == ["/token", "/me"]


async def test_no_redirect_is_followed(it: Setup) -> None:
    it.crm.handle = lambda request: httpx2.Response(302, headers={"location": "https://evil.example/"})
    with pytest.raises(FatalError):
        await it.session.run(ask())
    assert {request.url.host for request in it.crm.requests} == {"crm.example"}


async def test_no_cookie_goes_from_one_tenant_to_another(it: Setup) -> None:
    it.crm.handle = lambda request: httpx2.Response(200, headers={"set-cookie": "who=tenant-1; Path=/"})
    await it.session.run(ask())
    await it.another().run(ask())
    assert not any("cookie" in request.headers for request in it.crm.requests)


# Tokens


async def test_a_refused_token_is_renewed_once_and_the_request_sent_again(it: Setup) -> None:
    await it.session.run(ask())
    it.crm.valid = set()
    response = await it.session.run(ask(Request("PATCH", "/things", json={"a": 1}, applies=True)))
    assert response.status == 200
    assert it.crm.paths()[3:] == ["/things", "/token", "/me", "/things"]
    assert it.crm.requests[-1].content == it.crm.requests[3].content
    assert it.store.token is not None
    assert it.store.token.access_token == "token-2"


async def test_a_token_that_is_refused_when_new_ends_in_invalid_credentials(it: Setup) -> None:
    await it.session.run(ask())
    it.crm.handle = lambda request: httpx2.Response(401, text="never")
    with pytest.raises(CredentialsInvalidError) as caught:
        await it.session.run(ask())
    assert type(caught.value) is CredentialsInvalidError
    assert it.crm.tokens == 2


async def test_a_static_token_is_not_sent_twice(it: Setup) -> None:
    await it.session.run(ask())
    it.crm.valid = set()
    it.crm.token_answer = {"token": "token-1"}
    with pytest.raises(CredentialsInvalidError):
        await it.session.run(ask())
    assert it.crm.paths()[3:] == ["/things", "/token"]


async def test_a_token_near_its_end_is_renewed_before_it_is_used(it: Setup) -> None:
    it.crm.token_answer = {"expires_in": 1800}
    await it.session.run(ask())
    it.clock.advance(1000)
    await it.session.run(ask())
    assert it.crm.tokens == 1
    it.clock.advance(750)
    await it.session.run(ask())
    assert it.crm.tokens == 2
    assert it.crm.requests[-1].headers["authorization"] == "Bearer token-2"


async def test_concurrent_operations_authenticate_once(it: Setup) -> None:
    it.crm.delay = 5
    await asyncio.gather(*(it.session.run(ask()) for _ in range(8)))
    assert it.crm.tokens == 1
    assert it.crm.paths().count("/me") == 1
    it.crm.valid = set()
    await asyncio.gather(*(it.session.run(ask()) for _ in range(8)))
    assert it.crm.tokens == 2


async def test_a_stored_token_is_used_and_its_owner_asked_for(it: Setup) -> None:
    await it.session.run(ask())
    other = it.another()
    await other.run(ask())
    assert it.crm.tokens == 1
    assert it.crm.paths() == ["/token", "/me", "/things", "/me", "/things"]
    assert other.identity == Identity("tenant-1")


async def test_a_token_that_another_session_renewed_is_taken_over(it: Setup) -> None:
    first, second = it.session, it.another()
    await first.run(ask())
    await second.run(ask())
    it.crm.valid = set()
    await first.run(ask())
    await second.run(ask())
    assert it.crm.tokens == 2


async def test_a_dead_stored_token_is_replaced(it: Setup) -> None:
    it.store.token = Token("dead", ORIGIN)
    await it.session.run(ask())
    assert it.crm.paths() == ["/me", "/token", "/me", "/things"]


async def test_a_rotated_refresh_token_is_kept_and_used(it: Setup) -> None:
    it.crm.token_answer = {"refresh": "refresh-2"}
    await it.session.run(ask())
    it.crm.valid = set()
    it.crm.token_answer = {}
    await it.another().run(ask())
    renewal = [request for request in it.crm.requests if request.url.path == "/token"][-1]
    assert b"refresh_token=refresh-2" in renewal.content
    assert it.store.token is not None
    assert it.store.token.refresh_token == "refresh-2"


async def test_another_tenant_stops_the_session_before_anything_is_sent_on_its_behalf() -> None:
    class OtherTenantError(Exception):
        pass

    async def check(identity: Identity) -> None:
        if identity.tenant_id != "tenant-1":
            raise OtherTenantError(identity.tenant_id)

    it = Setup(on_identity=check)
    await it.session.run(ask())
    it.crm.valid = set()
    it.crm.tenant = "tenant-2"
    for session in (it.session, it.another(), it.session):
        with pytest.raises(OtherTenantError):
            await session.run(ask(Request("PATCH", "/things", applies=True)))
    assert it.crm.paths().count("/things") == 2
    assert it.session.identity == Identity("tenant-1")


# Failures


def _down(kind: type[httpx2.TransportError]) -> Setup:
    it = Setup()

    def fail(request: httpx2.Request) -> httpx2.Response:
        raise kind(f"about {request.headers['authorization']}", request=request)

    it.crm.handle = fail
    return it


@pytest.mark.parametrize("kind", [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout])
async def test_what_could_not_be_sent_did_not_happen(kind: type[httpx2.TransportError]) -> None:
    with pytest.raises(TransientError) as caught:
        await _down(kind).session.run(ask(Request("PATCH", "/things", applies=True)))
    assert not caught.value.maybe_applied


@pytest.mark.parametrize("applies", [True, False])
@pytest.mark.parametrize(
    "kind", [httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError, httpx2.ReadTimeout]
)
async def test_what_may_have_left_may_have_happened(kind: type[httpx2.TransportError], applies: bool) -> None:
    with pytest.raises(TransientError) as caught:
        await _down(kind).session.run(ask(Request("PATCH", "/things", applies=applies)))
    assert caught.value.maybe_applied is applies


async def test_an_answer_that_takes_longer_than_the_requests_limit_may_have_happened() -> None:
    it = Setup()
    await it.session.run(ask())
    it.crm.delay = 1_000_000
    with pytest.raises(TransientError) as caught:
        await it.session.run(ask(Request("PATCH", "/things", applies=True, timeout_s=0.01)))
    assert caught.value.maybe_applied
    assert caught.value.code == "timeout"


async def test_an_answer_that_is_too_large_is_refused_without_reading_it_all() -> None:
    it = Setup(max_response_bytes=1000)
    read = 0

    class Endless(httpx2.AsyncByteStream):
        async def __aiter__(self):  # type: ignore[no-untyped-def]
            nonlocal read
            while True:
                read += 1
                yield b"x" * 100

    it.crm.handle = lambda request: httpx2.Response(200, stream=Endless())
    with pytest.raises(MalformedAnswerError) as caught:
        await it.session.run(ask(Request("PATCH", "/things", applies=True)))
    assert caught.value.maybe_applied
    assert read < 20


async def test_a_failed_request_is_not_sent_again(it: Setup) -> None:
    it.crm.handle = lambda request: httpx2.Response(503)
    with pytest.raises(TransientError):
        await it.session.run(ask())
    assert it.crm.paths().count("/things") == 1


async def test_an_operation_sees_its_own_error_and_may_go_on(it: Setup) -> None:
    def operation() -> Operation[str]:
        try:
            yield Request("GET", "/bulk")
        except RecordRejectedError:
            response = yield Request("GET", "/other")
            return f"other {response.status}"
        return "bulk"

    it.crm.handle = lambda request: httpx2.Response(422 if request.url.path == "/bulk" else 200)
    assert await it.session.run(operation()) == "other 200"


async def test_an_operation_that_fails_by_itself_is_closed_and_its_error_is_its_own(it: Setup) -> None:
    closed: list[bool] = []

    def operation() -> Iterator[Request]:
        try:
            yield Request("GET", "/things")
            raise KeyError("a bug")
        finally:
            closed.append(True)

    with pytest.raises(KeyError):
        await it.session.run(operation())  # type: ignore[arg-type]
    assert closed == [True]


# Pace


async def test_every_request_waits_at_the_gate_of_its_bucket(it: Setup) -> None:
    it.crm.handle = lambda request: httpx2.Response(200, headers={"X-Used": "7"})
    await it.session.run(ask(bucket="search"))
    assert it.gate.acquired == ["auth", "core", "search"]
    assert it.gate.reports == [Limits("core", 100, 7, 10.0)]


async def test_a_rate_limit_pauses_its_bucket_for_everybody(it: Setup) -> None:
    it.crm.handle = lambda request: httpx2.Response(429, headers={"X-Used": "100"})
    with pytest.raises(RateLimitedError):
        await it.session.run(ask())
    assert it.gate.pauses == {"core": it.clock.now() + timedelta(seconds=30)}
    assert it.gate.reports == [Limits("core", 100, 100, 10.0)]
    sent = len(it.crm.requests)
    with pytest.raises(RateLimitedError):
        await it.session.run(ask())
    assert len(it.crm.requests) == sent


async def test_a_days_limit_is_told_to_the_gate_and_the_error_says_when_to_look_again(it: Setup) -> None:
    it.crm.handle = lambda request: httpx2.Response(429, text="daily")
    with pytest.raises(RateLimitedError) as caught:
        await it.session.run(ask())
    assert caught.value.daily
    assert it.gate.exhaustions == ["core"]
    assert caught.value.until == it.clock.now() + timedelta(seconds=30)


# Deadlines


def slow_gate(it: Setup, seconds: float, *, from_turn: int = 1) -> None:
    """Every turn from that one on comes after so long. As long may a worker be frozen at any other moment."""
    at_once, turns = it.gate.acquire, 0

    class SlowGate(MemoryGate):
        async def acquire(self, bucket: str) -> None:
            nonlocal turns
            await at_once(bucket)
            turns += 1
            if turns >= from_turn:
                it.clock.advance(seconds)

    it.gate = SlowGate(clock=it.clock)
    it.session = it.another()


async def test_a_write_whose_turn_comes_after_its_deadline_is_not_sent(it: Setup) -> None:
    slow_gate(it, 40, from_turn=3)
    with pytest.raises(SendTooLateError) as caught:
        await it.session.run(ask(applies=True), send_by=it.clock.now() + timedelta(seconds=30))
    assert not caught.value.maybe_applied
    assert it.crm.paths() == ["/token", "/me"]


async def test_a_deadline_holds_no_read_back_and_no_write_that_is_in_time(it: Setup) -> None:
    await it.session.run(ask(applies=True), send_by=it.clock.now())
    it.clock.advance(1)
    await it.session.run(ask(), send_by=it.clock.now() - timedelta(seconds=1))
    assert it.crm.paths() == ["/token", "/me", "/things", "/things"]


async def test_a_write_is_looked_at_again_before_it_is_sent_with_a_renewed_token(it: Setup) -> None:
    slow_gate(it, 20, from_turn=3)
    it.crm.handle = lambda request: httpx2.Response(401)
    with pytest.raises(SendTooLateError):
        await it.session.run(ask(applies=True), send_by=it.clock.now() + timedelta(seconds=30))
    assert it.crm.paths() == ["/token", "/me", "/things", "/token", "/me"]


@pytest.mark.parametrize(("first", "begun"), [(200, True), (503, True), (422, False)])
async def test_who_is_too_late_for_a_second_write_says_whether_the_first_may_have_been_applied(
    it: Setup, first: int, begun: bool
) -> None:
    slow_gate(it, 20, from_turn=3)
    it.crm.handle = lambda request: httpx2.Response(first)

    def two_writes() -> Operation[Response]:
        with suppress(CrmError):
            yield Request("POST", "/things", applies=True)
        return (yield Request("POST", "/things", applies=True))

    with pytest.raises(SendTooLateError) as caught:
        await it.session.run(two_writes(), send_by=it.clock.now() + timedelta(seconds=30))
    assert caught.value.maybe_applied is begun


# Secrets


async def test_no_error_and_no_repr_shows_a_secret(it: Setup) -> None:
    await it.session.run(ask())
    secrets = (SECRET, "token-1", "token-2")

    def echo(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(422, text=f"you sent {request.headers['authorization']} {SECRET}")

    def lose(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadError(f"lost {request.headers['authorization']}", request=request)

    def refuse(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(401, text=f"no {request.headers['authorization']}")

    for handler in (echo, lose, refuse):
        it.crm.handle = handler
        with pytest.raises(CrmError) as caught:
            await it.session.run(ask())
        error: BaseException | None = caught.value
        while error is not None:
            assert not any(secret in f"{error} {error!r} {vars(error)}" for secret in secrets), handler
            assert not isinstance(error, httpx2.HTTPError), "it holds the request, and so the token"
            error = error.__cause__ or error.__context__
    for thing in (it.session, it.credentials, it.store.token):
        assert not any(secret in repr(thing) for secret in secrets)


async def test_a_header_that_cannot_be_written_is_no_reason_to_show_the_token(it: Setup) -> None:
    it.crm.token_answer = {"token": "tok\nen-bad"}
    with pytest.raises(CrmError) as caught:
        await it.session.run(ask())
    assert "en-bad" not in f"{caught.value} {caught.value!r} {caught.value.__context__!r}"


async def test_answers_say_when_they_were_asked_for(it: Setup) -> None:
    asked: list[Response] = []

    def slow(request: httpx2.Request) -> httpx2.Response:
        it.clock.advance(3)
        return httpx2.Response(200)

    it.crm.handle = slow
    asked.append(await it.session.run(ask()))
    assert asked[0].requested_at == ManualClock().at
    assert asked[0].received_at == ManualClock().at + timedelta(seconds=3)
