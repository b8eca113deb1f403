"""Contact fields: their types, names, and how a foreign value becomes one of theirs.

`coerce` is for values that a CRM or an analysis gives, and is lenient where the product's table says so;
`check_value` is for the API and takes only the JSON type of the field. Both return what is wrong as a value
and never raise for bad input. This module must never guess: a value that needs a guess is an `Uncoercible`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from tieline.domain import instants
from tieline.domain.decimals import MAX_DIGITS, canonical_number, parse_number
from tieline.domain.values import FieldType, Value, as_text

MAX_TEXT: Final = 32_768
"""The longest text that a contact field holds, in characters. Longer is refused, never cut."""

MAX_FIELD_NAME: Final = 100

_SNAKE_CASE = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_RESERVED_PREFIXES = ("contact", "external")
_BOOLEANS = MappingProxyType({"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False})
# PostgreSQL text cannot hold NUL, and a lone surrogate has no UTF-8.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field of contacts. `description` guides the merge of its text; `options` are an enum's values.

    `field_id` tells a field from a later one of the same name; built-in fields have none.
    """

    name: str
    type: FieldType
    label: str = ""
    description: str = ""
    options: tuple[str, ...] = ()
    field_id: str = ""


@dataclass(frozen=True, slots=True)
class Uncoercible:
    """A value that does not fit its field: why, and what it was. A value to return, not an exception."""

    reason: str
    raw: Value


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input. `where` names its place in the input, `message` is a whole sentence."""

    where: str
    message: str


PHONE_NUMBER: Final = "phone_number"
DO_NOT_CALL: Final = "do_not_call"

BUILTIN_FIELDS: Final[Mapping[str, FieldSpec]] = MappingProxyType(
    {
        PHONE_NUMBER: FieldSpec(PHONE_NUMBER, FieldType.STRING, "Phone number"),
        "first_name": FieldSpec("first_name", FieldType.STRING, "First name"),
        "last_name": FieldSpec("last_name", FieldType.STRING, "Last name"),
        DO_NOT_CALL: FieldSpec(DO_NOT_CALL, FieldType.BOOLEAN, "Do not call"),
    }
)


def field_name_problem(name: str) -> str | None:
    """Why a custom field cannot have that name, as a sentence, or None."""
    if not _SNAKE_CASE.fullmatch(name):
        return (
            f"{name!r} is not snake_case: lowercase letters, digits and underscores, starting with a letter."
        )
    if len(name) > MAX_FIELD_NAME:
        return f"{name!r} is longer than {MAX_FIELD_NAME} characters."
    if name in BUILTIN_FIELDS:
        return f"{name!r} is the name of a built-in field."
    if name.startswith(_RESERVED_PREFIXES):
        return f"{name!r} starts with a reserved word: names must not start with contact or external."
    return None


def coerce(raw: Any, spec: FieldSpec, *, time_zone: str = "UTC") -> Value | Uncoercible:
    """A JSON scalar from a CRM or an analysis as a canonical value; None and blank text are None.

    `time_zone` is an IANA name and decides the date of a datetime. Floats are read by their shortest text.
    Raises ValueError only for an unknown time zone.
    """
    value = _scalar(raw)
    if value is None or isinstance(value, Uncoercible):
        return value
    match spec.type:
        case FieldType.STRING:
            return as_text(value)
        case FieldType.NUMBER:
            return _to_number(value)
        case FieldType.BOOLEAN:
            return _to_boolean(value)
        case FieldType.DATE:
            return _to_date(value, time_zone)
        case FieldType.DATETIME:
            return _to_datetime(value)
        case FieldType.ENUM:
            return _to_option(value, spec.options)


def check_value(raw: Any, spec: FieldSpec) -> Value | Uncoercible:
    """An API input as a canonical value of the field: only its own JSON type, and null, which clears."""
    if raw is None:
        return None
    right_type: bool
    match spec.type:
        case FieldType.NUMBER:
            right_type = isinstance(raw, int | float | Decimal) and not isinstance(raw, bool)
        case FieldType.BOOLEAN:
            right_type = isinstance(raw, bool)
        case _:
            right_type = isinstance(raw, str)
    if not right_type:
        return Uncoercible(f"must be {_INPUT_FORMS[spec.type]}, not {_json_type(raw)}", raw_value(raw))
    if isinstance(raw, str) and raw and not _written_strictly(raw, spec):
        return Uncoercible(f"must be {_INPUT_FORMS[spec.type]}", raw)
    return coerce(raw, spec)


def raw_value(raw: Any) -> Value:
    """Anything JSON as a value that an issue can keep: scalars as they are, the rest as its JSON text."""
    match raw:
        case None | bool() | int() | Decimal() | str():
            return raw
        case float():
            return repr(raw)
        case _:
            return json.dumps(raw, ensure_ascii=False, default=str)


_INPUT_FORMS: Mapping[FieldType, str] = {
    FieldType.STRING: "a string",
    FieldType.NUMBER: "a number",
    FieldType.BOOLEAN: "true or false",
    FieldType.DATE: "a date written YYYY-MM-DD",
    FieldType.DATETIME: "a datetime with an offset, such as 2025-03-15T10:30:00Z",
    FieldType.ENUM: "one of the field's options",
}


def _json_type(raw: Any) -> str:
    match raw:
        case bool():
            return "a boolean"
        case int() | float() | Decimal():
            return "a number"
        case str():
            return "a string"
        case Mapping():
            return "an object"
        case _:
            return "a list"


def _written_strictly(raw: str, spec: FieldSpec) -> bool:
    match spec.type:
        case FieldType.DATE:
            return instants.parse_date(raw) is not None
        case FieldType.DATETIME:
            parsed = instants.parse_datetime(raw)
            return parsed is not None and parsed.tzinfo is not None
        case FieldType.ENUM:
            return raw in spec.options or not raw.strip()
        case _:
            return True


def _scalar(raw: Any) -> Value | Uncoercible:
    match raw:
        case None | bool():
            return raw
        case int() | Decimal():
            return _number_or_refusal(canonical_number(raw), raw)
        case float():
            return _number_or_refusal(canonical_number(Decimal(repr(raw))), repr(raw))
        case str():
            return _text(raw)
        case _:
            return Uncoercible("is not a single value", raw_value(raw))


def _number_or_refusal(number: int | Decimal | None, raw: Value) -> Value | Uncoercible:
    if number is None:
        return Uncoercible(f"is not a finite number of at most {MAX_DIGITS} digits", raw_value(str(raw)))
    return number


def _text(raw: str) -> Value | Uncoercible:
    if not raw.strip():
        return None
    if len(raw) > MAX_TEXT:
        return Uncoercible(f"is longer than {MAX_TEXT} characters", raw)
    if _UNSTORABLE.search(raw):
        return Uncoercible(
            "contains a character that cannot be stored (NUL or half of a surrogate pair)", raw
        )
    return raw


def _to_number(value: Value) -> Value | Uncoercible:
    match value:
        case bool():
            return Uncoercible("is not a number", value)
        case str():
            number = parse_number(value.strip())
            return Uncoercible("is not a number", value) if number is None else number
        case _:
            return value


def _to_boolean(value: Value) -> Value | Uncoercible:
    if isinstance(value, bool):
        return value
    known = _BOOLEANS.get(value.strip().lower()) if isinstance(value, str) else None
    return Uncoercible("is neither true nor false", value) if known is None else known


def _epoch_of(value: Value) -> int | None:
    match value:
        case bool():
            return None
        case int():
            return instants.plausible_epoch_ms(value)
        case str():
            return instants.parse_epoch_ms(value.strip())
        case _:
            return None


def _to_date(value: Value, time_zone: str) -> Value | Uncoercible:
    refused = Uncoercible("is not a date written YYYY-MM-DD, nor a datetime", value)
    ms = _epoch_of(value)
    if ms is not None:
        instant = instants.from_epoch_ms(ms)
        if instant is None:
            return refused
        # A midnight-UTC epoch is how HubSpot writes a date: that very day, whatever the app's zone.
        day = instant.date() if instants.is_midnight_utc(ms) else instants.date_in(instant, time_zone)
        return refused if day is None else day.isoformat()
    if not isinstance(value, str):
        return refused
    plain = instants.parse_date(value.strip())
    if plain is not None:
        return plain.isoformat()
    moment = instants.parse_datetime(value.strip())
    if moment is None:
        return refused
    # Without an offset the clock on the wall is the app's, so the date is the one that is written.
    day = moment.date() if moment.tzinfo is None else instants.date_in(moment, time_zone)
    return refused if day is None else day.isoformat()


def _to_datetime(value: Value) -> Value | Uncoercible:
    refused = Uncoercible("is not a datetime with an offset, nor epoch milliseconds", value)
    ms = _epoch_of(value)
    if ms is not None:
        moment = instants.from_epoch_ms(ms)
    else:
        moment = instants.parse_datetime(value.strip()) if isinstance(value, str) else None
    if moment is None or moment.tzinfo is None:
        return refused
    return instants.instant_text(moment) or refused


def _to_option(value: Value, options: tuple[str, ...]) -> Value | Uncoercible:
    text = as_text(value)
    for candidate in (text, text.strip()):
        if candidate in options:
            return candidate
    return Uncoercible("is none of the field's options", value)
