"""The history of one field of one contact: who set each value, on what evidence, and what was overruled."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.dashboard.pages.contacts import title_of, values_of
from tieline.dashboard.visit import BASE, Visit, page
from tieline.store.explain import Explanations

_PAGE: Final = 50


async def field_history(visit: Visit) -> Response:
    """The ledger of a field, newest first."""
    contact = await visit.tieline.contacts.get(visit.org_id, visit.path("contact_id"))
    fields = (await visit.tieline.configs.get(visit.org_id)).fields
    spec = fields.get(visit.path("field_name"))
    if contact is None or spec is None:
        raise HTTPException(404, "There is no such contact or field.")
    before = int(visit.arg("before")) if visit.arg("before").isdecimal() else None
    entries = await Explanations(visit.tieline.pool).field(
        visit.org_id, contact.contact_id, spec.name, limit=_PAGE, before=before
    )
    here = f"{BASE}/contacts/{contact.contact_id}/fields/{spec.name}"
    return visit.render(
        "contacts/field.html",
        contact=contact,
        title=title_of(contact),
        spec=spec,
        value=values_of(contact, fields)[spec.name],
        entries=entries,
        more=f"{here}?before={entries[-1].entry_id}" if len(entries) == _PAGE else "",
    )


ROUTES = (page("/contacts/{contact_id}/fields/{field_name}", field_history),)
