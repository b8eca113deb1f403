"""Single records: create, read, update, delete, upsert by an external id; describe; what changed and what went."""

from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from tieline.sandbox.kernel.values import JsonObject
from tieline.sandbox.salesforce import errors
from tieline.sandbox.salesforce.calls import Call, json_response, no_content
from tieline.sandbox.salesforce.errors import SalesforceError
from tieline.sandbox.salesforce.formats import http_date, moment_of, parse_http_date, parse_moment, stamp
from tieline.sandbox.salesforce.objects import describe, describe_global
from tieline.sandbox.salesforce.schema import Field, ObjectSchema
from tieline.sandbox.salesforce.store import Record
from tieline.sandbox.salesforce.writes import create, delete, find_live, update

_UPDATED_DAYS = 30
_DELETED_DAYS = 15
_MAX_IDS = 600_000


def sobjects(call: Call) -> Response:
    listed = [describe_global(schema, call.version) for schema in call.org.objects.values()]
    return json_response({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": listed})


def basic_information(call: Call) -> Response:
    schema = call.org.require(call.path("sobject"))
    return json_response({"objectDescribe": describe_global(schema, call.version), "recentItems": []})


def describe_object(call: Call) -> Response:
    """304 when the schema has not changed since `If-Modified-Since` or still has the ETag of `If-None-Match`."""
    schema = call.org.require(call.path("sobject"))
    call.org.note_visibility(schema)
    fields = call.org.visible_fields(schema)
    tag = f'"{hash_of(schema, fields):08x}"'
    headers = {"ETag": tag, "Last-Modified": http_date(schema.modified)}
    since = parse_http_date(call.header("if-modified-since") or "")
    unchanged = since is not None and moment_of(schema.modified) <= since
    if call.header("if-none-match") == tag or unchanged:
        return Response(status_code=304, headers=headers)
    origin = f"{call.request.url.scheme}://{call.request.url.netloc}"
    return json_response(describe(schema, fields, call.version, origin), headers=headers)


def hash_of(schema: ObjectSchema, fields: list[Field]) -> int:
    total = schema.version
    for char in ",".join(item.name for item in fields):
        total = (total * 131 + ord(char)) % 2**32
    return total


def create_record(call: Call) -> Response:
    schema = call.org.require(call.path("sobject"))
    record_id = create(call.write(), schema, call.json_object())
    location = call.record_url(schema.name, record_id)
    return json_response(_created(record_id), 201, {"Location": location})


def _created(record_id: str) -> JsonObject:
    return {"id": record_id, "success": True, "errors": []}


def read_record(call: Call) -> Response:
    """`If-Modified-Since` and `If-Unmodified-Since` hold for every object; ETags only for Account, so not here."""
    schema, record = _live(call)
    call.exchange.record_ids.append(str(record["Id"]))
    modified = str(record["LastModifiedDate"])
    headers = {"Last-Modified": http_date(modified)}
    since = parse_http_date(call.header("if-modified-since") or "")
    if since is not None and moment_of(modified) <= since:
        return Response(status_code=304, headers=headers)
    _check_unmodified(call, record)
    fields = _fields(call, schema, call.query("fields"))
    return json_response(call.render(schema.name, fields, record), headers=headers)


def _live(call: Call) -> tuple[ObjectSchema, Record]:
    schema = call.org.require(call.path("sobject"))
    found, record, _ = find_live(call.org, call.path("record_id"))
    if found is not schema:
        raise errors.not_found()
    return schema, record


def _fields(call: Call, schema: ObjectSchema, named: str | None) -> list[Field]:
    visible = call.org.visible_fields(schema)
    if not named:
        return visible
    return [find_visible(schema, visible, name.strip()) for name in named.split(",")]


def find_visible(schema: ObjectSchema, visible: list[Field], name: str) -> Field:
    item = schema.find(name)
    if item is None or item not in visible:
        raise errors.no_such_column(name, schema.name)
    return item


def _check_unmodified(call: Call, record: Record) -> None:
    asked = call.header("if-unmodified-since")
    if asked is None:
        return
    limit = parse_http_date(asked)
    if limit is None:
        raise SalesforceError("INVALID_HEADER", f"Invalid header value: {asked}")
    if moment_of(str(record["LastModifiedDate"])) > limit:
        raise SalesforceError(
            "PRECONDITION_FAILED", "The record was modified since the given time", status=412
        )


def update_record(call: Call) -> Response:
    _, record = _live(call)
    _check_unmodified(call, record)
    update(call.write(), str(record["Id"]), _without_id(call.json_object()))
    return no_content()


def _without_id(payload: JsonObject) -> JsonObject:
    """In a single-record update the id stands in the address only."""
    if any(name.casefold() == "id" for name in payload):
        raise SalesforceError("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
    return payload


def delete_record(call: Call) -> Response:
    _, record = _live(call)
    delete(call.write(), str(record["Id"]))
    return no_content()


def read_by_key(call: Call) -> Response:
    schema, ids = _by_key(call)
    if len(ids) != 1:
        return _ambiguous(call, schema, ids) if ids else errors.not_found().answer().response()
    record = call.org.tables[schema.name].rows[ids[0]]
    headers = {"Last-Modified": http_date(str(record["LastModifiedDate"]))}
    fields = _fields(call, schema, call.query("fields"))
    return json_response(call.render(schema.name, fields, record), headers=headers)


def upsert_record(call: Call) -> Response:
    """201 created, 200 updated (204 before v46), 300 when several records have the value."""
    schema, ids = _by_key(call)
    if len(ids) > 1:
        return _ambiguous(call, schema, ids)
    payload = call.json_object()
    key = schema.find(call.path("key"))
    if key is not None and any(name.casefold() == key.name.casefold() for name in payload):
        raise SalesforceError(
            "INVALID_FIELD", f"The {key.name} field should not be specified in the sobject data."
        )
    if ids:
        update(call.write(), ids[0], payload)
        if float(call.version) < 46:
            return no_content()
        return json_response({**_created(ids[0]), "created": False})
    assert key is not None
    record_id = create(call.write(), schema, {**payload, key.name: call.path("value")})
    location = call.record_url(schema.name, record_id)
    return json_response({**_created(record_id), "created": True}, 201, {"Location": location})


def delete_by_key(call: Call) -> Response:
    schema, ids = _by_key(call)
    if len(ids) != 1:
        return _ambiguous(call, schema, ids) if ids else errors.not_found().answer().response()
    delete(call.write(), ids[0])
    return no_content()


def key_field(schema: ObjectSchema, visible: list[Field], name: str) -> Field:
    """An external-id or look-up field; anything else is what a wrong address gets."""
    item = schema.find(name)
    if item is None or item not in visible or not (item.is_on("externalId") or item.is_on("idLookup")):
        message = f"Provided external ID field does not exist or is not accessible: {name}"
        raise SalesforceError("NOT_FOUND", message, status=404)
    return item


def _by_key(call: Call) -> tuple[ObjectSchema, list[str]]:
    schema = call.org.require(call.path("sobject"))
    item = key_field(schema, call.org.visible_fields(schema), call.path("key"))
    return schema, ids_by_key(call, schema, item, call.path("value"))


def ids_by_key(call: Call, schema: ObjectSchema, item: Field, value: str) -> list[str]:
    held = call.org.unique.get((schema.name, item.name))
    folded = value.casefold()
    if item.is_on("unique"):
        found = (held or {}).get(folded)
        return [found] if found else []
    rows = call.org.tables[schema.name].rows.items()
    return [
        record_id
        for record_id, record in rows
        if not record["IsDeleted"] and str(record.get(item.name, "")).casefold() == folded
    ]


def _ambiguous(call: Call, schema: ObjectSchema, ids: list[str]) -> Response:
    return json_response([call.record_url(schema.name, record_id) for record_id in ids], 300)


def updated(call: Call) -> Response:
    """Ids changed in the window, by SystemModstamp, at most 30 days back; seconds are ignored."""
    schema = call.org.require(call.path("sobject"))
    start, end = _window(call, _UPDATED_DAYS)
    table = call.org.tables[schema.name]
    ids = [
        record_id
        for record_id in table.in_stamp_order((start, ""), (end, ""))
        if not table.rows[record_id]["IsDeleted"]
    ]
    if len(ids) > _MAX_IDS:
        raise SalesforceError("EXCEEDED_ID_LIMIT", "too many ids in the requested window")
    return json_response({"ids": ids, "latestDateCovered": end})


def deleted(call: Call) -> Response:
    """What went to the recycle bin in the window, at most 15 days back."""
    schema = call.org.require(call.path("sobject"))
    start, end = _window(call, _DELETED_DAYS)
    table = call.org.tables[schema.name]
    gone = [
        {"id": record_id, "deletedDate": table.rows[record_id]["SystemModstamp"]}
        for record_id in table.in_stamp_order((start, ""), (end, ""))
        if table.rows[record_id]["IsDeleted"]
    ]
    earliest = stamp(call.org.clock.now() - timedelta(days=_DELETED_DAYS))
    return json_response(
        {"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": end}
    )


def _window(call: Call, days: int) -> tuple[str, str]:
    start, end = _moment(call, "start"), _moment(call, "end")
    now = call.org.clock.now()
    if start < now - timedelta(days=days):
        raise SalesforceError(
            "INVALID_REPLICATION_DATE", f"startDate before org replication enabled date or {days} days ago"
        )
    if end <= start:
        raise SalesforceError("INVALID_REPLICATION_DATE", "startDate cannot be same or later than endDate")
    return stamp(start), stamp(min(end, now))


def _moment(call: Call, name: str) -> datetime:
    text = call.query(name)
    moment = parse_moment(text.replace(" ", "+")) if text else None
    if moment is None:
        raise SalesforceError("INVALID_REPLICATION_DATE", f"Invalid {name} date: {text}")
    return moment.astimezone(UTC).replace(second=0, microsecond=0)
