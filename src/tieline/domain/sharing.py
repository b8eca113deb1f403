"""Several records with one number: who waits behind whom, and the list of it that a person sees."""

from collections.abc import Sequence
from dataclasses import replace

from tieline.domain.board import Board
from tieline.domain.changeset import IssueNote, LinkState, LinkStatus


def leave_to_sharers(board: Board, number: str, leaving: str) -> None:
    """The earliest of the records that waited behind the one that leaves is read again, and so placed anew."""
    waiting = board.sharers(number, without=leaving)
    if waiting:
        board.put_link(replace(waiting[0], needs_read=True))


def relist_left(board: Board, before: LinkState | None, after: LinkState) -> None:
    """A record does not wait for its former number any more: the list of those who do gets shorter, or closes."""
    if before is None or before.status is not LinkStatus.SHARED or not before.phones:
        return
    if after.status is not LinkStatus.SHARED or after.phones[:1] != before.phones[:1]:
        number = before.phones[0]
        if board.told(f"shared:{board.tenant_key}:{number}"):
            relist_shared(board, number)


def relist_shared(board: Board, number: str) -> None:
    """Says anew who speaks for a number and who waits for it; closes the list if nobody waits."""
    list_shared(board, number, counted=False)


def list_shared(board: Board, number: str, *, counted: bool = True) -> None:
    owner = board.by_number.get(number)
    primary = None if owner is None else board.primaries.get(owner)
    others: Sequence[str] = sorted(link.external_id for link in board.sharers(number, without=primary or ""))
    board.counts["shared"] += counted
    cause = f"shared:{board.tenant_key}:{number}"
    if primary is None or not others:
        board.retract(cause)
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
