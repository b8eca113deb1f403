"""One search filter as a predicate over snapshots, with HubSpot's own reading of each operator.

https://developers.hubspot.com/docs/api-reference/latest/crm/search-the-crm
"""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from tieline.sandbox.hubspot.records import Snapshot, moment_of, value_of
from tieline.sandbox.hubspot.schema import ObjectType, Property
from tieline.sandbox.hubspot.wire import bad_request, parse_ms

Predicate = Callable[[Snapshot], bool]
Comparable = Decimal | int | str
ORDER_OPERATORS = frozenset({"LT", "LTE", "GT", "GTE", "BETWEEN"})
OPERATORS = ORDER_OPERATORS | {
    *("EQ", "NEQ", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN")
}


class Filter(NamedTuple):
    """A filter as it was asked for, checked for its operator and the values that the operator needs."""

    item: Property
    operator: str
    value: str = ""
    high: str = ""
    values: tuple[str, ...] = ()


class Bounds(NamedTuple):
    """An inclusive range of a number that every record has: its id or one of its stamps."""

    name: str
    low: int | None
    high: int | None


def is_stamp(name: str) -> bool:
    return name in ("hs_object_id", "createdate", "hs_createdate", "lastmodifieddate", "hs_lastmodifieddate")


def as_comparable(item: Property, text: str) -> Comparable | None:
    """None for what cannot be compared in the property's type."""
    if item.type in ("date", "datetime"):
        return parse_ms(text)
    if item.type == "number":
        try:
            number = Decimal(text)
        except InvalidOperation:
            return None
        return number if number.is_finite() else None
    return text.lower()


def comparable_of(kind: ObjectType, item: Property, state: Snapshot) -> Comparable | None:
    moment = moment_of(state, item.name)
    if moment is not None:
        return moment
    text = value_of(kind, state, item.name)
    return as_comparable(item, text) if text else None


def bounds_of(wanted: Filter) -> Bounds | None:
    """The range that a comparison of an id or a stamp means; None for every other filter."""
    name, operator = wanted.item.name, wanted.operator
    if not is_stamp(name) or operator not in ORDER_OPERATORS | {"EQ"}:
        return None
    value = _whole(wanted.item, wanted.value)
    if operator == "BETWEEN":
        return Bounds(name, value, _whole(wanted.item, wanted.high))
    low = {"GTE": value, "GT": value + 1, "EQ": value}.get(operator)
    high = {"LTE": value, "LT": value - 1, "EQ": value}.get(operator)
    return Bounds(name, low, high)


def _whole(item: Property, text: str) -> int:
    value = parse_ms(text) if item.type == "datetime" else _int(text)
    if value is None:
        raise bad_request(f"{text} is not a valid value for property {item.name}")
    return value


def _int(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else None


def predicate(kind: ObjectType, wanted: Filter) -> Predicate:
    bounds = bounds_of(wanted)
    if bounds is not None:
        return _within(bounds)
    if wanted.operator in ORDER_OPERATORS:
        return _ordered(kind, wanted)
    if wanted.operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return _presence(kind, wanted)
    if wanted.operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        return _token(kind, wanted)
    return _membership(kind, wanted)


def _within(bounds: Bounds) -> Predicate:
    name, low, high = bounds

    def test(state: Snapshot) -> bool:
        value = moment_of(state, name)
        return value is not None and (low is None or value >= low) and (high is None or value <= high)

    return test


def _ordered(kind: ObjectType, wanted: Filter) -> Predicate:
    item, operator = wanted.item, wanted.operator
    value = _needed(item, wanted.value)
    high = _needed(item, wanted.high) if operator == "BETWEEN" else value

    def test(state: Snapshot) -> bool:
        found = comparable_of(kind, item, state)
        return found is not None and _compare(operator, found, value, high)

    return test


def _compare(operator: str, found: Comparable, value: Comparable, high: Comparable) -> bool:
    """`found` and the bounds come from the same property, so they are of one type."""
    less = found < value  # type: ignore[operator]
    more = found > value  # type: ignore[operator]
    if operator == "BETWEEN":
        return not less and bool(found <= high)  # type: ignore[operator]
    return {"LT": less, "LTE": not more, "GT": more, "GTE": not less}[operator]


def _needed(item: Property, text: str) -> Comparable:
    value = as_comparable(item, text)
    if value is None:
        raise bad_request(f"{text} is not a valid value for property {item.name}")
    return value


def _presence(kind: ObjectType, wanted: Filter) -> Predicate:
    name, there = wanted.item.name, wanted.operator == "HAS_PROPERTY"
    return lambda state: bool(value_of(kind, state, name)) is there


def _membership(kind: ObjectType, wanted: Filter) -> Predicate:
    """EQ, NEQ, IN and NOT_IN. A record without a value matches none of them."""
    item, negative = wanted.item, wanted.operator in ("NEQ", "NOT_IN")
    listed = wanted.operator in ("IN", "NOT_IN")
    exact = item.type in ("enumeration", "bool")
    values = wanted.values if listed else (wanted.value if exact else wanted.value.lower(),)
    numbers = (
        {as_comparable(item, text) for text in values}
        if item.type in ("number", "date", "datetime")
        else None
    )

    def matches(text: str) -> bool:
        if numbers is not None:
            return as_comparable(item, text) in numbers
        if item.multiple:
            return any(part in values for part in text.split(";"))
        return (text if exact else text.lower()) in values

    def test(state: Snapshot) -> bool:
        text = value_of(kind, state, item.name)
        return bool(text) and matches(text or "") is not negative

    return test


_WORD = re.compile(r"[^\W_]+")


def _token(kind: ObjectType, wanted: Filter) -> Predicate:
    """A token is a word, a blank-separated part or the whole value; `*` stands for any characters."""
    negative = wanted.operator == "NOT_CONTAINS_TOKEN"
    parts = wanted.value.lower().split() or [""]
    patterns = [_glob(part) for part in parts]
    # A literal that is nowhere in the text rules it out without taking the text apart.
    literals = [max(part.split("*"), key=len) for part in parts]
    name = wanted.item.name

    def found_in(text: str) -> bool:
        if not all(literal in text for literal in literals):
            return False
        tokens = {text, *text.split(), *_WORD.findall(text)}
        return all(any(pattern.fullmatch(token) for token in tokens) for pattern in patterns)

    def test(state: Snapshot) -> bool:
        text = (value_of(kind, state, name) or "").lower()
        return bool(text) and found_in(text) is not negative

    return test


def _glob(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.DOTALL)
