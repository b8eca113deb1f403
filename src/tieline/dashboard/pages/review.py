"""What needs a person: open issues with their choices, decisions, replays in bulk, and what was closed."""

from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.dashboard.pages.contacts import typed
from tieline.dashboard.visit import BASE, Visit, action, page
from tieline.domain.review import Choice, choices
from tieline.flows.merging_contacts import MergeRefusedError
from tieline.flows.reviewing import Decision, DecisionRefusedError, UnknownIssueError
from tieline.store.issues import IssueFilter, Replay, State

PAGE = 50
_STATES: dict[str, State] = {"open": "open", "closed": "closed"}


async def review_list(visit: Visit) -> Response:
    """Open issues, newest first, by kind; or closed ones."""
    state = _STATES.get(visit.arg("state"), "open")
    which = IssueFilter(
        state=state, kind=visit.arg("kind") or None, contact_id=visit.arg("contact") or None,
        after_id=visit.arg("after") or None, limit=PAGE + 1,
    )  # fmt: skip
    found = await visit.tieline.issues.find(visit.org_id, which)
    kept = {name: visit.arg(name) for name in ("state", "kind", "contact") if visit.arg(name)}
    more = len(found) > PAGE
    following = urlencode({**kept, "after": found[PAGE - 1].issue_id}) if more else ""
    return visit.render(
        "review/list.html",
        issues=found[:PAGE],
        counts=await visit.tieline.issues.counts(visit.org_id),
        kind=visit.arg("kind"),
        state=state,
        next=f"{BASE}/review?{following}" if more else "",
        previous=f"{BASE}/review?{urlencode(kept)}" if visit.arg("after") else "",
    )


async def review_item(visit: Visit) -> Response:
    """One issue with what can be decided about it."""
    return await _item(visit, "")


async def decide(visit: Visit) -> Response:
    """Carries a decision out."""
    config = await visit.tieline.configs.get(visit.org_id)
    try:
        choice = Choice(visit.text("choice"))
    except ValueError:
        raise HTTPException(422, "Choose what is to be done.") from None
    decision = Decision(
        choice, visit.text("record") or None, visit.text("survivor") or None, visit.text("note"),
        await _value(visit) if choice is Choice.EDIT else None,
    )  # fmt: skip
    try:
        done = await visit.tieline.reviewing.decide(
            visit.org_id, config, visit.path("issue_id"), decision, visit.editor
        )
    except UnknownIssueError:
        return visit.go("/review", "Somebody else has settled that meanwhile.")
    except (DecisionRefusedError, MergeRefusedError) as error:
        return await _item(visit, str(error))
    said = "Decided." if done.closed else "It is done again; the issue closes when that goes well."
    return visit.go("/review", said)


async def replay(visit: Visit) -> Response:
    """Has everything of a kind done again."""
    kind = visit.text("kind")
    if not kind:
        raise HTTPException(422, "Say which kind of issue is to be replayed.")
    done = await visit.tieline.issues.replay_all(visit.org_id, Replay(kind=kind))
    return visit.go(f"/review?{urlencode({'kind': kind})}", f"{len(done)} are done again.")


async def _value(visit: Visit) -> Any:
    """An edited value, in the JSON type of the issue's field."""
    issue = await visit.tieline.issues.get(visit.org_id, visit.path("issue_id"))
    fields = (await visit.tieline.configs.get(visit.org_id)).fields
    spec = fields.get((issue.field_name if issue else None) or "")
    return typed(spec, visit.text("value")) if spec else visit.text("value")


async def _item(visit: Visit, refused: str) -> Response:
    issue = await visit.tieline.issues.get(visit.org_id, visit.path("issue_id"))
    if issue is None:
        raise HTTPException(404, "There is no such issue.")
    contact = await visit.tieline.contacts.get(visit.org_id, issue.contact_id) if issue.contact_id else None
    return visit.render(
        "review/item.html",
        status=409 if refused else 200,
        issue=issue,
        contact=contact,
        choices=choices(issue) if issue.closed_at is None else (),
        refused=refused,
    )


ROUTES = (
    page("/review", review_list),
    action("/review/replay", replay),
    page("/review/{issue_id}", review_item),
    action("/review/{issue_id}", decide),
)
