"""HubSpot's property types and values, to and from ours.

On HubSpot's wire every value is a string or null. A value that is not what its type promises goes on as its
raw text, so that the mapping can name it in an issue; it is never dropped and never guessed at.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final, TypeAlias

from tieline.domain.crm_schema import CrmField, CrmKind, CrmOption
from tieline.domain.values import Value, number_text

if TYPE_CHECKING:
    from tieline.connectors.hubspot.wire import Property

TEXT_LENGTH: Final = 65_536

Raw: TypeAlias = str | int | float | bool | None
"""A property value on the wire: text or null by promise, anything else by accident."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGER = re.compile(r"-?\d+\Z")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_PHONE_NAMES = frozenset({"phone", "mobilephone", "hs_whatsapp_phone_number"})

_KINDS: Mapping[str, CrmKind] = {
    "string": CrmKind.STRING,
    "phone_number": CrmKind.STRING,
    "number": CrmKind.NUMBER,
    "bool": CrmKind.BOOLEAN,
    "date": CrmKind.DATE,
    "datetime": CrmKind.DATETIME,
    "enumeration": CrmKind.PICKLIST,
}


def crm_field(found: "Property") -> CrmField:
    """A property definition as a field of ours."""
    kind = _kind(found)
    read_only = found.calculated or bool(
        found.modificationMetadata and found.modificationMetadata.readOnlyValue
    )
    phone = found.type == "phone_number" or found.fieldType == "phonenumber" or found.name in _PHONE_NAMES
    is_text = kind is CrmKind.STRING
    return CrmField(
        name=found.name,
        label=found.label or found.name,
        kind=kind,
        vendor_type=f"{found.type}/{found.fieldType}" if found.fieldType else found.type,
        description=found.description or "",
        updateable=not read_only and kind is not CrmKind.OTHER,
        createable=not read_only and kind is not CrmKind.OTHER,
        calculated=found.calculated,
        restricted=kind in (CrmKind.PICKLIST, CrmKind.MULTI_PICKLIST) and not found.externalOptions,
        unique=found.hasUniqueValue or found.name == "email",
        is_phone=is_text and phone and not found.calculated,
        max_length=TEXT_LENGTH if is_text else None,
        options=_options(found) if kind in (CrmKind.PICKLIST, CrmKind.MULTI_PICKLIST) else (),
    )


def _kind(found: "Property") -> CrmKind:
    kind = _KINDS.get(found.type, CrmKind.OTHER)
    if kind is not CrmKind.PICKLIST:
        return kind
    if found.fieldType == "checkbox":
        return CrmKind.MULTI_PICKLIST
    if found.fieldType == "booleancheckbox" and {option.value for option in found.options} <= {
        "true",
        "false",
    }:
        return CrmKind.BOOLEAN
    return CrmKind.PICKLIST


def _options(found: "Property") -> tuple[CrmOption, ...]:
    return tuple(CrmOption(one.value, one.label or one.value, active=not one.hidden) for one in found.options)


def read_value(raw: Raw, field: CrmField) -> Value:
    """A value of the wire in canonical form. Null and empty text are None; what does not fit its type stays
    raw text."""
    if raw is None or raw == "":
        return None
    if isinstance(raw, bool):
        return raw if field.kind is CrmKind.BOOLEAN else str(raw).lower()
    text = raw if isinstance(raw, str) else number_text(Decimal(repr(raw)))
    match field.kind:
        case CrmKind.NUMBER:
            return _number(text)
        case CrmKind.BOOLEAN:
            return {"true": True, "false": False}.get(text.strip().lower(), text)
        case CrmKind.DATE:
            return _date(text)
        case CrmKind.DATETIME:
            return _datetime(text)
        case CrmKind.MULTI_PICKLIST:
            return ";".join(part for part in text.split(";") if part) or None
        case _:
            return text


def _number(text: str) -> Value:
    text = text.strip()
    if _INTEGER.match(text):
        return int(text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number if number.is_finite() else text


def _moment(text: str) -> datetime | None:
    try:
        if _INTEGER.match(text):
            return _EPOCH + timedelta(milliseconds=int(text))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _date(text: str) -> str:
    """`YYYY-MM-DD`. HubSpot's other spellings of a date are midnight UTC, as epoch milliseconds or as an ISO
    time."""
    text = text.strip()
    if _DATE.match(text):
        return text
    moment = _moment(text)
    return text if moment is None else moment.date().isoformat()


def _datetime(text: str) -> str:
    """UTC with `Z`, milliseconds only where there are some."""
    moment = _moment(text.strip())
    return text if moment is None else canonical_datetime(moment)


def canonical_datetime(moment: datetime) -> str:
    """`2026-05-01T07:25:37Z`, or with `.123` before the `Z`."""
    moment = moment.astimezone(UTC)
    precision = "milliseconds" if moment.microsecond // 1000 else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def write_value(value: Value) -> str:
    """A canonical value as HubSpot takes it; the empty string clears."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return number_text(value)
        case str():
            return value


def write_field(value: Value, field: CrmField | None) -> str:
    """As `write_value`; a multi-select never starts with `;`, which would append to what is there."""
    text = write_value(value)
    return text.strip(";") if field is not None and field.kind is CrmKind.MULTI_PICKLIST else text
