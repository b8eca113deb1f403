"""What can be wrong with mappings, each check on its own: every function returns its problems as sentences.

A sentence names the mapping, the field, and what to do about it. This module must never stop at the first problem.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tieline.domain.compatibility import can_read, can_write, loss
from tieline.domain.crm_schema import CrmField, CrmKind, CrmSchema
from tieline.domain.fields import DO_NOT_CALL, PHONE_NUMBER, FieldSpec, Problem
from tieline.domain.mapping_types import GUARD_STRICT, Direction, FieldMapping
from tieline.domain.pairs import Policy
from tieline.domain.values import FieldType

_PHONE_KINDS = frozenset({CrmKind.STRING, CrmKind.NUMBER, CrmKind.OTHER})


@dataclass(frozen=True, slots=True)
class Line:
    """One mapping in its place, with the two fields that its names lead to, where they exist."""

    direction: Direction
    index: int
    mapping: FieldMapping
    field: FieldSpec | None
    crm: CrmField | None

    @property
    def where(self) -> str:
        """Its place in an app's `crm_config`."""
        return f"{self.direction.value}_sync_mappings[{self.index}]"

    @property
    def name(self) -> str:
        """How a sentence names it."""
        ours, theirs = self.mapping.field_name, self.mapping.external_field_name
        arrow = f"{theirs} -> {ours}" if self.direction is Direction.INBOUND else f"{ours} -> {theirs}"
        return f"The {self.direction.value} mapping {arrow}"

    @property
    def key(self) -> str:
        """The identity of the pair that it belongs to."""
        return f"{self.mapping.field_name}|{self.mapping.external_field_name}"

    def problem(self, rest: str) -> Problem:
        """A problem whose sentence begins with the mapping's name."""
        return Problem(self.where, f"{self.name} {rest}")


def lines(
    direction: Direction,
    mappings: Sequence[FieldMapping],
    fields: Mapping[str, FieldSpec],
    schema: CrmSchema,
) -> tuple[Line, ...]:
    """The mappings of one direction with their fields looked up."""
    return tuple(
        Line(
            direction, index, mapping, fields.get(mapping.field_name), schema.get(mapping.external_field_name)
        )
        for index, mapping in enumerate(mappings)
    )


def line_problems(line: Line, *, two_way: bool, lossy_confirmed: bool) -> Iterator[Problem]:
    """All that is wrong with one mapping by itself, or with it and its way back."""
    yield from _existence_problems(line)
    if line.mapping.field_name == PHONE_NUMBER:
        yield from _phone_problems(line)
        return
    yield from _policy_problems(line)
    if line.field is None or line.crm is None:
        return
    if line.direction is Direction.INBOUND:
        yield from _reading_problems(line, line.field, line.crm)
    else:
        yield from _writing_problems(line, line.field, line.crm)
        if can_write(line.field, line.crm) and not lossy_confirmed:
            yield from _loss_problems(line, line.field, line.crm, two_way=two_way)


def target_problems(found: Iterable[Line]) -> Iterator[Problem]:
    """Two mappings that write the same field."""
    first: dict[tuple[Direction, str], Line] = {}
    for line in found:
        inbound = line.direction is Direction.INBOUND
        target = line.mapping.field_name if inbound else line.mapping.external_field_name
        other = first.setdefault((line.direction, target), line)
        if other is not line:
            owner = "the contact field" if inbound else "the CRM field"
            yield line.problem(
                f"writes {owner} {target}, which {other.where} writes already: remove one of the two."
            )


def cycle_problems(found: Iterable[Line]) -> Iterator[Problem]:
    """Values that would travel in a circle through more than one pair, each field overwriting the next.

    Every field has at most one mapping that writes it (else `target_problems` names it), so walking from a field to
    the one it is written from either ends or comes back. A circle of two mappings is a two-way pair, which is meant.
    """
    written_by: dict[tuple[str, str], Line] = {}
    for line in found:
        written_by.setdefault(_target(line), line)
    done: set[tuple[str, str]] = set()
    for start in written_by:
        trail: list[tuple[str, str]] = []
        node = start
        while node in written_by and node not in done and node not in trail:
            trail.append(node)
            node = _source(written_by[node])
        if node in trail and len(circle := trail[trail.index(node) :]) > 2:
            names = " <- ".join(name for _, name in [*circle, node])
            yield written_by[node].problem(
                f"closes a circle through different pairs ({names}): a change would run round it. Remove one of them."
            )
        done.update(trail)


def agreement_problems(line: Line, other: Line) -> Iterator[Problem]:
    """What the two mappings of a two-way pair say differently, told at the outbound one."""
    one, two = line.mapping, other.mapping
    if one.policy and two.policy and one.policy is not two.policy:
        yield line.problem(
            f"has the policy {one.policy} but {other.where} has {two.policy}: give one for both."
        )
    if one.options and two.options and dict(one.options) != dict(two.options):
        yield line.problem(f"has other `options` than {other.where}: give the same for both, or only once.")


