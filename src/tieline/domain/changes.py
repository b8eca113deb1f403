"""The three-way table: what a look at the CRM's value means, given what both sides last agreed on.

One call of `reconcile` looks at one pair of one link. It decides, and says what the pair's state is
afterwards; it never writes, and it never sees a clock: the times it compares are given to it.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from tieline.domain.crm_schema import CrmField
from tieline.domain.fields import MAX_TEXT, Uncoercible
from tieline.domain.mapping import Policy
from tieline.domain.merging import merge3
from tieline.domain.values import ABSENT, Absent, Value, is_empty


class PairRules(Protocol):
    """What reconciling needs of a pair (see `domain.mapping.Pair`)."""

    @property
    def inbound(self) -> bool: ...
    @property
    def outbound(self) -> bool: ...
    @property
    def policy(self) -> Policy: ...
    @property
    def crm(self) -> CrmField: ...
    def to_local(self, remote: Value) -> Value | Uncoercible: ...
    def local_form(self, value: Value) -> Hashable: ...
    def remote_form(self, value: Value) -> Hashable: ...
    def same(self, local: Value, remote: Value) -> bool: ...


@dataclass(frozen=True, slots=True)
class Base:
    """What both sides last agreed on, taken at one moment: ours, and the CRM's as the CRM shows it.

    `remote` is ABSENT while nobody has looked (a pair that was mapped later). `unseen`: `remote` is what we sent, and
    the CRM's own form of it has not been read back yet. `new` marks a link or pair that never agreed on anything.
    """

    local: Value = None
    remote: Value | Absent = None
    unseen: bool = False
    new: bool = False


NEW_BASE = Base(new=True)


@dataclass(frozen=True, slots=True)
class Sent:
    """A value on its way to the CRM: ours, the CRM's form of it, and when it was sent (our clock, ms)."""

    local: Value
    remote: Value
    at_ms: int


@dataclass(frozen=True, slots=True)
class Held:
    """An undone inbound value: the pair rests until the CRM's value is no longer `remote`."""

    remote: Value


@dataclass(frozen=True, slots=True)
class PairState:
    """All that a link remembers of one pair."""

    base: Base = NEW_BASE
    in_flight: tuple[Sent, ...] = ()
    held: Held | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """When things changed, in epoch ms: ours exactly; the CRM's somewhere after `remote_after`, up to
    `remote_until`.
    """

    local_ms: int = 0
    remote_after_ms: int = 0
    remote_until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Nothing:
    """Both sides agree, or nobody moved."""


@dataclass(frozen=True, slots=True)
class TakeRemote:
    """The contact takes `value`. `overruled` is set when a local change lost to it."""

    value: Value
    overruled: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class KeepLocal:
    """Ours stands. `push`: it waits to be written to the CRM. `overrules`: the CRM's differing change lost."""

    push: bool
    overrules: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Merged:
    """Both sides' statements, combined. `push` when the CRM does not have this text yet."""

    value: str
    push: bool


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Both moved and the policy is to ask. Nothing is written on either side."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The CRM's value changed into one that the contact field cannot hold. Nothing is written on either side."""

    problem: Uncoercible


@dataclass(frozen=True, slots=True)
class Drifted:
    """The answer did not contain the field: schema drift, never a clear."""


Verdict: TypeAlias = Nothing | TakeRemote | KeepLocal | Merged | AskPerson | Unreadable | Drifted


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict, and the pair's state once it has been carried out."""

    verdict: Verdict
    state: PairState


def reconcile(
    pair: PairRules, state: PairState, local: Value, remote: Value | Absent, *, own_echo: bool, times: Times
) -> Outcome:
    """The verdict of product.md's table for one pair.

    `own_echo` says that the record's last change bears our own user, or the stamp of our own write: then a first
    deviation from what we sent is the CRM's form of it and no news.
    """
    if remote is ABSENT:
        return Outcome(Drifted(), state)
    state = _settle(pair, state, remote)
    base = _adopt(pair, state.base, remote, own_echo)
    state = replace(state, base=base)
    if state.held is not None:
        if pair.remote_form(remote) == pair.remote_form(state.held.remote):
            return Outcome(Nothing(), state)
        state = replace(state, held=None)
    local_same = pair.local_form(local) == pair.local_form(base.local)
    remote_same = _remote_unchanged(pair, state, remote)
    if remote_same:
        return _only_local_may_have_moved(pair, state, local, remote, local_same)
    if base.new:
        return _first_look(pair, state, local, remote, times)
    return _remote_moved(pair, state, local, remote, local_same, times)


