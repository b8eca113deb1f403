"""`POST /conversations`: any platform's calls and chats, taken in once and enriched by repeats."""

from typing import Any

import httpx2
import pytest
from tests.support import START, World

from tieline.ports.clock import to_ms

NOW = to_ms(START)
CALL: dict[str, Any] = {
    "conversation_id": "c-1",
    "platform": "vapi",
    "type": "call",
    "direction": "inbound",
    "from_number": "(415) 555-0100",
    "to_number": "+14155550199",
    "start_timestamp": NOW - 60_000,
    "end_timestamp": NOW,
    "status": "ended",
    "summary": "Wants a demo",
    "analysis": {"lead": "hot", "budget": 1.50},
}


async def test_a_conversation_is_kept_and_due(api: httpx2.AsyncClient, org: str, world: World) -> None:
    answer = await api.post("/conversations", json=CALL)
    assert answer.status_code == 201, answer.text
    assert answer.json() == {
        "conversation_id": "c-1",
        "platform": "vapi",
        "type": "call",
        "status": "analyzed",
    }
    (row,) = await world.rows("select * from conversation")
    assert (row["from_number"], row["has_number"], row["duration_ms"]) == ("+14155550100", True, 60_000)
    assert row["analysis"] == {
        "call_summary": "Wants a demo",
        "lead": "hot",
        "budget": row["analysis"]["budget"],
    }
    assert str(row["analysis"]["budget"]) in ("1.5", "1.50")
    assert (row["summary"], row["due_at"]) == ("Wants a demo", START)
    assert await world.wakes() == [("analysis", org, "")]


async def test_a_repeat_updates_and_the_same_repeat_does_nothing(
    api: httpx2.AsyncClient, world: World
) -> None:
    await api.post("/conversations", json=CALL)
    await world.run("update conversation set due_at = null")
    await api.post("/conversations", json=CALL)
    (row,) = await world.rows("select * from conversation")
    assert row["due_at"] is None
    await api.post(
        "/conversations", json={**CALL, "analysis": {"lead": "cold"}, "disconnection_reason": "hangup"}
    )
    (row,) = await world.rows("select * from conversation")
    assert (row["analysis"]["lead"], row["disconnection_reason"]) == ("cold", "hangup")
    assert row["due_at"] is not None


async def test_the_id_is_of_one_platform_and_organisation(api: httpx2.AsyncClient, world: World) -> None:
    for platform in ("vapi", "bland"):
        assert (await api.post("/conversations", json={**CALL, "platform": platform})).status_code == 201
    _, key = await world.org("Other")
    api.headers["authorization"] = f"Bearer {key}"
    assert (await api.post("/conversations", json=CALL)).status_code == 201
    assert len(await world.rows("select 1 from conversation")) == 3


async def test_a_contact_can_be_named_instead_of_a_number(
    api: httpx2.AsyncClient, org: str, world: World
) -> None:
    contact = (await api.post("/create-contact", json={"phone_number": "+14155550100"})).json()
    web = {"conversation_id": "w-1", "platform": "own", "type": "chat", "status": "ended"}
    answer = await api.post("/conversations", json={**web, "contact_id": contact["contact_id"]})
    assert answer.json()["contact_id"] == contact["contact_id"]
    (row,) = await world.rows("select * from conversation")
    assert (row["has_number"], row["contact_id"]) == (False, contact["contact_id"])
    refused = await api.post(
        "/conversations", json={**web, "conversation_id": "w-2", "contact_id": "contact_x"}
    )
    assert refused.status_code == 422
    assert "contact_x" in refused.json()["message"]
    _, key = await world.org("Other")
    api.headers["authorization"] = f"Bearer {key}"
    foreign = await api.post("/conversations", json={**web, "contact_id": contact["contact_id"]})
    assert foreign.status_code == 422


@pytest.mark.parametrize(
    ("members", "status", "due"),
    [
        ({"status": None, "end_timestamp": None, "analysis": None}, "ongoing", False),
        ({"status": None, "analysis": None}, "ended", True),
        ({"status": "error", "analysis": None}, "error", True),
        ({"status": "registered", "analysis": None}, "registered", False),
        ({"status": None}, "analyzed", True),
    ],
)
async def test_only_what_has_ended_is_due(
    api: httpx2.AsyncClient, world: World, members: dict[str, Any], status: str, due: bool
) -> None:
    answer = await api.post("/conversations", json={**CALL, **members})
    assert answer.json()["status"] == status
    (row,) = await world.rows("select * from conversation")
    assert (row["due_at"] is not None) is due


async def test_everything_wrong_is_named(api: httpx2.AsyncClient, world: World) -> None:
    answer = await api.post(
        "/conversations", json={**CALL, "type": "fax", "start_timestamp": "now", "colour": 1}
    )
    assert answer.status_code == 422
    assert all(name in answer.json()["message"] for name in ("type", "start_timestamp", "colour"))
    body = {**CALL, "direction": None, "start_timestamp": NOW + 1}
    answer = await api.post("/conversations", json=body)
    assert answer.status_code == 422
    assert all(name in answer.json()["message"] for name in ("direction", "end_timestamp"))
    assert await world.rows("select 1 from conversation") == []
