"""Records in memory, with two sorted indexes per object: by id, and by (SystemModstamp, Id).

A record is a dict from field name to value in wire form. The store keeps indexes right and knows nothing of
validation; all changes of a record go through `put`.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from tieline.sandbox.salesforce.ids import IdSource

Record = dict[str, object]
StampKey = tuple[str, str]

LAST = "\uffff"


class Table:
    """The records of one object, deleted ones among them."""

    def __init__(self, prefix: str) -> None:
        self.rows: dict[str, Record] = {}
        self.ids = IdSource(prefix)
        self.deleted: set[str] = set()
        self._by_id: list[str] = []
        self._by_stamp: list[StampKey] = []

    def put(self, record_id: str, record: Record) -> None:
        """Adds or replaces a record; `SystemModstamp` and `IsDeleted` must be set."""
        old = self.rows.get(record_id)
        if old is None:
            insort(self._by_id, record_id)
        else:
            self._unstamp(_key(old, record_id))
        self.rows[record_id] = record
        insort(self._by_stamp, _key(record, record_id))
        if record["IsDeleted"]:
            self.deleted.add(record_id)
        else:
            self.deleted.discard(record_id)

    def load(self, records: dict[str, Record]) -> None:
        """Adds many new records at once."""
        self.rows.update(records)
        self._by_id = sorted(self.rows)
        self._by_stamp = sorted(_key(record, record_id) for record_id, record in self.rows.items())

    def purge(self, record_id: str) -> None:
        """Removes a record for good, as when it leaves the recycle bin."""
        record = self.rows.pop(record_id)
        self._by_id.pop(bisect_left(self._by_id, record_id))
        self._unstamp(_key(record, record_id))
        self.deleted.discard(record_id)

    def live_count(self) -> int:
        return len(self.rows) - len(self.deleted)

    def in_id_order(self, after: str = "", upto: str = LAST) -> Iterator[str]:
        """Ids from `after` to `upto`, both included."""
        yield from self._by_id[bisect_left(self._by_id, after) : bisect_right(self._by_id, upto)]

    def in_stamp_order(self, low: StampKey = ("", ""), high: StampKey = (LAST, LAST)) -> Iterator[str]:
        """Ids of the records whose (SystemModstamp, Id) lies from `low` to `high`, both included."""
        start, stop = bisect_left(self._by_stamp, low), bisect_right(self._by_stamp, high)
        for _, record_id in self._by_stamp[start:stop]:
            yield record_id

    def _unstamp(self, key: StampKey) -> None:
        self._by_stamp.pop(bisect_left(self._by_stamp, key))


def _key(record: Record, record_id: str) -> StampKey:
    return str(record["SystemModstamp"]), record_id
