"""Whether the words of a transcript say a value, as far as code can tell, and the value's canonical form.

Each function takes what a model claims and the transcript's own text, and returns the canonical value or None; also
where the claim may be true and the text does not show it.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import phonenumbers

from tieline.domain.extraction.numerals import TENS, UNITS, digits_said, numbers_in
from tieline.domain.phones import Unusable, normalise

_EMAIL: Final = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@(?:[a-z0-9-]+\.)+[a-z]{2,}")
_MAX_EMAIL: Final = 254
_MAX_DIGITS: Final = 30


def enum_value(claimed: Any, choices: Sequence[str]) -> str | None:
    """One of the choices, as it is written there; capitals and outer blanks do not matter."""
    if not isinstance(claimed, str):
        return None
    wanted = claimed.strip().casefold()
    return next((choice for choice in choices if choice.strip().casefold() == wanted), None)


def boolean_value(claimed: Any) -> bool | None:
    """True or false, also in words."""
    if isinstance(claimed, bool):
        return claimed
    if not isinstance(claimed, str):
        return None
    return {"true": True, "yes": True, "false": False, "no": False}.get(claimed.strip().casefold())


def number_value(claimed: Any, text: str) -> int | Decimal | None:
    """The number, if the text says it in digits or in English words."""
    number = _decimal(claimed)
    if number is None or number not in numbers_in(text):
        return None
    return int(number) if number == number.to_integral_value() else number.normalize()


def _decimal(claimed: Any) -> Decimal | None:
    if isinstance(claimed, bool) or not isinstance(claimed, (int, float, Decimal, str)):
        return None
    try:
        number = Decimal(str(claimed).strip())
    except InvalidOperation:
        return None
    if (
        not number.is_finite()
        or len(number.as_tuple().digits) > _MAX_DIGITS
        or abs(number.adjusted()) > _MAX_DIGITS
    ):
        return None
    return number


def phone_value(claimed: Any, text: str, region: str) -> str | None:
    """The number in E.164, if it is valid and the text says its national digits one after the other."""
    if not isinstance(claimed, (str, int)) or isinstance(claimed, bool):
        return None
    number = normalise(str(claimed), region)
    if isinstance(number, Unusable):
        return None
    said = digits_said(text)
    national = phonenumbers.national_significant_number(phonenumbers.parse(number))
    if normalise(national, region) == number:
        return str(number) if national in said else None
    # Of another country: then that must have been said as well.
    return str(number) if number.removeprefix("+") in said else None


# Spanish, French, German, Italian and Portuguese beside English.
_SIGNS: Final = {
    "@": "at arroba arobase chiocciola \u00e4t",
    ".": "dot period point punto ponto punkt",
    "_": "underscore unterstrich",
    "-": "dash hyphen minus bindestrich tiret gui\u00f3n",
    "+": "plus",
}
_SPOKEN: Final = {name: sign for sign, names in _SIGNS.items() for name in names.split()} | {
    name: str(value) for name, value in {**UNITS, **TENS}.items()
}
_PIECE: Final = re.compile(r"[a-z0-9!#$%&'*/=?^`{|}~_+@.-]+")


def email_value(claimed: Any, text: str) -> str | None:
    """The address in small letters, if the text has it, also spoken or spelt: `jane at example dot com`."""
    if not isinstance(claimed, str) or len(claimed) > _MAX_EMAIL:
        return None
    address = claimed.strip().lower()
    if not _EMAIL.fullmatch(address):
        return None
    pieces = [piece for piece in _PIECE.findall(text.lower()) if piece.strip(".-'")]
    said = any(_spells(pieces, place, address) for place in range(len(pieces)))
    return address if said else None


def _spells(pieces: Sequence[str], place: int, rest: str) -> bool:
    """Whether the pieces from `place` on, one after the other and none left out, give the rest of the address."""
    if not rest:
        return True
    if place == len(pieces):
        return False
    return any(
        form and rest.startswith(form) and _spells(pieces, place + 1, rest[len(form) :])
        for form in _forms(pieces[place])
    )


def _forms(piece: str) -> Iterator[str]:
    yield piece
    # "j-a-n-e" is how a name is spelt out in transcripts; a stop or comma after a word belongs to no address.
    bare = piece.strip(".,!?'")
    if bare != piece:
        yield bare
    if re.fullmatch(r"\w(?:-\w)+\.?", piece):
        yield piece.rstrip(".").replace("-", "")
    if bare in _SPOKEN:
        yield _SPOKEN[bare]


_DIGIT_RUN: Final = re.compile(r"\d+(?:[.,'\u2019]\d+)*")
# So many digits are a number that is read out digit by digit, and not one that happens to be said somewhere.
_LONG: Final = 5
_LONG_WITH_ZERO: Final = 3


class SpokenNumbers:
    """The numbers of a whole transcript, for checking texts that a model worded itself."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._numbers: frozenset[Decimal] | None = None
        self._digits = ""

    def has_all_of(self, value: str) -> bool:
        """Whether every number in `value`, and every address, was said somewhere."""
        found = _DIGIT_RUN.findall(value)
        if found and self._numbers is None:
            self._numbers = numbers_in(self._text)
            self._digits = digits_said(self._text)
        if not all(self._has(run) for run in found):
            return False
        return all(email_value(address, self._text) for address in _EMAIL.findall(value.lower()))

    def _has(self, run: str) -> bool:
        plain = re.sub(r"\D", "", run)
        if len(plain) >= (_LONG_WITH_ZERO if plain.startswith("0") else _LONG) and plain in self._digits:
            return True
        return bool(numbers_in(run) & (self._numbers or frozenset()))
