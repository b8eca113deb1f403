"""Reading and changing a portal's settings through the admin API."""

from dataclasses import asdict, fields

from tieline.sandbox.hubspot.portal import Portal, PortalSettings
from tieline.sandbox.hubspot.schema import find_type
from tieline.sandbox.hubspot.tokens import ALL_SCOPES, APP_ID, APP_USER, Token
from tieline.sandbox.kernel.errors import AdminError
from tieline.sandbox.kernel.values import (
    JsonObject,
    as_object,
    get_bool,
    get_int,
    get_number,
    get_object,
    get_text,
    get_texts,
)

_LIMITS = {
    "ten_secondly_limit": "ten_secondly",
    "oauth_ten_secondly_limit": "oauth_ten_secondly",
    "daily_limit": "daily",
    "search_secondly_limit": "search_secondly",
}
_SWITCHES = {
    "rate_limits": "enforced",
    "retry_after_on_429": "retry_after",
    "daily_headers_on_oauth": "daily_headers_on_oauth",
}
_CHOICES = {"cleared_reads_as": ("null", "empty"), "merged_read": ("redirect", "missing")}
_PORTAL = frozenset(item.name for item in fields(PortalSettings))
_OTHERS = frozenset({"access_tokens", "client_id", "client_secret", "refresh_tokens", "auth_codes"})


def change_settings(portal: Portal, spec: JsonObject) -> JsonObject:
    """Changes what `spec` names, all of it or nothing; answers every setting."""
    unknown = sorted(set(spec) - _PORTAL - _OTHERS - set(_LIMITS) - set(_SWITCHES) - {"daily_used"})
    if unknown:
        raise AdminError(f"there is no setting {unknown[0]!r}")
    changed = {name: _portal_value(portal, spec, name) for name in spec if name in _PORTAL}
    limits = {_LIMITS[name]: get_int(spec, name) for name in spec if name in _LIMITS}
    limits |= {_SWITCHES[name]: get_bool(spec, name) for name in spec if name in _SWITCHES}
    used = get_int(spec, "daily_used") if "daily_used" in spec else None
    tokens = _tokens(spec) if "access_tokens" in spec else None
    refresh = (
        dict.fromkeys(get_texts(spec, "refresh_tokens"), ALL_SCOPES) if "refresh_tokens" in spec else None
    )
    codes = dict.fromkeys(get_texts(spec, "auth_codes"), ALL_SCOPES) if "auth_codes" in spec else None
    credentials = {name: get_text(spec, name) for name in ("client_id", "client_secret") if name in spec}
    for name, value in changed.items():
        setattr(portal.settings, name, value)
    for name, number in limits.items():
        setattr(portal.limits.settings, name, number)
    if used is not None:
        portal.limits.set_used(used, portal.now(), portal.settings.time_zone)
    for name, text in credentials.items():
        setattr(portal.tokens, name, text)
    if tokens is not None:
        portal.tokens.static = tokens
        portal.tokens.granted.clear()
    if refresh is not None:
        portal.tokens.refresh = refresh
    if codes is not None:
        portal.tokens.codes = codes
    return all_settings(portal)


def all_settings(portal: Portal) -> JsonObject:
    limits, tokens = portal.limits.settings, portal.tokens
    return {
        **asdict(portal.settings),
        **{name: getattr(limits, field) for name, field in _LIMITS.items()},
        **{name: getattr(limits, field) for name, field in _SWITCHES.items()},
        "daily_used": portal.limits.used_today,
        "access_tokens": [_shown(token) for token in tokens.static.values()],
        "client_id": tokens.client_id,
        "client_secret": tokens.client_secret,
        "refresh_tokens": list(tokens.refresh),
        "auth_codes": list(tokens.codes),
    }


def _portal_value(portal: Portal, spec: JsonObject, name: str) -> object:
    """Checked against the type of the setting's present value."""
    current: object = getattr(portal.settings, name)
    if name == "required_properties":
        return _required(get_object(spec, name))
    if isinstance(current, bool):
        return get_bool(spec, name)
    if isinstance(current, int):
        return get_int(spec, name)
    if isinstance(current, float):
        return get_number(spec, name)
    value = get_text(spec, name)
    if value not in _CHOICES.get(name, (value,)):
        raise AdminError(f"{name} must be one of {', '.join(_CHOICES[name])}")
    return value


def _required(spec: JsonObject) -> dict[str, list[str]]:
    """`{"contacts": ["company"]}`."""
    required: dict[str, list[str]] = {}
    for name in spec:
        kind = find_type(name)
        if kind is None:
            raise AdminError(f"there is no object {name!r}")
        required[kind.name] = get_texts(spec, name)
    return required


def _tokens(spec: JsonObject) -> dict[str, Token]:
    """Texts, or `{"token", "scopes", "user_id", "app_id"}`; they replace all access tokens."""
    listed = spec["access_tokens"]
    if not isinstance(listed, list):
        raise AdminError("access_tokens must be a list")
    tokens: dict[str, Token] = {}
    for item in listed:
        one = {"token": item} if isinstance(item, str) else as_object(item, "access_tokens")
        scopes = tuple(get_texts(one, "scopes")) if "scopes" in one else ALL_SCOPES
        token = Token(
            get_text(one, "token"), scopes, get_int(one, "app_id", APP_ID), get_int(one, "user_id", APP_USER)
        )
        tokens[token.text] = token
    return tokens


def _shown(token: Token) -> JsonObject:
    return {
        "token": token.text,
        "scopes": list(token.scopes),
        "user_id": token.user_id,
        "app_id": token.app_id,
    }
