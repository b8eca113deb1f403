"""Two contacts made one by a person, and any merge undone. Pure: says which of them survives, and what changes.

A merge that a sync made is undone the same way. No undo may clear `do_not_call` unless the person asks for that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from tieline.domain.absorbing import absorb
from tieline.domain.board import Board, Known
from tieline.domain.changeset import (
    Changeset,
    ContactChange,
    ContactState,
    ContactUnmerge,
    FieldChange,
    IssueNote,
    LedgerOutcome,
    Source,
    SourceKind,
)
from tieline.domain.fields import DO_NOT_CALL, FieldSpec
from tieline.domain.values import Value

Ties: TypeAlias = Mapping[str, Mapping[str, str]]
"""By contact id and tenant: the external id of the record that speaks for the contact."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why two contacts cannot be merged, or a merge not undone, and what to do about it. Whole sentences."""

    reason: str


@dataclass(frozen=True, slots=True)
class Roles:
    """Who survives. `swapped`: not as it was asked for, since the other one is linked."""

    survivor_id: str
    loser_id: str
    swapped: bool = False


@dataclass(frozen=True, slots=True)
class MergeRecord:
    """What the store remembers of a merge that stands.

    `filled`: the fields that took the loser's value, with what the survivor had before. `aliases`: numbers that the
    survivor got by it. `records`: the loser's records, as sources name them. `survivor_number`: the survivor's then.
    """

    survivor_id: str
    loser_id: str
    merged_at: datetime
    filled: Mapping[str, Value]
    aliases: Sequence[str]
    records: frozenset[str] = frozenset()
    survivor_number: str | None = None


