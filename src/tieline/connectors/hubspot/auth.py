"""Who we are in HubSpot: static tokens, OAuth refresh, the account's own id and time zone.

A static token (private app, service key) is used as it is. An OAuth access token lives for `expires_in`
seconds and is renewed by that clock alone: HubSpot says that a 401 is no sign to refresh. No secret may reach
an error or a log.
"""

import ipaddress
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from tieline.connectors.hubspot import paths, wire
from tieline.ports.crm import AuthScheme, Credentials, Identity, Operation, Request, Token
from tieline.ports.errors import CredentialsInvalidError, FatalError, PermissionMissingError

SCHEMES: Final = (
    AuthScheme("api_key", ("api_key",)),
    AuthScheme("access_token", ("access_token",)),
    AuthScheme("oauth2", ("client_id", "client_secret", "refresh_token")),
)

# HubSpot tells zones by their old names, which slim time zone databases no longer carry.
_ZONES: Final[Mapping[str, str]] = {
    "US/Alaska": "America/Anchorage",
    "US/Arizona": "America/Phoenix",
    "US/Central": "America/Chicago",
    "US/East-Indiana": "America/Indiana/Indianapolis",
    "US/Eastern": "America/New_York",
    "US/Hawaii": "Pacific/Honolulu",
    "US/Michigan": "America/Detroit",
    "US/Mountain": "America/Denver",
    "US/Pacific": "America/Los_Angeles",
    "Canada/Atlantic": "America/Halifax",
    "Canada/Newfoundland": "America/St_Johns",
    "Canada/Saskatchewan": "America/Regina",
}


def check_tenant_url(url: str | None, *, sandbox: bool) -> str | None:
    """HubSpot has one host for everybody, so no address is needed; in sandbox mode it may be a loopback
    origin."""
    if not url or url.rstrip("/") == paths.ORIGIN:
        return None
    if sandbox and _is_loopback_origin(url):
        return None
    return f"HubSpot needs no tenant_url; leave it out (the only address that is accepted is {paths.ORIGIN})."


def _is_loopback_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    plain = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme != "http" or not plain:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def base_url(credentials: Credentials) -> str:
    """HubSpot's one origin, or the sandbox's."""
    return (credentials.tenant_url or paths.ORIGIN).rstrip("/")


def authenticate(credentials: Credentials, now: datetime) -> Operation[Token]:
    """The static token as it is, or a new access token for the refresh token."""
    auth, origin = credentials.auth, base_url(credentials)
    match auth.get("type"):
        case "api_key" | "access_token" as kind:
            return Token(access_token=_member(auth, kind), base_url=origin)
        case "oauth2":
            return (yield from _refresh(auth, origin, now))
        case other:
            raise CredentialsInvalidError(
                f"HubSpot cannot be connected with credentials of the type {other!r}."
            )


def _member(auth: Mapping[str, str], name: str) -> str:
    value = (auth.get(name) or "").strip()
    if not value:
        raise CredentialsInvalidError(f"The HubSpot credentials lack {name}.")
    return value


def _refresh(auth: Mapping[str, str], origin: str, now: datetime) -> Operation[Token]:
    form = {
        "grant_type": "refresh_token",
        "client_id": _member(auth, "client_id"),
        "client_secret": _member(auth, "client_secret"),
        "refresh_token": _member(auth, "refresh_token"),
    }
    answer = wire.token_answer(
        (yield Request("POST", paths.TOKEN, form=form, authenticated=False, timeout_s=30.0))
    )
    rotated = answer.refresh_token if answer.refresh_token != form["refresh_token"] else None
    return Token(
        access_token=answer.access_token,
        base_url=origin,
        expires_at=None if answer.expires_in is None else now + timedelta(seconds=answer.expires_in),
        tenant_id=None if answer.hub_id is None else str(answer.hub_id),
        user_id=None if answer.user_id is None else str(answer.user_id),
        refresh_token=rotated,
    )


def identify(token: Token) -> Operation[Identity]:
    """The account's id and time zone. Where the dated path is not to be had, its predecessor tells the same;
    a token answer that named the account is enough when neither may be read."""
    try:
        answer = wire.account_answer((yield Request("GET", paths.ACCOUNT, timeout_s=30.0)))
    except (FatalError, PermissionMissingError):
        try:
            answer = wire.account_answer((yield Request("GET", paths.ACCOUNT_LEGACY, timeout_s=30.0)))
        except (FatalError, PermissionMissingError):
            if token.tenant_id is None:
                raise
            return Identity(tenant_id=token.tenant_id, user_id=token.user_id)
    zone = answer.timeZone
    return Identity(str(answer.portalId), token.user_id, _ZONES.get(zone, zone) if zone else None)
