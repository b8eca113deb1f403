"""Dates and instants in canonical text: `YYYY-MM-DD`, and UTC datetimes that end in `Z`, to the millisecond.

Parsing is strict: what could be read in two ways (locale order, two-digit years) is refused with None. This
module must never ask what time it is now.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_DATETIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?"
    r"(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?)?",
    re.ASCII,
)
_EPOCH_MS = re.compile(r"-?\d{1,15}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_MILLISECOND = timedelta(milliseconds=1)

# A number of fewer than nine digits is far likelier a year (2025) or a compact date (20250315) than the first
# day of 1970. Midnights are let through, since HubSpot writes dates as midnight-UTC milliseconds.
_SMALLEST_EPOCH_MS = 100_000_000


def zone(name: str) -> tzinfo:
    """The time zone of that IANA name. Raises ValueError for a name that is none."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{name!r} is not a time zone; give an IANA name such as Europe/Berlin") from error


def parse_date(text: str) -> date | None:
    """A calendar date written `YYYY-MM-DD`, or None."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return date(*(int(part) for part in match.groups()))
    except ValueError:
        return None


def parse_datetime(text: str) -> datetime | None:
    """An ISO 8601 datetime, aware if it names an offset and naive if not; None if it is no datetime."""
    match = _DATETIME.fullmatch(text)
    if match is None:
        return None
    day_text, hour, minute, second, fraction, utc, sign, offset_hours, offset_minutes = match.groups()
    day = parse_date(day_text)
    if day is None or int(offset_minutes or 0) > 59:
        return None
    offset: tzinfo | None = UTC if utc else None
    try:
        if sign is not None:
            ahead = timedelta(hours=int(offset_hours), minutes=int(offset_minutes or 0))
            offset = timezone(-ahead if sign == "-" else ahead)
        micros = int((fraction or "0").ljust(6, "0")[:6])
        return datetime(
            day.year, day.month, day.day, int(hour), int(minute), int(second or 0), micros, tzinfo=offset
        )
    except ValueError:
        return None


def parse_epoch_ms(text: str) -> int | None:
    """Milliseconds since the epoch written as digits; None if it is none, or is likelier a year or a date."""
    if _EPOCH_MS.fullmatch(text) is None:
        return None
    return plausible_epoch_ms(int(text))


def plausible_epoch_ms(number: int) -> int | None:
    """The number if it can be meant as milliseconds since the epoch, else None."""
    if abs(number) < _SMALLEST_EPOCH_MS and number % _DAY_MS:
        return None
    return number


def from_epoch_ms(ms: int) -> datetime | None:
    """The instant, in UTC; None outside the years 1 to 9999."""
    try:
        return _EPOCH + ms * _MILLISECOND
    except OverflowError:
        return None


def epoch_ms(instant: datetime) -> int:
    """Whole milliseconds since the epoch of an aware datetime, rounded down."""
    return (instant - _EPOCH) // _MILLISECOND


def is_midnight_utc(ms: int) -> bool:
    """True if the milliseconds name a whole UTC day."""
    return ms % _DAY_MS == 0


def instant_text(instant: datetime) -> str | None:
    """The canonical text of an aware datetime, milliseconds only where there are any; None past year 9999."""
    utc = from_epoch_ms(epoch_ms(instant))
    if utc is None:
        return None
    timespec = "milliseconds" if utc.microsecond else "seconds"
    return utc.replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


def date_in(instant: datetime, time_zone: str) -> date | None:
    """The calendar date of an aware instant in that zone; None outside the years 1 to 9999."""
    try:
        return instant.astimezone(zone(time_zone)).date()
    except OverflowError:
        return None


def midnight_in(day: date, time_zone: str) -> datetime | None:
    """The instant at which that day begins in that zone; None outside the years 1 to 9999."""
    try:
        return datetime(day.year, day.month, day.day, tzinfo=zone(time_zone)).astimezone(UTC)
    except OverflowError:
        return None
