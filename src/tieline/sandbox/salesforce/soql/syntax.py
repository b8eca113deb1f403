"""What a parsed query is."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"
    DATE = "date"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True)
class Name:
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Literal:
    """`text` is the source without its quotes, escapes not yet read (LIKE reads them differently)."""

    kind: Kind
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """`operator` in upper case: `= != < <= > >= LIKE IN NOT IN INCLUDES EXCLUDES`; lists have several values."""

    field: Name
    operator: str
    operator_at: int
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: "Condition"


Condition = Comparison | And | Or | Not


@dataclass(frozen=True, slots=True)
class Order:
    field: Name
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """`fields` is empty for `SELECT COUNT()`."""

    text: str
    fields: tuple[Name, ...]
    sobject: Name
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0

    @property
    def counts(self) -> bool:
        return not self.fields
