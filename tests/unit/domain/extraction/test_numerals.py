"""Numbers as they are said, in every reading of their spelling, and nothing that was not said."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.extraction.numerals import TENS, UNITS, digits_said, numbers_in

ONES = {value: name for name, value in UNITS.items()}
TENTHS = {value: name for name, value in TENS.items()}


def spoken(number: int) -> str:
    """In English words, for numbers below a million."""
    if number < 20:
        return ONES[number]
    if number < 100:
        rest = number % 10
        return TENTHS[number - rest] + (f"-{ONES[rest]}" if rest else "")
    if number < 1000:
        rest = number % 100
        return f"{ONES[number // 100]} hundred" + (f" and {spoken(rest)}" if rest else "")
    rest = number % 1000
    return f"{spoken(number // 1000)} thousand" + (f" {spoken(rest)}" if rest else "")


@given(st.integers(0, 999_999))
def test_a_number_is_understood_in_digits_and_in_words(number: int) -> None:
    for text in (str(number), f"{number:,}", f"it is {number}.", f"about {spoken(number)} or so"):
        assert numbers_in(text) & {Decimal(number)}, text


@given(st.integers(0, 999_999))
def test_a_number_in_words_has_that_reading_alone(number: int) -> None:
    assert numbers_in(spoken(number)) == {Decimal(number)}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("$5,000.50", "5000.50"),
        ("5k", "5000"),
        ("2.5 million", "2500000"),
        ("twenty-five hundred", "2500"),
        ("half a million", "500000"),
        ("two and a half", "2.5"),
        ("one point five million", "1500000"),
        ("20%", "20 0.2"),
        ("minus 5", "-5"),
        ("nineteen eighty-five", "1985"),
        ("1.500", "1.5 1500"),
        ("March fifth", "5"),
        ("3 kids and 12 dogs", "3 12"),
        ("no number at all, and a half", ""),
        ("5 m", "5 5000000"),
        ("vierzehn Grad", "14"),
        ("siamo in sette", "7"),
        ("dos mil diecinueve", ""),
        ("quatre-vingt-dix euros", ""),
        ("once it is due, one cent", "1"),
    ],
)
def test_spellings(text: str, numbers: str) -> None:
    assert numbers_in(text) == {Decimal(number) for number in numbers.split()}


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("four one five, double two, oh nine", "4152209"),
        ("415-555 0134", "4155550134"),
        ("twenty two thirty", "2230"),
        ("triple seven", "777"),
        ("null sieben drei drei", "0733"),
        ("nothing here", ""),
    ],
)
def test_digits_that_are_read_out(text: str, digits: str) -> None:
    assert digits_said(text) == digits
