"""Syncs: run one and watch it, or see how they stand."""

import asyncio
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tieline.bootstrap import Tieline
from tieline.cli.dry_run import TriedKind, try_run
from tieline.cli.issues import COLUMNS
from tieline.cli.output import JsonFlag, OrgOption, note, print_json, print_rows
from tieline.cli.runtime import CommandError, Exit, app_of, fail, org_of, with_tieline
from tieline.flows.dry_running import Asked
from tieline.store.issues import IssueFilter
from tieline.store.json_text import JsonError, load_json
from tieline.store.runs import SYNCS, Run, RunInProgressError
from tieline.worker.wiring import make_worker

sync_app = typer.Typer(help="Syncs of contacts from a CRM.", no_args_is_help=True)
_LOOK_EVERY_S = 0.2
_SHOWN_ISSUES = 20


@sync_app.command("run")
def run_sync(
    ctx: typer.Context,
    app: Annotated[
        str | None, typer.Argument(help="App id or name; may be left out when there is only one.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read all records, not only what changed.")] = False,
    wait: Annotated[bool, typer.Option(help="Stay until it has ended.")] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it would do, and change nothing.")
    ] = False,
    kind: Annotated[TriedKind, typer.Option(help="What to show; only with --dry-run.")] = TriedKind.INBOUND,
    mappings: Annotated[
        typer.FileText | None, typer.Option(help="A crm_config as JSON to try; only with --kind mappings.")
    ] = None,
    no_model: Annotated[
        bool, typer.Option("--no-model", help="Ask no model; show merges as to be merged.")
    ] = False,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Sync contacts now. Works in this process too, so that no other worker need run."""
    asked = _tried(kind, mappings, full=full, no_model=no_model) if dry_run else None
    if asked is None and (kind is not TriedKind.INBOUND or mappings is not None or no_model):
        fail("--kind, --mappings and --no-model go with --dry-run.", Exit.USAGE)

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        app_id = await app_of(tieline, org_id, app)
        if asked is not None:
            await try_run(tieline, org_id, app_id, asked, as_json=as_json)
            return
        try:
            run = await tieline.runs.queue(org_id, app_id, full_read=full, triggered_by="manual")
        except RunInProgressError as error:
            # A new mapping or the schedule queued one. It will do, unless less is read than was asked for.
            run = error.run
            if not wait or (full and not run.full_read):
                raise
            note(f"A sync is {run.status} already; this is {run.run_id}.")
        if wait:
            run = await until_ended(tieline, run)
        await report_run(tieline, org_id, run, "sync", as_json=as_json)

    with_tieline(ctx, work)


def _tried(kind: TriedKind, mappings: typer.FileText | None, *, full: bool, no_model: bool) -> Asked:
    """What is to be tried. Ends the process if the flags do not go together."""
    if (kind is TriedKind.MAPPINGS) != (mappings is not None):
        fail("--kind mappings needs --mappings FILE, and no other kind takes it.", Exit.USAGE)
    config = None
    if mappings is not None:
        try:
            config = load_json(mappings.read())
        except JsonError as error:
            fail(f"{mappings.name}: {error}", Exit.USAGE)
        if not isinstance(config, dict):
            fail(f"{mappings.name} must hold one object, shaped as an app's crm_config.", Exit.USAGE)
    return Asked(kind.value, full, not no_model, config)


@sync_app.command("status")
def sync_status(
    ctx: typer.Context,
    app: Annotated[str | None, typer.Argument(help="App id or name; all when left out.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most this many runs.")] = 10,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the last runs."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        app_id = None if app is None else await app_of(tieline, org_id, app)
        runs = [run_row(run) for run in await tieline.runs.recent(org_id, app_id, limit, kinds=SYNCS)]
        print_rows(runs, RUN_COLUMNS, as_json=as_json)
        open_issues = await tieline.issues.counts(org_id, app_id)
        if open_issues and not as_json:
            counts = ", ".join(f"{number} {kind}" for kind, number in open_issues.items())
            note(f"Open issues: {counts} (tieline issue list)")

    with_tieline(ctx, work)


class RunKind(StrEnum):
    """What a run did."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    CREATING = "creating"
    ACTIVITY = "activity"
    ANALYSIS = "analysis"
    AUDIT = "audit"
    CALCULATED = "calculated"


