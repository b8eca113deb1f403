"""Dates and moments that a model found, settled by code wherever code understands the words.

The model says the words and what day it takes them for. Where the words are understood, the day is one of their
readings: the model may choose among them and not beyond. Where they are not, its day must at least agree with a number
or a weekday that was said; a day that nothing in the words speaks for is dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from tieline.domain.extraction.days import named_days
from tieline.domain.extraction.numerals import numbers_in
from tieline.domain.extraction.times import named_moments, named_times
from tieline.domain.extraction.transcript import Transcript, words
from tieline.domain.instants import parse_date, parse_datetime

_PAST: Final = timedelta(days=366 * 120)
_FUTURE: Final = timedelta(days=366 * 20)
_NEAR: Final = timedelta(days=21)

# German, Spanish, French, Italian, Portuguese; words that mean something else in one of them are left out.
_WEEKDAYS: Final = {
    word: day
    for day, names in enumerate((
        "montag lunes lundi luned\u00ec segunda", "dienstag martes mardi marted\u00ec ter\u00e7a",
        "mittwoch mi\u00e9rcoles mercredi mercoled\u00ec quarta", "donnerstag jueves jeudi gioved\u00ec quinta",
        "freitag viernes vendredi venerd\u00ec sexta", "samstag sonnabend s\u00e1bado samedi sabato",
        "sonntag domingo dimanche domenica",
    ))
    for word in names.split()
}  # fmt: skip
_OFFSETS: Final = {
    "heute": 0, "hoy": 0, "aujourd": 0, "oggi": 0, "hoje": 0, "gestern": -1, "ayer": -1, "hier": -1, "ieri": -1,
    "ontem": -1, "demain": 1, "domani": 1, "ma\u00f1ana": 1, "amanh\u00e3": 1, "\u00fcbermorgen": 2, "dopodomani": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """When and where the conversation began: aware, in the zone of who speaks; `region` reads numbers and 3/4."""

    began: datetime
    region: str = "US"

    @property
    def month_first(self) -> bool:
        """Whether 3/4 is in March."""
        return self.region in ("US", "PH")


def date_value(claimed: Any, text: str, setting: Setting) -> str | None:
    """The day as `YYYY-MM-DD`, or None. `claimed` is `{"said", "iso"}`, or the ISO text alone."""
    said, iso = _claim(claimed, text)
    day = _day_of(iso)
    named = named_days(said, setting.began.date(), month_first=setting.month_first)
    readings = [one.days for one in named if one.days]
    if readings:
        chosen = _chosen(readings, day)
        return None if chosen is None else chosen.isoformat()
    if named or day is None or not _speaks_for(said, day, setting.began.date()):
        return None
    return day.isoformat()


def moment_value(claimed: Any, text: str, setting: Setting) -> str | None:
    """The moment in UTC as `YYYY-MM-DDTHH:MM:SSZ`, or None; a day without a time of day is none."""
    said, iso = _claim(claimed, text)
    if not _names_a_day(said, setting):
        # The words that are meant may be the time alone, with the day beside it.
        said = text
    moment = _moment_of(iso, setting)
    readings = named_moments(said, setting.began, month_first=setting.month_first)
    if readings:
        chosen = _chosen(readings, moment)
        if moment not in (None, chosen) and named_times(said) and not _names_a_day(said, setting):
            # The day was said elsewhere: the next time on the clock would be a guess.
            return None
    elif moment is None or named_days(said, setting.began.date()):
        return None
    else:
        chosen = moment if _clock_speaks_for(said, moment, setting) else None
    return None if chosen is None else chosen.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _clock_speaks_for(said: str, moment: datetime, setting: Setting) -> bool:
    """Whether words that are not understood at least have the day, the hour and the minute, each for itself."""
    local = moment.astimezone(setting.began.tzinfo)
    said_numbers = numbers_in(said)
    hours = {Decimal(local.hour), Decimal(local.hour % 12 or 12)}
    if not said_numbers & hours or (local.minute and Decimal(local.minute) not in said_numbers):
        return False
    return Decimal(local.day) not in hours and _speaks_for(said, local.date(), setting.began.date())


def _names_a_day(said: str, setting: Setting) -> bool:
    return any(one.days for one in named_days(said, setting.began.date(), month_first=setting.month_first))


def _claim(claimed: Any, text: str) -> tuple[str, str]:
    """The words that are meant, from the transcript's own text, and the ISO text."""
    if not isinstance(claimed, Mapping):
        return text, claimed if isinstance(claimed, str) else ""
    said, iso = claimed.get("said"), claimed.get("iso")
    span = Transcript(text).find(said) if isinstance(said, str) else None
    return (span.text if span else text), (iso if isinstance(iso, str) else "")


def _chosen(readings: Sequence[tuple[Any, ...]], claimed: Any) -> Any:
    if any(claimed in one for one in readings):
        return claimed
    return readings[0][0] if len(readings) == 1 else None


def _day_of(iso: str) -> date | None:
    return parse_date(iso.strip()[:10])


def _moment_of(iso: str, setting: Setting) -> datetime | None:
    moment = parse_datetime(iso.strip())
    if moment is None:
        return None
    # Without an offset it is the clock where the people are.
    return (moment if moment.tzinfo else moment.replace(tzinfo=setting.began.tzinfo)).astimezone(UTC)


def _speaks_for(said: str, day: date, today: date) -> bool:
    """Whether words that are not understood at least agree with a day, and nothing in them speaks against it."""
    if not today - _PAST <= day <= today + _FUTURE:
        return False
    spoken = words(said)
    offsets = [today + timedelta(days=_OFFSETS[word]) for word in spoken if word in _OFFSETS]
    weekdays = [_WEEKDAYS[word] for word in spoken if word in _WEEKDAYS]
    numbers = Decimal(day.day) in numbers_in(said)
    if weekdays and day.weekday() not in weekdays:
        return False
    if numbers or day in offsets:
        return True
    return bool(weekdays) and abs(day - today) <= _NEAR
