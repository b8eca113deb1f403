"""Lists of contacts: every filter, the search, the order, and pages that lose and repeat nothing."""

from typing import Any

import httpx2
import pytest
from tests.support import World

TAG = "a" * 32
FIELDS = [
    {"name": "status", "type": "enum", "options": ["New", "Won", "Lost"]},
    {"name": "score", "type": "number"},
    {"name": "vip", "type": "boolean"},
    {"name": "birthday", "type": "date"},
    {"name": "met_at", "type": "datetime"},
    {"name": "note", "type": "string"},
]
PEOPLE: dict[str, dict[str, Any]] = {
    "Ann": {"do_not_call": True, "contact_tag_ids": [TAG], "custom_fields": {"status": "New", "score": 1.5}},
    "Bob": {"do_not_call": False, "custom_fields": {"status": "Won", "score": 10, "vip": True}},
    "Cid": {"custom_fields": {"note": "50% off_now", "vip": False, "birthday": "1990-02-28"}},
    "Dee": {"custom_fields": {"note": "50 percent", "met_at": "2025-03-15T10:30:00.250Z", "score": -2}},
}


@pytest.fixture
async def people(api: httpx2.AsyncClient, org: str, world: World) -> dict[str, str]:
    """Contact ids by first name; Ann was created first. Ann and Bob are linked, and Ann and Cid were spoken to."""
    body = {"custom_fields": FIELDS, "contact_tags": [{"id": TAG, "label": "VIP"}]}
    assert (await api.post("/update-crm-config", json=body)).status_code == 200
    ids = {}
    for n, (name, members) in enumerate(PEOPLE.items()):
        body = {"phone_number": f"+1415555010{n}", "first_name": name, "last_name": "Smith", **members}
        answer = await api.post("/create-contact", json=body)
        assert answer.status_code == 201, answer.text
        ids[name] = answer.json()["contact_id"]
    await world.app(org)
    await world.link(org, ids["Ann"], "003XX0001")
    await world.link(org, ids["Bob"], "003YY0002")
    for name, at in (("Ann", "2026-11-20T10:00:00.123Z"), ("Cid", "2026-11-20T11:00:00Z")):
        await world.run(
            "update contact set last_conversation_at = %s::timestamptz where contact_id = %s", at, ids[name]
        )
    return ids


async def _names(api: httpx2.AsyncClient, **body: Any) -> list[str]:
    answer = await api.post("/list-contacts", json=body)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] == len(page["items"])
    return [item["first_name"] for item in page["items"]]


def _custom(type: str, op: str, key: str, *value: Any) -> dict[str, Any]:
    atom = {"type": type, "op": op, "key": key}
    return {"custom_fields": [atom | {"value": value[0]} if value else atom]}


def _text(op: str, value: str) -> dict[str, Any]:
    return {"type": "string", "op": op, "value": value}


SPOKEN_ANN, SPOKEN_CID = 1795168800123, 1795172400000


