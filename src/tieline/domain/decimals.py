"""Numbers as exact decimals in canonical form: `int` where whole, else `Decimal` without trailing zeros.

This module must never let a number pass through a float.
"""

import re
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Final

MAX_DIGITS: Final = 64

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
# Wide enough for any canonical number, so that rounding to a scale rounds nothing else.
_WIDE = Context(prec=4 * MAX_DIGITS, rounding=ROUND_HALF_UP)


def parse_number(text: str) -> int | Decimal | None:
    """A number written as JSON writes it, in canonical form; None if it is none or too long."""
    if not _JSON_NUMBER.fullmatch(text):
        return None
    try:
        return canonical_number(Decimal(text))
    except InvalidOperation:
        return None


def canonical_number(number: int | Decimal) -> int | Decimal | None:
    """The number in canonical form; None if not finite, or over 64 digits on a side."""
    if isinstance(number, int):
        return number if abs(number) < 10**MAX_DIGITS else None
    if not number.is_finite():
        return None
    if not number:
        return 0
    if number.adjusted() < MAX_DIGITS and number == (whole := int(number)):
        return whole
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    while exponent < 0 and digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    if len(digits) + exponent > MAX_DIGITS or -exponent > MAX_DIGITS:
        return None
    # Built from its digits, because arithmetic would round to the context's 28.
    return Decimal((sign, digits, exponent))


def at_scale(number: int | Decimal, scale: int | None) -> int | Decimal:
    """The number rounded to that many digits after the point, halves away from zero; None rounds nothing.

    Halves away from zero is how Salesforce rounds to a field's scale. `number` is canonical, and so is the
    answer.
    """
    if scale is None or isinstance(number, int):
        return number
    rounded = canonical_number(number.quantize(Decimal((0, (1,), -scale)), context=_WIDE))
    return number if rounded is None else rounded
