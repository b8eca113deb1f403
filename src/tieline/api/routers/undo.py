"""Runs, conversations and fields undone, tried before or not; held pairs let go. Beyond Retell's API, in its style."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.responses import Response

from tieline.api.models import Strict
from tieline.api.responses import JsonResponse
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import documented
from tieline.api.services import undoing_of
from tieline.flows.undoing import Asked, Undoing

router = APIRouter(route_class=ApiRoute, tags=["Contact"])
UndoingOf = Annotated[Undoing, Depends(undoing_of)]


class UndoIn(Strict):
    """`dry_run` only says what would be undone. `clear_do_not_call` names the one field that is not cleared else."""

    dry_run: bool = False
    clear_do_not_call: bool = False


class UndoConversationIn(UndoIn):
    """The platform of the conversation."""

    platform: Annotated[str, Field(min_length=1, max_length=250)] = "retell"


class LineOut(BaseModel):
    """A field of a contact: `was` before, `now`; and `why` it was left, if it was."""

    contact_id: str
    field_name: str
    was: Any = None
    now: Any = None
    why: str = ""


class UndoneOut(BaseModel):
    """`run_id` is the undo's own, and can itself be undone; null for a dry run. At most 1,000 lines of each kind.

    `stays`: what was made in the CRM and is never deleted.
    """

    run_id: str | None
    contacts: int
    undone_count: int
    kept_count: int
    undone: list[LineOut]
    kept: list[LineOut]
    stays: list[str]


class ReleasedOut(BaseModel):
    """Of how many records the pair was let go."""

    released: int


@router.post("/undo-run/{run_id}", responses=documented(UndoneOut, 200, 400, 404))
async def undo_run(run_id: str, body: UndoIn, caller: CallerOf, undoing: UndoingOf) -> Response:
    """Takes back what a run changed, where nothing was changed since; an undo as well."""
    asked = Asked(run_id=run_id, clear_do_not_call=body.clear_do_not_call)
    return _told(asdict(await undoing.undo(caller.org_id, asked, caller.editor, dry_run=body.dry_run)))


@router.post("/undo-conversation/{conversation_id}", responses=documented(UndoneOut, 200, 400, 404))
async def undo_conversation(
    conversation_id: str, body: UndoConversationIn, caller: CallerOf, undoing: UndoingOf
) -> Response:
    """Takes back what a call or chat did to its contact. It stays undone, also when it is analysed again."""
    asked = Asked(
        platform=body.platform, conversation_id=conversation_id, clear_do_not_call=body.clear_do_not_call
    )
    return _told(asdict(await undoing.undo(caller.org_id, asked, caller.editor, dry_run=body.dry_run)))


@router.post("/undo-contact-field/{contact_id}/{field_name}", responses=documented(UndoneOut, 200, 400, 404))
async def undo_contact_field(
    contact_id: str, field_name: str, body: UndoIn, caller: CallerOf, undoing: UndoingOf
) -> Response:
    """Takes back the newest change of a field."""
    asked = Asked(contact_id=contact_id, field_name=field_name, clear_do_not_call=body.clear_do_not_call)
    return _told(asdict(await undoing.undo(caller.org_id, asked, caller.editor, dry_run=body.dry_run)))


@router.post(
    "/release-contact-field/{contact_id}/{field_name}", responses=documented(ReleasedOut, 200, 400, 404)
)
async def release_contact_field(
    contact_id: str, field_name: str, caller: CallerOf, undoing: UndoingOf
) -> Response:
    """Lets a field that an undo holds follow the CRM again."""
    return _told({"released": await undoing.release(caller.org_id, contact_id, field_name)})


def _told(answer: dict[str, Any]) -> Response:
    return JsonResponse(answer)
