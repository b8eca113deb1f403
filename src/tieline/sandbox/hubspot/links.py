"""Associations between records and the types they may have; a type id says the direction."""

from collections.abc import Iterator
from typing import NamedTuple

from tieline.sandbox.hubspot.schema import OBJECT_TYPES
from tieline.sandbox.hubspot.wire import ObjectJson, bad_request


class LinkType(NamedTuple):
    """A HubSpot-defined association type. `default` types are made when none is named."""

    id: int
    source: str
    target: str
    default: bool = True
    label: str | None = None

    @property
    def name(self) -> str:
        """As `GET ...?associations=` shows it."""
        return f"{OBJECT_TYPES[self.source].singular}_to_{OBJECT_TYPES[self.target].singular}"


# https://developers.hubspot.com/docs/api-reference/latest/crm/associations/associate-records/guide
LINK_TYPES = {
    kind.id: kind
    for kind in (
        LinkType(194, "calls", "contacts"),
        LinkType(193, "contacts", "calls"),
        LinkType(81, "communications", "contacts"),
        LinkType(82, "contacts", "communications"),
        LinkType(202, "notes", "contacts"),
        LinkType(201, "contacts", "notes"),
        LinkType(182, "calls", "companies"),
        LinkType(181, "companies", "calls"),
        LinkType(87, "communications", "companies"),
        LinkType(88, "companies", "communications"),
        LinkType(190, "notes", "companies"),
        LinkType(189, "companies", "notes"),
        LinkType(279, "contacts", "companies"),
        LinkType(280, "companies", "contacts"),
        LinkType(1, "contacts", "companies", default=False, label="Primary"),
        LinkType(2, "companies", "contacts", default=False, label="Primary"),
    )
}
_DEFAULTS = {(kind.source, kind.target): kind for kind in LINK_TYPES.values() if kind.default}
_OPPOSITES = {194: 193, 81: 82, 202: 201, 182: 181, 87: 88, 190: 189, 279: 280, 1: 2}
_OPPOSITES |= {other: one for one, other in _OPPOSITES.items()}


class Node(NamedTuple):
    """One record as an end of an association: the plural name of its type, and its id."""

    kind: str
    id: int


def default_type(source: str, target: str) -> LinkType:
    found = _DEFAULTS.get((source, target))
    if found is None:
        raise bad_request(f"No default association type exists between {source} and {target}")
    return found


def checked_type(type_id: object, source: str, target: str | None) -> LinkType:
    """The type `type_id`, when it runs from `source` to `target` (None: to whatever it runs to)."""
    kind = LINK_TYPES.get(type_id) if isinstance(type_id, int) and not isinstance(type_id, bool) else None
    if kind is None:
        raise bad_request(f"{type_id} is not a valid association type")
    if kind.source != source:
        raise bad_request(
            f"invalid from object type {OBJECT_TYPES[source].id} for associations to be created. "
            f"expected: {OBJECT_TYPES[kind.source].id}. For definition 0-{kind.id}"
        )
    if target is not None and kind.target != target:
        raise bad_request(
            f"invalid to object type {OBJECT_TYPES[target].id} for associations to be created. "
            f"expected: {OBJECT_TYPES[kind.target].id}. For definition 0-{kind.id}"
        )
    return kind


class Links:
    """All associations of a portal, readable from both ends."""

    def __init__(self) -> None:
        self._ends: dict[Node, dict[str, dict[int, set[int]]]] = {}

    def add(self, source: Node, target: Node, kind: LinkType) -> None:
        self._put(source, target, kind.id)
        self._put(target, source, _OPPOSITES[kind.id])

    def remove(self, source: Node, target: Node) -> None:
        for one, other in ((source, target), (target, source)):
            self._ends.get(one, {}).get(other.kind, {}).pop(other.id, None)

    def of(self, source: Node, target_kind: str) -> dict[int, set[int]]:
        """Ids of the other ends and the type ids that lead there, ascending by id."""
        found = self._ends.get(source, {}).get(target_kind, {})
        return dict(sorted(found.items()))

    def drop(self, node: Node) -> None:
        """Forgets a record that is gone for good."""
        for other, _ in list(self._around(node)):
            self.remove(node, other)
        self._ends.pop(node, None)

    def move(self, old: Node, new: Node) -> None:
        """Gives everything that is tied to `old` to `new`."""
        for other, types in list(self._around(old)):
            for type_id in types:
                self.add(new, other, LINK_TYPES[type_id])
        self.drop(old)

    def _around(self, node: Node) -> Iterator[tuple[Node, set[int]]]:
        for kind, ends in self._ends.get(node, {}).items():
            for record_id, types in ends.items():
                yield Node(kind, record_id), types

    def _put(self, source: Node, target: Node, type_id: int) -> None:
        kinds = self._ends.setdefault(source, {})
        kinds.setdefault(target.kind, {}).setdefault(target.id, set()).add(type_id)


def labelled(type_ids: set[int]) -> list[ObjectJson]:
    """The `associationTypes` member of the associations API."""
    return [
        {"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": LINK_TYPES[type_id].label}
        for type_id in sorted(type_ids)
    ]
