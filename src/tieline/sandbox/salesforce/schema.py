"""What an object's fields are, and describe answers made from it.

A table line is `Name | Label | type[(length)] | flags | extras`. Flags are one letter each, see `_FLAGS`. Extras are
separated by `;`: `compound=X`, `info=X` (extraTypeInfo), `ref=A,B>Relation`, `number=precision,scale`,
`values=a,b` (a `*` marks the default, `value:label` a differing label), `default=X`, and bare words from `_WORDS`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache

from tieline.sandbox.kernel.values import JsonObject
from tieline.sandbox.salesforce.formats import moment_of, stamp

_FLAGS = {
    "A": "aggregatable",
    "c": "createable",
    "u": "updateable",
    "f": "filterable",
    "g": "groupable",
    "s": "sortable",
    "n": "nillable",
    "p": "permissionable",
    "d": "defaultedOnCreate",
    "i": "idLookup",
}
_WORDS = {
    "prefilter": "searchPrefilterable",
    "polymorphic": "polymorphicForeignKey",
    "namepointing": "namePointing",
    "namefield": "nameField",
    "restricted": "restrictedPicklist",
    "custom": "custom",
    "external": "externalId",
    "unique": "unique",
    "calculated": "calculated",
    "distance": "queryByDistance",
}
_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "int": "xsd:int",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
}
_INT_DIGITS = 8
_SAME_FOR_ALL: JsonObject = {
    **dict.fromkeys(
        (
            "autoNumber",
            "cascadeDelete",
            "caseSensitive",
            "dependentPicklist",
            "deprecatedAndHidden",
            "displayLocationInDecimal",
            "encrypted",
            "highScaleNumber",
            "htmlFormatted",
            "restrictedDelete",
            "writeRequiresMasterRead",
        ),
        False,
    ),
    **dict.fromkeys(
        (
            "controllerName",
            "defaultValueFormula",
            "filteredLookupInfo",
            "inlineHelpText",
            "mask",
            "maskType",
            "referenceTargetField",
            "relationshipOrder",
        ),
        None,
    ),
}
STRING_TYPES = frozenset(
    {
        "string",
        "textarea",
        "phone",
        "email",
        "url",
        "picklist",
        "multipicklist",
        "combobox",
        "encryptedstring",
    }
)
NUMBER_TYPES = frozenset({"double", "currency", "percent"})


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    default: bool = False

    def describe(self) -> JsonObject:
        return {
            "active": True,
            "defaultValue": self.default,
            "label": self.label,
            "validFor": None,
            "value": self.value,
        }


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `on` holds the describe names of its true flags."""

    name: str
    label: str
    type: str
    length: int = 0
    on: frozenset[str] = frozenset()
    options: tuple[Option, ...] = ()
    compound: str | None = None
    info: str | None = None
    targets: tuple[str, ...] = ()
    relation: str | None = None
    precision: int = 0
    scale: int = 0
    default: str | None = None
    formula: str | None = None

    def is_on(self, flag: str) -> bool:
        return flag in self.on

    @property
    def required(self) -> bool:
        return (
            "createable" in self.on
            and "nillable" not in self.on
            and "defaultedOnCreate" not in self.on
            and self.type != "boolean"
        )

    def describe(self) -> JsonObject:
        stringy = self.type in STRING_TYPES
        identity = self.type in ("id", "reference")
        flags = {name: name in self.on for name in (*_FLAGS.values(), *_WORDS.values())}
        return {
            **_SAME_FOR_ALL,
            **flags,
            "byteLength": self.length * 3 if stringy else self.length if identity else 0,
            "calculatedFormula": self.formula,
            "compoundFieldName": self.compound,
            "defaultValue": self.default == "true" if self.type == "boolean" else self.default,
            "digits": _INT_DIGITS if self.type == "int" else 0,
            "extraTypeInfo": self.info,
            "label": self.label,
            "length": self.length,
            "name": self.name,
            "picklistValues": [option.describe() for option in self.options],
            "precision": self.precision,
            "referenceTo": list(self.targets),
            "relationshipName": self.relation,
            "scale": self.scale,
            "soapType": _SOAP.get(self.type, "xsd:string"),
            "type": self.type,
        }


@dataclass(slots=True)
class ObjectSchema:
    """One object. `version` counts changes, `modified` is when the last one was; `unique` names unique fields."""

    name: str
    label: str
    plural: str
    prefix: str
    modified: str
    fields: dict[str, Field] = field(default_factory=dict)
    mergeable: bool = True
    version: int = 1
    unique: tuple[str, ...] = ()
    _by_folded: dict[str, Field] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reindex()

    def find(self, name: str) -> Field | None:
        """A field by its API name in any case, as SOQL and writes accept it."""
        return self.fields.get(name) or self._by_folded.get(name.casefold())

    def put(self, added: Field, at: str) -> None:
        self.fields[added.name] = added
        self._changed(at)

    def drop(self, name: str, at: str) -> None:
        del self.fields[name]
        self._changed(at)

    def touch(self, at: str) -> None:
        """Counts as a change for whoever asks "since"; two changes within a second stay apart."""
        self.version += 1
        self.modified = max(at, stamp(moment_of(self.modified) + timedelta(seconds=1)))

    def _changed(self, at: str) -> None:
        self.touch(at)
        self._reindex()

    def _reindex(self) -> None:
        self._by_folded = {name.casefold(): item for name, item in self.fields.items()}
        self.unique = tuple(name for name, item in self.fields.items() if item.is_on("unique"))


def parse_table(text: str) -> Iterator[Field]:
    """Fields from lines of the form that the module's docstring gives; blank lines and `#` lines are skipped."""
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield parse_line(line)


@lru_cache(maxsize=1000)
def parse_line(line: str) -> Field:
    """One field. The same few lines are read for every organisation that a test or a simulation makes."""
    parts = [part.strip() for part in line.split("|")]
    name, label, kind, flags = parts[:4]
    kind, _, length = kind.partition("(")
    base = Field(
        name=name,
        label=label,
        type=kind,
        length=int(length.rstrip(")")) if length else 18 if kind in ("id", "reference") else 0,
        on=frozenset(_FLAGS[letter] for letter in flags),
    )
    return _with_extras(base, parts[4].split(";")) if len(parts) > 4 else base


def _with_extras(base: Field, extras: Iterable[str]) -> Field:
    for extra in extras:
        word, _, value = extra.strip().partition("=")
        if word in _WORDS:
            base = replace(base, on=base.on | {_WORDS[word]})
        elif word == "compound":
            base = replace(base, compound=value)
        elif word == "info":
            base = replace(base, info=value)
        elif word == "ref":
            targets, _, relation = value.partition(">")
            base = replace(base, targets=tuple(targets.split(",")), relation=relation or None)
        elif word == "relation":
            base = replace(base, relation=value)
        elif word == "number":
            precision, scale = value.split(",")
            base = replace(base, precision=int(precision), scale=int(scale))
        elif word == "values":
            base = replace(base, options=tuple(parse_option(item) for item in value.split(",")))
        elif word == "default":
            base = replace(base, default=value)
        elif word == "formula":
            base = replace(base, formula=value)
        elif word:
            raise ValueError(f"unknown extra {extra!r} of field {base.name}")
    return base


def parse_option(text: str) -> Option:
    default = text.endswith("*")
    value, _, label = text.rstrip("*").partition(":")
    return Option(value.strip(), (label or value).strip(), default)
