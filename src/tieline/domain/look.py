"""One look at all mapped pairs of one linked record: every pair goes through the table, and the verdicts are carried
onto the board. Reading in and writing out both look this way; only what follows differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tieline.domain.board import Board
from tieline.domain.changes import (
    UNDONE_HERE_ONLY,
    AskPerson,
    Base,
    Drifted,
    KeepLocal,
    Merged,
    Nothing,
    PairState,
    TakeRemote,
    Times,
    Unreadable,
    Verdict,
    expire,
    reconcile,
)
from tieline.domain.changeset import FieldChange, IssueNote, LedgerOutcome, LinkState, Source, SourceKind
from tieline.domain.do_not_call import reconcile_do_not_call
from tieline.domain.fields import DO_NOT_CALL, Uncoercible
from tieline.domain.identity import record_ref
from tieline.domain.mapping import Pair
from tieline.domain.records import RemoteRecord
from tieline.domain.values import ABSENT, Absent, Value, as_text

_NEW = PairState()
# A value sent longer ago than this can no longer be applied by a request of ours.
IN_FLIGHT_LASTS_MS = 15 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Overruled:
    """A value of the CRM that ours replaces: kept in the ledger when the write leaves."""

    pair: Pair
    lost: Value
    reason: str


@dataclass(slots=True)
class Look:
    """What was seen and decided. `states` are the pairs' states afterwards; `changed` maps fields to the pair
    that did it.

    `to_push` are the pairs whose local value waits to be written; `overruled` what those writes replace on purpose.
    `look_again`: what one pair brought in is news for another, outbound pair of the same contact field. `unblocked` are
    pairs whose refused value nobody wants written any more.
    """

    states: dict[str, PairState]
    changed: dict[str, str] = field(default_factory=dict)
    to_push: dict[str, Pair] = field(default_factory=dict)
    overruled: list[Overruled] = field(default_factory=list)
    drifted: set[str] = field(default_factory=set)
    unblocked: set[str] = field(default_factory=set)
    refused: int = 0
    states_changed: bool = False
    look_again: bool = False


def look_at(
    board: Board,
    link: LinkState,
    record: RemoteRecord,
    pairs: Sequence[Pair],
    own_user_id: str | None,
    *,
    read_ms: int,
    stamp_ms: int | None = None,
) -> Look:
    """Takes every pair of a primary record through the table; contact values and issues change on the board.

    `read_ms` is our clock when the record was asked for; `stamp_ms` the stamp of the last state that we knew, by
    which a record is known to be as our own write left it.
    """
    source = Source(
        SourceKind.CRM,
        record.modified_ms,
        record_ref(board.tenant_key, record.external_id),
        from_ms=link.read_ms,
    )
    by_us = own_user_id is not None and record.modified_by == own_user_id
    # The last known stamp is our write's own only while nobody has read the record since, not even a part of it.
    write_is_latest = link.confirmed_write_ms > 0 and link.confirmed_write_ms >= link.read_ms
    # A CRM that stamps in seconds may give somebody else's edit that very stamp, but it says whose it is.
    by_other = own_user_id is not None and record.modified_by is not None and not by_us
    own_echo = by_us or (write_is_latest and record.modified_ms == stamp_ms and not by_other)
    looker = _Looker(board, link, record, source, own_echo, read_ms - IN_FLIGHT_LASTS_MS)
    for pair in pairs:
        looker.at(pair)
    brought_by = looker.look.changed
    looker.look.look_again = any(
        pair.outbound and brought_by.get(pair.field.name, pair.key) != pair.key for pair in pairs
    )
    return looker.look


def push_cause(tenant_key: str, external_id: str, pair_key: str) -> str:
    """What makes two issues about a refused value the same one."""
    return f"push:{tenant_key}:{external_id}:{pair_key}"


def refused_before(link: LinkState, pair: Pair, local: Value) -> bool:
    """True if the CRM has refused this very value in this pair, so that sending it again is pointless."""
    blocked = link.blocked.get(pair.key)
    if blocked is None or blocked.get("alone"):
        return False
    return pair.local_form(blocked.get("l")) == pair.local_form(local)


class _Looker:
    def __init__(
        self,
        board: Board,
        link: LinkState,
        record: RemoteRecord,
        source: Source,
        own_echo: bool,
        expired_before_ms: int,
    ) -> None:
        assert link.contact_id is not None
        self.board, self.link, self.record, self.source = board, link, record, source
        self.contact_id: str = link.contact_id
        self.own_echo = own_echo
        self.expired_before_ms = expired_before_ms
        self.look = Look(dict(link.pairs))

    def at(self, pair: Pair) -> None:
        state = self.look.states.get(pair.key, _NEW)
        contact = self.board.contacts[self.contact_id]
        local = contact.values.get(pair.field.name)
        remote = self.record.values.get(pair.crm.name, ABSENT)
        if _plainly_unchanged(state, local, remote):
            self._nothing_waits(pair)
            if self._cause_is_open(pair) and remote is not ABSENT and pair.same(local, remote):
                self.board.close(self._cause(pair))
            return
        if state is _NEW and local is None and remote is not ABSENT and self._first_value(pair, remote):
            return
        mine = contact.sources.get(pair.field.name)
        times = Times(mine.at_ms if mine else 0, self.link.read_ms, self.record.modified_ms)
        if pair.field.name == DO_NOT_CALL:
            outcome = reconcile_do_not_call(pair, state, local, remote)
        else:
            outcome = reconcile(pair, state, local, remote, own_echo=self.own_echo, times=times)
        # What this look did not show was not applied, or was written over since: then the CRM's value is news.
        after = expire(outcome.state, self.expired_before_ms) if outcome.state.in_flight else outcome.state
        if after != state:
            self.look.states[pair.key] = after
            self.look.states_changed = True
        self._carry_out(pair, outcome.verdict, local, None if remote is ABSENT else remote, mine)

    def _first_value(self, pair: Pair, remote: Value) -> bool:
        """The usual case of a first read, decided as `reconcile` would: we have nothing, so what the CRM has
        comes in.
        """
        if not pair.inbound or pair.field.name == DO_NOT_CALL:
            return False
        value = pair.to_local(remote)
        if isinstance(value, Uncoercible):
            return False
        self.look.states[pair.key] = PairState(Base(value, remote))
        self.look.states_changed = True
        if value is not None:
            self._set(pair, None, value)
        if self._cause_is_open(pair):
            self.board.close(self._cause(pair))
        return True

    def _cause_is_open(self, pair: Pair) -> bool:
        open_causes = self.board.open_causes
        return bool(open_causes) and self._cause(pair) in open_causes

    def _cause(self, pair: Pair) -> str:
        return f"value:{self.board.tenant_key}:{self.record.external_id}:{pair.key}"

    def _nothing_waits(self, pair: Pair) -> None:
        """A value that the CRM refused is not wanted there any more."""
        if pair.key in self.link.blocked:
            self.look.unblocked.add(pair.key)
            self.board.close(push_cause(self.board.tenant_key, self.record.external_id, pair.key))

    def _carry_out(
        self, pair: Pair, verdict: Verdict, local: Value, remote: Value, mine: Source | None
    ) -> None:
        cause = self._cause(pair)
        decided = isinstance(verdict, Nothing | TakeRemote | KeepLocal | Merged)
        if decided and not (isinstance(verdict, KeepLocal | Merged) and verdict.push):
            self._nothing_waits(pair)
        match verdict:
            case TakeRemote(value, overruled, reason):
                self._set(pair, local, value)
                if overruled:
                    self._overrule(pair, value, local, mine or self.source, reason)
                if reason == UNDONE_HERE_ONLY:
                    self.board.issue(self._not_undone(pair, local, value))
            case Merged(value, push):
                self._set(pair, local, value)
                self._wait(pair, value, push)
            case KeepLocal(push, overrules, reason):
                self._wait(pair, local, push)
                self._keep(pair, local, remote, push, overrules, reason)
                if reason and not push and not overrules:
                    self.board.issue(self._difference(cause, pair, local, remote, reason))
                if pair.field.name == DO_NOT_CALL and not push:
                    return  # The difference that a person is asked about is still there.
            case AskPerson():
                self.board.issue(self._conflict(cause, pair, local, remote))
                return
            case Unreadable(problem):
                self.look.refused += 1
                self.board.issue(self._bad_value(cause, pair, problem))
                return
            case Drifted():
                self.look.drifted.add(pair.crm.name)
                return
        self.board.close(cause)

    def _wait(self, pair: Pair, value: Value, push: bool) -> None:
        if push and not refused_before(self.link, pair, value):
            self.look.to_push[pair.key] = pair

    def _keep(
        self, pair: Pair, local: Value, remote: Value, push: bool, overrules: bool, reason: str
    ) -> None:
        if not overrules:
            return
        lost = pair.to_local(remote)
        shown = as_text(lost.raw) if isinstance(lost, Uncoercible) else lost
        if push:
            self.look.overruled.append(Overruled(pair, shown, reason))
        else:
            self._overrule(pair, local, shown, self.source, reason)

    def _set(self, pair: Pair, old: Value, new: Value) -> None:
        if old == new and type(old) is type(new):
            return
        change = FieldChange(pair.field.name, old, new, self.source, field_id=pair.field.field_id)
        self.board.change_field(self.contact_id, change)
        self.look.changed[pair.field.name] = pair.key

    def _overrule(self, pair: Pair, standing: Value, lost: Value, lost_source: Source, reason: str) -> None:
        change = FieldChange(
            pair.field.name, standing, lost, lost_source, LedgerOutcome.OVERRULED, reason, pair.field.field_id
        )
        self.board.change_field(self.contact_id, change)

    def _conflict(self, cause: str, pair: Pair, local: Value, remote: Value) -> IssueNote:
        record = self.record.external_id
        if pair.field.name == DO_NOT_CALL:
            message = (
                f"Record {record} no longer says do-not-call; the contact still does. "
                "Clear it here if that is meant."
            )
        else:
            message = (
                f"{pair.field.name} changed on both sides: here {as_text(local)!r}, in {pair.crm.name} of record "
                f"{record} {as_text(remote)!r}. Nothing is written until a person decides."
            )
        both = {"local": local, "remote": remote}
        return IssueNote(cause, "conflict", message, record, self.contact_id, pair.field.name, raw=both)

    def _difference(self, cause: str, pair: Pair, local: Value, remote: Value, reason: str) -> IssueNote:
        message = (
            f"{pair.field.name} is {as_text(local)!r} here and {as_text(remote)!r} in {pair.crm.name} of record "
            f"{self.record.external_id}; both stay as they are ({reason}) until one of them changes again."
        )
        both = {"local": local, "remote": remote}
        return IssueNote(
            cause,
            "difference",
            message,
            self.record.external_id,
            self.contact_id,
            pair.field.name,
            both,
            "info",
        )

    def _not_undone(self, pair: Pair, local: Value, remote: Value) -> IssueNote:
        record = self.record.external_id
        message = (
            f"{pair.field.name} was to be {as_text(local)!r} again in {pair.crm.name} of record {record}, by an undo. "
            f"It was changed there meanwhile and is {as_text(remote)!r} on both sides now; edit the contact if not."
        )
        cause = f"undo:{self.board.tenant_key}:{record}:{pair.key}"
        return IssueNote(
            cause, "undo_incomplete", message, record, self.contact_id, pair.field.name, None, "info"
        )

    def _bad_value(self, cause: str, pair: Pair, problem: Uncoercible) -> IssueNote:
        record = self.record.external_id
        message = (
            f"Record {record}: {pair.crm.name} does not fit {pair.field.name} ({pair.field.type.value}): "
            f"{problem.reason}. The field was left as it was; correct it in the CRM or map another field."
        )
        return IssueNote(
            cause, "bad_value", message, record, self.contact_id, pair.field.name, raw=problem.raw
        )


def _plainly_unchanged(state: PairState, local: Value, remote: Value | Absent) -> bool:
    """The usual case, decided without canonical forms: both halves are what the base says, to the letter."""
    base = state.base
    return (
        remote is not ABSENT
        and not base.new
        and not base.unseen
        and not state.in_flight
        and state.held is None
        and state.restoring is None
        and remote == base.remote
        and local == base.local
        and type(remote) is type(base.remote)
        and type(local) is type(base.local)
    )
