"""Webhooks: only what is signed counts, and a conversation is one row however its events come."""

import json
from typing import Any

import httpx2
import pytest
from retell.lib.webhook_auth import symmetric
from tests.support import START, World

from tieline.api.webhooks import signature
from tieline.ports.clock import to_ms

SECRET = "key_webhook"
NOW = to_ms(START)
CALL = {
    "call_id": "call_1",
    "call_type": "phone_call",
    "agent_id": "agent_1",
    "agent_version": 3,
    "call_status": "ended",
    "direction": "outbound",
    "from_number": "+14155550199",
    "to_number": "+14155550100",
    "start_timestamp": NOW - 60_000,
    "end_timestamp": NOW - 1_500,
    "duration_ms": 58_500,
    "disconnection_reason": "user_hangup",
    "transcript": "Agent: Hello",
    "transcript_object": [{"role": "agent", "content": "Hello", "words": []}],
    "metadata": {"campaign": "q4"},
}
ANALYSIS = {
    "call_summary": "Wants a demo",
    "call_successful": True,
    "user_sentiment": "Positive",
    "in_voicemail": False,
    "custom_analysis_data": {
        "lead_qualification_status": "Qualified",
        "budget": 5000.5,
        "call_summary": "mine",
    },
}


@pytest.fixture
async def signed(world: World, org: str) -> str:
    """An organisation with a webhook secret."""
    await world.services.accounts.add_webhook_secret(org, "retell", SECRET)
    return org


async def _send(
    client: httpx2.AsyncClient,
    org_id: str,
    payload: Any,
    *,
    secret: str = SECRET,
    at: int = NOW,
    path: str = "",
) -> httpx2.Response:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = {"x-retell-signature": signature.sign(body, secret, at), "content-type": "application/json"}
    return await client.post(
        f"/webhooks/retell{path}", params={"org_id": org_id}, content=body, headers=headers
    )


async def _event(client: httpx2.AsyncClient, org_id: str, event: str, **members: Any) -> None:
    kind = event.partition("_")[0]
    answer = await _send(client, org_id, {"event": event, kind: members})
    assert (answer.status_code, answer.content) == (204, b""), answer.text


async def _row(world: World) -> dict[str, Any]:
    rows = await world.rows("select * from conversation")
    assert len(rows) == 1
    return rows[0]


# The signature


def test_the_signature_is_retells() -> None:
    digest = "07024cabe7dd8f6d1c6e4a8324ca92c812e6ad4a7ee506c04f7e462e3321823e"
    body, key, at = b'{"event":"call_ended"}', "test-api-key", 1700000000000
    assert signature.sign(body, key, at) == f"v={at},d={digest}"
    assert signature.verify(body, f"v={at},d={digest}", [key], at)
    assert symmetric["sign"](body.decode(), key, at) == signature.sign(body, key, at)


@pytest.mark.parametrize(
    ("skew", "good"), [(-300_001, False), (-300_000, True), (300_000, True), (300_001, False)]
)
def test_a_signature_is_good_for_five_minutes_either_way(skew: int, good: bool) -> None:
    header = signature.sign(b"{}", SECRET, NOW)
    assert signature.verify(b"{}", header, ["other", SECRET], NOW + skew) is good


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.upper(),
        lambda h: h + " ",
        lambda h: " " + h,
        lambda h: h + "0",
        lambda h: h[:-1],
        lambda h: h.replace(",", ", "),
        lambda h: h.replace("v=", "v=+"),
        lambda h: h.replace("v=1", "v=\N{ARABIC-INDIC DIGIT ONE}"),
        lambda h: "",
        lambda h: h[:-1] + ("0" if h[-1] != "0" else "1"),
    ],
)
def test_a_signature_in_another_form_is_none(change: Any) -> None:
    header = signature.sign(b"{}", SECRET, NOW)
    assert not signature.verify(b"{}", change(header), [SECRET], NOW)


