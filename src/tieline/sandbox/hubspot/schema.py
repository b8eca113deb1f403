"""The properties of each object type, read from the tables in `data/`, and changed by administrators."""

from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources

from tieline.sandbox.hubspot.wire import ObjectJson

_DEFINED_AT = "2020-06-30T15:57:35.997Z"
TEXT_LIMIT = 65_536


@dataclass(frozen=True, slots=True)
class Option:
    label: str
    value: str
    order: int = -1
    hidden: bool = False

    def as_json(self) -> ObjectJson:
        return {"label": self.label, "value": self.value, "displayOrder": self.order, "hidden": self.hidden}


@dataclass(frozen=True, slots=True)
class Property:
    """One property definition; `flags` are the letters explained at the top of `data/contacts.txt`."""

    name: str
    label: str
    type: str
    field_type: str
    group: str
    flags: frozenset[str] = frozenset()
    order: int = -1
    options: tuple[Option, ...] = ()
    description: str = ""

    @property
    def read_only(self) -> bool:
        return bool(self.flags & {"v", "C"})

    @property
    def unique(self) -> bool:
        return "U" in self.flags

    @property
    def multiple(self) -> bool:
        return self.type == "enumeration" and self.field_type == "checkbox"

    def as_json(self, *, archived: bool = False) -> ObjectJson:
        """In the member order of recorded answers."""
        body = self._definition()
        if not self._has("D") or self._has("A") or archived:
            body["archived"] = archived
        body |= {"hasUniqueValue": self.unique, "hidden": self._has("H")}
        if self._has("D"):
            body["hubspotDefined"] = True
        if not self._has("D") or self._has("$"):
            body["showCurrencySymbol"] = False
        body["modificationMetadata"] = self._modification()
        body["formField"] = self._has("F")
        if self._has("K"):
            body["calculationFormula"] = ""
        body["dataSensitivity"] = "non_sensitive"
        return body

    def _definition(self) -> ObjectJson:
        body: ObjectJson = {
            "updatedAt": _DEFINED_AT,
            "createdAt": _DEFINED_AT,
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": [option.as_json() for option in self.options],
        }
        if not self._has("D"):
            body |= {"createdUserId": "13534722", "updatedUserId": "13534722"}
        body |= {
            "displayOrder": self.order,
            "calculated": self._has("C"),
            "externalOptions": self._has("X"),
        }
        return body

    def _modification(self) -> ObjectJson:
        body: ObjectJson = {"archivable": self._has("a"), "readOnlyDefinition": self._has("d")}
        if self.flags & {"o", "O"}:
            body["readOnlyOptions"] = self._has("O")
        body["readOnlyValue"] = self._has("v")
        return body

    def _has(self, flag: str) -> bool:
        return flag in self.flags


@dataclass(frozen=True, slots=True)
class ObjectType:
    """`names` are the spellings that paths accept; `modified` is the property that moves on every change."""

    name: str
    singular: str
    id: str
    created: str
    modified: str
    defaults: tuple[str, ...]
    searchable: tuple[str, ...]
    tables: tuple[str, ...]
    required: tuple[str, ...] = ()

    @property
    def upper(self) -> str:
        return self.singular.upper()


_STAMPS = ("hs_createdate", "hs_lastmodifieddate", "hs_object_id")
_CONTACT_SEARCHABLE = (
    *("firstname", "lastname", "email", "phone", "mobilephone", "company", "fax", "hs_additional_emails"),
    *("hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number"),
    "hs_searchable_calculated_international_phone_number",
    "hs_searchable_calculated_international_mobile_number",
)
CONTACTS = ObjectType(
    "contacts",
    "contact",
    "0-1",
    "createdate",
    "lastmodifieddate",
    ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    _CONTACT_SEARCHABLE,
    ("contacts", "custom_contacts"),
)


def _activity(name: str, singular: str, type_id: str, body: str, *required: str) -> ObjectType:
    tables = ("engagements", "activities", name)
    needed = ("hs_timestamp", *required)
    return ObjectType(
        name, singular, type_id, "hs_createdate", "hs_lastmodifieddate", _STAMPS, (body,), tables, needed
    )


OBJECT_TYPES: dict[str, ObjectType] = {
    "contacts": CONTACTS,
    "calls": _activity("calls", "call", "0-48", "hs_call_body"),
    "communications": _activity(
        "communications",
        "communication",
        "0-18",
        "hs_communication_body",
        "hs_communication_channel_type",
        "hs_communication_logged_from",
    ),
    "notes": _activity("notes", "note", "0-46", "hs_note_body"),
    "companies": ObjectType(
        "companies",
        "company",
        "0-2",
        "hs_createdate",
        "hs_lastmodifieddate",
        ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
        ("name", "domain", "phone"),
        ("engagements", "companies"),
    ),
}
_BY_SPELLING = {
    spelling: kind
    for kind in OBJECT_TYPES.values()
    for spelling in (kind.name, kind.singular, kind.id, kind.upper.lower())
}


def find_type(spelling: str) -> ObjectType | None:
    """By plural, singular or object type id, in any case."""
    return _BY_SPELLING.get(spelling.lower())


@dataclass(slots=True)
class Schema:
    """The properties of one object type in one portal."""

    kind: ObjectType
    properties: dict[str, Property]
    archived: dict[str, Property] = field(default_factory=dict)

    @classmethod
    def load(cls, kind: ObjectType) -> "Schema":
        return cls(kind, {item.name: item for table in kind.tables for item in _table(table)})

    def put(self, item: Property) -> None:
        self.archived.pop(item.name, None)
        self.properties[item.name] = item

    def archive(self, name: str) -> None:
        self.archived[name] = self.properties.pop(name)

    def set_unique(self, name: str, unique: bool) -> None:
        item = self.properties[name]
        flags = item.flags | {"U"} if unique else item.flags - {"U"}
        self.properties[name] = replace(item, flags=flags)

    def unique_names(self) -> list[str]:
        return [name for name, item in self.properties.items() if item.unique and not item.read_only]


def parse_options(text: str) -> tuple[Option, ...]:
    if not text:
        return ()
    if text.startswith("@"):
        return _list(text[1:])
    pairs = (item.partition("=") for item in text.split(";"))
    return tuple(
        Option(label if separator else value, value, order)
        for order, (value, separator, label) in enumerate(pairs)
    )


def _data(name: str) -> str:
    return (resources.files("tieline.sandbox.hubspot") / "data" / f"{name}.txt").read_text("utf-8")


@cache
def _list(name: str) -> tuple[Option, ...]:
    """Long option lists: `timezone` holds zone names, `language` holds code=label pairs."""
    text = _data(name)
    if name == "timezone":
        zones = text.split()
        return tuple(
            Option(zone.replace("/", " ").replace("_", " ").title(), zone.replace("/", "_slash_"), order)
            for order, zone in enumerate(zones)
        )
    return parse_options(" ".join(text.split()).replace("; ", ";"))


@cache
def _table(name: str) -> tuple[Property, ...]:
    lines = (line for line in _data(name).splitlines() if line and not line.startswith("#"))
    return tuple(_row(line) for line in lines)


def _row(line: str) -> Property:
    cells = [cell.strip() for cell in line.split("|")]
    name, label, type_, field_type, group, flags, order = cells[:7]
    return Property(
        name,
        label,
        type_,
        field_type,
        group,
        frozenset(flags) - {"-"},
        int(order),
        parse_options(cells[7] if len(cells) > 7 else ""),
    )
