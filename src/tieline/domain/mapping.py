"""Mappings: which contact field is joined to which CRM field, in which direction, and by which policy.

`build_mapping_set` turns what a person saved into pairs, or into every problem at once. This module must never let a
mapping through that could not work on the live schema.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace

from tieline.domain import instants
from tieline.domain.crm_schema import CrmKind, CrmSchema
from tieline.domain.fields import PHONE_NUMBER, FieldSpec
from tieline.domain.fields import Problem as Problem
from tieline.domain.mapping_checks import (
    Line,
    agreement_problems,
    can_merge,
    cycle_problems,
    fallback_problems,
    line_problems,
    lines,
    target_problems,
)
from tieline.domain.mapping_types import Direction as Direction
from tieline.domain.mapping_types import FieldMapping as FieldMapping
from tieline.domain.mapping_types import MappingSet as MappingSet
from tieline.domain.pairs import Pair as Pair
from tieline.domain.pairs import Policy as Policy
from tieline.domain.picklists import Settlement, settle_options
from tieline.domain.values import FieldType


def build_mapping_set(
    inbound: Sequence[FieldMapping],
    outbound: Sequence[FieldMapping],
    fields: Mapping[str, FieldSpec],
    schema: CrmSchema,
    *,
    time_zone: str = "UTC",
    analysis_merge_fields: Set[str] = frozenset(),
    fallback_phone_fields: Sequence[str] = (),
) -> MappingSet | list[Problem]:
    """The checked mappings with their options settled, or every problem of them at once.

    `fields` are all contact fields by name, built-in ones included; `schema` is the CRM's live one; `time_zone` is an
    IANA name; `analysis_merge_fields` are the contact fields that an analysis mapping fills with `merge`.
    """
    reading = lines(Direction.INBOUND, inbound, fields, schema)
    writing = lines(Direction.OUTBOUND, outbound, fields, schema)
    joined = _join(reading, writing)
    settled = {key: _settle(both) for key, both in joined.items()}
    phone_field = next((line.mapping.external_field_name for line in reading if _is_phone(line)), None)
    problems = [
        *_own_problems(phone_field, time_zone),
        *fallback_problems(fallback_phone_fields, phone_field, schema),
        *(problem for both in joined.values() for problem in _pair_problems(both)),
        *_option_problems(joined, settled),
        *target_problems([*reading, *writing]),
        *cycle_problems([*reading, *writing]),
    ]
    if problems or phone_field is None:
        return problems
    pairs = [_pair(both, settled[key], time_zone, analysis_merge_fields) for key, both in joined.items()]
    return MappingSet(
        inbound=tuple(_stored(line, settled) for line in reading),
        outbound=tuple(_stored(line, settled) for line in writing),
        phone_field=phone_field,
        fallback_phone_fields=tuple(fallback_phone_fields),
        pairs=tuple(pair for pair in pairs if pair is not None),
    )


def default_policy(field: FieldSpec, *, inbound: bool, outbound: bool, merges: bool, text: bool) -> Policy:
    """The policy of a pair for which nobody chose one.

    `merges` says that an analysis mapping fills the field with `merge`, `text` that both sides are texts: then what
    both sides wrote is kept when it is written back. Else the CRM wins where it is read, as in Retell.
    """
    if merges and outbound and text and field.type is FieldType.STRING:
        return Policy.MERGE
    return Policy.CRM_WINS if inbound else Policy.TIELINE_WINS


_Both = dict[Direction, Line]


def _join(reading: Sequence[Line], writing: Sequence[Line]) -> dict[str, _Both]:
    """The mappings by the pair that they belong to, inbound pairs first, in the order in which they were saved."""
    joined: dict[str, _Both] = {}
    for line in (*reading, *writing):
        joined.setdefault(line.key, {}).setdefault(line.direction, line)
    return joined


def _is_phone(line: Line) -> bool:
    return line.mapping.field_name == PHONE_NUMBER


def _own_problems(phone_field: str | None, time_zone: str) -> Iterator[Problem]:
    if phone_field is None:
        yield Problem(
            "inbound_sync_mappings",
            f"No inbound mapping fills {PHONE_NUMBER}, which is how contacts are matched: "
            f"map the CRM's phone field to {PHONE_NUMBER}.",
        )
    try:
        instants.zone(time_zone)
    except ValueError as error:
        yield Problem("time_zone", f"The time zone {error}.")


def _pair_problems(both: _Both) -> Iterator[Problem]:
    confirmed = any(line.mapping.lossy_confirmed for line in both.values())
    for line in both.values():
        yield from line_problems(line, two_way=len(both) > 1, lossy_confirmed=confirmed)
    if len(both) > 1:
        yield from agreement_problems(both[Direction.OUTBOUND], both[Direction.INBOUND])


def _settle(both: _Both) -> Settlement | None:
    """The settled options of a pair of an enum and a picklist; None for any other pair."""
    line = next(iter(both.values()))
    field, crm = line.field, line.crm
    if field is None or crm is None or field.type is not FieldType.ENUM or crm.kind is not CrmKind.PICKLIST:
        return None
    by_hand = next((side.mapping.options for side in both.values() if side.mapping.options), {})
    return settle_options(field, crm, by_hand, outbound=Direction.OUTBOUND in both)


def _option_problems(
    joined: Mapping[str, _Both], settled: Mapping[str, Settlement | None]
) -> Iterator[Problem]:
    for key, both in joined.items():
        settlement = settled[key]
        line = both.get(Direction.OUTBOUND) or both[Direction.INBOUND]
        if settlement is not None:
            yield from (line.problem(f"cannot settle its options: {text}") for text in settlement.problems)
        elif line.field is not None and line.crm is not None:
            yield from (
                side.problem("has `options`, which are for an enum field and a picklist: remove them.")
                for side in both.values()
                if side.mapping.options
            )


def _stored(line: Line, settled: Mapping[str, Settlement | None]) -> FieldMapping:
    settlement = settled[line.key]
    return line.mapping if settlement is None else replace(line.mapping, options=settlement.options)


def _pair(
    both: _Both, settlement: Settlement | None, time_zone: str, analysis_merge_fields: Set[str]
) -> Pair | None:
    line = next(iter(both.values()))
    if line.field is None or line.crm is None or _is_phone(line):
        return None
    inbound, outbound = Direction.INBOUND in both, Direction.OUTBOUND in both
    given = next((side.mapping.policy for side in both.values() if side.mapping.policy), None)
    return Pair(
        field=line.field,
        crm=line.crm,
        inbound=inbound,
        outbound=outbound,
        policy=given
        or default_policy(
            line.field,
            inbound=inbound,
            outbound=outbound,
            merges=line.field.name in analysis_merge_fields,
            text=can_merge(line.field, line.crm),
        ),
        options={} if settlement is None else settlement.options,
        time_zone=time_zone,
        guard=both[Direction.OUTBOUND].mapping.guard if outbound else None,
    )
