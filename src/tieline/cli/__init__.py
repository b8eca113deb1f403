"""The command line. Each command calls a flow or the store and prints what came of it; no rule lives here."""

from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from tieline.cli import analysis, audit, explain, mapping_check, mapping_preview, serve
from tieline.cli.accounts import key_app, org_app
from tieline.cli.apps import app_app
from tieline.cli.backfill import backfill_app
from tieline.cli.brake import brake_app
from tieline.cli.config_file import config_app
from tieline.cli.contacts import contact_app
from tieline.cli.fields import field_app
from tieline.cli.issues import issue_app
from tieline.cli.mappings import mapping_app
from tieline.cli.members import member_app
from tieline.cli.review import review_app
from tieline.cli.runtime import Context
from tieline.cli.sync import sync_app
from tieline.cli.undo import undo_app

app = typer.Typer(
    name="tieline",
    help="Keeps a CRM and a team's voice and chat agents in step.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 1 failed, 2 usage or settings, 3 not found, 4 refused, 5 unavailable.",
)
serve.register(app)
analysis.register(app)
audit.register(app)
explain.register(app)
mapping_preview.register(mapping_app)
mapping_check.register(mapping_app)
for _name, _group in (
    ("org", org_app), ("key", key_app), ("member", member_app), ("app", app_app), ("field", field_app),
    ("mapping", mapping_app),
    ("sync", sync_app), ("contact", contact_app), ("issue", issue_app),
    ("review", review_app), ("undo", undo_app), ("backfill", backfill_app),
    ("brake", brake_app), ("config", config_app),
):  # fmt: skip
    app.add_typer(_group, name=_name)


@app.callback(invoke_without_command=True)
def before(
    ctx: typer.Context,
    database_url: Annotated[str | None, typer.Option(help="A PostgreSQL server of your own.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where our own server and the key are kept.")] = None,
    sandbox_mode: Annotated[
        bool | None, typer.Option("--sandbox-mode", help="Allow CRMs at loopback addresses.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Settings come from tieline.toml, then TIELINE_* variables, then these flags."""
    if show_version:
        print(version("tieline"))
        raise typer.Exit
    flags = {
        "database_url": database_url,
        "data_dir": data_dir,
        "sandbox_mode": sandbox_mode,
        "log_level": log_level,
    }
    ctx.obj = Context({name: value for name, value in flags.items() if value is not None})


@app.command()
def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running and print how to reach it.")
    ] = False,
) -> None:
    """Walk through everything on both emulated CRMs, with real processes."""
    raise typer.Exit(import_module("tieline.cli.demo").run(keep=keep))


def main() -> None:
    """The `tieline` program."""
    app()
