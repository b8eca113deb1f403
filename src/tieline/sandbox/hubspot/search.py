"""The search engine: reads a search request, finds, sorts and pages; only from the index.

Its caps are HubSpot's: 5 groups of 6 filters, 18 in all, 3,000 characters, 200 a page, 10,000 results.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from tieline.sandbox.hubspot.filters import (
    OPERATORS,
    Bounds,
    Comparable,
    Filter,
    bounds_of,
    comparable_of,
    predicate,
)
from tieline.sandbox.hubspot.index import LOOKUPS, SearchIndex
from tieline.sandbox.hubspot.records import Snapshot, value_of
from tieline.sandbox.hubspot.schema import ObjectType, Property
from tieline.sandbox.hubspot.values import as_text
from tieline.sandbox.hubspot.wire import HubSpotError, bad_request

MAX_GROUPS, MAX_IN_GROUP, MAX_FILTERS = 5, 6, 18
MAX_BODY, MAX_PAGE, MAX_RESULTS, DEFAULT_PAGE = 3_000, 200, 10_000, 10
_KEPT_RESULTS = 32


class SearchRequest(NamedTuple):
    groups: tuple[tuple[Filter, ...], ...]
    sort: tuple[Property, bool] | None
    query: str
    limit: int
    after: int
    key: bytes


class SearchPage(NamedTuple):
    total: int
    states: list[Snapshot]
    next_after: int | None


def read_request(body: Mapping[str, object], properties: Mapping[str, Property]) -> SearchRequest:
    """Raises a 400 HubSpotError for what HubSpot would refuse."""
    groups = tuple(_group(group, properties) for group in _items(body, "filterGroups"))
    loose = _items(body, "filters")
    if loose:
        groups = (*groups, _filters(loose, properties))
    if len(groups) > MAX_GROUPS:
        raise bad_request(f"the number of filter groups is greater than the maximum of {MAX_GROUPS}")
    if sum(map(len, groups)) > MAX_FILTERS:
        raise bad_request(f"the number of filters is greater than the maximum of {MAX_FILTERS}")
    limit, after = _whole(body, "limit", DEFAULT_PAGE), _whole(body, "after", 0)
    if not 0 <= limit <= MAX_PAGE:
        raise bad_request(f"limit must be between 0 and {MAX_PAGE}")
    if after < 0 or after + limit > MAX_RESULTS:
        raise bad_request(
            "There was a problem with the request: paging beyond 10,000 results is not supported"
        )
    key = msgspec.json.encode([body.get(name) for name in ("filterGroups", "filters", "sorts", "query")])
    return SearchRequest(
        groups, _sort(body, properties), as_text(body.get("query")).strip(), limit, after, key
    )


class SearchEngine:
    """Answers searches over one index; the matches of a query are kept until the index changes."""

    def __init__(self, kind: ObjectType, index: SearchIndex) -> None:
        self._kind = kind
        self._index = index
        self._kept: OrderedDict[bytes, list[int]] = OrderedDict()
        self._kept_version = -1

    def run(self, request: SearchRequest) -> SearchPage:
        found = self._matches(request)
        last = request.after + request.limit
        states = [self._index.entries[record_id] for record_id in found[request.after : last]]
        return SearchPage(len(found), states, last if request.limit and last < len(found) else None)

    def _matches(self, request: SearchRequest) -> list[int]:
        if self._kept_version != self._index.version:
            self._kept.clear()
            self._kept_version = self._index.version
        found = self._kept.get(request.key)
        if found is None:
            found = self._kept[request.key] = self._find(request)
            if len(self._kept) > _KEPT_RESULTS:
                self._kept.popitem(last=False)
        return found

    def _find(self, request: SearchRequest) -> list[int]:
        window = self._window(request)
        if window is not None:
            return window
        single = request.groups[0] if len(request.groups) == 1 else ()
        if len(request.groups) <= 1:
            found = self._group(single)
        else:
            found = sorted({record_id for group in request.groups for record_id in self._group(group)})
        if request.query:
            found = [record_id for record_id in found if self._has_words(record_id, request.query)]
        return self._sorted(found, request.sort)

    def _window(self, request: SearchRequest) -> list[int] | None:
        """A range of modified times sorted by them, as an incremental read asks for: straight from the index."""
        modified = self._kind.modified
        if (
            len(request.groups) != 1
            or request.sort is None
            or request.sort[0].name != modified
            or request.query
        ):
            return None
        bounds = [bounds_of(wanted) for wanted in request.groups[0]]
        ranges = [one for one in bounds if one is not None and one.name == modified]
        if len(ranges) != len(bounds):
            return None
        found = self._range(modified, ranges)
        return found[::-1] if request.sort[1] else found

    def _group(self, group: Sequence[Filter]) -> list[int]:
        """Ids that match every filter; those filters that an index answers are not tested again."""
        candidates, rest = self._candidates(group)
        entries = self._index.entries
        for wanted in rest:
            test = predicate(self._kind, wanted)
            candidates = [record_id for record_id in candidates if test(entries[record_id])]
        return candidates

    def _candidates(self, group: Sequence[Filter]) -> tuple[list[int], list[Filter]]:
        for wanted in group:
            if wanted.operator == "EQ" and wanted.item.name in LOOKUPS:
                found = self._index.with_value(wanted.item.name, wanted.value)
                return sorted(found), [other for other in group if other is not wanted]
        ranges = [(wanted, bounds) for wanted in group if (bounds := bounds_of(wanted)) is not None]
        for name in ("hs_object_id", self._kind.modified):
            mine = [(wanted, bounds) for wanted, bounds in ranges if bounds.name == name]
            if mine:
                used = [wanted for wanted, _ in mine]
                return self._range(name, [bounds for _, bounds in mine]), [w for w in group if w not in used]
        return self._index.ids(), list(group)

    def _range(self, name: str, bounds: Sequence[Bounds]) -> list[int]:
        low = max((one.low for one in bounds if one.low is not None), default=None)
        high = min((one.high for one in bounds if one.high is not None), default=None)
        if low is not None and high is not None and low > high:
            return []
        if name == "hs_object_id":
            return self._index.id_range(low, high)
        return self._index.modified_range(low, high)

    def _has_words(self, record_id: int, query: str) -> bool:
        state = self._index.entries[record_id]
        texts = [(value_of(self._kind, state, name) or "").lower() for name in self._kind.searchable]
        return all(any(word in text for text in texts) for word in query.lower().split())

    def _sorted(self, found: list[int], sort: tuple[Property, bool] | None) -> list[int]:
        """By id unless a sort is given; records without a value come last, ties by id."""
        entries = self._index.entries
        if sort is None or sort[0].name == "hs_object_id":
            return sorted(found, reverse=sort is not None and sort[1])
        item, descending = sort
        if item.name == self._kind.modified:
            return sorted(
                found, key=lambda record_id: (entries[record_id].modified, record_id), reverse=descending
            )
        filled: list[tuple[Comparable, int]] = []
        empty: list[int] = []
        for record_id in found:
            value = comparable_of(self._kind, item, entries[record_id])
            if value is None:
                empty.append(record_id)
            else:
                filled.append((value, record_id))
        filled.sort(reverse=descending)
        return [record_id for _, record_id in filled] + sorted(empty)


def _items(body: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise bad_request(f"Invalid input JSON on line 1, column 1: {name} must be a list of objects")
    return value


def _group(group: Mapping[str, object], properties: Mapping[str, Property]) -> tuple[Filter, ...]:
    return _filters(_items(group, "filters"), properties)


def _filters(items: list[Mapping[str, object]], properties: Mapping[str, Property]) -> tuple[Filter, ...]:
    if len(items) > MAX_IN_GROUP:
        raise bad_request(f"the number of filters in a group is greater than the maximum of {MAX_IN_GROUP}")
    return tuple(_filter(item, properties) for item in items)


def _filter(spec: Mapping[str, object], properties: Mapping[str, Property]) -> Filter:
    name, operator = spec.get("propertyName"), spec.get("operator")
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise bad_request(f"Invalid input JSON on line 1, column 1: {operator} is not a known operator")
    item = _known(name, properties)
    values = spec.get("values")
    if operator in ("IN", "NOT_IN"):
        if not isinstance(values, list) or not values:
            raise bad_request(f"operator {operator} requires values")
        return Filter(item, operator, values=tuple(as_text(value) for value in values))
    needs = ["value", "highValue"] if operator == "BETWEEN" else ["value"]
    if operator not in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        for member in needs:
            if spec.get(member) is None:
                raise bad_request(f"operator {operator} requires {member}")
    checked = Filter(item, operator, as_text(spec.get("value")), as_text(spec.get("highValue")))
    bounds_of(checked)
    return checked


def _known(name: object, properties: Mapping[str, Property]) -> Property:
    item = properties.get(name) if isinstance(name, str) else None
    if item is None:
        detail: dict[str, object] = {
            "message": f'Property "{name}" does not exist',
            "code": "PROPERTY_DOESNT_EXIST",
            "context": {"propertyName": [str(name)]},
        }
        raise HubSpotError(400, "There was a problem with the request.", "VALIDATION_ERROR", errors=[detail])
    return item


def _sort(body: Mapping[str, object], properties: Mapping[str, Property]) -> tuple[Property, bool] | None:
    """Sorts are objects, or plain property names with an optional leading minus."""
    sorts = body.get("sorts")
    if sorts is None or sorts == []:
        return None
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise bad_request("only one sort can be applied to a search")
    first = sorts[0]
    if isinstance(first, str):
        return _known(first.removeprefix("-"), properties), first.startswith("-")
    if not isinstance(first, dict):
        raise bad_request("Invalid input JSON on line 1, column 1: a sort must be an object")
    direction = first.get("direction", "ASCENDING")
    if direction not in ("ASCENDING", "DESCENDING"):
        raise bad_request(f"Invalid input JSON on line 1, column 1: {direction} is not a sort direction")
    return _known(first.get("propertyName"), properties), direction == "DESCENDING"


def _whole(body: Mapping[str, object], name: str, default: int) -> int:
    value = body.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not str(value).isdigit():
        raise bad_request(f"{name} must be a whole number")
    return int(str(value))
