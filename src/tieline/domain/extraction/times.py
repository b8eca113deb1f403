"""Moments as people name them in English: "tomorrow at 3", "Friday, half past two", "in two hours".

As with days, every reading is given, the likeliest first: an hour without morning or afternoon is one of the working
day (8 to 12 in the morning, 1 to 7 in the afternoon), and the other half of the day is the second reading.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

from tieline.domain.extraction.days import named_days
from tieline.domain.extraction.numerals import TENS, UNITS

_HOURS: Final = [name for name, value in UNITS.items() if 1 <= value <= 12]
_HOUR: Final = rf"(?P<hour>\d{{1,2}}|{'|'.join(_HOURS)})"
_MINUTES: Final = {"five": 5, "ten": 10, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
                   "forty-five": 45, "forty five": 45, "twenty-five": 25, "twenty five": 25}  # fmt: skip
_SPOKEN: Final = "|".join(sorted(_MINUTES, key=len, reverse=True))
_MINUTE: Final = rf"(?:(?::|\s+)(?P<minute>[0-5]\d)|\s+(?P<minuteword>{_SPOKEN}))"
_HALF: Final = r"(?P<half>a\.?\s?m\b\.?|p\.?\s?m\b\.?)"
_PART: Final = re.compile(r"\b(?:(morning|breakfast)|(afternoon|evening|tonight|night))\b")

_CLOCKS: Final = (
    re.compile(
        rf"\b(?P<past>half|quarter|twenty|ten|five|\d{{1,2}})\s+(?P<way>past|after|to|till|before)\s+{_HOUR}\b(?:\s*{_HALF})?"
    ),
    re.compile(rf"\b{_HOUR}{_MINUTE}?\s*{_HALF}"),
    re.compile(r"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)\b"),
    re.compile(rf"\b{_HOUR}\s+o'?\s?clock\b"),
    re.compile(
        rf"\b(?:at|around|about|by|after|before)\s+{_HOUR}{_MINUTE}?\b(?!\s*(?:%|percent|dollars|days|weeks|months|years|people))"
    ),
    re.compile(r"\b(?P<name>noon|midday|midnight)\b"),
)
_AWAY: Final = re.compile(
    r"\b(?:in\s+)?(?P<count>half an|an?|\d{1,3}|"
    + "|".join((*UNITS, *TENS))
    + r")\s+(?P<unit>minute|hour)s?(?P<later>\s+from\s+now)?\b"
)


@dataclass(frozen=True, slots=True)
class NamedTime:
    """A part of a text that names a time of day, with its readings."""

    start: int
    end: int
    times: tuple[time, ...]


def named_times(text: str) -> list[NamedTime]:
    """Every part of the text that names a time of day, in order."""
    said = text.lower()
    part = _PART.search(said)
    half = None if part is None else "a" if part[1] else "p"
    found: list[NamedTime] = []
    for pattern in _CLOCKS:
        for match in pattern.finditer(said):
            if not any(match.start() < one.end and one.start < match.end() for one in found):
                found.append(NamedTime(match.start(), match.end(), tuple(_times(match, half))))
    return sorted(found, key=lambda one: one.start)


def named_moments(text: str, began: datetime, *, month_first: bool = True) -> list[tuple[datetime, ...]]:
    """The moments that a text names, each with its readings in UTC. `began` is aware, in the zone of who speaks.

    A time without a day is the next one there is. A day without a time names no moment, and neither do several days
    or several times: nothing tells which belong together.
    """
    moments = (_away(match, began) for match in _AWAY.finditer(text.lower()))
    away: list[tuple[datetime, ...]] = [(moment,) for moment in moments if moment is not None]
    times = [one for one in named_times(text) if one.times]
    days = [one for one in named_days(text, began.date(), month_first=month_first) if one.days]
    if len(times) != 1 or len(days) > 1:
        return away if not times else []
    if not days:
        readings = tuple(_next(clock, began) for clock in times[0].times)
        return [*away, readings]
    readings = tuple(
        _local(began, datetime.combine(day, clock)) for day in days[0].days for clock in times[0].times
    )
    return [*away, readings]


def _times(match: re.Match[str], part: str | None) -> Iterator[time]:
    groups = match.groupdict()
    if groups.get("name"):
        yield time(0 if groups["name"] == "midnight" else 12)
        return
    hour = _number(groups["hour"])
    minute = int(groups.get("minute") or 0) or _MINUTES.get(groups.get("minuteword") or "", 0)
    if groups.get("past"):
        away = {"half": 30, "quarter": 15}.get(str(groups["past"])) or _number(groups["past"])
        before = groups["way"] in ("to", "till", "before")
        if not 0 < away < 60:
            return
        minute = 60 - away if before else away
        hour = (hour - 1) % 24 if before else hour
    half = (groups.get("half") or part or "")[:1]
    yield from _of_day(hour, minute, half)


def _of_day(hour: int, minute: int, half: str) -> Iterator[time]:
    if hour > 23:
        return
    if hour > 12 or (hour == 0 and not half):
        yield time(hour, minute)
    elif half == "a":
        yield time(hour % 12, minute)
    elif half == "p":
        yield time(hour % 12 + 12, minute)
    else:
        afternoon = hour == 12 or 1 <= hour <= 7
        first, second = time(hour % 12 + 12, minute), time(hour % 12, minute)
        yield from (first, second) if afternoon else (second, first)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else UNITS.get(text or "", TENS.get(text or "", 99))


def _next(clock: time, began: datetime) -> datetime:
    moment = datetime.combine(began.date(), clock)
    if moment <= began.replace(tzinfo=None):
        moment += timedelta(days=1)
    return _local(began, moment)


def _local(began: datetime, moment: datetime) -> datetime:
    return moment.replace(tzinfo=began.tzinfo).astimezone(UTC)


def _away(match: re.Match[str], began: datetime) -> datetime | None:
    if not match.group().startswith("in ") and not match["later"]:
        return None
    count = (
        0.5
        if match["count"] == "half an"
        else 1
        if match["count"] in ("a", "an")
        else _number(match["count"])
    )
    length = timedelta(hours=count) if match["unit"] == "hour" else timedelta(minutes=count)
    return (began + length).astimezone(UTC).replace(microsecond=0)
