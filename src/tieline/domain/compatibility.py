"""Which contact types and CRM kinds can be joined, in which direction, and where something gets lost on the way.

This module must never allow a crossing that `Pair` could not carry for at least the ordinary values of both sides.
"""

from collections.abc import Mapping
from typing import Final

from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.fields import FieldSpec
from tieline.domain.values import FieldType

_ALL: Final = frozenset(FieldType)
_S, _N, _B = FieldType.STRING, FieldType.NUMBER, FieldType.BOOLEAN
_D, _T, _E = FieldType.DATE, FieldType.DATETIME, FieldType.ENUM

# Contact types that a kind can be read into. Text can spell any type; what does not is an issue of that record.
_READABLE: Mapping[CrmKind, frozenset[FieldType]] = {
    CrmKind.STRING: _ALL,
    CrmKind.NUMBER: frozenset({_S, _N}),
    CrmKind.BOOLEAN: frozenset({_S, _B}),
    CrmKind.DATE: frozenset({_S, _D}),
    CrmKind.DATETIME: frozenset({_S, _T, _D}),
    CrmKind.PICKLIST: frozenset({_S, _E, _B, _N}),
    CrmKind.MULTI_PICKLIST: frozenset({_S}),
    CrmKind.OTHER: frozenset({_S}),
}

# Contact types that can be written into a kind. A date into a datetime is the way back of a confirmed lossy pair.
_WRITABLE: Mapping[CrmKind, frozenset[FieldType]] = {
    CrmKind.STRING: _ALL,
    CrmKind.NUMBER: frozenset({_N}),
    CrmKind.BOOLEAN: frozenset({_B}),
    CrmKind.DATE: frozenset({_D, _T}),
    CrmKind.DATETIME: frozenset({_T, _D}),
    CrmKind.PICKLIST: frozenset({_S, _E}),
    CrmKind.MULTI_PICKLIST: frozenset({_S}),
    CrmKind.OTHER: frozenset(),
}

LONG_TEXT: Final = 32_000
"""A CRM text field of this many characters counts as unlimited: both CRMs' long texts hold at least so many."""


def can_read(field: FieldSpec, crm: CrmField) -> bool:
    """True if values of the CRM field can become values of the contact field."""
    return field.type in _READABLE[crm.kind]


def can_write(field: FieldSpec, crm: CrmField) -> bool:
    """True if values of the contact field can become values of the CRM field."""
    return field.type in _WRITABLE[crm.kind]


def loss(field: FieldSpec, crm: CrmField, *, inbound: bool) -> str | None:
    """What an outbound mapping loses, as the end of a sentence that begins with the mapping; None if nothing.

    Reading alone never needs a confirmation, so this is asked only for mappings that write; `inbound` says whether
    they also read. Text that is too long is refused for its record, never cut, so that only a two-way mapping, which
    would leave the two sides apart, counts as lossy for it.
    """
    match field.type, crm.kind:
        case FieldType.DATETIME, CrmKind.DATE:
            return f"drops the time of day, because {crm.name} is a date"
        case FieldType.DATE, CrmKind.DATETIME:
            return f"drops the time of day, because {field.name} is a date and {crm.name} a datetime"
        case FieldType.NUMBER, CrmKind.NUMBER if crm.scale == 0:
            return f"rounds to whole numbers, because {crm.name} holds no decimals"
        case FieldType.STRING, CrmKind.STRING if inbound and _is_short(crm):
            return f"cannot carry texts of more than {crm.max_length} characters into {crm.name}"
        case _:
            return None


def _is_short(crm: CrmField) -> bool:
    return crm.max_length is not None and crm.max_length < LONG_TEXT
