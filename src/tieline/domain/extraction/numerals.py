"""The numbers that a text says, in digits or in English words; also the digits of numbers that are read out.

Other languages than English are understood as far as a number is one word. A number is given in every reading that its
spelling allows: 1.500 is one and a half here and fifteen hundred there.
What is not understood is not there. Nothing may be added up or worked out from what was said.
"""

import re
from decimal import Decimal
from typing import Final

UNITS: Final = {
    name: value
    for value, name in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
        " seventeen eighteen nineteen".split()
    )
}
TENS: Final = {
    name: value * 10
    for value, name in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
ORDINALS: Final = {
    name: value
    for value, name in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth"
        " fifteenth sixteenth seventeenth eighteenth nineteenth".split(),
        1,
    )
} | {"twentieth": 20, "thirtieth": 30}
# Of German, Spanish, French, Italian and Portuguese only numbers of one word, without those that are English words, too
# (once, due, cent). What takes several words there is not understood.
_FOREIGN: Final = {
    word: value
    for value, names in {
        0: "null cero z\u00e9ro", 1: "eins uno une um uma", 2: "zwei dos deux dois duas",
        3: "drei tres trois tre tr\u00eas", 4: "vier cuatro quatre quattro quatro", 5: "f\u00fcnf cinco cinq cinque",
        6: "sechs seis sei", 7: "sieben siete sept sette sete", 8: "acht ocho huit otto oito",
        9: "neun nueve neuf nove", 10: "zehn diez dix dieci dez", 11: "elf onze undici",
        12: "zw\u00f6lf doce douze dodici doze",
        13: "dreizehn trece treize tredici treze", 14: "vierzehn catorce quatorze quattordici",
        15: "f\u00fcnfzehn quince quinze quindici", 16: "sechzehn diecis\u00e9is seize sedici dezesseis",
        17: "siebzehn diecisiete diciassette dezessete", 18: "achtzehn dieciocho diciotto dezoito",
        19: "neunzehn diecinueve diciannove dezenove", 20: "zwanzig veinte vingt venti vinte",
        30: "drei\u00dfig treinta trente trenta trinta", 40: "vierzig cuarenta quarante quaranta quarenta",
        50: "f\u00fcnfzig cincuenta cinquante cinquanta cinquenta", 60: "sechzig sesenta soixante sessanta sessenta",
        70: "siebzig setenta settanta", 80: "achtzig ochenta ottanta oitenta", 90: "neunzig noventa novanta",
        100: "hundert cien cento", 1000: "tausend mille",
    }.items()
    for word in names.split()
}  # fmt: skip
_SCALES: Final = {
    "hundred": Decimal(100),
    "thousand": Decimal(1_000),
    "k": Decimal(1_000),
    "grand": Decimal(1_000),
    "million": Decimal(1_000_000),
    "mn": Decimal(1_000_000),
    "m": Decimal(1_000_000),
    "billion": Decimal(1_000_000_000),
    "bn": Decimal(1_000_000_000),
    "b": Decimal(1_000_000_000),
    "dozen": Decimal(12),
}
_LETTERS: Final = frozenset({"k", "m", "b", "mn", "bn"})
_HALF: Final = Decimal("0.5")
_TOKEN: Final = re.compile(
    r"(?P<number>(?<![\w.,])[-\u2212]?\d+(?:[.,'\u2019\u00a0\u202f]\d+)*)(?P<ordinal>(?:st|nd|rd|th)\b)?"
    r"|(?P<word>[^\W\d_]+)|(?P<sign>[%\u20ac$\u00a3])|(?P<other>[^\w\s]|\d+)",
    re.IGNORECASE,
)
_ENGLISH: Final = re.compile(r"(\d{1,3}(?:[,'\u2019\u00a0\u202f]\d{3})+|\d+)(\.\d+)?")
_CONTINENTAL: Final = re.compile(r"(\d{1,3}(?:[.'\u2019\u00a0\u202f]\d{3})+|\d+)(,\d+)?")


def numbers_in(text: str) -> frozenset[Decimal]:
    """Every number that the text says, in every reading."""
    tokens = [_token(match) for match in _TOKEN.finditer(text)]
    found: set[Decimal] = set()
    place = 0
    while place < len(tokens):
        values, after = _number_at(tokens, place)
        found |= values
        place = max(after, place + 1)
    return frozenset(found)


Token = str | frozenset[Decimal]


def _token(match: re.Match[str]) -> Token:
    number = match["number"]
    return _readings(number) if number else match.group().lower()


def _readings(number: str) -> frozenset[Decimal]:
    minus = number[0] in "-\u2212"
    digits = number.lstrip("-\u2212")
    found = set()
    for pattern, decimal_mark in ((_ENGLISH, "."), (_CONTINENTAL, ",")):
        match = pattern.fullmatch(digits)
        if match:
            whole = re.sub(r"\D", "", match[1])
            found.add(Decimal(whole + (match[2] or "").replace(decimal_mark, ".")))
    return frozenset(-value for value in found) if minus else frozenset(found)


def _number_at(tokens: list[Token], place: int) -> tuple[set[Decimal], int]:
    """The number that begins at a token, in its readings, and where it ends; the same place if none does."""
    minus = tokens[place] in ("minus", "negative")
    start = place + 1 if minus else place
    values, after = _unsigned_at(tokens, start)
    if not values:
        return set(), place
    if after < len(tokens) and tokens[after] in ("%", "percent"):
        values |= {value / 100 for value in values}
    return ({-value for value in values} if minus else values), after


