"""Binds a parsed condition to an object's schema: checks fields, operators and literal types, and compiles it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tieline.sandbox.salesforce.errors import SalesforceError
from tieline.sandbox.salesforce.formats import parse_date, parse_moment, precise_stamp
from tieline.sandbox.salesforce.ids import normalise_id
from tieline.sandbox.salesforce.schema import NUMBER_TYPES, STRING_TYPES, Field
from tieline.sandbox.salesforce.soql.errors import query_error
from tieline.sandbox.salesforce.soql.keys import EVERYTHING, Bounds, id_bounds, stamp_bounds
from tieline.sandbox.salesforce.soql.lexer import like_pattern, unescape
from tieline.sandbox.salesforce.soql.syntax import And, Comparison, Condition, Kind, Literal, Name, Not, Or
from tieline.sandbox.salesforce.store import Record

Predicate = Callable[[Record], bool]
FindField = Callable[[Name], Field]

_EQUALITY = frozenset({"=", "!=", "IN", "NOT IN"})
_RANGES = frozenset({"<", "<=", ">", ">="})
_WANTED = {
    **dict.fromkeys(STRING_TYPES | {"id", "reference"}, Kind.STRING),
    **dict.fromkeys(NUMBER_TYPES | {"int"}, Kind.NUMBER),
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "datetime": Kind.DATETIME,
}
_SPELLED = {"datetime": "dateTime", "currency": "double", "percent": "double", "id": "ID", "reference": "ID"}


@dataclass(frozen=True, slots=True)
class Bound:
    """`ids` are the only records that can match, where the condition names them."""

    matches: Predicate
    bounds: Bounds = EVERYTHING
    ids: frozenset[str] | None = None


def bind(condition: Condition, text: str, find: FindField) -> Bound:
    """Raises `SalesforceError` (INVALID_FIELD, INVALID_QUERY_FILTER_OPERATOR, MALFORMED_QUERY)."""
    if isinstance(condition, Comparison):
        return _comparison(condition, text, find(condition.field))
    if isinstance(condition, Not):
        inner = bind(condition.part, text, find).matches
        return Bound(lambda record: not inner(record))
    parts = [bind(part, text, find) for part in condition.parts]
    return _all(parts) if isinstance(condition, And) else _any(condition, parts)


def _all(parts: list[Bound]) -> Bound:
    predicates = [part.matches for part in parts]
    bounds = Bounds()
    ids: frozenset[str] | None = None
    for part in parts:
        bounds = bounds.both(part.bounds)
        if part.ids is not None:
            ids = part.ids if ids is None else ids & part.ids
    if len(predicates) == 2:
        first, second = predicates
        return Bound(lambda record: first(record) and second(record), bounds, ids)
    return Bound(lambda record: all(matches(record) for matches in predicates), bounds, ids)


def _any(condition: Or, parts: list[Bound]) -> Bound:
    predicates = [part.matches for part in parts]
    bounds = parts[0].bounds
    for part in parts[1:]:
        bounds = bounds.either(part.bounds)
    named = [part.ids for part in parts if part.ids is not None]
    ids = frozenset().union(*named) if len(named) == len(parts) else None
    if len(predicates) == 2:
        first, second = predicates
        return Bound(lambda record: first(record) or second(record), bounds, ids)
    return Bound(lambda record: any(matches(record) for matches in predicates), bounds, ids)


def _comparison(comparison: Comparison, text: str, field: Field) -> Bound:
    operator, at = comparison.operator, comparison.field.at
    if not field.is_on("filterable"):
        message = f"field '{field.name}' can not be filtered in a query call"
        raise query_error(text, at, message, "INVALID_FIELD")
    if not _allowed(operator, field):
        message = f"invalid operator on {field.type} field"
        raise query_error(text, comparison.operator_at, message, "INVALID_QUERY_FILTER_OPERATOR")
    if operator == "LIKE":
        return _like(comparison, text, field)
    values = [_value(literal, text, field) for literal in comparison.values]
    if operator in _RANGES and values[0] is None:
        message = f"invalid operator: {operator} null"
        raise query_error(text, comparison.operator_at, message, "INVALID_QUERY_FILTER_OPERATOR")
    return _compiled(field, operator, values)


def _allowed(operator: str, field: Field) -> bool:
    if field.type == "multipicklist":
        return operator in ("=", "!=", "INCLUDES", "EXCLUDES")
    if operator in ("INCLUDES", "EXCLUDES"):
        return False
    if operator == "LIKE":
        return field.type in STRING_TYPES
    return operator in _EQUALITY or (operator in _RANGES and field.type != "boolean")


def _like(comparison: Comparison, text: str, field: Field) -> Bound:
    literal = comparison.values[0]
    _value(literal, text, field)
    name, pattern = field.name, like_pattern(literal.text, text, literal.at)
    return Bound(lambda record: _text_matches(pattern, record.get(name)))


def _text_matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _value(literal: Literal, text: str, field: Field) -> str | float | bool | None:
    """The literal in the field's own wire form; text is case-folded, because SOQL compares it so."""
    if literal.kind is Kind.NULL:
        return None
    if literal.kind is not _WANTED.get(field.type):
        raise query_error(text, literal.at, _mistyped(field), "INVALID_FIELD")
    if literal.kind is Kind.BOOLEAN:
        return literal.text.upper() == "TRUE"
    if literal.kind is Kind.NUMBER:
        return float(literal.text)
    if literal.kind is Kind.STRING:
        plain = unescape(literal.text, text, literal.at)
        return _id_value(plain, text, literal.at) if field.type in ("id", "reference") else plain.casefold()
    moment = parse_moment(literal.text) if literal.kind is Kind.DATETIME else None
    parsed = precise_stamp(moment) if moment else parse_date(literal.text)
    if parsed is None:
        raise query_error(text, literal.at, f"Invalid {_SPELLED.get(field.type, field.type)}: {literal.text}")
    return parsed


