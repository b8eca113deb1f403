"""The search engine against a plain scan, and the way clients page past its caps."""

from collections.abc import Callable
from decimal import Decimal
from operator import eq, ge, gt, le, lt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.sandbox.hubspot.index import SearchIndex
from tieline.sandbox.hubspot.records import Snapshot, value_of
from tieline.sandbox.hubspot.schema import CONTACTS, Schema
from tieline.sandbox.hubspot.search import SearchEngine, SearchRequest, read_request
from tieline.sandbox.hubspot.wire import HubSpotError

PROPERTIES = Schema.load(CONTACTS).properties
Body = dict[str, object]
COMPARISONS = {"LT": lt, "LTE": le, "GT": gt, "GTE": ge, "EQ": eq}
PRESENT: Body = {"propertyName": "email", "operator": "HAS_PROPERTY"}

texts = st.sampled_from(["", "Alice", "bob", "Bob Smith", "zoe@example.com"])
states = st.lists(
    st.tuples(
        st.integers(1_700_000_000_000, 1_700_000_000_020),
        texts,
        st.sampled_from(["", "1", "02", "30.5", "-4"]),
    ),
    max_size=40,
).map(lambda rows: [_state(at + 1, *row) for at, row in enumerate(rows)])


def _state(record_id: int, modified: int, name: str, score: str) -> Snapshot:
    props = {key: value for key, value in (("firstname", name), ("score", score)) if value}
    return Snapshot(record_id, props, 1_600_000_000_000, modified)


def _engine(found: list[Snapshot]) -> SearchEngine:
    index = SearchIndex()
    for state in found:
        index.publish(state.id, state, 0)
    index.settle(0)
    return SearchEngine(CONTACTS, index)


def _request(**body: object) -> SearchRequest:
    return read_request(body, PROPERTIES)


def _filters(*filters: Body) -> list[Body]:
    return [{"filters": list(filters)}]


def _ids(engine: SearchEngine, **body: object) -> list[int]:
    return [state.id for state in engine.run(_request(limit=200, **body)).states]


@given(states, st.integers(1, 7))
def test_windows_reanchored_at_the_last_modified_time_find_everything(
    found: list[Snapshot], size: int
) -> None:
    """With more ties than a window is long, the window must grow; here it does by paging inside it."""
    engine = _engine(found)
    seen: set[int] = set()
    low = 0
    while True:
        anchored: Body = {"propertyName": "lastmodifieddate", "operator": "GTE", "value": str(low)}
        sort = [{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}]
        window: list[Snapshot] = []
        after = 0
        while len(window) < size or window[-1].modified == low:
            page = engine.run(
                _request(filterGroups=_filters(anchored), sorts=sort, limit=size, after=str(after))
            )
            window += page.states
            if page.next_after is None:
                break
            after = page.next_after
        fresh = {state.id for state in window} - seen
        if not fresh:
            break
        seen |= fresh
        low = window[-1].modified
    assert seen == {state.id for state in found}


@given(states, st.integers(1, 9))
def test_pages_add_up_to_the_total_without_repeating(found: list[Snapshot], size: int) -> None:
    engine, after, seen = _engine(found), 0, list[int]()
    sort = [{"propertyName": "firstname", "direction": "DESCENDING"}]
    while True:
        page = engine.run(_request(sorts=sort, limit=size, after=after))
        assert page.total == len(found)
        seen += [state.id for state in page.states]
        if page.next_after is None:
            break
        after = page.next_after
    assert sorted(seen) == [state.id for state in found]


@given(states, st.sampled_from(["LT", "LTE", "GT", "GTE", "EQ"]), st.integers(0, 22))
def test_a_range_of_stamps_is_what_a_scan_finds(found: list[Snapshot], operator: str, offset: int) -> None:
    value = 1_699_999_999_999 + offset
    compare: Callable[[int, int], bool] = COMPARISONS[operator]
    wanted: Body = {"propertyName": "lastmodifieddate", "operator": operator, "value": value}
    expected = [state.id for state in found if compare(state.modified, value)]
    assert _ids(_engine(found), filterGroups=_filters(wanted)) == expected


@given(states, st.sampled_from(["1", "2.0", "30.50", "7"]))
def test_numbers_are_compared_as_numbers(found: list[Snapshot], value: str) -> None:
    engine = _engine(found)
    numbers = {state.id: Decimal(state.props["score"]) for state in found if "score" in state.props}
    for operator, wanted in (
        ("GTE", [one for one, number in numbers.items() if number >= Decimal(value)]),
        ("EQ", [one for one, number in numbers.items() if number == Decimal(value)]),
        ("NEQ", [one for one, number in numbers.items() if number != Decimal(value)]),
    ):
        body: Body = {"propertyName": "score", "operator": operator, "value": value}
        assert _ids(engine, filterGroups=_filters(body)) == wanted


