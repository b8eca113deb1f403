"""One look at all mapped pairs of one linked record: every pair goes through the table, and the verdicts are carried
onto the board. Reading in and writing out both look this way; only what follows differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tieline.domain.board import Board
from tieline.domain.changes import (
    AskPerson,
    Base,
    Drifted,
    KeepLocal,
    Merged,
    PairState,
    TakeRemote,
    Times,
    Unreadable,
    Verdict,
    reconcile,
    reconcile_do_not_call,
)
from tieline.domain.changeset import FieldChange, IssueNote, LedgerOutcome, LinkState, Source, SourceKind
from tieline.domain.fields import DO_NOT_CALL, Uncoercible
from tieline.domain.identity import record_ref
from tieline.domain.mapping import Pair
from tieline.domain.records import RemoteRecord
from tieline.domain.values import ABSENT, Value, as_text

_NEW = PairState()


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
    `look_again`: what one pair brought in is news for another, outbound pair of the same contact field.
    """

    states: dict[str, PairState]
    changed: dict[str, str] = field(default_factory=dict)
    to_push: dict[str, Pair] = field(default_factory=dict)
    overruled: list[Overruled] = field(default_factory=list)
    drifted: set[str] = field(default_factory=set)
    refused: int = 0
    states_changed: bool = False
    look_again: bool = False


def look_at(
    board: Board, link: LinkState, record: RemoteRecord, pairs: Sequence[Pair], own_user_id: str | None
) -> Look:
    """Takes every pair of a primary record through the table; contact values and issues change on the board."""
    source = Source(
        SourceKind.CRM,
        record.modified_ms,
        record_ref(board.tenant_key, record.external_id),
        from_ms=link.read_ms,
    )
    own_echo = own_user_id is not None and record.modified_by == own_user_id
    looker = _Looker(board, link, record, source, own_echo)
    for pair in pairs:
        looker.at(pair)
    brought_by = looker.look.changed
    looker.look.look_again = any(
        pair.outbound and brought_by.get(pair.field.name, pair.key) != pair.key for pair in pairs
    )
    return looker.look


def refused_before(link: LinkState, pair: Pair, local: Value) -> bool:
    """True if the CRM has refused this very value in this pair, so that sending it again is pointless."""
    blocked = link.blocked.get(pair.key)
    return blocked is not None and pair.local_form(blocked.get("l")) == pair.local_form(local)


class _Looker:
    def __init__(
        self, board: Board, link: LinkState, record: RemoteRecord, source: Source, own_echo: bool
    ) -> None:
        assert link.contact_id is not None
        self.board, self.link, self.record, self.source = board, link, record, source
        self.contact_id: str = link.contact_id
        self.own_echo = own_echo
        self.look = Look(dict(link.pairs))

    def at(self, pair: Pair) -> None:
        state = self.look.states.get(pair.key, _NEW)
        contact = self.board.contacts[self.contact_id]
        local = contact.values.get(pair.field.name)
        remote = self.record.values.get(pair.crm.name, ABSENT)
        if _plainly_unchanged(state, local, remote):
            return
        if state is _NEW and local is None and remote is not ABSENT and self._first_value(pair, remote):
            return
        mine = contact.sources.get(pair.field.name)
        times = Times(mine.at_ms if mine else 0, self.link.read_ms, self.record.modified_ms)
        if pair.field.name == DO_NOT_CALL:
            outcome = reconcile_do_not_call(pair, state, local, remote)
        else:
            outcome = reconcile(pair, state, local, remote, own_echo=self.own_echo, times=times)
        if outcome.state != state:
            self.look.states[pair.key] = outcome.state
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
        return True

    def _carry_out(
        self, pair: Pair, verdict: Verdict, local: Value, remote: Value, mine: Source | None
    ) -> None:
        cause = f"value:{self.board.tenant_key}:{self.record.external_id}:{pair.key}"
        match verdict:
            case TakeRemote(value, overruled, reason):
                self._set(pair, local, value)
                if overruled:
                    self._overrule(pair, value, local, mine or self.source, reason)
            case Merged(value, push):
                self._set(pair, local, value)
                self._wait(pair, value, push)
            case KeepLocal(push, overrules, reason):
                self._wait(pair, local, push)
                self._keep(pair, local, remote, push, overrules, reason)
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

    def _bad_value(self, cause: str, pair: Pair, problem: Uncoercible) -> IssueNote:
        record = self.record.external_id
        message = (
            f"Record {record}: {pair.crm.name} does not fit {pair.field.name} ({pair.field.type.value}): "
            f"{problem.reason}. The field was left as it was; correct it in the CRM or map another field."
        )
        return IssueNote(
            cause, "bad_value", message, record, self.contact_id, pair.field.name, raw=problem.raw
        )


def _plainly_unchanged(state: PairState, local: Value, remote: object) -> bool:
    """The usual case, decided without canonical forms: both halves are what the base says, to the letter."""
    base = state.base
    return (
        not base.new
        and not base.unseen
        and not state.in_flight
        and state.held is None
        and remote == base.remote
        and local == base.local
        and type(remote) is type(base.remote)
        and type(local) is type(base.local)
    )
