"""Stops of the brake, and answers to them, through the API."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from psycopg.types.json import Jsonb
from tests.support import START, World

from tieline.ports.clock import to_ms

SAMPLE = [
    {"kind": "contacts_blanked", "external_id": "003A", "field_name": "plan", "before": "Gold", "after": None}
]


@pytest.fixture
async def app_id(world: World, org: str) -> str:
    return await world.app(org)


async def stop(world: World, org: str, app_id: str, brake_id: str, **columns: Any) -> None:
    values = {
        "org_id": org, "brake_id": brake_id, "app_id": app_id, "flow": "changes", "status": "stopped",
        "shown": Jsonb({"contacts_blanked": [120, 50]}), "known": 300, "sample": Jsonb(SAMPLE), "run_id": "run_1",
        "stopped_at": START, "seen_at": START, **columns,
    }  # fmt: skip
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    await world.run(f"insert into brake ({names}) values ({places})", *values.values())


async def test_a_stop_shows_how_much_of_how_many_and_some_of_it(
    api: httpx2.AsyncClient, world: World, org: str, app_id: str
) -> None:
    await stop(world, org, app_id, "brake_1")
    await stop(world, org, app_id, "brake_0", ended_at=START, ended_because="it is within the limits now")
    (shown,) = (await api.get("/list-brakes")).json()["items"]
    assert shown == (await api.get("/get-brake/brake_1")).json()
    assert shown["exceeded"] == [{"kind": "contacts_blanked", "count": 120, "limit": 50}]
    assert (shown["status"], shown["flow"], shown["linked_contacts"]) == ("stopped", "changes", 300)
    assert shown["sample"] == SAMPLE
    assert "empty a field of 120 contacts (the limit is 50)" in shown["message"]
    everything = (await api.get("/list-brakes", params={"include_ended": True, "app_id": app_id})).json()[
        "items"
    ]
    assert {one["brake_id"] for one in everything} == {"brake_0", "brake_1"}
    assert (await api.get("/list-brakes", params={"app_id": "app_other"})).json() == {"items": []}
    assert (await api.get("/get-brake/brake_9")).status_code == 404


@pytest.mark.parametrize(
    ("flow", "run", "wake"),
    [
        ("changes", ("inbound", False), "inbound"),
        ("removals", ("inbound", False), "inbound"),
        ("full", ("inbound", True), "inbound"),
        ("calculated", ("calculated", True), "audit"),
        ("push", None, "push"),
        ("creating", None, "activity"),
    ],
)
async def test_a_confirmation_is_kept_and_has_what_was_stopped_done_again(
    api: httpx2.AsyncClient,
    world: World,
    org: str,
    app_id: str,
    flow: str,
    run: tuple[str, bool] | None,
    wake: str,
) -> None:
    await stop(world, org, app_id, "brake_1", flow=flow)
    await world.run(
        "insert into issue (org_id, issue_id, cause, kind, message) values (%s, 'i', %s, 'brake', 'm')",
        org, f"brake:{app_id}:{flow}",
    )  # fmt: skip
    answer = await api.post("/confirm-brake/brake_1", json={"note": "we dropped the plans"})
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["status"], said["note"]) == ("confirmed", "we dropped the plans")
    assert said["decided_by"].startswith("api:apikey_")
    assert said["expires_timestamp"] == to_ms(START + timedelta(hours=24))
    runs = await world.rows("select kind, full_read from run where status = 'queued'")
    assert [(row["kind"], row["full_read"]) for row in runs] == ([] if run is None else [run])
    assert await world.wakes() == [(wake, org, app_id)]
    assert not await world.rows("select 1 from issue where closed_at is null")
    assert (await api.post("/confirm-brake/brake_1", json={})).status_code == 200, (
        "while a run is queued already"
    )


async def test_a_rejection_is_kept_and_begins_nothing(
    api: httpx2.AsyncClient, world: World, org: str, app_id: str
) -> None:
    await stop(world, org, app_id, "brake_1")
    said = (await api.post("/reject-brake/brake_1", json={})).json()
    assert (said["status"], "expires_timestamp" in said) == ("rejected", False)
    assert await world.wakes() == []
    assert (await api.post("/confirm-brake/brake_1", json={})).json()["status"] == "confirmed", "minds change"


async def test_nobody_answers_what_is_over_or_never_was(
    api: httpx2.AsyncClient, world: World, org: str, app_id: str
) -> None:
    await stop(
        world, org, app_id, "brake_1", ended_at=START, ended_because="what was confirmed has been done"
    )
    for way in ("confirm", "reject"):
        over = await api.post(f"/{way}-brake/brake_1", json={})
        assert (over.status_code, "what was confirmed has been done" in over.json()["message"]) == (400, True)
        assert (await api.post(f"/{way}-brake/brake_9", json={})).status_code == 404
        assert (await api.post(f"/{way}-brake/brake_1", json={"up_to": 5})).status_code == 422
