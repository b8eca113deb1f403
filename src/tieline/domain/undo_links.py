"""What an undo means to the CRM's records: what came from one is held, what we wrote there is to be restored there.

Pure. Nothing here is written to a CRM: the next look takes each pair through the table.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from tieline.domain.changes import Base, Held, PairState, Restoring
from tieline.domain.changeset import LinkState, Source, SourceKind
from tieline.domain.identity import record_ref
from tieline.domain.values import ABSENT, Value


@dataclass(frozen=True, slots=True)
class Tied:
    """An open link of the contact, with its tenant."""

    tenant_key: str
    link: LinkState


@dataclass(frozen=True, slots=True)
class Restored:
    """A field as an undo leaves it: its value, by whom it stands, and by whom stood what was taken back."""

    field_name: str
    value: Value
    stands: Source
    undone: Source


def tie_again(tied: Sequence[Tied], restored: Sequence[Restored], inbound: Collection[str]) -> list[Tied]:
    """The links as the undo leaves them, those that change. `inbound`: keys of pairs that come from the CRM."""
    after = []
    for one in tied:
        pairs = dict(one.link.pairs)
        for what in restored:
            for key, state in one.link.pairs.items():
                if key.partition("|")[0] == what.field_name:
                    pairs[key] = _pair(one, key in inbound, state, what)
        if pairs != one.link.pairs:
            after.append(replace(one, link=replace(one.link, pairs=pairs, dirty=True)))
    return after


def released(link: LinkState, field_name: str) -> LinkState | None:
    """The link with its held pairs of that field let go; None if none is held. The CRM's value is news then."""
    pairs = dict(link.pairs)
    for key, state in link.pairs.items():
        if key.partition("|")[0] == field_name and state.held is not None:
            local = state.base.local
            pairs[key] = replace(state, held=None, base=Base(local, local))
    return None if pairs == link.pairs else replace(link, pairs=pairs, needs_read=True, dirty=True)


def _pair(tied: Tied, inbound: bool, state: PairState, what: Restored) -> PairState:
    record = Source(SourceKind.CRM, 0, record_ref(tied.tenant_key, tied.link.external_id))
    seen = state.base.remote
    if inbound and _same_record(what.stands, record) and state.held is not None and seen is not ABSENT:
        return replace(state, base=Base(what.value, seen), held=None, restoring=None)
    if inbound and _same_record(what.undone, record) and seen is not ABSENT and not state.base.new:
        return replace(state, base=Base(what.value, seen), held=Held(seen), restoring=None)
    return state if state.base.new else replace(state, restoring=Restoring(what.value))


def _same_record(one: Source, other: Source) -> bool:
    return one.kind is other.kind and one.ref == other.ref