async def test_an_unknown_organisation_and_a_wrong_signature_are_answered_alike(
    anyone: httpx2.AsyncClient, signed: str, world: World
) -> None:
    payload = {"event": "call_ended", "call": CALL}
    without, _ = await world.org("No secret")
    answers = [
        await _send(anyone, signed, payload, secret="key_wrong"),
        await _send(anyone, signed, payload, at=NOW - 300_001),
        await _send(anyone, "org_nobody", payload),
        await _send(anyone, "", payload),
        await _send(anyone, without, payload),
        await anyone.post("/webhooks/retell", params={"org_id": signed}, json=payload),
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (401, b'{"status":"error","message":"The signature is not valid."}')
    }
    assert await world.rows("select 1 from conversation") == []


async def test_each_of_several_secrets_signs(anyone: httpx2.AsyncClient, signed: str, world: World) -> None:
    await world.services.accounts.add_webhook_secret(signed, "next", "key_next")
    for secret in (SECRET, "key_next"):
        answer = await _send(anyone, signed, {"event": "call_ended", "call": CALL}, secret=secret)
        assert answer.status_code == 204


async def test_the_signature_is_over_the_bytes_as_they_came(anyone: httpx2.AsyncClient, signed: str) -> None:
    body = '{ "event" : "other",\n "x": "\\u00e9 é" }'.encode()
    assert (await _send(anyone, signed, body)).status_code == 204


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"[" * 5000, b'{"event": "call_ended"}',
                                  b'{"event": "call_ended", "call": {}}',
        b'{"event": "call_ended", "call": {"call_id": 5}}',
                                  b'{"event": "chat_ended", "call": {"call_id": "x"}}'])  # fmt: skip
async def test_a_signed_event_without_a_conversation_is_refused(
    anyone: httpx2.AsyncClient, signed: str, world: World, body: bytes
) -> None:
    answer = await _send(anyone, signed, body)
    assert answer.status_code == 422
    assert await world.rows("select 1 from conversation") == []


@pytest.mark.parametrize("event", ["transcript_updated", "transfer_started", "new_one", None, 3])
async def test_other_events_are_accepted_and_ignored(
    anyone: httpx2.AsyncClient, signed: str, world: World, event: Any
) -> None:
    assert (await _send(anyone, signed, {"event": event, "call": CALL})).status_code == 204
    assert await world.rows("select 1 from conversation") == []


# Calls


async def test_a_call_is_one_row_that_gets_richer(
    anyone: httpx2.AsyncClient, signed: str, world: World
) -> None:
    started = {
        k: CALL[k]
        for k in ("call_id", "agent_id", "direction", "from_number", "to_number", "start_timestamp")
    }
    await _event(anyone, signed, "call_started", **started, call_status="ongoing", call_type="phone_call")
    row = await _row(world)
    assert (row["status"], row["due_at"], row["to_number"]) == ("ongoing", None, "+14155550100")
    assert await world.wakes() == []

    await _event(anyone, signed, "call_ended", **CALL)
    row = await _row(world)
    assert (row["status"], row["due_at"], row["duration_ms"]) == ("ended", START, 58_500)
    assert await world.wakes() == [("analysis", signed, "")]

    world.clock.advance(10)
    await _event(anyone, signed, "call_analyzed", **CALL, call_analysis=ANALYSIS)
    row = await _row(world)
    assert row["status"] == "analyzed"
    assert row["due_at"] == world.clock.now()
    assert row["has_number"] is True
    assert (row["direction"], row["agent_version"]) == ("outbound", "3")
    assert (row["summary"], row["successful"], row["sentiment"]) == ("Wants a demo", True, "Positive")
    assert row["analysis"]["lead_qualification_status"] == "Qualified"
    assert row["analysis"]["call_summary"] == "Wants a demo"
    assert "custom_analysis_data" not in row["analysis"]
    assert len(row["analysis_version"]) == 64
    assert row["metadata"] == {"campaign": "q4"}
    assert "transcript_object" not in row["raw"]
    assert row["transcript"] == "Agent: Hello"
    assert len(await world.wakes()) == 2


