"""Walking HubSpot's search index by keyset, and reading what changed.

Search results are ordered by the modified time, in any order among equal times, and `after` is an offset:
while records change, offsets shift and a page boundary loses one. So no request here ever uses an offset.
Every request asks for a first page: of everything modified at or after a time, or, when one millisecond holds
more than a page, of that millisecond's records by id. HubSpot's cap of 10,000 results a query is therefore
never met. Boundary records are repeated, none is lost.

The index trails the store, so a page is a hint that records changed (`authoritative=False`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tieline.connectors.hubspot import paths, wire
from tieline.connectors.hubspot.reading import number, read_by_ids, watermark_from, watermark_ms
from tieline.domain.crm_schema import CrmField
from tieline.ports.crm import Json, Operation, Page, Request, Response
from tieline.ports.errors import MalformedAnswerError

Filter = dict[str, Any]

_ASCENDING: Final = "ASCENDING"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the index: from this millisecond on, or, with `after_id`, within it after that id."""

    at_ms: int
    after_id: int | None = None

    def filters(self) -> list[Filter]:
        """The filters of the request for this place."""
        at = str(self.at_ms)
        if self.after_id is None:
            return [{"propertyName": wire.MODIFIED, "operator": "GTE", "value": at}]
        return [
            {"propertyName": wire.MODIFIED, "operator": "GTE", "value": at},
            {"propertyName": wire.MODIFIED, "operator": "LTE", "value": at},
            {"propertyName": wire.OBJECT_ID, "operator": "GT", "value": str(self.after_id)},
        ]

    def sort(self) -> list[dict[str, str]]:
        """The one sort that HubSpot allows a request."""
        name = wire.MODIFIED if self.after_id is None else wire.OBJECT_ID
        return [{"propertyName": name, "direction": _ASCENDING}]

    def following(self, found: wire.ObjectPage) -> "Place | None":
        """The place after this answer, or None at the end. Moves forward with every answer."""
        full = found.after is not None
        if full and not found.results:
            raise MalformedAnswerError("HubSpot's search promised more results and returned none.")
        if self.after_id is not None:
            return Place(self.at_ms, self._last_id(found)) if full else Place(self.at_ms + 1)
        if not full:
            return None
        last = wire.modified_ms(found.results[-1])
        if last < self.at_ms:
            raise MalformedAnswerError(
                "HubSpot's search returned contacts in another order than was asked for."
            )
        return Place(last) if last > self.at_ms else Place(self.at_ms, after_id=0)

    def _last_id(self, found: wire.ObjectPage) -> int:
        last = max((int(one.id) for one in found.results if one.id.isdigit()), default=0)
        if self.after_id is not None and last <= self.after_id:
            raise MalformedAnswerError(
                "HubSpot's search returned contacts in another order than was asked for."
            )
        return last

    def saved(self) -> Json:
        """As a cursor's members."""
        return {"at_ms": self.at_ms, "after_id": self.after_id}

    @classmethod
    def restored(cls, cursor: Json) -> "Place":
        """From a cursor's members."""
        within = cursor.get("after_id") is not None
        return cls(number(cursor, "at_ms"), number(cursor, "after_id") if within else None)


def read_changes(
    fields: Sequence[CrmField], watermark: str, cursor: Json | None, page_size: int
) -> Operation[Page]:
    """One page of what changed at or after the watermark. Where the property names do not fit into a search
    body, the index gives the ids and a batch read the values; such a page is authoritative."""
    lower = watermark_ms(watermark)
    place = Place(lower) if cursor is None else Place.restored(cursor)
    names = wire.property_names(fields)
    fits = body_fits([place.filters()], place.sort(), names)
    body = search_body([place.filters()], place.sort(), names if fits else wire.BOOKKEEPING, page_size)
    response, found = yield from send(body)
    started = wire.crm_clock_ms(response) if cursor is None else number(cursor, "started_ms")
    following = place.following(found)
    done = following is None
    page = yield from as_page(found, response, fields, values=fits)
    return Page(
        records=page.records,
        cursor=None if following is None else {**following.saved(), "started_ms": started},
        watermark=max(watermark, watermark_from(started), key=watermark_ms) if done else None,
        requested_at=page.requested_at,
        authoritative=page.authoritative,
    )


def search_body(
    groups: Sequence[list[Filter]], sorts: list[dict[str, str]], names: Sequence[str], page_size: int
) -> Json:
    """A search request; groups are joined by OR, filters of a group by AND."""
    body: Json = {
        "filterGroups": [{"filters": filters} for filters in groups],
        "properties": list(names),
        "limit": max(1, min(page_size, paths.SEARCH_LIMIT)),
    }
    return {**body, "sorts": sorts} if sorts else body


def body_fits(groups: Sequence[list[Filter]], sorts: list[dict[str, str]], names: Sequence[str]) -> bool:
    """Whether HubSpot takes a search body with all these property names."""
    return (
        len(json.dumps(search_body(groups, sorts, names, paths.SEARCH_LIMIT))) <= paths.SEARCH_BODY_CHARACTERS
    )


def send(body: Json) -> Operation[tuple[Response, wire.ObjectPage]]:
    """Sends one search."""
    response = yield Request("POST", paths.CONTACT_SEARCH, json=body, bucket=paths.SEARCH_BUCKET)
    return response, wire.object_page(response)


def as_page(
    found: wire.ObjectPage, response: Response, fields: Sequence[CrmField], *, values: bool
) -> Operation[Page]:
    """The records of a search answer; `values` False: their values are read by id first."""
    live = [one for one in found.results if not one.archived]
    if not values and live:
        return (yield from read_by_ids(fields, [one.id for one in live]))
    records = [wire.record(one, fields) for one in live]
    return Page(records, None, None, response.requested_at, authoritative=False)
