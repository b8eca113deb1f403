"""From a property value as a client sends it to the text that HubSpot stores, or the fault it answers."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from tieline.sandbox.hubspot.schema import TEXT_LIMIT, Option, Property
from tieline.sandbox.hubspot.wire import PropertyFault, iso, parse_ms

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s.,;<>\"]{2,}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAY_MS = 86_400_000
_LAST_MS = 253_402_300_799_999


def as_text(value: object) -> str:
    """Strings stay; JSON numbers, booleans and null become what HubSpot reads them as."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def store_form(item: Property, text: str, current: str) -> str | PropertyFault:
    """What is stored for `text`; `""` clears. `current` matters to a multi-select that is appended to."""
    if text == "":
        return ""
    if item.name == "email":
        return _email(item, text)
    if item.type == "number":
        return _number(item, text)
    if item.type == "date":
        return _date(item, text)
    if item.type == "datetime":
        return _datetime(item, text)
    if item.type in ("enumeration", "bool"):
        return _choice(item, text, current)
    if item.name == "hs_call_recording_url" and not text.startswith("https://"):
        return PropertyFault(f"{text} is not a valid https URL", "INVALID_URL", item.name)
    if len(text) > TEXT_LIMIT:
        message = f"{item.name} was too long. The maximum length is {TEXT_LIMIT} characters"
        return PropertyFault(message, "VALUE_TOO_LONG", item.name)
    return text


def _email(item: Property, text: str) -> str | PropertyFault:
    address = text.strip().lower()
    if _EMAIL.fullmatch(address):
        return address
    return PropertyFault(f"Email address {text} is invalid", "INVALID_EMAIL", item.name)


def _number(item: Property, text: str) -> str | PropertyFault:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return _not_long(item, text)
    return text.strip() if number.is_finite() else _not_long(item, text)


def _date(item: Property, text: str) -> str | PropertyFault:
    ms = parse_ms(text) if _DATE.fullmatch(text) or text.lstrip("-").isdigit() else None
    if ms is None or abs(ms) > _LAST_MS:
        return _not_long(item, text)
    if ms % _DAY_MS:
        moment = datetime.fromtimestamp(ms / 1000, UTC)
        clock = f"{moment.hour}:{moment.minute}:{moment.second}.{ms % 1000}"
        return PropertyFault(f"{text} is at {clock} UTC, not midnight!", "INVALID_DATE", item.name)
    return iso(ms)[:10]


def _datetime(item: Property, text: str) -> str | PropertyFault:
    ms = parse_ms(text)
    return _not_long(item, text) if ms is None or abs(ms) > _LAST_MS else iso(ms)


def _choice(item: Property, text: str, current: str) -> str | PropertyFault:
    if item.multiple:
        return _choices(item, text, current)
    if "X" in item.flags:
        return text if text.isdigit() else _not_allowed(item, text)
    value = text.lower() if item.type == "bool" else text
    return value if _allows(item, value) else _not_allowed(item, text)


def _choices(item: Property, text: str, current: str) -> str | PropertyFault:
    """`a;b` replaces, `;c` appends to what is there."""
    appended = text.startswith(";")
    wanted = [value for value in text.split(";") if value]
    for value in wanted:
        if "X" not in item.flags and not _allows(item, value):
            return _not_allowed(item, value)
    kept = [value for value in current.split(";") if value] if appended else []
    return ";".join(dict.fromkeys([*kept, *wanted]))


def _allows(item: Property, value: str) -> bool:
    return not item.options or any(option.value == value for option in item.options)


def _not_long(item: Property, text: str) -> PropertyFault:
    return PropertyFault(f"{text} was not a valid long.", "INVALID_LONG", item.name)


def _not_allowed(item: Property, text: str) -> PropertyFault:
    listed = ", ".join(_described(option) for option in item.options)
    message = f"{text} was not one of the allowed options: [{listed}]"
    return PropertyFault(message, "INVALID_OPTION", item.name)


def _described(option: Option) -> str:
    hidden = "true" if option.hidden else "false"
    return (
        f'label: "{option.label}"\nvalue: "{option.value}"\ndisplay_order: {option.order}\n'
        f"hidden: {hidden}\nread_only: false\n"
    )
