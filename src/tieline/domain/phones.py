"""Phone numbers: every spelling of a number becomes its one E.164 form, or is unusable with a reason.

Parsing costs more than storing, so answers are remembered by spelling and region, and `rphonenumbers`, a
faster engine of the same interface, is used where it is installed. This module must never look a number up
anywhere: validity is what the engine's numbering plans say.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Final, NewType

import phonenumbers

E164 = NewType("E164", str)
"""A valid number with its plus sign and country code, such as `+14155550100`."""

_CACHE_SIZE: Final = 65_536
_MAX_RAW: Final = 250


@dataclass(frozen=True, slots=True)
class Unusable:
    """A spelling that is no valid number: what it was, and why, as the end of a sentence that it begins."""

    raw: str
    reason: str


def is_region(region: str) -> bool:
    """True for the code of a country that has a numbering plan, such as `US`."""
    return region in phonenumbers.SUPPORTED_REGIONS


def normalise(raw: str | None, region: str) -> E164 | Unusable:
    """The E.164 form of a number as written in that region. An extension is dropped: it is no part of E.164.

    A number that starts with `+` or the region's international prefix may belong to any country. Raises
    ValueError for a region that does not exist.
    """
    if not is_region(region):
        raise ValueError(f"{region!r} is not a country code such as US")
    text = (raw or "").strip()
    if not text:
        return Unusable(raw or "", "is empty")
    if len(text) > _MAX_RAW:
        return Unusable(text, "is too long to be a phone number")
    return _normalise(text, region)


def normalise_with(engine: ModuleType, text: str, region: str) -> E164 | Unusable:
    """`normalise` by a given engine, uncached, so that two engines can be compared. `text` is not blank."""
    try:
        number = engine.parse(text, region)
    except engine.NumberParseException as error:
        return Unusable(text, _REASONS.get(error.error_type, _NOT_A_NUMBER))
    if not engine.is_valid_number(number):
        return Unusable(text, "is not a valid number of its country")
    return E164(engine.format_number(number, engine.PhoneNumberFormat.E164))


_NOT_A_NUMBER: Final = "is not a phone number"
_REASONS: Final[Mapping[int, str]] = {
    phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: "has no country code that exists",
    phonenumbers.NumberParseException.NOT_A_NUMBER: _NOT_A_NUMBER,
    phonenumbers.NumberParseException.TOO_SHORT_AFTER_IDD: "ends after the international prefix",
    phonenumbers.NumberParseException.TOO_SHORT_NSN: "is too short to be a phone number",
    phonenumbers.NumberParseException.TOO_LONG: "is too long to be a phone number",
}


def _engine() -> ModuleType:
    try:
        return importlib.import_module("rphonenumbers")
    except ImportError:
        return phonenumbers


_ENGINE: Final = _engine()


@lru_cache(maxsize=_CACHE_SIZE)
def _normalise(text: str, region: str) -> E164 | Unusable:
    return normalise_with(_ENGINE, text, region)
