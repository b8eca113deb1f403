"""What a person may write into an app's `crm_config` and `auth_config`: shapes, names, ranges.

Every check returns all its problems at once. Whether the mappings fit the contact fields and the CRM is
`domain.mapping`'s question. This module must never put a credential into a sentence.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import phonenumbers

from tieline.domain import instants
from tieline.domain.brake_settings import brake_problem
from tieline.domain.configuration import MAX_OPTIONS
from tieline.domain.fields import Problem
from tieline.domain.pairs import Policy
from tieline.domain.quota import MAX_RESERVE_PERCENT

MAX_SYNC_MAPPINGS: Final = 500
MAX_FALLBACKS: Final = 20
MAX_NAME: Final = 255
MAX_SECRET: Final = 20_000
MAX_INTERVAL_MINUTES: Final = 7 * 24 * 60
DEFAULT_INTERVAL_MINUTES: Final = 5
MAX_AUDIT_HOURS: Final = 31 * 24
PUBLIC_AUTH: Final = frozenset({"type", "client_id", "username"})
"""The members of `auth_config` that are no secrets."""
MAPPING_LISTS: Final = ("inbound_sync_mappings", "outbound_sync_mappings")

_Check = Callable[[Any], str | None]


def merged_config(present: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """The `crm_config` after an update: a member that was not sent stays, null takes it away."""
    return {name: value for name, value in {**present, **sent}.items() if value is not None}


def config_problems(config: Any) -> list[Problem]:
    """What is wrong with the form of a `crm_config`; null members are as good as none."""
    if not isinstance(config, Mapping):
        return [Problem("crm_config", "Give an object.")]
    problems = []
    for name, value in config.items():
        check = _MEMBERS.get(name)
        if name in MAPPING_LISTS:
            problems += list(_mapping_list_problems(name, value))
        elif check is None:
            known = ", ".join(sorted([*_MEMBERS, *MAPPING_LISTS]))
            problems.append(Problem(f"crm_config.{name}", f"There is no such setting; there are: {known}."))
        elif value is not None and (said := check(value)):
            problems.append(Problem(f"crm_config.{name}", said))
    return problems


def interval_s(config: Mapping[str, Any]) -> int:
    """Seconds between two recurring syncs."""
    return int(config.get("sync_interval_minutes") or DEFAULT_INTERVAL_MINUTES) * 60


def auth_problems(auth: Any, schemes: Sequence[tuple[str, Sequence[str], Sequence[str]]]) -> list[Problem]:
    """What is wrong with an `auth_config`. A scheme is its type, its required members and its optional ones."""
    if not isinstance(auth, Mapping):
        return [Problem("auth_config", "Give an object.")]
    unusable = [name for name, value in auth.items() if _secret_problem(value)]
    if unusable:
        said = f"Give a text of 1 to {MAX_SECRET} characters."
        return [Problem(f"auth_config.{name}", said) for name in unusable]
    accepted = "; or ".join(_described(scheme) for scheme in schemes)
    of_type = [scheme for scheme in schemes if scheme[0] == auth.get("type")]
    if not of_type:
        return [Problem("auth_config.type", f"Give one of the accepted credentials: {accepted}.")]
    given = set(auth) - {"type"}
    if any(set(must) <= given <= {*must, *may} for _, must, may in of_type):
        return []
    accepted = "; or ".join(_described(scheme) for scheme in of_type)
    known = {name for _, must, may in of_type for name in (*must, *may)}
    unknown = [Problem(f"auth_config.{name}", "There is no such member.") for name in sorted(given - known)]
    return [*unknown, Problem("auth_config", f"Give exactly {accepted}.")]


def _described(scheme: tuple[str, Sequence[str], Sequence[str]]) -> str:
    kind, required, optional = scheme
    also = f" and optionally {', '.join(optional)}" if optional else ""
    return f"type {kind} with {', '.join(required)}{also}"


def _secret_problem(value: Any) -> bool:
    return not isinstance(value, str) or not value.strip() or len(value) > MAX_SECRET


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "Give true or false."


def _country(value: Any) -> str | None:
    known = isinstance(value, str) and value in phonenumbers.SUPPORTED_REGIONS
    return None if known else "Give a country as two capital letters (ISO 3166), such as US or DE."


def _zone(value: Any) -> str | None:
    try:
        instants.zone(value if isinstance(value, str) else "")
    except ValueError as error:
        return f"The time zone {error}."
    return None


def _interval(value: Any) -> str | None:
    whole = isinstance(value, int | Decimal) and not isinstance(value, bool) and value == int(value)
    if whole and 1 <= value <= MAX_INTERVAL_MINUTES:
        return None
    return f"Give whole minutes from 1 to {MAX_INTERVAL_MINUTES}."


def _audit_hours(value: Any) -> str | None:
    whole = isinstance(value, int | Decimal) and not isinstance(value, bool) and value == int(value)
    if whole and 0 <= value <= MAX_AUDIT_HOURS:
        return None
    return f"Give whole hours from 1 to {MAX_AUDIT_HOURS}, or 0 for never."


def _reserve(value: Any) -> str | None:
    whole = isinstance(value, int | Decimal) and not isinstance(value, bool) and value == int(value)
    if whole and 0 <= value <= MAX_RESERVE_PERCENT:
        return None
    return f"Give whole percent from 0 to {MAX_RESERVE_PERCENT}."


def _names(value: Any) -> str | None:
    listed = isinstance(value, list) and len(value) <= MAX_FALLBACKS and all(_is_name(name) for name in value)
    return None if listed else f"Give a list of at most {MAX_FALLBACKS} names of CRM fields."


def _name(value: Any) -> str | None:
    return None if _is_name(value) else f"Give a name of 1 to {MAX_NAME} characters."


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= MAX_NAME


def _policy(value: Any) -> str | None:
    known = isinstance(value, str) and value in {policy.value for policy in Policy}
    return None if known else f"Give one of {', '.join(policy.value for policy in Policy)}."


def _options(value: Any) -> str | None:
    paired = isinstance(value, Mapping) and all(
        isinstance(v, str) and len(v) <= MAX_SECRET for v in value.values()
    )
    if paired and len(value) <= MAX_OPTIONS:
        return None
    return f"Give an object of at most {MAX_OPTIONS} texts: which option stands for which picklist value."


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else "Give a text."


_MEMBERS: Mapping[str, _Check] = {
    "sync_conversation_activity": _boolean,
    "sync_new_contacts": _boolean,
    "new_contact_name": _name,
    "activity_key_field": _name,
    "default_country": _country,
    "time_zone": _zone,
    "fallback_phone_fields": _names,
    "sync_interval_minutes": _interval,
    "audit_interval_hours": _audit_hours,
    "calculated_interval_hours": _audit_hours,
    "brake": brake_problem,
    "api_reserve_percent": _reserve,
}

_LINE: Mapping[str, _Check] = {
    "external_field_name": _name,
    "field_name": _name,
    "policy": _policy,
    "options": _options,
    "lossy_confirmed": _boolean,
    "guard": _text,
}
_LINE_REQUIRED: Final = ("external_field_name", "field_name")


def _mapping_list_problems(name: str, lines: Any) -> Iterator[Problem]:
    where = f"crm_config.{name}"
    if lines is None:
        return
    if not isinstance(lines, list) or len(lines) > MAX_SYNC_MAPPINGS:
        yield Problem(where, f"Give a list of at most {MAX_SYNC_MAPPINGS} mappings.")
        return
    for index, line in enumerate(lines):
        if not isinstance(line, Mapping):
            yield Problem(f"{where}[{index}]", "Give an object.")
            continue
        for member in dict.fromkeys([*_LINE_REQUIRED, *line]):
            check = _LINE.get(member)
            value = line.get(member)
            if check is None:
                said: str | None = f"There is no such member; there are: {', '.join(_LINE)}."
            elif value is None and member not in _LINE_REQUIRED:
                said = None
            else:
                said = check(value)
            if said:
                yield Problem(f"{where}[{index}].{member}", said)