def confirmed(state: PairState, sent: Sent, expired_before_ms: int) -> PairState:
    """The pair's state after the CRM confirmed `sent`. Older unsettled sends stay for as long as they may
    still land.

    A send that is not on its way any more was settled by a look in between, or its pair was unmapped: what that left
    is newer than this answer.
    """
    if sent not in state.in_flight:
        return state
    left = tuple(s for s in state.in_flight if s != sent and s.at_ms >= expired_before_ms)
    return replace(state, base=Base(sent.local, sent.remote, unseen=True), in_flight=left)


def refused(state: PairState, sent: Sent) -> PairState:
    """The pair's state after the CRM refused `sent`: it is not on its way any more, and nothing was agreed."""
    return replace(state, in_flight=tuple(s for s in state.in_flight if s != sent))


def sending(state: PairState, sent: Sent) -> PairState:
    """The pair's state to be committed before `sent` leaves."""
    others = tuple(s for s in state.in_flight if (s.local, s.remote) != (sent.local, sent.remote))
    return replace(state, in_flight=(*others, sent))


def expire(state: PairState, before_ms: int) -> PairState:
    """Forgets sends so old that the CRM can no longer apply them."""
    return replace(state, in_flight=tuple(s for s in state.in_flight if s.at_ms >= before_ms))


def _settle(pair: PairRules, state: PairState, remote: Value) -> PairState:
    """A remote that equals a sent value settles it: the base becomes the value that was sent, not what local is now."""
    if not state.in_flight:
        return state
    form = pair.remote_form(remote)
    for sent in reversed(state.in_flight):
        if pair.remote_form(sent.remote) == form:
            left = tuple(s for s in state.in_flight if s.at_ms > sent.at_ms)
            return replace(state, base=Base(sent.local, remote), in_flight=left)
    return state


def _adopt(pair: PairRules, base: Base, remote: Value, own_echo: bool) -> Base:
    """Fills in a base whose CRM half nobody has seen: unknown, or what we wrote and the CRM reshaped."""
    agreed = base.remote
    if agreed is ABSENT:
        return replace(base, remote=None if pair.inbound and not _never_set(pair, remote) else remote)
    if not base.unseen:
        return base
    if own_echo or pair.remote_form(remote) == pair.remote_form(agreed):
        return replace(base, remote=remote, unseen=False)
    # Somebody else's value: our own form of it will never be seen, and a later write of ours does not make it ours.
    return replace(base, unseen=False)


def _remote_unchanged(pair: PairRules, state: PairState, remote: Value) -> bool:
    form = pair.remote_form(remote)
    if state.base.remote is not ABSENT and form == pair.remote_form(state.base.remote):
        return True
    return any(pair.remote_form(sent.remote) == form for sent in state.in_flight)


def _only_local_may_have_moved(
    pair: PairRules, state: PairState, local: Value, remote: Value, local_same: bool
) -> Outcome:
    settled = not state.in_flight and not state.base.unseen
    if settled and pair.same(local, remote):
        return Outcome(Nothing(), replace(state, base=Base(local, remote)))
    if local_same:
        return Outcome(Nothing(), state)
    return Outcome(KeepLocal(push=pair.outbound), state)


def _first_look(pair: PairRules, state: PairState, local: Value, remote: Value, times: Times) -> Outcome:
    """A new link: an empty side erases nothing, and a never-set checkbox or picklist default counts as empty."""
    if _never_set(pair, remote) and not is_empty(local) and not pair.same(local, remote):
        return Outcome(KeepLocal(push=pair.outbound), state)
    return _remote_moved(pair, state, local, remote, is_empty(local), times)


def _never_set(pair: PairRules, remote: Value) -> bool:
    default = pair.crm.default
    if is_empty(remote) or remote is False:
        return True
    return default is not None and pair.remote_form(remote) == pair.remote_form(default)


