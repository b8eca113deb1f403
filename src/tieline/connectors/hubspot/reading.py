"""Reading contacts whose values are live: the full list and reads by id.

The list is ordered by id and complete; it knows no filter by time. Its last page carries the first watermark:
the CRM's clock at the start of the read, less a safety lag. Nothing here may take a value from the search
index.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

from tieline.connectors.hubspot import paths, wire
from tieline.connectors.hubspot.types import canonical_datetime
from tieline.domain.crm_schema import CrmField
from tieline.domain.records import RemoteRecord
from tieline.ports.crm import Json, Operation, Page, Request
from tieline.ports.errors import CursorGoneError, MalformedAnswerError, RecordGoneError

SAFETY_LAG_MS: Final = 300_000
"""How far behind the CRM's clock an increment starts. HubSpot's index trails its store, by moments as a rule
and by a minute or more at times; what it shows later than this is found only by the next change or the next
full read."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def watermark_from(started_ms: int) -> str:
    """The watermark of a read that started at this time of the CRM's clock."""
    return canonical_datetime(_EPOCH + timedelta(milliseconds=started_ms - SAFETY_LAG_MS))


def watermark_ms(watermark: str) -> int:
    """The watermark as the CRM's milliseconds. Raises CursorGoneError for what is none of ours."""
    stamp = wire.epoch_ms(watermark)
    if stamp is None:
        raise CursorGoneError(
            "The saved watermark cannot be read; a full read is needed.", detail=watermark[:100]
        )
    return stamp


def member(cursor: Json, name: str) -> object:
    """A member of a saved cursor. Raises CursorGoneError for a cursor that is none of this connector's."""
    value: object = cursor.get(name)
    if value is None:
        raise CursorGoneError("The saved place of this read cannot be read.", detail=f"no {name}")
    return value


def number(cursor: Json, name: str) -> int:
    """A whole number of a saved cursor, likewise."""
    value = member(cursor, name)
    if not isinstance(value, int):
        raise CursorGoneError("The saved place of this read cannot be read.", detail=f"{name} is no number")
    return value


def read_all(fields: Sequence[CrmField], cursor: Json | None, page_size: int) -> Operation[Page]:
    """One page of the list."""
    names = wire.property_names(fields)
    in_address = len(quote(",".join(names), safe="")) <= paths.LIST_QUERY_CHARACTERS
    query = {"limit": str(max(1, min(page_size, paths.LIST_LIMIT))), "archived": "false"}
    query["properties"] = ",".join(names if in_address else wire.BOOKKEEPING)
    if cursor is not None:
        query["after"] = str(member(cursor, "after"))
    response = yield Request("GET", paths.CONTACTS, query=query)
    found = wire.object_page(response)
    started = wire.crm_clock_ms(response) if cursor is None else number(cursor, "started_ms")
    records: Sequence[RemoteRecord] = [wire.record(one, fields) for one in found.results]
    requested_at = response.requested_at
    if not in_address and records:
        page = yield from read_by_ids(fields, [one.external_id for one in records])
        records, requested_at = page.records, page.requested_at
    done = found.after is None
    return Page(
        records=records,
        cursor=None if done else {"after": found.after, "started_ms": started},
        watermark=watermark_from(started) if done else None,
        requested_at=requested_at,
    )


def read_by_ids(fields: Sequence[CrmField], ids: Sequence[str]) -> Operation[Page]:
    """Live values by id, in as many batches as it takes. An id that HubSpot neither returns nor calls missing
    is looked up alone, so that a short answer is never taken for a deletion."""
    wanted = list(dict.fromkeys(ids))
    names = wire.property_names(fields)
    found: dict[str, RemoteRecord] = {}
    requested_at: datetime | None = None
    for start in range(0, len(wanted), paths.BATCH_LIMIT):
        batch = wanted[start : start + paths.BATCH_LIMIT]
        body = {"inputs": [{"id": one} for one in batch], "properties": names}
        response = yield Request("POST", paths.CONTACT_BATCH_READ, json=body)
        requested_at = min(requested_at or response.requested_at, response.requested_at)
        answer = wire.batch_answer(response)
        missing = {
            one for error in answer.errors if error.category == "OBJECT_NOT_FOUND" for one in error.ids()
        }
        for one in answer.results:
            if not one.archived:
                found[one.id] = wire.record(one, fields)
        told = missing | {one.id for one in answer.results}
        for one_id in batch:
            if one_id not in told:
                yield from _prove_gone(one_id)
    return Page(
        records=list(found.values()),
        cursor=None,
        watermark=None,
        requested_at=requested_at or _EPOCH,  # nothing was asked for, so nothing can be stale
    )


def _prove_gone(one_id: str) -> Operation[None]:
    """Raises MalformedAnswerError if the record exists after all. An id that answers as another record was
    merged away."""
    try:
        answer = wire.one_object(
            (yield Request("GET", paths.contact(one_id), query={"properties": wire.MODIFIED}))
        )
    except RecordGoneError:
        return
    if answer.id == one_id and not answer.archived:
        raise MalformedAnswerError(
            "HubSpot left out a contact that exists; the request is made again later.",
            detail=f"contact {one_id}",
        )