@pytest.mark.parametrize(
    ("criteria", "names"),
    [
        ({}, "Ann Bob Cid Dee"),
        ({"phone_number": _text("eq", "+14155550100")}, "Ann"),
        ({"phone_number": _text("ne", "+14155550100")}, "Bob Cid Dee"),
        ({"phone_number": _text("sw", "+1415")}, "Ann Bob Cid Dee"),
        ({"phone_number": _text("ew", "02")}, "Cid"),
        ({"phone_number": _text("co", "550103")}, "Dee"),
        ({"phone_number": _text("co", "%")}, ""),
        ({"phone_number": _text("ew", "")}, "Ann Bob Cid Dee"),
        ({"contact_id": _text("sw", "contact_")}, "Ann Bob Cid Dee"),
        ({"external_id": _text("sw", "003")}, "Ann Bob"),
        ({"external_id": _text("eq", "003YY0002")}, "Bob"),
        ({"external_id": _text("ne", "003YY0002")}, "Ann Cid Dee"),
        ({"external_id": {"type": "present", "op": "pr"}}, "Ann Bob"),
        ({"external_id": {"type": "present", "op": "np"}}, "Cid Dee"),
        ({"do_not_call": {"type": "boolean", "op": "eq", "value": True}}, "Ann"),
        ({"do_not_call": {"type": "boolean", "op": "eq", "value": False}}, "Bob Cid Dee"),
        ({"contact_tag_ids": {"type": "enum", "op": "in", "value": [TAG, "b" * 32]}}, "Ann"),
        ({"contact_tag_ids": {"type": "enum", "op": "in", "value": []}}, ""),
        ({"last_conversation_timestamp": {"type": "number", "op": "eq", "value": SPOKEN_ANN}}, "Ann"),
        ({"last_conversation_timestamp": {"type": "number", "op": "gt", "value": SPOKEN_ANN}}, "Cid"),
        ({"last_conversation_timestamp": {"type": "number", "op": "ge", "value": SPOKEN_ANN}}, "Ann Cid"),
        ({"last_conversation_timestamp": {"type": "number", "op": "lt", "value": SPOKEN_CID}}, "Ann"),
        ({"last_conversation_timestamp": {"type": "number", "op": "le", "value": SPOKEN_CID}}, "Ann Cid"),
        ({"last_conversation_timestamp": {"type": "number", "op": "ne", "value": SPOKEN_CID}}, "Ann Bob Dee"),
        (
            {"last_conversation_timestamp": {"type": "range", "op": "bt", "value": [SPOKEN_ANN, SPOKEN_CID]}},
            "Ann Cid",
        ),
        (_custom("enum", "in", "status", ["New", "Won"]), "Ann Bob"),
        (_custom("string", "eq", "status", "Won"), "Bob"),
        (_custom("number", "gt", "score", 1.5), "Bob"),
        (_custom("number", "ge", "score", 1.5), "Ann Bob"),
        (_custom("number", "lt", "score", 1.5), "Dee"),
        (_custom("number", "ne", "score", 1.5), "Bob Cid Dee"),
        (_custom("range", "bt", "score", [-2, 1.5]), "Ann Dee"),
        (_custom("boolean", "eq", "vip", True), "Bob"),
        (_custom("boolean", "eq", "vip", False), "Cid"),
        (_custom("present", "pr", "vip"), "Bob Cid"),
        (_custom("present", "np", "vip"), "Ann Dee"),
        (_custom("string", "sw", "birthday", "1990-02"), "Cid"),
        (_custom("number", "eq", "birthday", 636163200000), "Cid"),
        (_custom("number", "eq", "met_at", 1742034600250), "Dee"),
        (_custom("range", "bt", "met_at", [1742034600000, 1742034601000]), "Dee"),
        (_custom("string", "co", "note", "%"), "Cid"),
        (_custom("string", "co", "note", "f_n"), "Cid"),
        (_custom("string", "sw", "note", "50"), "Cid Dee"),
        (
            _custom("present", "pr", "score")
            | {"do_not_call": {"type": "boolean", "op": "eq", "value": False}},
            "Bob Dee",
        ),
    ],
)
async def test_a_filter_finds_exactly(
    api: httpx2.AsyncClient, people: dict[str, str], criteria: dict[str, Any], names: str
) -> None:
    assert await _names(api, filter_criteria=criteria, sort_order="asc") == names.split()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("ANN", "Ann"),
        ("bob smith", "Bob"),
        ("smith", "Ann Bob Cid Dee"),
        ("5550102", "Cid"),
        ("xx0001", "Ann"),
        ("PERCENT", "Dee"),
        ("50%", "Cid"),
        ("f_n", "Cid"),
        ("won", "Bob"),
        ("\\", ""),
        ("'; drop table contact; --", ""),
    ],
)
async def test_the_search_finds_a_part_of_anything_in_any_case(
    api: httpx2.AsyncClient, people: dict[str, str], query: str, names: str
) -> None:
    assert await _names(api, search_query=query, sort_order="asc") == names.split()


