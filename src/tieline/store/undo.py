"""What an undo looks up and remembers besides its changesets. Part of the flow's units of work; decides nothing."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from psycopg.types.json import Jsonb

from tieline.domain.analysed import Application
from tieline.domain.changeset import Source, SourceKind
from tieline.domain.undo import Former
from tieline.domain.undo_history import Entry, entry
from tieline.domain.undo_links import Tied
from tieline.ports.store import UnitOfWork
from tieline.ports.work import ConversationKey
from tieline.store.pool import Queries
from tieline.store.rows import link_from_row
from tieline.store.unit_of_work import PostgresStore, PostgresUnitOfWork

_sql = Queries("undo")


class UndoDesk:
    """Implements the undoing flow's `UndoStore`."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    def transaction(self) -> AbstractAsyncContextManager[PostgresUnitOfWork]:
        """Opens a unit of work."""
        return self._store.transaction()

    async def run(self, unit: UnitOfWork, org_id: str, run_id: str) -> tuple[str, str] | None:
        """Kind and status of a run."""
        for row in await _rows(unit, "run", org_id=org_id, run_id=run_id):
            return row["kind"], row["status"]
        return None

    async def begin(
        self, unit: UnitOfWork, org_id: str, run_id: str, request: Mapping[str, Any]
    ) -> tuple[str, str]:
        """Opens the run, or goes on with one of the same request; its id, and the contact it came to."""
        asked = Jsonb(dict(request))
        for row in await _rows(unit, "standing", org_id=org_id, request=asked):
            return row["run_id"], row["last_contact_id"]
        await _run(unit, "begin", org_id=org_id, run_id=run_id, request=asked)
        return run_id, ""

    async def progress(
        self, unit: UnitOfWork, org_id: str, run_id: str, contact_id: str, changed: int, kept: int
    ) -> None:
        """A contact is done."""
        await _run(
            unit, "progress", org_id=org_id, run_id=run_id, contact_id=contact_id, changed=changed, kept=kept
        )

    async def end(self, unit: UnitOfWork, org_id: str, run_id: str) -> None:
        """Everything is done."""
        await _run(unit, "end", org_id=org_id, run_id=run_id)

    async def contacts(
        self, unit: UnitOfWork, org_id: str, run_id: str, after: str, limit: int
    ) -> Sequence[str]:
        """Contacts that a run changed, by id, behind that one."""
        found = await _rows(unit, "contacts", org_id=org_id, run_id=run_id, after=after, limit=limit)
        return [row["contact_id"] for row in found]

    async def history(self, unit: UnitOfWork, org_id: str, contact_id: str) -> Sequence[tuple[str, Entry]]:
        """All that changed the contact's fields, oldest first by field, with each field's id."""
        found = await _rows(unit, "history", org_id=org_id, contact_id=contact_id)
        return [(row["field_id"], _entry(row)) for row in found]

    async def talks(
        self, unit: UnitOfWork, org_id: str, run_id: str, contact_id: str
    ) -> Sequence[ConversationKey]:
        """Conversations that the run applied to the contact."""
        found = await _rows(unit, "talks", org_id=org_id, run_id=run_id, contact_id=contact_id)
        return [ConversationKey(org_id, row["platform"], row["conversation_id"]) for row in found]

    async def links(self, unit: UnitOfWork, org_id: str, contact_id: str) -> Sequence[Tied]:
        """The contact's open links in all tenants; lock the contact before."""
        found = await _rows(unit, "links", org_id=org_id, contact_id=contact_id)
        return [Tied(row["tenant_key"], link_from_row(row)) for row in found]

    async def formers(self, unit: UnitOfWork, org_id: str, run_id: str, contact_id: str) -> Sequence[Former]:
        """The applications that an undo changed on the contact, as they are now, with what they were before."""
        found = await _rows(unit, "formers", org_id=org_id, run_id=run_id, contact_id=contact_id)
        return [
            Former(row.pop("ref"), outcome=row.pop("former"), application=Application(**row)) for row in found
        ]

    async def remember(
        self, unit: UnitOfWork, org_id: str, run_id: str, contact_id: str, formers: Sequence[Former]
    ) -> None:
        """Keeps what applications were before."""
        kept = []
        for one in formers:
            platform, _, conversation_id = one.ref.partition(":")
            kept.append({
                "platform": platform, "conversation_id": conversation_id, "outcome": one.outcome,
                "analysis_data_name": one.application.analysis_data_name, "field_name": one.application.field_name,
            })  # fmt: skip
        if kept:
            await _run(
                unit, "remember", org_id=org_id, run_id=run_id, contact_id=contact_id, rows=Jsonb(kept)
            )


def _entry(row: Mapping[str, Any]) -> Entry:
    source = Source(SourceKind(row["source_kind"]), row["effective_ms"], row["source_ref"])
    return entry(
        row["entry_id"], row["field_name"], row["old_value"], row["new_value"], source, row["run_id"], row["evidence"]
    )  # fmt: skip


async def _rows(unit: UnitOfWork, query: str, **values: Any) -> list[dict[str, Any]]:
    assert isinstance(unit, PostgresUnitOfWork)
    return await (await unit.connection.execute(_sql[query], values)).fetchall()


async def _run(unit: UnitOfWork, query: str, **values: Any) -> None:
    assert isinstance(unit, PostgresUnitOfWork)
    await unit.connection.execute(_sql[query], values)
