"""The log of requests that a CRM received.

It never keeps credentials: token requests are logged without a body.
"""

from collections import Counter, deque
from dataclasses import dataclass

from tieline.sandbox.kernel.exchange import Exchange
from tieline.sandbox.kernel.values import JsonObject

BODY_LIMIT = 64 * 1024
KEPT_ENTRIES = 20_000


@dataclass(slots=True)
class LogEntry:
    """`status` is None when no answer was sent; `late_status` is what a late commit came to."""

    exchange: Exchange
    status: int | None
    duration_ms: float
    late_status: int | None = None

    def as_json(self) -> JsonObject:
        exchange = self.exchange
        return {
            "n": exchange.number,
            "at": exchange.at.isoformat(),
            "method": exchange.method,
            "path": exchange.path,
            "query": exchange.query,
            "operation": exchange.operation,
            "record_ids": exchange.record_ids,
            "status": self.status,
            "duration_ms": round(self.duration_ms, 3),
            "fault": exchange.fault,
            "late_status": self.late_status,
            "body": None if exchange.secret else exchange.body.decode("utf-8", "replace"),
        }


class RequestLog:
    """The latest requests and, for all of them, counts by operation and by status."""

    def __init__(self, kept: int = KEPT_ENTRIES) -> None:
        self._entries: deque[LogEntry] = deque(maxlen=kept)
        self._operations: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._received = 0

    def next_number(self) -> int:
        self._received += 1
        return self._received

    def add(self, entry: LogEntry) -> None:
        entry.exchange.body = entry.exchange.body[:BODY_LIMIT]
        self._entries.append(entry)
        self._operations[entry.exchange.operation] += 1
        self._statuses[str(entry.status) if entry.status is not None else "none"] += 1

    def clear(self) -> None:
        self._entries.clear()
        self._operations.clear()
        self._statuses.clear()

    def counts(self) -> JsonObject:
        """`{"total", "by_operation": {name: n}, "by_status": {"200": n, "none": n}}` since the last clear."""
        return {
            "total": sum(self._operations.values()),
            "by_operation": dict(self._operations),
            "by_status": dict(self._statuses),
        }

    def entries(
        self, *, operation: str | None = None, method: str | None = None, since: int = 0, limit: int = 1000
    ) -> list[LogEntry]:
        """The latest `limit` entries that match, oldest first; `since` leaves out numbers up to it."""
        found = [
            entry
            for entry in self._entries
            if entry.exchange.number > since
            and (operation is None or entry.exchange.operation == operation)
            and (method is None or entry.exchange.method == method)
        ]
        return found[-limit:] if limit else []
