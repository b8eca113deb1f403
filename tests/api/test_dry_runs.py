"""Dry runs over HTTP: a stream of lines, and the report that is kept of it."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest
from tests.api.connected import Connected, connected
from tests.api.test_apps import create
from tests.integration.connecting_support import Kit, admin, crm, kit

from tieline.api.routers.dry_runs import stream
from tieline.flows.dry_running import Asked

__all__ = ["connected", "crm", "kit"]
PHONE = "+14155550100"


@pytest.fixture
async def app(connected: Connected, kit: Kit, crm: str) -> Any:
    """Connected and linked, with one person in the CRM."""
    app = await create(connected, kit, crm)
    await connected.client.crm.update_config(app_id=app.app_id)
    await admin(crm, "create", person(kit, PHONE))
    return app


def person(kit: Kit, number: str) -> dict[str, Any]:
    """Somebody, as the sandbox takes one."""
    last = {"salesforce": "LastName", "hubspot": "lastname"}[kit.provider]
    return {
        {"salesforce": "fields", "hubspot": "properties"}[kit.provider]: {kit.phone: number, last: "Smith"}
    }


async def test_a_dry_run_streams_its_lines_and_is_kept(connected: Connected, kit: Kit, app: Any) -> None:
    raw = await connected.raw.post("/dry-run-sync", json={})
    assert (raw.status_code, raw.headers["content-type"]) == (200, "application/x-ndjson")
    first, *lines, last = [json.loads(line) for line in raw.text.splitlines()]
    assert (first["status"], last["status"], first["dry_run_id"]) == (
        "running",
        "succeeded",
        last["dry_run_id"],
    )
    (line,) = lines
    assert (line["position"], line["action"], line["phone_number"]) == (1, "created", PHONE)
    assert last["totals"]["tieline"] == {"created": 1}
    assert last["forecast"]["api_calls"]["total"] > 0
    assert (await connected.world.rows("select * from contact")) == []
    listed = (await connected.raw.get("/list-dry-runs")).json()["items"]
    assert [one["dry_run_id"] for one in listed] == [last["dry_run_id"]]
    path = f"/list-dry-run-lines/{last['dry_run_id']}"
    assert (await connected.raw.get(path)).json() == {"items": lines, "has_more": False}
    assert (await connected.raw.get(path, params={"action": "skipped"})).json()["items"] == []


async def test_a_dry_run_that_fails_says_why_in_its_last_line(
    connected: Connected, crm: str, app: Any
) -> None:
    await admin(crm, "faults", {"kind": "status", "status": 503, "times": None})
    raw = await connected.raw.post("/dry-run-sync", json={"full": True})
    last = json.loads(raw.text.splitlines()[-1])
    assert (last["status"], "reason" in last) == ("failed", True)


async def test_what_cannot_be_tried_is_refused(connected: Connected, app: Any) -> None:
    assert (await connected.raw.post("/dry-run-sync", json={"kind": "mappings"})).status_code == 400
    assert (await connected.raw.post("/dry-run-sync", json={"app_id": "app_none"})).status_code == 400
    assert (await connected.raw.get("/get-dry-run/none")).status_code == 404


async def test_a_reader_who_goes_away_ends_the_dry_run(connected: Connected, app: Any) -> None:
    dry_runs = connected.services.dry_runs
    assert dry_runs is not None
    asked = Asked()
    dry_run = await dry_runs.running.begin(connected.org, app.app_id, asked)
    async with aclosing(stream(dry_runs, dry_run, asked)) as told:
        assert json.loads(await anext(told))["status"] == "running"
    ended = await dry_runs.reports.recent(connected.org)
    for _ in range(200):
        if ended[0].status != "running":
            break
        await asyncio.sleep(0.05)
        ended = await dry_runs.reports.recent(connected.org)
    assert [(one.status, one.reason) for one in ended] == [("failed", "It was cut off.")]
