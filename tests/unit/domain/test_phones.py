"""Every spelling of a number is one E.164 number, and what is no number says why."""

import importlib
import importlib.util
from types import ModuleType

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from tieline.domain.phones import Unusable, is_region, normalise, normalise_with

_REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
_FORMATS = (
    PhoneNumberFormat.E164,
    PhoneNumberFormat.INTERNATIONAL,
    PhoneNumberFormat.NATIONAL,
    PhoneNumberFormat.RFC3966,
)
_TYPES = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)


def _examples(region: str) -> list[phonenumbers.PhoneNumber]:
    found = [phonenumbers.example_number_for_type(region, kind) for kind in _TYPES]
    return [number for number in found if number is not None]


@pytest.mark.parametrize("region", _REGIONS)
def test_every_format_of_an_example_number_is_the_same_number(region: str) -> None:
    for number in _examples(region):
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        spellings = [phonenumbers.format_number(number, form) for form in _FORMATS]
        spellings += [f"  {spellings[1]} ", f"{spellings[1]} ext. 12", spellings[1].replace(" ", ".")]
        assert {normalise(spelling, region) for spelling in spellings} == {e164}
        assert normalise(e164, "US") == e164


@pytest.mark.parametrize("region", _REGIONS)
def test_an_invalid_example_number_is_unusable(region: str) -> None:
    number = phonenumbers.invalid_example_number(region)
    assert number is not None
    spelling = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    assert isinstance(normalise(spelling, region), Unusable)


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        ("+14155550100", "US", "+14155550100"),
        ("(415) 555-0100", "US", "+14155550100"),
        ("415.555.0100 x99", "US", "+14155550100"),
        ("1 415 555 0100", "US", "+14155550100"),
        ("\uff0b1\uff14155550100", "US", "+14155550100"),
        ("+44 20 8366 1177", "US", "+442083661177"),
        ("0044 20 8366 1177", "DE", "+442083661177"),
        ("020 8366 1177", "GB", "+442083661177"),
        ("06 698 82345", "IT", "+390669882345"),
    ],
)
def test_a_number_is_read_as_written_in_its_region(raw: str, region: str, expected: str) -> None:
    assert normalise(raw, region) == expected


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "is empty"),
        (" ", "is empty"),
        ("n/a", "is not a phone number"),
        ("555-0100", "is not a valid number of its country"),
        ("+1 415 555", "is not a valid number of its country"),
        ("+999 1234567", "has no country code that exists"),
        ("1" * 40, "is too long to be a phone number"),
        ("1" * 4000, "is too long to be a phone number"),
        ("020 8366 1177", "is not a valid number of its country"),
    ],
)
def test_what_is_no_number_is_unusable_and_says_why(raw: str | None, reason: str) -> None:
    answer = normalise(raw, "US")
    assert isinstance(answer, Unusable)
    assert answer.reason == reason
    assert answer.raw.strip() == (raw or "").strip()


def test_an_unknown_region_is_an_error_of_the_caller() -> None:
    assert is_region("DE")
    assert not is_region("de")
    with pytest.raises(ValueError, match="country code"):
        normalise("+14155550100", "XX")


@pytest.fixture
def accelerator() -> ModuleType:
    """The optional faster engine."""
    if importlib.util.find_spec("rphonenumbers") is None:
        pytest.skip("the optional package rphonenumbers is not installed")
    return importlib.import_module("rphonenumbers")


def test_the_faster_engine_agrees_with_the_usual_one(accelerator: ModuleType) -> None:
    spellings = [("n/a", "US"), ("+1 415 555", "US"), ("1" * 40, "US"), ("+999 1234567", "US")]
    for region in _REGIONS:
        for number in _examples(region):
            spellings += [(phonenumbers.format_number(number, form), region) for form in _FORMATS]
    for text, region in spellings:
        assert normalise_with(accelerator, text, region) == normalise_with(phonenumbers, text, region)
