"""Salesforce's field types and values, to and from ours.

A value that does not fit its field's type goes on as its raw text, so that the mapping can name it in an
issue; it is never dropped and never guessed at.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from tieline.connectors.salesforce.wire import parse_moment
from tieline.domain import decimals, instants
from tieline.domain.crm_schema import CrmField, CrmKind, CrmOption, CrmSchema
from tieline.domain.values import Value, as_text
from tieline.ports.errors import RecordRejectedError

# Compound and binary fields cannot be read in bulk; the parts of an address are fields of their own.
_UNREADABLE: Final = frozenset({"address", "location", "base64", "anyType", "complexvalue"})

_KINDS: Final = {
    "string": CrmKind.STRING,
    "textarea": CrmKind.STRING,
    "phone": CrmKind.STRING,
    "email": CrmKind.STRING,
    "url": CrmKind.STRING,
    "combobox": CrmKind.STRING,
    "encryptedstring": CrmKind.STRING,
    "int": CrmKind.NUMBER,
    "long": CrmKind.NUMBER,
    "double": CrmKind.NUMBER,
    "currency": CrmKind.NUMBER,
    "percent": CrmKind.NUMBER,
    "boolean": CrmKind.BOOLEAN,
    "date": CrmKind.DATE,
    "datetime": CrmKind.DATETIME,
    "picklist": CrmKind.PICKLIST,
    "multipicklist": CrmKind.MULTI_PICKLIST,
}
_WITH_OPTIONS: Final = frozenset({CrmKind.PICKLIST, CrmKind.MULTI_PICKLIST})
_WHOLE: Final = frozenset({"int", "long"})

Decoder = Callable[[Any], Value]


class PicklistEntry(msgspec.Struct):
    """One entry of `picklistValues`."""

    value: str
    label: str | None = None
    active: bool = True
    defaultValue: bool = False  # noqa: N815 (Salesforce's name)


class FieldDescription(msgspec.Struct):
    """What is used of one field of a describe."""

    name: str
    type: str
    label: str = ""
    length: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = False
    updateable: bool = False
    calculated: bool = False
    unique: bool = False
    defaultedOnCreate: bool = False  # noqa: N815
    restrictedPicklist: bool = False  # noqa: N815
    inlineHelpText: str | None = None  # noqa: N815
    picklistValues: list[PicklistEntry] | None = None  # noqa: N815


class ObjectDescription(msgspec.Struct):
    """What is used of a describe."""

    name: str
    fields: list[FieldDescription]
    createable: bool = False
    updateable: bool = False


def schema_of(described: ObjectDescription) -> CrmSchema:
    """The contact schema. Fields that no query can read as one value (compound addresses, binaries) are left
    out.
    """
    return CrmSchema(
        {field.name: field_of(field) for field in described.fields if field.type not in _UNREADABLE}
    )


def field_of(described: FieldDescription) -> CrmField:
    """One field. Required is what Salesforce demands when a record is created: not nillable and not
    defaulted.
    """
    kind = _KINDS.get(described.type, CrmKind.OTHER)
    entries = (described.picklistValues or []) if kind in _WITH_OPTIONS else []
    opaque = kind is CrmKind.OTHER
    return CrmField(
        name=described.name,
        label=described.label or described.name,
        kind=kind,
        vendor_type=described.type,
        description=described.inlineHelpText or "",
        updateable=described.updateable and not opaque,
        createable=described.createable and not opaque,
        required=described.createable and not described.nillable and not described.defaultedOnCreate,
        calculated=described.calculated,
        restricted=described.restrictedPicklist,
        unique=described.unique,
        is_phone=described.type == "phone",
        max_length=described.length or None,
        scale=_scale(described, kind),
        precision_ms=1000 if kind is CrmKind.DATETIME else 1,
        default=_default(kind, entries),
        options=tuple(CrmOption(e.value, e.label or e.value, e.active) for e in entries),
    )


def _scale(described: FieldDescription, kind: CrmKind) -> int | None:
    if kind is not CrmKind.NUMBER:
        return None
    return 0 if described.type in _WHOLE else described.scale


def _default(kind: CrmKind, entries: list[PicklistEntry]) -> Value:
    """A checkbox is never empty, and a new record shows a picklist's default."""
    if kind is CrmKind.BOOLEAN:
        return False
    chosen = [entry.value for entry in entries if entry.defaultValue and entry.active]
    return chosen[0] if chosen else None


# Values from JSON


def decode_value(raw: Any, field: CrmField) -> Value:
    """A value of a REST answer (numbers decoded without floats) in canonical form."""
    if raw is None or raw == "":
        return None
    match raw, field.kind:
        case bool(), _:
            return raw
        case ((int() | Decimal()), CrmKind.NUMBER):
            return _number(raw)
        case str(), _:
            return decode_text(field)(raw)
        case ((int() | Decimal()), _):
            return as_text(raw)
    return str(raw)


def _number(raw: int | Decimal) -> Value:
    canonical = decimals.canonical_number(raw)
    return as_text(raw) if canonical is None else canonical


# Values from text: strings of JSON, cells of CSV


def decode_text(field: CrmField) -> Decoder:
    """The function that turns a cell of this field into a value; an empty cell is None."""
    return _TEXT_DECODERS.get(field.kind, _plain)


def _plain(cell: str) -> Value:
    return cell or None


def _boolean(cell: str) -> Value:
    known = {"true": True, "false": False}.get(cell.lower())
    return known if known is not None else cell or None


def _number_text(cell: str) -> Value:
    if not cell:
        return None
    number = decimals.parse_number(cell)
    return cell if number is None else number


def _datetime(cell: str) -> Value:
    if not cell:
        return None
    try:
        return instants.instant_text(parse_moment(cell)) or cell
    except ValueError:
        return cell


_TEXT_DECODERS: Final[dict[CrmKind, Decoder]] = {
    CrmKind.BOOLEAN: _boolean,
    CrmKind.NUMBER: _number_text,
    CrmKind.DATETIME: _datetime,
}


# Values to JSON


def encode_value(value: Value, field: CrmField) -> Any:
    """A value as Salesforce takes it; None clears. Raises RecordRejectedError for what this field cannot
    hold.

    A value of the wrong JSON type would fail the whole request, not one record, so it is refused here.
    """
    if value is None or value == "":
        return False if field.kind is CrmKind.BOOLEAN else None
    match field.kind, value:
        case CrmKind.BOOLEAN, bool():
            return value
        case CrmKind.NUMBER, (int() | Decimal()) if not isinstance(value, bool):
            return value
        case CrmKind.DATE, str() if instants.parse_date(value):
            return value
        case CrmKind.DATETIME, str():
            instant = instants.parse_datetime(value)
            if instant is not None and instant.tzinfo is not None:
                return _wire_datetime(instant)
        case ((CrmKind.STRING | CrmKind.PICKLIST | CrmKind.MULTI_PICKLIST), _):
            return as_text(value)
    raise RecordRejectedError(
        f"The value of {field.label} ({field.name}) is not a {field.kind.value.replace('_', ' ')}.",
        field=field.name,
    )


def _wire_datetime(instant: datetime) -> str:
    utc = instant.astimezone(UTC)
    return f"{utc.replace(tzinfo=None).isoformat(timespec='milliseconds')}+0000"
