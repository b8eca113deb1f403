"""`tieline config`: an organisation's configuration as a file, what it would change, and the change."""

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from tieline.bootstrap import Tieline
from tieline.cli.output import JsonFlag, OrgOption, note, print_json
from tieline.cli.runtime import CommandError, Exit, org_of, with_tieline
from tieline.domain.config_file import as_data
from tieline.domain.config_file_plan import Change
from tieline.domain.config_file_schema import SCHEMA
from tieline.domain.config_file_secrets import by_environment
from tieline.flows.config_file import ConfigPlan
from tieline.flows.config_text import dump_yaml, load_yaml
from tieline.ports.config_file import SameNameError
from tieline.store.json_text import JsonError, dump_json, load_json

config_app = typer.Typer(help="The configuration as a file.", no_args_is_help=True)

CHANGES: Final = 2
"""The exit code of a plan that would change something."""
_SIGNS: Final = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}
FileArgument = Annotated[Path, typer.Argument(help="YAML; - for standard input.")]


class SecretsAs(StrEnum):
    """What stands in place of a secret."""

    KEEP = "keep"
    ENV = "env"


@config_app.command("export")
def export(
    ctx: typer.Context,
    secrets: Annotated[
        SecretsAs,
        typer.Option(
            help="What stands for secrets: keep, or a reference to the environment (to move elsewhere)."
        ),
    ] = SecretsAs.KEEP,
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file.")] = None,
    org: OrgOption = None,
) -> None:
    """Print the whole configuration as YAML. Secrets are never in it."""

    async def work(tieline: Tieline) -> None:
        document = await _named(tieline.config_files.export(await org_of(tieline, org)))
        text = dump_yaml(as_data(by_environment(document) if secrets is SecretsAs.ENV else document))
        if out is None:
            sys.stdout.write(text)
        else:
            out.write_text(text, "utf-8")
            note(f"written to {out}")

    with_tieline(ctx, work)


@config_app.command("plan")
def plan(
    ctx: typer.Context,
    file: FileArgument,
    out: Annotated[Path | None, typer.Option("--out", help="Keep the plan in this file, for apply.")] = None,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what the file would change, checked against the live CRMs. Exit code 0: nothing; 2: something."""

    async def work(tieline: Tieline) -> bool:
        data = load_yaml(_text(file))
        found = await _checked(tieline, await org_of(tieline, org), data)
        _show(found.changes, as_json=as_json)
        if out is not None:
            kept = {"org_id": found.org_id, "changes": found.as_json(), "file": data}
            out.write_bytes(dump_json(kept))
        return bool(found.steps)

    if with_tieline(ctx, work):
        raise typer.Exit(CHANGES)


@config_app.command("apply")
def apply(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="YAML; - for standard input.")] = None,
    planned: Annotated[
        Path | None, typer.Option("--plan", help="Do exactly what this plan says, or nothing.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    org: OrgOption = None,
) -> None:
    """Make the configuration what the file says. Nothing is changed if anything in it is wrong."""

    async def work(tieline: Tieline) -> None:
        if planned is not None:
            found = await _as_planned(tieline, org, planned)
        else:
            found = await _checked(tieline, await org_of(tieline, org), load_yaml(_text(file)))
        _show(found.changes, as_json=False)
        if not found.steps:
            return
        if planned is None and not yes:
            _ask(file)
        await tieline.config_files.apply(found)
        note("Applied.")

    if (file is None) == (planned is None):
        raise typer.BadParameter("give a file, or --plan with a plan that was kept")
    with_tieline(ctx, work)


@config_app.command("schema")
def schema() -> None:
    """Print the JSON Schema of the file, for editors and checks."""
    print_json(SCHEMA)


async def _named(exported: Any) -> Any:
    try:
        return await exported
    except SameNameError as error:
        raise CommandError(str(error), Exit.REFUSED) from None


async def _checked(tieline: Tieline, org_id: str, data: Any) -> ConfigPlan:
    found: ConfigPlan = await _named(tieline.config_files.plan(org_id, data, _looked_up))
    await tieline.config_files.check(found)
    return found


async def _as_planned(tieline: Tieline, org: str | None, path: Path) -> ConfigPlan:
    """The plan that was kept, if it still is what its file would change."""
    try:
        kept = load_json(_text(path))
        org_id, said, data = kept["org_id"], kept["changes"], kept["file"]
    except (JsonError, TypeError, KeyError):
        raise CommandError(
            f"{path} is no plan: make one with tieline config plan --out.", Exit.USAGE
        ) from None
    if org is not None and org != org_id:
        raise CommandError(f"The plan is for {org_id}, not for {org}.", Exit.USAGE)
    found = await _checked(tieline, await org_of(tieline, org_id), data)
    if found.as_json() != said:
        raise CommandError(
            "The configuration has moved since this plan was made, so nothing was changed: plan again.",
            Exit.REFUSED,
        )
    return found


def _looked_up(kind: str, name: str) -> str | None:
    if kind == "env":
        return os.environ.get(name) or None
    try:
        return Path(name).read_text("utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _text(path: Path | None) -> str:
    try:
        return sys.stdin.read() if path is None or str(path) == "-" else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}", Exit.USAGE) from None


def _ask(file: Path | None) -> None:
    if str(file) == "-" or not sys.stdin.isatty():
        raise CommandError("Nothing was changed: nobody can be asked here; give --yes.", Exit.USAGE)
    if not typer.confirm("Make these changes?", err=True):
        raise CommandError("Nothing was changed.")


def _show(changes: Sequence[Change], *, as_json: bool) -> None:
    if as_json:
        print_json([change.as_json() for change in changes])
        return
    console = Console(soft_wrap=True, highlight=False)
    for change in changes:
        sign, style = _SIGNS[change.action]
        console.print(f"{sign} {change.what}", style=style, markup=False)
        for detail in change.details:
            console.print(f"    {detail}", markup=False)
        for said in change.notes:
            console.print(f"    ! {said}", markup=False)
    counted = [f"{sum(c.action == action for c in changes)} to {action}" for action in _SIGNS]
    note(f"{', '.join(counted)}." if changes else "Nothing to change.")
