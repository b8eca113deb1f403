"""Organisations, API keys and webhook secrets. A key's text is printed once, and a secret's never."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from tieline.bootstrap import Tieline
from tieline.cli.output import JsonFlag, OrgOption, note, print_json, print_members, print_rows
from tieline.cli.runtime import CommandError, Exit, org_of, with_tieline

org_app = typer.Typer(help="Organisations: the tenants of this Tieline.", no_args_is_help=True)
key_app = typer.Typer(help="API keys.", no_args_is_help=True)


@org_app.command("create")
def create_org(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What people call it.")],
    org_id: Annotated[str | None, typer.Option("--id", help="A known id instead of a random one.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Create an organisation."""

    async def work(tieline: Tieline) -> None:
        org = await tieline.accounts.create_organisation(name, org_id)
        print_members(asdict(org), as_json=as_json)

    with_tieline(ctx, work)


@org_app.command("list")
def list_orgs(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List the organisations."""

    async def work(tieline: Tieline) -> None:
        orgs = [asdict(org) for org in await tieline.accounts.organisations()]
        print_rows(orgs, ("org_id", "name", "created_at"), as_json=as_json)

    with_tieline(ctx, work)


@org_app.command("webhook-secret")
def webhook_secret(
    ctx: typer.Context,
    org: Annotated[str | None, typer.Argument(help="Organisation id.")] = None,
    name: Annotated[str, typer.Option(help="What to call the secret.")] = "retell",
    remove: Annotated[str | None, typer.Option(help="Remove the secret of this id instead.")] = None,
    show: Annotated[
        bool, typer.Option("--list", help="List the secrets, without their texts, instead.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Set a secret that signs webhooks: typed at the prompt, or read from standard input."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        if remove is not None:
            if not await tieline.accounts.remove_webhook_secret(org_id, remove):
                raise CommandError(f"There is no webhook secret {remove}.", Exit.NOT_FOUND)
            note(f"removed {remove}")
        elif not show:
            await tieline.accounts.add_webhook_secret(org_id, name, text)
        secrets = [asdict(secret) for secret in await tieline.accounts.webhook_secrets(org_id)]
        print_rows(secrets, ("secret_id", "name", "created_at"), as_json=as_json)

    text = "" if remove is not None or show else read_secret("Webhook secret")
    with_tieline(ctx, work)


@key_app.command("create")
def create_key(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is for.")] = "default",
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Create an API key and print its text, which is not kept."""

    async def work(tieline: Tieline) -> None:
        new = await tieline.accounts.create_key(await org_of(tieline, org), name)
        if as_json:
            print_json({**asdict(new.key), "text": new.text})
            return
        note(f"API key {new.key.key_id} of {new.key.org_id}; keep it, it is not shown again:")
        print(new.text)

    with_tieline(ctx, work)


@key_app.command("list")
def list_keys(ctx: typer.Context, org: OrgOption = None, as_json: JsonFlag = False) -> None:
    """List the API keys, without their texts."""

    async def work(tieline: Tieline) -> None:
        keys = [asdict(key) for key in await tieline.accounts.keys(await org_of(tieline, org))]
        print_rows(keys, ("key_id", "name", "created_at", "revoked_at"), as_json=as_json)

    with_tieline(ctx, work)


@key_app.command("revoke")
def revoke_key(
    ctx: typer.Context, key_id: Annotated[str, typer.Argument(help="The key's id.")], org: OrgOption = None
) -> None:
    """Make an API key useless at once."""

    async def work(tieline: Tieline) -> None:
        if not await tieline.accounts.revoke_key(await org_of(tieline, org), key_id):
            raise CommandError(f"There is no API key {key_id} in use.", Exit.NOT_FOUND)
        note(f"revoked {key_id}")

    with_tieline(ctx, work)


def read_secret(what: str) -> str:
    """A secret, never from the command line, where others could read it."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True))
    return sys.stdin.readline().strip()
