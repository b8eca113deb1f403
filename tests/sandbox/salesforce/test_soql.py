"""SOQL: what it means, what it refuses, and the laws of keyset reads."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.sandbox.kernel.clock import SandboxClock
from tieline.sandbox.kernel.faults import Faults
from tieline.sandbox.salesforce.errors import SalesforceError
from tieline.sandbox.salesforce.formats import stamp
from tieline.sandbox.salesforce.ids import number_to_id
from tieline.sandbox.salesforce.org import Organisation, OrgSettings
from tieline.sandbox.salesforce.querying import run_query
from tieline.sandbox.salesforce.store import Record

START = datetime(2026, 5, 1, tzinfo=UTC)


def organisation(records: list[Record]) -> Organisation:
    """Contacts 1, 2, 3, ... with the given fields; a `second` tells the stamp, `deleted` whether it is deleted."""
    org = Organisation(SandboxClock(), Faults(), OrgSettings())
    table = org.tables["Contact"]
    for spec in records:
        fields = dict(spec)
        second, gone = int(str(fields.pop("second", 0))), bool(fields.pop("deleted", False))
        record_id = table.ids.take()
        at = stamp(START + timedelta(seconds=second))
        table.put(record_id, {"Id": record_id, "SystemModstamp": at, "IsDeleted": gone, **fields})
    return org


def numbers(org: Organisation, where: str, *, deleted: bool = False) -> list[int]:
    """Which contacts a condition gives, by number, in the order they come."""
    _, selection = run_query(org, f"SELECT Id FROM Contact {where}", deleted=deleted)
    by_id = {number_to_id("003al", at): at for at in range(1, 100)}
    return [by_id[record_id] for record_id in selection.ids]


PEOPLE: list[Record] = [
    {
        "LastName": "Smith",
        "FirstName": "Alice",
        "Score__c": 10.0,
        "VIP__c": True,
        "Renewal_Date__c": "2026-06-01",
    },
    {"LastName": "O'Brien", "Score__c": 2.5, "Interests__c": "Calls;Chat", "Phone": "555_1"},
    {"LastName": "smithers", "FirstName": "bob", "Renewal_Date__c": "2026-01-15", "Phone": "5%5"},
    {"LastName": "Back\\slash", "FirstName": "Zoë", "Score__c": -1.0, "Interests__c": "API"},
]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("LastName = 'SMITH'", [1]),
        ("LastName != 'smith'", [2, 3, 4]),
        ("LastName <> 'smith'", [2, 3, 4]),
        (r"LastName = 'O\'Brien'", [2]),
        (r"LastName = 'Back\\slash'", [4]),
        (r"FirstName = 'Zo\u00eb'", [4]),
        ("FirstName = null", [2]),
        ("FirstName != null", [1, 3, 4]),
        ("FirstName != 'alice'", [2, 3, 4]),
        ("LastName LIKE 'smith%'", [1, 3]),
        ("LastName LIKE '_mith'", [1]),
        (r"Phone LIKE '555\_%'", [2]),
        (r"Phone LIKE '5\%5'", [3]),
        ("NOT LastName LIKE 'smith%'", [2, 4]),
        ("(NOT (LastName LIKE 'smith%')) AND Score__c > 0", [2]),
        ("LastName IN ('smith', 'Nobody')", [1]),
        ("FirstName NOT IN ('Alice', 'Bob')", [2, 4]),
        ("Score__c >= 2.5", [1, 2]),
        ("Score__c > 2.5", [1]),
        ("Score__c < 0", [4]),
        ("Score__c <= -1", [4]),
        ("VIP__c = true", [1]),
        ("VIP__c = FALSE", [2, 3, 4]),
        ("VIP__c != true", [2, 3, 4]),
        ("Renewal_Date__c > 2026-02-01", [1]),
        ("Renewal_Date__c = 2026-01-15", [3]),
        ("Interests__c INCLUDES ('Chat')", [2]),
        ("Interests__c INCLUDES ('Calls;Chat', 'API')", [2, 4]),
        ("Interests__c EXCLUDES ('Chat')", [1, 3, 4]),
        ("LastName < 'o'", [4]),
        ("Score__c > 0 AND (VIP__c = true OR FirstName = null)", [1, 2]),
    ],
)
def test_a_condition_gives_the_records_it_describes(condition: str, expected: list[int]) -> None:
    assert numbers(organisation(PEOPLE), f"WHERE {condition}") == expected


def test_orders_sort_by_several_keys_and_put_nulls_where_they_are_told() -> None:
    org = organisation(PEOPLE)
    assert numbers(org, "ORDER BY Score__c") == [3, 4, 2, 1]
    assert numbers(org, "ORDER BY Score__c DESC NULLS LAST") == [1, 2, 4, 3]
    assert numbers(org, "ORDER BY Score__c DESC") == [3, 1, 2, 4]
    assert numbers(org, "ORDER BY VIP__c DESC, LastName ASC") == [4, 2, 3, 1]
    assert numbers(org, "ORDER BY LastName LIMIT 2 OFFSET 1") == [2, 1]


def test_moments_compare_in_any_zone() -> None:
    org = organisation([{"second": 0}, {"second": 60}])
    assert numbers(org, "WHERE SystemModstamp >= 2026-05-01T02:00:30+02:00") == [2]
    assert numbers(org, "WHERE SystemModstamp < 2026-05-01T00:00:30.500Z") == [1]
    assert numbers(org, "WHERE SystemModstamp = 2026-05-01T00:01:00.000+0000") == [2]


def test_deleted_records_show_only_where_they_are_asked_for() -> None:
    org = organisation([{"second": 0}, {"second": 1, "deleted": True}])
    assert numbers(org, "") == [1]
    assert numbers(org, "", deleted=True) == [1, 2]
    assert numbers(org, "WHERE IsDeleted = true", deleted=True) == [2]


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Contact WHERE Name =", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Contact WHERE Name NOT 'a'", "MALFORMED_QUERY", "unexpected token: 'NOT'"),
        ("SELECT Id, FROM Contact", "MALFORMED_QUERY", "unexpected token: 'FROM'"),
        ("SELECT FIELDS(ALL) FROM Contact LIMIT 200", "MALFORMED_QUERY", "unexpected token: '('"),
        ("SELECT Id FROM Contact GROUP BY Id", "MALFORMED_QUERY", "unexpected token: 'GROUP'"),
        ("SELECT Id FROM Contact WHERE FirstName IS NULL", "MALFORMED_QUERY", "unexpected token: 'IS'"),
        ("SELECT Id FROM Contact WHERE Name = 'O'Brien'", "MALFORMED_QUERY", "unexpected token: 'Brien'"),
        ("SELECT Id FROM Contact WHERE Name = 'a", "MALFORMED_QUERY", "no viable alternative at character"),
        ("SELECT Id FROM Contact WHERE Name = 'a\\d'", "MALFORMED_QUERY", "Illegal string escape"),
        (
            "SELECT Id FROM Contact WHERE Name = 'a' AND Name = 'b' OR Name = 'c'",
            "MALFORMED_QUERY",
            "unexpected token: 'OR'",
        ),
        ("SELECT Id, id FROM Contact", "MALFORMED_QUERY", "duplicate field selected: id"),
        ("SELECT Id FROM Contact OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
        (
            "SELECT Id FROM Contact WHERE CreatedDate > 2026-13-01T00:00:00Z",
            "MALFORMED_QUERY",
            "Invalid dateTime",
        ),
        (
            "SELECT Id FROM Contact WHERE CreatedDate > 2026-01-01T00:00:00",
            "MALFORMED_QUERY",
            "Invalid dateTime",
        ),
        (
            "SELECT Id FROM Contact WHERE CreatedDate > 2026-01-01",
            "INVALID_FIELD",
            "must be of type dateTime",
        ),
        (
            "SELECT Id FROM Contact WHERE CreatedDate > '2026'",
            "INVALID_FIELD",
            "should not be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Contact WHERE Phone = 5",
            "INVALID_FIELD",
            "type string and should be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Contact WHERE Score__c = '5'",
            "INVALID_FIELD",
            "type double and should not be enclosed",
        ),
        ("SELECT Id FROM Contact WHERE VIP__c > true", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator"),
        (
            "SELECT Id FROM Contact WHERE Score__c LIKE '5'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid operator",
        ),
        ("SELECT Id FROM Contact WHERE Id = '003'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: 003"),
        (
            "SELECT Id FROM Contact WHERE Notes__c = 'a'",
            "INVALID_FIELD",
            "can not be filtered in a query call",
        ),
        ("SELECT Id FROM Contact ORDER BY Notes__c", "MALFORMED_QUERY", "can not be sorted in a query call"),
        ("SELECT Nope FROM Contact", "INVALID_FIELD", "No such column 'Nope' on entity 'Contact'"),
        ("SELECT Id FROM Contact WHERE Nope = 1", "INVALID_FIELD", "No such column 'Nope'"),
        ("SELECT Owner.Name FROM Contact", "INVALID_FIELD", "Didn't understand relationship 'Owner'"),
        ("SELECT Id FROM Accout", "INVALID_TYPE", "sObject type 'Accout' is not supported."),
        ("", "MALFORMED_QUERY", "unexpected token"),
    ],
)
def test_what_it_does_not_know_it_refuses_with_salesforces_code(query: str, code: str, words: str) -> None:
    with pytest.raises(SalesforceError, match=re.escape(words)) as caught:
        run_query(organisation([]), query, deleted=False)
    assert caught.value.code == code


def test_an_error_shows_the_place_with_row_and_column() -> None:
    with pytest.raises(SalesforceError) as caught:
        run_query(organisation([]), "SELECT Id\nFROM Accout", deleted=False)
    assert caught.value.message.startswith("\nFROM Accout\n     ^\nERROR at Row:2:Column:6\nsObject type")


def test_a_statement_may_have_100000_characters_and_no_more() -> None:
    query = "SELECT Id FROM Contact WHERE LastName = '" + "x" * 99_958 + "'"
    assert len(query) == 100_000
    assert run_query(organisation([]), query, deleted=False)[1].ids == []
    with pytest.raises(SalesforceError, match="longer than 100000"):
        run_query(organisation([]), query + " ", deleted=False)


contacts = st.lists(
    st.fixed_dictionaries({"second": st.integers(0, 6), "deleted": st.booleans(), "VIP__c": st.booleans()}),
    max_size=40,
)


@settings(max_examples=80, deadline=None)
@given(
    records=contacts,
    page=st.integers(1, 7),
    include_deleted=st.booleans(),
    vip=st.sampled_from(["", "VIP__c = true"]),
)
def test_keyset_pages_enumerate_exactly_the_filtered_set_once_and_in_order(
    records: list[Record], page: int, include_deleted: bool, vip: str
) -> None:
    org = organisation([dict(record) for record in records])
    rows = org.tables["Contact"].rows
    wanted = sorted(
        (str(row["SystemModstamp"]), record_id)
        for record_id, row in rows.items()
        if (include_deleted or not row["IsDeleted"]) and (not vip or row["VIP__c"])
    )
    seen: list[tuple[str, str]] = []
    last: tuple[str, str] | None = None
    while True:
        after = ""
        if last is not None:
            at = last[0].replace("+0000", "Z")
            after = f"(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > '{last[1]}'))"
        where = " AND ".join(part for part in (vip, after) if part)
        text = f"SELECT Id FROM Contact {'WHERE ' + where if where else ''} ORDER BY SystemModstamp, Id LIMIT {page}"
        ids = run_query(org, text, deleted=include_deleted)[1].ids
        if not ids:
            break
        seen += [(str(rows[record_id]["SystemModstamp"]), record_id) for record_id in ids]
        last = seen[-1]
    assert seen == wanted


moments = st.integers(-1, 7).map(
    lambda second: stamp(START + timedelta(seconds=second)).replace("+0000", "Z")
)
ids = st.integers(1, 45).map(lambda number: f"'{number_to_id('003al', number)}'")
operators = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
leaves = st.one_of(
    st.builds("SystemModstamp {} {}".format, operators, moments),
    st.builds("Id {} {}".format, operators, ids),
    st.builds("Id IN ({}, {})".format, ids, ids),
    st.builds("SystemModstamp IN ({}, {})".format, moments, moments),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds("({}) AND ({})".format, inner, inner),
        st.builds("({}) OR ({})".format, inner, inner),
        st.builds("NOT ({})".format, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    records=contacts,
    condition=conditions,
    order=st.sampled_from(["", "ORDER BY Id", "ORDER BY SystemModstamp, Id"]),
)
def test_the_index_never_changes_what_a_condition_gives(
    records: list[Record], condition: str, order: str
) -> None:
    """`(…) OR Score__c = -1`, which no record fulfils, takes the bounds away and leaves the meaning."""
    org = organisation([dict(record) for record in records])
    indexed = run_query(org, f"SELECT Id FROM Contact WHERE {condition} {order}", deleted=True)[1].ids
    scanned = run_query(
        org, f"SELECT Id FROM Contact WHERE ({condition}) OR Score__c = -1 {order}", deleted=True
    )[1].ids
    assert sorted(indexed) == sorted(scanned)
    assert not order or indexed == scanned
    assert len(set(indexed)) == len(indexed)
