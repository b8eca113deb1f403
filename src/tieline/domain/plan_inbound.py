"""A page of CRM records and what is known of them, turned into what should happen to our data. Pure.

Records are taken one after the other on a `Board`; the result does not depend on their order within a first read.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from tieline.domain.board import Board, Known
from tieline.domain.changeset import Changeset, LinkState, LinkStatus
from tieline.domain.identity import (
    Numbers,
    follow_number,
    place,
)
from tieline.domain.leaving import record_merged, record_missing, record_removed
from tieline.domain.look import look_at
from tieline.domain.mapping import MappingSet
from tieline.domain.phones import Unusable, normalise
from tieline.domain.records import RemoteRecord, Removal
from tieline.domain.values import as_text


@dataclass(frozen=True, slots=True)
class InboundRules:
    """The settings of one read. `first_read`: no full read of this tenant has completed yet.

    `fresh`: the records were read by id just now, so that an older stamp is the truth and not an old answer.
    `read_ms` is our clock when the page was asked for. `hint_since_ms` is set when the values come from an
    index that may lag: a record that we wrote to since then, or are writing to, is read again by id instead
    of believed.
    """

    mapping: MappingSet
    tenant_key: str
    region: str
    read_ms: int
    own_user_id: str | None = None
    first_read: bool = False
    fresh: bool = False
    hint_since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class InboundPlan:
    """What to apply; records to read again because what we hold is newer; CRM fields that an answer lacked."""

    changeset: Changeset
    stale: frozenset[str] = frozenset()
    drifted: frozenset[str] = frozenset()
    values_refused: int = 0


_GONE = (LinkStatus.DELETED, LinkStatus.MERGED, LinkStatus.MISSING)


@dataclass(slots=True)
class _Progress:
    stale: set[str] = field(default_factory=set)
    drifted: set[str] = field(default_factory=set)
    refused: int = 0


def numbers_of(record: RemoteRecord, mapping: MappingSet, region: str) -> Numbers:
    """The numbers of a record in E.164: the mapped field's first, then the fallback fields'."""
    raw_value = record.values.get(mapping.phone_field)
    raw = as_text(raw_value).strip() or None
    first = normalise(raw, region)
    mapped = None if isinstance(first, Unusable) else first
    usable = [mapped] if mapped else []
    for name in mapping.fallback_phone_fields:
        other = record.values.get(name)
        number = normalise(as_text(other), region) if other else None
        if isinstance(number, str) and number not in usable:
            usable.append(number)
    return Numbers(raw, mapped, tuple(usable), first.reason if isinstance(first, Unusable) else "")


def plan_inbound(
    records: Sequence[RemoteRecord], known: Known, rules: InboundRules, new_id: Callable[[], str]
) -> InboundPlan:
    """The plan for one page. `known` must cover the records, their numbers, and contacts of both (see `Known`)."""
    board = Board(known, rules.tenant_key, new_id)
    progress = _Progress()
    for record in _newest(records):
        _take(board, record, rules, progress)
    return InboundPlan(
        board.changeset(), frozenset(progress.stale), frozenset(progress.drifted), progress.refused
    )


def plan_removals(
    removals: Sequence[Removal], known: Known, tenant_key: str, new_id: Callable[[], str]
) -> Changeset:
    """The plan for records that the CRM says are gone. Merges come before deletes, so none is called deleted."""
    board = Board(known, tenant_key, new_id)
    for removal in sorted(removals, key=lambda r: (r.survivor_id is None, r.at_ms, r.external_id)):
        record_removed(board, removal)
    return board.changeset()


def plan_missing(external_ids: Iterable[str], known: Known, tenant_key: str) -> Changeset:
    """The plan for records that the CRM did not return when asked for by id. A sweep will say what became of them."""
    board = Board(known, tenant_key, new_id=str)
    for external_id in sorted(external_ids):
        record_missing(board, external_id)
    return board.changeset()


def _newest(records: Iterable[RemoteRecord]) -> list[RemoteRecord]:
    newest: dict[str, RemoteRecord] = {}
    for record in records:
        other = newest.get(record.external_id)
        if other is None or record.modified_ms >= other.modified_ms:
            newest[record.external_id] = record
    return list(newest.values())


def _take(board: Board, record: RemoteRecord, rules: InboundRules, progress: _Progress) -> None:
    board.counts["read"] += 1
    if rules.mapping.phone_field not in record.values:
        progress.drifted.add(rules.mapping.phone_field)
        return
    for loser in record.merged_ids:
        record_merged(board, loser, record.external_id)
    link = board.links.get(record.external_id)
    if link is not None and _is_stale(link, record, rules):
        progress.stale.add(record.external_id)
        board.put_link(replace(link, needs_read=True))
        return
    numbers = numbers_of(record, rules.mapping, rules.region)
    stamp_before = None if link is None else link.stamp_ms
    created_before = board.counts["created"]
    if link is not None and link.status is LinkStatus.OPEN:
        link = follow_number(board, _read_now(link, record), record, numbers, first_read=rules.first_read)
    else:
        link = place(board, record, numbers, first_read=rules.first_read)
    if link.status is not LinkStatus.OPEN:
        board.counts["skipped" if link.status is LinkStatus.SKIPPED else "listed"] += 1
        return
    _aliases(board, link, numbers)
    changed = _reconcile(board, link, record, rules, progress, stamp_before)
    if board.counts["created"] == created_before:
        board.counts["updated" if changed else "unchanged"] += 1


def _is_stale(link: LinkState, record: RemoteRecord, rules: InboundRules) -> bool:
    """Whether the answer may be older than what we know, so that the record must be read again by its id."""
    if link.confirmed_write_ms and rules.read_ms <= link.confirmed_write_ms:
        return True
    if rules.read_ms < link.read_ms:
        return True  # Somebody asked later than this and was quicker; a stamp need not tell, some come late.
    if not rules.fresh and link.status in _GONE:
        return True  # A lagging index or an old job may still show it: only a look by id brings it back.
    if rules.hint_since_ms is not None:
        in_flight = any(state.in_flight for state in link.pairs.values())
        if in_flight or link.confirmed_write_ms >= rules.hint_since_ms:
            return True
        # Shown by an index that may not know what we read: what was committed late has an older stamp and is newer.
        if link.read_ms >= rules.hint_since_ms and record.modified_ms != link.stamp_ms:
            return True
    return not rules.fresh and record.modified_ms < link.stamp_ms


def _read_now(link: LinkState, record: RemoteRecord) -> LinkState:
    if link.stamp_ms == record.modified_ms and not link.needs_read:
        return link
    return replace(link, stamp_ms=record.modified_ms, needs_read=False)


def _aliases(board: Board, link: LinkState, numbers: Numbers) -> None:
    if link.contact_id is None or (len(numbers.usable) <= 1 and len(link.phones) <= 1):
        return
    own = board.contacts[link.contact_id].phone_number
    for number in numbers.usable:
        if number != own:
            board.add_alias(link.contact_id, number, "record")


def _reconcile(
    board: Board,
    link: LinkState,
    record: RemoteRecord,
    rules: InboundRules,
    progress: _Progress,
    stamp_before: int | None,
) -> bool:
    """Looks at every pair of a primary record. Returns whether a value of its contact changed."""
    look = look_at(
        board, link, record, rules.mapping.pairs, rules.own_user_id, read_ms=rules.read_ms, stamp_ms=stamp_before
    )  # fmt: skip
    progress.drifted |= look.drifted
    progress.refused += look.refused
    dirty = link.dirty or bool(look.to_push) or look.look_again
    after = board.links[record.external_id]
    told = look.states_changed or look.changed or look.unblocked or dirty != after.dirty
    if told or not after.read_ms or after.stamp_ms != stamp_before:
        blocked = {key: why for key, why in after.blocked.items() if key not in look.unblocked}
        board.put_link(replace(after, pairs=look.states, blocked=blocked, dirty=dirty, read_ms=rules.read_ms))
    return bool(look.changed)
