"""Two contacts made one, and made two again. Beyond Retell's API, in its style."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.responses import Response

from tieline.api.models import Strict
from tieline.api.responses import JsonResponse, without_none
from tieline.api.routers.contacts import ServicesOf, contact_json
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import ContactOut, documented
from tieline.api.services import Desk, Services, desk_of

router = APIRouter(route_class=ApiRoute, tags=["Contact"])
DeskOf = Annotated[Desk, Depends(desk_of)]
ContactId = Annotated[str, Field(min_length=1, max_length=250)]


class MergeContacts(Strict):
    """Who is to survive, and who becomes part of it. If only one of them is linked, that one survives."""

    survivor_id: ContactId
    loser_id: ContactId


class UnmergeContact(Strict):
    """The contact to be taken out again. `clear_do_not_call` also takes back a do-not-call that came with it."""

    contact_id: ContactId
    clear_do_not_call: bool = False


class MergedOut(BaseModel):
    """`swapped`: the contact that was to go is the linked one, and survived."""

    survivor_id: str
    loser_id: str
    swapped: bool
    contact: ContactOut


class UnmergedOut(BaseModel):
    """Both contacts. `kept_fields` came by the merge and stay on the survivor."""

    survivor_id: str
    contact_id: str
    kept_fields: list[str]
    contact: ContactOut


@router.post("/merge-contacts", responses=documented(MergedOut, 200, 400, 404))
async def merge_contacts(
    body: MergeContacts, caller: CallerOf, services: ServicesOf, desk: DeskOf
) -> Response:
    """Makes two contacts one: values fill empty fields, conversations and numbers move, the other id keeps resolving.

    Refused where both are linked to records of one CRM.
    """
    rules = await services.configs.get(caller.org_id)
    merged = await desk.merging.merge(caller.org_id, rules, body.survivor_id, body.loser_id, caller.editor)
    answer = {
        "survivor_id": merged.survivor_id,
        "loser_id": merged.loser_id,
        "swapped": merged.swapped,
        "contact": await _shown(services, caller.org_id, merged.survivor_id),
    }
    return JsonResponse(without_none(answer))


@router.post("/unmerge-contact", responses=documented(UnmergedOut, 200, 400, 404))
async def unmerge_contact(
    body: UnmergeContact, caller: CallerOf, services: ServicesOf, desk: DeskOf
) -> Response:
    """Undoes a merge, whoever made it: what moved goes back, values that came by it and still stand are withdrawn."""
    rules = await services.configs.get(caller.org_id)
    undone = await desk.merging.unmerge(
        caller.org_id, rules, body.contact_id, caller.editor, clear_do_not_call=body.clear_do_not_call
    )
    answer = {
        "survivor_id": undone.survivor_id,
        "contact_id": undone.contact_id,
        "kept_fields": list(undone.kept),
        "contact": await _shown(services, caller.org_id, undone.contact_id),
    }
    return JsonResponse(without_none(answer))


async def _shown(services: Services, org_id: str, contact_id: str) -> dict[str, object] | None:
    contact = await services.contacts.get(org_id, contact_id)
    return None if contact is None else contact_json(contact)
