"""A sales rep who edits records in the CRM while we push to them, and what became of each edit."""

import random
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.chaos.crm import Crm

_PAUSE_S = 0.15


@dataclass(frozen=True)
class Note:
    """A text that the rep put into the field that we push, and when, by the request log's numbering of time."""

    record_id: str
    value: str
    at: datetime


@dataclass
class Rep:
    """Edits a record at most once, so that each edit's fate can be told. Works in a thread of its own."""

    crm: Crm
    rng: random.Random
    record_ids: list[str]
    notes: dict[str, Note] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        """Edits until it is stopped: the pushed field of one record, another field of the next."""
        left = self.record_ids[:]
        # Not the storm's: a thread's draws must not shift its moments.
        random.Random(len(left)).shuffle(left)
        while left and not self._stopped.wait(_PAUSE_S):
            record_id = left.pop()
            if len(left) % 2:
                value = f"the rep on {record_id}"
                before = self._clock()
                self.crm.rep_sets(record_id, "notes", value)
                self.notes[record_id] = Note(record_id, value, before)
            else:
                self.names[record_id] = f"Name{len(left)}"
                self.crm.rep_sets(record_id, "last_name", self.names[record_id])

    def stop(self) -> None:
        """Ends the working day."""
        self._stopped.set()

    def writes(self) -> list[dict[str, Any]]:
        """Every write of ours that the CRM logged."""
        return self.crm.requests(self.crm.write)

    def between_look_and_write(self, note: Note, writes: list[dict[str, Any]]) -> bool:
        """Whether a write of this record was under way when the rep edited it: looked before, applied after."""
        for write in writes:
            if note.record_id not in write["record_ids"]:
                continue
            arrived = datetime.fromisoformat(write["at"])
            since = (note.at - arrived).total_seconds()
            # The look is at most REREAD_GOOD_FOR before the write; the write is applied when its latency is over.
            if -5.0 <= since <= write["duration_ms"] / 1000:
                return True
        return False

    def _clock(self) -> datetime:
        return datetime.fromisoformat(self.crm.steer("GET", "clock")["now"])
