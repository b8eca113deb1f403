"""What a conversation does to a field that is a function of all conversations (`max`, `min`, `latest`, `union`). Pure.

The floor is what anybody but a conversation last set there; what conversations said before it does not count any more.
"""

from collections.abc import Mapping
from typing import Any

from tieline.domain.analysed import Application
from tieline.domain.analysis_desk import Desk
from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.changeset import LedgerOutcome, Source, SourceKind
from tieline.domain.facts import Moment
from tieline.domain.fields import FieldSpec, Uncoercible, coerce
from tieline.domain.update_modes import Candidate, UpdateMode, combine
from tieline.domain.values import Value, as_text, is_empty

_BEFORE_ALL = Source(SourceKind.RULE, 0)


def plan_combined(
    desk: Desk, mapping: AnalysisMapping, spec: FieldSpec, value: Value, earlier: Application | None
) -> None:
    """Takes this conversation's value among the candidates, in the place of what its earlier analysis said."""
    given, floor = _floor(desk, mapping, spec, earlier)
    outranked = "" if floor.kind is SourceKind.CONVERSATION else desk.outranked_by(floor, spec.name)
    if outranked:
        desk.change(mapping, spec, value, LedgerOutcome.OVERRULED, outranked)
        desk.remember(mapping, "overruled", {"value": value})
        return
    candidates = [Candidate(given, Moment(min(floor.at_ms, desk.said.ended_ms)))]
    candidates += [one for one in _said(desk, mapping, spec) if one.moment.ms > floor.at_ms]
    candidates.append(Candidate(value, desk.moment))
    best = combine(mapping.update_mode, candidates)
    cap = desk.rules.cap(mapping)
    if isinstance(best.value, str) and len(best.value) > cap:
        together = f"together with what is there it would have {len(best.value)} of {cap} characters"
        desk.misfit(mapping, spec, Uncoercible(together, as_text(value)))
        desk.remember(mapping, "skipped", None if earlier is None else earlier.contribution)
        return
    standing = desk.standing(spec.name)
    if best.value != standing:
        by = Source(SourceKind.CONVERSATION, best.moment.ms, best.moment.ref) if best.moment.ref else floor
        desk.change(mapping, spec, best.value, LedgerOutcome.SET, mapping.update_mode.value, source=by)
    elif value != standing and mapping.update_mode is not UpdateMode.UNION:
        desk.change(
            mapping, spec, value, LedgerOutcome.OVERRULED, f"{mapping.update_mode.value}: {as_text(standing)}"
        )
    kept = {"value": value, "floor": {"value": given, **_source_json(floor)}}
    desk.remember(mapping, "set" if best.value != standing else "kept", kept)


def without(desk: Desk, mapping: AnalysisMapping, spec: FieldSpec, mine: Application) -> tuple[Value, Source]:
    """What the field holds when this conversation's contribution `mine` counts for nothing, and from whom."""
    given, floor = _floor(desk, mapping, spec, mine)
    candidates = [Candidate(given, Moment(floor.at_ms))]
    candidates += [one for one in _said(desk, mapping, spec) if one.moment.ms > floor.at_ms]
    best = combine(mapping.update_mode, candidates)
    by = Source(SourceKind.CONVERSATION, best.moment.ms, best.moment.ref) if best.moment.ref else floor
    return best.value, by


def _floor(
    desk: Desk, mapping: AnalysisMapping, spec: FieldSpec, earlier: Application | None
) -> tuple[Value, Source]:
    """What somebody else than a conversation set last, and who. A conversation's value leads to what it found."""
    source = desk.source(spec.name)
    standing = desk.standing(spec.name)
    if source is None:
        return standing, _BEFORE_ALL
    if source.kind is not SourceKind.CONVERSATION:
        return standing, source
    known = [(moment.ref, one.contribution) for moment, one in desk.others(mapping)]
    known += [(desk.said.key, earlier.contribution)] if earlier is not None else []
    for ref, contribution in known:
        if ref == source.ref and isinstance(contribution, Mapping) and "floor" in contribution:
            floor = contribution["floor"]
            return _value(floor["value"], spec, desk), _source(floor)
    # Set by a mapping of another mode: it counts as given, unless it is this conversation's own.
    return (None, _BEFORE_ALL) if source.ref == desk.said.key else (standing, source)


def _said(desk: Desk, mapping: AnalysisMapping, spec: FieldSpec) -> list[Candidate]:
    found = []
    for moment, one in desk.others(mapping):
        raw = one.contribution.get("value") if isinstance(one.contribution, Mapping) else None
        value = _value(raw, spec, desk)
        if not is_empty(value):
            found.append(Candidate(value, moment))
    return found


def _value(raw: Any, spec: FieldSpec, desk: Desk) -> Value:
    value = None if raw is None else coerce(raw, spec, time_zone=desk.rules.time_zone)
    return None if isinstance(value, Uncoercible) else value


def _source_json(source: Source) -> dict[str, Any]:
    return {"kind": source.kind.value, "at_ms": source.at_ms, "ref": source.ref, "from_ms": source.from_ms}


def _source(raw: Mapping[str, Any]) -> Source:
    return Source(SourceKind(raw["kind"]), raw["at_ms"], raw["ref"], raw["from_ms"])
