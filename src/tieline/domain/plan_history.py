"""What our write overwrote in the moment between our last look and the write itself. Pure.

Neither CRM's batch write is conditional, so an edit saved in that moment is lost there; where the CRM keeps a field's
history it is found there afterwards and kept in the ledger.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from tieline.domain.board import Board, Known
from tieline.domain.changes import PairState, Sent
from tieline.domain.changeset import Changeset, FieldChange, LedgerOutcome, LinkState, Source, SourceKind
from tieline.domain.fields import Uncoercible
from tieline.domain.identity import record_ref
from tieline.domain.mapping import MappingSet, Pair
from tieline.domain.plan_outbound import PlannedWrite
from tieline.domain.values import Value, as_text

REASON = "saved in the CRM between our look and our write, which overwrote it"


class Past(Protocol):
    """A value that a field once had (see `ports.history.PastValue`)."""

    @property
    def value(self) -> Value: ...
    @property
    def at_ms(self) -> int: ...


def plan_overwritten(
    writes: Mapping[str, PlannedWrite],
    histories: Mapping[str, Mapping[str, Sequence[Past]]],
    known: Known,
    mapping: MappingSet,
    tenant_key: str,
    new_id: Callable[[], str],
) -> Changeset:
    """Ledger entries for values that confirmed writes overwrote unseen. Nothing else changes."""
    board = Board(known, tenant_key, new_id)
    by_key = {pair.key: pair for pair in mapping.pairs}
    for external_id, write in writes.items():
        link = board.links.get(external_id)
        if link is None or link.contact_id not in board.contacts:
            continue
        for key, sent in write.sent.items():
            pair = by_key.get(key)
            if pair is None:
                continue
            history = histories.get(external_id, {}).get(pair.crm.name, ())
            lost = overwritten(pair, sent, history, write.seen_ms, link.pairs.get(key, PairState()))
            if lost is not None:
                _note(board, link, pair, lost, write.seen_ms)
    return board.changeset()


def overwritten(
    pair: Pair, sent: Sent, history: Sequence[Past], seen_ms: int, state: PairState
) -> Past | None:
    """The value that stood when our write landed, if it came after the state that we had looked at (`seen_ms`, its
    stamp) and was not ours. `history` has the newest value first.
    """
    form = pair.remote_form(sent.remote)
    landed = next((i for i, past in enumerate(history) if pair.remote_form(past.value) == form), None)
    if landed is None or landed + 1 >= len(history):
        return None
    before = history[landed + 1]
    ours = any(pair.remote_form(other.remote) == pair.remote_form(before.value) for other in state.in_flight)
    return before if before.at_ms > seen_ms and not ours else None


def _note(board: Board, link: LinkState, pair: Pair, lost: Past, seen_ms: int) -> None:
    assert link.contact_id is not None
    value = pair.to_local(lost.value)
    shown = as_text(value.raw) if isinstance(value, Uncoercible) else value
    source = Source(SourceKind.CRM, lost.at_ms, record_ref(board.tenant_key, link.external_id), seen_ms)
    standing = board.value(link.contact_id, pair.field.name)
    change = FieldChange(
        pair.field.name, standing, shown, source, LedgerOutcome.OVERRULED, REASON, pair.field.field_id
    )
    board.change_field(link.contact_id, change)
