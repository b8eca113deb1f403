"""The history of runs by the API: newest first, by app and kind, in pages."""

import httpx2
import pytest
from tests.support import World

RUNS = ("outbound", "activity", "analysis", "inbound")


@pytest.fixture
async def made(world: World, org: str) -> list[str]:
    """A run of each kind, the first one the oldest; their ids."""
    app_id = await world.app(org)
    for number, kind in enumerate(RUNS):
        await world.run(
            "insert into run (org_id, run_id, app_id, kind, status, triggered_by, counts, errors, engine,"
            " requests_sent, created_at, started_at, finished_at)"
            " values (%s, %s, %s, %s, 'succeeded', 'event', '{\"looked\": 2}', '{\"record gone\": 1}', 'offline', 3,"
            " timestamptz '2026-11-20 12:00Z' + make_interval(mins => %s), timestamptz '2026-11-20 12:00Z',"
            " timestamptz '2026-11-20 12:00:01.5Z')",
            org, f"run_{number}", app_id, kind, number,
        )  # fmt: skip
    return [f"run_{number}" for number in range(len(RUNS))]


async def test_runs_come_newest_first_in_pages(api: httpx2.AsyncClient, made: list[str]) -> None:
    first = (await api.get("/list-runs", params={"limit": 3})).json()
    assert [run["run_id"] for run in first["items"]] == made[:0:-1]
    assert first["has_more"] is True
    last = (await api.get("/list-runs", params={"pagination_key": first["pagination_key"]})).json()
    assert [run["run_id"] for run in last["items"]] == made[:1]
    assert last["has_more"] is False


async def test_runs_of_some_kinds_can_be_asked_for(api: httpx2.AsyncClient, made: list[str]) -> None:
    some = (await api.get("/list-runs", params={"kind": ["outbound", "analysis"]})).json()
    assert [run["kind"] for run in some["items"]] == ["analysis", "outbound"]


async def test_a_run_tells_its_counts_errors_requests_engine_and_how_long_it_took(
    api: httpx2.AsyncClient, made: list[str]
) -> None:
    run = (await api.get(f"/get-run/{made[0]}")).json()
    told = {name: run[name] for name in ("counts", "errors", "requests_sent", "engine", "duration_ms")}
    assert told == {
        "counts": {"looked": 2}, "errors": {"record gone": 1}, "requests_sent": 3, "engine": "offline",
        "duration_ms": 1500,
    }  # fmt: skip
    assert (await api.get("/get-run/run_x")).status_code == 404


async def test_the_state_of_a_sync_is_told_however_many_passes_came_after_it(
    api: httpx2.AsyncClient, world: World, org: str
) -> None:
    app_id = await world.app(org)
    await world.run(
        "insert into run (org_id, run_id, app_id, kind, status, triggered_by, counts, started_at)"
        " values (%s, 'run_sync', %s, 'inbound', 'succeeded', 'cron', '{\"read\": 7}', now())", org, app_id,
    )  # fmt: skip
    await world.run(
        "insert into run (org_id, run_id, app_id, kind, status, triggered_by)"
        " select %s, 'run_' || n, %s, 'outbound', 'succeeded', 'event' from generate_series(1, 30) n", org, app_id,
    )  # fmt: skip
    assert (await api.get("/get-sync-job-status")).json()["succeeded"] == 7
