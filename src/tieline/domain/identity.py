"""Who is who: which contact a record belongs to, which of several records speaks for a number, and what moves when
numbers change, records go, or the CRM merges them.

The result must not depend on the order in which a first read brings the records.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tieline.domain.board import Board
from tieline.domain.changeset import (
    FieldChange,
    IssueNote,
    LedgerOutcome,
    LinkState,
    LinkStatus,
    Source,
    SourceKind,
)
from tieline.domain.records import RemoteRecord, Removal
from tieline.domain.values import Value
from tieline.domain.withdrawing import record_ref as record_ref
from tieline.domain.withdrawing import withdraw_others, withdraw_statements, withdraw_values


@dataclass(frozen=True, slots=True)
class Numbers:
    """A record's numbers: the mapped field's as it came, that one usable or None, and all usable ones in order."""

    raw: str | None
    mapped: str | None
    usable: tuple[str, ...]
    problem: str = ""

    @property
    def first(self) -> str | None:
        """The number to place the record by: the mapped one, else the first fallback."""
        return self.usable[0] if self.usable else None


def place(board: Board, record: RemoteRecord, numbers: Numbers, *, first_read: bool) -> LinkState:
    """Finds or makes the place of a record that is not anybody's primary. Returns its link, as put on the board."""
    known = board.links.get(record.external_id)
    link = _seen(known, record, numbers)
    cause = f"phone:{board.tenant_key}:{record.external_id}"
    board.close(missing_cause(board.tenant_key, record.external_id))
    former = _former_home(board, link)
    if numbers.first is None and former is None:
        placed = replace(link, status=LinkStatus.SKIPPED, contact_id=None, pairs={})
        board.put_link(placed)
        board.issue(_unusable(cause, record, numbers))
        _relist_left(board, known, placed)
        return placed
    if former is not None:
        return _come_back(board, link, former, record, numbers, first_read=first_read)
    assert numbers.first is not None
    board.close(cause)
    contact_id = _home(board, numbers.first)
    if contact_id is None:
        contact_id = board.create_contact(numbers.first).contact_id
        board.counts["created"] += 1
    incumbent_id = board.primaries.get(contact_id)
    if incumbent_id is None or incumbent_id == record.external_id:
        placed = become_primary(board, link, contact_id)
        _relist_left(board, known, placed)
        if numbers.mapped in (None, board.contacts[contact_id].phone_number):
            return placed
        # Found by an alias: the contact follows its record.
        return follow_number(board, placed, record, numbers, first_read=first_read)
    incumbent = board.links[incumbent_id]
    if first_read and not incumbent.pinned and _earlier(link, incumbent):
        withdraw_statements(board, contact_id, incumbent)
        board.put_link(replace(incumbent, status=LinkStatus.SHARED, pairs={}, dirty=False))
        placed = become_primary(board, link, contact_id)
    else:
        placed = replace(link, status=LinkStatus.SHARED, contact_id=contact_id, pairs={})
        board.put_link(placed)
    _list_shared(board, numbers.first)
    _relist_left(board, known, placed)
    return placed


def _come_back(
    board: Board,
    link: LinkState,
    contact_id: str,
    record: RemoteRecord,
    numbers: Numbers,
    *,
    first_read: bool,
) -> LinkState:
    """A record that was gone is read again, and its contact is free: the link reopens with its base."""
    opened = become_primary(board, link, contact_id)
    if numbers.mapped is None:
        kept = board.contacts[contact_id].phone_number
        board.issue(_unusable(f"phone:{board.tenant_key}:{record.external_id}", record, numbers, kept=kept))
    return follow_number(board, opened, record, numbers, first_read=first_read)


