"""Links with local changes and the records as just re-read, turned into what to write to the CRM. Pure.

Three beats: `plan_outbound` decides and marks what leaves as in flight (to be committed before it leaves);
`settle` reads the CRM's answers; `unanswered` is for a batch whose answer was lost.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tieline.domain.board import Board, Known
from tieline.domain.changes import PairState, Sent, confirmed, refused, sending
from tieline.domain.changeset import (
    Changeset,
    FieldChange,
    IssueNote,
    LedgerOutcome,
    LinkState,
    LinkStatus,
    Source,
    SourceKind,
)
from tieline.domain.fields import Uncoercible
from tieline.domain.identity import record_ref
from tieline.domain.leaving import record_missing
from tieline.domain.look import Look, Overruled, look_at, push_cause, refused_before
from tieline.domain.mapping import MappingSet, Pair
from tieline.domain.records import Patch, RemoteRecord
from tieline.domain.values import ABSENT, Value, as_text


@dataclass(frozen=True, slots=True)
class OutboundRules:
    """The settings of one push. Times on our clock, epoch ms; `read_ms` is when the re-read was asked for."""

    mapping: MappingSet
    tenant_key: str
    now_ms: int
    read_ms: int
    own_user_id: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """One record's write: the patch, per pair key what it sends, and the record's stamp when it was looked at."""

    patch: Patch
    sent: Mapping[str, Sent]
    seen_ms: int = 0


@dataclass(frozen=True, slots=True)
class OutboundPlan:
    """What to apply before anything leaves, then what to write."""

    changeset: Changeset
    writes: Sequence[PlannedWrite] = ()
    drifted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The CRM confirmed a record's write; `modified_ms` is its new stamp where the answer told it."""

    external_id: str
    modified_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """The CRM did not apply a record's write. `gone`: no such record. `again`: the same may succeed later.

    `crm_field` is the field at fault, if the CRM named one; else the fields are sent one by one to find it.
    `maybe_applied`: the CRM may have written it all the same, so that it stays in flight.
    """

    external_id: str
    message: str
    gone: bool = False
    again: bool = False
    maybe_applied: bool = False
    crm_field: str | None = None


@dataclass(slots=True)
class _Sends:
    writes: list[PlannedWrite] = field(default_factory=list)
    drifted: set[str] = field(default_factory=set)


def plan_outbound(
    links: Sequence[LinkState],
    records: Mapping[str, RemoteRecord],
    known: Known,
    rules: OutboundRules,
    new_id: Callable[[], str],
) -> OutboundPlan:
    """The plan for one batch of dirty links. A link without a record was not found by its id."""
    board = Board(known, rules.tenant_key, new_id)
    sends = _Sends()
    for link in links:
        record = records.get(link.external_id)
        if record is None:
            record_missing(board, link.external_id)
        elif rules.read_ms < link.read_ms or (
            link.confirmed_write_ms and rules.read_ms <= link.confirmed_write_ms
        ):
            continue  # Older than what we know: the link stays dirty, and the next pass looks again.
        else:
            _plan_record(board, link, record, rules, sends)
    return OutboundPlan(board.changeset(), tuple(sends.writes), frozenset(sends.drifted))


def settle(
    outcomes: Sequence[Confirmed | Denied],
    writes: Mapping[str, PlannedWrite],
    known: Known,
    rules: OutboundRules,
    new_id: Callable[[], str],
    expired_before_ms: int,
) -> Changeset:
    """What the CRM's answers change: bases of confirmed writes, blocks and issues of refused ones."""
    board = Board(known, rules.tenant_key, new_id)
    for outcome in outcomes:
        link = board.links.get(outcome.external_id)
        if link is None:
            continue
        write = writes[outcome.external_id]
        match outcome:
            case Confirmed():
                _confirm(board, link, write, rules, outcome.modified_ms, expired_before_ms)
            case Denied(gone=True):
                record_missing(board, link.external_id)
            case Denied():
                _deny(board, link, write, rules, outcome)
    return board.changeset()


def _plan_record(
    board: Board, link: LinkState, record: RemoteRecord, rules: OutboundRules, sends: _Sends
) -> None:
    look = look_at(
        board, link, record, rules.mapping.pairs, rules.own_user_id, read_ms=rules.read_ms, stamp_ms=link.stamp_ms
    )  # fmt: skip
    sends.drifted |= look.drifted
    values: dict[str, Value] = {}
    sent: dict[str, Sent] = {}
    blocked = {key: why for key, why in link.blocked.items() if key not in look.unblocked}
    suspects = [pair for pair in look.to_push.values() if blocked.get(pair.key, {}).get("alone")]
    for pair in suspects[:1] or look.to_push.values():
        _send_pair(board, link, pair, rules.now_ms, values, sent, blocked)
    for key, going in sent.items():
        look.states[key] = sending(look.states.get(key, PairState()), going)
    _ledger_overruled(board, link, look, sent, record, rules)
    board.put_link(
        replace(
            link,
            pairs=look.states,
            blocked=blocked,
            dirty=bool(sent) or look.look_again,
            stamp_ms=record.modified_ms,
            read_ms=rules.read_ms,
        )
    )
    if sent:
        sends.writes.append(PlannedWrite(Patch(link.external_id, values), sent, record.modified_ms))


def _send_pair(
    board: Board, link: LinkState, pair: Pair, now_ms: int,
    values: dict[str, Value], sent: dict[str, Sent], blocked: dict[str, object],
) -> None:  # fmt: skip
    assert link.contact_id is not None
    local = board.value(link.contact_id, pair.field.name)
    if refused_before(link, pair, local):
        return
    remote = pair.to_remote(local)
    cause = push_cause(board.tenant_key, link.external_id, pair.key)
    if isinstance(remote, Uncoercible):
        blocked[pair.key] = {"l": local, "why": remote.reason}
        board.issue(_cannot_push(cause, link, pair, local, remote.reason))
        return
    values[pair.crm.name] = remote
    sent[pair.key] = Sent(local, remote, now_ms)


