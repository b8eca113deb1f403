"""Which fields could be joined that are not yet: by their names and labels, types and options.

Whoever takes a suggestion has it checked as any mapping is. This module must never suggest what could not be saved by
its types, nor the same field twice.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tieline.domain.compatibility import can_read, can_write
from tieline.domain.crm_schema import CrmField, CrmKind, CrmSchema
from tieline.domain.fields import PHONE_NUMBER, FieldSpec
from tieline.domain.mapping_types import Direction, FieldMapping
from tieline.domain.picklists import settle_options
from tieline.domain.values import FieldType

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Words that mean the same in names of fields.
_SAME: Final[Mapping[str, str]] = {
    "mail": "email", "mobilephone": "mobile", "tel": "phone", "telephone": "phone", "firstname": "first",
    "lastname": "last", "surname": "last", "given": "first", "family": "last", "company": "account",
    "organisation": "account", "organization": "account", "zip": "postal", "postcode": "postal", "dnc": "donotcall",
    "descr": "description", "desc": "description", "amt": "amount", "num": "number", "nr": "number", "no": "number",
}  # fmt: skip
_NOISE: Final = frozenset({"c", "hs", "the", "of", "field", "name"})
_ALIKE: Final = 0.5
_PHONE: Final = 0.6


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Two fields that look alike; `score` from 0 to 1, `reason` the end of a sentence."""

    external_field_name: str
    field_name: str
    score: float
    reason: str


def suggestions(
    direction: Direction, mapped: Sequence[FieldMapping], fields: Mapping[str, FieldSpec], schema: CrmSchema
) -> list[Suggestion]:
    """The best partners of fields that no mapping of that direction names, the most alike first."""
    ours_taken = {mapping.field_name for mapping in mapped}
    theirs_taken = {mapping.external_field_name for mapping in mapped}
    ours = [spec for name, spec in fields.items() if name not in ours_taken]
    theirs = [crm for crm in schema if crm.name not in theirs_taken]
    found = sorted(
        _pairs(direction, ours, theirs), key=lambda s: (-s.score, s.field_name, s.external_field_name)
    )
    kept: list[Suggestion] = []
    for one in found:
        if one.field_name not in ours_taken and one.external_field_name not in theirs_taken:
            ours_taken.add(one.field_name)
            theirs_taken.add(one.external_field_name)
            kept.append(one)
    return kept


def _pairs(
    direction: Direction, ours: Sequence[FieldSpec], theirs: Sequence[CrmField]
) -> Iterator[Suggestion]:
    by_word: dict[str, list[CrmField]] = {}
    for crm in theirs:
        for word in {*_words(crm.name), *_words(crm.label), _bare(crm.name), _bare(crm.label)}:
            by_word.setdefault(word, []).append(crm)
    for spec in ours:
        words = {*_words(spec.name), *_words(spec.label), _bare(spec.name), _bare(spec.label)}
        near = {crm.name: crm for word in words for crm in by_word.get(word, ())}
        for crm in near.values():
            if _fits(direction, spec, crm):
                score, reason = _likeness(spec, crm)
                if score >= _ALIKE:
                    yield Suggestion(crm.name, spec.name, round(score, 3), reason)


def _fits(direction: Direction, spec: FieldSpec, crm: CrmField) -> bool:
    if spec.name == PHONE_NUMBER:
        return direction is Direction.INBOUND and (crm.is_phone or crm.kind is CrmKind.STRING)
    if direction is Direction.INBOUND:
        fits = can_read(spec, crm)
    else:
        fits = can_write(spec, crm) and crm.updateable and not crm.calculated
    if fits and spec.type is FieldType.ENUM and crm.kind is CrmKind.PICKLIST:
        return not settle_options(spec, crm, {}, outbound=direction is Direction.OUTBOUND).problems
    return fits


def _likeness(spec: FieldSpec, crm: CrmField) -> tuple[float, str]:
    ours = {_bare(name): _words(name) for name in (spec.name, spec.label) if name}
    theirs = {_bare(name): _words(name) for name in (crm.name, crm.label) if name}
    score, reason = 0.0, "has a similar name"
    if _bare(spec.name) == _bare(crm.name):
        score, reason = 0.95, "has the same name"
    elif set(ours) & set(theirs) - {""}:
        score, reason = 0.9, "has the same name or label"
    else:
        likeness = (_overlap(one, other) for one in ours.values() for other in theirs.values())
        score = 0.85 * max(likeness, default=0.0)
    if spec.name == PHONE_NUMBER and crm.is_phone and score < _PHONE:
        score, reason = _PHONE + 0.1 * score, "holds phone numbers"
    same_type = crm.contact_type is spec.type
    return score + (
        0.05 if same_type else 0.0
    ), f"{reason} and {'the same' if same_type else 'a fitting'} type"


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0


def _words(name: str) -> frozenset[str]:
    words = (word.lower() for word in _WORDS.findall(_own(name)))
    return frozenset(_SAME.get(word, word) for word in words if word not in _NOISE)


def _bare(name: str) -> str:
    bare = "".join(c for c in _own(name).casefold() if c.isalnum())
    return _SAME.get(bare, bare)


def _own(name: str) -> str:
    """The name without the ending of Salesforce's custom fields."""
    return name[:-3] if name.lower().endswith("__c") else name
