"""Analyses of our own: what is to be found, what was found and on what it rests, another run; and what models took."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from tieline.bootstrap import Tieline
from tieline.cli.output import JsonFlag, OrgOption, note, print_rows
from tieline.cli.runtime import CommandError, Exit, org_of, with_tieline
from tieline.domain.extraction.definition import AnalysisDefinition, AnalysisField
from tieline.flows.analysis_config import CALL_FIELDS, CHAT_FIELDS, DefinitionRefusedError, save_definition
from tieline.ports.work import ConversationKey
from tieline.store.extractions import RerunFilter
from tieline.store.json_text import JsonError, load_json

analysis_app = typer.Typer(
    help="What is found in conversations that no platform analysed.", no_args_is_help=True
)

_MEMBERS = frozenset({"agent_id", CALL_FIELDS, CHAT_FIELDS, "time_zone", "default_country"})
Since = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="From the beginning of that day, UTC.")
]
Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Before that day, UTC.")]
Platform = Annotated[str | None, typer.Option(help="Where the conversation came from.")]


@analysis_app.command("list")
def list_definitions(ctx: typer.Context, org: OrgOption = None, as_json: JsonFlag = False) -> None:
    """List what is to be found, for each agent that has its own."""

    async def work(tieline: Tieline) -> None:
        found = await tieline.extractions.definitions(await org_of(tieline, org))
        rows = [row for definition in found for row in _rows(definition)]
        print_rows(rows, ("agent", "in", "name", "type", "required", "description"), as_json=as_json)

    with_tieline(ctx, work)


@analysis_app.command("set")
def set_definition(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="JSON as for update-analysis-config; - for standard input.")],
    agent: Annotated[str | None, typer.Option(help="For this agent alone.")] = None,
    org: OrgOption = None,
) -> None:
    """Replace what is to be found in conversations of all agents, or of one."""

    async def work(tieline: Tieline) -> None:
        given = _read(file)
        try:
            saved = await save_definition(
                tieline.extractions,
                await org_of(tieline, org),
                agent or given.get("agent_id"),
                given.get(CALL_FIELDS),
                given.get(CHAT_FIELDS),
                given.get("time_zone"),
                given.get("default_country"),
            )
        except DefinitionRefusedError as error:
            problems = "\n".join(f"{one.where}: {one.message}" for one in error.problems)
            raise CommandError(problems, Exit.REFUSED) from None
        note(f"Saved for {saved.agent_id or 'all agents'}. It counts from the next conversation on.")
        if tieline.extractor is None:
            note("No model is configured: set TIELINE_MODEL, or conversations wait.")

    with_tieline(ctx, work)


@analysis_app.command("show")
def show_analysis(
    ctx: typer.Context,
    conversation: Annotated[str, typer.Argument(help="The id of a call or chat.")],
    platform: Platform = None,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what was found in a conversation, the sentence that each value rests on, and what it took."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        row = await _conversation(tieline, org_id, conversation, platform)
        evidence, origin = row["evidence"] or {}, row["analysis_origin"]
        dropped = (origin or {}).get("dropped") or {}
        rows = [
            {
                "name": name,
                "value": value,
                **{k: evidence.get(name, {}).get(k) for k in ("quote", "confidence")},
            }
            for name, value in (row["analysis"] or {}).items()
        ]
        rows += [{"name": name, "value": None, "quote": f"dropped: {why}"} for name, why in dropped.items()]
        print_rows(rows, ("name", "value", "confidence", "quote"), as_json=as_json)
        uses = await tieline.usage.of(ConversationKey(org_id, row["platform"], conversation))
        cost = sum(use.cost_micro_usd for use in uses) / 1_000_000
        by = (
            f"by {origin['engine']} ({origin['prompt_version']})"
            if origin
            else f"as {row['platform']} told it"
        )
        note(f"Analysed {by}; models took {sum(use.requests for use in uses)} requests, {cost:.6f} USD.")

    with_tieline(ctx, work)


@analysis_app.command("rerun")
def rerun(
    ctx: typer.Context,
    conversations: Annotated[list[str] | None, typer.Argument(help="Ids of calls or chats.")] = None,
    agent: Annotated[list[str] | None, typer.Option(help="Of this agent; repeat it.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="call or chat")] = None,
    contact: Annotated[str | None, typer.Option(help="Of this contact.")] = None,
    platform: Platform = None,
    since: Since = None,
    until: Until = None,
    everything: Annotated[bool, typer.Option("--all", help="Every conversation there is.")] = False,
    org: OrgOption = None,
) -> None:
    """Analyse conversations again, also such as their platform analysed. All that is given must fit."""
    given = (conversations, agent, kind, contact, platform, since, until)
    if not any(given) and not everything:
        raise typer.BadParameter("Say which conversations, or --all.")

    async def work(tieline: Tieline) -> None:
        which = RerunFilter(
            kind, conversations or None, platform, agent or None, contact, _utc(since), _utc(until)
        )
        queued = await tieline.extractions.rerun(await org_of(tieline, org), which)
        if not queued:
            raise CommandError("No conversation with a transcript and a definition fits.", Exit.NOT_FOUND)
        note(f"{queued} conversations are analysed again, in the background.")

    with_tieline(ctx, work)


def usage(
    ctx: typer.Context,
    since: Since = None,
    until: Until = None,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """What models took, by day, use and engine."""

    async def work(tieline: Tieline) -> None:
        sums = await tieline.usage.by_day(await org_of(tieline, org), _utc(since), _utc(until))
        rows = [
            {
                "day": one.day,
                "use": str(one.usage.use),
                "engine": one.usage.engine,
                "prompt": one.usage.prompt_version,
                "conversations": one.conversations,
                "requests": one.usage.requests,
                "input_tokens": one.usage.input_tokens,
                "output_tokens": one.usage.output_tokens,
                "cost_usd": f"{one.usage.cost_micro_usd / 1_000_000:.6f}",
                "seconds": round(one.usage.duration_ms / 1000, 1),
            }
            for one in sums
        ]
        print_rows(rows, tuple(rows[0]) if rows else ("day", "use", "engine"), as_json=as_json)

    with_tieline(ctx, work)


def register(app: typer.Typer) -> None:
    """Adds the group and the command."""
    app.add_typer(analysis_app, name="analysis")
    app.command()(usage)


def _rows(definition: AnalysisDefinition) -> list[dict[str, Any]]:
    found = []
    for kind, fields in (("calls", definition.call_fields), ("chats", definition.chat_fields)):
        if fields is not None:
            shown = [_field(one) for one in fields] or [{"name": "(the presets alone)"}]
            found += [{"agent": definition.agent_id or "(all)", "in": kind, **one} for one in shown]
    return found


def _field(one: AnalysisField) -> dict[str, Any]:
    type_ = f"{one.type} of {', '.join(one.choices)}" if one.choices else str(one.type)
    return {"name": one.name, "type": type_, "required": one.required, "description": one.description}


def _read(file: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        given = load_json(text)
    except (OSError, UnicodeDecodeError, JsonError) as error:
        raise CommandError(f"{file} cannot be read: {error}", Exit.USAGE) from None
    if not isinstance(given, dict) or not given.keys() <= _MEMBERS:
        raise CommandError(f"{file} must be an object of {', '.join(sorted(_MEMBERS))}.", Exit.REFUSED)
    wrong = [n for n in (CALL_FIELDS, CHAT_FIELDS) if not isinstance(given.get(n, []), list | None)]
    wrong += [
        n for n in _MEMBERS - {CALL_FIELDS, CHAT_FIELDS} if not isinstance(given.get(n, ""), str | None)
    ]
    if wrong:
        raise CommandError(
            f"{file}: {', '.join(sorted(wrong))} must be lists of fields, or texts.", Exit.REFUSED
        )
    return given


async def _conversation(
    tieline: Tieline, org_id: str, conversation_id: str, platform: str | None
) -> dict[str, Any]:
    for kind in ("call", "chat"):
        row = await tieline.conversations.find(org_id, kind, conversation_id, platform)
        if row is not None:
            return row
    raise CommandError(f"There is no conversation {conversation_id}.", Exit.NOT_FOUND)


def _utc(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)
