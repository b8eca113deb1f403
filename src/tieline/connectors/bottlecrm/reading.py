"""Reading contacts: the list, which is all that tells of changes, and single contacts by id.

The list is ordered by `created_at`, the newest first, and paged by offset. A contact that is made shifts all others to
later offsets, one that is deleted to earlier ones. So each page begins some places before the end of the last one,
and is good only if its first contact is younger than the last that was taken: then all that are older follow it. If
not, it is asked for again further up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from tieline.connectors.bottlecrm import paths, wire
from tieline.connectors.spec import decode_object, malformed
from tieline.domain.crm_schema import CrmField
from tieline.domain.records import RemoteRecord
from tieline.ports.crm import Json, Operation, Page, Request
from tieline.ports.errors import CursorGoneError, FatalError, RecordGoneError

_OVERLAP: Final = 3
_NEVER: Final = 2**62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a listing stands: the next offset, when the last contact taken was created (microseconds since the epoch),
    the ids taken that share that moment, and the CRM's time when the listing began.
    """

    offset: int
    last: int
    ids: tuple[str, ...]
    started: str

    @classmethod
    def restored(cls, cursor: Json) -> "_Place":
        match cursor:
            case {"offset": int(offset), "last": int(last), "ids": list(ids), "started": str(started)}:
                return cls(offset, last, tuple(str(one) for one in ids), started)
        raise CursorGoneError("The saved place of this read cannot be read.")

    def saved(self) -> Json:
        """The place as a cursor."""
        return {"offset": self.offset, "last": self.last, "ids": list(self.ids), "started": self.started}

    def has_taken(self, one: wire.Contact) -> bool:
        """Whether a contact was taken before this place."""
        created = wire.epoch_us(one["created_at"])
        return created > self.last or (created == self.last and one["id"] in self.ids)

    def after(self, offset: int, taken: Sequence[wire.Contact]) -> "_Place":
        """The place when these have been taken as well."""
        if not taken:
            return replace(self, offset=offset)
        last = wire.epoch_us(taken[-1]["created_at"])
        same = tuple(str(one["id"]) for one in taken if wire.epoch_us(one["created_at"]) == last)
        return replace(self, offset=offset, last=last, ids=(self.ids if last == self.last else ()) + same)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A part of the list. `is_last`: it is shorter than was asked for, so that nothing follows it."""

    contacts: Sequence[wire.Contact]
    end: int
    is_last: bool
    clock: str
    requested_at: datetime


def read_all(fields: Sequence[CrmField], cursor: Json | None, page_size: int) -> Operation[Page]:
    """One page of the list, with the values of the moment."""
    size = max(1, min(page_size, paths.LIST_LIMIT))
    if cursor is None:
        listed = yield from _listed(0, size)
        place = _Place(0, _NEVER, (), listed.clock)
    else:
        place = _Place.restored(cursor)
        listed = yield from _listed_after(place, size)
    fresh = [one for one in listed.contacts if not place.has_taken(one)]
    # Asked for after the page: a field that is still defined now was so when the page was made.
    defined = (yield from wire.definitions()) if wire.has_custom(fields) else []
    records = _records(fresh, fields, {one.key for one in defined})
    if listed.is_last:
        return Page(records, None, place.started, listed.requested_at)
    return Page(records, place.after(listed.end, fresh).saved(), None, listed.requested_at)


def _listed_after(place: _Place, size: int) -> Operation[_Listed]:
    """A part of the list that has every contact that is not younger than the place, as far as it goes."""
    back = _OVERLAP
    while True:
        offset = max(0, place.offset - back)
        # What is asked for again is asked for in addition, or small pages would never get on.
        listed = yield from _listed(offset, size + place.offset - offset)
        first = listed.contacts[0]["created_at"] if listed.contacts else None
        if offset == 0 or wire.epoch_us(first) > place.last:
            return listed
        back *= 4


def _listed(offset: int, limit: int) -> Operation[_Listed]:
    request = Request("GET", paths.CONTACTS, query={"limit": str(limit), "offset": str(offset)})
    response = yield request
    found = wire.contacts(request, response, decode_object(request, response).get("results"))
    stamps = [wire.epoch_us(one["created_at"]) for one in found]
    if len(found) > limit or stamps != sorted(stamps, reverse=True):
        raise FatalError(
            "BottleCRM does not list contacts as version 1.35 does, the newest first and by offset; Tieline cannot "
            "tell whether it would miss some."
        )
    # Its count is of another moment than its rows and cannot tell where the list ends.
    return _Listed(
        found, offset + len(found), len(found) < limit, wire.crm_clock(response), response.requested_at
    )


def _records(
    found: Sequence[wire.Contact], fields: Sequence[CrmField], defined: set[str]
) -> Sequence[RemoteRecord]:
    return [wire.record(one, fields, defined) for one in found]


def read_by_ids(fields: Sequence[CrmField], ids: Sequence[str]) -> Operation[Page]:
    """Live contacts, one request each. Only a 404 leaves one out."""
    records: list[RemoteRecord] = []
    requested_at: datetime | None = None
    for one_id in dict.fromkeys(ids):
        request = Request("GET", paths.contact(one_id))
        try:
            response = yield request
        except RecordGoneError:
            continue
        requested_at = requested_at or response.requested_at
        body = decode_object(request, response)
        found = wire.contacts(request, response, [body.get("contact_obj")])
        if found[0]["id"] != one_id:
            raise malformed(request, response, "it is another contact")
        defined = wire.definitions_of(request, response, body.get("custom_field_definitions"))
        records += _records(found, fields, {one.key for one in defined})
    return Page(records, None, None, requested_at or _EPOCH)
