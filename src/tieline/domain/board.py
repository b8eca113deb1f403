"""The working table of a plan: contacts and records as they are, and as the plan so far would leave them.

A plan looks at records one after the other, and later ones must see what earlier ones did. The board keeps that in
memory and turns into one `Changeset` at the end. It decides nothing.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tieline.domain.changeset import (
    Alias,
    Changeset,
    ContactChange,
    ContactMerge,
    ContactState,
    FieldChange,
    IssueNote,
    LedgerOutcome,
    LinkState,
    LinkStatus,
    NewContact,
    Source,
)
from tieline.domain.pair_state import PairState
from tieline.domain.values import Value


@dataclass(frozen=True, slots=True)
class Known:
    """What the store holds about the records and numbers at hand; loaded, and locked, before a plan is made.

    `by_number` maps numbers to contact ids, `by_alias` numbers to the one contact that has them as an alias.
    `primaries` maps contact ids to the external id of their open link in this tenant. `sharing` lists the records that
    have a number which some record at hand may leave. `open_causes` are causes of issues that are open. `created` has,
    by contact, what was sent to create its record where the answer was lost, as values in flight by pair.
    """

    links: Mapping[str, LinkState] = field(default_factory=dict)
    contacts: Mapping[str, ContactState] = field(default_factory=dict)
    by_number: Mapping[str, str] = field(default_factory=dict)
    by_alias: Mapping[str, str] = field(default_factory=dict)
    primaries: Mapping[str, str] = field(default_factory=dict)
    sharing: Sequence[LinkState] = ()
    open_causes: Collection[str] = ()
    created: Mapping[str, Mapping[str, PairState]] = field(default_factory=dict)


class Board:
    """Mutable for the length of one plan."""

    def __init__(self, known: Known, tenant_key: str, new_id: Callable[[], str]) -> None:
        self.tenant_key = tenant_key
        self.links = dict(known.links)
        self.contacts = dict(known.contacts)
        self.by_number = dict(known.by_number)
        self.by_alias = dict(known.by_alias)
        self.primaries = dict(known.primaries)
        self.created = known.created
        self.open_causes = frozenset(known.open_causes)
        for link in known.sharing:
            self.links.setdefault(link.external_id, link)
        self._records_of: dict[str, set[str]] = {}
        for link in self.links.values():
            if link.contact_id:
                self._records_of.setdefault(link.contact_id, set()).add(link.external_id)
        self.counts: Counter[str] = Counter()
        self._new_id = new_id
        self._before = dict(self.links)
        self._created: dict[str, str] = {}
        self._changes: dict[str, list[FieldChange]] = {}
        self._drafts: dict[str, tuple[dict[str, Value], dict[str, Source]]] = {}
        self._renumbered: dict[str, str] = {}
        self._aliases: dict[tuple[str, str], Alias] = {}
        self._dropped: dict[str, frozenset[str]] = {}
        self._merges: list[ContactMerge] = []
        self._issues: dict[str, IssueNote] = {}
        self._closed: set[str] = set()

    # contacts

    def create_contact(self, number: str) -> ContactState:
        """A new contact with that number and no values."""
        contact = ContactState(self._new_id(), number)
        self.contacts[contact.contact_id] = contact
        self.by_number[number] = contact.contact_id
        self._created[contact.contact_id] = number
        return contact

    def change_field(self, contact_id: str, change: FieldChange) -> None:
        """Records a change; one that stands is also seen by whoever looks at the contact afterwards."""
        self._changes.setdefault(contact_id, []).append(change)
        if change.outcome is LedgerOutcome.OVERRULED:
            return
        values, sources = self._draft(contact_id)
        if change.new is None:
            values.pop(change.field_name, None)
        else:
            values[change.field_name] = change.new
        sources[change.field_name] = change.standing

    def _draft(self, contact_id: str) -> tuple[dict[str, Value], dict[str, Source]]:
        """The values and sources of a contact, to be written into: a copy, made at the first change only."""
        draft = self._drafts.get(contact_id)
        if draft is None:
            contact = self.contacts[contact_id]
            draft = self._drafts[contact_id] = dict(contact.values), dict(contact.sources)
            self.contacts[contact_id] = replace(contact, values=draft[0], sources=draft[1])
        return draft

    def renumber(self, contact_id: str, number: str) -> None:
        """Gives a contact another number; the former one becomes an alias."""
        contact = self.contacts[contact_id]
        self.by_number.pop(contact.phone_number, None)
        self.by_number[number] = contact_id
        self.contacts[contact_id] = replace(contact, phone_number=number)
        if contact_id in self._created:
            self._created[contact_id] = number
        else:
            self._renumbered[contact_id] = number
        self.add_alias(contact_id, contact.phone_number, "former")

    def merge_contacts(
        self, survivor_id: str, loser_id: str, filled: Mapping[str, Value] | None = None, reason: str = ""
    ) -> None:
        """Makes the loser part of the survivor. The store moves what hangs on it, and keeps what it `filled`."""
        loser = self.contacts.pop(loser_id)
        if self._created.pop(loser_id, None) is None:
            self._merges.append(ContactMerge(survivor_id, loser_id, filled or {}, reason))
        else:
            self._changes.pop(loser_id, None)
        if self.by_number.get(loser.phone_number) == loser_id:
            del self.by_number[loser.phone_number]
        for number, contact_id in [*self.by_alias.items()]:
            if contact_id == loser_id:
                self.by_alias[number] = survivor_id
        for link in [*self.links.values()]:
            if link.contact_id == loser_id:
                self.put_link(replace(link, contact_id=survivor_id))

    def value(self, contact_id: str, field_name: str) -> Value:
        """The field's value as the plan so far leaves it."""
        return self.contacts[contact_id].values.get(field_name)

    # aliases

    def add_alias(self, contact_id: str, number: str, origin: str) -> None:
        """Another number of a contact."""
        self._aliases[contact_id, number] = Alias(contact_id, number, origin)

    def drop_aliases(self, contact_id: str, numbers: Collection[str]) -> None:
        """These numbers came from a record that is not the contact's any more."""
        self._dropped[contact_id] = self._dropped.get(contact_id, frozenset()) | frozenset(numbers)
        for number in numbers:
            self._aliases.pop((contact_id, number), None)

    # records

    def put_link(self, link: LinkState) -> None:
        """Replaces what we know of a record, and with it who is whose primary."""
        before = self.links.get(link.external_id)
        if (
            before is not None
            and before.contact_id
            and self.primaries.get(before.contact_id) == link.external_id
        ):
            del self.primaries[before.contact_id]
        self.links[link.external_id] = link
        if link.contact_id:
            self._records_of.setdefault(link.contact_id, set()).add(link.external_id)
        if link.status is LinkStatus.OPEN and link.contact_id:
            self.primaries[link.contact_id] = link.external_id

    def records_of(self, contact_id: str) -> list[LinkState]:
        """The records at hand that are or were tied to a contact."""
        ties = (self.links[ext] for ext in sorted(self._records_of.get(contact_id, ())))
        return [link for link in ties if link.contact_id == contact_id]

    def sharers(self, number: str, without: str) -> list[LinkState]:
        """Records that wait behind another one for this number, the one created first in front."""
        waiting = [
            link
            for link in self.links.values()
            if link.status is LinkStatus.SHARED and number in link.phones[:1] and link.external_id != without
        ]
        return sorted(waiting, key=lambda link: (link.created_ms, link.external_id))

    # issues

    def issue(self, note: IssueNote) -> None:
        """Raises an issue, or repeats one with the same cause."""
        self._issues[note.cause] = note
        self._closed.discard(note.cause)

    def close(self, cause: str) -> None:
        """Closes the issue with this cause, if there is one open."""
        if cause in self.open_causes and cause not in self._issues:
            self._closed.add(cause)

    def retract(self, cause: str) -> None:
        """The same, also of an issue that this plan raised when it knew less."""
        self._issues.pop(cause, None)
        self.close(cause)

    def told(self, cause: str) -> bool:
        """Whether there is an issue with this cause: open already, or raised by this plan."""
        return cause in self._issues or cause in self.open_causes

    def changeset(self) -> Changeset:
        """Everything that differs from what was known."""
        return Changeset(
            tenant_key=self.tenant_key,
            new_contacts=[
                NewContact(cid, number, tuple(self._changes.get(cid, ())))
                for cid, number in self._created.items()
            ],
            contact_changes=self._contact_changes(),
            contact_merges=tuple(self._merges),
            links=[link for ext, link in self.links.items() if self._before.get(ext) != link],
            moved=self._moved(),
            aliases=tuple(self._aliases.values()),
            dropped_aliases=[(cid, n) for cid, numbers in self._dropped.items() for n in sorted(numbers)],
            issues=tuple(self._issues.values()),
            closed_causes=tuple(sorted(self._closed)),
            opened=self._opened(),
            counts=dict(self.counts),
        )

    def _moved(self) -> list[str]:
        """Links that were open on another contact before."""
        changed = ((self._before.get(ext), link) for ext, link in self.links.items())
        return [
            link.external_id
            for before, link in changed
            if before is not None
            and before.status is link.status is LinkStatus.OPEN
            and before.contact_id != link.contact_id
        ]

    def _opened(self) -> list[str]:
        """Contacts of links that were not open before, and those that absorbed another contact's conversations."""
        opened = {merge.survivor_id for merge in self._merges}
        for external_id, link in self.links.items():
            before = self._before.get(external_id)
            if (
                link.status is LinkStatus.OPEN
                and link.contact_id
                and (
                    before is None
                    or before.status is not LinkStatus.OPEN
                    or before.contact_id != link.contact_id
                )
            ):
                opened.add(link.contact_id)
        return sorted(opened)

    def _contact_changes(self) -> list[ContactChange]:
        touched: dict[str, Any] = dict.fromkeys([*self._changes, *self._renumbered])
        return [
            ContactChange(cid, tuple(self._changes.get(cid, ())), self._renumbered.get(cid), mark_dirty=False)
            for cid in touched
            if cid not in self._created
        ]