@dataclass(frozen=True, slots=True)
class Numbers:
    """Who has what by now: the contact with the loser's number, the one with the survivor's former number, and the
    record for which the survivor has its present one.
    """

    of_loser: str | None = None
    of_former: str | None = None
    held_by: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A merge that stands: what the store remembers, the loser as it was, and who has the numbers by now."""

    record: MergeRecord
    loser: ContactState
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class UnmergePlan:
    """`kept` are fields that the merge set and that stay all the same."""

    changeset: Changeset
    kept: tuple[str, ...] = ()


def choose_survivor(survivor_id: str, loser_id: str, ties: Ties, active_tenant: str) -> Roles | Refused:
    """The linked one survives, whoever was named; of two linked ones that of the app which syncs contacts."""
    if survivor_id == loser_id:
        return Refused("These are one contact already.")
    ours, theirs = ties.get(survivor_id, {}), ties.get(loser_id, {})
    both = sorted(ours.keys() & theirs.keys())
    if both:
        tenant = both[0]
        return Refused(
            f"Both contacts are linked to records of {tenant} ({ours[tenant]} and {theirs[tenant]}), and a contact "
            "has one record there. Merge the two records in the CRM: the next sync follows it, and then these "
            "contacts can be merged."
        )
    if _rank(theirs, active_tenant) > _rank(ours, active_tenant):
        return Roles(loser_id, survivor_id, swapped=True)
    return Roles(survivor_id, loser_id)


def plan_merge(
    survivor: ContactState,
    loser: ContactState,
    fields: Mapping[str, FieldSpec],
    reason: str,
    settled: Sequence[str] = (),
) -> Changeset:
    """The loser becomes part of the survivor. `settled` are causes of issues that asked for it."""
    known = Known(contacts={survivor.contact_id: survivor, loser.contact_id: loser})
    board = Board(known, "", str)
    absorb(board, survivor.contact_id, loser.contact_id, reason)
    changes = board.changeset()
    return replace(
        changes,
        contact_changes=[_by_person(change, fields) for change in changes.contact_changes],
        closed_causes=tuple(settled),
    )


def plan_unmerge(
    record: MergeRecord,
    survivor: ContactState,
    loser: ContactState,
    numbers: Numbers,
    fields: Mapping[str, FieldSpec],
    source: Source,
    *,
    clear_do_not_call: bool = False,
) -> UnmergePlan | Refused:
    """The loser becomes a contact of its own again.

    `loser` is as it was when it was merged away. Values that stand on the survivor as the merge brought them, or as a
    record gives them that goes back, are withdrawn; later edits stay.
    """
    moved = _give_number_back(record, survivor, loser, numbers)
    if isinstance(moved, Refused):
        return moved
    changes, kept = [], []
    reason = f"the merge with {loser.contact_id} was undone"
    for name, before in _brought(record, survivor, loser).items():
        if name == DO_NOT_CALL and survivor.values.get(name) is True and not clear_do_not_call:
            kept.append(name)
            continue
        field_id = fields[name].field_id if name in fields else ""
        changes.append(
            FieldChange(
                name, survivor.values.get(name), before, source, LedgerOutcome.WITHDRAWN, reason, field_id
            )
        )
    dropped = [*record.aliases, *([moved] if moved else [])]
    undone = ContactUnmerge(
        record.survivor_id,
        record.loser_id,
        numbers=tuple(dict.fromkeys([loser.phone_number, *record.aliases])),
        dropped=tuple(dropped),
    )
    touched = [ContactChange(survivor.contact_id, tuple(changes), moved)] if changes or moved else []
    return UnmergePlan(Changeset(contact_changes=touched, contact_unmerges=(undone,)), tuple(kept))


def alias_cause(number: str) -> str:
    """The cause of the issue about an alias that several contacts have."""
    return f"alias:{number}"


def ambiguous_alias(number: str, contact_ids: Sequence[str]) -> IssueNote:
    """The issue about an alias that several contacts have."""
    return IssueNote(
        cause=alias_cause(number),
        kind="ambiguous_alias",
        message=f"{number} is a further number of several contacts ({', '.join(contact_ids)}), so that it stands for "
        "none of them. Merge them if they are one person, or correct the number in the CRM.",
        raw={"number": number, "contacts": list(contact_ids)},
        severity="info",
    )


def _rank(ties: Mapping[str, str], active_tenant: str) -> tuple[bool, bool]:
    return active_tenant in ties, bool(ties)


def _by_person(change: ContactChange, fields: Mapping[str, FieldSpec]) -> ContactChange:
    """What is filled in waits to be pushed, and the ledger knows which field it was."""
    named = tuple(
        replace(one, field_id=fields[one.field_name].field_id) if one.field_name in fields else one
        for one in change.changes
    )
    return replace(change, changes=named, mark_dirty=True, by_person=True)


def _brought(record: MergeRecord, survivor: ContactState, loser: ContactState) -> dict[str, Value]:
    """The fields whose value must go, with what comes in its place."""
    brought: dict[str, Value] = {}
    for name, value in survivor.values.items():
        source = survivor.sources.get(name)
        if name in record.filled:
            theirs = loser.sources.get(name, Source(SourceKind.RULE, 0, loser.contact_id))
            if source == theirs and value == loser.values.get(name):
                brought[name] = record.filled[name]
                continue
        if source is not None and source.kind is SourceKind.CRM and source.ref in record.records:
            brought[name] = None
    return brought


def _give_number_back(
    record: MergeRecord, survivor: ContactState, loser: ContactState, numbers: Numbers
) -> str | Refused | None:
    """The survivor's number afterwards, if it must give its present one back."""
    number = loser.phone_number
    if numbers.of_loser is None:
        return None
    if numbers.of_loser != survivor.contact_id:
        return Refused(
            f"Its number {number} is contact {numbers.of_loser}'s by now. Change that one's number, or merge the two."
        )
    if numbers.held_by is not None:
        return Refused(
            f"Contact {survivor.contact_id} has the number {number} because its CRM record {numbers.held_by} has it. "
            "Correct the number there; after the next sync the merge can be undone."
        )
    if record.survivor_number in (None, number) or numbers.of_former is not None:
        return Refused(
            f"Contact {survivor.contact_id} has the number {number}, and no other that it could go back to."
        )
    return record.survivor_number
