"""sObject Collections: up to 200 records a request, results in the order of the request."""

from collections.abc import Callable, Mapping

from starlette.responses import Response

from tieline.sandbox.kernel.values import JsonObject
from tieline.sandbox.salesforce import errors
from tieline.sandbox.salesforce.calls import Call, json_response
from tieline.sandbox.salesforce.errors import SalesforceError
from tieline.sandbox.salesforce.ids import normalise_id
from tieline.sandbox.salesforce.rows import find_visible, ids_by_key, key_field
from tieline.sandbox.salesforce.schema import Field, ObjectSchema
from tieline.sandbox.salesforce.writes import Write, create, delete, update

MAX_RECORDS = 200
MAX_CHUNKS = 10
MAX_READ = 2000

# What one record of a request comes to: its successful result, or the `SalesforceError` it raises.
Step = Callable[[Write], JsonObject]


def create_many(call: Call) -> Response:
    records, all_or_none = _records(call)
    return _run(call, [_creation(call, record) for record in records], all_or_none)


def _creation(call: Call, record: JsonObject) -> Step:
    def step(write: Write) -> JsonObject:
        return _success(create(write, _schema(call, record), record))

    return step


def update_many(call: Call) -> Response:
    records, all_or_none = _records(call)
    return _run(call, [_change(call, record) for record in records], all_or_none)


def _change(call: Call, record: JsonObject) -> Step:
    def step(write: Write) -> JsonObject:
        schema = _schema(call, record)
        return _success(update(write, _existing(call, schema, _id_of(record)), record))

    return step


def upsert_many(call: Call) -> Response:
    """By an external id that every record carries; results tell `created`."""
    schema = call.org.require(call.path("sobject"))
    key = key_field(schema, call.org.visible_fields(schema), call.path("key"))
    records, all_or_none = _records(call)
    return _run(call, [_upsertion(call, schema, key, record) for record in records], all_or_none)


def _upsertion(call: Call, schema: ObjectSchema, key: Field, record: JsonObject) -> Step:
    def step(write: Write) -> JsonObject:
        if _schema(call, record) is not schema:
            raise SalesforceError("INVALID_TYPE", f"records must all be of type {schema.name}", fields=[])
        if key.name == "Id":
            return {
                **_success(update(write, _existing(call, schema, _id_of(record)), record)),
                "created": False,
            }
        value = next((item for name, item in record.items() if name.casefold() == key.name.casefold()), None)
        if value is None or value == "":
            raise SalesforceError("MISSING_ARGUMENT", f"{key.name} not specified", fields=[])
        ids = ids_by_key(call, schema, key, str(value))
        if len(ids) > 1:
            message = f"{key.name}: more than one record found for external id field: {ids}"
            raise SalesforceError("DUPLICATE_EXTERNAL_ID", message, fields=[])
        if ids:
            return {**_success(update(write, ids[0], record)), "created": False}
        return {**_success(create(write, schema, record)), "created": True}

    return step


def delete_many(call: Call) -> Response:
    """`?ids=a,b&allOrNone=true`."""
    ids = [text for text in (call.query("ids") or "").split(",") if text]
    _check_count(len(ids))
    return _run(call, [_deletion(call, record_id) for record_id in ids], call.query("allOrNone") == "true")


def _deletion(call: Call, record_id: str) -> Step:
    def step(write: Write) -> JsonObject:
        return _success(delete(write, _existing(call, None, record_id)))

    return step


def read_many(call: Call) -> Response:
    """By `{"ids", "fields"}` (POST, up to 2,000) or by the query (GET). What is not there is null."""
    if call.request.method == "GET":
        ids, names = (call.query("ids") or "").split(","), (call.query("fields") or "").split(",")
    else:
        payload = call.json_object()
        ids, names = _texts(payload, "ids"), _texts(payload, "fields")
    schema = call.org.require(call.path("sobject"))
    limit = MAX_READ if call.request.method == "POST" else 800
    if len(ids) > limit:
        raise SalesforceError(
            "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {limit} records"
        )
    visible = call.org.visible_fields(schema)
    fields = [find_visible(schema, visible, name.strip()) for name in names if name.strip()]
    return json_response([_read(call, schema, fields, record_id.strip()) for record_id in ids])


