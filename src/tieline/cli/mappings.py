"""Mappings: which CRM field fills which contact field, which way, and which analysis field fills which."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from tieline.bootstrap import Tieline
from tieline.cli.output import JsonFlag, OrgOption, print_rows
from tieline.cli.runtime import CommandError, Exit, app_of, org_of, with_tieline
from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.facts import MergeStrategy
from tieline.domain.mapping import Policy
from tieline.domain.update_modes import UpdateMode
from tieline.flows.connecting import AppInput
from tieline.store.config import ConfigUpdate

mapping_app = typer.Typer(
    help="Mappings between contact fields, CRM fields and analyses.", no_args_is_help=True
)
_COLUMNS = ("app_id", "direction", "external_field_name", "field_name", "policy", "update_mode")


class Way(StrEnum):
    """Which way a mapping goes."""

    IN = "in"
    OUT = "out"
    BOTH = "both"
    ANALYSIS = "analysis"


class CallDirection(StrEnum):
    """Who called whom."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@mapping_app.command("add")
def add_mapping(
    ctx: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="CRM_FIELD", help="The CRM's field, or the analysis field.")
    ],
    field: Annotated[str, typer.Argument(metavar="FIELD", help="The contact's field.")],
    way: Annotated[Way, typer.Option(help="From the CRM, to it, both; or from analyses.")] = Way.IN,
    policy: Annotated[Policy | None, typer.Option(help="Who wins a conflict (CRM mappings).")] = None,
    mode: Annotated[
        UpdateMode, typer.Option(help="How a value is taken over (analysis).")
    ] = UpdateMode.OVERWRITE,
    agents: Annotated[
        list[str] | None,
        typer.Option("--agent", help="Only conversations of this agent; may be repeated (analysis)."),
    ] = None,
    direction: Annotated[
        CallDirection | None, typer.Option(help="Only conversations of this direction (analysis).")
    ] = None,
    only_if_successful: Annotated[
        bool, typer.Option("--only-if-successful", help="Only successful conversations (analysis).")
    ] = False,
    min_confidence: Annotated[
        float | None, typer.Option(help="Below this confidence, 0 to 1, a value goes to review (analysis).")
    ] = None,
    strategy: Annotated[
        MergeStrategy, typer.Option(help="How a merge is made (analysis).")
    ] = MergeStrategy.FACTS,
    max_characters: Annotated[int | None, typer.Option(help="The longest note (merge, append).")] = None,
    lossy: Annotated[bool, typer.Option("--lossy", help="Confirm that a two-way pair loses detail.")] = False,
    app: Annotated[
        str | None, typer.Option(help="App id or name; may be left out when there is only one.")
    ] = None,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Add a mapping. A CRM mapping is checked against the live schema and refused with every problem named."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        if way is Way.ANALYSIS:
            mapping = AnalysisMapping(
                source, field, mode, tuple(agents or ()), (direction.value,) if direction else (), only_if_successful,
                min_confidence, strategy, max_characters,
            )  # fmt: skip
            await _add_analysis(tieline, org_id, mapping)
        else:
            line: dict[str, Any] = {"external_field_name": source, "field_name": field}
            if policy is not None:
                line["policy"] = policy.value
            if lossy:
                line["lossy_confirmed"] = True
            await _add_sync(tieline, org_id, await app_of(tieline, org_id, app), way, line)
        print_rows(await _all(tieline, org_id), _COLUMNS, as_json=as_json)

    with_tieline(ctx, work)


@mapping_app.command("list")
def list_mappings(ctx: typer.Context, org: OrgOption = None, as_json: JsonFlag = False) -> None:
    """List all mappings of the organisation."""

    async def work(tieline: Tieline) -> None:
        print_rows(await _all(tieline, await org_of(tieline, org)), _COLUMNS, as_json=as_json)

    with_tieline(ctx, work)


async def _add_analysis(tieline: Tieline, org_id: str, mapping: AnalysisMapping) -> None:
    present = (await tieline.configs.get(org_id)).analysis_mappings
    pair = (mapping.analysis_data_name, mapping.field_name)
    kept = [m for m in present if (m.analysis_data_name, m.field_name) != pair]
    await tieline.configs.update(org_id, ConfigUpdate(analysis_mappings=[*kept, mapping]))


async def _add_sync(tieline: Tieline, org_id: str, app_id: str, way: Way, line: dict[str, Any]) -> None:
    config = (await tieline.apps.get(org_id, app_id)).crm_config
    changed = {}
    for name, ways in (
        ("inbound_sync_mappings", (Way.IN, Way.BOTH)),
        ("outbound_sync_mappings", (Way.OUT, Way.BOTH)),
    ):
        if way in ways:
            changed[name] = [m for m in config.get(name) or () if not _same(m, line)] + [line]
    app = await tieline.connecting.update(org_id, app_id, AppInput({"crm_config": changed}))
    if not app.mappings_checked:
        raise CommandError(f"Saved, but not checked yet: {app.status_reason}", Exit.UNAVAILABLE)


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[name] == other[name] for name in ("external_field_name", "field_name"))


async def _all(tieline: Tieline, org_id: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for app in await tieline.apps.of_organisation(org_id):
        for direction in ("inbound", "outbound"):
            lines = app.crm_config.get(f"{direction}_sync_mappings") or ()
            rows += [{"app_id": app.app_id, "direction": direction, **line} for line in lines]
    analysis = (await tieline.configs.get(org_id)).analysis_mappings
    return rows + [
        {
            "direction": "analysis", "external_field_name": m.analysis_data_name, "field_name": m.field_name,
            "update_mode": m.update_mode.value, **m.options(),
        }
        for m in analysis
    ]  # fmt: skip
