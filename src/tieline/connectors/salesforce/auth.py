"""Signing in to Salesforce: which addresses are Salesforce's, tokens, and whom a token stands for.

A token must never be sent to an address that this module has not judged.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt

from tieline.connectors.salesforce.wire import AUTH, TOKEN_PATH, full_id, query_request, rows_of
from tieline.connectors.spec import SecretForm, decode_object, is_loopback_origin, malformed
from tieline.ports.crm import Credentials, Identity, Operation, Request, Response, Token
from tieline.ports.errors import (
    CredentialsInvalidError,
    FatalError,
    PermissionMissingError,
    RecordGoneError,
    SchemaDriftError,
)

TENANT_URL_FORMAT: Final = "Tenant URL must be in the format https://<domain>.my.salesforce.com"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
# One more label for the organisations of `acme--dev.sandbox.my.salesforce.com` and the like.
_MY_DOMAIN: Final = re.compile(rf"https://{_LABEL}(?:\.{_LABEL})?\.my\.salesforce\.com")
_SANDBOX_HOST: Final = ".sandbox.my.salesforce.com"
_JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_JWT_LIFE: Final = timedelta(minutes=3)
_IDENTITY: Final = re.compile(r"https?://[^/]+/id/(00D\w{12,15})/(005\w{12,15})", re.ASCII)


def is_my_domain(url: str) -> bool:
    """True for the origin of a Salesforce organisation, exactly as Salesforce writes it."""
    return len(url) <= 255 and _MY_DOMAIN.fullmatch(url) is not None


def check_tenant_url(url: str | None, *, sandbox: bool) -> str | None:
    """What is wrong with a tenant URL, or None."""
    if url is not None and (is_my_domain(url) or (sandbox and is_loopback_origin(url))):
        return None
    return TENANT_URL_FORMAT


def origin_of(credentials: Credentials) -> str:
    """The origin to sign in at. Raises CredentialsInvalidError if it is neither Salesforce's nor loopback."""
    url = credentials.tenant_url
    if check_tenant_url(url, sandbox=True) is not None or url is None:
        raise CredentialsInvalidError(f"{TENANT_URL_FORMAT}.")
    return url


def authenticate(credentials: Credentials, now: datetime) -> Operation[Token]:
    """A token by client credentials, or by JWT bearer when a private key is given.

    Salesforce tells no expiry: a token lives as long as the organisation's session time-out since its last
    use.
    """
    origin = origin_of(credentials)
    form = (
        _jwt_form(credentials, origin, now)
        if "private_key" in credentials.auth
        else _client_form(credentials)
    )
    request = Request(
        "POST", TOKEN_PATH, form=form, bucket=AUTH, authenticated=False, headers={"Cache-Control": "no-store"}
    )
    response = yield request
    return _token(request, response, origin)


def identify(token: Token) -> Operation[Identity]:
    """Tenant and user from the token, the organisation's time zone by a query, which also proves the
    token.
    """
    if token.tenant_id is None:
        raise FatalError("This access token does not say which Salesforce organisation it belongs to.")
    return Identity(token.tenant_id, token.user_id, (yield from _time_zone()))


def _time_zone() -> Operation[str | None]:
    request = query_request("SELECT TimeZoneSidKey FROM Organization LIMIT 1")
    try:
        response = yield request
    except (PermissionMissingError, SchemaDriftError, FatalError, RecordGoneError):
        return None  # the user may not see it; dates are then read in UTC, unless the app says otherwise
    rows, _ = rows_of(request, response)
    zone = rows[0].get("TimeZoneSidKey") if rows else None
    return zone if isinstance(zone, str) and zone else None


def _client_form(credentials: Credentials) -> SecretForm:
    return SecretForm(
        grant_type="client_credentials",
        client_id=credentials.auth.get("client_id", ""),
        client_secret=credentials.auth.get("client_secret", ""),
    )


def _jwt_form(credentials: Credentials, origin: str, now: datetime) -> SecretForm:
    claims: dict[str, Any] = {
        "iss": credentials.auth.get("client_id", ""),
        "sub": credentials.auth.get("username", ""),
        "aud": _audience(origin),
        "exp": int((now.astimezone(UTC) + _JWT_LIFE).timestamp()),
    }
    try:
        assertion = jwt.encode(claims, credentials.auth["private_key"], algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        assertion = ""
    if not assertion:
        raise CredentialsInvalidError(
            "The private key cannot be read; give an RSA key in PEM format, unencrypted."
        )
    return SecretForm(grant_type=_JWT_GRANT, assertion=assertion)


def _audience(origin: str) -> str:
    """The login server that the assertion is for. An emulator on loopback stands for production."""
    return "https://test.salesforce.com" if origin.endswith(_SANDBOX_HOST) else "https://login.salesforce.com"


def _token(request: Request, response: Response, origin: str) -> Token:
    answer = decode_object(request, response)
    access_token, instance = answer.get("access_token"), answer.get("instance_url")
    if not isinstance(access_token, str) or not access_token or not isinstance(instance, str):
        raise malformed(request, response, "no access token or no instance URL")
    base_url = instance.rstrip("/").lower()
    if base_url != origin and not (is_my_domain(origin) and is_my_domain(base_url)):
        raise CredentialsInvalidError(
            "Salesforce names an instance outside of *.my.salesforce.com, and Tieline sends its token to no "
            "other address. Check the tenant URL, and My Domain in Setup.",
            detail=instance[:200],
        )
    named = _IDENTITY.fullmatch(str(answer.get("id")))
    if named is None:
        raise malformed(request, response, "no organisation and user in its id")
    return Token(access_token, base_url, None, full_id(named.group(1)), full_id(named.group(2)))
