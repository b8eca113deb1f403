"""JSON as Tieline reads and writes it, on the wire and in jsonb: numbers are `int` or `Decimal`.

This module must never round a number or let one through that PostgreSQL cannot keep.
"""

from decimal import Decimal
from typing import Any

import msgspec

_LARGEST_EXPONENT = 1_000
_DEEPEST = 100


class JsonError(ValueError):
    """Text that is not JSON, or JSON that we do not keep; the message says which and is safe to show."""


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if number and abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError("a number is too large or too small")
    return number


def _plain(value: Any) -> Any:
    if isinstance(value, float):  # Foreign code may hand us one; its shortest text is what it means.
        return Decimal(repr(value))
    raise TypeError(f"{type(value).__name__} has no JSON form")


_decoder = msgspec.json.Decoder(float_hook=_number)
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain)
_sorted_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain, order="sorted")


def load_json(text: bytes | str) -> Any:
    """JSON text as Python values. Raises JsonError."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, ValueError, UnicodeDecodeError, RecursionError) as error:
        raise JsonError(f"not valid JSON: {error}") from error


def dump_json(value: Any) -> bytes:
    """Python values as JSON text. Raises TypeError for what has no JSON form."""
    return _encoder.encode(value)


def canonical_json(value: Any) -> bytes:
    """The same text for the same members, in whatever order they came."""
    return _sorted_encoder.encode(value)


def nested_too_deep(value: Any) -> bool:
    """True for JSON that is nested deeper than anything of ours."""
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _DEEPEST:
            return True
        if isinstance(item, dict):
            waiting += [(part, depth + 1) for part in item.values()]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]
    return False


def storable_problem(value: Any) -> str | None:
    """Why PostgreSQL or we cannot keep a JSON value, as a sentence, or None."""
    if nested_too_deep(value):
        return f"The JSON is nested more than {_DEEPEST} levels deep."
    return "Text must not contain a NUL character." if without_nul(value) != value else None


def without_nul(value: Any) -> Any:
    """The value with every NUL in it left out. The nesting must have been checked."""
    match value:
        case str():
            return value.replace("\0", "")
        case dict():
            return {without_nul(name): without_nul(item) for name, item in value.items()}
        case list():
            return [without_nul(item) for item in value]
        case _:
            return value