def fallback_problems(names: Sequence[str], phone_field: str | None, schema: CrmSchema) -> Iterator[Problem]:
    """What is wrong with the list of fallback phone fields."""
    for index, name in enumerate(names):
        where = f"fallback_phone_fields[{index}]"
        crm = schema.get(name)
        if name == phone_field:
            yield Problem(
                where, f"The fallback phone field {name} is mapped to {PHONE_NUMBER} already: remove it."
            )
        elif name in names[:index]:
            yield Problem(where, f"The fallback phone field {name} is named twice: remove one.")
        elif crm is None:
            yield Problem(where, f"The fallback phone field {name} {_NOT_IN_CRM}")
        elif crm.kind not in _PHONE_KINDS:
            yield Problem(
                where, f"The fallback phone field {name} is a {crm.kind}, which holds no phone number."
            )


_NOT_IN_CRM = (
    "does not exist on the CRM's contacts, or the connected user may not see it: "
    "correct the API name (capitals count), or give the user access to it."
)


def _existence_problems(line: Line) -> Iterator[Problem]:
    if line.field is None:
        yield line.problem(
            f"names the contact field {line.mapping.field_name}, which does not exist: create the custom field first."
        )
    if line.crm is None:
        yield line.problem(f"names the CRM field {line.mapping.external_field_name}, which {_NOT_IN_CRM}")


def _phone_problems(line: Line) -> Iterator[Problem]:
    if line.direction is Direction.OUTBOUND:
        yield line.problem("is refused, because the phone number is never written back: remove it.")
        return
    if line.crm is not None and line.crm.kind not in _PHONE_KINDS:
        yield line.problem(
            f"reads a {line.crm.kind}, which holds no phone number: map a text or phone field."
        )
    if line.mapping.policy is not None:
        yield line.problem(
            f"has a policy, but {PHONE_NUMBER} is the contact's identity and takes none: remove it."
        )


def _policy_problems(line: Line) -> Iterator[Problem]:
    mapping, field, crm = line.mapping, line.field, line.crm
    if mapping.guard not in (None, GUARD_STRICT):
        yield line.problem(f"has the guard {mapping.guard!r}; the only one is {GUARD_STRICT!r}.")
    elif mapping.guard and line.direction is Direction.INBOUND:
        yield line.problem("has a guard, but guards are for writing: move it to the outbound mapping.")
    if mapping.policy is not None and mapping.field_name == DO_NOT_CALL:
        yield line.problem(
            f"has a policy, but {DO_NOT_CALL} takes none: true on either side wins, and only a person clears it."
        )
    elif (
        mapping.policy is Policy.MERGE and field is not None and crm is not None and not can_merge(field, crm)
    ):
        yield line.problem(
            f"has the policy merge, which is for text on both sides; {field.name} is a {field.type} and {crm.name} "
            f"a {crm.kind}: choose another policy."
        )


def can_merge(field: FieldSpec, crm: CrmField) -> bool:
    """True if the pair's values are texts that can be merged by statements."""
    return field.type is FieldType.STRING and crm.kind is CrmKind.STRING


def _reading_problems(line: Line, field: FieldSpec, crm: CrmField) -> Iterator[Problem]:
    if not can_read(field, crm):
        yield line.problem(
            f"cannot work: the {crm.kind} {crm.name} does not become a {field.type}. Map it to another field; "
            f"the type that fits it is {crm.contact_type}."
        )


def _writing_problems(line: Line, field: FieldSpec, crm: CrmField) -> Iterator[Problem]:
    if crm.calculated:
        yield line.problem(f"writes {crm.name}, which the CRM calculates itself: map it inbound only.")
    elif not crm.updateable:
        yield line.problem(
            f"writes {crm.name}, which is read-only for the connected user: map it inbound only, or give the user "
            "permission to edit it."
        )
    if not can_write(field, crm):
        yield line.problem(
            f"cannot work: the {field.type} {field.name} does not become a {crm.kind}. Map it to a field of another "
            "kind."
        )
    elif field.type is FieldType.ENUM and crm.kind is CrmKind.STRING and crm.max_length is not None:
        limit = crm.max_length
        long = [option for option in field.options if len(option) > limit]
        if long:
            named = ", ".join(repr(option) for option in long)
            yield line.problem(
                f"has options that {crm.name} cannot hold in {limit} characters: shorten {named}."
            )


def _loss_problems(line: Line, field: FieldSpec, crm: CrmField, *, two_way: bool) -> Iterator[Problem]:
    lost = loss(field, crm, inbound=two_way)
    if lost is not None:
        yield line.problem(f"{lost}: confirm that with `lossy_confirmed`, or map another field.")


def _target(line: Line) -> tuple[str, str]:
    if line.direction is Direction.INBOUND:
        return ("contact", line.mapping.field_name)
    return ("crm", line.mapping.external_field_name)


def _source(line: Line) -> tuple[str, str]:
    if line.direction is Direction.INBOUND:
        return ("crm", line.mapping.external_field_name)
    return ("contact", line.mapping.field_name)
