"""Records as values: what one looks like now, how it came there, and how it is shown."""

from dataclasses import dataclass, field
from typing import NamedTuple

from tieline.sandbox.hubspot.schema import ObjectType
from tieline.sandbox.hubspot.wire import iso


class Actor(NamedTuple):
    """Who changes a record: an app through the API, or a rep in HubSpot's own pages."""

    source_type: str
    source_id: str
    user_id: int


class Snapshot(NamedTuple):
    """A record at one moment; times are epoch milliseconds. `props` is never changed in place."""

    id: int
    props: dict[str, str]
    created: int
    modified: int
    archived_at: int | None = None


class Version(NamedTuple):
    """One value of a property, in its history."""

    value: str
    at: int
    actor: Actor


@dataclass(slots=True)
class Record:
    """`merged` maps the ids that were merged into this record to when, in epoch milliseconds."""

    state: Snapshot
    creator: Actor
    history: dict[str, list[Version]] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)

    def versions(self, kind: ObjectType, name: str) -> list[Version]:
        """Newest first. A property that never changed has the one version of the record's creation."""
        kept = self.history.get(name)
        if kept is not None:
            return kept
        value = value_of(kind, self.state, name)
        return [] if value is None else [Version(value, self.state.created, self.creator)]


_CREATED = frozenset({"createdate", "hs_createdate"})
_MODIFIED = frozenset({"lastmodifieddate", "hs_lastmodifieddate"})


def value_of(kind: ObjectType, state: Snapshot, name: str) -> str | None:
    """The stored text, "" for a cleared property, None for one that was never set."""
    value = state.props.get(name)
    if value is not None:
        return value
    if name == "hs_object_id":
        return str(state.id)
    if name in _CREATED:
        return iso(state.created)
    return iso(state.modified) if name in _MODIFIED else None


def moment_of(state: Snapshot, name: str) -> int | None:
    """Epoch milliseconds of the properties that every record has; None for any other property."""
    if name in _MODIFIED:
        return state.modified
    if name in _CREATED:
        return state.created
    return state.id if name == "hs_object_id" else None
