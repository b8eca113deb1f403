"""The associations API, v4 and dated, and the older v3 forms of it."""

from collections.abc import Sequence

from starlette.responses import Response

from tieline.sandbox.hubspot.api.call import Call, Json, decode_any, member, members, objects, text
from tieline.sandbox.hubspot.links import LINK_TYPES, LinkType, Node, checked_type, default_type, labelled
from tieline.sandbox.hubspot.render import association_results
from tieline.sandbox.hubspot.schema import OBJECT_TYPES
from tieline.sandbox.hubspot.shelf import Shelf
from tieline.sandbox.hubspot.wire import HubSpotError, ObjectJson, bad_request, iso, json_answer, no_content

MAX_READ, MAX_PAGE = 1_000, 500


def list_associations(call: Call) -> Response:
    source, target = _ends(call)
    node = _node(source, call.params["id"])
    ends = call.portal.links.of(node, target.kind.name)
    if call.version == "v3":
        return json_answer({"results": association_results(ends)})
    limit, after = _whole(call, "limit", MAX_PAGE), _whole(call, "after", 0)
    ids = [record_id for record_id in ends if record_id > after]
    results = [
        {"toObjectId": _wire_id(call, record_id), "associationTypes": labelled(ends[record_id])}
        for record_id in ids[:limit]
    ]
    body: ObjectJson = {"results": results}
    if len(ids) > limit:
        last = str(ids[limit - 1])
        link = str(call.request.url.include_query_params(after=last))
        body["paging"] = {"next": {"after": last, "link": link}}
    return json_answer(body)


def put_default(call: Call) -> Response:
    """The most general association between two records."""
    source, target = _ends(call, access="write")
    one, other = _node(source, call.params["id"]), _node(target, call.params["other"])
    return _defaults(call, source, target, [(one, other)])


def put_labelled(call: Call) -> Response:
    source, target = _ends(call, access="write")
    one, other = _node(source, call.params["id"]), _node(target, call.params["other"])
    types = objects(decode_any(call.exchange.body or b"[]"), "the body")
    kinds = _types(types, source, target)
    for kind in kinds:
        call.portal.links.add(one, other, kind)
    return json_answer(_pair(call, source, target, one, other, kinds), 201)


def delete_association(call: Call) -> Response:
    source, target = _ends(call, access="write")
    one = Node(source.kind.name, _number(call.params["id"]))
    call.portal.links.remove(one, Node(target.kind.name, _number(call.params["other"])))
    return no_content()


def batch_default(call: Call) -> Response:
    source, target = _ends(call, access="write")
    pairs = [
        _pair_nodes(item, source, target)
        for item in _inputs(call, call.portal.settings.association_batch_limit)
    ]
    return _defaults(call, source, target, pairs)


def batch_create(call: Call) -> Response:
    source, target = _ends(call, access="write")
    planned: list[tuple[Node, Node, list[LinkType]]] = []
    for item in _inputs(call, call.portal.settings.association_batch_limit):
        one, other = _pair_nodes(item, source, target)
        if call.version == "v3":
            kinds = [default_type(source.kind.name, target.kind.name)]
        else:
            kinds = _types(members(item, "types"), source, target)
        planned.append((one, other, kinds))
    results: list[ObjectJson] = []
    for one, other, kinds in planned:
        for kind in kinds:
            call.portal.links.add(one, other, kind)
        results.append(_pair(call, source, target, one, other, kinds))
    return json_answer(_batch(call, results), 201)


def batch_read(call: Call) -> Response:
    """Inputs without associations are errors of a 207, as in the real API."""
    source, target = _ends(call)
    results: list[ObjectJson] = []
    empty: list[str] = []
    for item in _inputs(call, MAX_READ):
        wanted = text(item, "id")
        ends = call.portal.links.of(Node(source.kind.name, _number(wanted)), target.kind.name)
        if not ends:
            empty.append(wanted)
            continue
        results.append({"from": {"id": wanted}, "to": _targets(call, ends)})
    body = _batch(call, results)
    if empty:
        entries = [_nothing(source, target, wanted).entry() for wanted in empty]
        body |= {"numErrors": len(entries), "errors": entries}
    return json_answer(body, 207 if empty else 200)


def batch_archive(call: Call) -> Response:
    source, target = _ends(call, access="write")
    for item in _inputs(call, call.portal.settings.association_batch_limit):
        one = Node(source.kind.name, _number(text(member(item, "from"), "id")))
        ends = item.get("to")
        for end in objects(ends if isinstance(ends, list) else [ends], "to"):
            call.portal.links.remove(one, Node(target.kind.name, _number(text(end, "id"))))
    return no_content()


