"""How a value from a conversation's analysis meets what a contact already holds. What an analysis leaves empty says
nothing, so it never clears a field. This module must never ask a model.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from tieline.domain.facts import Moment
from tieline.domain.values import FieldType, Value, as_text, is_empty


class UpdateMode(StrEnum):
    """Retell's three: `overwrite` replaces, `fill_if_empty` writes only into an empty field, `merge` combines texts.

    Ours: `append` adds a dated line; `max`, `min` and `latest` choose among what all conversations said; `union` is the
    items of all lists.
    """

    OVERWRITE = "overwrite"
    FILL_IF_EMPTY = "fill_if_empty"
    MERGE = "merge"
    APPEND = "append"
    MAX = "max"
    MIN = "min"
    LATEST = "latest"
    UNION = "union"


NOTE_MODES: Final = frozenset({UpdateMode.MERGE, UpdateMode.APPEND})
"""The field is a note of dated lines, to which people in the CRM add as well."""

COMBINING: Final = frozenset({UpdateMode.MAX, UpdateMode.MIN, UpdateMode.LATEST, UpdateMode.UNION})
"""The field is a function of what all conversations said, in whatever order they come."""

_TYPES: Final = {
    UpdateMode.MERGE: (FieldType.STRING,),
    UpdateMode.APPEND: (FieldType.STRING,),
    UpdateMode.UNION: (FieldType.STRING,),
    UpdateMode.MAX: (FieldType.NUMBER, FieldType.DATE, FieldType.DATETIME),
    UpdateMode.MIN: (FieldType.NUMBER, FieldType.DATE, FieldType.DATETIME),
}
_SEPARATOR = re.compile(r"[;\n\r]|,\s")


def types_of(mode: UpdateMode) -> Sequence[FieldType]:
    """The field types that a mode is for."""
    return _TYPES.get(mode, tuple(FieldType))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value for a field and as of when it counts; `moment.ref` names the conversation, '' for anybody else."""

    value: Value
    moment: Moment


def replaces(mode: UpdateMode, old: Value, new: Value) -> bool:
    """Whether `overwrite` or `fill_if_empty` changes a field that holds `old` when an analysis says `new`."""
    if is_empty(new) or old == new:
        return False
    return is_empty(old) or mode is UpdateMode.OVERWRITE


def combine(mode: UpdateMode, candidates: Sequence[Candidate]) -> Candidate:
    """What a field of a combining mode holds: the same in whatever order the candidates are given. At least one."""
    full = [one for one in candidates if not is_empty(one.value)]
    ordered = sorted(full or candidates, key=lambda one: one.moment)
    match mode:
        case UpdateMode.MAX:
            return max(ordered, key=lambda one: _rank(one.value))
        case UpdateMode.MIN:
            return min(ordered, key=lambda one: _rank(one.value))
        case UpdateMode.UNION:
            return Candidate(_joined(one.value for one in ordered) or None, ordered[-1].moment)
        case _:
            return ordered[-1]


def items(value: Value) -> list[str]:
    """The items of a list in a text: separated by semicolons, line breaks, or commas before a blank."""
    return [item.strip() for item in _SEPARATOR.split(as_text(value)) if item.strip()]


def _joined(values: Iterable[Value]) -> str:
    """Each item once, as the first wrote it, in the order in which they were first said."""
    found: dict[str, str] = {}
    for value in values:
        for item in items(value):
            found.setdefault(" ".join(item.casefold().split()), item)
    return "; ".join(found.values())


def _rank(value: Value) -> tuple[Decimal, str]:
    """Numbers by size; dates and datetimes by their text, which without the zone sorts as they do."""
    if isinstance(value, int | Decimal):
        return Decimal(value), ""
    return Decimal(0), as_text(value).rstrip("Z")
