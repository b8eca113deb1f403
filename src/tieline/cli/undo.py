"""Runs, conversations and fields undone; held fields let go."""

from dataclasses import asdict
from typing import Annotated

import typer

from tieline.bootstrap import Tieline, undoing
from tieline.cli.contacts import BY_HAND, find_contact
from tieline.cli.output import JsonFlag, OrgOption, note, print_json, print_rows
from tieline.cli.runtime import org_of, with_tieline
from tieline.flows.undoing import Asked, UndoReport

undo_app = typer.Typer(help="Take back what a run, a conversation or one change did.", no_args_is_help=True)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be undone.")]
Clear = Annotated[bool, typer.Option("--clear-do-not-call", help="Also clear do-not-call, where it came so.")]
ContactArgument = Annotated[str, typer.Argument(help="Contact id or phone number.")]
FieldArgument = Annotated[str, typer.Argument(metavar="FIELD", help="The field's name.")]


@undo_app.command("run")
def undo_run(
    ctx: typer.Context,
    run_id: Annotated[str, typer.Argument(help="The run; tieline sync runs lists them.")],
    dry_run: DryRun = False,
    clear_do_not_call: Clear = False,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Take back what a run changed; if it was an undo, what that took back comes again."""

    async def work(tieline: Tieline) -> None:
        asked = Asked(run_id=run_id, clear_do_not_call=clear_do_not_call)
        await _undo(tieline, await org_of(tieline, org), asked, dry_run=dry_run, as_json=as_json)

    with_tieline(ctx, work)


@undo_app.command("conversation")
def undo_conversation(
    ctx: typer.Context,
    conversation_id: Annotated[str, typer.Argument(help="The call or chat.")],
    platform: Annotated[str, typer.Option(help="Where it took place.")] = "retell",
    dry_run: DryRun = False,
    clear_do_not_call: Clear = False,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Take back what a conversation did to its contact. It stays undone."""

    async def work(tieline: Tieline) -> None:
        asked = Asked(platform=platform, conversation_id=conversation_id, clear_do_not_call=clear_do_not_call)
        await _undo(tieline, await org_of(tieline, org), asked, dry_run=dry_run, as_json=as_json)

    with_tieline(ctx, work)


@undo_app.command("field")
def undo_field(
    ctx: typer.Context,
    contact: ContactArgument,
    field_name: FieldArgument,
    dry_run: DryRun = False,
    clear_do_not_call: Clear = False,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Take back the newest change of a field."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        found = await find_contact(tieline, org_id, contact)
        asked = Asked(contact_id=found.contact_id, field_name=field_name, clear_do_not_call=clear_do_not_call)
        await _undo(tieline, org_id, asked, dry_run=dry_run, as_json=as_json)

    with_tieline(ctx, work)


@undo_app.command("release")
def release_field(
    ctx: typer.Context, contact: ContactArgument, field_name: FieldArgument, org: OrgOption = None
) -> None:
    """Let a field that an undo holds follow the CRM again."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        found = await find_contact(tieline, org_id, contact)
        count = await undoing(tieline).release(org_id, found.contact_id, field_name)
        note(f"{field_name} follows the CRM again, in {count} record(s)")

    with_tieline(ctx, work)


async def _undo(tieline: Tieline, org_id: str, asked: Asked, *, dry_run: bool, as_json: bool) -> None:
    report = await undoing(tieline).undo(org_id, asked, BY_HAND, dry_run=dry_run)
    if as_json:
        print_json(asdict(report))
        return
    _show(report)


def _show(report: UndoReport) -> None:
    if report.undone:
        lines = [asdict(line) for line in report.undone]
        print_rows(lines, ("contact_id", "field_name", "was", "now"), as_json=False)
    if report.kept:
        note("Not undone:")
        lines = [asdict(line) for line in report.kept]
        print_rows(lines, ("contact_id", "field_name", "now", "why"), as_json=False)
    for what in report.stays:
        note(f"{what} stays: an undo deletes nothing")
    done = "would be undone" if report.run_id is None else f"undone by {report.run_id}"
    note(
        f"{report.undone_count} fields of {report.contacts} contacts {done}; {report.kept_count} left as they are"
    )
