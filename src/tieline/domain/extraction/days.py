"""Days as people name them in English, counted from the day of the conversation: "next Tuesday", "in two weeks".

Every reading that an expression allows is given, the likeliest first; what is too vague for a day ("next week", "soon")
has none and says so. Nothing here guesses, and nothing asks what day it is.
"""

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from tieline.domain.extraction.numerals import ORDINALS, TENS, UNITS

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS: Final = ("january", "february", "march", "april", "may", "june", "july", "august", "september",
                 "october", "november", "december")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """A part of a text that names a day: its readings, the likeliest first. None of them: too vague for a day."""

    start: int
    end: int
    days: tuple[date, ...]


_ONES: Final = "|".join(name for name, value in UNITS.items() if 0 < value < 10)
_NUMBER: Final = r"\d{1,3}|(?:a\s+)?couple\s+of|an?|" + "|".join(
    (*(rf"{ten}(?:[- ](?:{_ONES}))?" for ten in TENS), *UNITS)
)
_DAY: Final = (
    r"(?:(?P<day>\d{1,2})(?:st|nd|rd|th)?|(?P<dayword>(?:(?:twenty|thirty)[- ])?(?:"
    + "|".join(ORDINALS)
    + r")))"
)
# "the first option" is no day: an ordinal in words is one only where no noun can follow.
_ORDINAL: Final = (
    r"(?:(?P<day>\d{1,2})(?:st|nd|rd|th)|(?P<dayword>(?:(?:twenty|thirty)[- ])?(?:"
    + "|".join(ORDINALS)
    + r"))(?=\s*(?:$|[,.;!?]|at\b|of\b|or\b|and\b|then\b|is\b|works\b|would\b|in\s+the\b)))"
)
_FULL: Final = "|".join(WEEKDAYS)
_WEEKDAY: Final = rf"(?P<weekday>{_FULL}|mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)"
_MONTH: Final = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_UNIT: Final = r"(?P<unit>day|week|fortnight|month|year)s?"
_YEAR: Final = r"(?:,?\s+(?:of\s+)?(?P<year>(?:19|20)\d\d))?"

Groups = dict[str, str | None]
Reader = Callable[[Groups, date], tuple[date, ...]]


def named_days(text: str, today: date, *, month_first: bool = True) -> list[Named]:
    """Every part of the text that names a day, in order. `month_first`: 3/4 is the fourth of March."""
    found: list[Named] = []
    said = text.lower()
    for pattern, read in _patterns(month_first):
        for match in pattern.finditer(said):
            if not any(match.start() < one.end and one.start < match.end() for one in found):
                found.append(Named(match.start(), match.end(), read(match.groupdict(), today)))
    return sorted(_without_repeats(said, found), key=lambda one: one.start)


def _without_repeats(said: str, found: list[Named]) -> list[Named]:
    """Without weekdays that only say again what another part says: `the 14th of January, that's a Thursday`."""

    def repeats(one: Named) -> bool:
        name = said[one.start : one.end]
        if name not in WEEKDAYS:
            return False
        others = (day for other in found if other is not one for day in other.days)
        return any(WEEKDAYS[day.weekday()] == name for day in others)

    return [one for one in found if not repeats(one)]


def _patterns(month_first: bool) -> Iterator[tuple[re.Pattern[str], Reader]]:
    """The longer a pattern, the earlier: a part of the text is read by the first that fits."""
    yield from _FIXED
    yield _SLASHED, lambda groups, today: _slashed(groups, today, month_first)
    yield from _LOOSE


def _iso(groups: Groups, today: date) -> tuple[date, ...]:
    return _valid(int(groups["year"] or 0), int(groups["month"] or 0), int(groups["day"] or 0))


def _slashed(groups: Groups, today: date, month_first: bool) -> tuple[date, ...]:
    a, b = int(groups["a"] or 0), int(groups["b"] or 0)
    pairs = [(a, b), (b, a)] if month_first else [(b, a), (a, b)]
    days = [day for month, number in pairs for day in _in_year(month, number, _year(groups), today)]
    return tuple(dict.fromkeys(days))


def _year(groups: Groups) -> int | None:
    text = groups.get("year")
    if not text:
        return None
    return int(text) if len(text) == 4 else 2000 + int(text)


def _month_day(groups: Groups, today: date) -> tuple[date, ...]:
    return _on_weekday(groups, _in_year(_month(groups), _day_number(groups), _year(groups), today))


def _on_weekday(groups: Groups, days: tuple[date, ...]) -> tuple[date, ...]:
    """A weekday that is said with the number of the day settles which month or year is meant, if it fits any."""
    if not groups.get("weekday"):
        return days
    fitting = tuple(day for day in days if day.weekday() == _weekday(groups))
    return fitting or days


