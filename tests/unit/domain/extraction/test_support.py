"""A value stands only where the words say it."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.extraction.moments import Setting, date_value, moment_value
from tieline.domain.extraction.support import (
    SpokenNumbers,
    boolean_value,
    email_value,
    enum_value,
    number_value,
    phone_value,
)

SETTING = Setting(datetime(2026, 11, 25, 10, 30, tzinfo=ZoneInfo("America/New_York")))


@pytest.mark.parametrize(
    ("claimed", "text", "value"),
    [
        (5000, "five thousand dollars", 5000),
        ("5000", "$5,000", 5000),
        (5000.0, "5k", 5000),
        (2.5, "two and a half", Decimal("2.5")),
        (5000, "a large sum", None),
        (50, "five thousand", None),
        (5, "five thousand", None),
        (float("nan"), "nan", None),
        ("1e999999", "1e999999", None),
        (True, "1", None),
        ("many", "many", None),
        ({"n": 1}, "1", None),
    ],
)
def test_numbers(claimed: Any, text: str, value: Any) -> None:
    assert number_value(claimed, text) == value


@pytest.mark.parametrize(
    ("claimed", "text", "value"),
    [
        ("Jane@Example.com", "it's jane@example.com.", "jane@example.com"),
        ("jane@example.com", "Jane at example dot com", "jane@example.com"),
        ("jane.doe@example.com", "jane dot doe at example dot com, thanks", "jane.doe@example.com"),
        ("jane@example.com", "that's J-A-N-E at example.com", "jane@example.com"),
        ("jane2@example.com", "jane two at example dot com", "jane2@example.com"),
        (
            "jane_d@ex-ample.co.uk",
            "jane underscore d at ex dash ample dot co dot uk",
            "jane_d@ex-ample.co.uk",
        ),
        ("ana.b@azul.es", "es ana punto b arroba azul punto es", "ana.b@azul.es"),
        ("ane@example.com", "jane at example dot com", None),
        ("jane@example.co", "jane at example dot com", None),
        ("john@example.com", "jane at example dot com", None),
        ("jane@example.com", "jane at my example dot com", None),
        ("not an address", "not an address", None),
        (7, "7", None),
    ],
)
def test_addresses_written_spoken_and_spelt(claimed: Any, text: str, value: Any) -> None:
    assert email_value(claimed, text) == value


@pytest.mark.parametrize(
    ("claimed", "text", "region", "value"),
    [
        ("(415) 555-2671", "call 415-555-2671", "US", "+14155552671"),
        ("+14155552671", "four one five, double five five, two six seven one", "US", "+14155552671"),
        ("+1 415 555 2671", "it's 415 555 2671 extension 12", "US", "+14155552671"),
        ("+442079460958", "0 2 0 7 9 4 6 0 9 5 8", "GB", "+442079460958"),
        ("+442079460958", "plus 44 20 7946 0958", "US", "+442079460958"),
        ("+442079460958", "20 7946 0958", "US", None),
        ("+14155552671", "415 555 2672", "US", None),
        ("+14155552671", "my number is on file", "US", None),
        ("555", "555", "US", None),
    ],
)
def test_phones_are_valid_and_their_digits_were_said(
    claimed: Any, text: str, region: str, value: Any
) -> None:
    assert phone_value(claimed, text, region) == value


def test_an_enum_is_one_of_its_choices_and_a_boolean_one_of_two() -> None:
    assert enum_value(" hot lead ", ["Cold", "Hot lead"]) == "Hot lead"
    assert [enum_value(claimed, ["Cold"]) for claimed in ("cold!", "", None, 1, ["Cold"])] == [None] * 5
    assert [boolean_value(claimed) for claimed in (True, "Yes", "false", "maybe", 1, None)] == [
        True, True, False, None, None, None
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "iso", "text", "value"),
    [
        # Understood: one of the readings, whatever the model worked out.
        ("next Tuesday", "2026-12-01", "Let's talk next Tuesday.", "2026-12-01"),
        ("next Tuesday", "2019-01-01", "Let's talk next Tuesday.", "2026-12-01"),
        ("on Wednesday", "2026-11-25", "Was on Wednesday.", "2026-11-25"),
        ("", "2026-11-27", "Friday or Monday.", "2026-11-27"),
        ("", "2026-12-25", "Friday or Monday.", None),
        ("invented words", "2026-12-25", "Let's talk tomorrow.", "2026-11-26"),
        # Too vague: nothing.
        ("next week", "2026-12-01", "Call me next week.", None),
        # Not understood: only what a number or a weekday speaks for.
        ("", "2026-12-05", "El 5 de diciembre.", "2026-12-05"),
        ("", "2026-12-06", "El 5 de diciembre.", None),
        ("ma\u00f1ana", "2026-11-26", "Llámame ma\u00f1ana.", "2026-11-26"),
        ("ma\u00f1ana", "2026-11-27", "Llámame ma\u00f1ana.", None),
        ("Dienstag", "2026-12-01", "Am Dienstag passt es.", "2026-12-01"),
        ("Dienstag", "2026-12-02", "Am Dienstag passt es.", None),
        ("", "2026-12-01", "I want the enterprise plan.", None),
        ("", "1066-10-14", "The 14", None),
    ],
)
def test_a_date_is_what_its_words_say(said: str, iso: str, text: str, value: str | None) -> None:
    assert date_value({"said": said, "iso": iso}, text, SETTING) == value
    assert date_value(None, text, SETTING) in (None, date_value(7, text, SETTING))


@pytest.mark.parametrize(
    ("iso", "text", "value"),
    [
        ("2026-11-26T15:00:00-05:00", "tomorrow at 3", "2026-11-26T20:00:00Z"),
        ("2026-11-26T03:00", "tomorrow at 3", "2026-11-26T08:00:00Z"),
        ("2026-11-26T04:00", "tomorrow at 3", "2026-11-26T20:00:00Z"),
        ("2026-11-26T15:00", "tomorrow", None),
        ("2026-12-05T15:00", "el 5 de diciembre a las 3", "2026-12-05T20:00:00Z"),
        ("2026-12-05T15:00", "el 5 de diciembre", None),
        ("2026-12-05T15:30", "el 5 de diciembre a las 3", None),
        ("2026-12-05T15:30", "el 5 de diciembre a las 3 y 30", "2026-12-05T20:30:00Z"),
        ("2026-12-20T20:30", "sette persone, 20 e 30", None),
        ("nonsense", "some time", None),
    ],
)
def test_a_moment_is_what_its_words_say(iso: str, text: str, value: str | None) -> None:
    assert moment_value({"said": text, "iso": iso}, text, SETTING) == value


def test_a_text_of_the_models_own_has_no_number_or_address_that_nobody_said() -> None:
    assert SpokenNumbers("null sieben drei drei").has_all_of("0733")
    said = SpokenNumbers("We are thirty people. Mail jane at example dot com or call 415 555 2671.")
    for text in ("Team of 30", "no number", "jane@example.com", "4155552671", "30 people, 415-555-2671"):
        assert said.has_all_of(text), text
    for text in ("Team of 31", "jon@example.com", "4155552672", "$5,000"):
        assert not said.has_all_of(text), text


@pytest.mark.parametrize(
    ("said", "iso", "text", "value"),
    [
        (
            "at half past nine",
            "2026-11-27T09:30",
            "Friday is better, at half past nine.",
            "2026-11-27T14:30:00Z",
        ),
        ("at half past nine", "2026-11-27T09:30", "Say at half past nine.", None),
        ("at half past nine", "2026-11-26T09:30", "Say at half past nine.", "2026-11-26T14:30:00Z"),
        ("at half past nine", "", "Say at half past nine.", "2026-11-26T14:30:00Z"),
        ("in two hours", "2026-11-25T17:00", "Call back in two hours.", "2026-11-25T17:30:00Z"),
    ],
)
def test_a_time_whose_day_was_said_elsewhere_is_not_put_on_the_next_day(
    said: str, iso: str, text: str, value: str | None
) -> None:
    assert moment_value({"said": said, "iso": iso}, text, SETTING) == value


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["said", "iso"]), inner),
)


@given(ANYTHING, st.text(st.sampled_from("tomorw at3@.5com1"), max_size=30))
def test_whatever_is_claimed_ends_as_a_value_or_as_nothing(claimed: Any, text: str) -> None:
    number_value(claimed, text)
    email_value(claimed, text)
    phone_value(claimed, text, "US")
    enum_value(claimed, ["a"])
    date_value(claimed, text, SETTING)
    moment_value(claimed, text, SETTING)
