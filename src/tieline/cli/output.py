"""How commands print: a table for people, or the same rows as JSON for programs. Data on stdout, all else on stderr."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
OrgOption = Annotated[
    str | None, typer.Option("--org", help="Organisation id; may be left out when there is only one.")
]


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Rows as a table of those columns; as JSON with every member."""
    if as_json:
        print_json(list(rows))
        return
    # Wide enough that nothing is cut when it goes into a file or another program.
    console = Console() if sys.stdout.isatty() else Console(width=400, no_color=True)
    table = Table(
        *(name.replace("_", " ") for name in columns), box=None, pad_edge=False, header_style="bold"
    )
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in columns))
    console.print(table)
    if not rows:
        note("(none)")


def print_members(row: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing, a member a line."""
    if as_json:
        print_json(dict(row))
        return
    pairs = [{"name": name, "value": value} for name, value in row.items()]
    print_rows(pairs, ("name", "value"), as_json=False)


def print_json(value: Any) -> None:
    """JSON on stdout. Times are ISO 8601."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def note(message: str) -> None:
    """Something said to a person, which is not the result."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(message, markup=False)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case dict() | list() | tuple():
            return json.dumps(value, ensure_ascii=False, default=_plain)
        case _:
            return str(value)


def _plain(value: object) -> object:
    match value:
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case Mapping():
            return dict(value)
        case tuple() | set() | frozenset():
            return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