def list_labels(call: Call) -> Response:
    source, target = _ends(call)
    kinds = [k for k in LINK_TYPES.values() if (k.source, k.target) == (source.kind.name, target.kind.name)]
    results = [{"category": "HUBSPOT_DEFINED", "typeId": kind.id, "label": kind.label} for kind in kinds]
    return json_answer({"results": results})


def _ends(call: Call, access: str = "read") -> tuple[Shelf, Shelf]:
    source, target = call.shelf("type"), call.shelf("target")
    for shelf in (source, target):
        call.need("objects", access, shelf)
    return source, target


def _node(shelf: Shelf, wanted: str) -> Node:
    number = _number(wanted)
    if number not in shelf.records:
        raise bad_request("One or more associations are invalid", {"INVALID_OBJECT_IDS": [wanted]})
    return Node(shelf.kind.name, number)


def _pair_nodes(item: Json, source: Shelf, target: Shelf) -> tuple[Node, Node]:
    return _node(source, text(member(item, "from"), "id")), _node(target, text(member(item, "to"), "id"))


def _types(items: Sequence[Json], source: Shelf, target: Shelf) -> list[LinkType]:
    if not items:
        raise bad_request("One or more association types are required")
    return [checked_type(one.get("associationTypeId"), source.kind.name, target.kind.name) for one in items]


def _defaults(call: Call, source: Shelf, target: Shelf, pairs: Sequence[tuple[Node, Node]]) -> Response:
    kind = default_type(source.kind.name, target.kind.name)
    back = default_type(target.kind.name, source.kind.name)
    results: list[ObjectJson] = []
    for one, other in pairs:
        call.portal.links.add(one, other, kind)
        for first, second, type_id in ((one, other, kind.id), (other, one, back.id)):
            spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
            ends = {"from": {"id": str(first.id)}, "to": {"id": str(second.id)}}
            results.append({**ends, "associationSpec": spec})
    return json_answer(_batch(call, results))


def _pair(
    call: Call, source: Shelf, target: Shelf, one: Node, other: Node, kinds: Sequence[LinkType]
) -> ObjectJson:
    call.touch(one.id, other.id)
    if call.version == "v3":
        return {"from": {"id": str(one.id)}, "to": {"id": str(other.id)}, "type": kinds[0].name}
    return {
        "fromObjectTypeId": OBJECT_TYPES[source.kind.name].id,
        "fromObjectId": _wire_id(call, one.id),
        "toObjectTypeId": OBJECT_TYPES[target.kind.name].id,
        "toObjectId": _wire_id(call, other.id),
        "labels": [kind.label for kind in kinds if kind.label],
    }


def _targets(call: Call, ends: dict[int, set[int]]) -> list[ObjectJson]:
    if call.version == "v3":
        return association_results(ends)
    return [
        {"toObjectId": _wire_id(call, record_id), "associationTypes": labelled(types)}
        for record_id, types in ends.items()
    ]


def _wire_id(call: Call, record_id: int) -> str | int:
    """Association ids are numbers in v4 and texts in the dated versions."""
    return record_id if call.version == "v4" else str(record_id)


def _batch(call: Call, results: Sequence[ObjectJson]) -> ObjectJson:
    now = iso(call.portal.now())
    return {"status": "COMPLETE", "results": list(results), "startedAt": now, "completedAt": now}


def _inputs(call: Call, most: int) -> list[Json]:
    inputs = members(call.body(), "inputs")
    if len(inputs) > most:
        raise bad_request(f"The maximum number of inputs supported in a batch request is {most}")
    return inputs


def _nothing(source: Shelf, target: Shelf, wanted: str) -> HubSpotError:
    message = f"No {target.kind.singular} is associated with {source.kind.singular} {wanted}."
    context = {"fromObjectId": [wanted]}
    return HubSpotError(404, message, "OBJECT_NOT_FOUND", context=context)


def _number(wanted: str) -> int:
    if not wanted.isdigit():
        raise bad_request("One or more associations are invalid", {"INVALID_OBJECT_IDS": [wanted]})
    return int(wanted)


def _whole(call: Call, name: str, default: int) -> int:
    given = call.query(name) or str(default)
    if not given.isdigit():
        raise bad_request(f"{name} must be a number")
    return int(given)
