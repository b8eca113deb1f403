"""A CRM's contact object as Tieline sees it: fields with normalised kinds, and what may be done with them.

Connectors translate the vendor's schema into these; nothing here knows a vendor.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tieline.domain.values import FieldType, Value


class CrmKind(StrEnum):
    """The kinds of CRM fields that can be mapped. `OTHER` (addresses, references, binaries) is read-only text
    at best.
    """

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    PICKLIST = "picklist"
    MULTI_PICKLIST = "multi_picklist"
    OTHER = "other"


_CONTACT_TYPES: Mapping[CrmKind, FieldType] = {
    CrmKind.STRING: FieldType.STRING,
    CrmKind.NUMBER: FieldType.NUMBER,
    CrmKind.BOOLEAN: FieldType.BOOLEAN,
    CrmKind.DATE: FieldType.DATE,
    CrmKind.DATETIME: FieldType.DATETIME,
    CrmKind.PICKLIST: FieldType.ENUM,
    CrmKind.MULTI_PICKLIST: FieldType.STRING,
    CrmKind.OTHER: FieldType.STRING,
}


@dataclass(frozen=True, slots=True)
class CrmOption:
    """One picklist entry. `value` is what the API carries, `label` what the CRM's users see."""

    value: str
    label: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class CrmField:
    """One field of the CRM's contact object, as the connected user sees it.

    `max_length` counts characters. `scale` is the number of digits after the point (0: whole numbers; None: not
    limited). `precision_ms` is the resolution of a datetime in milliseconds. `default` is the value that a field which
    nobody ever set shows.
    """

    name: str
    label: str
    kind: CrmKind
    vendor_type: str = ""
    description: str = ""
    updateable: bool = True
    createable: bool = True
    required: bool = False
    calculated: bool = False
    restricted: bool = False
    unique: bool = False
    is_phone: bool = False
    max_length: int | None = None
    scale: int | None = None
    precision_ms: int = 1
    default: Value = None
    options: tuple[CrmOption, ...] = ()

    @property
    def contact_type(self) -> FieldType:
        """The contact field type that fits this field best."""
        return _CONTACT_TYPES[self.kind]


@dataclass(frozen=True, slots=True)
class CrmSchema:
    """The contact object's fields by name. A field the user may not see is not in it."""

    fields: Mapping[str, CrmField] = field(default_factory=dict)

    def get(self, name: str) -> CrmField | None:
        """The field of that exact API name, or None."""
        return self.fields.get(name)

    def __iter__(self) -> Iterator[CrmField]:
        return iter(self.fields.values())
