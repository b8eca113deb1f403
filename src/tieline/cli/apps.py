"""Apps: connections to CRMs. Credentials are read from a prompt or standard input and never printed."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tieline.bootstrap import Tieline
from tieline.cli.accounts import read_secret
from tieline.cli.output import JsonFlag, OrgOption, note, print_members, print_rows
from tieline.cli.runtime import CommandError, Exit, app_of, org_of, with_tieline
from tieline.connectors.registry import get_connector
from tieline.domain.quota import shown
from tieline.flows.connecting import AppInput
from tieline.ports.config import AppConfig
from tieline.store.config import ConfigUpdate

app_app = typer.Typer(help="Apps: connections to CRMs.", no_args_is_help=True)

# What may stand on a command line; every other member of auth_config is asked for.
_PUBLIC = frozenset({"type", "client_id", "username"})
_COLUMNS = (
    "app_id",
    "provider",
    "name",
    "connection_status",
    "tenant_id",
    "linked",
    "next_sync_at",
    "reason",
)
AppArgument = Annotated[
    str | None, typer.Argument(help="App id or name; may be left out when there is only one.")
]


@app_app.command("add")
def add_app(
    ctx: typer.Context,
    provider: Annotated[str, typer.Argument(help="salesforce, hubspot, or another installed connector.")],
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    tenant_url: Annotated[
        str | None, typer.Option(help="The tenant's address, where the CRM needs one.")
    ] = None,
    auth_type: Annotated[
        str | None, typer.Option(help="Which kind of credentials, where there are several.")
    ] = None,
    auth: Annotated[
        list[str] | None,
        typer.Option(help="MEMBER=VALUE of what is no secret (client_id, username); repeat it."),
    ] = None,
    phone_field: Annotated[
        str | None, typer.Option(help="The CRM's phone field (default: its usual one).")
    ] = None,
    default_country: Annotated[str, typer.Option(help="By which national numbers are read.")] = "US",
    log_activities: Annotated[bool, typer.Option(help="Log conversations in the CRM.")] = True,
    link: Annotated[bool, typer.Option(help="Let this app sync contacts.")] = True,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Connect a CRM. Secrets are asked for, one after the other, or read from standard input, one a line."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        members: dict[str, Any] = {
            "type": "crm", "provider": provider, "name": name, "auth_config": credentials, "crm_config": config,
        }  # fmt: skip
        if tenant_url is not None:
            members["tenant_url"] = tenant_url
        app = await tieline.connecting.create(org_id, AppInput(members))
        if link:
            await tieline.configs.update(org_id, ConfigUpdate(app_id=app.app_id))
            await tieline.connecting.recheck(org_id, app.app_id)
        await _print_app(tieline, org_id, app.app_id, as_json)

    spec = get_connector(provider).spec if provider in _providers() else None
    if spec is None:
        raise typer.BadParameter(f"there is no connector {provider!r}; there are: {', '.join(_providers())}")
    credentials = _credentials(provider, auth_type, _pairs(auth or []))
    config = {
        "inbound_sync_mappings": [
            {"external_field_name": phone_field or spec.default_phone_field, "field_name": "phone_number"}
        ],
        "outbound_sync_mappings": [],
        "default_country": default_country,
        "sync_conversation_activity": log_activities,
    }
    with_tieline(ctx, work)


@app_app.command("list")
def list_apps(ctx: typer.Context, org: OrgOption = None, as_json: JsonFlag = False) -> None:
    """List the apps."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        linked = (await tieline.configs.get(org_id)).app_id
        apps = [_row(app, linked) for app in await tieline.apps.of_organisation(org_id)]
        print_rows(apps, _COLUMNS, as_json=as_json)

    with_tieline(ctx, work)


@app_app.command("show")
def show_app(
    ctx: typer.Context, app: AppArgument = None, org: OrgOption = None, as_json: JsonFlag = False
) -> None:
    """Show an app, and how its CRM's daily limit of requests stands."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        found = await tieline.apps.get(org_id, await app_of(tieline, org_id, app))
        standing = await tieline.quotas.standing(found)
        row = _row(found, (await tieline.configs.get(org_id)).app_id)
        quota = shown(standing) if standing else None
        print_members({**row, **({"quota": quota} if as_json else _in_words(quota))}, as_json=as_json)

    with_tieline(ctx, work)


@app_app.command("test")
def try_app(
    ctx: typer.Context, app: AppArgument = None, org: OrgOption = None, as_json: JsonFlag = False
) -> None:
    """Try an app's credentials now."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        app_id = await app_of(tieline, org_id, app)
        test = await tieline.connecting.test_auth(org_id, app_id)
        await _print_app(tieline, org_id, app_id, as_json)
        if not test.success:
            raise CommandError(f"The CRM did not let us in. {test.message}")
        note(test.message or "The credentials work.")

    with_tieline(ctx, work)


