"""The properties API and the object schema."""

from starlette.responses import Response

from tieline.sandbox.hubspot.api.call import Call, Json, members, objects, text
from tieline.sandbox.hubspot.links import LINK_TYPES, LinkType
from tieline.sandbox.hubspot.schema import OBJECT_TYPES, Option, Property
from tieline.sandbox.hubspot.shelf import Shelf
from tieline.sandbox.hubspot.wire import (
    HubSpotError,
    ObjectJson,
    PropertyFault,
    bad_request,
    iso,
    json_answer,
    no_content,
)

MAX_UNIQUE = 10


def list_properties(call: Call) -> Response:
    shelf = call.shelf()
    call.need("schemas", "read", shelf)
    archived = call.flag("archived")
    shown = shelf.schema.archived if archived else call.portal.properties(shelf)
    return json_answer({"results": [item.as_json(archived=archived) for item in shown.values()]})


def read_property(call: Call) -> Response:
    shelf = call.shelf()
    call.need("schemas", "read", shelf)
    return json_answer(_existing(call, shelf, call.params["name"]).as_json())


def batch_read_properties(call: Call) -> Response:
    shelf = call.shelf()
    call.need("schemas", "read", shelf)
    names = [text(item, "name") for item in members(call.body(), "inputs")]
    shown = call.portal.properties(shelf)
    now = iso(call.portal.now())
    results = [shown[name].as_json() for name in names if name in shown]
    body: ObjectJson = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    missing = [name for name in names if name not in shown]
    if missing:
        errors = [_no_such(shelf, name).entry() for name in missing]
        body |= {"numErrors": len(errors), "errors": errors}
    return json_answer(body, 207 if missing else 200)


def create_property(call: Call) -> Response:
    shelf = call.shelf()
    call.need("schemas", "write", shelf)
    item = property_from(call.body())
    if item.name in shelf.schema.properties:
        message = f"A property named '{item.name}' already exists."
        raise HubSpotError(409, message, "CONFLICT")
    add_property(shelf, item)
    return json_answer(item.as_json(), 201)


def update_property(call: Call) -> Response:
    """Label, description, group, field type and options; type and uniqueness are for ever."""
    shelf = call.shelf()
    call.need("schemas", "write", shelf)
    old, body = _existing(call, shelf, call.params["name"]), call.body()
    if "d" in old.flags:
        raise bad_request(f"Property {old.name} has a read only definition")
    merged: ObjectJson = {
        "name": old.name,
        "label": old.label,
        "type": old.type,
        "fieldType": old.field_type,
        "groupName": old.group,
        "description": old.description,
        "options": [option.as_json() for option in old.options],
        "hasUniqueValue": old.unique,
        **{name: value for name, value in body.items() if name not in ("name", "type", "hasUniqueValue")},
    }
    item = property_from(merged)
    shelf.schema.put(item)
    return json_answer(item.as_json())


def archive_property(call: Call) -> Response:
    shelf = call.shelf()
    call.need("schemas", "write", shelf)
    item = _existing(call, shelf, call.params["name"])
    if "D" in item.flags:
        raise bad_request(f"Property {item.name} is defined by HubSpot and cannot be archived")
    shelf.schema.archive(item.name)
    shelf.unwatch_unique(item.name)
    return no_content()


def read_schema(call: Call) -> Response:
    shelf = call.shelf()
    call.need("schemas", "read", shelf)
    kind = shelf.kind
    ends = [link for link in LINK_TYPES.values() if kind.name in (link.source, link.target)]
    shown = ("firstname", ["lastname", "email", "phone"]) if kind.name == "contacts" else ("hs_object_id", [])
    return json_answer(
        {
            "labels": {"singular": kind.singular.capitalize(), "plural": kind.name.capitalize()},
            "requiredProperties": list(kind.required),
            "searchableProperties": list(kind.searchable),
            "primaryDisplayProperty": shown[0],
            "secondaryDisplayProperties": shown[1],
            "archived": False,
            "restorable": True,
            "metaType": "HUBSPOT",
            "id": kind.id.removeprefix("0-"),
            "fullyQualifiedName": kind.upper,
            "createdAt": "1970-01-01T00:00:00Z",
            "updatedAt": "1970-01-01T00:00:00Z",
            "objectTypeId": kind.id,
            "properties": [item.as_json() for item in call.portal.properties(shelf).values()],
            "associations": [_association(link) for link in ends],
            "name": kind.upper,
        }
    )


def _association(link: LinkType) -> ObjectJson:
    return {
        "fromObjectTypeId": OBJECT_TYPES[link.source].id,
        "toObjectTypeId": OBJECT_TYPES[link.target].id,
        "name": link.name.upper(),
        "cardinality": "ONE_TO_MANY",
        "inverseCardinality": "ONE_TO_MANY",
        "id": str(link.id),
        "createdAt": None,
        "updatedAt": None,
    }


def property_from(body: Json) -> Property:
    """A custom property from its JSON definition."""
    options = tuple(
        Option(text(one, "label"), text(one, "value"), order, one.get("hidden") is True)
        for order, one in enumerate(objects(body.get("options") or [], "options"))
    )
    flags = {"a"}
    flags |= {"U"} if body.get("hasUniqueValue") is True else set()
    flags |= {"F"} if body.get("formField") is True else set()
    flags |= {"H"} if body.get("hidden") is True else set()
    return Property(
        text(body, "name"),
        text(body, "label"),
        text(body, "type"),
        text(body, "fieldType"),
        text(body, "groupName"),
        frozenset(flags),
        -1,
        options,
        str(body.get("description") or ""),
    )


def add_property(shelf: Shelf, item: Property) -> None:
    if item.unique:
        if len(shelf.unique_names()) >= MAX_UNIQUE:
            raise bad_request(f"{shelf.kind.upper} has reached the limit of {MAX_UNIQUE} unique properties")
        shelf.schema.put(item)
        shelf.watch_unique(item.name)
    else:
        shelf.schema.put(item)


def _existing(call: Call, shelf: Shelf, name: str) -> Property:
    item = call.portal.properties(shelf).get(name)
    if item is None:
        raise _no_such(shelf, name)
    return item


def _no_such(shelf: Shelf, name: str) -> HubSpotError:
    fault = PropertyFault(f'Property "{name}" does not exist', "PROPERTY_DOESNT_EXIST", name)
    return HubSpotError(404, fault.message, "OBJECT_NOT_FOUND", errors=[fault.as_detail()])
