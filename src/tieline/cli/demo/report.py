"""How the demo tells what happens: steps, values before and after, and claims that were checked. 100 columns.

A claim is only printed as true after what was found was compared with what was expected.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

WIDTH = 100


class ClaimFailedError(Exception):
    """Something is not as claimed; the message has what was expected and what was found."""


@dataclass(frozen=True)
class Change:
    """A field's value before and after, and where it stands."""

    name: str
    old: Any
    new: Any
    where: str = ""


def changes(before: Mapping[str, Any], after: Mapping[str, Any], where: str = "") -> list[Change]:
    """The fields whose values differ."""
    names = [*after, *(name for name in before if name not in after)]
    both = [(name, before.get(name), after.get(name)) for name in names]
    return [Change(name, old, new, where) for name, old, new in both if old != new]


class Report:
    """Prints to a console, and counts claims."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if self.console.width > WIDTH or not self.console.is_terminal:
            self.console.width = WIDTH
        self.claims = 0
        self._step = 0
        self._status: Status | None = None
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the report began."""
        return time.monotonic() - self._began

    def part(self, title: str) -> None:
        """A new part; its steps count from one."""
        self._step = 0
        self.console.print()
        self.console.rule(f"[bold]{title}[/bold]", align="left")

    def step(self, title: str, how: str = "") -> None:
        """What comes now, and by which means."""
        self._step += 1
        self.console.print()
        self.console.print(
            Text.assemble((f"{self._step:2}. {title}", "bold"), (f"  [{self.seconds:.1f} s]", "dim"))
        )
        if how:
            self.note(how)

    def note(self, text: str) -> None:
        """A line of explanation."""
        self.console.print(Text(text, style="dim"), soft_wrap=False)

    def values(self, title: str, rows: Sequence[Change], *, more: str = "") -> None:
        """Values before and after; `more` heads the last column."""
        if not rows:
            self.console.print(Text(f"{title}: no value changed"))
            return
        table = _table(title)
        table.add_column("    field", style="cyan", no_wrap=True)
        table.add_column("before", width=31, overflow="fold")
        table.add_column("after", width=31, overflow="fold")
        if more:
            table.add_column(more, no_wrap=True)
        for row in rows:
            cells = [_shown(row.old), _shown(row.new), *([Text(row.where)] if more else [])]
            table.add_row(f"    {row.name}", *cells)
        self.console.print(table)

    def listed(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A small table."""
        table = Table(
            title=title, title_justify="left", title_style="", box=None, pad_edge=False, padding=(0, 2, 0, 0)
        )
        for place, column in enumerate(columns):
            table.add_column(column if place else f"    {column}", overflow="fold")
        for row in rows:
            table.add_row(f"    {_text(row[0])}", *(_shown(cell) for cell in row[1:]))
        self.console.print(table)

    def claim(self, text: str, *, expected: Any, found: Any) -> None:
        """Holds if the two are equal. Raises ClaimFailedError if not."""
        if expected == found:
            self.claims += 1
            self.console.print(Text.assemble(("    ✓ ", "green"), text))
            return
        self.console.print(Text.assemble(("    ✗ ", "red"), text))
        self.console.print(Text(f"      expected: {expected!r}\n      found:    {found!r}", style="red"))
        raise ClaimFailedError(f"{text}: expected {expected!r}, found {found!r}")

    def waiting(self, what: str) -> None:
        """Shows what is waited for; an empty text ends that."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        if what and self.console.is_terminal:
            self._status = self.console.status(f"waiting for {what}")
            self._status.start()


def _table(title: str) -> Table:
    return Table(
        title=title or None,
        title_justify="left",
        title_style="",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )


def _shown(value: Any) -> Text:
    return Text("(empty)", style="dim") if value in (None, "") else Text(_text(value))


def _text(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
