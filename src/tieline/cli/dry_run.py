"""Dry runs on the command line: lines as they are found, then sums and what the run would take."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.markup import escape

from tieline.bootstrap import Tieline, dry_running
from tieline.cli.output import note
from tieline.cli.runtime import CommandError, Exit
from tieline.domain.dry_run import Line, line_to_json
from tieline.flows.dry_running import Asked, DryRunRefusedError
from tieline.ports.dry_run import DryRun
from tieline.store.json_text import dump_json


class TriedKind(StrEnum):
    """What can be tried."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    ANALYSIS = "analysis"
    MAPPINGS = "mappings"


async def try_run(tieline: Tieline, org_id: str, app_id: str, asked: Asked, *, as_json: bool) -> DryRun:
    """Tries it and prints each line as it comes; with `as_json` NDJSON, as the API streams it."""
    running = dry_running(tieline)
    try:
        dry_run = await running.begin(org_id, app_id, asked)
    except DryRunRefusedError as error:
        raise CommandError(str(error), Exit.REFUSED) from None
    console, position = Console(soft_wrap=True, highlight=False), 0

    async def tell(lines: Sequence[Line]) -> None:
        nonlocal position
        for line in lines:
            position += 1
            if as_json:
                print(dump_json({"position": position, **line_to_json(line)}).decode())
            else:
                _print(console, line)

    ended = await running.work(dry_run, asked, tell)
    if as_json:
        summary = {"dry_run_id": ended.dry_run_id, "status": ended.status, "totals": ended.totals}
        print(dump_json({**summary, "forecast": ended.forecast}).decode())
    else:
        _sum_up(ended)
    return ended


def _print(console: Console, line: Line) -> None:
    """One line for people: what, whom, and each field with before and after."""
    whom = " ".join(str(one) for one in (line.phone_number, line.external_id or line.contact_id) if one)
    where = " (CRM)" if line.side == "crm" else ""
    console.print(f"[bold]{line.action.value}[/bold]{where} {escape(whom)} {escape(line.why)}".rstrip())
    for entry in line.entries:
        told = f"    {entry.field_name}: {_shown(entry.before)} -> {_shown(entry.after)}"
        after = "" if entry.outcome == "set" else f"  [{entry.outcome}]"
        console.print(escape(f"{told}{after} {entry.why}".rstrip()))


def _shown(value: Any) -> str:
    return "(empty)" if value in (None, "") else str(value)


def _sum_up(dry_run: DryRun) -> None:
    """On stderr, as everything that is not the result."""
    totals, told = dry_run.totals, dry_run.forecast
    for side, name in (("tieline", "Here"), ("crm", "In the CRM")):
        if totals[side]:
            note(f"{name}: {_counts(totals[side])} (fields: {_counts(totals['fields'][side]) or 'none'})")
    if totals["issues"]:
        note(f"Would wait for a person: {_counts(totals['issues'])}")
    if not totals["lines"]:
        note("Nothing would change.")
    calls, models = told["api_calls"], told["models"]
    left = (
        ""
        if calls["left_today"] is None
        else f" of {calls['left_today']:,} left today for {calls['lane']} work"
    )
    note(f"The run would send about {calls['total']:,} requests{left} and take {told['minutes']} minutes.")
    if calls["fits_today"] is False:
        note("That is more than is left today: it would pause, and go on when the CRM's count starts again.")
    if models["asked"] or models["to_merge"]:
        cost = "not known" if models["cost_usd"] is None else f"${models['cost_usd']}"
        note(
            f"Models: {models['asked']} answers kept for the run, {models['to_merge']} texts to merge (cost {cost})."
        )
    note("Not forecast: " + " ".join(told["not_forecast"]))
    note(f"Nothing was changed. The report is kept as {dry_run.dry_run_id}.")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items())
