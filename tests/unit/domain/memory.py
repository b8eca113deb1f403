"""A few dictionaries that take changesets, so that plans can be tried over several pages without a database."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tieline.domain.board import Known
from tieline.domain.changeset import (
    Changeset,
    ContactState,
    FieldChange,
    IssueNote,
    LedgerOutcome,
    LinkState,
    LinkStatus,
)
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.fields import BUILTIN_FIELDS, FieldSpec
from tieline.domain.mapping import MappingSet, Pair, Policy
from tieline.domain.plan_inbound import InboundRules, plan_inbound, plan_missing, plan_removals
from tieline.domain.records import RemoteRecord, Removal
from tieline.domain.values import FieldType, Value

TENANT = "crm:T1"
COLOUR = FieldSpec("colour", FieldType.STRING)


def mapping(*extra: Pair, outbound: bool = True) -> MappingSet:
    pairs = (
        Pair(BUILTIN_FIELDS["first_name"], CrmField("First", "First", CrmKind.STRING), True, False, Policy.CRM_WINS),
        Pair(COLOUR, CrmField("Colour", "Colour", CrmKind.STRING), True, outbound, Policy.CRM_WINS),
    )  # fmt: skip
    return MappingSet((), (), "Phone", ("Mobile",), (*pairs, *extra))


def record(
    external_id: str, phone: str | None, *, mobile: str | None = None, created: int = 1, modified: int = 10,
    merged: tuple[str, ...] = (), **values: Value,
) -> RemoteRecord:  # fmt: skip
    fields: dict[str, Value] = {
        "Phone": phone,
        "Mobile": mobile,
        "First": external_id,
        "Colour": None,
        **values,
    }
    return RemoteRecord(external_id, created, modified, fields, merged_ids=merged)


@dataclass
class Memory:
    """What the store would hold."""

    contacts: dict[str, ContactState] = field(default_factory=dict)
    links: dict[str, LinkState] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    issues: dict[str, str] = field(default_factory=dict)
    notes: dict[str, IssueNote] = field(default_factory=dict)
    ledger: list[tuple[str, FieldChange]] = field(default_factory=list)
    ids: "itertools.count[int]" = field(default_factory=itertools.count)
    clock: int = 100
    extra: tuple[Pair, ...] = ()
    own_user_id: str | None = None

    def new_id(self) -> str:
        return f"c{next(self.ids)}"

    def known(self) -> Known:
        by_alias: dict[str, list[str]] = {}
        for contact_id, number in self.aliases:
            if contact_id in self.contacts:
                by_alias.setdefault(number, []).append(contact_id)
        return Known(
            links=dict(self.links),
            contacts=dict(self.contacts),
            by_number={c.phone_number: c.contact_id for c in self.contacts.values()},
            by_alias={number: ids[0] for number, ids in by_alias.items() if len(ids) == 1},
            primaries={
                link.contact_id: ext
                for ext, link in self.links.items()
                if link.status is LinkStatus.OPEN and link.contact_id
            },
            open_causes=frozenset(self.issues),
        )

    def read(self, records: Sequence[RemoteRecord], *, first: bool = False, fresh: bool = False) -> Changeset:
        """One page."""
        self.clock += 1
        rules = InboundRules(
            mapping(*self.extra), TENANT, "US", self.clock, self.own_user_id, first_read=first, fresh=fresh
        )
        plan = plan_inbound(records, self.known(), rules, self.new_id)
        self.apply(plan.changeset)
        return plan.changeset

    def settle(self, records: dict[str, RemoteRecord]) -> None:
        """Reads again what asked for it, as a run's last beat does."""
        while waiting := sorted(ext for ext, link in self.links.items() if link.needs_read):
            self.read([records[ext] for ext in waiting if ext in records], fresh=True)
            for ext in waiting:
                self.links[ext] = replace(self.links[ext], needs_read=False)

    def remove(self, *removals: Removal) -> None:
        self.apply(plan_removals(removals, self.known(), TENANT, self.new_id))

    def missing(self, *external_ids: str) -> None:
        self.apply(plan_missing(external_ids, self.known(), TENANT))

    def apply(self, changes: Changeset) -> None:
        for merge in changes.contact_merges:
            del self.contacts[merge.loser_id]
            for ext, link in self.links.items():
                if link.contact_id == merge.loser_id:
                    self.links[ext] = replace(link, contact_id=merge.survivor_id)
        for new in changes.new_contacts:
            self.contacts[new.contact_id] = ContactState(new.contact_id, new.phone_number)
            self._change(new.contact_id, new.changes)
        for change in changes.contact_changes:
            if change.phone_number:
                self.contacts[change.contact_id] = replace(
                    self.contacts[change.contact_id], phone_number=change.phone_number
                )
            self._change(change.contact_id, change.changes)
        for contact_id, number in changes.dropped_aliases:
            self.aliases.pop((contact_id, number), None)
        for alias in changes.aliases:
            self.aliases.setdefault((alias.contact_id, alias.phone_number), alias.origin)
        for link in changes.links:
            self.links[link.external_id] = replace(link, version=link.version + 1)
        for cause in changes.closed_causes:
            self.issues.pop(cause, None)
        for note in changes.issues:
            self.issues[note.cause] = note.kind
            self.notes[note.cause] = note
        self._check()

    def _change(self, contact_id: str, changes: Sequence[FieldChange]) -> None:
        for change in changes:
            self.ledger.append((contact_id, change))
            if change.outcome is LedgerOutcome.OVERRULED:
                continue
            contact = self.contacts[contact_id]
            values = {**contact.values, change.field_name: change.new}
            values = {name: value for name, value in values.items() if value is not None}
            sources = {**contact.sources, change.field_name: change.source}
            self.contacts[contact_id] = replace(contact, values=values, sources=sources)

    def _check(self) -> None:
        """What the store's unique indexes refuse."""
        numbers = [contact.phone_number for contact in self.contacts.values()]
        assert len(numbers) == len(set(numbers)), "one contact per number"
        open_ones = [link.contact_id for link in self.links.values() if link.status is LinkStatus.OPEN]
        assert len(open_ones) == len(set(open_ones)), "one open link per contact"
        assert all(contact_id in self.contacts for contact_id in open_ones)

    def by_number(self, number: str) -> ContactState:
        return next(c for c in self.contacts.values() if c.phone_number == number)

    def primary_of(self, number: str) -> str | None:
        contact = self.by_number(number)
        return next(
            (
                ext
                for ext, link in self.links.items()
                if link.contact_id == contact.contact_id and link.status is LinkStatus.OPEN
            ),
            None,
        )
