"""Access tokens and OAuth grants. Every credential here is a documented dummy that opens nothing."""

import secrets
from dataclasses import dataclass, field

from tieline.sandbox.hubspot.wire import CodedError, HubSpotError

DEFAULT_TOKEN = "pat-na1-sandbox"
CLIENT_ID = "00000000-0000-4000-8000-00000000c11e"
CLIENT_SECRET = "00000000-0000-4000-8000-0000005ec2e7"
REFRESH_TOKEN = "na1-00000000-0000-4000-8000-0000002ef2e5"
AUTHORIZATION_CODE = "na1-00000000-0000-4000-8000-000000000c0d"
LIFE_SECONDS = 1800
APP_ID = 19083857
APP_USER = 1000001

ALL_SCOPES = (
    "oauth",
    *(f"crm.objects.{kind}.{access}" for kind in ("contacts", "companies") for access in ("read", "write")),
    *(f"crm.schemas.{kind}.{access}" for kind in ("contacts", "companies") for access in ("read", "write")),
)
_NO_CREDENTIALS = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more"
    " details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)
_SCOPES_MISSING = (
    "This app hasn't been granted all required scopes to make this call. Read more about required scopes"
    " here: https://developers.hubspot.com/scopes."
)


@dataclass(slots=True)
class Token:
    """An access token; `expires` is epoch milliseconds, None for a static one."""

    text: str
    scopes: tuple[str, ...] = ALL_SCOPES
    app_id: int = APP_ID
    user_id: int = APP_USER
    expires: int | None = None

    @property
    def oauth(self) -> bool:
        return self.expires is not None


@dataclass(slots=True)
class Tokens:
    """The credentials that one portal knows."""

    static: dict[str, Token] = field(default_factory=lambda: {DEFAULT_TOKEN: Token(DEFAULT_TOKEN)})
    granted: dict[str, Token] = field(default_factory=dict)
    refresh: dict[str, tuple[str, ...]] = field(default_factory=lambda: {REFRESH_TOKEN: ALL_SCOPES})
    codes: dict[str, tuple[str, ...]] = field(default_factory=lambda: {AUTHORIZATION_CODE: ALL_SCOPES})
    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET

    def authenticate(self, header: str | None, now: int) -> Token:
        """The token of an Authorization header; 401 as HubSpot words it."""
        scheme, _, text = (header or "").partition(" ")
        token = self.static.get(text.strip()) or self.granted.get(text.strip())
        if scheme.lower() != "bearer" or token is None:
            raise HubSpotError(401, _NO_CREDENTIALS, "INVALID_AUTHENTICATION")
        if token.expires is not None and token.expires <= now:
            raise expired(now - token.expires)
        return token

    def grant(self, form: dict[str, str], now: int) -> tuple[Token, str]:
        """A new access token and its refresh token, for one of the two OAuth grants."""
        if form.get("client_id") != self.client_id or form.get("client_secret") != self.client_secret:
            raise _refused("BAD_CLIENT_ID", "missing or unknown client id")
        grant_type = form.get("grant_type")
        if grant_type == "refresh_token":
            refresh = form.get("refresh_token", "")
            scopes = self.refresh.get(refresh)
            if scopes is None:
                raise _refused("BAD_REFRESH_TOKEN", "missing or unknown refresh token")
        elif grant_type == "authorization_code":
            scopes = self.codes.pop(form.get("code", ""), None)
            if scopes is None:
                raise _refused("BAD_AUTH_CODE", "missing or unknown auth code")
            if not form.get("redirect_uri"):
                raise _refused("BAD_REDIRECT_URI", "missing or invalid redirect uri")
            refresh = f"na1-{secrets.token_hex(16)}"
            self.refresh[refresh] = scopes
        else:
            raise _refused("BAD_GRANT_TYPE", "missing or unknown grant type")
        token = Token(f"sandbox-{secrets.token_urlsafe(40)}", scopes, expires=now + LIFE_SECONDS * 1000)
        self.granted[token.text] = token
        return token, refresh

    def revoke_all(self) -> None:
        """Ends every access token, static ones too; refresh tokens stay."""
        self.static.clear()
        self.granted.clear()


def expired(ago_ms: int = 0) -> HubSpotError:
    message = f"The OAuth token used to make this call expired {max(ago_ms, 0) // 1000} second(s) ago."
    return HubSpotError(401, message, "EXPIRED_AUTHENTICATION")


def invalid_authentication() -> HubSpotError:
    return HubSpotError(401, _NO_CREDENTIALS, "INVALID_AUTHENTICATION")


def require_scope(token: Token, scope: str) -> None:
    if scope not in token.scopes:
        raise missing_scope(scope)


def missing_scope(scope: str) -> HubSpotError:
    detail: dict[str, object] = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": [scope]},
    }
    return HubSpotError(403, _SCOPES_MISSING, "MISSING_SCOPES", errors=[detail])


def _refused(status: str, message: str) -> CodedError:
    return CodedError(400, {"status": status, "message": message})
