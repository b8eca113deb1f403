"""Backfills: fields and memories from past conversations; what one would take, and how it stands."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from tieline.bootstrap import Tieline
from tieline.cli.output import JsonFlag, OrgOption, note, print_json, print_rows
from tieline.cli.runtime import CommandError, Exit, org_of, with_tieline
from tieline.domain.backfill import BackfillRequest, Forecast
from tieline.flows.planning_backfills import BackfillRefusedError
from tieline.store.backfills import BackfillInProgressError
from tieline.store.runs import Run, job_status

backfill_app = typer.Typer(help="Fill fields from past conversations.", no_args_is_help=True)

Day = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Conversations that began from, or before, that day, UTC."),
]


@backfill_app.command("run")
def run_backfill(
    ctx: typer.Context,
    fields: Annotated[
        list[str], typer.Argument(metavar="FIELD...", help="Fields with a mapping, or contact_memory.")
    ],
    agent: Annotated[list[str] | None, typer.Option(help="Of this agent; repeat it.")] = None,
    since: Day = None,
    until: Day = None,
    forecast: Annotated[bool, typer.Option("--forecast", help="Only say what it would take.")] = False,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Apply mappings to past conversations, in the background."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        agents = tuple((name, ()) for name in agent or ())
        request = BackfillRequest(tuple(dict.fromkeys(fields)), agents, _ms(since), _ms(until, before=True))
        try:
            shown = await tieline.planning_backfills.forecast(org_id, request)
            if forecast:
                _show(shown, as_json=as_json)
                return
            run = await tieline.backfills.queue(org_id, request)
        except BackfillRefusedError as error:
            problems = "\n".join(f"{one.where}: {one.message}" for one in error.problems)
            raise CommandError(problems, Exit.REFUSED) from None
        except BackfillInProgressError as error:
            raise CommandError(str(error), Exit.REFUSED) from None
        if as_json:
            print_json(job_status(run))
        note(f"Queued, of up to {_words(shown)}. A worker does it; see tieline backfill status.")

    with_tieline(ctx, work)


@backfill_app.command("status")
def backfill_status(ctx: typer.Context, org: OrgOption = None, as_json: JsonFlag = False) -> None:
    """Show how the last backfill stands."""

    async def work(tieline: Tieline) -> None:
        run = await tieline.backfills.latest(await org_of(tieline, org))
        if as_json:
            print_json(job_status(run))
        elif run is None:
            note("There was no backfill yet.")
        else:
            print_rows([_row(run)], tuple(_row(run)), as_json=False)

    with_tieline(ctx, work)


def _row(run: Run) -> dict[str, object]:
    return {
        "status": run.status,
        "conversations": run.counts.get("read", 0),
        "contacts": run.counts.get("contacts", 0),
        "changed": run.counts.get("changed", 0),
        "failed": run.counts.get("failed", 0),
        "merged by": run.engine,
        "started": run.started_at,
        "ended": run.finished_at,
        "reason": run.reason,
    }


def _show(shown: Forecast, *, as_json: bool) -> None:
    members = {name: getattr(shown, name) for name in Forecast.__slots__}
    if as_json:
        print_json(members)
        return
    print_rows([{"what": name.replace("_", " "), "at most": members[name]} for name in _SHOWN],
               ("what", "at most"), as_json=False)  # fmt: skip
    if shown.brake:
        note(shown.brake)


_SHOWN = (
    "conversations", "contacts", "not_analysed", "model_calls", "input_tokens", "output_tokens", "cost_usd", "minutes",
    "linked_contacts",
)  # fmt: skip


def _words(shown: Forecast) -> str:
    return (
        f"{shown.conversations} conversations of {shown.contacts} contacts, {shown.model_calls} calls to models,"
        f" {shown.cost_usd:.2f} USD, {shown.minutes:g} minutes"
    )


def _ms(day: datetime | None, *, before: bool = False) -> int | None:
    if day is None:
        return None
    at = day.replace(tzinfo=UTC) - (timedelta(milliseconds=1) if before else timedelta())
    return int(at.timestamp() * 1000)