def _read(call: Call, schema: ObjectSchema, fields: list[Field], record_id: str) -> JsonObject | None:
    known = normalise_id(record_id)
    if known is None:
        raise SalesforceError("MALFORMED_ID", f"bad id {record_id}")
    call.exchange.record_ids.append(known)
    record = call.org.tables[schema.name].rows.get(known)
    return None if record is None or record["IsDeleted"] else call.render(schema.name, fields, record)


def _texts(payload: JsonObject, name: str) -> list[str]:
    value = payload.get(name)
    if not isinstance(value, list) or not value:
        raise SalesforceError("MISSING_ARGUMENT", f"{name} must be a list with at least one item")
    return [str(item) for item in value]


def _records(call: Call) -> tuple[list[JsonObject], bool]:
    payload = call.json_object()
    records = payload.get("records")
    if not isinstance(records, list):
        records = []
    _check_count(len(records))
    if not all(isinstance(record, dict) for record in records):
        raise SalesforceError("JSON_PARSER_ERROR", "each of the records must be a JSON object")
    _check_chunks([_type_of(record) for record in records])
    return records, payload.get("allOrNone") is True


def _check_count(count: int) -> None:
    if not count:
        raise SalesforceError("REQUIRED_FIELD_MISSING", "At least 1 record is required")
    if count > MAX_RECORDS:
        message = f"record limit reached. cannot submit more than {MAX_RECORDS} records into this operation"
        raise SalesforceError("EXCEEDED_ID_LIMIT", message)


def _check_chunks(types: list[str]) -> None:
    """Neighbours of one type are a chunk, and a request may have ten of them."""
    chunks = sum(1 for at, name in enumerate(types) if at == 0 or types[at - 1] != name)
    if chunks > MAX_CHUNKS:
        message = (
            f"Cannot have more than {MAX_CHUNKS} chunks in a single operation. Please rearrange the data"
        )
        raise SalesforceError("LIMIT_EXCEEDED", message)


def _type_of(record: Mapping[str, object]) -> str:
    attributes = record.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    return str(name) if name is not None else ""


def _schema(call: Call, record: JsonObject) -> ObjectSchema:
    name = _type_of(record)
    schema = call.org.schema(name) if name else None
    if schema is None:
        raise SalesforceError("INVALID_TYPE", f"sObject type '{name}' is not supported.", fields=[])
    return schema


def _id_of(record: JsonObject) -> str:
    value = next((value for name, value in record.items() if name.casefold() == "id"), None)
    if not isinstance(value, str) or not value:
        raise SalesforceError("MISSING_ARGUMENT", "Id not specified in an update call", fields=[])
    return value


def _existing(call: Call, schema: ObjectSchema | None, record_id: str) -> str:
    if normalise_id(record_id) is None:
        raise SalesforceError("MALFORMED_ID", f"bad id {record_id}", fields=["Id"])
    found = call.org.locate(record_id)
    if found is None:
        raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[])
    if schema is not None and found[0] is not schema:
        message = f"{schema.label} ID: id value of incorrect type: {record_id}"
        raise SalesforceError("MALFORMED_ID", message, fields=["Id"])
    return found[2]


def _success(record_id: str) -> JsonObject:
    return {"id": record_id, "success": True, "errors": []}


def _failure(error: SalesforceError) -> JsonObject:
    return {"success": False, "errors": [error.as_result()]}


def _run(call: Call, steps: list[Step], all_or_none: bool) -> Response:
    """Each step on its own; with `all_or_none` one failure takes back what the others did."""
    write = call.write()
    outcomes: list[JsonObject | SalesforceError] = []
    for step in steps:
        try:
            outcomes.append(step(write))
        except SalesforceError as error:
            if error.code == "JSON_PARSER_ERROR" and call.org.settings.type_errors_fail_request:
                write.undo()
                raise
            outcomes.append(error)
    failed = any(isinstance(outcome, SalesforceError) for outcome in outcomes)
    if failed and all_or_none:
        write.undo()
        outcomes = [
            outcome if isinstance(outcome, SalesforceError) else errors.rolled_back() for outcome in outcomes
        ]
    return json_response([_failure(item) if isinstance(item, SalesforceError) else item for item in outcomes])
