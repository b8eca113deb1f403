"""The one driver: runs a connector's operations over HTTP for one connection.

It alone does I/O: sends requests, holds the token, keeps the pace, names what went wrong. It must never send
a token anywhere but to the token's own origin, follow a redirect, retry (but for one renewed token), or let a
secret out.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import httpx2

from tieline.connectors.transport import sent, written
from tieline.ports.crm import Connector, Credentials, Identity, Operation, Request, Response, Token
from tieline.ports.errors import (
    AccessTokenExpiredError,
    CredentialsInvalidError,
    CrmError,
    FatalError,
    RateLimitedError,
    SendTooLateError,
)
from tieline.ports.session import Clock, OnIdentity, RateGate, TokenStore

T = TypeVar("T")

MAX_RESPONSE_BYTES = 128 * 1024 * 1024
RENEW_BEFORE = timedelta(seconds=90)

_PUBLIC_MEMBERS = frozenset({"type", "client_id", "username"})


class HttpSession:
    """A `CrmSession` over HTTP. Safe for concurrent `run`s in one loop; never authenticates twice at once.

    Before the first request it takes the stored token or authenticates, asks the CRM who we are and tells
    `on_identity`, whose exception ends the run with nothing sent on its behalf; so again for each new token.
    `http` must have no credentials, cookies or base URL of its own; it may be shared by all sessions.
    """

    def __init__(
        self,
        connector: Connector,
        credentials: Credentials,
        *,
        http: httpx2.AsyncClient,
        token_store: TokenStore,
        gate: RateGate,
        clock: Clock,
        app_id: str,
        on_identity: OnIdentity | None = None,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
    ) -> None:
        self.app_id = app_id
        self._connector = connector
        self._credentials = credentials
        self._http = http
        self._store = token_store
        self._gate = gate
        self._clock = clock
        self._on_identity = on_identity
        self._max_bytes = max_response_bytes
        self._token: Token | None = None
        self._identity: Identity | None = None
        self._sent = 0
        self._renewing = asyncio.Lock()

    @property
    def connector(self) -> Connector:
        """The connector whose operations this session runs."""
        return self._connector

    @property
    def identity(self) -> Identity | None:
        """Whom the CRM said we are at the newest authentication; None before the first."""
        return self._identity

    @property
    def requests_sent(self) -> int:
        """HTTP requests sent so far, those of authentication included."""
        return self._sent

    async def run(self, operation: Operation[T], *, send_by: datetime | None = None) -> T:
        """Runs one operation to its result. Raises `ports.errors`, and what `on_identity` does.

        The deadline is looked at right before each write leaves, after every wait for a token or a turn, by the
        wall clock: it goes on while a machine sleeps, where a monotonic one stands still. What remains is the moment
        between that look and the socket.
        """
        try:
            token = await self._usable_token()
            return await self._drive(operation, token, may_renew=True, send_by=send_by)
        except CrmError as error:
            self._scrub(error, self._token)
            raise
        finally:
            operation.close()

    async def _drive(
        self,
        operation: Operation[T],
        token: Token | None,
        *,
        may_renew: bool,
        send_by: datetime | None = None,
    ) -> T:
        """Feeds the operation its answers. Errors of a request go into it, those of a renewal end the run."""
        failure: CrmError | None = None
        response: Response | None = None
        deadline = _Deadline(send_by)
        while True:
            try:
                if failure is not None:
                    request = operation.throw(failure)
                elif response is not None:
                    request = operation.send(response)
                else:
                    request = next(operation)
            except StopIteration as stop:
                result: T = stop.value
                return result
            failure = response = None
            try:
                response = await self._exchange(request, token, deadline)
                continue
            except AccessTokenExpiredError as error:
                if token is None or not may_renew:
                    failure = error
                    continue
                expired = error
            except CrmError as error:
                failure = error
                continue
            token = await self._renewed(token, expired)
            try:
                response = await self._exchange(request, token, deadline)
            except AccessTokenExpiredError as error:
                raise _refused(error) from None
            except CrmError as error:
                failure = error

    # Tokens

    async def _usable_token(self) -> Token:
        token = self._token
        if token is not None and not self._expiring(token):
            return token
        async with self._renewing:
            token = self._token
            if token is not None and not self._expiring(token):
                return token
            stored = await self._store.load()
            if stored is not None and stored != token and not self._expiring(stored):
                with suppress(AccessTokenExpiredError):
                    return await self._adopt(stored)
            return await self._authenticate(stored)

    async def _renewed(self, stale: Token, error: AccessTokenExpiredError) -> Token:
        """A token other than the stale one: somebody else's newer one, or a new one from the CRM."""
        async with self._renewing:
            if self._token is not None and self._token.access_token != stale.access_token:
                return self._token
            self._token = None
            stored = await self._store.load()
            newer = stored is not None and stored.access_token != stale.access_token
            if stored is not None and newer and not self._expiring(stored):
                with suppress(AccessTokenExpiredError):
                    return await self._adopt(stored)
            return await self._authenticate(stored, stale, error)

    async def _authenticate(
        self,
        stored: Token | None,
        stale: Token | None = None,
        error: AccessTokenExpiredError | None = None,
    ) -> Token:
        refresh = stored.refresh_token if stored is not None else None
        credentials = self._credentials
        if refresh is not None:
            credentials = replace(credentials, auth={**credentials.auth, "refresh_token": refresh})
        token = await self._drive(
            self._connector.authenticate(credentials, self._clock.now()), None, may_renew=False
        )
        if stale is not None and error is not None and token.access_token == stale.access_token:
            raise _refused(error)
        if token.refresh_token is None and refresh is not None:
            token = replace(token, refresh_token=refresh)
        # Saved before its owner is known, since a rotated refresh token must not get lost; who loads it asks.
        await self._store.save(token)
        try:
            return await self._adopt(token)
        except AccessTokenExpiredError as expired:
            raise _refused(expired) from None

    async def _adopt(self, token: Token) -> Token:
        """Makes this the session's token once the CRM has said whose it is and nobody objects."""
        identity = await self._drive(self._connector.identify(token), token, may_renew=False)
        if self._on_identity is not None:
            await self._on_identity(identity)
        self._identity = identity
        self._token = token
        return token

    def _expiring(self, token: Token) -> bool:
        return token.expires_at is not None and token.expires_at - RENEW_BEFORE <= self._clock.now()

    # Requests

    async def _exchange(self, request: Request, token: Token | None, deadline: "_Deadline") -> Response:
        """One request and its answer. Raises what the answer stands for."""
        await self._gate.acquire(request.bucket)
        if request.authenticated and token is None:
            raise FatalError(f"{request.method} {request.path} needs a token before there is one.")
        origin = token.base_url if token else self._connector.base_url(self._credentials)
        sendable = written(self._http, origin, request, token if request.authenticated else None)
        deadline.check(request, self._clock)
        self._sent += 1
        try:
            response = await self._answered(request, token, sendable)
        except CrmError as error:
            deadline.begun |= request.applies and getattr(error, "maybe_applied", False)
            raise
        deadline.begun |= request.applies
        return response

    async def _answered(self, request: Request, token: Token | None, sendable: httpx2.Request) -> Response:
        response = await sent(self._http, sendable, request, self._clock, self._max_bytes)
        for limits in self._connector.limits(response):
            await self._gate.report(limits)
        error = self._connector.classify(request, response)
        if error is None and 300 <= response.status < 400:
            error = FatalError(
                "The CRM answered with a redirect, and Tieline follows none; check the tenant's address.",
                code=str(response.status),
            )
        if error is None:
            return response
        self._scrub(error, token)
        if isinstance(error, RateLimitedError) and error.daily:
            error.until = await self._gate.exhausted(request.bucket, error.until)
        elif isinstance(error, RateLimitedError):
            await self._gate.pause(request.bucket, error.until)
        raise error

    def _scrub(self, error: CrmError, token: Token | None) -> None:
        """Takes our secrets out of an error's text, should the CRM have echoed one."""
        secrets = [value for name, value in self._credentials.auth.items() if name not in _PUBLIC_MEMBERS]
        if token is not None:
            secrets += [token.access_token, token.refresh_token or ""]
        for secret in secrets:
            if len(secret) >= 4 and (secret in error.message or secret in error.detail):
                error.message = error.message.replace(secret, "[secret]")
                error.detail = error.detail.replace(secret, "[secret]")
                error.args = (error.message,)


class _Deadline:
    """Until when an operation's writes may leave; `begun` once one of them may have been applied."""

    def __init__(self, send_by: datetime | None) -> None:
        self._send_by = send_by
        self.begun = False

    def check(self, request: Request, clock: Clock) -> None:
        """Raises SendTooLateError for a write that is too late."""
        if request.applies and self._send_by is not None and clock.now() > self._send_by:
            raise SendTooLateError(
                "The request was ready to be sent only after its time, and was not sent; it is made again.",
                maybe_applied=self.begun,
            )


def _refused(error: AccessTokenExpiredError) -> CredentialsInvalidError:
    """A token refused when it was new: no further one will help."""
    return CredentialsInvalidError(error.message, detail=error.detail, code=error.code)
