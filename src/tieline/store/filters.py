"""Filters and search over contacts, as conditions for queries/contacts. Values are always parameters, never SQL.

A filter that does not fit its field is a problem, returned with all others. Text is compared as it is
written, the search alone ignores case. This module must never put a caller's text into a statement.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from psycopg import sql

from tieline.domain.fields import FieldSpec, Problem
from tieline.domain.values import FieldType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COMPARISONS: Final[Mapping[str, sql.SQL]] = {
    "eq": sql.SQL("="),
    "gt": sql.SQL(">"),
    "ge": sql.SQL(">="),
    "lt": sql.SQL("<"),
    "le": sql.SQL("<="),
}


@dataclass(frozen=True, slots=True)
class Atom:
    """One filter: `type` and `op` as in the API, `value` as its type says. `key` names a custom field."""

    type: str
    op: str
    value: Any = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Conditions that must all hold. `atoms` are by member of the API's `filter_criteria`."""

    atoms: Mapping[str, Sequence[Atom]] = field(default_factory=dict)
    search: str = ""
    excluded_ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in SQL and its parameters."""

    text: sql.Composable
    values: Mapping[str, Any]


class _Values:
    """Gathers parameters and hands out their placeholders."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def add(self, value: Any) -> sql.Placeholder:
        name = f"filter_{len(self.values)}"
        self.values[name] = value
        return sql.Placeholder(name)


def compile_filter(wanted: ContactFilter, fields: Mapping[str, FieldSpec]) -> Condition | list[Problem]:
    """The condition on `contact c` and its open link `l`, or everything that is wrong with the filter."""
    values = _Values()
    parts: list[sql.Composable] = []
    problems: list[Problem] = []
    for member, atoms in wanted.atoms.items():
        for place, atom in enumerate(atoms):
            where = f"filter_criteria.{member}"
            if member == "custom_fields":
                where += f"[{place}]"
                part = _custom(where, atom, fields, values)
            else:
                part = _BUILT_IN[member](where, atom, values)
            if isinstance(part, Problem):
                problems.append(part)
            else:
                parts.append(part)
    if wanted.search:
        parts.append(_search(wanted.search, values))
    if wanted.excluded_ids:
        excluded = values.add(list(wanted.excluded_ids))
        parts.append(sql.SQL("c.contact_id <> all ({})").format(excluded))
    if problems:
        return problems
    return Condition(sql.SQL(" and ").join(parts) if parts else sql.SQL("true"), values.values)


def _text(column: sql.Composable, atom: Atom, values: _Values) -> sql.Composable:
    patterns = {
        "eq": "{column} = {value}",
        "ne": "{column} is distinct from {value}",
        "sw": "starts_with({column}, {value})",
        "ew": "right({column}, length({value})) = {value}",
        "co": "strpos({column}, {value}) > 0",
    }
    value = sql.SQL("{}::text").format(values.add(atom.value))
    return sql.SQL(patterns[atom.op]).format(column=column, value=value)


def _ordered(
    where: str,
    column: sql.Composable,
    atom: Atom,
    values: _Values,
    convert: Callable[[Any], Any] = lambda value: value,
) -> sql.Composable | Problem:
    """A comparison or a range. `convert` makes the column's type of a number."""
    try:
        if atom.type == "range":
            low, high = (values.add(convert(bound)) for bound in atom.value)
            return sql.SQL("{} between {} and {}").format(column, low, high)
        value = values.add(convert(atom.value))
    except OverflowError:
        return Problem(where, "The number is no time between the years 1 and 9999.")
    if atom.op == "ne":
        return sql.SQL("{} is distinct from {}").format(column, value)
    return sql.SQL("{} {} {}").format(column, _COMPARISONS[atom.op], value)


def _instant(ms: int | Decimal) -> datetime:
    return _EPOCH + timedelta(microseconds=int(ms * 1000))