def _remote_moved(
    pair: PairRules, state: PairState, local: Value, remote: Value, local_same: bool, times: Times
) -> Outcome:
    incoming = pair.to_local(remote)
    if isinstance(incoming, Uncoercible):
        if pair.outbound and pair.policy is Policy.TIELINE_WINS and not local_same:
            return Outcome(KeepLocal(push=True, overrules=True, reason="tieline_wins"), state)
        return Outcome(Unreadable(incoming), state)
    if pair.same(local, remote):
        return Outcome(Nothing(), replace(state, base=Base(local, remote)))
    if local_same:
        return _take(pair, state, local, incoming, remote)
    return _conflict(pair, state, local, incoming, remote, times)


def _take(pair: PairRules, state: PairState, local: Value, incoming: Value, remote: Value) -> Outcome:
    if pair.inbound:
        return Outcome(TakeRemote(incoming), replace(state, base=Base(incoming, remote)))
    if pair.policy is Policy.MERGE:
        # The base stays, so that the next local change is merged with what the CRM's people added meanwhile.
        return Outcome(KeepLocal(push=False), state)
    return _agree_to_differ(state, local, remote, "the CRM's change is not mapped inbound")


def _agree_to_differ(state: PairState, local: Value, remote: Value, reason: str) -> Outcome:
    """The CRM's change is not for us, and not ours to undo: only a further change of either side is news."""
    return Outcome(KeepLocal(push=False, reason=reason), replace(state, base=Base(local, remote)))


def _conflict(
    pair: PairRules, state: PairState, local: Value, incoming: Value, remote: Value, times: Times
) -> Outcome:
    policy, reason = _effective_policy(pair.policy, times)
    match policy:
        case Policy.MERGE if isinstance(local, str | None) and isinstance(incoming, str | None):
            base_text = state.base.local if isinstance(state.base.local, str) else ""
            merged = merge3(base_text, incoming or "", local or "")
            if len(merged) > MAX_TEXT:
                return Outcome(AskPerson(), state)
            return Outcome(
                Merged(merged, push=pair.outbound and not pair.same(merged, remote)),
                replace(state, base=Base(incoming, remote)),
            )
        case Policy.REVIEW:
            return Outcome(AskPerson(), state)
        case Policy.TIELINE_WINS:
            kept = state if pair.outbound else replace(state, base=Base(local, remote))
            return Outcome(KeepLocal(push=pair.outbound, overrules=True, reason=reason), kept)
        case _ if not pair.inbound:
            return _agree_to_differ(state, local, remote, reason)
        case _:
            taken = replace(state, base=Base(incoming, remote))
            return Outcome(TakeRemote(incoming, overruled=True, reason=reason), taken)


def _effective_policy(policy: Policy, times: Times) -> tuple[Policy, str]:
    """`newest_wins` as one of the two certain policies, with what decided."""
    if policy is not Policy.NEWEST_WINS:
        return policy, policy.value
    if times.local_ms > times.remote_until_ms:
        return Policy.TIELINE_WINS, "newest_wins: ours is newer"
    if times.local_ms < times.remote_after_ms:
        return Policy.CRM_WINS, "newest_wins: the CRM's is newer"
    return Policy.CRM_WINS, "newest_wins: undecidable, both changed between two reads; crm_wins applies"


def reconcile_do_not_call(pair: PairRules, state: PairState, local: Value, remote: Value | Absent) -> Outcome:
    """`do_not_call`: true on either side wins, and only a person here clears it. Outside the table on purpose.

    AskPerson means that the CRM cleared it: nothing changes, and one review item is due.
    """
    if remote is ABSENT:
        return Outcome(Drifted(), state)
    incoming = pair.to_local(remote)
    if isinstance(incoming, Uncoercible):
        return Outcome(Unreadable(incoming), state)
    state = _settle(pair, state, remote)
    state = replace(state, base=_adopt(pair, state.base, remote, own_echo=False))
    remote_same = _remote_unchanged(pair, state, remote) and not state.base.new
    ours, theirs = local is True, incoming is True
    agreed = replace(state, base=Base(local, remote))
    if ours == theirs:
        return Outcome(Nothing(), agreed)
    if theirs:
        cleared_here = remote_same and state.base.local is True
        if cleared_here or not pair.inbound:
            return Outcome(KeepLocal(push=pair.outbound and cleared_here), state)
        return Outcome(TakeRemote(True), replace(state, base=Base(True, remote)))
    cleared_there = not remote_same and not state.base.new
    if cleared_there:
        return Outcome(AskPerson(), agreed)
    unchanged_here = state.base.local is True and not state.base.new
    return Outcome(KeepLocal(push=pair.outbound and not unchanged_here), state)
