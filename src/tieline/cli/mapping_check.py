"""`tieline mapping check`: what the mappings make of some records of the CRM, and which others there could be."""

from typing import Annotated, Any

import typer

from tieline.api.routers.mapping_check import check_json
from tieline.bootstrap import Tieline
from tieline.cli.output import JsonFlag, OrgOption, note, print_json, print_rows
from tieline.cli.runtime import CommandError, Exit, app_of, org_of, with_tieline
from tieline.flows.sampling import MAX_SAMPLE, MappingCheck, check_mappings

_COLUMNS = ("record", "crm_field", "crm_value", "field", "value", "problem")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("check")(check)


def check(
    ctx: typer.Context,
    sample: Annotated[int, typer.Option(min=0, max=MAX_SAMPLE, help="How many records.")] = 10,
    app: Annotated[
        str | None, typer.Option(help="App id or name; may be left out when there is only one.")
    ] = None,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Try the mappings on some live records. Nothing is saved. Exit code 4 if a mapping cannot work."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        config = await tieline.configs.get(org_id)
        app_id = await app_of(tieline, org_id, app)
        found = await check_mappings(tieline.connecting.checking, config, org_id, app_id, number=sample)
        if as_json:
            print_json(check_json(found))
        else:
            print_rows(_rows(found), _COLUMNS, as_json=False)
            for way, suggested in (("in", found.suggested_inbound), ("out", found.suggested_outbound)):
                for one in suggested:
                    said = f"tieline mapping add {one.external_field_name} {one.field_name} --way {way}"
                    note(f"could be mapped: {said}  ({one.reason})")
        if found.problems:
            said = "\n".join(f"{problem.where}: {problem.message}" for problem in found.problems)
            raise CommandError(said, Exit.REFUSED)

    with_tieline(ctx, work)


def _rows(found: MappingCheck) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for record in found.records:
        rows.append({"record": record.external_id, "field": "phone_number", "value": record.phone_number,
                     "problem": record.phone_problem})  # fmt: skip
        rows += [
            {"record": record.external_id, "crm_field": one.external_field_name, "crm_value": one.raw,
             "field": one.field_name, "value": one.value, "problem": one.problem}
            for one in record.values
        ]  # fmt: skip
    return rows