def _ledger_overruled(
    board: Board,
    link: LinkState,
    look: Look,
    sent: Mapping[str, Sent],
    record: RemoteRecord,
    rules: OutboundRules,
) -> None:
    assert link.contact_id is not None
    source = Source(
        SourceKind.CRM, record.modified_ms, record_ref(rules.tenant_key, record.external_id), link.read_ms
    )
    for lost in (*look.overruled, *_replaced_for_good(look)):
        if lost.pair.key in sent:
            standing = board.value(link.contact_id, lost.pair.field.name)
            change = FieldChange(
                lost.pair.field.name, standing, lost.lost, source, LedgerOutcome.OVERRULED, lost.reason,
                lost.pair.field.field_id,
            )  # fmt: skip
            board.change_field(link.contact_id, change)


def _replaced_for_good(look: Look) -> Iterator[Overruled]:
    """Values of the CRM's people that we only ever agreed to differ from: a write is the end of them."""
    for pair in look.to_push.values():
        base = look.states.get(pair.key, PairState()).base
        theirs = base.remote
        if base.new or base.unseen or theirs is ABSENT or pair.same(base.local, theirs):
            continue
        lost = pair.to_local(theirs)
        shown = as_text(lost.raw) if isinstance(lost, Uncoercible) else lost
        yield Overruled(
            pair, shown, "both sides had agreed to differ; a local change replaced the CRM's value"
        )


def _confirm(
    board: Board, link: LinkState, write: PlannedWrite, rules: OutboundRules, stamp: int | None, expired: int
) -> None:
    if link.status is not LinkStatus.OPEN:
        return  # Closed meanwhile: the record gives and takes nothing any more.
    pairs = dict(link.pairs)
    by_key = {pair.key: pair for pair in rules.mapping.pairs}
    moved_on = _suspected({key: why for key, why in link.blocked.items() if key not in write.sent})
    for key, sent in write.sent.items():
        if key in pairs:  # else the pair was unmapped meanwhile, and is not remembered
            pairs[key] = confirmed(pairs[key], sent, expired)
        board.close(push_cause(board.tenant_key, link.external_id, key))
        pair = by_key.get(key)
        if pair is not None and link.contact_id is not None:
            local = board.value(link.contact_id, pair.field.name)
            moved_on |= pair.local_form(local) != pair.local_form(sent.local)
    blocked = {key: why for key, why in link.blocked.items() if key not in write.sent}
    board.put_link(
        replace(link, pairs=pairs, blocked=blocked, dirty=moved_on or _changed_since(board, link, write, rules),
                stamp_ms=max(stamp or 0, link.stamp_ms), confirmed_write_ms=rules.now_ms, push_attempts=0,
                # Somebody read the record while the write was on its way: what they saw may be newer than it.
                needs_read=link.needs_read or (write.seen_ms > 0 and link.stamp_ms != write.seen_ms))
    )  # fmt: skip


def _changed_since(board: Board, link: LinkState, write: PlannedWrite, rules: OutboundRules) -> bool:
    """Whether a field that was not in this write changed here since the plan, so that another pass is due."""
    if link.contact_id is None:
        return False
    for pair in rules.mapping.pairs:
        if not pair.outbound or pair.key in write.sent:
            continue
        state = link.pairs.get(pair.key, PairState())
        base, local = state.base, board.value(link.contact_id, pair.field.name)
        if state.held is not None:
            continue
        waits = pair.local_form(local) != pair.local_form(None if base.new else base.local)
        if waits and not refused_before(link, pair, local):
            return True
    return False


def _deny(board: Board, link: LinkState, write: PlannedWrite, rules: OutboundRules, denied: Denied) -> None:
    if link.status is not LinkStatus.OPEN:
        return
    by_key = {pair.key: pair for pair in rules.mapping.pairs}
    named = {key for key in write.sent if key in by_key and by_key[key].crm.name == denied.crm_field}
    at_fault = named or set(write.sent)
    alone = len(at_fault) > 1
    pairs, blocked = dict(link.pairs), dict(link.blocked)
    for key, sent in write.sent.items():
        if key in pairs and not denied.maybe_applied:
            pairs[key] = refused(pairs[key], sent)
        pair = by_key.get(key)
        if denied.again or key not in at_fault or pair is None:
            continue
        blocked[key] = {"l": sent.local, "why": denied.message, **({"alone": True} if alone else {})}
        if not alone:
            cause = push_cause(board.tenant_key, link.external_id, key)
            board.issue(_cannot_push(cause, link, pair, sent.local, denied.message))
    goes_on = denied.again or alone or len(at_fault) < len(write.sent) or _suspected(blocked)
    board.put_link(replace(link, pairs=pairs, blocked=blocked, dirty=goes_on))


def _suspected(blocked: Mapping[str, Mapping[str, object]]) -> bool:
    """Whether fields wait to be sent alone."""
    return any(why.get("alone") for why in blocked.values())


def _cannot_push(cause: str, link: LinkState, pair: Pair, local: Value, why: str) -> IssueNote:
    return IssueNote(
        cause=cause,
        kind="push_refused",
        message=f"{pair.field.name} = {as_text(local)!r} cannot be written to {pair.crm.name} of record "
        f"{link.external_id}: {why} It stays here and is sent again when it changes or when the issue is replayed.",
        external_id=link.external_id,
        contact_id=link.contact_id,
        field_name=pair.field.name,
        raw=local,
    )
