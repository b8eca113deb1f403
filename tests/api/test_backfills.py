"""Backfills by the API: which conversations are meant, and what one would take."""

from typing import Any

import httpx2
import pytest
from tests.support import World


@pytest.mark.parametrize(
    ("wanted", "bounds"),
    [
        ({"type": "number", "op": "eq", "value": 5}, (5, 5, None)),
        ({"type": "number", "op": "ne", "value": 5}, (None, None, 5)),
        ({"type": "number", "op": "gt", "value": 5.5}, (6, None, None)),
        ({"type": "number", "op": "ge", "value": 5.5}, (6, None, None)),
        ({"type": "number", "op": "lt", "value": 5}, (None, 4, None)),
        ({"type": "number", "op": "le", "value": 5.5}, (None, 5, None)),
        ({"type": "range", "op": "bt", "value": [5, 7]}, (5, 7, None)),
    ],
)
async def test_a_time_filter_is_kept_as_bounds(
    api: httpx2.AsyncClient, world: World, wanted: dict[str, Any], bounds: tuple[int | None, ...]
) -> None:
    body = {"backfill_attributes": ["contact_memory"], "backfill_call_filter": {"start_timestamp": wanted}}
    assert (await api.post("/backfill-contact-analysis-data", json=body)).status_code == 201
    (row,) = await world.rows("select request from backfill")
    assert tuple(row["request"][name] for name in ("since_ms", "until_ms", "not_ms")) == bounds


async def test_a_forecast_starts_nothing(api: httpx2.AsyncClient, world: World) -> None:
    call = {"conversation_id": "c1", "platform": "acme", "type": "call", "status": "ended", "direction": "inbound",
            "from_number": "+14155550100", "summary": "They want a demo."}  # fmt: skip
    assert (await api.post("/conversations", json=call)).status_code == 201
    contact = (await api.post("/create-contact", json={"phone_number": "+14155550100"})).json()
    await world.run("update conversation set contact_id = %s", contact["contact_id"])
    path, body = "/forecast-backfill-contact-analysis-data", {"backfill_attributes": ["contact_memory"]}
    shown = (await api.post(path, json=body)).json()
    assert (shown["conversations"], shown["contacts"], shown["model_calls"], shown["brake"]) == (1, 1, 0, "")
    assert (await api.get("/get-backfill-contact-job-status")).json() == {"status": "idle"}
    refused = await api.post(path, json={"backfill_attributes": []})
    assert refused.status_code == 422
    assert "at least one contact field" in refused.text


async def test_memories_are_kept_or_not_by_the_configuration(api: httpx2.AsyncClient) -> None:
    on = {
        "contact_memory_config": {"enable_update": True},
        "contact_memory_update_prompt": "Of {{first_name}}.",
    }
    told = (await api.post("/update-crm-config", json=on)).json()
    assert told["contact_memory_config"] == {"enable_update": True}
    told = (await api.post("/update-crm-config", json={"contact_memory_config": {}})).json()
    assert told["contact_memory_config"] == {"enable_update": True}
    assert told["contact_memory_update_prompt"] == "Of {{first_name}}."
    assert told["default_contact_memory_update_prompt"]
