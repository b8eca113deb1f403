"""The review list: what needs a person, what can be decided about it, and deciding it."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from tieline.bootstrap import Tieline
from tieline.cli.contacts import BY_HAND
from tieline.cli.output import JsonFlag, OrgOption, note, print_members, print_rows
from tieline.cli.runtime import CommandError, Exit, app_of, org_of, with_tieline
from tieline.domain.review import Choice, choices
from tieline.flows.reviewing import Decision
from tieline.store.issues import Issue, IssueFilter

review_app = typer.Typer(help="What needs a person, and deciding it.", no_args_is_help=True)
COLUMNS = ("issue_id", "kind", "message", "choices")


@review_app.command("list")
def list_items(
    ctx: typer.Context,
    kind: Annotated[str | None, typer.Option(help="Only of this kind.")] = None,
    app: Annotated[str | None, typer.Option(help="Only of this app.")] = None,
    contact: Annotated[str | None, typer.Option(help="Only about this contact, by id.")] = None,
    after: Annotated[str | None, typer.Option(help="Continue behind this issue.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most this many.")] = 50,
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List what is open, the newest first, with what can be decided."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        app_id = None if app is None else await app_of(tieline, org_id, app)
        which = IssueFilter(app_id=app_id, contact_id=contact, kind=kind, after_id=after, limit=limit)
        found = await tieline.issues.find(org_id, which)
        print_rows([_shown(issue) for issue in found], COLUMNS, as_json=as_json)

    with_tieline(ctx, work)


@review_app.command("show")
def show_item(
    ctx: typer.Context,
    issue_id: Annotated[str, typer.Argument(help="The issue's id.")],
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show one issue with the values as they came."""

    async def work(tieline: Tieline) -> None:
        issue = await tieline.issues.get(await org_of(tieline, org), issue_id)
        if issue is None:
            raise CommandError(f"There is no issue {issue_id}.", Exit.NOT_FOUND)
        print_members(_shown(issue), as_json=as_json)

    with_tieline(ctx, work)


@review_app.command("resolve")
def resolve_item(
    ctx: typer.Context,
    issue_id: Annotated[str, typer.Argument(help="The issue's id.")],
    choice: Annotated[Choice, typer.Argument(help="What to do; `review show` says what is possible.")],
    record: Annotated[str | None, typer.Option(help="The record to pick, for pick_primary.")] = None,
    survivor: Annotated[str | None, typer.Option(help="Who survives, for merge_contacts.")] = None,
    value: Annotated[str | None, typer.Option(help="What the value is to be, for edit.")] = None,
    because: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    org: OrgOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Decide an issue. What that leaves to be read, pushed or logged is done by a worker."""

    async def work(tieline: Tieline) -> None:
        org_id = await org_of(tieline, org)
        rules = await tieline.configs.get(org_id)
        decision = Decision(choice, record, survivor, because, value)
        done = await tieline.reviewing.decide(org_id, rules, issue_id, decision, BY_HAND)
        print_members(asdict(done), as_json=as_json)
        if not done.closed:
            note("the issue stays open until it goes well")

    with_tieline(ctx, work)


def _shown(issue: Issue) -> dict[str, Any]:
    offered = [] if issue.closed_at is not None else [choice.value for choice in choices(issue)]
    return {**asdict(issue), "choices": offered}
