"""Runs a query over a table: bound once, then evaluated with the index that fits."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from tieline.sandbox.salesforce.schema import STRING_TYPES, Field, ObjectSchema
from tieline.sandbox.salesforce.soql.binding import Bound, bind, unknown_field
from tieline.sandbox.salesforce.soql.errors import query_error
from tieline.sandbox.salesforce.soql.syntax import Name, Order, Query
from tieline.sandbox.salesforce.store import Record, Table

Visible = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Selection:
    """`ids` in the order asked for; `fields` are what to show of each, in canonical spelling."""

    sobject: str
    fields: tuple[str, ...]
    ids: list[str]


@dataclass(frozen=True, slots=True)
class _Bound:
    where: Bound
    order: tuple[tuple[Field, Order], ...]
    fields: tuple[str, ...]


def select(query: Query, schema: ObjectSchema, table: Table, visible: Visible, *, deleted: bool) -> Selection:
    """The ids that a query gives. `visible` tells which fields exist for the user; `deleted` adds deleted rows.

    Raises `SalesforceError` for fields, operators and literals that do not fit the schema.
    """
    bound = _bind(query, schema, visible)
    ids = _matching(bound, table, deleted)
    if not _already_sorted(bound.order, bound.where):
        ids = iter(_sorted(list(ids), bound.order, table))
    stop = None if query.limit is None else query.offset + query.limit
    return Selection(schema.name, bound.fields, list(islice(ids, query.offset, stop)))


def _bind(query: Query, schema: ObjectSchema, visible: Visible) -> _Bound:
    def find(name: Name) -> Field:
        field = schema.find(name.text)
        if field is None or not visible(field.name):
            raise unknown_field(name, schema.name, query.text)
        return field

    fields = tuple(find(name).name for name in query.fields)
    where = bind(query.where, query.text, find) if query.where is not None else Bound(lambda record: True)
    order = tuple((_sortable(find(item.field), item, query.text), item) for item in query.order)
    return _Bound(where, order, fields)


def _sortable(field: Field, order: Order, text: str) -> Field:
    if not field.is_on("sortable"):
        message = f"field '{field.name}' can not be sorted in a query call"
        raise query_error(text, order.field.at, message, "MALFORMED_QUERY")
    return field


def _matching(bound: _Bound, table: Table, deleted: bool) -> Iterator[str]:
    where, rows = bound.where, table.rows
    matches = where.matches
    for record_id in _candidates(bound, table):
        record = rows.get(record_id)
        if record is not None and (deleted or not record["IsDeleted"]) and matches(record):
            yield record_id


def _candidates(bound: _Bound, table: Table) -> Iterable[str]:
    where = bound.where
    if where.ids is not None:
        return sorted(where.ids)
    if _by_stamp(bound.order) or (where.bounds.stamped and not _by_id(bound.order)):
        return table.in_stamp_order(where.bounds.low, where.bounds.high)
    return table.in_id_order(where.bounds.id_low, where.bounds.id_high)


def _ascending(order: tuple[tuple[Field, Order], ...]) -> list[str]:
    return [field.name for field, item in order if not item.descending]


def _by_stamp(order: tuple[tuple[Field, Order], ...]) -> bool:
    names = _ascending(order)
    return len(names) == len(order) and names[:2] in (["SystemModstamp"], ["SystemModstamp", "Id"])


def _by_id(order: tuple[tuple[Field, Order], ...]) -> bool:
    return _ascending(order)[:1] == ["Id"] and not order[0][1].descending


def _already_sorted(order: tuple[tuple[Field, Order], ...], where: Bound) -> bool:
    """The index gives these orders by itself; ids that were named come in id order."""
    if not order or _by_id(order):
        return True
    return where.ids is None and _by_stamp(order)


def _sorted(ids: list[str], order: tuple[tuple[Field, Order], ...], table: Table) -> list[str]:
    """Stable sorts from the last key to the first; a null's place does not turn with DESC."""
    for field, item in reversed(order):
        name = field.name
        folds = field.type in STRING_TYPES
        empty = [record_id for record_id in ids if table.rows[record_id].get(name) is None]
        filled = [record_id for record_id in ids if table.rows[record_id].get(name) is not None]
        filled.sort(key=_sort_key(table.rows, name, folds), reverse=item.descending)
        ids = filled + empty if item.nulls_last else empty + filled
    return ids


def _sort_key(rows: dict[str, Record], name: str, folds: bool) -> Callable[[str], str | float]:
    def key(record_id: str) -> str | float:
        value = rows[record_id][name]
        if isinstance(value, str):
            return value.casefold() if folds else value
        return value if isinstance(value, int | float) else str(value)

    return key
