"""Where the value of a contact's field came from, what it replaced, and what it overruled. Beyond Retell."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.api.responses import JsonResponse, ms, without_none
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import ExplanationOut, documented
from tieline.api.services import Services, services_of
from tieline.domain.contact_memory import CONTACT_MEMORY
from tieline.store.contacts import Contact
from tieline.store.explain import Explained, Explanations

router = APIRouter(route_class=ApiRoute, tags=["Contact"])
ServicesOf = Annotated[Services, Depends(services_of)]


@router.get(
    "/explain-contact-field/{contact_id}/{field_name}", responses=documented(ExplanationOut, 200, 404)
)
async def explain_contact_field(
    contact_id: str,
    field_name: str,
    caller: CallerOf,
    services: ServicesOf,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """The history of one field, newest first. `before` takes the last `entry_id` of the page before."""
    contact = await services.contacts.get(caller.org_id, contact_id)
    fields = (await services.configs.get(caller.org_id)).fields
    if contact is None:
        raise HTTPException(404, f"There is no contact {contact_id}.")
    if field_name not in {*fields, CONTACT_MEMORY}:
        raise HTTPException(404, f"There is no contact field {field_name}.")
    found = await Explanations(services.pool).field(
        caller.org_id, contact.contact_id, field_name, limit=limit, before=before
    )
    answer = {
        "contact_id": contact.contact_id,
        "field_name": field_name,
        "value": field_value(contact, field_name),
        "entries": [_entry(entry) for entry in found],
    }
    return JsonResponse(answer)


def field_value(contact: Contact, field_name: str) -> object:
    """The field's present value, None if it is empty."""
    built_in = {
        "phone_number": contact.phone_number,
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "do_not_call": contact.do_not_call,
        CONTACT_MEMORY: contact.contact_memory,
    }
    return built_in[field_name] if field_name in built_in else contact.custom_fields.get(field_name)


def _entry(entry: Explained) -> dict[str, object]:
    shown = {
        "source_ref": entry.source_ref or None,
        "reason": entry.reason or None,
        "run_id": entry.run_id,
        "evidence": entry.evidence,
    }
    return {
        "entry_id": entry.entry_id,
        "outcome": entry.outcome,
        "value": entry.value,
        "replaced": entry.replaced,
        "source": entry.source,
        "source_kind": entry.source_kind,
        "effective_timestamp": entry.effective_ms,
        "recorded_timestamp": ms(entry.recorded_at),
        **without_none(shown),
    }
