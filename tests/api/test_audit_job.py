"""Audit jobs over HTTP, in the style of sync jobs."""

import pytest
import retell
from tests.api.connected import Connected, connected
from tests.api.test_apps import create
from tests.integration.connecting_support import UNREACHABLE, Kit, crm, kit

__all__ = ["connected", "crm", "kit"]


async def test_an_audit_is_queued_runs_alone_and_shows_its_counts(
    connected: Connected, kit: Kit, crm: str
) -> None:
    refused = await connected.raw.post("/run-audit-job")
    assert refused.status_code == 400
    assert (await connected.raw.get("/get-audit-job-status")).json() == {"status": "idle"}
    app = await create(connected, kit, crm)
    await connected.client.crm.update_config(app_id=app.app_id)

    queued = await connected.raw.post("/run-audit-job")
    assert (queued.status_code, queued.json()["status"], queued.json()["checked"]) == (201, "queued", 0)
    assert ("audit", connected.org, app.app_id) in await connected.world.wakes()
    again = await connected.raw.post("/run-audit-job")
    assert (again.status_code, "already queued" in again.text) == (400, True)
    assert (await connected.client.crm.get_sync_job_status()).status == "idle", "a sync is another job"
    assert (await connected.client.crm.run_sync_job()).status == "queued"

    await connected.world.run(
        "update run set status = 'succeeded', started_at = now(), finished_at = now(),"
        ' counts = \'{"checked": 9, "missing_here": 2, "repaired": 2}\' where kind = \'audit\''
    )
    status = (await connected.raw.get("/get-audit-job-status")).json()
    assert (status["status"], status["checked"], status["missing_here"], status["repaired"]) == (
        "idle",
        9,
        2,
        2,
    )
    assert status["start_timestamp"] > 0


async def test_an_audit_of_one_organisation_is_no_other_ones(
    connected: Connected, kit: Kit, crm: str
) -> None:
    app = await create(connected, kit, crm)
    await connected.client.crm.update_config(app_id=app.app_id)
    await connected.raw.post("/run-audit-job")
    headers = {"authorization": f"Bearer {connected.other.api_key}"}
    assert (await connected.raw.get("/get-audit-job-status", headers=headers)).json() == {"status": "idle"}
    assert (await connected.raw.post("/run-audit-job", headers=headers)).status_code == 400


async def test_an_app_that_is_not_connected_is_not_audited_and_says_why(
    connected: Connected, kit: Kit
) -> None:
    app = await create(connected, kit, UNREACHABLE)
    await connected.client.crm.update_config(app_id=app.app_id)
    refused = await connected.raw.post("/run-audit-job")
    assert (refused.status_code, "not connected" in refused.text) == (400, True)


async def test_the_intervals_are_settings_of_the_app(connected: Connected, kit: Kit, crm: str) -> None:
    app = await create(connected, kit, crm)
    config = {**(app.crm_config.to_dict() if app.crm_config else {}), "audit_interval_hours": 0}
    kept = await connected.client.app.update(app.app_id, crm_config=config)  # type: ignore[arg-type]
    assert kept.crm_config is not None
    assert kept.crm_config.to_dict()["audit_interval_hours"] == 0
    for wrong in (-1, 1.5, "daily", 24 * 32):
        with pytest.raises(retell.APIStatusError, match="calculated_interval_hours"):
            await connected.client.app.update(
                app.app_id,
                crm_config={"calculated_interval_hours": wrong},  # type: ignore[arg-type]
            )
