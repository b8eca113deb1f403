"""The audit: compare everything the CRM holds with what we hold, now, and watch it."""

from typing import Annotated, Literal

import typer

from tieline.bootstrap import Tieline
from tieline.cli.output import JsonFlag, OrgOption, note
from tieline.cli.runtime import app_of, org_of, with_tieline
from tieline.cli.sync import report_run, until_ended
from tieline.store.runs import RunInProgressError


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
        kind: Literal["audit", "calculated"] = "calculated" if calculated else "audit"
        try:
            run = await tieline.runs.queue_audit(org_id, app_id, kind=kind, triggered_by="manual")
        except RunInProgressError as error:
            run = error.run
            if not wait or run.kind != kind:
                raise
            note(f"An audit is {run.status} already; this is {run.run_id}.")
        if wait:
            run = await until_ended(tieline, run)
        await report_run(tieline, org_id, run, "audit", as_json=as_json)

    with_tieline(ctx, work)
