"""Templates, and the filters that say values, times and numbers the same way on every page."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tieline.dashboard.navigation import NAVIGATION
from tieline.domain.values import as_text, is_empty

HERE: Final = Path(__file__).parent
_UNITS = (("year", 31_536_000), ("month", 2_592_000), ("day", 86_400), ("hour", 3_600), ("minute", 60))


def render(request: Request, template: str, context: Mapping[str, Any], status: int = 200) -> Response:
    """A page, or the part of one that `template` is. Missing names in a template are errors."""
    del request
    return HTMLResponse(_environment.get_template(template).render(context), status)


def when(at: datetime | int | None, now: datetime) -> str:
    """How long ago, or in how long: '3 minutes ago', 'in 2 days', 'just now', '' for never. Numbers are epoch ms."""
    if at is None:
        return ""
    seconds = (now - _instant(at)).total_seconds()
    for unit, size in _UNITS:
        count = int(abs(seconds) // size)
        if count:
            said = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{said} ago" if seconds > 0 else f"in {said}"
    return "just now"


def exact(at: datetime | int | None) -> str:
    """The moment itself, in UTC: '2026-11-23 14:05:09 UTC'."""
    return "" if at is None else f"{_instant(at):%Y-%m-%d %H:%M:%S} UTC"


def number(value: int | float) -> str:
    """With a thin space between thousands."""
    return f"{value:,}".replace(",", "\u2009")


def value_text(value: Any) -> str:
    """A field's value as a person reads it; '' for an empty one."""
    if is_empty(value):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return as_text(value)


def diff(old: Any, new: Any) -> list[tuple[str, str]]:
    """A change as pieces ('same' | 'old' | 'new', text). Long texts by words, with long unchanged stretches cut."""
    before, after = value_text(old), value_text(new)
    if len(before) < 30 or len(after) < 30:
        pieces = [("old", before)] if before else []
        return [*pieces, ("new", after or "empty")]
    left, right = before.split(), after.split()
    pieces = []
    for tag, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(("same", _shortened(left[a:b])))
            continue
        pieces += [("old", " ".join(left[a:b]))] if b > a else []
        pieces += [("new", " ".join(right[c:d]))] if d > c else []
    return pieces


def _shortened(words: list[str]) -> str:
    return " ".join(words) if len(words) <= 12 else " ".join((*words[:5], "…", *words[-5:]))


def words(name: str) -> str:
    """An internal name as words: 'shared_number' as 'shared number'."""
    return name.replace("_", " ")


def member_name(name: str, names: Mapping[str, str]) -> str:
    """How a CRM calls a member of the credentials, else its own name as words."""
    return names.get(name) or words(name).capitalize()


def duration(ms: int | None) -> str:
    """'4 min 10 s', '12 s', '0.3 s', '' if it is not known."""
    if ms is None:
        return ""
    seconds = ms / 1000
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def _instant(at: datetime | int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC) if isinstance(at, int) else at.astimezone(UTC)


@pass_context
def _time(context: Context, at: datetime | int | None) -> Markup:
    """A time element: relative, with the exact one on hover and for the machine."""
    if at is None:
        return Markup('<span class="faint">never</span>')
    shown = when(at, context["now"])
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        _instant(at).isoformat(), exact(at), shown
    )


def _icon(name: str) -> Markup:
    return Markup(
        '<svg class="icon" aria-hidden="true"><use href="/dashboard/static/vendor/icons.svg#{}"/></svg>'
    ).format(escape(name))


def _environment_of() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        time=_time,
        exact=exact,
        number=number,
        value=value_text,
        duration=duration,
        day=_day,
        diff=diff,
        words=words,
        member_name=member_name,
    )
    environment.globals.update(base="/dashboard", icon=_icon, navigation=NAVIGATION)
    environment.globals["parts"] = environment.get_template("parts.html").module
    return environment


def _day(at: date) -> str:
    return f"{at:%Y-%m-%d}"


_environment = _environment_of()
