"""A CRM of three routes, and a connector for it, to test the driver with."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import httpx2

from tieline.connectors.http import HttpSession
from tieline.ports.crm import (
    Connector,
    Credentials,
    Identity,
    Limits,
    Operation,
    Request,
    Response,
    Token,
)
from tieline.ports.errors import (
    AccessTokenExpiredError,
    CredentialsInvalidError,
    CrmError,
    RateLimitedError,
    RecordRejectedError,
    TransientError,
)
from tieline.ports.session import OnIdentity
from tieline.testing.sessions import ManualClock, MemoryGate, MemoryTokenStore

ORIGIN = "https://crm.example"
SECRET = "s3cret-of-the-app"
Handler = Callable[[httpx2.Request], httpx2.Response]


class FakeConnector:
    """Signs in with `POST /token`, names itself with `GET /me`; every error answer quotes what it was sent."""

    def base_url(self, credentials: Credentials) -> str:
        return credentials.tenant_url or ORIGIN

    def authenticate(self, credentials: Credentials, now: datetime) -> Operation[Token]:
        response = yield Request(
            "POST", "/token", form=dict(credentials.auth), bucket="auth", authenticated=False
        )
        told = json.loads(response.body)
        expires = now + timedelta(seconds=told["expires_in"]) if "expires_in" in told else None
        base_url = told.get("base_url", credentials.tenant_url)
        return Token(told["token"], base_url, expires, refresh_token=told.get("refresh"))

    def identify(self, token: Token) -> Operation[Identity]:
        response = yield Request("GET", "/me")
        return Identity(json.loads(response.body)["tenant"])

    def classify(self, request: Request, response: Response) -> CrmError | None:
        text = response.body.decode()
        match response.status:
            case 401:
                kind = CredentialsInvalidError if request.path == "/token" else AccessTokenExpiredError
                return kind("Not accepted.", detail=text)
            case 429:
                until = response.received_at + timedelta(seconds=30)
                return RateLimitedError("Too many.", until=until, daily=text == "daily")
            case 422:
                return RecordRejectedError("Refused.", detail=text)
            case status if status >= 500:
                return TransientError("Later.", maybe_applied=request.applies, detail=text)
        return None

    def limits(self, response: Response) -> Sequence[Limits]:
        used = response.headers.get("x-used")
        return (Limits("core", 100, int(used), 10.0),) if used else ()


class FakeCrm:
    """Answers the driver's requests and keeps them. `handle` may be replaced; tokens are `token-1`, `token-2`, ..."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.valid: set[str] = set()
        self.tokens = 0
        self.tenant = "tenant-1"
        self.token_answer: dict[str, Any] = {}
        self.handle: Handler = lambda request: httpx2.Response(200, json={"ok": True})
        self.delay = 0

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        for _ in range(self.delay):
            await asyncio.sleep(0)
        if request.url.path == "/token":
            return self._token()
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.valid:
            return httpx2.Response(401, text=f"bad {request.headers.get('authorization')}")
        if request.url.path == "/me":
            return httpx2.Response(200, json={"tenant": self.tenant})
        return self.handle(request)

    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]

    def _token(self) -> httpx2.Response:
        self.tokens += 1
        token = f"token-{self.tokens}"
        self.valid = {token}
        return httpx2.Response(200, json={"token": token, **self.token_answer})


class Setup:
    """A session over a `FakeCrm` with everything that it stands on."""

    def __init__(self, *, on_identity: OnIdentity | None = None, max_response_bytes: int = 1_000_000) -> None:
        self.crm = FakeCrm()
        self.store = MemoryTokenStore()
        self.clock = ManualClock()
        self.gate = MemoryGate(clock=self.clock)
        self.credentials = Credentials(ORIGIN, {"type": "oauth2", "client_id": "me", "client_secret": SECRET})
        self.http = httpx2.AsyncClient(transport=httpx2.MockTransport(self.crm))
        self.on_identity = on_identity
        self.max_response_bytes = max_response_bytes
        self.session = self.another()

    def another(self) -> HttpSession:
        """One more session of the same connection."""
        return HttpSession(
            cast(Connector, FakeConnector()),
            self.credentials,
            http=self.http,
            token_store=self.store,
            gate=self.gate,
            clock=self.clock,
            app_id="app_1",
            on_identity=self.on_identity,
            max_response_bytes=self.max_response_bytes,
        )


def ask(request: Request | None = None, **changes: Any) -> Operation[Response]:
    """An operation of one request."""
    response = yield replace(request or Request("GET", "/things"), **changes)
    return response
