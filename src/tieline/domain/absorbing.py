"""Two contacts become one, by a plan: what the survivor takes, and what its record is agreed to have with it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tieline.domain.board import Board
from tieline.domain.changeset import FieldChange, LedgerOutcome, LinkState, Source, SourceKind
from tieline.domain.fields import DO_NOT_CALL
from tieline.domain.pair_state import PairState
from tieline.domain.values import Value
from tieline.domain.withdrawing import merged_into, record_ref


def absorb(board: Board, survivor_id: str, loser_id: str, reason: str) -> None:
    """Two contacts become one: values fill empty ones, differing ones stay in the ledger, `do_not_call` is the OR."""
    loser, survivor = board.contacts[loser_id], board.contacts[survivor_id]
    filled: dict[str, Value] = {}
    for name, value in loser.values.items():
        source = loser.sources.get(name, Source(SourceKind.RULE, 0, loser_id))
        mine = survivor.values.get(name)
        if mine is None or (name == DO_NOT_CALL and value is True and mine is not True):
            filled[name] = mine
            board.change_field(survivor_id, FieldChange(name, mine, value, source, reason=reason))
        elif mine != value:
            board.change_field(
                survivor_id,
                FieldChange(name, mine, value, source, LedgerOutcome.OVERRULED, f"merge: {reason}"),
            )
    records = board.records_of(loser_id)
    board.merge_contacts(survivor_id, loser_id, filled, reason)
    _bring_bases(board, survivor_id, records, filled)
    board.add_alias(survivor_id, loser.phone_number, "merged")


def _bring_bases(
    board: Board, survivor_id: str, records: Sequence[LinkState], filled: Mapping[str, Value]
) -> None:
    """A value that came in from a record which the CRM merged into the survivor's was agreed on with that one: what
    the survivor's record shows instead is what the CRM's people made of it, and not to be written over.

    Not so for `do_not_call`, where the truth of either side is written to the other.
    """
    primary = board.links.get(board.primaries.get(survivor_id, ""))
    if primary is None:
        return
    contact = board.contacts[survivor_id]
    same_person = merged_into(primary.external_id, [*records, *board.records_of(survivor_id)])
    pairs = dict(primary.pairs)
    for link in records:
        ref = record_ref(board.tenant_key, link.external_id)
        for key, state in link.pairs.items():
            name = key.partition("|")[0]
            source = contact.sources.get(name)
            given = (
                name in filled and source is not None and source.kind is SourceKind.CRM and source.ref == ref
            )
            if link.external_id in same_person and given and not state.base.new and name != DO_NOT_CALL:
                own = pairs.get(key, PairState())
                pairs[key] = replace(own, base=state.base, theirs=state.theirs)
    if pairs != primary.pairs:
        board.put_link(replace(primary, pairs=pairs))