def _weekday(groups: Groups) -> int:
    return next(n for n, name in enumerate(WEEKDAYS) if name.startswith(str(groups["weekday"])[:3]))


def _in_year(month: int, number: int, year: int | None, today: date) -> tuple[date, ...]:
    """Without a year: the next time, or else the last one."""
    if year is not None:
        return _valid(year, month, number)
    coming = [
        day for y in range(today.year, today.year + 9) for day in _valid(y, month, number) if day >= today
    ]
    gone = [
        day for y in range(today.year, today.year - 9, -1) for day in _valid(y, month, number) if day < today
    ]
    return (*coming[:1], *gone[:1])


def _of_month(groups: Groups, today: date) -> tuple[date, ...]:
    """`the 5th`, `the 5th of next month`, `the end of the month`."""
    shift = {"next": 1, "last": -1, "this": 0, "the": 0}.get(groups.get("which") or "")
    number = None if groups.get("end") else _day_number(groups)
    if shift is not None or groups.get("end"):
        year, month = _shifted(today, shift or 0)
        last = calendar.monthrange(year, month)[1]
        return _valid(year, month, last if number is None else number)
    months = [_shifted(today, n) for n in range(3)]
    coming = [d for y, m in months for d in _valid(y, m, number or 0) if d >= today]
    gone = [
        d for n in range(3) for y, m in [_shifted(today, -n)] for d in _valid(y, m, number or 0) if d < today
    ]
    return _on_weekday(groups, (*coming[:1], *gone[:1]))


def _month_end(groups: Groups, today: date) -> tuple[date, ...]:
    """`the end of February`."""
    month, year = _month(groups), _year(groups)
    years = [year] if year else [today.year - 1, today.year, today.year + 1]
    ends = [date(y, month, calendar.monthrange(y, month)[1]) for y in years]
    return (*[day for day in ends if day >= today][:1], *[day for day in ends if day < today][-1:])


def _near(groups: Groups, today: date) -> tuple[date, ...]:
    word = " ".join(str(groups["near"]).split())
    days = {"day after tomorrow": 2, "day before yesterday": -2, "tomorrow": 1, "tonight": 0, "today": 0,
            "yesterday": -1, "last night": -1}  # fmt: skip
    return (today + timedelta(days=days[word]),)


def _counted(groups: Groups, today: date) -> tuple[date, ...]:
    """`in two weeks`, `three days from now`, `a month ago`, `a week from tomorrow`."""
    count = _count(groups["count"])
    if count is None:
        return ()
    back = bool(groups.get("ago"))
    starts: tuple[date, ...] = (today,)
    if groups.get("near"):
        starts = _near(groups, today)
    elif groups.get("weekday"):
        starts = _weekdays(groups, today)
    moved = (_moved(start, -count if back else count, str(groups["unit"])) for start in starts)
    return tuple(day for day in moved if day is not None)


def _weekdays(groups: Groups, today: date) -> tuple[date, ...]:
    """`Tuesday`, `next Tuesday`, `last Tuesday`, `Tuesday next week`, `Tuesday week`.

    "Next Tuesday" is the next one that there is to some, and the one of next week to others. Both are readings; the one
    of next week is the likelier.
    """
    wanted = _weekday(groups)
    monday = today - timedelta(days=today.weekday())
    coming = today + timedelta(days=(wanted - today.weekday() - 1) % 7 + 1)
    week = groups.get("week")
    which = groups.get("which")
    if week == "next":
        return (monday + timedelta(days=7 + wanted),)
    if week == "this":
        return (monday + timedelta(days=wanted),)
    if week == "last":
        return (monday + timedelta(days=wanted - 7),)
    if week:  # Tuesday week
        return (coming + timedelta(days=7),)
    if which == "last":
        return (coming - timedelta(days=14 if coming - today == timedelta(days=7) else 7),)
    if which == "next":
        return tuple(dict.fromkeys((monday + timedelta(days=7 + wanted), coming)))
    if today.weekday() == wanted:
        return (coming, today)
    return (coming,)


def _vague(groups: Groups, today: date) -> tuple[date, ...]:
    return ()


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    if text.isdigit():
        return int(text)
    text = " ".join(text.split())
    known = {"a": 1, "an": 1, "couple of": 2, "a couple of": 2, **UNITS, **TENS}
    parts = [known.get(part) for part in ([text] if text in known else re.split(r"[- ]", text))]
    return None if None in parts else sum(part or 0 for part in parts)


def _moved(start: date, count: int, unit: str) -> date | None:
    try:
        match unit:
            case "day":
                return start + timedelta(days=count)
            case "week" | "fortnight":
                return start + timedelta(days=count * (14 if unit == "fortnight" else 7))
            case _:
                year, month = _shifted(start, count * (12 if unit == "year" else 1))
                return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))
    except (OverflowError, ValueError):
        return None