def _unsigned_at(tokens: list[Token], place: int) -> tuple[set[Decimal], int]:
    first, following = tokens[place : place + 1], tokens[place + 1 : place + 3]
    if first and isinstance(first[0], frozenset):
        return _scaled(tokens, set(first[0]), place + 1)
    if first and isinstance(first[0], str) and first[0] in _FOREIGN:
        return _one_word(tokens, place)
    if first == ["half"]:  # half a million, half million
        skip = 1 if following[:1] in (["a"], ["an"]) else 0
        scale = following[skip : skip + 1]
        if scale and isinstance(scale[0], str) and scale[0] in _SCALES and scale[0] not in _LETTERS:
            return {_HALF * _SCALES[scale[0]]}, place + 2 + skip
        return set(), place
    return _words_at(tokens, place)


def _one_word(tokens: list[Token], place: int) -> tuple[set[Decimal], int]:
    """A number of another language, if no other one stands beside it: then the two may be one that we do not know."""
    beside = (*tokens[max(place - 1, 0) : place], *tokens[place + 1 : place + 2])
    alone = not any(
        isinstance(token, frozenset) or token in _FOREIGN or token in ("mil", "-") for token in beside
    )
    return ({Decimal(_FOREIGN[str(tokens[place])])} if alone else set()), place + 1


def _scaled(tokens: list[Token], values: set[Decimal], place: int) -> tuple[set[Decimal], int]:
    """`5 thousand`, `5k`, `2.5 million`, `2 and a half`, `5 and a half thousand`."""
    if tokens[place : place + 3] == ["and", "a", "half"]:
        values, place = {value + _HALF for value in values}, place + 3
    while place < len(tokens):
        token = tokens[place]
        if not isinstance(token, str) or token not in _SCALES:
            break
        larger = {value * _SCALES[token] for value in values}
        # 5m may be five million, or five metres.
        values, place = (values | larger if token in ("m", "b") else larger), place + 1
    return values, place


def _words_at(tokens: list[Token], place: int) -> tuple[set[Decimal], int]:
    start = place
    total, current = Decimal(0), None
    spoken = False
    while place < len(tokens):
        token = tokens[place]
        if token in ("and", "-") and spoken and _continues(tokens, place + 1, current, token == "-"):
            place += 1
            continue
        following = tokens[place + 1] if place + 1 < len(tokens) else ""
        if token in ("a", "an") and current is None and _is_big(following):
            current = Decimal(1)
        elif isinstance(token, str) and (small := _small(token)) is not None and _fits(current, small):
            current = Decimal(small) if current is None else current + small
        elif isinstance(token, str) and _is_big(token) and current is not None:
            current *= _SCALES[token]
            if token != "hundred":
                total, current = total + current, None
        else:
            break
        spoken, place = True, place + 1
    if not spoken or place == start:
        return set(), start
    return _tail(tokens, total + (current or 0), place)


def _tail(tokens: list[Token], value: Decimal, place: int) -> tuple[set[Decimal], int]:
    """`point five`, `and a half`, and years in two halves: nineteen eighty-five, twenty twenty-six."""
    if tokens[place : place + 1] == ["point"]:
        digits = ""
        after = place + 1
        while (
            after < len(tokens) and isinstance(tokens[after], str) and UNITS.get(str(tokens[after]), 10) < 10
        ):
            digits, after = digits + str(UNITS[str(tokens[after])]), after + 1
        if digits:
            return _scaled(tokens, {Decimal(f"{value}.{digits}")}, after)
    if tokens[place : place + 3] == ["and", "a", "half"]:
        return _scaled(tokens, {value}, place)
    if 10 <= value <= 99 and place < len(tokens):
        rest, after = _words_at(tokens, place)
        if len(rest) == 1 and 10 <= min(rest) <= 99:
            return {value * 100 + min(rest)}, after
    return {value}, place


def _small(token: str) -> int | None:
    for table in (UNITS, TENS, ORDINALS):
        if token in table:
            return table[token]
    return None


def _is_big(token: object) -> bool:
    return isinstance(token, str) and token in _SCALES and token not in _LETTERS


def _fits(current: Decimal | None, small: int) -> bool:
    if current is None:
        return True
    rest = current % 100
    if rest == 0:
        return current >= 100 and small > 0
    return rest >= 20 and rest % 10 == 0 and 0 < small < 10


def _continues(tokens: list[Token], place: int, current: Decimal | None, hyphen: bool) -> bool:
    token = tokens[place] if place < len(tokens) else ""
    if not isinstance(token, str) or (small := _small(token)) is None:
        return False
    if hyphen:
        return current is not None and _fits(current, small)
    return current is None or (current >= 100 and current % 100 == 0)


_DIGIT_WORDS: Final = {
    **{word: str(value) for word, value in _FOREIGN.items() if value < 20},
    **{word: str(value) for word, value in UNITS.items()},
    "oh": "0",
    "zero": "0",
}
_REPEATS: Final = {"double": 2, "triple": 3, "treble": 3}


def digits_said(text: str) -> str:
    """All digits of a text one after the other, also those that are spoken: `four one five, double two, oh`."""
    found: list[str] = []
    times, ten = 1, ""
    for part in re.findall(r"\d|[^\W\d_]+", text.lower()):
        digit = part if part.isdigit() else _DIGIT_WORDS.get(part, "")
        if ten and len(digit) == 1 and digit != "0":
            digit = ten[0] + digit
        elif ten:
            found.append(ten)
        ten = str(TENS[part]) if part in TENS else ""
        found.append(digit * times)
        times = _REPEATS.get(part, 1)
    return "".join(found) + ten
