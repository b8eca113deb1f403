"""`do_not_call`, which is outside the three-way table: true on either side wins, and only a person here clears it."""

from dataclasses import replace

from tieline.domain.changes import AskPerson, Drifted, KeepLocal, Nothing, Outcome, TakeRemote, Unreadable
from tieline.domain.fields import Uncoercible
from tieline.domain.pair_state import Base, PairRules, PairState, adopt, remote_unchanged, rests, settle
from tieline.domain.values import ABSENT, Absent, Value


def reconcile_do_not_call(pair: PairRules, state: PairState, local: Value, remote: Value | Absent) -> Outcome:
    """`do_not_call`: true on either side wins, and only a person here clears it. Outside the table on purpose.

    AskPerson means that the CRM cleared it: nothing changes, and one review item is due.
    """
    if remote is ABSENT:
        return Outcome(Drifted(), state)
    incoming = pair.to_local(remote)
    if isinstance(incoming, Uncoercible):
        return Outcome(Unreadable(incoming), state)
    state = settle(pair, state, remote)
    state = replace(state, base=adopt(pair, state.base, remote, own_echo=False))
    if rests(pair, state, remote):
        return Outcome(Nothing(), state)  # Cleared here by name, in an undo of what the CRM said.
    state = replace(state, held=None, restoring=None)
    remote_same = remote_unchanged(pair, state, remote) and not state.base.new
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
