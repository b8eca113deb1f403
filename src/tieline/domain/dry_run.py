"""What a run would do, as lines for people and programs: each record and field before and after, and why. Pure.

A line is made of what a unit of work was told to apply, or of what would have been sent to the CRM; never of a guess.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from tieline.domain.changeset import (
    Changeset,
    ContactChange,
    FieldChange,
    IssueNote,
    LinkState,
    LinkStatus,
    NewContact,
)
from tieline.domain.fields import PHONE_NUMBER


class Side(StrEnum):
    """Where something would happen."""

    TIELINE = "tieline"
    CRM = "crm"


class Action(StrEnum):
    """What would happen to one contact or record. `SETTLED`: what a person was asked about is over."""

    CREATED = "created"
    CHANGED = "changed"
    CONFLICT = "conflict"
    MERGED = "merged"
    LINKED = "linked"
    SKIPPED = "skipped"
    GONE = "gone"
    LOGGED = "logged"
    REFUSED = "refused"
    SETTLED = "settled"
    BRAKED = "braked"


TO_MERGE = "to_merge"
"""The outcome of a field whose texts a model would have to merge, and was not asked to."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One field. `outcome`: set, overruled (`after` is the value that does not stand), withdrawn, or TO_MERGE."""

    field_name: str
    before: Any
    after: Any
    outcome: str = "set"
    source_kind: str = ""
    source_ref: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One contact or record. `kind` is that of the issue, for what would wait for a person."""

    action: Action
    side: Side = Side.TIELINE
    contact_id: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    entries: tuple[Entry, ...] = ()
    kind: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Before:
    """What stood before a unit of work, as far as its changeset touches it.

    `causes` are those of open issues; `numbers` and `records` (that speak for them) are by contact id.
    """

    links: Mapping[str, LinkState] = field(default_factory=dict)
    causes: frozenset[str] = frozenset()
    numbers: Mapping[str, str] = field(default_factory=dict)
    records: Mapping[str, str] = field(default_factory=dict)


def lines_of(changes: Changeset, before: Before, to_merge: frozenset[str] = frozenset()) -> list[Line]:
    """The lines of one unit of work. `to_merge`: fields whose new text nobody was asked for."""
    records = {**before.records, **_speaking(changes.links)}
    found = [_created(contact, records) for contact in changes.new_contacts]
    for change in changes.contact_changes:
        line = _changed(change, before, records, to_merge)
        if line is not None:
            found.append(line)
    for merge in changes.contact_merges:
        why = merge.reason or f"It becomes part of {merge.survivor_id}."
        found.append(Line(Action.MERGED, contact_id=merge.loser_id, why=why,
                          phone_number=before.numbers.get(merge.loser_id)))  # fmt: skip
    new = {contact.contact_id for contact in changes.new_contacts}
    found += _ties(changes.links, before, new)
    found += [_waiting(note, before) for note in changes.issues if note.cause not in before.causes]
    closed = [cause for cause in changes.closed_causes if cause in before.causes]
    found += [Line(Action.SETTLED, why=cause) for cause in closed]
    return found


def _speaking(links: Sequence[LinkState]) -> dict[str, str]:
    """Records by the contact that they speak for."""
    opened = [link for link in links if link.status is LinkStatus.OPEN and link.contact_id is not None]
    return {str(link.contact_id): link.external_id for link in opened}


def _created(contact: NewContact, records: Mapping[str, str]) -> Line:
    return Line(
        Action.CREATED, contact_id=contact.contact_id, phone_number=contact.phone_number,
        external_id=records.get(contact.contact_id),
        entries=tuple(_entry(change, frozenset()) for change in contact.changes),
    )  # fmt: skip


def _changed(
    change: ContactChange, before: Before, records: Mapping[str, str], to_merge: frozenset[str]
) -> Line | None:
    number = before.numbers.get(change.contact_id)
    entries = [_entry(one, to_merge) for one in change.changes]
    if change.phone_number is not None and all(e.field_name != PHONE_NUMBER for e in entries):
        entries.insert(0, Entry(PHONE_NUMBER, number, change.phone_number))
    if not entries:
        return None
    stands = any(entry.outcome != "overruled" for entry in entries)
    return Line(
        Action.CHANGED if stands else Action.CONFLICT, contact_id=change.contact_id, phone_number=number,
        external_id=records.get(change.contact_id), entries=tuple(entries),
    )  # fmt: skip


def _entry(change: FieldChange, to_merge: frozenset[str]) -> Entry:
    merging = change.field_name in to_merge
    return Entry(
        change.field_name, change.old, None if merging else change.new,
        TO_MERGE if merging else change.outcome.value, change.source.kind.value, change.source.ref,
        "A model would be asked how the two texts go together." if merging else change.reason,
    )  # fmt: skip


_GONE = {
    LinkStatus.DELETED: "The CRM deleted the record; the contact stays.",
    LinkStatus.MERGED: "The CRM merged the record into another.",
    LinkStatus.MISSING: "The CRM did not return the record when asked for by its id.",
    LinkStatus.CLOSED: "The record does not speak for the contact any more.",
}


def _ties(links: Sequence[LinkState], before: Before, new: set[str]) -> Iterator[Line]:
    """Records whose tie to a contact changes."""
    for link in links:
        old = before.links.get(link.external_id)
        if old is not None and (old.status, old.contact_id) == (link.status, link.contact_id):
            continue
        tie = Line(
            Action.LINKED, contact_id=link.contact_id, external_id=link.external_id,
            phone_number=link.phones[0] if link.phones else None,
        )  # fmt: skip
        match link.status:
            case LinkStatus.OPEN if link.contact_id not in new:
                yield tie
            case LinkStatus.SKIPPED:
                yield replace(tie, action=Action.SKIPPED, why=f"It has no usable number: {link.raw_phone!r}.")
            case LinkStatus.SHARED:
                yield replace(
                    tie, action=Action.SKIPPED, why="Another record with its number speaks for the contact."
                )
            case status if status in _GONE and old is not None:
                yield replace(tie, action=Action.GONE, why=_GONE[status])


def _waiting(note: IssueNote, before: Before) -> Line:
    number = before.numbers.get(note.contact_id) if note.contact_id else None
    entries = () if note.field_name is None else (Entry(note.field_name, None, note.raw, "refused"),)
    return Line(
        Action.REFUSED, contact_id=note.contact_id, phone_number=number, external_id=note.external_id,
        entries=entries, kind=note.kind, why=note.message,
    )  # fmt: skip


@dataclass(slots=True)
class Totals:
    """Sums over all lines: by side and action, by outcome of a field, by kind of what waits for a person."""

    actions: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    issues: Counter[str] = field(default_factory=Counter)
    lines: int = 0

    def add(self, lines: Iterable[Line]) -> None:
        """Counts these too."""
        for line in lines:
            self.lines += 1
            self.actions[f"{line.side.value}:{line.action.value}"] += 1
            if line.action is Action.REFUSED and line.kind:
                self.issues[line.kind] += 1
            for entry in line.entries:
                self.fields[f"{line.side.value}:{entry.outcome}"] += 1

    def to_json(self) -> dict[str, Any]:
        """`{"lines": n, side: {action: n}, "fields": {side: {outcome: n}}, "issues": {kind: n}}`."""
        fields = {side.value: _of(self.fields, side) for side in Side}
        by_side = {side.value: _of(self.actions, side) for side in Side}
        return {"lines": self.lines, **by_side, "fields": fields, "issues": dict(sorted(self.issues.items()))}


def _of(counts: Mapping[str, int], side: Side) -> dict[str, int]:
    named = ((name.partition(":"), number) for name, number in sorted(counts.items()))
    return {what: number for (of, _, what), number in named if of == side.value}


def line_to_json(line: Line) -> dict[str, Any]:
    """A line as the API and the command line show it; what is not known is left out."""
    told = {
        "action": line.action.value, "side": line.side.value, "contact_id": line.contact_id,
        "phone_number": line.phone_number, "external_id": line.external_id, "kind": line.kind or None,
        "why": line.why or None,
    }  # fmt: skip
    shown = {name: value for name, value in told.items() if value is not None}
    return {**shown, "fields": [entry_to_json(entry) for entry in line.entries]} if line.entries else shown


def entry_to_json(entry: Entry) -> dict[str, Any]:
    """A field of a line: always with before and after."""
    told = {"source_kind": entry.source_kind, "source_ref": entry.source_ref, "why": entry.why}
    named = {name: value for name, value in told.items() if value}
    return {
        "field_name": entry.field_name, "before": entry.before, "after": entry.after,
        "outcome": entry.outcome, **named,
    }  # fmt: skip
