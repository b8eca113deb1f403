"""The brake: what it stopped, and saying whether that may go on."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from tieline.bootstrap import Tieline
from tieline.cli.contacts import BY_HAND
from tieline.cli.output import JsonFlag, OrgOption, note, print_members, print_rows
from tieline.cli.runtime import app_of, org_of, with_tieline
from tieline.domain.brake import Brake, BrakeKind, brake_limits
from tieline.domain.brake_report import would
from tieline.flows.connecting import AppInput

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


@brake_app.command("limits")
def limits(
    ctx: typer.Context,
    kind: Annotated[BrakeKind | None, typer.Argument(help="Which to set; all are shown afterwards.")] = None,
    number: Annotated[int | None, typer.Option(help="At most so many.")] = None,
    share: Annotated[
        float | None, typer.Option(help="At most this share of the linked contacts, 0 to 1.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Any number of this kind.")] = False,
    usual: Annotated[bool, typer.Option("--usual", help="The default again.")] = False,
    app: Annotated[
        str | None, typer.Option(help="App id or name; may be left out when there is only one.")
    ] = None,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show an app's limits, or set one."""
    given = {name: value for name, value in (("number", number), ("share", share)) if value is not None}
    if [bool(given), off, usual].count(True) != (kind is not None):
        raise typer.BadParameter("give a KIND with --number, --share or both, or with --off, or with --usual")

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        app_id = await app_of(tieline, org_id, app)
        settings = (await tieline.apps.get(org_id, app_id)).crm_config.get("brake")
        if kind is not None:
            # Where all is off, setting one kind leaves the others off.
            kept = dict.fromkeys(BrakeKind, False) if settings is False else dict(settings or {})
            kept = {str(name): limit for name, limit in kept.items() if usual is False or name != kind}
            settings = kept if usual else {**kept, kind.value: False if off else given}
            config = {"crm_config": {"brake": settings}}
            settings = (await tieline.connecting.update(org_id, app_id, AppInput(config))).crm_config.get(
                "brake"
            )
        by_kind = brake_limits(settings)
        rows = [{"kind": one.value, **asdict(by_kind.of(one))} for one in BrakeKind]
        print_rows(rows, ("kind", "number", "share"), as_json=as_json)

    with_tieline(ctx, work)


def _row(brake: Brake) -> dict[str, Any]:
    shown = {kind.value: {"count": n, "limit": limit} for kind, (n, limit) in brake.shown.items()}
    return {**asdict(brake), "would": would(brake), "shown": shown, "sample": list(brake.sample)}