def follow_number(
    board: Board, link: LinkState, record: RemoteRecord, numbers: Numbers, *, first_read: bool
) -> LinkState:
    """A primary record's mapped number may have changed; its contact follows it."""
    contact_id = link.contact_id
    assert contact_id is not None
    cause = f"phone:{board.tenant_key}:{record.external_id}"
    seen = _seen(link, record, numbers)
    old_number = board.contacts[contact_id].phone_number
    if numbers.mapped is None:
        if numbers.raw != link.raw_phone and link.raw_phone:
            board.issue(_unusable(cause, record, numbers, kept=old_number))
        board.put_link(seen)
        return seen
    board.close(cause)
    if numbers.mapped == old_number:
        board.put_link(seen)
        return seen
    owner = board.by_number.get(numbers.mapped)
    if owner is not None and owner in board.primaries and owner != contact_id:
        _leave_to_sharers(board, old_number, record.external_id)
        withdraw_statements(board, contact_id, link)
        withdraw_values(board, contact_id, lambda ref: ref == record_ref(board.tenant_key, link.external_id))
        shared = replace(seen, status=LinkStatus.SHARED, contact_id=owner, pairs={}, dirty=False)
        board.put_link(shared)
        board.drop_aliases(contact_id, link.phones[1:])
        close_about(board, record.external_id)
        _list_shared(board, numbers.mapped)
        return shared
    if owner is not None and owner != contact_id:
        absorb(board, contact_id, owner, "the record's number became this contact's")
    board.renumber(contact_id, numbers.mapped)
    board.put_link(seen)
    _leave_to_sharers(board, old_number, record.external_id)
    return seen


def absorb(board: Board, survivor_id: str, loser_id: str, reason: str) -> None:
    """Two contacts become one: values fill empty ones, differing ones stay in the ledger, `do_not_call` is the OR."""
    loser, survivor = board.contacts[loser_id], board.contacts[survivor_id]
    filled: dict[str, Value] = {}
    for name, value in loser.values.items():
        source = loser.sources.get(name, Source(SourceKind.RULE, 0, loser_id))
        mine = survivor.values.get(name)
        if mine is None or (name == "do_not_call" and value is True and mine is not True):
            filled[name] = mine
            board.change_field(survivor_id, FieldChange(name, mine, value, source, reason=reason))
        elif mine != value:
            board.change_field(
                survivor_id,
                FieldChange(name, mine, value, source, LedgerOutcome.OVERRULED, f"merge: {reason}"),
            )
    board.merge_contacts(survivor_id, loser_id, filled, reason)
    board.add_alias(survivor_id, loser.phone_number, "merged")


def record_merged(board: Board, loser_ext: str, survivor_ext: str) -> None:
    """The CRM merged one record into another: the link moves to the survivor with its base."""
    loser = board.links.get(loser_ext)
    if loser is None or loser.status is LinkStatus.MERGED:
        return
    survivor = board.links.get(survivor_ext) or LinkState(survivor_ext, None, LinkStatus.SKIPPED)
    gone = replace(loser, status=LinkStatus.MERGED, merged_into=survivor_ext, dirty=False, needs_read=False)
    board.put_link(gone)
    close_about(board, loser_ext)
    _relist_left(board, loser, gone)
    # A record that a write did not find, or that was called deleted first, was the contact's until then.
    spoke = loser.status in (LinkStatus.OPEN, LinkStatus.MISSING, LinkStatus.DELETED)
    if not spoke or loser.contact_id is None or loser.contact_id not in board.contacts:
        return
    if loser.contact_id in board.primaries:
        return  # Another record speaks for it by now.
    if _speaks(board, survivor):
        if loser.status is not LinkStatus.DELETED:
            _both_linked(board, loser, survivor)
        return
    moved = replace(
        loser, external_id=survivor_ext, status=LinkStatus.OPEN, created_ms=survivor.created_ms, stamp_ms=0,
        needs_read=True, raw_phone=survivor.raw_phone, phones=survivor.phones or loser.phones,
        dirty=loser.dirty or bool(loser.blocked), blocked={}, version=survivor.version,
    )  # fmt: skip
    board.put_link(moved)
    _relist_left(board, survivor, moved)


