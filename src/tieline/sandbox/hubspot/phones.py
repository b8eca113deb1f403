"""HubSpot's calculated phone properties, from the digits alone; it never says whether a number exists."""

import re
from typing import NamedTuple

# Country calling codes of one and two digits; all others have three (ITU-T E.164).
_ONE_DIGIT = frozenset("17")
_TWO_DIGITS = frozenset(
    "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66"
    " 81 82 84 86 90 91 92 93 94 95 98".split()
)
_SHORTEST_NATIONAL = 6
_NANP = 10
_EXTENSION = re.compile(r"\s*(?:ext\.?|x)\s*\d+\s*$", re.IGNORECASE)
_TRUNK = re.compile(r"\(0\)")


class Digits(NamedTuple):
    """`national` without and `international` with the country code, in digits; an unknown `code` is ""."""

    code: str
    national: str
    international: str


def split_digits(raw: str) -> Digits | None:
    """Digits of a number as dialled from the United States, without its extension; None if there are none.

    A number that does not fit its country code is kept whole, as HubSpot does with `+1 555-1234`.
    """
    text = _TRUNK.sub("", _EXTENSION.sub("", raw.strip().removeprefix("tel:")))
    digits = "".join(char for char in text if char.isascii() and char.isdigit())
    if not digits:
        return None
    if text.lstrip(" (").startswith("+"):
        return _international(digits)
    if digits.startswith("011") and len(digits) > _NANP + 1:
        return _international(digits[3:])
    if len(digits) == _NANP + 1 and digits[0] == "1":
        return Digits("1", digits[1:], digits)
    if len(digits) == _NANP and digits[0] not in "01":
        return Digits("1", digits, "1" + digits)
    return Digits("", digits, digits)


def _international(digits: str) -> Digits:
    width = 1 if digits[:1] in _ONE_DIGIT else 2 if digits[:2] in _TWO_DIGITS else 3
    code, national = digits[:width], digits[width:]
    fits = len(national) == _NANP if code == "1" else len(national) >= _SHORTEST_NATIONAL
    return Digits(code, national, digits) if fits else Digits("", digits, digits)


def calculated(raw: str, kind: str) -> dict[str, str]:
    """The calculated properties of `phone` (kind "phone") or `mobilephone` (kind "mobile"); "" for none."""
    number = split_digits(raw)
    known = number is not None and number.code != ""
    values = {
        f"hs_searchable_calculated_{kind}_number": number.national if number else "",
        f"hs_searchable_calculated_international_{kind}_number": number.international if number else "",
        f"hs_calculated_{kind}_number": f"+{number.international}" if number and known else "",
    }
    if kind == "phone":
        nanp = number is not None and number.code == "1"
        values["hs_calculated_phone_number_country_code"] = number.code if number else ""
        values["hs_calculated_phone_number_area_code"] = number.national[:3] if number and nanp else ""
        values["hs_calculated_phone_number_region_code"] = "US" if nanp else ""
    return values
