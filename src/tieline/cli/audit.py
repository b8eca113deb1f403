"""The audit: compare everything the CRM holds with what we hold, now, and watch it."""

from typing import Annotated

import typer

from tieline.bootstrap import Tieline
from tieline.cli.issues import COLUMNS
from tieline.cli.output import JsonFlag, OrgOption, note, print_json, print_rows
from tieline.cli.runtime import CommandError, app_of, org_of, with_tieline
from tieline.cli.sync import RUN_COLUMNS, issue_row, run_row, until_ended
from tieline.store.issues import IssueFilter
from tieline.store.runs import RunInProgressError

_SHOWN_ISSUES = 20


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("audit")(audit)


def audit(
    ctx: typer.Context,
    app: Annotated[
        str | None, typer.Argument(help="App id or name; may be left out when there is only one.")
    ] = None,
    calculated: Annotated[
        bool, typer.Option("--calculated", help="Compare only mapped formula and calculated fields.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Stay until it has ended.")] = True,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare what the CRM holds with what is held here; repair and report. Never writes to the CRM by itself."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        app_id = await app_of(tieline, org_id, app)
        kind = "calculated" if calculated else "audit"
        try:
            run = await tieline.runs.queue_audit(
                org_id, app_id, kind="calculated" if calculated else "audit", triggered_by="manual"
            )
        except RunInProgressError as error:
            run = error.run
            if not wait or run.kind != kind:
                raise
            note(f"An audit is {run.status} already; this is {run.run_id}.")
        if wait:
            run = await until_ended(tieline, run)
        issues = await tieline.issues.find(org_id, IssueFilter(run_id=run.run_id, limit=_SHOWN_ISSUES))
        if as_json:
            print_json({**run_row(run), "issues": [issue_row(issue) for issue in issues]})
        else:
            print_rows([run_row(run)], RUN_COLUMNS, as_json=False)
            if issues:
                note(f"Issues of this audit (the first {_SHOWN_ISSUES}; all: tieline issue list):")
                print_rows([issue_row(issue) for issue in issues], COLUMNS, as_json=False)
        if run.status == "failed":
            raise CommandError(f"The audit failed. {run.reason}")

    with_tieline(ctx, work)
