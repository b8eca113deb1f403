"""The search index: a second copy of the records that may lag behind. Search reads only this."""

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from itertools import count

from tieline.sandbox.hubspot.records import Snapshot

# Properties that are found by value without looking at every record.
LOOKUPS = (
    "email",
    "phone",
    "hs_searchable_calculated_phone_number",
    "hs_searchable_calculated_mobile_number",
)
_LAST = 1 << 62


class SearchIndex:
    """Snapshots by id, by modified time and by a few values; `version` moves with every visible change."""

    def __init__(self) -> None:
        self.entries: dict[int, Snapshot] = {}
        self.version = 0
        self._ids: list[int] = []
        self._modified: list[tuple[int, int]] = []
        self._values: dict[str, dict[str, tuple[int, ...]]] = {name: {} for name in LOOKUPS}
        self._pending: list[tuple[int, int, int, Snapshot | None]] = []
        self._sequence = count(1)
        self._applied: dict[int, int] = {}

    def publish(self, record_id: int, state: Snapshot | None, due: int) -> None:
        """`state` becomes visible at `due` (epoch milliseconds); None takes the record out."""
        heapq.heappush(self._pending, (due, next(self._sequence), record_id, state))

    def settle(self, now: int) -> None:
        """Makes visible what is due. An older state never replaces a newer one that overtook it."""
        due: list[tuple[int, int, Snapshot | None]] = []
        while self._pending and self._pending[0][0] <= now:
            _, sequence, record_id, state = heapq.heappop(self._pending)
            if sequence > self._applied.get(record_id, 0):
                self._applied[record_id] = sequence
                due.append((sequence, record_id, state))
        if not due:
            return
        self.version += 1
        latest = {record_id: state for _, record_id, state in sorted(due, key=lambda item: item[0])}
        if len(latest) > 500:
            self._apply_many(latest)
        else:
            for record_id, state in latest.items():
                self._remove(record_id)
                if state is not None:
                    self._add(state)

    @property
    def pending(self) -> int:
        return len(self._pending)

    def ids(self) -> list[int]:
        return self._ids

    def id_range(self, low: int | None, high: int | None) -> list[int]:
        """Ids from `low` to `high`, both included, ascending."""
        first = 0 if low is None else bisect_left(self._ids, low)
        last = len(self._ids) if high is None else bisect_right(self._ids, high)
        return self._ids[first:last]

    def modified_range(self, low: int | None, high: int | None) -> list[int]:
        """Ids of what was modified from `low` to `high`, both included, by (modified, id)."""
        first = 0 if low is None else bisect_left(self._modified, (low, -1))
        last = len(self._modified) if high is None else bisect_right(self._modified, (high, _LAST))
        return [record_id for _, record_id in self._modified[first:last]]

    def with_value(self, name: str, value: str) -> Iterable[int]:
        """Ids of the records with exactly this value, case-folded, in one of the `LOOKUPS`."""
        return self._values[name].get(value.lower(), ())

    def _apply_many(self, latest: dict[int, Snapshot | None]) -> None:
        for record_id, state in latest.items():
            old = self.entries.pop(record_id, None)
            if old is not None:
                self._index_values(old, add=False)
            if state is not None:
                self.entries[record_id] = state
                self._index_values(state, add=True)
        self._ids = sorted(self.entries)
        self._modified = sorted((entry.modified, entry.id) for entry in self.entries.values())

    def _remove(self, record_id: int) -> None:
        old = self.entries.pop(record_id, None)
        if old is None:
            return
        del self._ids[bisect_left(self._ids, record_id)]
        del self._modified[bisect_left(self._modified, (old.modified, record_id))]
        self._index_values(old, add=False)

    def _add(self, state: Snapshot) -> None:
        self.entries[state.id] = state
        insort(self._ids, state.id)
        insort(self._modified, (state.modified, state.id))
        self._index_values(state, add=True)

    def _index_values(self, state: Snapshot, *, add: bool) -> None:
        for name, values in self._values.items():
            value = state.props.get(name, "").lower()
            if not value:
                continue
            others = tuple(record_id for record_id in values.get(value, ()) if record_id != state.id)
            if add:
                values[value] = (*others, state.id)
            elif others:
                values[value] = others
            else:
                values.pop(value, None)
