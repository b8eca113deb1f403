"""`/query` and `/queryAll`: pages of up to 2,000 rows and the locators that continue them."""

from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from tieline.sandbox.kernel.values import JsonObject
from tieline.sandbox.salesforce.calls import Call, json_response
from tieline.sandbox.salesforce.errors import SalesforceError
from tieline.sandbox.salesforce.ids import IdSource
from tieline.sandbox.salesforce.org import Organisation
from tieline.sandbox.salesforce.soql.errors import query_error
from tieline.sandbox.salesforce.soql.parser import parse
from tieline.sandbox.salesforce.soql.select import Selection, select
from tieline.sandbox.salesforce.soql.syntax import Name, Query

_MIN_BATCH, _MAX_BATCH = 200, 2000
_KEPT = 200


@dataclass(slots=True)
class Cursor:
    selection: Selection
    page_size: int
    deleted: bool
    opened: datetime


class Cursors:
    """The open query locators; the oldest goes when there are too many."""

    def __init__(self) -> None:
        self._open: dict[str, Cursor] = {}
        self._ids = IdSource("0r8")

    def add(self, cursor: Cursor) -> str:
        if len(self._open) >= _KEPT:
            del self._open[next(iter(self._open))]
        locator = self._ids.take()
        self._open[locator] = cursor
        return locator

    def get(self, locator: str, now: datetime, lifetime: float) -> Cursor:
        found = self._open.get(locator)
        if found is None or (now - found.opened).total_seconds() > lifetime:
            raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
        return found

    def clear(self) -> None:
        self._open.clear()


def run_query(org: Organisation, text: str, *, deleted: bool) -> tuple[Query, Selection]:
    """Parses, checks and evaluates a query; raises `SalesforceError`."""
    query = parse(text)
    schema = org.schema(query.sobject.text)
    if schema is None:
        raise unknown_object(query.sobject, text)
    hidden = org.hidden(schema.name)
    table = org.tables[schema.name]
    return query, select(query, schema, table, lambda name: name not in hidden, deleted=deleted)


def unknown_object(name: Name, text: str) -> SalesforceError:
    message = (
        f"sObject type '{name.text}' is not supported. If you are attempting to use a custom object, be sure to "
        "append the '__c' after the entity name. Please reference your WSDL or the describe call for the "
        "appropriate names."
    )
    return query_error(text, name.at, message, "INVALID_TYPE")


def query(call: Call, cursors: Cursors, *, deleted: bool) -> Response:
    text = call.query("q")
    if text is None:
        raise SalesforceError("MALFORMED_QUERY", "A query string has to be specified")
    parsed, selection = run_query(call.org, text, deleted=deleted)
    if parsed.counts:
        return json_response({"totalSize": len(selection.ids), "done": True, "records": []})
    cursor = Cursor(selection, _page_size(call), deleted, call.org.clock.now())
    return _page(call, cursors, cursor, None, 0)


def query_more(call: Call, cursors: Cursors) -> Response:
    locator, _, start = call.path("locator").rpartition("-")
    if not start.isdigit():
        raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
    cursor = cursors.get(locator, call.org.clock.now(), call.org.settings.locator_seconds)
    if int(start) >= len(cursor.selection.ids):
        raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(call, cursors, cursor, locator, int(start))


def _page_size(call: Call) -> int:
    """`Sforce-Query-Options: batchSize=n` is a hint within 200 to 2,000; the org's own page size caps it."""
    size = _MAX_BATCH
    for option in (call.header("sforce-query-options") or "").split(","):
        name, _, value = option.partition("=")
        if name.strip().lower() == "batchsize":
            if not value.strip().isdigit():
                raise SalesforceError("INVALID_QUERY_OPTIONS", f"Invalid batchSize: {value}")
            size = min(max(int(value), _MIN_BATCH), _MAX_BATCH)
    return min(size, call.org.settings.page_size)


def _page(call: Call, cursors: Cursors, cursor: Cursor, locator: str | None, start: int) -> Response:
    selection = cursor.selection
    stop = start + cursor.page_size
    done = stop >= len(selection.ids)
    answer: JsonObject = {"totalSize": len(selection.ids), "done": done}
    if not done:
        name = locator or cursors.add(cursor)
        answer["nextRecordsUrl"] = f"/services/data/v{call.version}/query/{name}-{stop}"
    answer["records"] = _records(call, cursor, start, stop)
    return json_response(answer)


def _records(call: Call, cursor: Cursor, start: int, stop: int) -> list[JsonObject]:
    """Rows that were purged, or deleted under a `/query`, since the first page are left out."""
    selection = cursor.selection
    schema, rows = call.org.objects[selection.sobject], call.org.tables[selection.sobject].rows
    fields = [schema.fields[name] for name in selection.fields if name in schema.fields]
    return [
        call.render(schema.name, fields, record)
        for record_id in selection.ids[start:stop]
        if (record := rows.get(record_id)) is not None and (cursor.deleted or not record["IsDeleted"])
    ]
