"""Contacts, in the shape of Retell's resource of that name."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.api.models import CreateContact, FilterCriteria, ListContacts, UpdateContact
from tieline.api.responses import JsonResponse, ms, without_none
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import ContactOut, ContactPageOut, ConversationPageOut, documented
from tieline.api.services import Services, services_of
from tieline.domain.phones import Unusable, normalise
from tieline.flows.editing import Edit
from tieline.store.contacts import Contact, ContactQuery, ConversationItem
from tieline.store.filters import Atom, ContactFilter

router = APIRouter(route_class=ApiRoute, tags=["Contact"])
ServicesOf = Annotated[Services, Depends(services_of)]

_BUILT_IN = ("first_name", "last_name", "do_not_call")
_DETAILS = ("contact_tag_ids", "contact_memory")


@router.post("/create-contact", status_code=201, responses=documented(ContactOut, 201, 400))
async def create_contact(body: CreateContact, caller: CallerOf, services: ServicesOf) -> Response:
    """Creates a contact. Its number is parsed with the linked app's default country and kept in E.164."""
    rules = await services.configs.get(caller.org_id)
    edit = _edit(body)
    contact_id = await services.editing.create(caller.org_id, rules, body.phone_number, edit, caller.editor)
    return JsonResponse(await _contact(services, caller.org_id, contact_id), 201)


@router.get("/get-contact/{contact_id}", responses=documented(ContactOut, 200, 404))
async def get_contact(contact_id: str, caller: CallerOf, services: ServicesOf) -> Response:
    """A contact by id; the id of one that was merged away is answered with its survivor."""
    return JsonResponse(await _contact(services, caller.org_id, contact_id))


@router.get("/get-contact-by-phone/{phone_number}", responses=documented(ContactOut, 200, 404))
async def get_contact_by_phone(phone_number: str, caller: CallerOf, services: ServicesOf) -> Response:
    """The contact with that number, else the only one that has it as an alias."""
    number = await parsed_number(services, caller.org_id, phone_number)
    contact = await services.contacts.by_phone(caller.org_id, number) if number else None
    if contact is None:
        raise HTTPException(404, f"There is no contact with phone number {phone_number}.")
    return JsonResponse(contact_json(contact))


@router.patch("/update-contact/{contact_id}", responses=documented(ContactOut, 200, 404))
async def update_contact(
    contact_id: str, body: UpdateContact, caller: CallerOf, services: ServicesOf
) -> Response:
    """Changes a contact. What is not sent stays; what changes is pushed to the CRM where it is mapped."""
    rules = await services.configs.get(caller.org_id)
    survivor = await services.editing.update(caller.org_id, rules, contact_id, _edit(body), caller.editor)
    return JsonResponse(await _contact(services, caller.org_id, survivor))


@router.delete("/delete-contact/{contact_id}", status_code=204, responses=documented(None, 204, 400, 404))
async def delete_contact(contact_id: str, caller: CallerOf, services: ServicesOf) -> Response:
    """Deletes a contact. Refused while its CRM record is synced."""
    if not await services.contacts.delete(caller.org_id, contact_id):
        raise HTTPException(404, f"There is no contact {contact_id}.")
    return Response(status_code=204)


@router.post("/list-contacts", responses=documented(ContactPageOut))
async def list_contacts(body: ListContacts, caller: CallerOf, services: ServicesOf) -> Response:
    """Contacts by creation time, filtered, searched and paged."""
    check_limit(services, body.limit)
    rules = await services.configs.get(caller.org_id)
    query = ContactQuery(
        ContactFilter(_atoms(body.filter_criteria), body.search_query or "", body.excluded_contact_ids or ()),
        limit=body.limit,
        skip=body.skip,
        newest_first=body.sort_order == "desc",
        pagination_key=body.pagination_key or None,
    )
    page = await services.contacts.list(caller.org_id, query, rules.fields)
    answer = {
        "items": [contact_json(contact) for contact in page.items],
        "total": page.total,
        "has_more": page.next_key is not None,
        "pagination_key": page.next_key,
    }
    return JsonResponse(without_none(answer))


@router.get("/list-contact-conversations/{contact_id}", responses=documented(ConversationPageOut, 200, 404))
async def list_contact_conversations(
    contact_id: str,
    caller: CallerOf,
    services: ServicesOf,
    limit: Annotated[int, Query(ge=1)] = 50,
    pagination_key: str | None = None,
) -> Response:
    """A contact's calls and chats, newest first."""
    check_limit(services, limit)
    page = await services.contacts.conversations(caller.org_id, contact_id, limit, pagination_key or None)
    if page is None:
        raise HTTPException(404, f"There is no contact {contact_id}.")
    answer = {
        "items": [_conversation_json(item) for item in page.items],
        "has_more": page.next_key is not None,
        "pagination_key": page.next_key,
    }
    return JsonResponse(without_none(answer))


async def parsed_number(services: Services, org_id: str, phone_number: str) -> str | None:
    """A number in E.164, or None. Only one without a country code costs a look at the configuration."""
    region = "US"
    if not phone_number.strip().startswith("+"):
        region = (await services.configs.get(org_id)).default_country
    number = normalise(phone_number, region)
    return None if isinstance(number, Unusable) else number


def check_limit(services: Services, limit: int) -> None:
    """Refuses a page that is too large."""
    most = services.limits.page_items
    if limit > most:
        raise HTTPException(422, f"limit: A page has at most {most} items.")


def contact_json(contact: Contact) -> dict[str, Any]:
    """A contact as Retell shows one."""
    return without_none(
        {
            "contact_id": contact.contact_id,
            "org_id": contact.org_id,
            "phone_number": contact.phone_number,
            "first_name": contact.first_name,
            "last_name": contact.last_name,
            "do_not_call": contact.do_not_call,
            "custom_fields": contact.custom_fields,
            "external_id": contact.external_id,
            "contact_tags": contact.contact_tags,
            "contact_memory": contact.contact_memory,
            "conversation_count": contact.conversation_count,
            "last_conversation_timestamp": ms(contact.last_conversation_at),
            "created_timestamp": ms(contact.created_at),
            "user_modified_timestamp": ms(contact.user_modified_at),
        }
    )


async def _contact(services: Services, org_id: str, contact_id: str) -> dict[str, Any]:
    contact = await services.contacts.get(org_id, contact_id)
    if contact is None:
        raise HTTPException(404, f"There is no contact {contact_id}.")
    return contact_json(contact)


def _edit(body: UpdateContact) -> Edit:
    sent = {name: getattr(body, name) for name in body.model_fields_set}
    return Edit(
        values={name: sent[name] for name in _BUILT_IN if name in sent},
        custom_fields=sent.get("custom_fields") or {},
        details={name: sent[name] for name in _DETAILS if name in sent},
    )


def _atoms(criteria: FilterCriteria | None) -> dict[str, list[Atom]]:
    if criteria is None:
        return {}
    given = {name: getattr(criteria, name) for name in criteria.model_fields_set}
    return {
        name: [Atom(**item.model_dump()) for item in (value if isinstance(value, list) else [value])]
        for name, value in given.items()
        if value is not None
    }


def _conversation_json(item: ConversationItem) -> dict[str, Any]:
    return without_none(
        {
            "type": item.type,
            f"{item.type}_id": item.conversation_id,
            "direction": item.direction,
            "start_timestamp": ms(item.started_at),
            "duration_ms": item.duration_ms,
            "disconnection_reason": item.disconnection_reason,
            "sentiment": item.sentiment,
            "successful": item.successful,
            "summary": item.summary,
        }
    )