@app_app.command("schema")
def show_schema(
    ctx: typer.Context, app: AppArgument = None, org: OrgOption = None, as_json: JsonFlag = False
) -> None:
    """Show the CRM's contact fields as they are now."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        _, schema = await tieline.connecting.read_schema(org_id, await app_of(tieline, org_id, app))
        rows = [
            {
                "name": crm.name, "label": crm.label, "kind": crm.kind.value, "writable": crm.updateable,
                "options": [option.value for option in crm.options],
            }
            for crm in schema
        ]  # fmt: skip
        print_rows(rows, ("name", "label", "kind", "writable", "options"), as_json=as_json)

    with_tieline(ctx, work)


@app_app.command("link")
def link_app(
    ctx: typer.Context, app: AppArgument = None, org: OrgOption = None, as_json: JsonFlag = False
) -> None:
    """Let this app, and no other, sync contacts."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        app_id = await app_of(tieline, org_id, app)
        await tieline.configs.update(org_id, ConfigUpdate(app_id=app_id))
        await _print_app(tieline, org_id, app_id, as_json)

    with_tieline(ctx, work)


@app_app.command("delete")
def delete_app(
    ctx: typer.Context, app: Annotated[str, typer.Argument(help="App id or name.")], org: OrgOption = None
) -> None:
    """Take an app out of use. Contacts, values and history stay."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        app_id = await app_of(tieline, org_id, app)
        await tieline.connecting.delete(org_id, app_id)
        note(f"deleted {app_id}")

    with_tieline(ctx, work)


async def _print_app(tieline: Tieline, org_id: str, app_id: str, as_json: bool) -> None:
    linked = (await tieline.configs.get(org_id)).app_id
    print_members(_row(await tieline.apps.get(org_id, app_id), linked), as_json=as_json)


def _row(app: AppConfig, linked: str | None) -> dict[str, Any]:
    names = ("app_id", "provider", "name", "tenant_url", "tenant_id", "auth_type", "connection_status",
             "mappings_checked", "sync_interval_s", "next_sync_at")  # fmt: skip
    row: dict[str, Any] = {name: getattr(app, name) for name in names}
    return {**row, "linked": app.app_id == linked, "reason": app.stopped_reason or app.status_reason}


def _in_words(quota: Mapping[str, Any] | None) -> dict[str, str]:
    """A budget as a person reads it."""
    if quota is None:
        return {"daily limit": "none"}
    by_lane = ", ".join(f"{lane} {count:,}" for lane, count in quota["used_by_lane"].items())
    period = "today" if quota["resets_at"] else "in 24 hours"
    ours = f"{quota['used_by_tieline']:,} by Tieline ({by_lane})"
    row = {
        "requests": f"not told by the CRM yet; {ours} {period}",
        "reserved": f"{quota['reserve_percent']} %",
    }
    if quota["allowed"]:
        used = f"{quota['used']:,} of {quota['allowed']:,} {period}"
        row["requests"] = f"{used}: {ours}, {quota['used_by_others']:,} by others"
        row["may be used"] = ", ".join(
            f"{lane} up to {most:,}" for lane, most in quota["lane_ceilings"].items()
        )
    if quota["waiting"]:
        row["waiting"] = f"{', '.join(quota['waiting'])}, since {quota['waiting_since']:%Y-%m-%d %H:%M} UTC"
        if quota["waiting_until"]:
            row["expected to go on"] = f"{quota['waiting_until']:%Y-%m-%d %H:%M} UTC"
    return row


def _providers() -> tuple[str, ...]:
    from tieline.connectors.registry import providers

    return providers()


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = dict(text.split("=", 1) for text in texts if "=" in text)
    if len(pairs) != len(texts) or not set(pairs) <= _PUBLIC:
        raise typer.BadParameter(
            f"--auth takes MEMBER=VALUE of {', '.join(sorted(_PUBLIC - {'type'}))}, each once; secrets are asked for"
        )
    return pairs


def _credentials(provider: str, auth_type: str | None, given: Mapping[str, str]) -> dict[str, str]:
    """An `auth_config` of the one scheme that is meant, its secret members asked for in their order."""
    schemes = [
        scheme
        for scheme in get_connector(provider).spec.auth_schemes
        if auth_type in (None, scheme.type) and set(given) <= {*scheme.required, *scheme.optional}
    ]
    if not schemes:
        known = sorted({scheme.type for scheme in get_connector(provider).spec.auth_schemes})
        raise typer.BadParameter(
            f"{provider} takes credentials of type {' or '.join(known)}; see --auth and --auth-type"
        )
    scheme = next((s for s in schemes if set(given) & set(s.required)), schemes[0])
    credentials = {"type": scheme.type, **given}
    for member in scheme.required:
        if member not in credentials:
            credentials[member] = read_secret(member)
    empty = [member for member in scheme.required if not credentials[member]]
    if empty:
        raise CommandError(f"Nothing was given for {', '.join(empty)}.", Exit.USAGE)
    return credentials
