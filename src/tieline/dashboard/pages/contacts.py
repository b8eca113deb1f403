"""The list of contacts, a contact's page, editing it, and what the palette finds. No rule lives here."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from tieline.dashboard.visit import BASE, Visit, action, page
from tieline.domain.fields import FieldSpec, Problem
from tieline.domain.values import FieldType
from tieline.flows.editing import DuplicateContactError, Edit, EditRefusedError
from tieline.store.config import CrmConfig
from tieline.store.contact_view import ContactView
from tieline.store.contacts import BadPaginationKeyError, Contact, ContactQuery
from tieline.store.filters import Atom, ContactFilter

PAGE = 50
_BUILT_IN = ("first_name", "last_name", "do_not_call")


async def contact_list(visit: Visit) -> Response:
    """All contacts, newest first, by search and filters."""
    config = await visit.tieline.configs.get(visit.org_id)
    query = ContactQuery(_filter(visit), limit=PAGE, pagination_key=visit.arg("after") or None, counted=False)
    try:
        found = await visit.tieline.contacts.list(visit.org_id, query, config.fields)
    except BadPaginationKeyError:
        raise HTTPException(
            404, "That page of the list is none that we gave: start from the first."
        ) from None
    kept = {name: visit.arg(name) for name in ("q", "do_not_call", "record") if visit.arg(name)}
    following = {**kept, "after": found.next_key} if found.next_key else None
    context: dict[str, Any] = {
        "contacts": found.items,
        "columns": _columns(config),
        "kept": kept,
        "next": f"{BASE}/contacts?{urlencode(following)}" if following else "",
        "previous": f"{BASE}/contacts?{urlencode(kept)}" if visit.arg("after") else "",
    }
    return visit.render("contacts/table.html" if visit.partial else "contacts/list.html", **context)


async def contact_page(visit: Visit) -> Response:
    """One contact: fields with their sources, the timeline, its records."""
    contact = await _contact(visit)
    if contact.contact_id != visit.path("contact_id"):
        return visit.go(f"/contacts/{contact.contact_id}", "That contact was merged into this one.")
    config = await visit.tieline.configs.get(visit.org_id)
    view = ContactView(visit.tieline.pool)
    key = (visit.org_id, contact.contact_id)
    talks = await visit.tieline.contacts.conversations(*key, limit=20, pagination_key=None)
    return visit.render(
        "contacts/contact.html",
        contact=contact,
        title=title_of(contact),
        specs=list(config.fields.values()),
        values=values_of(contact, config.fields),
        sources=await view.sources(*key),
        changes=await view.changes(*key, limit=30),
        records=await view.records(*key),
        aliases=await view.aliases(*key),
        conversations=talks.items if talks else [],
    )


async def edit_form(visit: Visit) -> Response:
    """The form that changes a contact."""
    contact = await _contact(visit)
    config = await visit.tieline.configs.get(visit.org_id)
    return _form(visit, contact, config, values_of(contact, config.fields), ())


async def save(visit: Visit) -> Response:
    """Changes what was changed in the form, and nothing else: what came in meanwhile stays."""
    contact = await _contact(visit)
    config = await visit.tieline.configs.get(visit.org_id)
    shown = {name: visit.text(f"was:{name}") for name in config.fields}
    given = {name: visit.text(f"is:{name}") for name in config.fields if f"is:{name}" in visit.form}
    changed = {name: text for name, text in given.items() if text != shown[name]}
    if not changed:
        return visit.go(f"/contacts/{contact.contact_id}", "Nothing was changed.")
    values = {name: typed(config.fields[name], text) for name, text in changed.items()}
    edit = Edit(
        values={name: value for name, value in values.items() if name in _BUILT_IN},
        custom_fields={name: value for name, value in values.items() if name not in _BUILT_IN},
    )
    try:
        await visit.tieline.editing.update(visit.org_id, config, contact.contact_id, edit, visit.editor)
    except EditRefusedError as error:
        return _form(visit, contact, config, {**values_of(contact, config.fields), **given}, error.problems)
    count = len(changed)
    return visit.go(f"/contacts/{contact.contact_id}", f"{count} field{'s' if count > 1 else ''} changed.")


async def new_form(visit: Visit) -> Response:
    """The form that makes a contact."""
    return visit.render("contacts/new.html", problems=(), number="")


async def create(visit: Visit) -> Response:
    """Makes a contact of a number."""
    config = await visit.tieline.configs.get(visit.org_id)
    number = visit.text("phone_number")
    names = {name: visit.text(name) for name in ("first_name", "last_name") if visit.text(name)}
    try:
        made = await visit.tieline.editing.create(visit.org_id, config, number, Edit(names), visit.editor)
    except EditRefusedError as error:
        return visit.render("contacts/new.html", status=422, problems=error.problems, number=number)
    except DuplicateContactError as error:
        problem = Problem("phone_number", str(error))
        return visit.render("contacts/new.html", status=422, problems=(problem,), number=number)
    return visit.go(f"/contacts/{made}", "The contact is there.")


async def palette(visit: Visit) -> Response:
    """The first contacts that fit what was typed."""
    config = await visit.tieline.configs.get(visit.org_id)
    query = ContactQuery(ContactFilter(search=visit.arg("q")[:100]), limit=8, counted=False)
    found = await visit.tieline.contacts.list(visit.org_id, query, config.fields)
    return JSONResponse(
        [
            {"href": f"{BASE}/contacts/{c.contact_id}", "title": title_of(c), "note": c.phone_number}
            for c in found.items
        ]
    )


def title_of(contact: Contact) -> str:
    """What to call a contact: its name, else its number."""
    return " ".join(filter(None, (contact.first_name, contact.last_name))) or contact.phone_number


def values_of(contact: Contact, fields: Mapping[str, FieldSpec]) -> dict[str, Any]:
    """The value of every field, None where there is none."""
    built_in = {
        "phone_number": contact.phone_number,
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "do_not_call": contact.do_not_call,
    }
    return {name: built_in.get(name, contact.custom_fields.get(name)) for name in fields}


async def _contact(visit: Visit) -> Contact:
    contact = await visit.tieline.contacts.get(visit.org_id, visit.path("contact_id"))
    if contact is None:
        raise HTTPException(404, "There is no such contact, or it was deleted.")
    return contact


def _filter(visit: Visit) -> ContactFilter:
    atoms: dict[str, Sequence[Atom]] = {}
    if visit.arg("do_not_call") in ("yes", "no"):
        atoms["do_not_call"] = [Atom("boolean", "eq", visit.arg("do_not_call") == "yes")]
    if visit.arg("record") in ("with", "without"):
        atoms["external_id"] = [Atom("present", "pr" if visit.arg("record") == "with" else "np")]
    return ContactFilter(atoms, search=visit.arg("q")[:200])


def _columns(config: CrmConfig) -> list[FieldSpec]:
    """The custom fields to show, in the order that the organisation chose, else the first three."""
    custom = {spec.name: spec for spec in config.custom_fields}
    chosen = [custom[name] for name in config.contact_columns_order if name in custom]
    return (chosen or list(custom.values()))[:6]


def _form(
    visit: Visit, contact: Contact, config: CrmConfig, values: Mapping[str, Any], problems: Sequence[Problem]
) -> Response:
    return visit.render(
        "contacts/edit.html",
        status=422 if problems else 200,
        contact=contact,
        title=title_of(contact),
        specs=[spec for spec in config.fields.values() if spec.name != "phone_number"],
        values=values,
        was=values_of(contact, config.fields),
        problems=problems,
    )


def typed(spec: FieldSpec, text: str) -> Any:
    """What a form's text is in the field's own JSON type; what does not fit is left for the check to refuse."""
    if not text:
        return None
    if spec.type is FieldType.BOOLEAN:
        return {"yes": True, "no": False}.get(text, text)
    if spec.type is FieldType.NUMBER:
        try:
            return float(text) if any(c in text for c in ".eE") else int(text)
        except ValueError:
            return text
    return text


ROUTES = (
    page("/contacts", contact_list),
    page("/contacts/new", new_form),
    action("/contacts/new", create),
    page("/contacts/{contact_id}", contact_page),
    page("/contacts/{contact_id}/edit", edit_form),
    action("/contacts/{contact_id}/edit", save),
    page("/palette", palette),
)
