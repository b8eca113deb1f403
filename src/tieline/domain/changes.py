"""The three-way table: what a look at the CRM's value means, given what both sides last agreed on.

One call of `reconcile` looks at one pair of one link. It decides, and says what the pair's state is
afterwards; it never writes, and it never sees a clock: the times it compares are given to it.
"""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from tieline.domain.fields import MAX_TEXT, Uncoercible
from tieline.domain.mapping import Policy
from tieline.domain.merging import merge3
from tieline.domain.pair_state import Base as Base
from tieline.domain.pair_state import Held as Held
from tieline.domain.pair_state import PairRules as PairRules
from tieline.domain.pair_state import PairState as PairState
from tieline.domain.pair_state import Restoring as Restoring
from tieline.domain.pair_state import Sent as Sent
from tieline.domain.pair_state import adopt, agreed, never_set, remote_unchanged, rests, settle
from tieline.domain.pair_state import confirmed as confirmed
from tieline.domain.pair_state import expire as expire
from tieline.domain.pair_state import refused as refused
from tieline.domain.pair_state import sending as sending
from tieline.domain.values import ABSENT, Absent, Value, is_empty

UNDONE_HERE_ONLY: Final = "undone here only: the CRM does not hold what we wrote any more"


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
        # Whoever looks next cannot tell whether what stands there then is the form of our write or a later edit.
        return Outcome(Drifted(), replace(state, base=replace(state.base, unseen=False)))
    state = settle(pair, state, remote)
    base = adopt(pair, state.base, remote, own_echo)
    state = replace(state, base=base)
    if rests(pair, state, remote):
        return Outcome(Nothing(), state)
    if state.held is not None:
        state = replace(state, held=None)
    state = _still_restoring(pair, state, local)
    outcome = _verdict(pair, state, local, remote, times)
    waits = isinstance(outcome.verdict, AskPerson | Unreadable) or (
        isinstance(outcome.verdict, KeepLocal | Merged) and outcome.verdict.push
    )
    if waits or outcome.state.restoring is None:
        return outcome
    return Outcome(outcome.verdict, replace(outcome.state, restoring=None))


def _still_restoring(pair: PairRules, state: PairState, local: Value) -> PairState:
    """A value that was set here since the undo is an ordinary change."""
    undone = state.restoring
    if undone is None or pair.local_form(undone.local) == pair.local_form(local):
        return state
    return replace(state, restoring=None)


def _verdict(pair: PairRules, state: PairState, local: Value, remote: Value, times: Times) -> Outcome:
    base = state.base
    local_same = pair.local_form(local) == pair.local_form(base.local)
    remote_same = remote_unchanged(pair, state, remote)
    if remote_same:
        return _only_local_may_have_moved(pair, state, local, remote, local_same)
    if base.new:
        return _first_look(pair, state, local, remote, times)
    return _remote_moved(pair, state, local, remote, local_same, times)


def _only_local_may_have_moved(
    pair: PairRules, state: PairState, local: Value, remote: Value, local_same: bool
) -> Outcome:
    settled = not state.in_flight and not state.base.unseen
    if settled and pair.same(local, remote):
        return Outcome(Nothing(), agreed(state, Base(local, remote)))
    if local_same:
        return Outcome(Nothing(), state)
    if state.restoring and not pair.inbound and not _wrote_it(pair, state.base):
        # We agreed to differ: what stands there is not what we wrote.
        return _agree_to_differ(state, local, remote, UNDONE_HERE_ONLY)
    return Outcome(KeepLocal(push=pair.outbound), state)


def _wrote_it(pair: PairRules, base: Base) -> bool:
    return base.unseen or base.remote is ABSENT or pair.same(base.local, base.remote)


def _first_look(pair: PairRules, state: PairState, local: Value, remote: Value, times: Times) -> Outcome:
    """A new link: an empty side erases nothing, and a never-set checkbox or picklist default counts as empty."""
    if never_set(pair, remote) and not is_empty(local) and not pair.same(local, remote):
        return Outcome(KeepLocal(push=pair.outbound), state)
    return _remote_moved(pair, state, local, remote, is_empty(local), times)


def _remote_moved(
    pair: PairRules, state: PairState, local: Value, remote: Value, local_same: bool, times: Times
) -> Outcome:
    incoming = pair.to_local(remote)
    if isinstance(incoming, Uncoercible):
        if pair.outbound and pair.policy is Policy.TIELINE_WINS and not local_same and not state.restoring:
            return Outcome(KeepLocal(push=True, overrules=True, reason="tieline_wins"), state)
        return Outcome(Unreadable(incoming), state)
    if pair.same(local, remote):
        return Outcome(Nothing(), agreed(state, Base(local, remote)))
    if local_same:
        return _take(pair, state, local, incoming, remote)
    return _conflict(pair, state, local, incoming, remote, times)


def _take(pair: PairRules, state: PairState, local: Value, incoming: Value, remote: Value) -> Outcome:
    if pair.inbound:
        return Outcome(TakeRemote(incoming), agreed(state, Base(incoming, remote)))
    if pair.policy is Policy.MERGE:
        # The base stays, so that the next local change is merged with what the CRM's people added meanwhile.
        return Outcome(KeepLocal(push=False), state)
    return _agree_to_differ(state, local, remote, "the CRM's change is not mapped inbound")


def _agree_to_differ(state: PairState, local: Value, remote: Value, reason: str) -> Outcome:
    """The CRM's change is not for us, and not ours to undo: only a further change of either side is news."""
    return Outcome(KeepLocal(push=False, reason=reason), agreed(state, Base(local, remote), ours=True))


def _conflict(
    pair: PairRules, state: PairState, local: Value, incoming: Value, remote: Value, times: Times
) -> Outcome:
    policy, reason = _effective_policy(pair.policy, times)
    if state.restoring and pair.outbound and policy in (Policy.TIELINE_WINS, Policy.CRM_WINS):
        policy, reason = Policy.CRM_WINS, UNDONE_HERE_ONLY
    match policy:
        case Policy.MERGE if isinstance(local, str | None) and isinstance(incoming, str | None):
            base_text = state.base.local if isinstance(state.base.local, str) else ""
            merged = merge3(base_text, incoming or "", local or "")
            if len(merged) > MAX_TEXT:
                return Outcome(AskPerson(), state)
            return Outcome(
                Merged(merged, push=pair.outbound and not pair.same(merged, remote)),
                agreed(state, Base(incoming, remote)),
            )
        case Policy.REVIEW:
            return Outcome(AskPerson(), state)
        case Policy.TIELINE_WINS:
            kept = state if pair.outbound else agreed(state, Base(local, remote), ours=True)
            return Outcome(KeepLocal(push=pair.outbound, overrules=True, reason=reason), kept)
        case _ if not pair.inbound:
            return _agree_to_differ(state, local, remote, reason)
        case _:
            taken = agreed(state, Base(incoming, remote))
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