def record_removed(board: Board, removal: Removal) -> None:
    """A record was deleted or merged in the CRM. The contact stays; nothing more is pushed or logged to the record."""
    if removal.survivor_id:
        record_merged(board, removal.external_id, removal.survivor_id)
        return
    link = board.links.get(removal.external_id)
    if link is None or link.status in (LinkStatus.DELETED, LinkStatus.MERGED):
        return
    was_primary = link.status in (LinkStatus.OPEN, LinkStatus.MISSING)
    gone = replace(link, status=LinkStatus.DELETED, dirty=False, needs_read=False)
    board.put_link(gone)
    close_about(board, removal.external_id)
    _relist_left(board, link, gone)
    board.counts["removed"] += 1
    # A sharer that goes may have been the next in line, not placed yet.
    unspoken_for = was_primary or link.contact_id not in board.primaries
    if unspoken_for and link.contact_id in board.contacts:
        _leave_to_sharers(board, board.contacts[link.contact_id].phone_number, removal.external_id)


def _speaks(board: Board, link: LinkState) -> bool:
    """Whether the record is a contact's own: its primary, or not found at the moment, which a sweep will settle."""
    tied = link.status is LinkStatus.MISSING and link.contact_id in board.contacts
    return link.status is LinkStatus.OPEN or tied


def record_missing(board: Board, external_id: str) -> None:
    """The CRM does not know the id. Deleted or merged: a sweep must say, so the link only rests meanwhile."""
    link = board.links.get(external_id)
    if link is None:
        return
    if link.status is not LinkStatus.OPEN:
        board.put_link(replace(link, needs_read=False))
        return
    board.put_link(replace(link, status=LinkStatus.MISSING, dirty=False, needs_read=False, blocked={}))
    board.issue(
        IssueNote(
            cause=missing_cause(board.tenant_key, external_id),
            kind="record_missing",
            message=f"Record {external_id} was not found in the CRM under its id. Nothing is written to it until the "
            "next sweep says whether it was deleted or merged.",
            external_id=external_id,
            contact_id=link.contact_id,
        )
    )


def _seen(known: LinkState | None, record: RemoteRecord, numbers: Numbers) -> LinkState:
    base = known or LinkState(record.external_id, None, LinkStatus.SKIPPED)
    return replace(
        base, phones=numbers.usable, raw_phone=numbers.raw, created_ms=record.created_ms,
        stamp_ms=record.modified_ms, needs_read=False,
    )  # fmt: skip


def missing_cause(tenant_key: str, external_id: str) -> str:
    """The cause of the issue about a record that was not found under its id."""
    return f"missing:{tenant_key}:{external_id}"


def _former_home(board: Board, link: LinkState) -> str | None:
    """The contact of a record that was gone, if no other record speaks for it by now."""
    returning = link.status in (LinkStatus.DELETED, LinkStatus.MISSING, LinkStatus.CLOSED)
    former = link.contact_id if returning else None
    return former if former in board.contacts and former not in board.primaries else None


def _home(board: Board, number: str) -> str | None:
    """The contact a record belongs to: by number, else by a free alias."""
    by_number = board.by_number.get(number)
    if by_number is not None:
        return by_number
    by_alias = board.by_alias.get(number)
    return by_alias if by_alias is not None and by_alias not in board.primaries else None


def become_primary(board: Board, link: LinkState, contact_id: str) -> LinkState:
    """Opens the link. Values that the contact has from another record of this tenant are withdrawn first."""
    resumes = link.contact_id == contact_id and link.pairs
    withdraw_others(board, contact_id, link.external_id)
    opened = replace(
        link,
        status=LinkStatus.OPEN,
        contact_id=contact_id,
        merged_into=None,
        pairs=link.pairs if resumes else {},
    )
    board.put_link(opened)
    return opened


def _leave_to_sharers(board: Board, number: str, leaving: str) -> None:
    """The earliest of the records that waited behind the one that leaves is read again, and so placed anew."""
    waiting = board.sharers(number, without=leaving)
    if waiting:
        board.put_link(replace(waiting[0], needs_read=True))


