"""How a value from a conversation's analysis meets what a contact already holds.

This module must never ask a model: `merge` only says that a merge is needed. What an analysis leaves empty
says nothing, so it never clears a field.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from tieline.domain.statements import keys
from tieline.domain.values import Value, as_text, is_empty


class UpdateMode(StrEnum):
    """`overwrite` replaces, `fill_if_empty` writes only into an empty field, `merge` combines two texts."""

    OVERWRITE = "overwrite"
    FILL_IF_EMPTY = "fill_if_empty"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Keep:
    """The field stays as it is."""


@dataclass(frozen=True, slots=True)
class Set:
    """The field takes this value."""

    value: Value


@dataclass(frozen=True, slots=True)
class NeedsMerge:
    """The field needs one text made of both."""

    old: str
    new: str


Update: TypeAlias = Keep | Set | NeedsMerge


def apply(mode: UpdateMode, old: Value, new: Value) -> Update:
    """What becomes of a field that holds `old` when an analysis says `new`; both are canonical.

    `merge` is for string fields (mappings are checked for it when saved); other values are merged as their
    text.
    """
    if is_empty(new) or old == new:
        return Keep()
    if is_empty(old):
        return Set(new)
    match mode:
        case UpdateMode.OVERWRITE:
            return Set(new)
        case UpdateMode.FILL_IF_EMPTY:
            return Keep()
        case UpdateMode.MERGE:
            return _merge(as_text(old), as_text(new))


def _merge(old: str, new: str) -> Update:
    # What is already there word for word needs no model, and a repeated delivery must not cost one.
    return Keep() if set(keys(new)) <= set(keys(old)) else NeedsMerge(old, new)