async def test_repeated_and_late_events_change_nothing(
    anyone: httpx2.AsyncClient, signed: str, world: World
) -> None:
    await _event(anyone, signed, "call_analyzed", **CALL, call_analysis=ANALYSIS)
    await world.run("update conversation set due_at = null")
    before, wakes = await _row(world), await world.wakes()
    world.clock.advance(60)
    await _event(anyone, signed, "call_analyzed", **CALL, call_analysis=dict(reversed(ANALYSIS.items())))
    await _event(anyone, signed, "call_ended", **CALL)
    await _event(anyone, signed, "call_started", **{**CALL, "call_status": "ongoing", "duration_ms": None})
    assert await _row(world) == before
    assert await world.wakes() == wakes


async def test_a_late_event_fills_what_was_not_known(
    anyone: httpx2.AsyncClient, signed: str, world: World
) -> None:
    analysed = {k: v for k, v in CALL.items() if k not in ("transcript", "duration_ms", "start_timestamp")}
    await _event(anyone, signed, "call_analyzed", **analysed, call_analysis=ANALYSIS)
    await _event(anyone, signed, "call_ended", **{**CALL, "disconnection_reason": "agent_hangup"})
    row = await _row(world)
    assert (row["status"], row["duration_ms"], row["transcript"]) == ("analyzed", 58_500, "Agent: Hello")
    assert row["disconnection_reason"] == "user_hangup"


async def test_an_analysis_that_was_run_again_replaces_the_first(
    anyone: httpx2.AsyncClient, signed: str, world: World
) -> None:
    await _event(anyone, signed, "call_analyzed", **CALL, call_analysis=ANALYSIS)
    first = await _row(world)
    await world.run("update conversation set due_at = null, contact_id = 'contact_1', attempts = 3")
    world.clock.advance(60)
    await _event(
        anyone,
        signed,
        "call_analyzed",
        **CALL,
        call_analysis={"call_summary": "Other", "custom_analysis_data": {}},
    )
    row = await _row(world)
    assert row["analysis"] == {"call_summary": "Other"}
    assert row["analysis_version"] != first["analysis_version"]
    assert (row["due_at"], row["attempts"], row["contact_id"]) == (world.clock.now(), 0, "contact_1")
    assert row["updated_at"] > first["updated_at"]


@pytest.mark.parametrize(
    ("status", "kept"),
    [("not_connected", "not_connected"), ("error", "error"), ("ongoing", "ended"), (None, "ended")],
)
async def test_how_a_call_ended_is_its_own_status(
    anyone: httpx2.AsyncClient, signed: str, world: World, status: Any, kept: str
) -> None:
    await _event(anyone, signed, "call_ended", **{**CALL, "call_status": status})
    assert (await _row(world))["status"] == kept


@pytest.mark.parametrize(
    ("metadata", "members"),
    [
        (None, {"has_number": False, "from_number": None}),
        ({"contact_id": "contact_1", "external_id": "003A"}, {"has_number": False}),
        ({"phone_number": "+1 415 555 0100"}, {"has_number": True, "from_number": "+14155550100"}),
        ({"phone": "4155550100"}, {"has_number": True, "from_number": "+14155550100"}),
        ({"phone_number": "nobody"}, {"has_number": False}),
        ("text", {"has_number": False, "metadata": None}),
    ],
)
async def test_a_web_call_has_no_number_unless_its_metadata_names_one(
    anyone: httpx2.AsyncClient, signed: str, world: World, metadata: Any, members: dict[str, Any]
) -> None:
    web = {"call_id": "call_1", "call_type": "web_call", "access_token": "secret", "metadata": metadata}
    await _event(anyone, signed, "call_ended", **web)
    row = await _row(world)
    assert {name: row[name] for name in members} == members
    assert "secret" not in repr(row)
    if isinstance(metadata, dict):
        assert row["metadata"] == metadata


async def test_a_withheld_number_is_nobodys(anyone: httpx2.AsyncClient, signed: str, world: World) -> None:
    await _event(anyone, signed, "call_ended", **{**CALL, "direction": "inbound", "from_number": "anonymous"})
    row = await _row(world)
    assert (row["has_number"], row["from_number"]) == (False, "anonymous")


