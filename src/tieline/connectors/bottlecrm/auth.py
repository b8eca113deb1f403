"""Who we are in BottleCRM: a personal access token, and the organisation that it belongs to.

A token acts as its owner. It is static and stands in the `Authorization` header; BottleCRM's other ways in are for
people (sign-in by mail or Google) or read only (the organisation's API key).
"""

from typing import Final

from tieline.connectors.bottlecrm import paths
from tieline.connectors.spec import decode_object, is_https_origin, is_loopback_origin, malformed
from tieline.ports.crm import AuthScheme, Credentials, Identity, Operation, Request, Token
from tieline.ports.errors import CredentialsInvalidError

SCHEMES: Final = (AuthScheme("access_token", ("access_token",)),)


def check_tenant_url(url: str | None, *, sandbox: bool) -> str | None:
    """Any https origin with a name may be somebody's BottleCRM; in sandbox mode also a loopback one."""
    if url is not None and (is_https_origin(url) or (sandbox and is_loopback_origin(url))):
        return None
    return (
        "Give the address of your BottleCRM's API, without a path: https://crm-api.example.com, in small letters. "
        "A token is sent over https only, and not to a number or to this machine."
    )


def base_url(credentials: Credentials) -> str:
    """The address that was entered."""
    if not credentials.tenant_url:
        raise CredentialsInvalidError("The address of the BottleCRM is missing.")
    return credentials.tenant_url


def authenticate(credentials: Credentials) -> Operation[Token]:
    """The token as it is; nothing is sent."""
    yield from ()
    token = credentials.auth.get("access_token", "").strip()
    if credentials.auth.get("type") != "access_token" or not token:
        raise CredentialsInvalidError(
            "BottleCRM is connected with a personal access token, and there is none."
        )
    return Token(access_token=token, base_url=base_url(credentials))


def identify() -> Operation[Identity]:
    """The organisation's id and time zone."""
    request = Request("GET", paths.ORGANISATION, timeout_s=30.0)
    response = yield request
    found = decode_object(request, response)
    tenant_id, zone = found.get("id"), found.get("timezone")
    if not isinstance(tenant_id, str) or not tenant_id:
        raise malformed(request, response, "it names no organisation")
    return Identity(tenant_id, time_zone=zone if isinstance(zone, str) and zone else None)
