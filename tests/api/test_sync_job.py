"""The CRM's schema and sync jobs through the official client."""

from typing import Any

import pytest
import retell
from tests.api.connected import Connected, connected
from tests.api.test_apps import create
from tests.integration.connecting_support import UNREACHABLE, Kit, admin, crm, kit

__all__ = ["connected", "crm", "kit"]


@pytest.fixture
async def app(connected: Connected, kit: Kit, crm: str) -> Any:
    """Connected and linked."""
    app = await create(connected, kit, crm)
    await connected.client.crm.update_config(app_id=app.app_id)
    return app


async def test_the_schema_has_the_crms_fields_in_contact_types(
    connected: Connected, kit: Kit, app: Any
) -> None:
    schema = await connected.client.crm.get_schema()
    assert schema.provider == kit.provider
    by_name = {field.name: field for field in schema.fields}
    assert by_name[kit.phone].type == "string"
    assert by_name[kit.status].type == "enum"
    assert (by_name[kit.status].options or [])[0] == "New"
    assert by_name[kit.notes].options is None
    assert await connected.client.crm.get_schema(app_id=app.app_id) == schema


async def test_a_crm_that_is_away_or_refuses_us_shows_no_schema(
    connected: Connected, kit: Kit, crm: str, app: Any
) -> None:
    await admin(crm, "faults", {"kind": "status", "status": 503, "times": None})
    with pytest.raises(retell.APIStatusError) as error:
        await connected.client.crm.get_schema()
    assert error.value.status_code == 503


async def test_there_is_no_schema_and_no_job_without_a_linked_app(connected: Connected) -> None:
    with pytest.raises(retell.BadRequestError, match="update-crm-config"):
        await connected.client.crm.get_schema()
    with pytest.raises(retell.BadRequestError, match="update-crm-config"):
        await connected.client.crm.run_sync_job()
    assert (await connected.client.crm.get_sync_job_status()).status == "idle"


async def test_a_sync_job_is_a_full_one_and_runs_alone(connected: Connected, app: Any) -> None:
    raw = await connected.raw.post("/run-sync-job")
    assert (raw.status_code, raw.json()["status"], raw.json()["triggered_by"]) == (201, "queued", "manual")
    runs = await connected.world.rows("select app_id, full_read, triggered_by from run")
    assert runs == [{"app_id": app.app_id, "full_read": True, "triggered_by": "manual"}]
    assert ("inbound", connected.org, app.app_id) in await connected.world.wakes()
    assert (await connected.client.crm.get_sync_job_status()).status == "queued"
    with pytest.raises(retell.BadRequestError, match="already queued"):
        await connected.client.crm.run_sync_job()


async def test_a_finished_job_is_idle_and_shows_its_counts(connected: Connected, app: Any) -> None:
    await connected.client.crm.run_sync_job()
    await connected.world.run(
        "update run set status = 'succeeded', started_at = now(), finished_at = now(),"
        ' counts = \'{"read": 9, "skipped": 2}\''
    )
    status = await connected.client.crm.get_sync_job_status()
    assert (status.status, status.succeeded, status.failed) == ("idle", 7, 2)
    assert (await connected.client.crm.run_sync_job()).status == "queued"


async def test_an_app_that_is_not_connected_is_not_synced_and_says_why(
    connected: Connected, kit: Kit
) -> None:
    app = await create(connected, kit, UNREACHABLE)
    await connected.client.crm.update_config(app_id=app.app_id)
    with pytest.raises(retell.BadRequestError, match="not connected"):
        await connected.client.crm.run_sync_job()


async def test_an_app_of_another_tenant_is_not_synced(
    connected: Connected, kit: Kit, crm: str, app: Any
) -> None:
    await admin(crm, "settings", kit.tenant_setting)
    await connected.client.app.update(app.app_id, auth_config=dict(kit.auth))  # type: ignore[arg-type]
    with pytest.raises(retell.BadRequestError, match="stopped"):
        await connected.client.crm.run_sync_job()
    with pytest.raises(retell.BadRequestError, match="tenant"):
        await connected.client.crm.get_schema()


async def test_an_app_without_mappings_is_not_synced(connected: Connected, kit: Kit, crm: str) -> None:
    app = await create(connected, kit, crm, crm_config=retell.NOT_GIVEN)
    assert app.connection_status == "connected"
    await connected.client.crm.update_config(app_id=app.app_id)
    with pytest.raises(retell.BadRequestError, match="no field mappings"):
        await connected.client.crm.run_sync_job()


async def test_a_job_of_one_organisation_is_no_other_ones(connected: Connected, app: Any) -> None:
    await connected.client.crm.run_sync_job()
    assert (await connected.other.crm.get_sync_job_status()).status == "idle"
