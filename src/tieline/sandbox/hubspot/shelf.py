"""All records of one object type in a portal, by id and by unique value, and their search index."""

from bisect import bisect_left, bisect_right

from tieline.sandbox.hubspot.index import SearchIndex
from tieline.sandbox.hubspot.records import Record, Snapshot
from tieline.sandbox.hubspot.schema import ObjectType, Schema
from tieline.sandbox.hubspot.search import SearchEngine


class Shelf:
    """Keeps its lookups right through `put`, `retire` and `purge`; decides nothing."""

    def __init__(self, kind: ObjectType) -> None:
        self.kind = kind
        self.schema = Schema.load(kind)
        self.records: dict[int, Record] = {}
        self.archived: dict[int, Record] = {}
        self.merged_into: dict[int, int] = {}
        self.index = SearchIndex()
        self.engine = SearchEngine(kind, self.index)
        self._ids: list[int] = []
        self._unique: dict[str, dict[str, int]] = {}
        for name in self._unique_names():
            self.watch_unique(name)

    def page(self, after: int, limit: int, *, archived: bool) -> tuple[list[Record], bool]:
        """Records with an id above `after`, by id; and whether more follow."""
        source = self.archived if archived else self.records
        ids = sorted(self.archived) if archived else self._ids
        first = bisect_right(ids, after)
        return [source[record_id] for record_id in ids[first : first + limit]], first + limit < len(ids)

    def put(self, record: Record, due: int) -> None:
        """Adds a record or takes over its new state; search sees it at `due` (epoch milliseconds)."""
        record_id = record.state.id
        old = self.records.get(record_id)
        if old is None:
            if self._ids and self._ids[-1] > record_id:
                self._ids.insert(bisect_left(self._ids, record_id), record_id)
            else:
                self._ids.append(record_id)
        self.records[record_id] = record
        self._take_unique(record.state)
        self.index.publish(record_id, record.state, due)

    def retire(self, record: Record, due: int) -> None:
        """Archives a record whose state already says when."""
        self._leave(record.state.id, due)
        self.archived[record.state.id] = record

    def purge(self, record_id: int, due: int) -> None:
        """Removes a record without a trace."""
        if record_id in self.records:
            self._leave(record_id, due)
        self.archived.pop(record_id, None)

    def find(self, name: str, value: str) -> Record | None:
        """The live record with this value of `hs_object_id` or of a unique property."""
        if name == "hs_object_id":
            return self.records.get(int(value)) if value.isdigit() else None
        record_id = self._unique.get(name, {}).get(value.strip().lower())
        return None if record_id is None else self.records.get(record_id)

    def is_unique(self, name: str) -> bool:
        return name == "hs_object_id" or name in self._unique

    def watch_unique(self, name: str) -> None:
        """Starts to keep a property's values unique, beginning with those that are there."""
        self._unique[name] = {}
        for record in self.records.values():
            value = record.state.props.get(name)
            if value:
                self._unique[name].setdefault(value.lower(), record.state.id)

    def unwatch_unique(self, name: str) -> None:
        self._unique.pop(name, None)

    def holder(self, name: str, value: str) -> int | None:
        """Id of the live record that has this unique value."""
        return self._unique.get(name, {}).get(value.lower()) if value else None

    def unique_names(self) -> list[str]:
        return list(self._unique)

    def forget_value(self, name: str, value: str, record_id: int) -> None:
        """Frees a unique value that a record is about to lose."""
        held = self._unique.get(name, {})
        if held.get(value.lower()) == record_id:
            del held[value.lower()]

    def _unique_names(self) -> list[str]:
        return (["email"] if self.kind.name == "contacts" else []) + self.schema.unique_names()

    def _take_unique(self, state: Snapshot) -> None:
        for name, held in self._unique.items():
            value = state.props.get(name)
            if value:
                held.setdefault(value.lower(), state.id)

    def _leave(self, record_id: int, due: int) -> None:
        record = self.records.pop(record_id)
        del self._ids[bisect_left(self._ids, record_id)]
        for name in self._unique:
            self.forget_value(name, record.state.props.get(name, ""), record_id)
        self.index.publish(record_id, None, due)
