"""What a link remembers of one pair, and how it moves: by what we sent, and by what a look at the CRM shows.

Nothing here decides who is right; see `changes.py`. Never sees a clock: times are given to it.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Protocol

from tieline.domain.crm_schema import CrmField
from tieline.domain.fields import Uncoercible
from tieline.domain.pairs import Policy
from tieline.domain.statements import keys, pieces
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
class Restoring:
    """An undone value of ours: `local` stands here again, and is written only if the CRM still holds what we sent."""

    local: Value


@dataclass(frozen=True, slots=True)
class PairState:
    """All that a link remembers of one pair.

    `theirs` are those statements of the base's text that the CRM's people wrote, where we wrote others; None:
    all of it.
    """

    base: Base = NEW_BASE
    in_flight: tuple[Sent, ...] = ()
    held: Held | None = None
    theirs: str | None = None
    restoring: Restoring | None = None

    @property
    def given(self) -> Value:
        """What the record's own people gave us of the base."""
        return self.base.local if self.theirs is None else self.theirs


def agreed(state: PairState, base: Base, *, ours: bool = False) -> PairState:
    """The state with that base. `ours`: its text is what we wrote; else its new statements are the CRM's people's."""
    return replace(state, base=base, theirs=_theirs(state, base.local, ours=ours))


def _theirs(state: PairState, text: Value, *, ours: bool) -> str | None:
    if not isinstance(text, str) or (state.theirs is None and not ours):
        return None
    given, before = state.given, state.base.local
    known = set(keys(given)) if isinstance(given, str) else set()
    agreed_on = set(keys(before)) if isinstance(before, str) else set()
    parts = pieces(text)
    kept = [one.text for one in parts if one.key in known or not (ours or one.key in agreed_on)]
    return None if len(kept) == len(parts) else "\n".join(kept)


def confirmed(state: PairState, sent: Sent, expired_before_ms: int) -> PairState:
    """The pair's state after the CRM confirmed `sent`. Older unsettled sends stay for as long as they may
    still land.

    A send that is not on its way any more was settled by a look in between, or its pair was unmapped: what that left
    is newer than this answer.
    """
    if sent not in state.in_flight:
        return state
    left = tuple(s for s in state.in_flight if s != sent and s.at_ms >= expired_before_ms)
    return agreed(replace(state, in_flight=left), Base(sent.local, sent.remote, unseen=True), ours=True)


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


def rests(pair: PairRules, state: PairState, remote: Value) -> bool:
    """Whether the pair is held and the CRM's value has not changed since."""
    return state.held is not None and pair.remote_form(remote) == pair.remote_form(state.held.remote)


def settle(pair: PairRules, state: PairState, remote: Value) -> PairState:
    """A remote that equals a sent value settles it: the base becomes the value that was sent, not what local is now."""
    if not state.in_flight:
        return state
    form = pair.remote_form(remote)
    for sent in reversed(state.in_flight):
        if pair.remote_form(sent.remote) == form:
            left = tuple(s for s in state.in_flight if s.at_ms > sent.at_ms)
            return agreed(replace(state, in_flight=left), Base(sent.local, remote), ours=True)
    return state


def adopt(pair: PairRules, base: Base, remote: Value, own_echo: bool) -> Base:
    """Fills in a base whose CRM half nobody has seen: unknown, or what we wrote and the CRM reshaped."""
    agreed = base.remote
    if agreed is ABSENT:
        return replace(base, remote=None if pair.inbound and not never_set(pair, remote) else remote)
    if not base.unseen:
        return base
    if own_echo or pair.remote_form(remote) == pair.remote_form(agreed):
        return replace(base, remote=remote, unseen=False)
    # Somebody else's value: our own form of it will never be seen, and a later write of ours does not make it ours.
    return replace(base, unseen=False)


def remote_unchanged(pair: PairRules, state: PairState, remote: Value) -> bool:
    form = pair.remote_form(remote)
    if state.base.remote is not ABSENT and form == pair.remote_form(state.base.remote):
        return True
    return any(pair.remote_form(sent.remote) == form for sent in state.in_flight)


def never_set(pair: PairRules, remote: Value) -> bool:
    default = pair.crm.default
    if is_empty(remote) or remote is False:
        return True
    return default is not None and pair.remote_form(remote) == pair.remote_form(default)
