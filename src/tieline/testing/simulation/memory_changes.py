"""Carries a changeset out on the tables, statement by statement in the order of the store on PostgreSQL.

Keeps that store's order and its indexes on purpose, also where another order would be easier: a plan that could not be
carried out there must not be carried out here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tieline.domain import link_state
from tieline.domain.changeset import (
    Changeset,
    ContactChange,
    ContactMerge,
    ContactState,
    FieldChange,
    LedgerOutcome,
    LinkState,
    LinkStatus,
    NewContact,
)
from tieline.ports.store import Origin
from tieline.testing.simulation.tables import ContactRow, IssueRow, LedgerRow, LinkKey, LinkRow, Tables


class Changes:
    """One changeset on its way into the tables of one organisation."""

    def __init__(self, tables: Tables, org_id: str, now: datetime) -> None:
        self._tables = tables
        self._org = org_id
        self._now = now

    def apply(self, changes: Changeset, origin: Origin) -> bool:
        """Everything; whether a link became dirty."""
        if changes.contact_unmerges:
            raise NotImplementedError("nobody undoes a merge in a simulated world")
        changing = [change for change in changes.contact_changes if changes_something(change)]
        for merge in changes.contact_merges:
            self._end_merged(merge)
        self._park_numbers(changing)
        for new in changes.new_contacts:
            self._insert(new)
        self._update(changing)
        for contact_id, number in changes.dropped_aliases:
            self._drop_alias(contact_id, number)
        self._park_links(changes)
        for link in sorted(changes.links, key=lambda one: (one.status is LinkStatus.OPEN, one.external_id)):
            self._upsert(changes.tenant_key, link)
        for merge in changes.contact_merges:
            self._move_merged(merge)
        for alias in changes.aliases:
            key = (self._org, alias.phone_number, alias.contact_id)
            self._tables.aliases.setdefault(key, alias.origin)
        self._record([*changes.new_contacts, *changes.contact_changes])
        self._issues(changes, origin)
        dirtied = {c.contact_id for c in changes.contact_changes if c.mark_dirty and changes_something(c)}
        self._mark_dirty(dirtied)
        self._log_anew(changes)
        return bool(dirtied) or any(link.dirty for link in changes.links)

    def _end_merged(self, merge: ContactMerge) -> None:
        contacts, survivor, loser = (
            self._tables.contacts,
            (self._org, merge.survivor_id),
            (self._org, merge.loser_id),
        )
        gone, stays = contacts[loser], contacts[survivor]
        ends = [at for at in (gone.last_conversation_at, stays.last_conversation_at) if at is not None]
        counted = stays.conversations + gone.conversations
        contacts[survivor] = replace(
            stays, conversations=counted, last_conversation_at=max(ends, default=None)
        )
        left = replace(gone.state, version=gone.state.version + 1)
        contacts[loser] = replace(gone, state=left, merged_into=merge.survivor_id)

    def _move_merged(self, merge: ContactMerge) -> None:
        tables, org, survivor, loser = self._tables, self._org, merge.survivor_id, merge.loser_id
        for key, row in tables.conversations.items():
            if key[0] == org and row.contact_id == loser:
                tables.conversations[key] = replace(row, contact_id=survivor)
        for place, activity in tables.activities.items():
            if place[0] == org and activity.contact_id == loser:
                tables.activities[place] = replace(activity, contact_id=survivor)
        for intent, wanted in tables.creations.items():
            if intent[0] == org and intent[2] == loser and wanted.status != "done":
                tables.creations[intent] = replace(wanted, status="due", due_at=self._now)
        for tie, link in list(tables.links.items()):
            if tie[0] == org and link.state.contact_id == loser:
                self._move_link(tie, link, survivor)
        for owner, number, contact_id in list(tables.aliases):
            if owner == org and contact_id == loser:
                tables.aliases.setdefault((org, number, survivor), "merged")

    def _move_link(self, key: LinkKey, row: LinkRow, survivor_id: str) -> None:
        """A contact has one open link in each tenant: where the survivor has its own, the loser's closes."""
        own = any(
            other[:2] == key[:2]
            and held.state.contact_id == survivor_id
            and held.state.status is LinkStatus.OPEN
            for other, held in self._tables.links.items()
        )
        closes = own and row.state.status is LinkStatus.OPEN
        status = LinkStatus.CLOSED if closes else row.state.status
        moved = replace(row.state, contact_id=survivor_id, status=status, version=row.state.version + 1)
        self._tables.put_link(key, replace(row, state=moved))

    def _insert(self, new: NewContact) -> None:
        empty = ContactState(new.contact_id, new.phone_number, version=1)
        self._tables.put_contact((self._org, new.contact_id), ContactRow(with_changes(empty, new.changes)))

    def _park_numbers(self, changes: Sequence[ContactChange]) -> None:
        for change in changes:
            if change.phone_number is not None:
                row = self._tables.contacts[self._org, change.contact_id]
                parked = replace(row.state, phone_number=f"moving:{change.contact_id}")
                self._tables.contacts[self._org, change.contact_id] = replace(row, state=parked)

    def _update(self, changes: Sequence[ContactChange]) -> None:
        for change in changes:
            row = self._tables.contacts[self._org, change.contact_id]
            state = with_changes(row.state, change.changes)
            number = change.phone_number or state.phone_number
            state = replace(state, version=state.version + 1, phone_number=number)
            self._tables.put_contact((self._org, change.contact_id), replace(row, state=state))

    def _drop_alias(self, contact_id: str, number: str) -> None:
        key = (self._org, number, contact_id)
        if self._tables.aliases.get(key) == "record":
            del self._tables.aliases[key]

    def _park_links(self, changes: Changeset) -> None:
        for external_id in changes.moved:
            key = (self._org, changes.tenant_key, external_id)
            row = self._tables.links[key]
            if row.state.status is LinkStatus.OPEN:
                self._tables.links[key] = replace(row, state=replace(row.state, status=LinkStatus.CLOSED))

    def _upsert(self, tenant_key: str, link: LinkState) -> None:
        key = (self._org, tenant_key, link.external_id)
        old = self._tables.links.get(key)
        # Through the form in which a row keeps it: what that form cannot carry must be lost here too.
        pairs = link_state.from_json(link_state.to_json(link.pairs))
        version = 1 if old is None else old.state.version + 1
        dirty_at = None if not link.dirty else (old.dirty_at if old else None) or self._now
        state = replace(link, pairs=pairs, version=version)
        self._tables.put_link(key, LinkRow(state, dirty_at, old.not_before if old else None))

    def _record(self, touched: Iterable[NewContact | ContactChange]) -> None:
        for contact in touched:
            for change in contact.changes:
                row = LedgerRow(self._org, contact.contact_id, change, self._now)
                self._tables.ledger[len(self._tables.ledger) + 1] = row

    def _issues(self, changes: Changeset, origin: Origin) -> None:
        for note in changes.issues:
            key = (self._org, note.cause)
            old = self._tables.issues.get(key)
            times = 1 if old is None else old.occurrences + 1
            self._tables.issues[key] = IssueRow(note, old.app_id if old else origin.app_id, times)
        for cause in changes.closed_causes:
            self._tables.issues.pop((self._org, cause), None)

    def _log_anew(self, changes: Changeset) -> None:
        """Conversations of the last day that found no record to be logged on."""
        for key, talk in self._tables.conversations.items():
            at = talk.report.ended_at or talk.report.started_at or talk.created_at
            waits = talk.counted and talk.due_at is None and at > self._now - timedelta(days=1)
            place = (key[0], changes.tenant_key, key[1], key[2])
            opened = key[0] == self._org and talk.contact_id in changes.opened and changes.tenant_key
            if opened and waits and place not in self._tables.activities:
                self._tables.conversations[key] = replace(talk, due_at=self._now, revision=self._now)

    def _mark_dirty(self, contact_ids: set[str]) -> None:
        for key, row in self._tables.links.items():
            link = row.state
            mine = key[0] == self._org and link.contact_id in contact_ids and link.status is LinkStatus.OPEN
            if mine and row.dirty_at is None:
                marked = replace(link, dirty=True, version=link.version + 1)
                self._tables.links[key] = LinkRow(marked, self._now, None)


def changes_something(change: ContactChange) -> bool:
    """False for a change that only adds to the ledger."""
    stands = any(c.outcome is not LedgerOutcome.OVERRULED for c in change.changes)
    return stands or change.phone_number is not None


def with_changes(contact: ContactState, changes: Iterable[FieldChange]) -> ContactState:
    """The contact as its changes leave it."""
    values, sources = dict(contact.values), dict(contact.sources)
    for change in changes:
        if change.outcome is LedgerOutcome.OVERRULED:
            continue
        sources[change.field_name] = change.standing
        if change.new is None:
            values.pop(change.field_name, None)
        else:
            values[change.field_name] = change.new
    return replace(contact, values=values, sources=sources)
