"""Records as the JSON of the public API: strings or null, sorted by name, undefined names left out."""

from collections.abc import Iterable, Mapping, Sequence

from tieline.sandbox.hubspot.links import LINK_TYPES, Node
from tieline.sandbox.hubspot.portal import Portal
from tieline.sandbox.hubspot.records import Record, Snapshot, Version, value_of
from tieline.sandbox.hubspot.schema import Property, find_type
from tieline.sandbox.hubspot.shelf import Shelf
from tieline.sandbox.hubspot.wire import ObjectJson, bad_request, iso

# What every answer to a write shows of a contact, beside what was written.
_AFTER_WRITE = (
    "createdate hs_is_unworked hs_object_id hs_object_source hs_object_source_id hs_object_source_label"
    " hs_pipeline lastmodifieddate lifecyclestage hs_createdate hs_lastmodifieddate"
).split()


class View:
    """How one request wants to see records of one type."""

    def __init__(
        self,
        portal: Portal,
        shelf: Shelf,
        wanted: Sequence[str] = (),
        history: Sequence[str] = (),
        associations: Sequence[str] = (),
    ) -> None:
        self._portal = portal
        self._shelf = shelf
        self._history = history
        self._linked = [_linked_type(name) for name in associations]
        self._schema = portal.properties(shelf)
        self._names = self._shown(wanted, self._schema)
        self._empty = "" if portal.settings.cleared_reads_as == "empty" else None
        kind = shelf.kind
        self._url = f"https://app.hubspot.com/contacts/{portal.settings.portal_id}/record/{kind.id}/"

    def of_state(self, state: Snapshot) -> ObjectJson:
        return self._object(state, {name: self._value(state, name) for name in self._names})

    def of_record(self, record: Record) -> ObjectJson:
        body = self.of_state(record.state)
        if self._history:
            body["propertiesWithHistory"] = self._versions(record)
        linked = self._associations(record.state.id)
        if linked:
            body["associations"] = linked
        return body

    def after_create(self, record: Record) -> ObjectJson:
        """Everything that is stored."""
        kind = self._shelf.kind
        names = {*record.state.props, kind.created, kind.modified, "hs_object_id"}
        return self._written(record, names)

    def after_update(self, record: Record, changed: Iterable[str]) -> ObjectJson:
        """What was written or recomputed, and a few system properties."""
        return self._written(record, {*changed, *_AFTER_WRITE})

    def _written(self, record: Record, names: Iterable[str]) -> ObjectJson:
        values = {name: self._value(record.state, name) for name in sorted(names) if name in self._schema}
        kind = self._shelf.kind
        stamps = {"createdate", "hs_createdate", "lastmodifieddate", "hs_lastmodifieddate"}
        hidden = stamps - {kind.created, kind.modified}
        shown = {
            name: value
            for name, value in values.items()
            if name not in hidden and (value is not None or name in record.state.props)
        }
        return self._object(record.state, shown)

    def _object(self, state: Snapshot, properties: Mapping[str, str | None]) -> ObjectJson:
        body: ObjectJson = {
            "id": str(state.id),
            "properties": properties,
            "createdAt": iso(state.created),
            "updatedAt": iso(state.modified),
            "archived": state.archived_at is not None,
        }
        if state.archived_at is not None:
            body["archivedAt"] = iso(state.archived_at)
        body["url"] = f"{self._url}{state.id}"
        return body

    def _shown(self, wanted: Sequence[str], schema: Mapping[str, Property]) -> list[str]:
        kind = self._shelf.kind
        names = {*wanted, kind.created, kind.modified, "hs_object_id"} if wanted else set(kind.defaults)
        return sorted(name for name in names if name in schema)

    def _value(self, state: Snapshot, name: str) -> str | None:
        value = value_of(self._shelf.kind, state, name)
        return self._empty if value == "" else value

    def _versions(self, record: Record) -> ObjectJson:
        names = [name for name in self._history if name in self._schema]
        return {name: [_version(one) for one in record.versions(self._shelf.kind, name)] for name in names}

    def _associations(self, record_id: int) -> ObjectJson:
        source = Node(self._shelf.kind.name, record_id)
        shown: ObjectJson = {}
        for target in self._linked:
            ends = self._portal.links.of(source, target)
            if ends:
                shown[target] = {"results": association_results(ends)}
        return shown


def association_results(ends: Mapping[int, set[int]]) -> list[ObjectJson]:
    """One entry per end and type, with the type's name."""
    return [
        {"id": str(record_id), "type": LINK_TYPES[type_id].name}
        for record_id, type_ids in ends.items()
        for type_id in sorted(type_ids)
    ]


def _linked_type(name: str) -> str:
    kind = find_type(name)
    if kind is None:
        raise bad_request(f"Unable to infer object type from: {name}")
    return kind.name


def _version(version: Version) -> ObjectJson:
    return {
        "value": version.value,
        "timestamp": iso(version.at),
        "sourceType": version.actor.source_type,
        "sourceId": version.actor.source_id,
        "updatedByUserId": version.actor.user_id,
    }
