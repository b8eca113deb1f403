"""Issues: what needs a person."""

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from tieline.bootstrap import Tieline
from tieline.cli.output import JsonFlag, OrgOption, note, print_json, print_rows
from tieline.cli.runtime import CommandError, Exit, app_of, fail, org_of, with_tieline
from tieline.domain.review import NOT_REPLAYABLE
from tieline.store.issues import IssueFilter, Replay

issue_app = typer.Typer(help="Issues: what needs a person.", no_args_is_help=True)
COLUMNS = ("issue_id", "severity", "kind", "message", "external_id", "field_name", "raw", "last_seen_at")


class State(StrEnum):
    """Which issues."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


@issue_app.command("list")
def list_issues(
    ctx: typer.Context,
    state: Annotated[State, typer.Option(help="Which ones.")] = State.OPEN,
    app: Annotated[str | None, typer.Option(help="Only of this app.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most this many.")] = 100,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List issues, the newest first."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        app_id = None if app is None else await app_of(tieline, org_id, app)
        which = IssueFilter(state=state.value, app_id=app_id, kind=kind, limit=limit)
        issues = [asdict(issue) for issue in await tieline.issues.find(org_id, which)]
        print_rows(issues, COLUMNS, as_json=as_json)

    with_tieline(ctx, work)


@issue_app.command("close")
def close_issue(
    ctx: typer.Context,
    issue_id: Annotated[str, typer.Argument(help="The issue's id.")],
    because: Annotated[str, typer.Option(help="Why it is resolved.")] = "closed by hand",
    org: OrgOption = None,
) -> None:
    """Close an issue; it opens again if it is met again."""

    async def work(tieline: Tieline) -> None:
        if await tieline.issues.close(await org_of(tieline, org), issue_id, because) is None:
            raise CommandError(f"There is no open issue {issue_id}.", Exit.NOT_FOUND)
        note(f"closed {issue_id}")

    with_tieline(ctx, work)


@issue_app.command("replay")
def replay_issues(
    ctx: typer.Context,
    issue_ids: Annotated[list[str] | None, typer.Argument(help="Issue ids.")] = None,
    kind: Annotated[str | None, typer.Option(help="All open ones of this kind.")] = None,
    app: Annotated[str | None, typer.Option(help="Only of this app.")] = None,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Have a worker do again what issues are about; an issue closes when that goes well."""
    if not issue_ids and kind is None and app is None:
        fail("Say which: issue ids, --kind or --app.", Exit.USAGE)
    if kind in NOT_REPLAYABLE:
        fail(f"An issue of kind {kind} needs a decision: tieline review resolve.", Exit.REFUSED)

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        app_id = None if app is None else await app_of(tieline, org_id, app)
        done = await tieline.issues.replay_all(org_id, Replay(kind, app_id, issue_ids or None))
        missing = [issue_id for issue_id in issue_ids or () if issue_id not in done]
        if missing:
            note(f"nothing open that can be done again: {', '.join(missing)}")
        if as_json:
            print_json(done)
        else:
            note(f"{len(done)} will be done again")
        if missing and not done:
            raise CommandError(f"There is no open issue {', '.join(missing)}.", Exit.NOT_FOUND)

    with_tieline(ctx, work)
