"""`tieline mapping preview`: what a conversation would write, without writing it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from tieline.bootstrap import Tieline
from tieline.cli.output import JsonFlag, OrgOption, print_rows
from tieline.cli.runtime import CommandError, Exit, org_of, with_tieline
from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.flows.mapping_analysis import Preview
from tieline.flows.previewing import PreviewRefusedError, UnknownConversationError
from tieline.ports.work import ConversationKey

_COLUMNS = ("what", "field_name", "value", "replaced", "reason")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("preview")(preview_mapping)


def preview_mapping(
    ctx: typer.Context,
    conversation_id: Annotated[str, typer.Argument(help="The conversation.")],
    platform: Annotated[str, typer.Option(help="The platform that it is from.")] = "retell",
    no_model: Annotated[
        bool, typer.Option("--no-model", help="Ask no model; show merges as to be merged.")
    ] = False,
    mappings: Annotated[
        Path | None,
        typer.Option(
            help="A JSON list of analysis mappings, as in the API, to try instead of the saved ones."
        ),
    ] = None,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a conversation would write to its contact. Nothing is written."""

    async def work(tieline: Tieline) -> None:
        key = ConversationKey(await org_of(tieline, org), platform, conversation_id)
        tried = None if mappings is None else _read(mappings)
        try:
            shown = await tieline.previewing.preview(key, tried, ask=not no_model)
        except UnknownConversationError as error:
            raise CommandError(str(error), Exit.NOT_FOUND) from None
        except PreviewRefusedError as error:
            raise CommandError(str(error), Exit.REFUSED) from None
        print_rows(_rows(shown), _COLUMNS, as_json=as_json)

    with_tieline(ctx, work)


def _read(path: Path) -> list[AnalysisMapping]:
    try:
        return [
            AnalysisMapping.from_parts(
                item["analysis_data_name"], item["field_name"], item["update_mode"], item
            )
            for item in json.loads(path.read_text("utf-8"))
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} is no JSON list of analysis mappings: {error}", Exit.USAGE) from None


def _rows(shown: Preview) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {
            "what": change.outcome.value, "field_name": change.field_name, "value": change.new,
            "replaced": change.old, "reason": change.reason, "evidence": change.evidence,
        }
        for contact in shown.changes.contact_changes
        for change in contact.changes
    ]  # fmt: skip
    rows += [
        {"what": "to merge", "field_name": need.field_name, "value": need.new, "replaced": need.old}
        for need in shown.to_merge
    ]
    rows += [
        {"what": note.kind, "field_name": note.field_name, "value": note.raw, "reason": note.message}
        for note in shown.changes.issues
    ]
    return rows + [
        {"what": "applied already", "field_name": one.field_name, "reason": one.analysis_data_name}
        for one in shown.applied_already
    ]