def _shifted(start: date, months: int) -> tuple[int, int]:
    place = start.year * 12 + start.month - 1 + months
    return place // 12, place % 12 + 1


def _month(groups: Groups) -> int:
    return next(n for n, name in enumerate(MONTHS, 1) if name.startswith(str(groups["month"])[:3]))


def _day_number(groups: Groups) -> int:
    if groups.get("day"):
        return int(str(groups["day"]))
    return sum(ORDINALS.get(part, TENS.get(part, 0)) for part in re.split(r"[- ]", str(groups["dayword"])))


def _valid(year: int, month: int, day: int) -> tuple[date, ...]:
    try:
        return (date(year, month, day),)
    except ValueError:
        return ()


def _rule(pattern: str, read: Reader) -> tuple[re.Pattern[str], Reader]:
    return re.compile(rf"\b{pattern}\b"), read


_NEAR: Final = (
    r"(?P<near>day\s+after\s+tomorrow|day\s+before\s+yesterday|tomorrow|tonight|today|yesterday|last\s+night)"
)
_COUNT: Final = rf"(?P<count>{_NUMBER})\s+(?:more\s+)?{_UNIT}"
_WHICH: Final = r"(?:(?P<which>this|next|last|coming)\s+(?:coming\s+)?)?"

_ON: Final = rf"(?:{_WEEKDAY}\s*,?\s+)?(?:the\s+)?"

_FIXED: Final = (
    _rule(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", _iso),
    _rule(rf"{_ON}{_MONTH}\s+(?:the\s+)?{_DAY}{_YEAR}", _month_day),
    _rule(rf"{_ON}{_DAY}\s+(?:day\s+)?(?:of\s+)?{_MONTH}{_YEAR}", _month_day),
    _rule(rf"{_ON}{_ORDINAL}\s+of\s+(?P<which>this|next|last|the)\s+month", _of_month),
    _rule(r"(?:the\s+)?(?P<end>end)\s+of\s+(?P<which>this|next|last|the)\s+month", _of_month),
    _rule(rf"(?:the\s+)?end\s+of\s+{_MONTH}{_YEAR}", _month_end),
    _rule(rf"{_COUNT}\s+(?:from|after)\s+{_WHICH}{_WEEKDAY}", _counted),
    _rule(rf"{_COUNT}\s+(?:from|after)\s+{_NEAR}", _counted),
    _rule(rf"in\s+{_COUNT}(?:'s\s+time)?", _counted),
    _rule(rf"{_COUNT}\s+(?:from\s+now|later|out)", _counted),
    _rule(rf"{_COUNT}\s+(?P<ago>ago|back)", _counted),
    _rule(rf"{_NEAR}", _near),
    _rule(rf"(?P<week>this|next|last)\s+week\s*,?\s+(?:on\s+)?{_WEEKDAY}", _weekdays),
    _rule(rf"{_WEEKDAY}\s+(?:of\s+)?(?P<week>this|next|last)\s+week", _weekdays),
    _rule(rf"(?:a\s+)?week\s+(?P<week>on|from)\s+{_WEEKDAY}", _weekdays),
    _rule(rf"{_WEEKDAY}\s+(?P<week>week)", _weekdays),
)
_SLASHED: Final = re.compile(r"(?<![\d/.])(?P<a>\d{1,2})/(?P<b>\d{1,2})(?:/(?P<year>\d{4}|\d\d))?(?![\d/])")
_PERIOD: Final = r"(?:week(?:end)?|month|quarter|year|spring|summer|autumn|fall|winter)"
_LOOSE: Final = (
    # A weekday with a day of the month: the number says which.
    _rule(rf"(?:{_WEEKDAY}\s*,?\s+)?(?:on\s+)?the\s+{_ORDINAL}", _of_month),
    _rule(rf"{_WHICH}(?P<weekday>{_FULL})", _weekdays),
    # "I sat down" is no Saturday.
    _rule(rf"(?:(?P<which>this|next|last|coming)|on)\s+{_WEEKDAY}", _weekdays),
    _rule(
        rf"(?:this|next|last|end\s+of(?:\s+the)?|beginning\s+of(?:\s+the)?|later|early)\s+(?:next\s+|this\s+)?{_PERIOD}",
        _vague,
    ),
    _rule(r"(?:in|after)\s+(?:a|an|the\s+next)\s+(?:few|several|some)\s+(?:days|weeks|months)", _vague),
    _rule(rf"within\s+{_COUNT}", _vague),
    _rule(r"soon|some\s*time|some\s+day|eventually|later", _vague),
)