async def test_odd_members_are_left_out(anyone: httpx2.AsyncClient, signed: str, world: World) -> None:
    odd = {
        "direction": "sideways",
        "start_timestamp": "yesterday",
        "end_timestamp": -5,
        "duration_ms": 10**30,
        "transcript": "a\0b",
        "call_analysis": {"call_summary": 7, "custom_analysis_data": {"x\0": ["y\0"]}},
        "agent_version": {"a": 1},
    }
    await _event(anyone, signed, "call_analyzed", **{**CALL, **odd})
    row = await _row(world)
    assert (row["started_at"], row["ended_at"], row["duration_ms"], row["direction"]) == (
        None,
        None,
        None,
        None,
    )
    assert row["transcript"] == "ab"
    assert row["analysis"] == {"call_summary": 7, "x": ["y"]}
    assert row["summary"] is None


async def test_a_call_and_a_chat_cannot_share_an_id(
    anyone: httpx2.AsyncClient, signed: str, world: World
) -> None:
    await _event(anyone, signed, "call_ended", **CALL)
    answer = await _send(anyone, signed, {"event": "chat_ended", "chat": {"chat_id": "call_1"}})
    assert answer.status_code == 422


# Chats


CHAT = {"chat_id": "chat_1", "agent_id": "agent_1", "chat_type": "sms_chat", "start_timestamp": NOW}


