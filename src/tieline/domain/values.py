"""The values that travel between a CRM, an analysis and a contact.

A value here is always in canonical form, so that equality means equality: text is `str`, numbers are `int` or
`Decimal` (never `float`), dates are `YYYY-MM-DD`, datetimes are UTC and end in `Z`, an empty field is `None`.
This module must never know about a CRM, a database or a clock.
"""

from decimal import Decimal
from enum import Enum, StrEnum
from typing import Final, Literal, TypeAlias

Value: TypeAlias = str | int | Decimal | bool | None


class FieldType(StrEnum):
    """The six types of a contact field."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    ENUM = "enum"


class _Absent(Enum):
    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent.ABSENT
"""A field that an answer did not contain at all. Never the same as `None`, which is an empty field."""

Absent: TypeAlias = Literal[_Absent.ABSENT]


def is_empty(value: Value) -> bool:
    """True for `None` and for text without a visible character. `False` and `0` are values."""
    return value is None or (isinstance(value, str) and not value.strip())


def number_text(value: int | Decimal) -> str:
    """A number as people write it: `42`, `99.5`; no exponent, no trailing zeros, no `-0`."""
    if isinstance(value, int):
        return str(value)
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def as_text(value: Value) -> str:
    """The canonical text of a value: what a string field, a dynamic variable or a message shows for it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return number_text(value)
        case str():
            return value