@given(states)
def test_a_filter_and_its_opposite_divide_the_records_that_have_a_value(found: list[Snapshot]) -> None:
    engine = _engine(found)
    named = [state.id for state in found if value_of(CONTACTS, state, "firstname")]
    for positive, negative, member in (
        ("EQ", "NEQ", {"value": "BOB"}),
        ("IN", "NOT_IN", {"values": ["alice", "bob smith"]}),
        ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN", {"value": "bo*"}),
    ):
        halves = [
            _ids(engine, filterGroups=_filters({"propertyName": "firstname", "operator": operator, **member}))
            for operator in (positive, negative)
        ]
        assert sorted(halves[0] + halves[1]) == named
    present: Body = {"propertyName": "firstname", "operator": "HAS_PROPERTY"}
    absent: Body = {"propertyName": "firstname", "operator": "NOT_HAS_PROPERTY"}
    assert _ids(engine, filterGroups=_filters(present)) == named
    assert _ids(engine, filterGroups=_filters(absent)) == [s.id for s in found if s.id not in named]


@pytest.mark.parametrize(
    ("value", "found"),
    [("smith", True), ("*@example.com", True), ("smi*", True), ("mit", False), ("bob smith", True)],
)
def test_tokens_are_words_parts_or_the_whole_value(value: str, found: bool) -> None:
    state = Snapshot(1, {"notes": "Bob Smith bob@example.com"}, 0, 0)
    body: Body = {"propertyName": "notes", "operator": "CONTAINS_TOKEN", "value": value}
    assert _ids(_engine([state]), filterGroups=_filters(body)) == ([1] if found else [])


def test_in_needs_lower_case_and_enumerations_keep_their_case() -> None:
    state = Snapshot(1, {"firstname": "Alice", "lead_status": "New"}, 0, 0)
    engine = _engine([state])
    for name, operator, member, hit in (
        ("firstname", "IN", {"values": ["Alice"]}, False),
        ("firstname", "IN", {"values": ["alice"]}, True),
        ("firstname", "EQ", {"value": "ALICE"}, True),
        ("lead_status", "EQ", {"value": "new"}, False),
        ("lead_status", "IN", {"values": ["New"]}, True),
    ):
        body: Body = {"propertyName": name, "operator": operator, **member}
        assert bool(_ids(engine, filterGroups=_filters(body))) is hit, body


def test_groups_are_alternatives_and_the_query_looks_at_searchable_properties() -> None:
    engine = _engine([_state(1, 5, "Alice", ""), _state(2, 6, "bob", "3"), _state(3, 7, "Zoe", "3")])
    alice: Body = {"filters": [{"propertyName": "firstname", "operator": "EQ", "value": "alice"}]}
    three: Body = {"filters": [{"propertyName": "score", "operator": "EQ", "value": "3"}]}
    assert _ids(engine, filterGroups=[alice, three]) == [1, 2, 3]
    assert _ids(engine, filterGroups=[three], query="zo") == [3]


@pytest.mark.parametrize(
    "body",
    [
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": _filters(*[PRESENT] * 7)},
        {"filterGroups": _filters(*[PRESENT] * 5) * 4},
        {"limit": 201},
        {"limit": 200, "after": "9801"},
        {"sorts": ["email", "phone"]},
        {"filterGroups": _filters({"propertyName": "nope", "operator": "HAS_PROPERTY"})},
        {"filterGroups": _filters({"propertyName": "email", "operator": "LIKE", "value": "x"})},
        {"filterGroups": _filters({"propertyName": "email", "operator": "EQ"})},
        {"filterGroups": _filters({"propertyName": "email", "operator": "IN", "value": "x"})},
        {"filterGroups": _filters({"propertyName": "createdate", "operator": "GT", "value": "soon"})},
    ],
)
def test_what_passes_a_cap_or_makes_no_sense_is_a_400(body: Body) -> None:
    with pytest.raises(HubSpotError) as refused:
        read_request(body, PROPERTIES)
    assert refused.value.status == 400


def test_the_last_page_before_ten_thousand_is_allowed() -> None:
    assert read_request({"limit": 200, "after": "9800"}, PROPERTIES).after == 9800


def test_an_older_state_never_replaces_a_newer_one_that_overtook_it() -> None:
    index = SearchIndex()
    index.publish(1, _state(1, 10, "old", ""), due=300)
    index.publish(1, _state(1, 20, "new", ""), due=100)
    index.settle(100)
    index.settle(300)
    assert index.entries[1].modified == 20
    assert index.modified_range(None, None) == [1]


@given(
    st.lists(
        st.tuples(st.integers(1, 12), st.booleans(), st.integers(0, 30), st.integers(0, 50)), max_size=60
    )
)
def test_the_index_holds_the_last_published_state_of_every_record(
    events: list[tuple[int, bool, int, int]],
) -> None:
    index, latest = SearchIndex(), dict[int, Snapshot | None]()
    for record_id, there, modified, due in events:
        state = _state(record_id, modified, "Alice", "") if there else None
        index.publish(record_id, state, due)
        latest[record_id] = state
        index.settle(due // 2)
    index.settle(1000)
    live = {record_id: state for record_id, state in latest.items() if state is not None}
    assert index.entries == live
    assert index.ids() == sorted(live)
    assert index.modified_range(None, None) == [
        one for _, one in sorted((state.modified, record_id) for record_id, state in live.items())
    ]
