"""Records that go: deleted, merged into another, or not found under their id. Contacts stay."""

from dataclasses import replace

from tieline.domain.absorbing import absorb
from tieline.domain.board import Board
from tieline.domain.changeset import IssueNote, LinkState, LinkStatus, SourceKind
from tieline.domain.record_issues import close_about, missing_cause
from tieline.domain.records import Removal
from tieline.domain.sharing import leave_to_sharers, relist_left
from tieline.domain.withdrawing import withdraw_others


def record_merged(board: Board, loser_ext: str, survivor_ext: str) -> None:
    """The CRM merged one record into another: the link moves to the survivor with its base."""
    loser = board.links.get(loser_ext)
    if loser is None or loser.status is LinkStatus.MERGED:
        return
    fresh = survivor_ext not in board.links
    survivor = board.links.get(survivor_ext) or LinkState(survivor_ext, None, LinkStatus.SKIPPED)
    close_about(board, loser_ext)
    loser = board.links[loser_ext]
    gone = replace(loser, status=LinkStatus.MERGED, merged_into=survivor_ext, dirty=False, needs_read=False)
    board.put_link(gone)
    relist_left(board, loser, gone)
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
    # It may have waited behind another one until both were deleted: what that one gave is not the survivor's.
    withdraw_others(board, loser.contact_id, survivor_ext)
    moved = replace(
        loser, external_id=survivor_ext, status=LinkStatus.OPEN, created_ms=survivor.created_ms, stamp_ms=0,
        needs_read=True, phones=survivor.phones or loser.phones,
        raw_phone=loser.raw_phone if fresh else survivor.raw_phone,
        dirty=loser.dirty or bool(loser.blocked), blocked={}, version=survivor.version,
    )  # fmt: skip
    board.put_link(moved)
    relist_left(board, survivor, moved)


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
    relist_left(board, link, gone)
    board.counts["removed"] += 1
    # A sharer that goes may have been the next in line, not placed yet.
    unspoken_for = was_primary or link.contact_id not in board.primaries
    if unspoken_for and link.contact_id in board.contacts:
        leave_to_sharers(board, board.contacts[link.contact_id].phone_number, removal.external_id)


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


def _speaks(board: Board, link: LinkState) -> bool:
    """Whether the record is a contact's own: its primary, or not found at the moment, which a sweep will settle."""
    tied = link.status is LinkStatus.MISSING and link.contact_id in board.contacts
    return link.status is LinkStatus.OPEN or tied


def _both_linked(board: Board, loser: LinkState, survivor: LinkState) -> None:
    loser_id, survivor_id = loser.contact_id, survivor.contact_id
    assert loser_id is not None
    assert survivor_id is not None
    # Who waits behind the loser waits for nobody any more: as the one that left the number, the loser is no sharer.
    leave_to_sharers(board, board.contacts[loser_id].phone_number, loser.external_id)
    own_values = [n for n, s in board.contacts[loser_id].sources.items() if s.kind is not SourceKind.CRM]
    if not own_values:
        absorb(
            board, survivor_id, loser_id, f"the CRM merged {loser.external_id} into {survivor.external_id}"
        )
        if survivor.status is LinkStatus.OPEN:
            # Nobody may look at the survivor again, and what came with the loser may wait to be written to it.
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