def _id_value(plain: str, text: str, at: int) -> str:
    known = normalise_id(plain)
    if known is None and plain.strip("0") == "" and len(plain) in (15, 18):
        # The customary lowest id of a keyset read, whose checksum nobody writes.
        known = plain[:15] + "AAA"
    if known is None:
        raise query_error(text, at, f"invalid ID field: {plain}", "INVALID_QUERY_FILTER_OPERATOR")
    return known


def _mistyped(field: Field) -> str:
    quoted = _WANTED.get(field.type) is Kind.STRING
    kind = "string" if quoted and field.type in STRING_TYPES else _SPELLED.get(field.type, field.type)
    advice = "should be enclosed in quotes" if quoted else "should not be enclosed in quotes"
    return f"value of filter criterion for field '{field.name}' must be of type {kind} and {advice}"


def _compiled(field: Field, operator: str, values: list[str | float | bool | None]) -> Bound:
    get = _reader(field)
    if operator in ("INCLUDES", "EXCLUDES"):
        return _multi(get, operator == "INCLUDES", [str(value) for value in values if value is not None])
    wanted = frozenset(values)
    if operator in ("=", "IN"):
        return Bound(lambda record: get(record) in wanted, *_narrowed(field, operator, values))
    if operator in ("!=", "NOT IN"):
        return Bound(lambda record: get(record) not in wanted)
    limit = values[0]
    predicate = _range(get, operator, limit)
    return Bound(predicate, *_narrowed(field, operator, values))


def _reader(field: Field) -> Callable[[Record], object]:
    name = field.name
    if field.type == "boolean":
        return lambda record: bool(record.get(name))
    if field.type not in STRING_TYPES:
        return lambda record: record.get(name)

    def folded(record: Record) -> object:
        value = record.get(name)
        return value.casefold() if isinstance(value, str) else value

    return folded


def _range(get: Callable[[Record], object], operator: str, limit: object) -> Predicate:
    """Nothing is smaller or larger than null, or than a value of another kind."""

    def ordered(record: Record) -> bool:
        order = _compare(get(record), limit)
        if order is None:
            return False
        if operator == "<":
            return order < 0
        if operator == "<=":
            return order <= 0
        return order > 0 if operator == ">" else order >= 0

    return ordered


def _compare(value: object, limit: object) -> int | None:
    if isinstance(value, str) and isinstance(limit, str):
        return (value > limit) - (value < limit)
    if isinstance(value, int | float) and isinstance(limit, int | float):
        return (value > limit) - (value < limit)
    return None


def _multi(get: Callable[[Record], object], includes: bool, values: list[str]) -> Bound:
    groups = [frozenset(value.split(";")) for value in values]

    def chosen(record: Record) -> bool:
        value = get(record)
        held = frozenset(value.split(";")) if isinstance(value, str) else frozenset[str]()
        return any(group <= held for group in groups) is includes

    return Bound(chosen)


def _narrowed(
    field: Field, operator: str, values: list[str | float | bool | None]
) -> tuple[Bounds, frozenset[str] | None]:
    texts = [value for value in values if isinstance(value, str)]
    if not texts:
        return Bounds(), None
    if field.name == "SystemModstamp":
        return stamp_bounds(operator, texts), None
    if field.name == "Id":
        return id_bounds(operator, texts), frozenset(texts) if operator in ("=", "IN") else None
    return Bounds(), None


def unknown_field(name: Name, sobject: str, text: str) -> SalesforceError:
    """What a query answers for a field that is not there or not visible."""
    if "." in name.text:
        relation, _, _ = name.text.partition(".")
        message = (
            f"Didn't understand relationship '{relation}' in field path. If you are attempting to use a custom "
            "relationship, be sure to append the '__r' after the custom relationship name. Please reference "
            "your WSDL or the describe call for the appropriate names."
        )
    else:
        message = (
            f"No such column '{name.text}' on entity '{sobject}'. If you are attempting to use a custom field, "
            "be sure to append the '__c' after the custom field name. Please reference your WSDL or the "
            "describe call for the appropriate names."
        )
    return query_error(text, name.at, message, "INVALID_FIELD")
