"""BottleCRM's contact fields and values, to and from ours.

A contact has built-in fields, which are the same everywhere, and the organisation's own ones, which lie in one JSON
object under `custom_fields` and are named `cf_<key>` here, as BottleCRM's list filters name them. A value that is not
what its field promises goes on as text, so that an issue can show it.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from tieline.domain import decimals, instants
from tieline.domain.crm_schema import CrmField, CrmKind, CrmOption
from tieline.domain.values import Value, as_text
from tieline.ports.errors import RecordRejectedError

CUSTOM: Final = "cf_"
"""What the names of the organisation's own fields begin with."""


_encoder = msgspec.json.Encoder(decimal_format="number")


class Definition(msgspec.Struct):
    """An organisation's own field."""

    key: str
    label: str
    field_type: str
    options: list[dict[str, str]] | None = None
    is_required: bool = False
    is_active: bool = True
    target_model: str = "Contact"


_CUSTOM_KINDS: Final[Mapping[str, CrmKind]] = {
    "text": CrmKind.STRING,
    "textarea": CrmKind.STRING,
    "number": CrmKind.NUMBER,
    "dropdown": CrmKind.PICKLIST,
    "date": CrmKind.DATE,
    "checkbox": CrmKind.BOOLEAN,
}


def _text(name: str, label: str, length: int | None = 255, **more: Any) -> CrmField:
    return CrmField(name, label, CrmKind.STRING, "text", max_length=length, **more)


def _read_only(name: str, label: str, kind: CrmKind, **more: Any) -> CrmField:
    return CrmField(name, label, kind, kind.value, updateable=False, createable=False, **more)


def _flag(name: str, label: str, default: bool) -> CrmField:
    return CrmField(name, label, CrmKind.BOOLEAN, "boolean", default=default)


# Lengths and defaults as in BottleCRM 1.35.
BUILT_IN: Final = (
    _text("first_name", "First name", required=True),
    _text("last_name", "Last name", required=True),
    _text("email", "Email", 254, unique=True),
    _text("phone", "Phone", 25, is_phone=True),
    _read_only("phone_e164", "Phone (E.164)", CrmKind.STRING, is_phone=True, calculated=True, max_length=32),
    _text("organization", "Company"),
    _text("title", "Job title"),
    _text("department", "Department"),
    _flag("do_not_call", "Do not call", default=False),
    _text("linkedin_url", "LinkedIn URL", 200),
    _text("address_line", "Address"),
    _text("city", "City"),
    _text("state", "State"),
    _text("postcode", "Postal code", 64),
    _text("description", "Notes", None),
    _text("source", "Source"),
    _text("source_detail", "Sub-source", 100),
    _text("source_ref", "Reference"),
    _flag("is_active", "Active", default=True),
    _read_only("created_at", "Created", CrmKind.DATETIME),
    _read_only("updated_at", "Last updated", CrmKind.DATETIME),
)
# These cannot be null, and the empty text clears them.
_EMPTY_TEXT: Final = frozenset({"source", "source_detail", "source_ref"})
NAMES: Final = ("first_name", "last_name")
NO_NAME: Final = "-"
"""BottleCRM takes no contact without both names, so a dash stands for a name that there is not, both ways."""


def country(pairs: Iterable[Iterable[str]]) -> CrmField:
    """The country, with the codes and names that BottleCRM lists."""
    options = tuple(CrmOption(code, name) for code, name in pairs)
    return CrmField("country", "Country", CrmKind.PICKLIST, "choice", restricted=True, options=options)


def custom(found: Definition) -> CrmField:
    """A definition as a field of ours."""
    kind = _CUSTOM_KINDS.get(found.field_type, CrmKind.OTHER)
    known = kind is not CrmKind.OTHER
    options = tuple(
        CrmOption(one["value"], one.get("label") or one["value"])
        for one in found.options or ()
        if one.get("value")
    )
    return CrmField(
        name=CUSTOM + found.key,
        label=found.label or found.key,
        kind=kind,
        vendor_type=found.field_type,
        updateable=known,
        createable=known,
        required=found.is_required,
        restricted=kind is CrmKind.PICKLIST,
        options=options if kind is CrmKind.PICKLIST else (),
    )


def custom_key(name: str) -> str | None:
    """The key of an organisation's own field by our name of it; None for a built-in field."""
    return name.removeprefix(CUSTOM) if name.startswith(CUSTOM) else None


def read_value(raw: Any, field: CrmField) -> Value:
    """A value of BottleCRM's JSON in canonical form; null and the empty text are None."""
    if raw is None or raw == "" or (raw == NO_NAME and field.name in NAMES):
        return None
    match field.kind, raw:
        case CrmKind.BOOLEAN, bool():
            return raw
        case CrmKind.NUMBER, int() | Decimal() if not isinstance(raw, bool):
            # Numbers come as floating point: 7.0 for 7.
            number = decimals.canonical_number(raw)
            return as_text(raw) if number is None else number
        case CrmKind.DATETIME, str():
            instant = instants.parse_datetime(raw)
            aware = instant is not None and instant.tzinfo is not None
            return (instants.instant_text(instant) if instant and aware else None) or raw
        case _, str() | bool() | int() | Decimal():
            return as_text(raw)
    return _encoder.encode(raw).decode()


def write_value(value: Value, field: CrmField) -> Any:
    """A value as BottleCRM takes it; None clears. Raises RecordRejectedError for what the field cannot hold.

    BottleCRM would take some of these silently and keep something else, or answer with a server error.
    """
    if value is None or value == "":
        return _empty(field)
    match field.kind, value:
        case CrmKind.BOOLEAN, bool():
            return value
        case CrmKind.NUMBER, int() | Decimal() if not isinstance(value, bool):
            return _number(value, field)
        case CrmKind.DATE, str() if instants.parse_date(value):
            return value
        case ((CrmKind.STRING | CrmKind.PICKLIST), _):
            return as_text(value)
    raise RecordRejectedError(
        f"The value of {field.label} ({field.name}) is not a {field.kind.value.replace('_', ' ')}.",
        field=field.name,
    )


def _empty(field: CrmField) -> Any:
    """What clears a field."""
    if field.name in NAMES:
        return NO_NAME
    if field.kind is CrmKind.BOOLEAN and custom_key(field.name) is None:
        return field.default
    return "" if field.name in _EMPTY_TEXT else None


def _number(value: int | Decimal, field: CrmField) -> int | Decimal:
    """The number, if a floating-point number holds it exactly as people write it."""
    try:
        kept = decimals.parse_number(repr(float(value)))
    except OverflowError:
        kept = None
    if kept is None or kept != value:
        raise RecordRejectedError(
            f"BottleCRM keeps numbers with about 15 digits, so it would change the value of {field.label} "
            f"({field.name}); shorten it or map another field.",
            field=field.name,
        )
    return value