def _text_member(column: str) -> Callable[[str, Atom, _Values], sql.Composable | Problem]:
    def compile_member(where: str, atom: Atom, values: _Values) -> sql.Composable | Problem:
        if atom.type == "present":
            test = sql.SQL("is not null" if atom.op == "pr" else "is null")
            return sql.SQL("{} {}").format(sql.SQL(column), test)
        return _text(sql.SQL(column), atom, values)

    return compile_member


def _do_not_call(where: str, atom: Atom, values: _Values) -> sql.Composable | Problem:
    # Who was never marked is not marked.
    return sql.SQL("coalesce(c.do_not_call, false) = {}").format(values.add(atom.value))


def _tags(where: str, atom: Atom, values: _Values) -> sql.Composable | Problem:
    return sql.SQL("c.contact_tag_ids ?| {}::text[]").format(values.add(list(atom.value)))


def _last_conversation(where: str, atom: Atom, values: _Values) -> sql.Composable | Problem:
    return _ordered(where, sql.SQL("c.last_conversation_at"), atom, values, _instant)


_BUILT_IN: Final[Mapping[str, Callable[[str, Atom, _Values], sql.Composable | Problem]]] = {
    "contact_id": _text_member("c.contact_id"),
    "phone_number": _text_member("c.phone_number"),
    "external_id": _text_member("l.external_id"),
    "do_not_call": _do_not_call,
    "contact_tag_ids": _tags,
    "last_conversation_timestamp": _last_conversation,
}

_FITTING: Final[Mapping[str, frozenset[FieldType]]] = {
    "string": frozenset({FieldType.STRING, FieldType.ENUM, FieldType.DATE, FieldType.DATETIME}),
    "enum": frozenset({FieldType.ENUM, FieldType.STRING}),
    "number": frozenset({FieldType.NUMBER, FieldType.DATE, FieldType.DATETIME}),
    "range": frozenset({FieldType.NUMBER, FieldType.DATE, FieldType.DATETIME}),
    "boolean": frozenset({FieldType.BOOLEAN}),
    "present": frozenset(FieldType),
}


def _custom(
    where: str, atom: Atom, fields: Mapping[str, FieldSpec], values: _Values
) -> sql.Composable | Problem:
    if atom.key is None:
        return Problem(where, "A filter on a custom field needs its name as key.")
    spec = fields.get(atom.key)
    if spec is None or not spec.field_id:
        return Problem(where, f"There is no custom field {atom.key!r}.")
    if spec.type not in _FITTING[atom.type]:
        return Problem(where, f"A filter of type {atom.type} does not fit {atom.key!r}, a {spec.type.value}.")
    key = values.add(atom.key)
    member = sql.SQL("(c.custom_fields ->> {})").format(key)
    match atom.type:
        case "present":
            present = sql.SQL("c.custom_fields ? {}").format(key)
            return present if atom.op == "pr" else sql.SQL("not ({})").format(present)
        case "boolean":
            return sql.SQL("{}::boolean = {}").format(member, values.add(atom.value))
        case "enum":
            return sql.SQL("{} = any ({})").format(member, values.add(list(atom.value)))
        case "string":
            return _text(member, atom, values)
    if spec.type is FieldType.NUMBER:
        return _ordered(where, sql.SQL("{}::numeric").format(member), atom, values)
    # Dates and datetimes are compared as epoch milliseconds, a date as its midnight in UTC.
    return _ordered(where, sql.SQL("{}::timestamptz").format(member), atom, values, _instant)


def _search(text: str, values: _Values) -> sql.Composable:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    pattern = values.add(f"%{escaped}%")
    return sql.SQL(
        "(c.phone_number ilike {0} or concat_ws(' ', c.first_name, c.last_name) ilike {0} or l.external_id ilike {0}"
        " or exists (select from jsonb_each_text(c.custom_fields) as field where field.value ilike {0}))"
    ).format(pattern)
