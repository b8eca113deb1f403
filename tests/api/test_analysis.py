"""What is to be found, another run, and what models took, by the API."""

import json
from typing import Any

import httpx2
import pytest
from tests.support import START, World

from tieline.ports.clock import to_ms
from tieline.ports.llm import ModelUse, Usage
from tieline.ports.work import ConversationKey, UsageRow

NOW = to_ms(START)
FIELDS: list[dict[str, Any]] = [
    {"type": "number", "name": "budget", "description": "In USD.", "required": True},
    {"type": "enum", "name": "status", "description": "Where they stand.", "choices": ["New", "Hot"]},
    {"type": "system-presets", "name": "call_summary", "description": "One line."},
]
TURNS = [
    {"role": "agent", "content": "Hello!", "start": 0.5, "end": 1.25},
    {"role": "user", "content": "Our budget is 5,000.", "start": 2},
]
CALL: dict[str, Any] = {
    "conversation_id": "c-1", "platform": "acme", "type": "call", "agent_id": "agent_1", "direction": "inbound",
    "from_number": "+14155550100", "start_timestamp": NOW - 60_000, "end_timestamp": NOW, "transcript": TURNS,
}  # fmt: skip


async def test_a_definition_is_saved_and_shown_as_it_was_given_and_goes_when_it_says_nothing(
    api: httpx2.AsyncClient,
) -> None:
    assert (await api.get("/get-analysis-config")).json() == {"analysis_configs": []}
    general = {"post_call_analysis_data": FIELDS, "time_zone": "America/New_York"}
    assert (await api.put("/update-analysis-config", json=general)).status_code == 200
    own = {"agent_id": "agent_1", "post_chat_analysis_data": []}
    answer = await api.put("/update-analysis-config", json=own)
    assert answer.json() == {"analysis_configs": [general, own]}
    assert (await api.get("/get-analysis-config")).json() == answer.json()
    gone = await api.put("/update-analysis-config", json={"agent_id": "agent_1"})
    assert gone.json() == {"analysis_configs": [general]}


async def test_a_wrong_definition_is_refused_with_everything_that_is_wrong(api: httpx2.AsyncClient) -> None:
    body = {
        "post_call_analysis_data": [{"type": "colour", "name": "x"}, {"type": "enum", "name": "e"}],
        "post_chat_analysis_data": [7],
        "time_zone": "Mars",
    }
    answer = await api.put("/update-analysis-config", json=body)
    assert answer.status_code == 422
    said = answer.json()["message"]
    for part in (
        "time_zone",
        "post_call_analysis_data[0].type",
        "post_call_analysis_data[1].choices",
        "post_chat_analysis_data[0]",
    ):
        assert part in said
    assert (await api.get("/get-analysis-config")).json() == {"analysis_configs": []}


async def test_a_transcript_as_turns_is_kept_as_text_with_its_times_beside_it(
    api: httpx2.AsyncClient, world: World
) -> None:
    await api.put("/update-analysis-config", json={"post_call_analysis_data": FIELDS})
    assert (await api.post("/conversations", json=CALL)).status_code == 201
    (row,) = await world.rows("select * from conversation")
    assert row["transcript"] == "Agent: Hello!\nUser: Our budget is 5,000.\n"
    assert [float(turn["start"]) for turn in row["raw"]["transcript_object"]] == [0.5, 2.0]
    assert ("extraction", row["org_id"], "") in await world.wakes()
    shown = (await api.get("/v2/get-call/c-1")).json()
    assert (shown["call_type"], shown["direction"], shown["from_number"]) == (
        "phone_call",
        "inbound",
        "+14155550100",
    )
    assert shown["analysis_pending"] is True


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({}, 200, ""),
        ({"transcript": None}, 400, "no transcript"),
        ({"status": "ongoing"}, 400, "not ended"),
        ({"type": "chat"}, 404, "no call"),
        ({"agent_id": "agent_2"}, 400, "Nothing is defined"),
    ],
)
async def test_a_rerun_is_queued_or_refused_with_the_reason(
    api: httpx2.AsyncClient, world: World, change: dict[str, Any], status: int, said: str
) -> None:
    await api.put("/update-analysis-config", json={"agent_id": "agent_1", "post_call_analysis_data": FIELDS})
    analysis = {"analysis": {"budget": 1}} if change.get("status") != "ongoing" else {}
    body = {k: v for k, v in {**CALL, **analysis, **change}.items() if v is not None}
    assert (await api.post("/conversations", json=body)).status_code == 201
    answer = await api.put("/rerun-call-analysis/c-1")
    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.json()["call_id"] == "c-1"
        assert answer.json()["call_analysis"] == {"custom_analysis_data": {"budget": 1}}
        (row,) = await world.rows("select rerun, due_at from extraction")
        assert row["rerun"]
        assert row["due_at"] is not None
    else:
        assert said in answer.json()["message"]
        assert await world.rows("select * from extraction where rerun") == []


