"""Single records: list, read, create, update, archive, merge and privacy deletion."""

from starlette.responses import Response

from tieline.sandbox.hubspot.api.call import Call, Json, member, objects, text
from tieline.sandbox.hubspot.links import Node, checked_type, default_type
from tieline.sandbox.hubspot.records import Record
from tieline.sandbox.hubspot.shelf import Shelf
from tieline.sandbox.hubspot.wire import (
    HubSpotError,
    bad_request,
    invalid_properties,
    json_answer,
    no_content,
    not_found,
)
from tieline.sandbox.hubspot.writes import Link

DEFAULT_PAGE, MAX_PAGE = 10, 100


def list_records(call: Call) -> Response:
    """By id; `after` is the last id of the page before."""
    shelf = call.shelf()
    call.need("objects", "read", shelf)
    limit = _limit(call)
    after = call.query("after") or "0"
    if not after.isdigit():
        raise bad_request("after must be a number")
    records, more = shelf.page(int(after), limit, archived=call.flag("archived"))
    view = call.view(shelf)
    body: dict[str, object] = {"results": [view.of_record(record) for record in records]}
    if more:
        last = str(records[-1].state.id)
        url = call.request.url.include_query_params(after=last)
        body["paging"] = {"next": {"after": last, "link": str(url)}}
    return json_answer(body)


def read_record(call: Call) -> Response:
    shelf = call.shelf()
    call.need("objects", "read", shelf)
    archived = call.flag("archived")
    redirect = call.portal.settings.merged_read == "redirect"
    record = _named(call, shelf, archived=archived, redirect=redirect)
    call.touch(record.state.id)
    return json_answer(call.view(shelf).of_record(record))


def create_record(call: Call) -> Response:
    shelf = call.shelf()
    call.need("objects", "write", shelf)
    body = call.body()
    writer = call.writer()
    checked = writer.check(shelf, member(body, "properties"), None)
    if checked.faults:
        raise invalid_properties(checked.faults)
    links = read_links(shelf, body)
    if call.enforces:
        writer.require_by_admin(shelf, checked.values, new=True)
    record = writer.create(shelf, checked.values, links)
    headers = {"Location": f"{call.exchange.path}/{record.state.id}"}
    return json_answer(call.view(shelf).after_create(record), 201, headers)


def update_record(call: Call) -> Response:
    """A merged-away id still updates the survivor, unlike in a batch."""
    shelf = call.shelf()
    call.need("objects", "write", shelf)
    record = _named(call, shelf, archived=False, redirect=True)
    writer = call.writer()
    checked = writer.check(shelf, member(call.body(), "properties"), record)
    if checked.faults:
        raise invalid_properties(checked.faults)
    if call.enforces:
        writer.require_by_admin(shelf, checked.values, new=False)
    changed = writer.update(shelf, record, checked.values)
    return json_answer(call.view(shelf).after_update(record, changed))


def archive_record(call: Call) -> Response:
    """204 also when there is nothing to archive."""
    shelf = call.shelf()
    call.need("objects", "write", shelf)
    record = shelf.find("hs_object_id", call.params["id"])
    if record is not None:
        call.writer().archive(shelf, record)
    return no_content()


def merge_records(call: Call) -> Response:
    shelf = call.shelf()
    call.need("objects", "write", shelf)
    body = call.body()
    winner_id, loser_id = text(body, "primaryObjectId"), text(body, "objectIdToMerge")
    if winner_id == loser_id:
        raise bad_request("A record cannot be merged into itself")
    winner, loser = _by_id(shelf, winner_id), _by_id(shelf, loser_id)
    survivor = call.writer().merge(shelf, winner, loser)
    return json_answer(call.view(shelf).of_record(survivor))


def erase_record(call: Call) -> Response:
    """Privacy deletion, by id or by e-mail; the record is gone from the archived ones too."""
    shelf = call.shelf()
    call.need("objects", "write", shelf)
    body = call.body()
    wanted = text(body, "objectId")
    name = str(body.get("idProperty") or "hs_object_id")
    record = shelf.find(name, wanted)
    if record is None and name == "hs_object_id" and wanted.isdigit():
        record = shelf.archived.get(int(wanted))
    if record is not None:
        call.touch(record.state.id)
        call.writer().erase(shelf, record.state.id)
    return no_content()


def read_links(shelf: Shelf, body: Json) -> list[Link]:
    """The `associations` of a create; each type must run from the new record's type."""
    links: list[Link] = []
    for item in objects(body.get("associations") or [], "associations"):
        target_id = text(member(item, "to"), "id")
        if not target_id.isdigit():
            raise bad_request("One or more associations are invalid", {"INVALID_OBJECT_IDS": [target_id]})
        types = objects(item.get("types") or [], "types")
        if not types:
            raise bad_request("One or more association types are required")
        for kind in (checked_type(one.get("associationTypeId"), shelf.kind.name, None) for one in types):
            links.append((Node(kind.target, int(target_id)), kind))
    return links


def default_link(source: Shelf, target: Shelf, target_id: int) -> Link:
    return Node(target.kind.name, target_id), default_type(source.kind.name, target.kind.name)


def _limit(call: Call) -> int:
    given = call.query("limit") or str(DEFAULT_PAGE)
    most = call.portal.settings.history_limit if call.names("propertiesWithHistory") else MAX_PAGE
    if not given.isdigit() or not 1 <= int(given) <= most:
        raise bad_request(f"limit must be between 1 and {most}")
    return int(given)


def _named(call: Call, shelf: Shelf, *, archived: bool, redirect: bool) -> Record:
    """The record that the path names, by id or by the unique property in `idProperty`."""
    wanted, name = call.params["id"], call.query("idProperty") or "hs_object_id"
    if not shelf.is_unique(name):
        raise bad_request(f"{name} is not a unique property of {shelf.kind.upper}")
    if name == "hs_object_id" and not wanted.isdigit():
        message = "Object not found.  objectId are usually numeric."
        raise HubSpotError(404, message, "OBJECT_NOT_FOUND", context={"id": [wanted]})
    if archived:
        record = shelf.archived.get(int(wanted)) if name == "hs_object_id" else None
    else:
        record = shelf.find(name, wanted)
        if record is None and redirect and name == "hs_object_id" and int(wanted) in shelf.merged_into:
            record = shelf.records.get(shelf.merged_into[int(wanted)])
    if record is None:
        raise not_found()
    return record


def _by_id(shelf: Shelf, wanted: str) -> Record:
    record = shelf.find("hs_object_id", wanted)
    if record is None:
        raise not_found()
    return record