async def _announce(
    client: httpx2.AsyncClient,
    org_id: str,
    number: str = "+14155550100",
    agent: str = "agent_1",
    at: int = NOW,
) -> Any:
    inbound = {"agent_id": agent, "agent_version": 1, "from_number": number, "to_number": "+14155550199"}
    answer = await _send(
        client, org_id, {"event": "chat_inbound", "chat_inbound": inbound}, path="/inbound", at=at
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_sms_chats_number_is_what_it_says_itself(
    anyone: httpx2.AsyncClient, signed: str, world: World
) -> None:
    await _announce(anyone, signed, "+14155550111")
    numbers = {"from_number": "+14155550100", "to_number": "+14155550199"}
    await _event(anyone, signed, "chat_ended", **CHAT, **numbers, metadata={"phone_number": "+14155550122"})
    row = await _row(world)
    assert (row["from_number"], row["direction"], row["has_number"]) == ("+14155550100", "inbound", True)
    assert (await world.rows("select consumed_by from chat_announcement"))[0]["consumed_by"] is None


async def test_else_what_its_metadata_says(anyone: httpx2.AsyncClient, signed: str, world: World) -> None:
    await _announce(anyone, signed, "+14155550111")
    await _event(anyone, signed, "chat_ended", **CHAT, metadata={"phone_number": "+14155550122"})
    assert (await _row(world))["from_number"] == "+14155550122"


async def test_else_what_was_announced_and_each_announcement_serves_one_chat(
    anyone: httpx2.AsyncClient, signed: str, world: World
) -> None:
    for age, number, agent in (
        (601, "+14155550111", "agent_1"),
        (600, "+14155550122", "agent_1"),
        (300, "+14155550133", "agent_1"),
        (200, "+14155550144", "agent_2"),
    ):
        world.clock.advance(-age)
        await _announce(anyone, signed, number, agent, NOW - age * 1000)
        world.clock.advance(age)
    for n in range(3):
        for event in ("chat_started", "chat_ended"):
            await _event(anyone, signed, event, **{**CHAT, "chat_id": f"chat_{n}"})
    rows = await world.rows(
        "select from_number, to_number, direction, has_number from conversation order by conversation_id"
    )
    assert [row["from_number"] for row in rows] == ["+14155550133", "+14155550122", None]
    assert [row["has_number"] for row in rows] == [True, True, False]
    assert rows[0]["direction"] == "inbound"
    assert rows[0]["to_number"] == "+14155550199"


async def test_a_chat_that_ends_hours_later_still_has_its_announcement(
    anyone: httpx2.AsyncClient, signed: str, world: World
) -> None:
    await _announce(anyone, signed)
    world.clock.advance(7200)
    body = {"event": "chat_ended", "chat": CHAT}
    answer = await _send(anyone, signed, body, at=to_ms(world.clock.now()))
    assert answer.status_code == 204
    assert (await _row(world))["from_number"] == "+14155550100"


async def test_a_web_chat_takes_no_announcement(
    anyone: httpx2.AsyncClient, signed: str, world: World
) -> None:
    await _announce(anyone, signed)
    analysis = {"chat_summary": "Asked for a price", "chat_successful": False, "user_sentiment": "Neutral"}
    await _event(anyone, signed, "chat_analyzed", **{**CHAT, "chat_type": "api_chat"}, chat_analysis=analysis)
    row = await _row(world)
    assert (row["type"], row["status"], row["has_number"]) == ("chat", "analyzed", False)
    assert (row["summary"], row["successful"]) == ("Asked for a price", False)
    assert row["due_at"] is not None


async def test_another_organisations_announcement_is_not_ours(
    anyone: httpx2.AsyncClient, signed: str, world: World
) -> None:
    other, _ = await world.org("Other")
    await world.services.accounts.add_webhook_secret(other, "retell", SECRET)
    await _announce(anyone, other)
    await _event(anyone, signed, "chat_ended", **CHAT)
    assert (await _row(world))["has_number"] is False


# Before the conversation


@pytest.mark.parametrize("event", ["call_inbound", "chat_inbound"])
async def test_an_inbound_one_begins_with_the_contacts_fields(
    api: httpx2.AsyncClient, signed: str, world: World, event: str
) -> None:
    fields = [
        {"name": "score", "type": "number"},
        {"name": "vip", "type": "boolean"},
        {"name": "note", "type": "string"},
    ]
    await api.post("/update-crm-config", json={"custom_fields": fields})
    body = {"phone_number": "+14155550100", "first_name": "Alice", "do_not_call": False}
    await api.post("/create-contact", json={**body, "custom_fields": {"score": 42.50, "vip": True}})
    data = {"agent_id": "agent_1", "from_number": "+14155550100", "to_number": "+14155550199"}
    answer = await _send(api, signed, {"event": event, event: data}, path="/inbound")
    assert answer.json() == {
        event: {
            "dynamic_variables": {
                "first_name": "Alice",
                "do_not_call": "false",
                "score": "42.5",
                "vip": "true",
            }
        }
    }
    stranger = await _send(
        api, signed, {"event": event, event: {**data, "from_number": "+14155550177"}}, path="/inbound"
    )
    assert stranger.json() == {event: {"dynamic_variables": {}}}
    withheld = await _send(
        api, signed, {"event": event, event: {"agent_id": "a", "from_number": "anonymous"}}, path="/inbound"
    )
    assert withheld.json() == {event: {"dynamic_variables": {}}}


async def test_the_inbound_route_is_signed_too(anyone: httpx2.AsyncClient, signed: str) -> None:
    body = {"event": "call_inbound", "call_inbound": {"from_number": "+14155550100"}}
    assert (await _send(anyone, signed, body, secret="key_x", path="/inbound")).status_code == 401
    assert (await _send(anyone, signed, {"event": "other"}, path="/inbound")).json() == {}


async def test_an_outbound_call_gets_the_contacts_fields_by_number(api: httpx2.AsyncClient) -> None:
    await api.post("/create-contact", json={"phone_number": "+14155550100", "first_name": "Alice"})
    for spelling in ("+14155550100", "415-555-0100"):
        answer = await api.get(f"/get-contact-dynamic-variables/{spelling}")
        assert (answer.status_code, answer.json()) == (200, {"first_name": "Alice"})
    for unknown in ("+14155550101", "nobody", "%00"):
        answer = await api.get(f"/get-contact-dynamic-variables/{unknown}")
        assert answer.json() == {} if unknown != "%00" else answer.status_code == 404