def close_about(board: Board, external_id: str) -> None:
    """Closes what was open about a record that gives and takes nothing any more."""
    if not board.open_causes:
        return
    about = f":{board.tenant_key}:{external_id}"
    for kind in ("phone", "missing"):
        board.close(f"{kind}{about}")
    for cause in board.open_causes:
        if cause.startswith((f"push{about}:", f"value{about}:")):
            board.close(cause)


def _both_linked(board: Board, loser: LinkState, survivor: LinkState) -> None:
    loser_id, survivor_id = loser.contact_id, survivor.contact_id
    assert loser_id is not None
    assert survivor_id is not None
    own_values = [n for n, s in board.contacts[loser_id].sources.items() if s.kind is not SourceKind.CRM]
    if not own_values:
        absorb(
            board, survivor_id, loser_id, f"the CRM merged {loser.external_id} into {survivor.external_id}"
        )
        if survivor.status is LinkStatus.OPEN:
            # Nobody may look at the survivor again, and what came with the loser waits to be written to it.
            board.put_link(replace(board.links[survivor.external_id], dirty=True))
        return
    board.issue(
        IssueNote(
            cause=f"merge:{board.tenant_key}:{loser.external_id}:{survivor.external_id}",
            kind="merge_proposed",
            message=f"The CRM merged record {loser.external_id} into {survivor.external_id}. Their contacts "
            f"{loser_id} and {survivor_id} both hold values of their own: merge them here if they are one person.",
            external_id=survivor.external_id,
            contact_id=survivor_id,
            raw={"loser": loser_id, "survivor": survivor_id},
        )
    )


def _earlier(one: LinkState, other: LinkState) -> bool:
    return (one.created_ms, one.external_id) < (other.created_ms, other.external_id)


def _relist_left(board: Board, before: LinkState | None, after: LinkState) -> None:
    """A record does not wait for its former number any more: the list of those who do gets shorter, or closes."""
    if before is None or before.status is not LinkStatus.SHARED or not before.phones:
        return
    if after.status is not LinkStatus.SHARED or after.phones[:1] != before.phones[:1]:
        number = before.phones[0]
        if f"shared:{board.tenant_key}:{number}" in board.open_causes:
            relist_shared(board, number)


def relist_shared(board: Board, number: str) -> None:
    """Says anew who speaks for a number and who waits for it; closes the list if nobody waits."""
    _list_shared(board, number, counted=False)


def _list_shared(board: Board, number: str, *, counted: bool = True) -> None:
    owner = board.by_number.get(number)
    primary = None if owner is None else board.primaries.get(owner)
    others: Sequence[str] = sorted(link.external_id for link in board.sharers(number, without=primary or ""))
    board.counts["shared"] += counted
    cause = f"shared:{board.tenant_key}:{number}"
    if primary is None or not others:
        board.close(cause)
        return
    board.issue(
        IssueNote(
            cause=cause,
            kind="shared_number",
            message=f"Several records have the number {number}. {primary} speaks for it; {', '.join(others)} "
            "give no values until their number is corrected or a person picks another record.",
            external_id=primary,
            contact_id=owner,
            raw={"number": number, "primary": primary, "others": list(others)},
            severity="info",
        )
    )


def _unusable(cause: str, record: RemoteRecord, numbers: Numbers, kept: str = "") -> IssueNote:
    what = (
        f"its number {numbers.raw!r} cannot be used ({numbers.problem})"
        if numbers.raw
        else "it has no phone number"
    )
    then = (
        f"The contact keeps {kept}."
        if kept
        else "It becomes a contact as soon as its number is corrected in the CRM."
    )
    return IssueNote(
        cause=cause,
        kind="unusable_phone",
        message=f"Record {record.external_id}: {what}. {then}",
        external_id=record.external_id,
        field_name="phone_number",
        raw=numbers.raw,
    )
