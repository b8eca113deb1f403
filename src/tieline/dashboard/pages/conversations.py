"""The list of calls and chats, and one of them: transcript, evidence, what it wrote, its activities."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.dashboard.transcript import highlighted
from tieline.dashboard.visit import BASE, Visit, page
from tieline.store.conversation_view import ConversationView, Line

PAGE = 50


async def conversation_list(visit: Visit) -> Response:
    """Calls and chats, newest first."""
    kind = visit.arg("type") if visit.arg("type") in ("call", "chat") else None
    found = await ConversationView(visit.tieline.pool).list(
        visit.org_id, type=kind, before=_before(visit), limit=PAGE + 1
    )
    kept = {"type": kind} if kind else {}
    more = len(found) > PAGE
    following = urlencode({**kept, **_key(found[PAGE - 1])}) if more else ""
    return visit.render(
        "conversations/list.html",
        talks=found[:PAGE],
        kind=kind or "",
        next=f"{BASE}/conversations?{following}" if more else "",
        previous=f"{BASE}/conversations?{urlencode(kept)}" if visit.arg("at") else "",
    )


async def conversation_page(visit: Visit) -> Response:
    """One conversation."""
    platform, conversation_id = visit.path("platform"), visit.path("conversation_id")
    talk = await ConversationView(visit.tieline.pool).one(visit.org_id, platform, conversation_id)
    if talk is None:
        raise HTTPException(404, f"There is no conversation {conversation_id} of {platform}.")
    evidence: dict[str, Any] = talk.row.get("evidence") or {}
    return visit.render(
        "conversations/conversation.html",
        talk=talk,
        row=talk.row,
        evidence=evidence,
        turns=highlighted(talk.row["transcript"] or "", evidence),
    )


def _key(line: Line) -> dict[str, str]:
    return {"at": line.created_at.isoformat(), "id": line.conversation_id}


def _before(visit: Visit) -> tuple[datetime, str] | None:
    if not visit.arg("at"):
        return None
    try:
        return datetime.fromisoformat(visit.arg("at")), visit.arg("id")
    except ValueError:
        raise HTTPException(
            404, "That page of the list is none that we gave: start from the first."
        ) from None


ROUTES = (
    page("/conversations", conversation_list),
    page("/conversations/{platform}/{conversation_id:path}", conversation_page),
)
