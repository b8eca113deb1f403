"""How Salesforce writes moments, numbers and dates.

Moments are kept in their wire form throughout, because in UTC and at a fixed width it sorts as time does.
"""

import re
from datetime import UTC, date, datetime
from email.utils import format_datetime, parsedate_to_datetime

_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(\.\d{1,9})?(Z|z|[+-]\d{2}:?\d{2})?$", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$", re.ASCII)


def stamp(moment: datetime) -> str:
    """At one second's precision: `2026-05-01T07:25:37.000+0000`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def precise_stamp(moment: datetime) -> str:
    """As `stamp`, with the milliseconds: what a literal in a filter means."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}+0000"


def moment_of(stamped: str) -> datetime:
    return datetime.strptime(stamped, "%Y-%m-%dT%H:%M:%S.%f%z")


def parse_moment(text: str) -> datetime | None:
    """ISO 8601 with a zone; None for anything else, also for impossible times."""
    match = _MOMENT.match(text)
    if match is None or match[4] is None:
        return None
    zone = "+00:00" if match[4] in "Zz" else match[4]
    fraction = ((match[3] or ".0") + "000000")[:7]
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}{fraction}{zone}")
    except ValueError:
        return None


def parse_date(text: str) -> str | None:
    if _DATE.match(text) is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def http_date(stamped: str) -> str:
    return format_datetime(moment_of(stamped), usegmt=True)


def parse_http_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def csv_text(value: object) -> str:
    """A value as Bulk API 2.0 writes it: moments end in `Z` there, and null is the empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"{value[:-5]}Z" if _is_stamp(value) else value
    return str(value)


def _is_stamp(text: str) -> bool:
    return len(text) == 28 and text.endswith("+0000") and text[10] == "T" and text[19] == "."
