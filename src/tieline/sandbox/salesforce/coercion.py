"""From a JSON value of a request to the value that Salesforce would keep, or the error it would give."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from tieline.sandbox.salesforce.errors import SalesforceError
from tieline.sandbox.salesforce.formats import parse_date, parse_moment, stamp
from tieline.sandbox.salesforce.ids import normalise_id
from tieline.sandbox.salesforce.schema import NUMBER_TYPES, STRING_TYPES, Field

Value = str | float | int | bool | None

_EMAIL = re.compile(r"[^@\s,;<>()\"]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_INT_LIMIT = 10**8


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value was read: its text in the request body tells the column of a parser error."""

    body: bytes

    def column(self, value: object) -> int:
        text = json.dumps(value, ensure_ascii=False).encode()
        found = self.body.find(text)
        return max(found, 0) + len(text)


def coerce(field: Field, value: object, source: Source) -> Value:
    """Raises `SalesforceError`; the empty text is null, as Salesforce stores it."""
    if field.type == "boolean":
        return False if value is None else _boolean(field, value, source)
    if value is None or value == "":
        return None
    if isinstance(value, dict | list):
        raise _unreadable(field, value, source)
    return _coercer(field.type)(field, value, source)


def _coercer(kind: str) -> Callable[[Field, object, Source], Value]:
    if kind in STRING_TYPES:
        return _text
    if kind in NUMBER_TYPES:
        return _number
    others: dict[str, Callable[[Field, object, Source], Value]] = {
        "int": _int,
        "date": _date,
        "datetime": _datetime,
    }
    return others.get(kind, _reference)


def _unreadable(field: Field, value: object, source: Source) -> SalesforceError:
    token = {dict: "START_OBJECT", list: "START_ARRAY", bool: f"VALUE_{str(value).upper()}"}.get(type(value))
    place = f"[line:1, column:{source.column(value)}]"
    kind = "double" if field.type in NUMBER_TYPES else field.type
    if isinstance(value, dict | list):
        message = f"Cannot deserialize instance of {kind} from {token} value {place}"
    else:
        token = token or ("VALUE_STRING" if isinstance(value, str) else "VALUE_NUMBER_FLOAT")
        message = (
            f"Cannot deserialize instance of {kind} from {token} value {value} or request may be missing "
            f"a required field at {place}"
        )
    return SalesforceError("JSON_PARSER_ERROR", message, fields=[])


def _boolean(field: Field, value: object, source: Source) -> bool:
    if isinstance(value, bool):
        return value
    known = _BOOLEANS.get(value.lower()) if isinstance(value, str) else None
    if known is None:
        raise _unreadable(field, value, source)
    return known


def _text(field: Field, value: object, source: Source) -> str | None:
    text = (value if isinstance(value, str) else json.dumps(value)).strip()
    if not text:
        return None
    if field.type == "multipicklist":
        return _chosen(field, text)
    if field.is_on("restrictedPicklist") and text not in {option.value for option in field.options}:
        raise _bad_choice(field, text)
    if field.length and len(text) > field.length:
        raise SalesforceError(
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {text} (max length={field.length})",
            fields=[field.name],
        )
    if field.type == "email" and _EMAIL.fullmatch(text) is None:
        raise SalesforceError(
            "INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", fields=[field.name]
        )
    return text


def _chosen(field: Field, text: str) -> str | None:
    """Several choices come back in the order of the definition, each once."""
    asked = [part.strip() for part in text.split(";") if part.strip()]
    known = [option.value for option in field.options]
    for part in asked:
        if part not in known and field.is_on("restrictedPicklist"):
            raise _bad_choice(field, part)
    chosen = [value for value in known if value in asked] + [part for part in asked if part not in known]
    return ";".join(dict.fromkeys(chosen)) or None


def _bad_choice(field: Field, text: str) -> SalesforceError:
    return SalesforceError(
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        f"{field.label}: bad value for restricted picklist field: {text}",
        fields=[field.name],
    )


def _decimal(field: Field, value: object, source: Source) -> Decimal:
    if isinstance(value, bool):
        raise _unreadable(field, value, source)
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise _unreadable(field, value, source) from None
    if not number.is_finite():
        raise _unreadable(field, value, source)
    return number


def _out_of_range(field: Field, value: object) -> SalesforceError:
    return SalesforceError(
        "NUMBER_OUTSIDE_VALID_RANGE",
        f"{field.label}: value outside of valid range on numeric field: {value}",
        fields=[field.name],
    )


def _number(field: Field, value: object, source: Source) -> float:
    number = _decimal(field, value, source)
    whole_digits = field.precision - field.scale
    if field.precision and abs(number) >= Decimal(10) ** whole_digits:
        raise _out_of_range(field, value)
    if field.precision:
        number = number.quantize(Decimal(1).scaleb(-field.scale), rounding=ROUND_HALF_UP)
    return float(number) + 0.0


def _int(field: Field, value: object, source: Source) -> int:
    number = _decimal(field, value, source)
    if number != math.floor(number):
        raise _unreadable(field, value, source)
    if abs(number) >= _INT_LIMIT:
        raise _out_of_range(field, value)
    return int(number)


def _date(field: Field, value: object, source: Source) -> str:
    if isinstance(value, str):
        moment = parse_moment(value)
        day = moment.astimezone(UTC).date().isoformat() if moment else parse_date(value)
        if day is not None:
            return day
    raise _unreadable(field, value, source)


def _datetime(field: Field, value: object, source: Source) -> str:
    moment = parse_moment(value) if isinstance(value, str) else None
    if moment is None:
        raise _unreadable(field, value, source)
    return stamp(moment)


def _reference(field: Field, value: object, source: Source) -> str:
    known = normalise_id(value) if isinstance(value, str) else None
    if known is None:
        raise SalesforceError(
            "MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", fields=[field.name]
        )
    return known
