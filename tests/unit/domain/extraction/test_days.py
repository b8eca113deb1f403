"""Days and moments as people name them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.extraction.days import MONTHS, WEEKDAYS, named_days
from tieline.domain.extraction.times import named_moments

TODAY = date(2026, 11, 25)  # a Wednesday
DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))


def readings(text: str, today: date = TODAY) -> list[list[str]]:
    return [[day.isoformat() for day in one.days] for one in named_days(text, today)]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("tomorrow", "2026-11-26"),
        ("the day after tomorrow works", "2026-11-27"),
        ("in two weeks", "2026-12-09"),
        ("in a couple of weeks", "2026-12-09"),
        ("in twenty-five days", "2026-12-20"),
        ("three days ago", "2026-11-22"),
        ("a week from tomorrow", "2026-12-03"),
        ("two weeks from Friday", "2026-12-11"),
        ("Friday", "2026-11-27"),
        ("next Tuesday", "2026-12-01"),
        ("next Friday", "2026-12-04 2026-11-27"),
        ("next week on Thursday", "2026-12-03"),
        ("Tuesday week", "2026-12-08"),
        ("last Monday", "2026-11-23"),
        ("on Wednesday", "2026-12-02 2026-11-25"),
        ("the 5th", "2026-12-05 2026-11-05"),
        ("the fifth works for me", "2026-12-05 2026-11-05"),
        ("Thursday the 3rd", "2026-12-03"),
        ("the 31st of next month", "2026-12-31"),
        ("the end of the month", "2026-11-30"),
        ("the fourteenth of January, that's a Thursday", "2027-01-14 2026-01-14"),
        ("the end of February", "2027-02-28 2026-02-28"),
        ("March 3rd", "2027-03-03 2026-03-03"),
        ("March 3rd, 1980", "1980-03-03"),
        ("Tuesday, December 1st", "2026-12-01"),
        ("Feb 29", "2028-02-29 2024-02-29"),
        ("12/05/2026", "2026-12-05 2026-05-12"),
        ("2026-12-24", "2026-12-24"),
    ],
)
def test_expressions_have_their_readings_the_likeliest_first(text: str, days: str) -> None:
    assert readings(text) == [days.split()]


@pytest.mark.parametrize(
    "text", ["next week", "soon", "in a few days", "this weekend", "within two weeks", "later this year"]
)
def test_what_is_too_vague_for_a_day_is_known_to_be(text: str) -> None:
    assert all(not days for days in readings(text))
    assert readings(text)


@pytest.mark.parametrize(
    "text", ["the first option is good", "I sat down", "maybe", "we may wed", "30 people", "mañana"]
)
def test_what_names_no_day_is_none(text: str) -> None:
    assert readings(text) == []


@given(DAYS, DAYS)
def test_a_day_in_full_is_that_day_whenever_it_is_said(day: date, today: date) -> None:
    month = MONTHS[day.month - 1].capitalize()
    for text in (day.isoformat(), f"{month} {day.day}, {day.year}", f"the {day.day}th of {month} {day.year}"):
        assert readings(text, today) == [[day.isoformat()]]


@given(DAYS, st.integers(0, 400))
def test_counted_days_are_that_far_away(today: date, count: int) -> None:
    for text, wanted in ((f"in {count} days", count), (f"{count} days ago", -count)):
        assert readings(text, today) == [[(today + timedelta(days=wanted)).isoformat()]]


@given(DAYS, st.sampled_from(WEEKDAYS))
def test_weekdays_fall_on_themselves_and_within_two_weeks(today: date, weekday: str) -> None:
    for text, nearest, furthest in (
        (weekday, 0, 7),
        (f"next {weekday}", 1, 13),
        (f"last {weekday}", -13, -1),
    ):
        (named,) = named_days(text, today)
        for day in named.days:
            assert WEEKDAYS[day.weekday()] == weekday
            assert nearest <= (day - today).days <= furthest


@given(DAYS, st.text(st.sampled_from("next week the 5th/ .tomorrow3:0"), max_size=30))
def test_whatever_is_said_has_an_answer(today: date, text: str) -> None:
    for named in named_days(text, today):
        assert 0 <= named.start < named.end <= len(text)


BEGAN = datetime(2026, 11, 25, 10, 30, tzinfo=ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    ("text", "moments"),
    [
        ("tomorrow at 3", "2026-11-26T20:00 2026-11-26T08:00"),
        ("tomorrow at 3pm", "2026-11-26T20:00"),
        ("Friday, quarter to nine in the morning", "2026-11-27T13:45"),
        ("next Tuesday 14:00", "2026-12-01T19:00"),
        ("noon tomorrow", "2026-11-26T17:00"),
        ("three thirty p.m. tomorrow", "2026-11-26T20:30"),
        ("tonight at 8", "2026-11-26T01:00"),
        ("in half an hour", "2026-11-25T16:00"),
        ("call me at 5", "2026-11-25T22:00 2026-11-26T10:00"),
    ],
)
def test_moments_are_resolved_in_the_zone_of_who_speaks(text: str, moments: str) -> None:
    (found,) = named_moments(text, BEGAN)
    assert [moment.strftime("%Y-%m-%dT%H:%M") for moment in found] == moments.split()
    assert all(moment.tzinfo is UTC for moment in found)


@pytest.mark.parametrize(
    "text", ["tomorrow", "Monday at 3 or Tuesday at 4", "it takes 30 minutes", "at 5 percent", "soon"]
)
def test_a_day_without_a_time_and_two_at_once_name_no_moment(text: str) -> None:
    assert named_moments(text, BEGAN) == []


def test_the_clock_change_between_is_counted() -> None:
    (found,) = named_moments("March 20th 2027 at 9 am", BEGAN)
    assert found[0] == datetime(2027, 3, 20, 13, 0, tzinfo=UTC)
