"""A link's memory of its pairs, as the JSON that the link's row keeps. Compact, since every link has one.

Per pair key: `v` both halves of the base when they are the same value, else `l` and `r` (no `r`: nobody looked);
`u` unseen; `n` new; `f` in flight as [local, remote, ms]; `h` held at that remote value; `t` the
statements that are theirs; `o` an undone value that is to be restored in the CRM.
"""

from collections.abc import Mapping
from typing import Any

from tieline.domain.changes import Base, Held, PairState, Restoring, Sent
from tieline.domain.values import ABSENT


def pair_to_json(state: PairState) -> dict[str, Any]:
    """One pair's state as JSON scalars and lists."""
    base = state.base
    out: dict[str, Any] = {}
    if base.remote is not ABSENT and base.local == base.remote and type(base.local) is type(base.remote):
        out["v"] = base.local
    else:
        out["l"] = base.local
        if base.remote is not ABSENT:
            out["r"] = base.remote
    if base.unseen:
        out["u"] = True
    if base.new:
        out["n"] = True
    if state.in_flight:
        out["f"] = [[s.local, s.remote, s.at_ms] for s in state.in_flight]
    if state.held is not None:
        out["h"] = state.held.remote
    if state.theirs is not None:
        out["t"] = state.theirs
    if state.restoring is not None:
        out["o"] = state.restoring.local
    return out


def pair_from_json(data: Mapping[str, Any]) -> PairState:
    """The reverse of `pair_to_json`."""
    if "v" in data:
        base = Base(data["v"], data["v"], data.get("u", False), data.get("n", False))
    else:
        base = Base(data.get("l"), data.get("r", ABSENT), data.get("u", False), data.get("n", False))
    in_flight = tuple(Sent(local, remote, at) for local, remote, at in data.get("f", ()))
    held = Held(data["h"]) if "h" in data else None
    restoring = Restoring(data["o"]) if "o" in data else None
    return PairState(base, in_flight, held, data.get("t"), restoring)


def to_json(pairs: Mapping[str, PairState]) -> dict[str, Any]:
    """All pairs of a link."""
    return {key: pair_to_json(state) for key, state in pairs.items()}


def from_json(data: Mapping[str, Any]) -> dict[str, PairState]:
    """The reverse of `to_json`."""
    return {key: pair_from_json(state) for key, state in data.items()}
