"""Custom fields of contacts."""

from typing import Annotated, Any

import typer

from tieline.bootstrap import Tieline
from tieline.cli.output import JsonFlag, OrgOption, note, print_rows
from tieline.cli.runtime import CommandError, Exit, org_of, with_tieline
from tieline.domain.fields import FieldSpec
from tieline.domain.values import FieldType
from tieline.store.config import ConfigUpdate

field_app = typer.Typer(help="Fields of contacts.", no_args_is_help=True)


@field_app.command("add")
def add_field(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="In snake_case.")],
    type_: Annotated[FieldType, typer.Argument(metavar="TYPE", help="It cannot be changed later.")],
    label: Annotated[str, typer.Option(help="What people read.")] = "",
    description: Annotated[str, typer.Option(help="What it is for; guides merging by a model.")] = "",
    option: Annotated[list[str] | None, typer.Option(help="An option of an enum; repeat it.")] = None,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Add a custom field."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        present = (await tieline.configs.get(org_id)).custom_fields
        if any(spec.name == name for spec in present):
            raise CommandError(f"There is a field {name} already.", Exit.REFUSED)
        spec = FieldSpec(name, type_, label, description, tuple(option or ()))
        config = await tieline.configs.update(org_id, ConfigUpdate(custom_fields=[*present, spec]))
        _print([s for s in config.custom_fields if s.name == name], as_json)

    with_tieline(ctx, work)


@field_app.command("list")
def list_fields(ctx: typer.Context, org: OrgOption = None, as_json: JsonFlag = False) -> None:
    """List all fields, the built-in ones first."""

    async def work(tieline: Tieline) -> None:
        config = await tieline.configs.get(await org_of(tieline, org))
        _print(list(config.fields.values()), as_json)

    with_tieline(ctx, work)


@field_app.command("remove")
def remove_field(
    ctx: typer.Context, name: Annotated[str, typer.Argument(help="The field.")], org: OrgOption = None
) -> None:
    """Remove a custom field and its values; refused while a mapping names it."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        present = (await tieline.configs.get(org_id)).custom_fields
        left = [spec for spec in present if spec.name != name]
        if len(left) == len(present):
            raise CommandError(f"There is no custom field {name}.", Exit.NOT_FOUND)
        await tieline.configs.update(org_id, ConfigUpdate(custom_fields=left))
        note(f"removed {name}")

    with_tieline(ctx, work)


def _print(specs: list[FieldSpec], as_json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {
            "name": spec.name, "type": spec.type.value, "label": spec.label, "description": spec.description,
            "options": list(spec.options), "field_id": spec.field_id,
        }
        for spec in specs
    ]  # fmt: skip
    shown = rows if as_json else [{**row, "options": ", ".join(row["options"])} for row in rows]
    print_rows(shown, ("name", "type", "label", "options", "description"), as_json=as_json)
