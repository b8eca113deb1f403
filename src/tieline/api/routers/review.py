"""The review list: every open issue with what can be decided about it, decisions, and replays. Beyond Retell's API."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.api.models import Number, Strict
from tieline.api.responses import JsonResponse, ms, without_none
from tieline.api.routers.contacts import ServicesOf, check_limit
from tieline.api.routers.merges import ContactId, DeskOf
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import documented
from tieline.domain.review import NOT_REPLAYABLE, Choice, choices
from tieline.flows.reviewing import Decision
from tieline.store.contacts import BadPaginationKeyError
from tieline.store.issues import Issue, IssueFilter, Replay

router = APIRouter(route_class=ApiRoute, tags=["Review"])
Id = Annotated[str, Field(min_length=1, max_length=250)]
MAX_REPLAYED = 1_000


class ReviewItemOut(BaseModel):
    """An open issue. `raw` is the value as it came; `choices` is what `resolve-review-item` takes for it."""

    issue_id: str
    kind: str
    severity: str
    message: str
    choices: list[Choice]
    occurrences: int
    opened_timestamp: int
    last_seen_timestamp: int
    app_id: str = ""
    external_id: str = ""
    contact_id: str = ""
    field_name: str = ""
    raw: Any = None


class ReviewPageOut(BaseModel):
    """A page of the list, the newest first."""

    items: list[ReviewItemOut]
    has_more: bool
    pagination_key: str = ""


class ResolveReviewItem(Strict):
    """A decision. `external_id` names the record for `pick_primary`, `survivor_id` who survives `merge_contacts`;
    `value` is what the value is to be for `edit`.
    """

    choice: Annotated[Choice, Field(strict=False)]
    external_id: Id | None = None
    survivor_id: ContactId | None = None
    value: str | Number | bool | None = None
    note: Annotated[str, Field(max_length=1_000)] = ""


class ResolvedOut(BaseModel):
    """What came of it. After a replay the issue stays open until what it is about goes well."""

    issue_id: str
    choice: Choice
    closed: bool
    contact_id: str = ""


class ReplayIssues(Strict):
    """Which open issues: all that fit every member that is given; at least one must be."""

    kind: Id | None = None
    app_id: Id | None = None
    issue_ids: Annotated[list[Id], Field(max_length=MAX_REPLAYED)] | None = None


class ReplayedOut(BaseModel):
    """The issues about which something is done again."""

    replayed: int
    issue_ids: list[str]


@router.get("/list-review-items", responses=documented(ReviewPageOut))
async def list_review_items(
    caller: CallerOf,
    services: ServicesOf,
    desk: DeskOf,
    kind: str | None = None,
    app_id: str | None = None,
    contact_id: str | None = None,
    limit: Annotated[int, Query(ge=1)] = 50,
    pagination_key: str | None = None,
) -> Response:
    """Everything open that needs a person, with what can be decided about it."""
    check_limit(services, limit)
    if pagination_key and await desk.issues.get(caller.org_id, pagination_key) is None:
        raise BadPaginationKeyError("pagination_key is none that an earlier answer gave.")
    which = IssueFilter(
        app_id=app_id or None, contact_id=contact_id or None, kind=kind or None,
        after_id=pagination_key or None, limit=limit + 1,
    )  # fmt: skip
    found = await desk.issues.find(caller.org_id, which)
    more = len(found) > limit
    answer = {
        "items": [review_json(issue) for issue in found[:limit]],
        "has_more": more,
        "pagination_key": found[limit - 1].issue_id if more else None,
    }
    return JsonResponse(without_none(answer))


@router.post("/resolve-review-item/{issue_id}", responses=documented(ResolvedOut, 200, 400, 404))
async def resolve_review_item(
    issue_id: str, body: ResolveReviewItem, caller: CallerOf, services: ServicesOf, desk: DeskOf
) -> Response:
    """Carries a person's decision out. What it leaves to be pushed, read or logged is done by the worker."""
    org = await services.configs.get(caller.org_id)
    decision = Decision(body.choice, body.external_id, body.survivor_id, body.note, body.value)
    done = await desk.reviewing.decide(caller.org_id, org, issue_id, decision, caller.editor)
    answer = {
        "issue_id": done.issue_id,
        "choice": done.choice.value,
        "closed": done.closed,
        "contact_id": done.contact_id,
    }
    return JsonResponse(without_none(answer))


@router.post("/replay-issues", responses=documented(ReplayedOut))
async def replay_issues(body: ReplayIssues, caller: CallerOf, desk: DeskOf) -> Response:
    """Has done again what open issues are about: refused writes and activities, failed conversations, unread values."""
    if body.kind is None and body.app_id is None and body.issue_ids is None:
        raise HTTPException(422, "body: Say which: kind, app_id or issue_ids.")
    if body.kind in NOT_REPLAYABLE:
        raise HTTPException(422, f"kind: An issue of kind {body.kind} needs a decision, not a replay.")
    ids = await desk.issues.replay_all(caller.org_id, Replay(body.kind, body.app_id, body.issue_ids))
    return JsonResponse({"replayed": len(ids), "issue_ids": ids})


def review_json(issue: Issue) -> dict[str, Any]:
    """An issue as the review list shows it."""
    return without_none(
        {
            "issue_id": issue.issue_id,
            "kind": issue.kind,
            "severity": issue.severity,
            "message": issue.message,
            "choices": [choice.value for choice in choices(issue)],
            "occurrences": issue.occurrences,
            "opened_timestamp": ms(issue.opened_at),
            "last_seen_timestamp": ms(issue.last_seen_at),
            "app_id": issue.app_id,
            "external_id": issue.external_id,
            "contact_id": issue.contact_id,
            "field_name": issue.field_name,
            "raw": issue.raw,
        }
    )
