"""Contacts over HTTP: what comes back, what is refused with all its problems, what the ledger and the queue see."""

from typing import Any

import httpx2
import pytest
from tests.support import World

FIELDS = [
    {"name": "lead_status", "type": "enum", "options": ["New", "Qualified"]},
    {"name": "score", "type": "number"},
    {"name": "vip", "type": "boolean"},
    {"name": "birthday", "type": "date"},
    {"name": "met_at", "type": "datetime"},
    {"name": "email", "type": "string", "description": "Where to write to"},
]
VALUES = {
    "lead_status": "New",
    "score": 12345678901234567.125,
    "vip": False,
    "birthday": "1990-02-28",
    "met_at": "2025-03-15T10:30:00+02:00",
    "email": "alice@example.com",
}


async def _fields(api: httpx2.AsyncClient) -> None:
    answer = await api.post("/update-crm-config", json={"custom_fields": FIELDS})
    assert answer.status_code == 200, answer.text


async def _create(api: httpx2.AsyncClient, **members: Any) -> dict[str, Any]:
    answer = await api.post("/create-contact", json={"phone_number": "+14155550100", **members})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_contact_comes_back_as_it_was_created(api: httpx2.AsyncClient, org: str) -> None:
    await _fields(api)
    body = (
        '{"phone_number": "(415) 555-0100", "first_name": "Alice", "last_name": "Smith", "do_not_call": false,'
        '"contact_memory": "Likes tea", "custom_fields": {"lead_status": "New", "score": 12345678901234567.1250,'
        '"vip": false, "birthday": "1990-02-28", "met_at": "2025-03-15T10:30:00+02:00", "email": null}}'
    )
    answer = await api.post("/create-contact", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 201, answer.text
    assert '"score":12345678901234567.125' in answer.text
    contact = answer.json()
    assert contact["contact_id"].startswith("contact_")
    assert contact.pop("created_timestamp") > 0
    assert contact.pop("user_modified_timestamp") > 0
    assert contact == {
        "contact_id": contact["contact_id"],
        "org_id": org,
        "phone_number": "+14155550100",
        "first_name": "Alice",
        "last_name": "Smith",
        "do_not_call": False,
        "contact_memory": "Likes tea",
        "conversation_count": 0,
        "contact_tags": [],
        "custom_fields": {
            "lead_status": "New",
            "score": 12345678901234567.125,
            "vip": False,
            "birthday": "1990-02-28",
            "met_at": "2025-03-15T08:30:00Z",
        },
    }
    found = (await api.get(f"/get-contact/{contact['contact_id']}")).json()
    assert {**contact, **found} == found
    by_phone = await api.get("/get-contact-by-phone/415-555-0100")
    assert by_phone.json()["contact_id"] == contact["contact_id"]


async def test_a_number_is_taken_once(api: httpx2.AsyncClient) -> None:
    await _create(api)
    answer = await api.post("/create-contact", json={"phone_number": "4155550100"})
    assert answer.status_code == 400
    assert answer.json() == {
        "status": "error",
        "message": "A contact with phone number +14155550100 already exists.",
    }


async def test_every_problem_is_named_at_once_and_nothing_changes(
    api: httpx2.AsyncClient, world: World
) -> None:
    await _fields(api)
    bad = {
        "phone_number": "555",
        "contact_tag_ids": ["f" * 32],
        "custom_fields": {
            "lead_status": "Lost",
            "score": "12",
            "vip": 1,
            "birthday": "28.2.1990",
            "shoe_size": 3,
        },
    }
    answer = await api.post("/create-contact", json=bad)
    assert answer.status_code == 422
    message = answer.json()["message"]
    for name in ("phone_number", "contact_tag_ids", "lead_status", "score", "vip", "birthday", "shoe_size"):
        assert name in message
    assert await world.rows("select 1 from contact") == []

    answer = await api.post("/create-contact", json={"first_name": 3, "age": 4})
    assert answer.status_code == 422
    message = answer.json()["message"]
    assert all(name in message for name in ("phone_number", "first_name", "age"))


async def test_an_edit_changes_what_it_names_and_leaves_a_trace(
    api: httpx2.AsyncClient, org: str, world: World
) -> None:
    await _fields(api)
    contact = await _create(api, first_name="Alice", custom_fields={"score": 1, "email": "a@example.com"})
    app_id = await world.app(org)
    await world.link(org, contact["contact_id"])
    answer = await api.patch(
        f"/update-contact/{contact['contact_id']}",
        json={"last_name": "Smith", "first_name": "Alice", "custom_fields": {"score": 2, "email": None}},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["custom_fields"] == {"score": 2}
    assert (answer.json()["first_name"], answer.json()["last_name"]) == ("Alice", "Smith")
    assert answer.json()["external_id"] == "003A"
    rows = await world.rows(
        "select field_name, old_value, new_value, source_kind, source_ref, outcome from ledger"
        " where contact_id = %s order by entry_id desc limit 3",
        contact["contact_id"],
    )
    assert {(row["field_name"], row["old_value"], row["new_value"]) for row in rows} == {
        ("last_name", None, "Smith"),
        ("score", 1, 2),
        ("email", "a@example.com", None),
    }
    assert {(row["source_kind"], row["outcome"]) for row in rows} == {("api", "set")}
    assert all(row["source_ref"].startswith("apikey_") for row in rows)
    assert await world.wakes() == [("push", org, app_id)]
    (link,) = await world.rows("select dirty_at is not null as dirty from link")
    assert link["dirty"]


async def test_an_edit_that_says_what_is_there_changes_nothing(
    api: httpx2.AsyncClient, org: str, world: World
) -> None:
    contact = await _create(api, first_name="Alice", do_not_call=True)
    await world.app(org)
    await world.link(org, contact["contact_id"])
    before = await world.rows("select version from contact")
    answer = await api.patch(
        f"/update-contact/{contact['contact_id']}", json={"first_name": "Alice", "do_not_call": True}
    )
    assert answer.status_code == 200
    assert await world.rows("select version from contact") == before
    assert await world.wakes() == []


async def test_the_number_cannot_be_edited(api: httpx2.AsyncClient) -> None:
    contact = await _create(api)
    answer = await api.patch(
        f"/update-contact/{contact['contact_id']}", json={"phone_number": "+14155550101"}
    )
    assert answer.status_code == 422
    assert "phone_number" in answer.json()["message"]


async def test_a_refused_edit_changes_nothing(api: httpx2.AsyncClient) -> None:
    await _fields(api)
    contact = await _create(api, first_name="Alice")
    answer = await api.patch(
        f"/update-contact/{contact['contact_id']}",
        json={"first_name": "Bob", "contact_memory": "x", "custom_fields": {"score": "many"}},
    )
    assert answer.status_code == 422
    found = (await api.get(f"/get-contact/{contact['contact_id']}")).json()
    assert found["first_name"] == "Alice"
    assert "contact_memory" not in found


async def test_do_not_call_is_cleared_by_an_explicit_edit(api: httpx2.AsyncClient) -> None:
    contact = await _create(api, do_not_call=True)
    answer = await api.patch(f"/update-contact/{contact['contact_id']}", json={"do_not_call": False})
    assert answer.json()["do_not_call"] is False


async def test_tags_and_memory_are_kept_and_shown(api: httpx2.AsyncClient) -> None:
    tags = [{"id": "a" * 32, "label": " VIP "}, {"id": "b" * 32, "label": "Churned"}]
    assert (await api.post("/update-crm-config", json={"contact_tags": tags})).status_code == 200
    contact = await _create(api, contact_tag_ids=["b" * 32, "a" * 32], contact_memory="Likes tea")
    assert contact["contact_tags"] == [
        {"id": "a" * 32, "label": "VIP"},
        {"id": "b" * 32, "label": "Churned"},
    ]
    path = f"/update-contact/{contact['contact_id']}"
    assert (await api.post("/update-crm-config", json={"contact_tags": tags[:1]})).status_code == 200
    assert (await api.get(f"/get-contact/{contact['contact_id']}")).json()["contact_tags"] == [
        {"id": "a" * 32, "label": "VIP"}
    ]
    # A tag that the contact bears may stay although it was removed; another unknown one is refused.
    assert (await api.patch(path, json={"contact_tag_ids": ["b" * 32]})).status_code == 200
    assert (await api.patch(path, json={"contact_tag_ids": ["c" * 32]})).status_code == 422
    cleared = await api.patch(path, json={"contact_tag_ids": [], "contact_memory": None})
    assert cleared.json()["contact_tags"] == []
    assert "contact_memory" not in cleared.json()


async def test_the_id_of_a_merged_contact_resolves_to_its_survivor(
    api: httpx2.AsyncClient, org: str, world: World
) -> None:
    ids = [(await _create(api, phone_number=f"+1415555010{n}"))["contact_id"] for n in range(3)]
    await world.run("update contact set merged_into = %s where contact_id = %s", ids[1], ids[0])
    await world.run("update contact set merged_into = %s where contact_id = %s", ids[2], ids[1])
    assert (await api.get(f"/get-contact/{ids[0]}")).json()["contact_id"] == ids[2]
    answer = await api.patch(f"/update-contact/{ids[0]}", json={"first_name": "Alice"})
    assert (answer.json()["contact_id"], answer.json()["first_name"]) == (ids[2], "Alice")
    assert (await api.post("/list-contacts", json={})).json()["total"] == 1


async def test_a_number_is_looked_up_before_an_alias_and_an_ambiguous_alias_is_nobody(
    api: httpx2.AsyncClient, org: str, world: World
) -> None:
    ids = [(await _create(api, phone_number=f"+1415555010{n}"))["contact_id"] for n in range(2)]
    for number, contact_id in (("+14155550101", ids[0]), ("+14155550109", ids[0])):
        await world.run("insert into contact_alias values (%s, %s, %s, 'record')", org, number, contact_id)
    assert (await api.get("/get-contact-by-phone/+14155550101")).json()["contact_id"] == ids[1]
    assert (await api.get("/get-contact-by-phone/+14155550109")).json()["contact_id"] == ids[0]
    await world.run("insert into contact_alias values (%s, '+14155550109', %s, 'former')", org, ids[1])
    assert (await api.get("/get-contact-by-phone/+14155550109")).status_code == 404


async def test_national_numbers_are_read_with_the_linked_apps_country(
    api: httpx2.AsyncClient, org: str, world: World
) -> None:
    await world.app(org, default_country="DE")
    contact = await _create(api, phone_number="030 901820")
    assert contact["phone_number"] == "+4930901820"
    assert (await api.get("/get-contact-by-phone/030901820")).json()["contact_id"] == contact["contact_id"]


async def test_a_linked_contact_is_deleted_only_when_nothing_syncs_it(
    api: httpx2.AsyncClient, org: str, world: World
) -> None:
    contact = await _create(api)
    await world.app(org)
    await world.link(org, contact["contact_id"])
    path = f"/delete-contact/{contact['contact_id']}"
    answer = await api.delete(path)
    assert answer.status_code == 400
    assert "while two-way sync is active" in answer.json()["message"]
    assert (await api.post("/update-crm-config", json={"app_id": None})).status_code == 200
    answer = await api.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await api.get(f"/get-contact/{contact['contact_id']}")).status_code == 404
    assert (await api.delete(path)).status_code == 404
    assert await world.rows("select 1 from link") == []
    again = await _create(api)
    assert again["contact_id"] != contact["contact_id"]


@pytest.mark.parametrize("path", ["/get-contact/contact_x", "/get-contact/%00", "/get-contact-by-phone/+14155550199",
                                  "/get-contact-by-phone/nobody", "/list-contact-conversations/contact_x"])  # fmt: skip
async def test_what_is_unknown_is_not_found(api: httpx2.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert answer.status_code == 404
    assert answer.json()["status"] == "error"


async def test_conversations_come_newest_first_and_in_pages(
    api: httpx2.AsyncClient, org: str, world: World
) -> None:
    contact = await _create(api)
    for n, (kind, at) in enumerate(
        [("call", "10:00"), ("chat", "12:00"), ("call", "11:00"), ("call", "11:00")]
    ):
        await world.run(
            "insert into conversation (org_id, platform, conversation_id, type, status, contact_id, started_at,"
            " duration_ms, direction, sentiment, successful, summary, disconnection_reason)"
            " values (%s, 'retell', %s, %s, 'analyzed', %s, %s::timestamptz, 1000, 'inbound', 'Positive', true,"
            " 'All well', 'user_hangup')",
            org, f"c{n}", kind, contact["contact_id"], f"2026-11-20T{at}:00Z",
        )  # fmt: skip
    path = f"/list-contact-conversations/{contact['contact_id']}"
    first = (await api.get(path, params={"limit": 3})).json()
    assert [item.get("call_id") or item["chat_id"] for item in first["items"]] == ["c1", "c3", "c2"]
    assert first["items"][0] == {
        "type": "chat",
        "chat_id": "c1",
        "direction": "inbound",
        "start_timestamp": 1795176000000,
        "duration_ms": 1000,
        "disconnection_reason": "user_hangup",
        "sentiment": "Positive",
        "successful": True,
        "summary": "All well",
    }
    assert first["has_more"] is True
    rest = (await api.get(path, params={"limit": 3, "pagination_key": first["pagination_key"]})).json()
    assert [item["call_id"] for item in rest["items"]] == ["c0"]
    assert rest["has_more"] is False
    assert "pagination_key" not in rest


async def test_a_memory_is_explained_like_a_field_and_given_to_the_next_call(api: httpx2.AsyncClient) -> None:
    contact = await _create(api, contact_memory="Likes tea")
    path = f"/update-contact/{contact['contact_id']}"
    for memory in ("Likes tea", "Likes coffee"):
        assert (await api.patch(path, json={"contact_memory": memory})).json()["contact_memory"] == memory
    told = (await api.get(f"/explain-contact-field/{contact['contact_id']}/contact_memory")).json()
    assert told["value"] == "Likes coffee"
    assert [entry["value"] for entry in told["entries"]] == ["Likes coffee", "Likes tea"]
    number = contact["phone_number"]
    assert (await api.get(f"/get-contact-dynamic-variables/{number}")).json()[
        "contact_memory"
    ] == "Likes coffee"
    await api.patch(path, json={"contact_memory": None})
    assert "contact_memory" not in (await api.get(f"/get-contact-dynamic-variables/{number}")).json()
