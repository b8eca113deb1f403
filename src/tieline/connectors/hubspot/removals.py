"""What is gone from HubSpot: merges first, then deletes.

A merge is seen in the survivor, which lists the ids merged into it. Deleted records stand in the archived
list, ordered by id and without any filter by time, so each sweep pages through all of it and keeps what was
archived since. Merges come first, so that nobody takes a merged record for a deleted one. A survivor that was
deleted itself before anybody looked is not searchable: its merges are told with its own removal. A privacy
delete leaves no trace in either place.
"""

from typing import Final

from tieline.connectors.hubspot import paths, wire
from tieline.connectors.hubspot.reading import number, watermark_from, watermark_ms
from tieline.connectors.hubspot.searching import Filter, Place, search_body, send
from tieline.domain.records import Removal
from tieline.ports.crm import Json, Operation, RemovalsPage, Request
from tieline.ports.errors import CursorGoneError

_MERGED: Final = "merged"
_ARCHIVED: Final = "archived"
_HAS_MERGED: Final[Filter] = {"propertyName": wire.MERGED_INTO, "operator": "HAS_PROPERTY"}


def read_removals(watermark: str | None, cursor: Json | None) -> Operation[RemovalsPage]:
    """One page. `watermark` None: everything that HubSpot still knows."""
    since = 0 if watermark is None else watermark_ms(watermark)
    if cursor is None or cursor.get("phase") == _MERGED:
        return (yield from _merges(since, cursor))
    if cursor.get("phase") == _ARCHIVED:
        return (yield from _deletes(since, watermark, cursor))
    raise CursorGoneError("The saved place of a sweep for deletions cannot be read.")


def _merges(since: int, cursor: Json | None) -> Operation[RemovalsPage]:
    place = Place(since) if cursor is None else Place.restored(cursor)
    body = search_body([[*place.filters(), _HAS_MERGED]], place.sort(), wire.BOOKKEEPING, paths.SEARCH_LIMIT)
    response, found = yield from send(body)
    started = wire.crm_clock_ms(response) if cursor is None else number(cursor, "started_ms")
    removals = [removal for survivor in found.results for removal in _merged_into(survivor, since)]
    following = place.following(found)
    if following is None:
        return RemovalsPage(removals, {"phase": _ARCHIVED, "after": None, "started_ms": started}, None)
    return RemovalsPage(removals, {"phase": _MERGED, **following.saved(), "started_ms": started}, None)


def _merged_into(survivor: wire.CrmObject, since: int) -> list[Removal]:
    times, modified = wire.merge_times(survivor), wire.modified_ms(survivor)
    merged = [(one, times.get(one, modified)) for one in wire.merged_ids(survivor)]
    return [Removal(one, at, survivor.id) for one, at in merged if at >= since]


def _deletes(since: int, watermark: str | None, cursor: Json) -> Operation[RemovalsPage]:
    query = {"limit": str(paths.LIST_LIMIT), "archived": "true", "properties": ",".join(wire.BOOKKEEPING)}
    if cursor.get("after") is not None:
        query["after"] = str(cursor["after"])
    found = wire.object_page((yield Request("GET", paths.CONTACTS, query=query)))
    gone = [(one, at) for one in found.results if (at := _archived_ms(one)) >= since]
    removals = [Removal(loser, at, one.id) for one, at in gone for loser in wire.merged_ids(one)]
    removals += [Removal(one.id, at) for one, at in gone]
    started = number(cursor, "started_ms")
    if found.after is not None:
        return RemovalsPage(removals, {"phase": _ARCHIVED, "after": found.after, "started_ms": started}, None)
    ending = watermark_from(started)
    return RemovalsPage(
        removals, None, ending if watermark is None else max(watermark, ending, key=watermark_ms)
    )


def _archived_ms(found: wire.CrmObject) -> int:
    at = wire.epoch_ms(found.archivedAt)
    return wire.modified_ms(found) if at is None else at
