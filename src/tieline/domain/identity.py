"""Who is who: which contact a record belongs to, which of several records speaks for a number, and what moves when
numbers change, records go, or the CRM merges them.

The result must not depend on the order in which a first read brings the records.
"""

from dataclasses import dataclass, replace

from tieline.domain.absorbing import absorb
from tieline.domain.board import Board
from tieline.domain.changeset import IssueNote, LinkState, LinkStatus
from tieline.domain.record_issues import close_about, missing_cause
from tieline.domain.records import RemoteRecord
from tieline.domain.sharing import leave_to_sharers, list_shared, relist_left
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
        relist_left(board, known, placed)
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
        relist_left(board, known, placed)
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
    list_shared(board, numbers.first)
    relist_left(board, known, placed)
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
        leave_to_sharers(board, old_number, record.external_id)
        withdraw_statements(board, contact_id, link)
        withdraw_values(board, contact_id, lambda ref: ref == record_ref(board.tenant_key, link.external_id))
        shared = replace(seen, status=LinkStatus.SHARED, contact_id=owner, pairs={}, dirty=False)
        board.put_link(shared)
        board.drop_aliases(contact_id, link.phones[1:])
        close_about(board, record.external_id)
        list_shared(board, numbers.mapped)
        return shared
    if owner is not None and owner != contact_id:
        absorb(board, contact_id, owner, "the record's number became this contact's")
        seen = replace(seen, pairs=board.links[record.external_id].pairs)
    board.renumber(contact_id, numbers.mapped)
    board.put_link(seen)
    leave_to_sharers(board, old_number, record.external_id)
    return seen


def _seen(known: LinkState | None, record: RemoteRecord, numbers: Numbers) -> LinkState:
    base = known or LinkState(record.external_id, None, LinkStatus.SKIPPED)
    return replace(
        base, phones=numbers.usable, raw_phone=numbers.raw, created_ms=record.created_ms,
        stamp_ms=record.modified_ms, needs_read=False,
    )  # fmt: skip


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
    """Opens the link. Values that the contact has from another record of this tenant are withdrawn first.

    What a create of ours sent is in flight to the first record that takes the place: it is probably that one.
    """
    resumes = link.contact_id == contact_id and link.pairs
    withdraw_others(board, contact_id, link.external_id)
    opened = replace(
        link,
        status=LinkStatus.OPEN,
        contact_id=contact_id,
        merged_into=None,
        pairs=link.pairs if resumes else board.created.get(contact_id, {}),
    )
    board.put_link(opened)
    return opened


def _earlier(one: LinkState, other: LinkState) -> bool:
    return (one.created_ms, one.external_id) < (other.created_ms, other.external_id)


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