async def test_excluded_contacts_are_in_neither_the_list_nor_the_total(
    api: httpx2.AsyncClient, people: dict[str, str]
) -> None:
    assert await _names(api, excluded_contact_ids=[people["Ann"], people["Dee"], "contact_x"]) == [
        "Cid",
        "Bob",
    ]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("same_time", [True, False])
async def test_pages_by_key_give_each_contact_once_in_order(
    api: httpx2.AsyncClient, people: dict[str, str], world: World, order: str, same_time: bool
) -> None:
    if same_time:  # then the id decides
        await world.run("update contact set created_at = '2026-11-20T12:00:00.000001Z'")
    seen, key = [], None
    for _ in range(4):
        body: dict[str, Any] = {"limit": 1, "sort_order": order} | ({"pagination_key": key} if key else {})
        page = (await api.post("/list-contacts", json=body)).json()
        seen += [item["contact_id"] for item in page["items"]]
        assert page["total"] == 4
        key = page.get("pagination_key")
        assert page["has_more"] is (key is not None)
    expected = list(people.values())
    assert key is None
    assert seen == (expected if order == "asc" else expected[::-1])


async def test_a_contact_that_comes_while_one_pages_shifts_nothing(
    api: httpx2.AsyncClient, people: dict[str, str]
) -> None:
    first = (await api.post("/list-contacts", json={"limit": 2})).json()
    await api.post("/create-contact", json={"phone_number": "+14155550110", "first_name": "Eve"})
    rest = (
        await api.post("/list-contacts", json={"limit": 2, "pagination_key": first["pagination_key"]})
    ).json()
    names = [item["first_name"] for item in [*first["items"], *rest["items"]]]
    assert names == ["Dee", "Cid", "Bob", "Ann"]


async def test_skip_pages_by_offset(api: httpx2.AsyncClient, people: dict[str, str]) -> None:
    page = (await api.post("/list-contacts", json={"limit": 2, "skip": 1.0, "sort_order": "asc"})).json()
    assert [item["first_name"] for item in page["items"]] == ["Bob", "Cid"]
    assert (page["total"], page["has_more"]) == (4, True)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"filter_criteria": _custom("number", "eq", "status", 1)}, "status"),
        ({"filter_criteria": _custom("string", "eq", "nothing", "x")}, "nothing"),
        ({"filter_criteria": {"custom_fields": [{"type": "string", "op": "eq", "value": "x"}]}}, "key"),
        ({"filter_criteria": {"first_name": _text("eq", "Ann")}}, "first_name"),
        (
            {"filter_criteria": {"do_not_call": {"type": "boolean", "op": "eq", "value": "true"}}},
            "do_not_call",
        ),
        ({"filter_criteria": {"phone_number": {"type": "string", "op": "like", "value": "x"}}}, "op"),
        (
            {
                "filter_criteria": {
                    "last_conversation_timestamp": {"type": "number", "op": "eq", "value": 1e30}
                }
            },
            "time",
        ),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"skip": -1}, "skip"),
        ({"sort_order": "up"}, "sort_order"),
        ({"pagination_key": "x"}, "pagination_key"),
        ({"pagination_key": "WyIyMDI2LTExLTIwIiwiYSJd"}, "pagination_key"),
        ({"excluded_contact_ids": ["x"] * 1001}, "excluded_contact_ids"),
        ({"search_query": "a\0b"}, "NUL"),
    ],
)
async def test_a_list_that_cannot_be_meant_is_refused(
    api: httpx2.AsyncClient, people: dict[str, str], body: dict[str, Any], named: str
) -> None:
    answer = await api.post("/list-contacts", json=body)
    assert answer.status_code == 422
    assert answer.json()["status"] == "error"
    assert named in answer.json()["message"]
