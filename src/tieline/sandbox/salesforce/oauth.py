"""The token endpoint: client credentials, JWT bearer and refresh; and the sessions it opens."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, unquote_plus

import jwt
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tieline.sandbox.kernel.exchange import exchange_of
from tieline.sandbox.kernel.values import JsonObject
from tieline.sandbox.salesforce.org import USERS, Organisation

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
_JWT_LIFE_SECONDS = 180
_SCOPE = "api refresh_token"


class OAuthError(Exception):
    """Answered as `{"error", "error_description"}` with status 400."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass(slots=True)
class Session:
    user_id: str
    used: datetime


class Sessions:
    """Access tokens; a session ends when it was not used for the organisation's session time."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        self._open: dict[str, Session] = {}
        self._refresh: dict[str, str] = {}
        self._count = 0

    def open(self, user_id: str) -> str:
        token = self._secret("access")
        self._open[token] = Session(user_id, self._org.clock.now())
        return token

    def user_of(self, token: str) -> str | None:
        """The user of a live session, which counts as used now."""
        session, now = self._open.get(token), self._org.clock.now()
        if session is None:
            return None
        if (now - session.used).total_seconds() > self._org.settings.session_seconds:
            del self._open[token]
            return None
        session.used = now
        return session.user_id

    def close(self, token: str) -> bool:
        return self._open.pop(token, None) is not None or self._refresh.pop(token, None) is not None

    def expire_all(self) -> None:
        self._open.clear()

    def offer_refresh(self, user_id: str) -> str:
        token = self._secret("refresh")
        self._refresh[token] = user_id
        return token

    def refresh_user(self, token: str) -> str | None:
        return self._refresh.get(token)

    def _secret(self, kind: str) -> str:
        """Tokens are only as secret as a sandbox needs: unlike one another, and the same in every run."""
        self._count += 1
        digest = hashlib.sha256(f"{kind}:{self._org.settings.org_id}:{self._count}".encode()).digest()
        text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return f"{self._org.settings.org_id[:15]}!AQ{text}" if kind == "access" else f"5Aep{text}"


def token_endpoint(org: Organisation, sessions: Sessions, request: Request) -> Response:
    exchange = exchange_of(request)
    exchange.secret = True
    form = dict(parse_qsl(exchange.body.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        return _json(_grant(org, sessions, request, form))
    except OAuthError as error:
        return _json({"error": error.error, "error_description": error.description}, 400)


def _grant(org: Organisation, sessions: Sessions, request: Request, form: Mapping[str, str]) -> JsonObject:
    grant = form.get("grant_type", "")
    if grant == "client_credentials":
        _check_client(org, request, form, secret_needed=True)
        if not org.settings.client_credentials_enabled:
            raise OAuthError("invalid_grant", "no client credentials user enabled")
    elif grant == _JWT_GRANT:
        _check_assertion(org, form.get("assertion", ""))
    elif grant == "refresh_token":
        _check_client(org, request, form, secret_needed=False)
        if sessions.refresh_user(form.get("refresh_token", "")) is None:
            raise OAuthError("invalid_grant", "expired access/refresh token")
    elif grant == "password":
        raise OAuthError("invalid_grant", "authentication failure")
    else:
        raise OAuthError("unsupported_grant_type", "grant type not supported")
    return _success(org, sessions, request)


def _check_client(
    org: Organisation, request: Request, form: Mapping[str, str], *, secret_needed: bool
) -> None:
    client, secret = _basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
    if client != org.settings.client_id:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if (secret or secret_needed) and secret != org.settings.client_secret:
        raise OAuthError("invalid_client", "invalid client credentials")


def _basic(request: Request) -> tuple[str, str] | None:
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        client, _, secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(client), unquote_plus(secret)


def _check_assertion(org: Organisation, assertion: str) -> None:
    """RS256 over {iss, sub, aud, exp}, `exp` at most three minutes ahead on the sandbox's clock."""
    if not org.settings.jwt_public_key:
        raise OAuthError("invalid_client", "no certificate is registered for this app")
    options = {"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False}
    try:
        claims = jwt.decode(
            assertion,
            org.settings.jwt_public_key,
            algorithms=["RS256"],
            options=options,  # type: ignore[arg-type]
        )
    except jwt.PyJWTError:
        raise OAuthError("invalid_grant", "invalid assertion") from None
    if claims.get("iss") != org.settings.client_id:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if claims.get("aud") not in _AUDIENCES:
        raise OAuthError("invalid_grant", "audience is invalid")
    if claims.get("sub") != org.settings.username:
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")
    expires, now = claims.get("exp"), org.clock.now().timestamp()
    if not isinstance(expires, int | float) or not now < expires <= now + _JWT_LIFE_SECONDS + 30:
        raise OAuthError("invalid_grant", "expired authorization code")


def _success(org: Organisation, sessions: Sessions, request: Request) -> JsonObject:
    user_id = USERS["integration"]
    issued = str(int(org.clock.now().timestamp() * 1000))
    identity = f"https://login.salesforce.com/id/{org.settings.org_id}/{user_id}"
    signature = hashlib.sha256(f"{identity}{issued}{org.settings.client_secret}".encode()).digest()
    return {
        "access_token": sessions.open(user_id),
        "signature": base64.b64encode(signature).decode(),
        "scope": _SCOPE,
        "instance_url": org.settings.instance_url or f"{request.url.scheme}://{request.url.netloc}",
        "id": identity,
        "token_type": "Bearer",
        "issued_at": issued,
    }


def revoke_endpoint(sessions: Sessions, request: Request) -> Response:
    exchange = exchange_of(request)
    exchange.secret = True
    form = dict(parse_qsl(exchange.body.decode("utf-8", "replace")))
    token = form.get("token") or request.query_params.get("token", "")
    if not sessions.close(token):
        return _json(
            {"error": "unsupported_token_type", "error_description": "this token type is not supported"}, 400
        )
    return Response(status_code=200)


def _json(value: JsonObject, status: int = 200) -> Response:
    headers = {"content-type": "application/json;charset=UTF-8", "cache-control": "no-cache, no-store"}
    return Response(msgspec.json.encode(value), status, headers)
