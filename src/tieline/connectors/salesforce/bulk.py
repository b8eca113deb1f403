"""A full read by a Bulk API 2.0 query job: create, poll, fetch CSV pages, each in its own operation.

The job's rows come in no order and may be as old as the job. Where the Bulk API is refused or a job fails,
the read goes on by SOQL in id order.
https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote

from tieline.connectors.salesforce.reading import (
    SYSTEM_FIELDS,
    read_by_id_order,
    select_contacts,
    watermark_after,
)
from tieline.connectors.salesforce.types import decode_text
from tieline.connectors.salesforce.wire import CORE, JOBS_PATH, crm_now, full_id, is_id, moment, parse_moment
from tieline.connectors.spec import decode_object, malformed
from tieline.domain import instants
from tieline.domain.crm_schema import CrmField
from tieline.domain.records import RemoteRecord
from tieline.ports.crm import Json, Operation, Page, Request, Response
from tieline.ports.errors import CursorGoneError, FatalError, PermissionMissingError

_FIRST_POLL_S: Final = 1.0
_SLOWEST_POLL_S: Final = 15.0
_RUNNING: Final = frozenset({"UploadComplete", "InProgress", "Open"})
# The longest text field has 131,072 characters, which is csv's own limit to the character.
csv.field_size_limit(4 * 131_072)


def read_all(fields: Sequence[CrmField], cursor: Json | None, page_size: int) -> Operation[Page]:
    """The next step of a full read, by what `cursor` says: `{job, locator, started, requested, polls}` or
    `{after}`.
    """
    if cursor is None:
        return (yield from _begin(fields, page_size))
    if "job" not in cursor:
        return (yield from read_by_id_order(fields, cursor, page_size))
    if cursor.get("locator") is None:
        return (yield from _poll(fields, cursor, page_size))
    return (yield from _results(fields, cursor, page_size))


def _begin(fields: Sequence[CrmField], page_size: int) -> Operation[Page]:
    body = {"operation": "query", "query": select_contacts(fields)}
    request = Request("POST", JOBS_PATH, json=body, bucket=CORE)
    try:
        response = yield request
    except (PermissionMissingError, FatalError):
        return (yield from read_by_id_order(fields, {}, page_size))
    created = decode_object(request, response)
    job = created.get("id")
    if not isinstance(job, str) or not is_id(job):
        raise malformed(request, response, "a job without an id")
    cursor: Json = {
        "job": job,
        "locator": None,
        "started": moment(_beginning(created, response)),
        "requested": response.requested_at.isoformat(),
        "polls": 0,
    }
    return _not_yet(cursor)


def _beginning(created: Json, response: Response) -> datetime:
    """The job's own stamp where it is earlier than the answer's date: the clock that the records are stamped by."""
    told = crm_now(response)
    try:
        return min(told, parse_moment(created.get("createdDate")))
    except ValueError:
        return told


def _poll(fields: Sequence[CrmField], cursor: Json, page_size: int) -> Operation[Page]:
    request = Request("GET", f"{JOBS_PATH}/{_job(cursor)}", bucket=CORE)
    response = yield request
    state = decode_object(request, response).get("state")
    if state in _RUNNING:
        return _not_yet({**cursor, "polls": int(cursor.get("polls", 0)) + 1})
    if state == "JobComplete":
        return (yield from _results(fields, cursor, page_size))
    if state == "Failed":
        # SOQL either manages, or says with a code of its own what is wrong.
        return (yield from read_by_id_order(fields, {"started": cursor["started"]}, page_size))
    raise CursorGoneError(
        f"The Salesforce bulk job of this read is {state or 'in no state'}; the read starts again."
    )


def _not_yet(cursor: Json) -> Page:
    wait = min(_FIRST_POLL_S * 1.5 ** int(cursor["polls"]), _SLOWEST_POLL_S)
    return Page((), cursor, None, _requested(cursor), wait_s=wait)


def _results(fields: Sequence[CrmField], cursor: Json, page_size: int) -> Operation[Page]:
    query = {"maxRecords": str(max(1, page_size))}
    if cursor.get("locator"):
        query["locator"] = str(cursor["locator"])
    path = f"{JOBS_PATH}/{_job(cursor)}/results"
    request = Request("GET", path, query=query, headers={"Accept": "text/csv"}, bucket=CORE)
    response = yield request
    records = _records(request, response, fields)
    locator = response.headers.get("sforce-locator")
    if not locator:
        raise malformed(request, response, "no locator")
    if locator == "null":
        return Page(records, None, watermark_after(_started(cursor)), _requested(cursor))
    return Page(records, {**cursor, "locator": locator}, None, _requested(cursor))


def _records(request: Request, response: Response, fields: Sequence[CrmField]) -> list[RemoteRecord]:
    """The CSV's rows. Their number must be the one that the header names: a cut-off answer is no success."""
    try:
        rows = csv.reader(io.StringIO(response.body.decode("utf-8"), newline=""), strict=True)
        header = next(rows, [])
        records = _decoded(header, rows, fields)
    except (csv.Error, UnicodeDecodeError, ValueError, IndexError):
        raise malformed(request, response, "not the CSV it promises") from None
    told = response.headers.get("sforce-numberofrecords", "")
    if not told.isdigit() or int(told) != len(records):
        raise malformed(request, response, f"{len(records)} rows where it names {told or 'no number'}")
    return records


def _decoded(
    header: Sequence[str], rows: Iterable[list[str]], fields: Sequence[CrmField]
) -> list[RemoteRecord]:
    records: list[RemoteRecord] = []
    column = {name: at for at, name in enumerate(header)}
    if not header:
        return records
    at_id, at_created, at_modified, at_by = (column.get(name, -1) for name in SYSTEM_FIELDS)
    if min(at_id, at_created, at_modified, at_by) < 0:
        raise ValueError("a column is missing")
    cells = [(field.name, column[field.name], decode_text(field)) for field in fields if field.name in column]
    for row in rows:
        if len(row) != len(header):
            raise ValueError("a row is short")
        records.append(
            RemoteRecord(
                full_id(row[at_id]),
                instants.epoch_ms(datetime.fromisoformat(row[at_created])),
                instants.epoch_ms(datetime.fromisoformat(row[at_modified])),
                {name: decode(row[at]) for name, at, decode in cells},
                full_id(row[at_by]) or None,
            )
        )
    return records


def _job(cursor: Json) -> str:
    job = str(cursor["job"])
    if not is_id(job):
        raise CursorGoneError("The saved place of this read cannot be read.")
    return quote(job, safe="")


def _started(cursor: Json) -> datetime:
    try:
        return parse_moment(cursor.get("started"))
    except ValueError:
        raise CursorGoneError("The saved place of this read cannot be read.") from None


def _requested(cursor: Json) -> datetime:
    try:
        return parse_moment(cursor.get("requested"))
    except ValueError:
        raise CursorGoneError("The saved place of this read cannot be read.") from None