async def test_a_bulk_rerun_takes_what_fits_all_filters(api: httpx2.AsyncClient, world: World) -> None:
    await api.put(
        "/update-analysis-config", json={"post_call_analysis_data": FIELDS, "post_chat_analysis_data": []}
    )
    for number in range(4):
        more = {
            "conversation_id": f"c-{number}",
            "agent_id": f"agent_{number % 2}",
            "start_timestamp": NOW - 1_000 * number,
        }
        await api.post("/conversations", json={**CALL, **more, "type": "chat" if number == 3 else "call"})
    for which, queued in (
        ({"agent_ids": ["agent_0"]}, 2),
        ({"type": "chat"}, 1),
        ({"type": "call", "start_timestamp_from": NOW - 1_000}, 2),
        ({"start_timestamp_to": NOW - 1_000}, 2),
        ({"conversation_ids": ["c-1", "none"], "platform": "acme"}, 1),
        ({"platform": "other"}, 0),
        ({"contact_id": "nobody"}, 0),
        ({}, 4),
    ):
        assert (await api.post("/rerun-analysis", json=which)).json() == {"queued": queued}, which


async def test_a_call_shows_what_its_analysis_rests_on_and_what_it_took(
    api: httpx2.AsyncClient, world: World, org: str
) -> None:
    await api.post("/conversations", json=CALL)
    used = Usage(ModelUse.ANALYSIS, "small", "analysis-1", 1, 100, 20, 140, 900)
    async with world.store.transaction() as uow:
        row = UsageRow(used, ConversationKey(org, "acme", "c-1"))
        await uow.work.record_usage(org, [row, UsageRow(Usage(ModelUse.MERGE, "no model"))])
    evidence = {"budget": {"quote": "budget is 5,000", "start": 24, "end": 39, "confidence": 0.5}}
    await world.run(
        "update conversation set analysis = '{\"call_summary\": \"x\", \"budget\": 5000}', evidence = %s,"
        " analysis_origin = '{\"engine\": \"small\", \"prompt_version\": \"analysis-1\", \"dropped\": {}}'",
        json.dumps(evidence),
    )  # fmt: skip
    shown = (await api.get("/v2/get-call/c-1", params={"platform": "acme"})).json()
    assert shown["call_analysis"] == {"call_summary": "x", "custom_analysis_data": {"budget": 5000}}
    assert shown["analysis_evidence"] == evidence
    assert shown["analysis_origin"] == {"engine": "small", "prompt_version": "analysis-1", "dropped": {}}
    took = {"use": "analysis", "engine": "small", "prompt_version": "analysis-1", "requests": 1, "input_tokens": 100,
            "output_tokens": 20, "cost_micro_usd": 140, "duration_ms": 900}  # fmt: skip
    assert shown["model_usage"] == [took]
    (item,) = (await api.get("/list-model-usage")).json()["items"]
    assert {k: v for k, v in item.items() if k != "day"} == {**took, "conversations": 1}
    assert (await api.get("/list-model-usage", params={"until": 1})).json() == {"items": []}
    assert (await api.get("/get-chat/c-1")).status_code == 404
