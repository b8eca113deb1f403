"""The ledger of one organisation. There is no API for it yet, so this reads the table itself, and only this."""

from dataclasses import dataclass
from typing import Any

import psycopg


@dataclass(frozen=True)
class Entry:
    """A change of a field: what it became (or would have), from which kind of source, and whether it stands."""

    new_value: Any
    source: str
    outcome: str


class Ledger:
    """Reads what was recorded."""

    def __init__(self, database_url: str, org_id: str) -> None:
        self._url = database_url
        self._org_id = org_id

    def of(self, contact_id: str, field_name: str) -> list[Entry]:
        """The history of a contact's field, oldest first."""
        with psycopg.connect(self._url) as connection:
            rows = connection.execute(
                "select new_value, source_kind, outcome from ledger"
                " where org_id = %s and contact_id = %s and field_name = %s order by entry_id",
                (self._org_id, contact_id, field_name),
            ).fetchall()
        return [Entry(*row) for row in rows]
