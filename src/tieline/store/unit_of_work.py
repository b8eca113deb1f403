"""Units of work on PostgreSQL: one transaction each, one statement per kind of row, fenced where a lane owns the work.

Decides nothing: what to write comes as a changeset from the domain.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from psycopg import errors
from psycopg.types.json import Jsonb

from tieline.domain.changeset import (
    Changeset,
    ContactChange,
    ContactState,
    LinkState,
    NewContact,
)
from tieline.ports.clock import Ids
from tieline.ports.errors import ConflictError
from tieline.ports.jobs import JobQueue, Wake, WakeKind
from tieline.ports.store import Lease, Origin, ReadState
from tieline.store import merge_writes, rows
from tieline.store.creations import PostgresCreations
from tieline.store.leases import check
from tieline.store.passes import begin_pass
from tieline.store.pool import Connection, Pool, Queries
from tieline.store.runs import add_progress
from tieline.store.statistics import Statistics
from tieline.store.work import PostgresWork

_sql = Queries("flows")


class PostgresUnitOfWork:
    """Implements `ports.store.UnitOfWork` on one connection with an open transaction."""

    def __init__(self, connection: Connection, jobs: JobQueue, ids: Ids) -> None:
        self.connection = connection
        self.work = PostgresWork(connection)
        self.creations = PostgresCreations(connection)
        self.contacts_added = 0
        self._jobs = jobs
        self._ids = ids

    async def links(
        self, org_id: str, tenant_key: str, external_ids: Collection[str], *, lock: bool
    ) -> Mapping[str, LinkState]:
        """Known records of a tenant by external id."""
        key = {"org_id": org_id, "tenant_key": tenant_key, "external_ids": list(external_ids)}
        if lock:
            await self._run("lock_links", key)
        return {row["external_id"]: rows.link_from_row(row) for row in await self._run("links", key)}

    async def open_links(
        self, org_id: str, tenant_key: str, contact_ids: Collection[str]
    ) -> Mapping[str, LinkState]:
        """The open link of each contact, by contact id."""
        key = {"org_id": org_id, "tenant_key": tenant_key, "contact_ids": list(contact_ids)}
        return {row["contact_id"]: rows.link_from_row(row) for row in await self._run("open_links", key)}

    async def former_links(
        self, org_id: str, tenant_key: str, contact_ids: Collection[str]
    ) -> Sequence[LinkState]:
        """Records of these contacts that are deleted, merged away, missing or closed."""
        key = {"org_id": org_id, "tenant_key": tenant_key, "contact_ids": list(contact_ids)}
        return [rows.link_from_row(row) for row in await self._run("former_links", key)]

    async def records_with_phones(
        self, org_id: str, tenant_key: str, phones: Collection[str]
    ) -> Sequence[LinkState]:
        """Shared and skipped records that have one of these numbers."""
        key = {"org_id": org_id, "tenant_key": tenant_key, "phones": list(phones)}
        return [rows.link_from_row(row) for row in await self._run("records_with_phones", key)]

    async def contacts(
        self, org_id: str, contact_ids: Collection[str], *, lock: bool
    ) -> Mapping[str, ContactState]:
        """Contacts by the asked id; a merged one is answered with its survivor."""
        key = {"org_id": org_id, "contact_ids": list(contact_ids)}
        if lock:
            await self._run("lock_links_of_contacts", key)
            await self._run("lock_contacts", key)
        found = {row["asked_id"]: rows.contact_from_row(row) for row in await self._run("contacts", key)}
        survivors = {contact.contact_id for contact in found.values()} - set(contact_ids)
        if lock and survivors:
            # Of merged contacts the row that will be changed is the survivor's, so that one must be held.
            held = await self.contacts(org_id, {*contact_ids, *survivors}, lock=True)
            return {asked: contact for asked, contact in held.items() if asked in contact_ids}
        return found

    async def contacts_by_phone(
        self, org_id: str, phones: Collection[str], *, lock: bool
    ) -> Mapping[str, ContactState]:
        """Contacts by number, else by an alias that exactly one contact has."""
        own, alias = await self.contact_ids_by_phone(org_id, phones)
        ids = {**alias, **own}
        found = await self.contacts(org_id, set(ids.values()), lock=lock)
        return {phone: found[contact_id] for phone, contact_id in ids.items() if contact_id in found}

    async def contact_ids_by_phone(
        self, org_id: str, phones: Collection[str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Contact ids by own number, and by unambiguous alias."""
        key = {"org_id": org_id, "phones": list(phones)}
        own = {
            row["phone_number"]: row["contact_id"] for row in await self._run("contact_ids_by_number", key)
        }
        alias = {
            row["phone_number"]: row["contact_id"] for row in await self._run("contact_ids_by_alias", key)
        }
        return own, alias

    async def open_causes(
        self, org_id: str, app_id: str, external_ids: Collection[str], contact_ids: Collection[str]
    ) -> frozenset[str]:
        """Causes of open issues about these records or contacts."""
        key = {
            "org_id": org_id,
            "app_id": app_id,
            "external_ids": list(external_ids),
            "contact_ids": list(contact_ids),
        }
        return frozenset(row["cause"] for row in await self._run("open_causes", key))

    async def apply(self, org_id: str, changeset: Changeset, origin: Origin) -> None:
        """Carries a changeset out. See `ports.store.UnitOfWork.apply`."""
        org = {"org_id": org_id}
        # Numbers and links pass from one row to another within one changeset: givers come before takers.
        changing = [change for change in changeset.contact_changes if rows.changes_something(change)]
        await merge_writes.end_merged(self.connection, org_id, changeset.contact_merges)
        await self._park_numbers(org_id, changing)
        self.contacts_added += len(changeset.new_contacts)
        await self._write("insert_contacts", org, [rows.new_contact_row(c) for c in changeset.new_contacts])
        await self._write("update_contacts", org, [rows.contact_change_row(c) for c in changing])
        await merge_writes.undo_merges(self.connection, org_id, changeset.contact_unmerges)
        await self._drop_aliases(org_id, changeset.dropped_aliases)
        await self._links(org_id, changeset)
        await merge_writes.move_merged(self.connection, org_id, changeset.contact_merges)
        await self._write("insert_aliases", org, [_alias_row(a) for a in changeset.aliases])
        await self._ledger(org_id, changeset, origin)
        await self._issues(org_id, changeset, origin)
        await self._ambiguous_aliases(org_id, changeset)
        dirtied = [
            c.contact_id for c in changeset.contact_changes if c.mark_dirty and rows.changes_something(c)
        ]
        if dirtied:
            await self._run("mark_dirty", {**org, "contact_ids": dirtied}, rows=False)
        await self._log_anew(org_id, changeset)
        if dirtied or any(link.dirty for link in changeset.links):
            await self._wake_push(org_id)

    async def wake(self, *wakes: Wake) -> None:
        """Enqueues wake-ups in this transaction."""
        await self._jobs.enqueue(self.connection, list(wakes))

    async def needing_read(
        self, org_id: str, tenant_key: str, limit: int, *, without: Collection[str]
    ) -> Sequence[str]:
        """External ids of records that must be read again by id."""
        key = {"org_id": org_id, "tenant_key": tenant_key, "limit": limit, "without": list(without)}
        return [row["external_id"] for row in await self._run("needing_read", key)]

    async def missing_records(
        self, org_id: str, tenant_key: str, limit: int, *, without: Collection[str]
    ) -> Sequence[str]:
        """External ids of records that the CRM did not return by their ids, and of which nobody has said more yet."""
        key = {"org_id": org_id, "tenant_key": tenant_key, "limit": limit, "without": list(without)}
        return [row["external_id"] for row in await self._run("missing_records", key)]

    async def doubt_links(self, org_id: str, tenant_key: str) -> None:
        """Has every open or shared record read again."""
        await self._run("doubt_links", {"org_id": org_id, "tenant_key": tenant_key}, rows=False)

    async def dirty_links(self, org_id: str, tenant_key: str, limit: int, now: datetime) -> Sequence[str]:
        """External ids of open links that may have something to push, longest waiting first."""
        key = {"org_id": org_id, "tenant_key": tenant_key, "limit": limit, "now": now}
        return [row["external_id"] for row in await self._run("dirty_links", key)]

    async def postpone_push(
        self,
        org_id: str,
        tenant_key: str,
        external_ids: Collection[str],
        until: datetime,
        *,
        counted: bool = True,
    ) -> None:
        """Lets these links wait; `counted`: it was an attempt, and not one that the CRM put off."""
        values = {
            "org_id": org_id,
            "tenant_key": tenant_key,
            "external_ids": list(external_ids),
            "until": until,
        }
        await self._run("postpone_push", {**values, "attempts": int(counted)}, rows=False)

    async def begin_pass(self, org_id: str, app_id: str | None, kind: str, run_id: str) -> None:
        """Opens the run of a pass that found something to do."""
        await begin_pass(self.connection, org_id, app_id, kind, run_id)

    async def add_counts(self, org_id: str, run_id: str, counts: Mapping[str, int], requests: int) -> None:
        """Adds to a run's counts and requests sent."""
        await add_progress(self.connection, org_id, run_id, counts, requests)

    async def read_state(self, org_id: str, app_id: str, kind: str, tenant_key: str) -> ReadState:
        """Where a read of this tenant stands; nothing, if the app was on another tenant then."""
        key = {"org_id": org_id, "app_id": app_id, "kind": kind, "tenant_key": tenant_key}
        return ReadState(**(await self._run("read_state", key))[0])

    async def save_read_state(
        self, org_id: str, app_id: str, kind: str, tenant_key: str, state: ReadState
    ) -> None:
        """Saves it, in the transaction of the page it belongs to."""
        values = {
            "org_id": org_id, "app_id": app_id, "kind": kind, "tenant_key": tenant_key,
            "cursor": None if state.cursor is None else Jsonb(state.cursor),
            "watermark": state.watermark, "completed_at": state.completed_at,
        }  # fmt: skip
        await self._run("save_read_state", values, rows=False)
        if kind == "full" and state.completed_at is not None:
            await self._run("tenant_read", values, rows=False)

    async def _park_numbers(self, org_id: str, changing: Sequence[ContactChange]) -> None:
        moving = [change.contact_id for change in changing if change.phone_number is not None]
        if moving:
            await self._run("park_numbers", {"org_id": org_id, "contact_ids": moving}, rows=False)

    async def _links(self, org_id: str, changeset: Changeset) -> None:
        tenant = {"org_id": org_id, "tenant_key": changeset.tenant_key}
        if changeset.moved:
            await self._run("park_links", {**tenant, "external_ids": list(changeset.moved)}, rows=False)
        await self._write("upsert_links", tenant, [rows.link_to_row(link) for link in changeset.links])

    async def _drop_aliases(self, org_id: str, dropped: Iterable[tuple[str, str]]) -> None:
        gone = [{"contact_id": contact_id, "phone_number": number} for contact_id, number in dropped]
        await self._write("drop_aliases", {"org_id": org_id}, gone)

    async def _ledger(self, org_id: str, changeset: Changeset, origin: Origin) -> None:
        touched: list[NewContact | ContactChange] = [*changeset.new_contacts, *changeset.contact_changes]
        if not any(contact.changes for contact in touched):
            return
        async with self.connection.cursor() as cursor, cursor.copy(_sql["copy_ledger"]) as copy:
            for contact in touched:
                entries = rows.ledger_rows(contact.contact_id, contact.changes, origin.app_id, origin.run_id)
                for entry in entries:
                    await copy.write_row((org_id, *entry))

    async def _issues(self, org_id: str, changeset: Changeset, origin: Origin) -> None:
        notes = [
            {
                "issue_id": self._ids.new("issue"), "cause": n.cause, "kind": n.kind, "severity": n.severity,
                "message": n.message, "external_id": n.external_id, "contact_id": n.contact_id,
                "field_name": n.field_name, "raw": n.raw,
            }
            for n in changeset.issues
        ]  # fmt: skip
        values = {"org_id": org_id, "app_id": origin.app_id, "run_id": origin.run_id}
        await self._write("open_issues", values, notes)
        if changeset.closed_causes:
            closing = {
                "org_id": org_id,
                "causes": list(changeset.closed_causes),
                "because": "the cause is gone",
            }
            await self._run("close_issues", closing, rows=False)

    async def _log_anew(self, org_id: str, changeset: Changeset) -> None:
        """A call may come minutes before its record is read: then it is logged as soon as there is a record."""
        if not changeset.opened or not changeset.tenant_key:
            return
        values = {"org_id": org_id, "contact_ids": list(changeset.opened), "tenant_key": changeset.tenant_key}
        if await self._run("conversations_due_again", values):
            await self.wake(Wake(WakeKind.ANALYSIS, org_id))

    async def _ambiguous_aliases(self, org_id: str, changeset: Changeset) -> None:
        notes, settled = await merge_writes.ambiguous(self.connection, org_id, changeset)
        if notes or settled:
            await self._issues(org_id, Changeset(issues=notes, closed_causes=settled), Origin())

    async def _wake_push(self, org_id: str) -> None:
        linked = await self._run("linked_app", {"org_id": org_id})
        if linked:
            await self.wake(Wake(WakeKind.PUSH, org_id, linked[0]["app_id"]))

    async def _write(self, name: str, values: dict[str, Any], records: Sequence[Mapping[str, Any]]) -> None:
        if records:
            await self.connection.execute(_sql[name], {**values, "rows": Jsonb(records)})

    async def _run(self, name: str, values: dict[str, Any], *, rows: bool = True) -> list[dict[str, Any]]:
        cursor = await self.connection.execute(_sql[name], values)
        return await cursor.fetchall() if rows else []


class PostgresStore:
    """Implements `ports.store.Store` on a pool."""

    def __init__(self, pool: Pool, jobs: JobQueue, ids: Ids) -> None:
        self._pool = pool
        self._jobs = jobs
        self._ids = ids
        self._statistics = Statistics()

    @asynccontextmanager
    async def transaction(self, lease: Lease | None = None) -> AsyncIterator[PostgresUnitOfWork]:
        """One unit of work. Raises LeaseLostError; ConflictError when another unit was first: plan again."""
        try:
            async with self._pool.connection() as connection, connection.transaction():
                if lease is not None:
                    await check(connection, lease)
                unit = PostgresUnitOfWork(connection, self._jobs, self._ids)
                yield unit
        except (errors.UniqueViolation, errors.DeadlockDetected, errors.SerializationFailure) as error:
            raise ConflictError("another unit of work changed the same rows first") from error
        self._statistics.added(unit.contacts_added)
        await self._statistics.renew_if_due(self._pool)


def _alias_row(alias: Any) -> dict[str, str]:
    return {"contact_id": alias.contact_id, "phone_number": alias.phone_number, "origin": alias.origin}
