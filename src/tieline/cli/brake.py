"""The brake: what it stopped, and saying whether that may go on."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from tieline.bootstrap import Tieline
from tieline.cli.contacts import BY_HAND
from tieline.cli.output import JsonFlag, OrgOption, note, print_members, print_rows
from tieline.cli.runtime import app_of, org_of, with_tieline
from tieline.domain.brake import Brake
from tieline.domain.brake_report import would

brake_app = typer.Typer(help="Runs that would do too much, and answers to them.", no_args_is_help=True)
_COLUMNS = ("brake_id", "app_id", "flow", "status", "would", "stopped_at", "decided_by")
_BrakeId = Annotated[str, typer.Argument(metavar="ID", help="The stop's id, as the list shows it.")]
_Because = Annotated[str, typer.Option(help="Why, for the record.")]


@brake_app.command("list")
def list_brakes(
    ctx: typer.Context,
    app: Annotated[str | None, typer.Option(help="Only of this app.")] = None,
    ended: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List what is stopped, the newest first."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        app_id = None if app is None else await app_of(tieline, org_id, app)
        found = await tieline.braking.find(org_id, app_id, ended=ended)
        print_rows([_row(brake) for brake in found], _COLUMNS, as_json=as_json)

    with_tieline(ctx, work)


@brake_app.command("show")
def show_brake(
    ctx: typer.Context, brake_id: _BrakeId, org: OrgOption = None, as_json: JsonFlag = False
) -> None:
    """Show one stop: counts, limits, and the first of what it would have done, before and after."""

    async def work(tieline: Tieline) -> None:
        brake = await tieline.braking.get(await org_of(tieline, org), brake_id)
        print_members(_row(brake), as_json=as_json)

    with_tieline(ctx, work)


@brake_app.command("confirm")
def confirm_brake(
    ctx: typer.Context,
    brake_id: _BrakeId,
    because: _Because = "",
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Let it go on: within a day, once, as far as was shown and a tenth more. A worker does it."""

    async def work(tieline: Tieline) -> None:
        brake = await tieline.braking.confirm(await org_of(tieline, org), brake_id, BY_HAND, because)
        print_members(_row(brake), as_json=as_json)
        note("It goes on as soon as a worker takes it up.")

    with_tieline(ctx, work)


@brake_app.command("reject")
def reject_brake(
    ctx: typer.Context,
    brake_id: _BrakeId,
    because: _Because = "",
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Leave it stopped. Nobody looks again before you confirm it or change the app's limits."""

    async def work(tieline: Tieline) -> None:
        brake = await tieline.braking.reject(await org_of(tieline, org), brake_id, BY_HAND, because)
        print_members(_row(brake), as_json=as_json)

    with_tieline(ctx, work)


def _row(brake: Brake) -> dict[str, Any]:
    shown = {kind.value: {"count": n, "limit": limit} for kind, (n, limit) in brake.shown.items()}
    return {**asdict(brake), "would": would(brake), "shown": shown, "sample": list(brake.sample)}