@sync_app.command("runs")
def sync_runs(
    ctx: typer.Context,
    app: Annotated[str | None, typer.Argument(help="App id or name; all when left out.")] = None,
    kind: Annotated[list[RunKind] | None, typer.Option(help="Only these; may be given often.")] = None,
    before: Annotated[str | None, typer.Option(help="Only runs older than this run id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most this many runs.")] = 20,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List everything that was done: syncs, audits, pushes, new records, logged calls, analyses."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        app_id = None if app is None else await app_of(tieline, org_id, app)
        kinds = [str(one) for one in kind] if kind else None
        runs = await tieline.runs.recent(org_id, app_id, limit, kinds=kinds, before=before)
        print_rows([run_row(run) for run in runs], PASS_COLUMNS, as_json=as_json)

    with_tieline(ctx, work)


PASS_COLUMNS = (
    "run_id", "app_id", "kind", "status", "counts", "errors", "engine", "requests_sent", "started_at", "seconds",
    "reason",
)  # fmt: skip
RUN_COLUMNS = (
    "run_id", "app_id", "kind", "status", "full_read", "triggered_by", "counts", "requests_sent", "started_at",
    "seconds", "reason",
)  # fmt: skip


async def report_run(tieline: Tieline, org_id: str, run: Run, what: str, *, as_json: bool) -> None:
    """Prints a run and the first of its issues. Raises CommandError if it failed; `what` names it ("sync")."""
    issues = await tieline.issues.find(org_id, IssueFilter(run_id=run.run_id, limit=_SHOWN_ISSUES))
    if as_json:
        print_json({**run_row(run), "issues": [issue_row(issue) for issue in issues]})
    else:
        print_rows([run_row(run)], RUN_COLUMNS, as_json=False)
        if issues:
            note(f"Issues of this run (the first {_SHOWN_ISSUES}; all: tieline issue list):")
            print_rows([issue_row(issue) for issue in issues], COLUMNS, as_json=False)
    if run.status == "braked":
        raise CommandError(f"The {what} was stopped before it did too much. {run.reason}", Exit.REFUSED)
    if run.status == "failed":
        raise CommandError(f"The {what} failed. {run.reason}")


async def until_ended(tieline: Tieline, run: Run) -> Run:
    """Works, shows how far the run is, and returns it when it has ended."""
    worker = make_worker(tieline)
    working = asyncio.create_task(worker.run())
    shown = TextColumn("{task.description}")
    try:
        with Progress(SpinnerColumn(), shown, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
            task = progress.add_task("queued", total=None)
            while run.in_flight:
                if working.done():
                    await working
                await asyncio.sleep(_LOOK_EVERY_S)
                run = await tieline.runs.get(run.org_id, run.run_id) or run
                progress.update(task, description=_progress(run))
    finally:
        await worker.stop()
        await working
    return run


def _progress(run: Run) -> str:
    counts = ", ".join(f"{number:,} {name}" for name, number in run.counts.items())
    waits = f" ({run.reason})" if run.reason else ""
    return f"{run.status}{waits}: {counts or 'nothing read yet'}"


def run_row(run: Run) -> dict[str, Any]:
    """A run as a row of output; RUN_COLUMNS are what a table shows of it."""
    ended = run.finished_at.timestamp() if run.finished_at else time.time()
    seconds = None if run.started_at is None else round(ended - run.started_at.timestamp(), 1)
    names = ("run_id", "app_id", "kind", "status", "full_read", "triggered_by", "requests_sent", "started_at",
             "finished_at", "reason", "attempts")  # fmt: skip
    told = {"counts": dict(run.counts), "errors": dict(run.errors), "engine": run.engine, "seconds": seconds}
    return {**{name: getattr(run, name) for name in names}, **told}


def issue_row(issue: Any) -> Mapping[str, Any]:
    """An issue as a row of output."""
    return {name: getattr(issue, name) for name in COLUMNS}
