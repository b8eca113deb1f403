"""Apps through the official client, against both sandbox CRMs: what goes in, what comes out, and what never does."""

from typing import Any

import pytest
import retell
from tests.api.connected import Connected, connected
from tests.integration.connecting_support import UNREACHABLE, Kit, admin, crm, kit

__all__ = ["connected", "crm", "kit"]


async def create(connected: Connected, kit: Kit, url: str, **more: Any) -> Any:
    arguments = {
        "type": "crm", "provider": kit.provider, "name": "Prod", "tenant_url": url, "auth_config": dict(kit.auth),
        "crm_config": kit.mappings(("both", kit.status, "lead_status")), **more,
    }  # fmt: skip
    return await connected.client.app.create(**arguments)


async def test_an_app_is_created_read_changed_and_deleted(connected: Connected, kit: Kit, crm: str) -> None:
    app = await create(connected, kit, crm)
    assert (app.connection_status, app.provider, app.type, app.name) == (
        "connected",
        kit.provider,
        "crm",
        "Prod",
    )
    assert (app.org_id, app.tenant_url) == (connected.org, crm)
    assert app.auth_config is not None
    assert app.auth_config.type == kit.auth["type"]
    assert app.crm_config is not None
    assert [line.field_name for line in app.crm_config.inbound_sync_mappings or ()] == [
        "phone_number",
        "lead_status",
    ]
    assert await connected.client.app.get(app.app_id) == app
    changed = await connected.client.app.update(
        app.app_id, name="Other", crm_config={"sync_conversation_activity": True}
    )
    assert changed.name == "Other"
    assert changed.crm_config is not None
    assert changed.crm_config.sync_conversation_activity is True
    assert changed.crm_config.inbound_sync_mappings == app.crm_config.inbound_sync_mappings
    assert changed.user_modified_timestamp >= app.user_modified_timestamp
    assert (await connected.client.app.test_auth(app.app_id)).success is True
    usages = await connected.client.app.list_usages(app.app_id)
    assert (usages.items, usages.has_more) == ([], False)
    await connected.client.crm.update_config(app_id=app.app_id)
    await connected.client.app.delete(app.app_id, force_delete=True)
    with pytest.raises(retell.NotFoundError):
        await connected.client.app.get(app.app_id)
    assert (await connected.client.crm.get_config()).app_id is None


async def test_creating_an_app_links_nothing(connected: Connected, kit: Kit, crm: str) -> None:
    await create(connected, kit, crm)
    assert (await connected.client.crm.get_config()).app_id is None


async def test_our_own_settings_come_back_as_they_were_given(
    connected: Connected, kit: Kit, crm: str
) -> None:
    config = kit.mappings()
    line = {
        "external_field_name": kit.plan,
        "field_name": "plan",
        "policy": "tieline_wins",
        "lossy_confirmed": True,
    }
    config["inbound_sync_mappings"].append(line)
    config["outbound_sync_mappings"].append({**line, "guard": "strict"})
    config |= {"default_country": "DE", "time_zone": "Europe/Berlin", "sync_interval_minutes": 15}
    app = await create(connected, kit, crm, crm_config=None, extra_body={"crm_config": config})
    answer = (await connected.raw.get(f"/get-app/{app.app_id}")).json()
    assert answer["crm_config"] == config


async def test_no_secret_is_in_any_answer(connected: Connected, kit: Kit, crm: str) -> None:
    app = await create(connected, kit, crm)
    kept = (await connected.world.rows("select auth_ciphertext, token_ciphertext from app"))[0]
    assert kit.secret.encode() not in kept["auth_ciphertext"] + kept["token_ciphertext"]
    for path in (f"/get-app/{app.app_id}", "/list-apps"):
        text = (await connected.raw.get(path)).text
        assert kit.secret not in text
        assert "access_token" not in text
    await admin(crm, "faults", {"kind": "status", "status": 401, "times": None})
    test = await connected.raw.post(f"/test-app-auth/{app.app_id}")
    assert test.json()["success"] is False
    assert kit.secret not in test.text


async def test_every_problem_is_named_in_one_answer(connected: Connected, kit: Kit, crm: str) -> None:
    config = kit.mappings(("in", "No_Such_Field", "plan"), ("out", kit.calculated, "score"))
    with pytest.raises(retell.UnprocessableEntityError) as error:
        await create(connected, kit, crm, crm_config=config)
    assert "No_Such_Field" in str(error.value)
    assert kit.calculated in str(error.value)
    assert (await connected.client.app.list()).items == []


async def test_an_unknown_member_is_refused_by_name(connected: Connected, kit: Kit) -> None:
    for body, name in (
        ({"crm_config": {"colour": 1}}, "crm_config.colour"),
        ({"auth_config": {**kit.auth, "colour": "red"}}, "auth_config.colour"),
        ({"colour": 1}, "colour"),
    ):
        members = {"type": "crm", "provider": kit.provider, "tenant_url": UNREACHABLE, **body}
        answer = await connected.raw.post("/create-app", json=members)
        assert answer.status_code == 422
        assert name in answer.json()["message"]


async def test_an_app_whose_crm_is_away_is_saved_as_not_connected(connected: Connected, kit: Kit) -> None:
    app = await create(connected, kit, UNREACHABLE)
    assert app.connection_status == "not_connected"
    answer = (await connected.raw.get(f"/get-app/{app.app_id}")).json()
    assert answer["mappings_checked"] is False
    assert answer["status_reason"]


async def test_apps_are_listed_in_pages(connected: Connected, kit: Kit) -> None:
    made = [(await create(connected, kit, UNREACHABLE, name=f"App {n}")).app_id for n in range(5)]
    newest = await connected.client.app.list(limit=3)
    assert [app.app_id for app in newest.items] == made[:1:-1]
    assert newest.has_more
    rest = await connected.client.app.list(limit=3, pagination_key=newest.pagination_key or "")
    assert ([app.app_id for app in rest.items], rest.has_more) == (made[1::-1], False)
    oldest = await connected.client.app.list(sort_order="ascending")
    assert [app.app_id for app in oldest.items] == made
    with pytest.raises(retell.UnprocessableEntityError):
        await connected.client.app.list(pagination_key="nowhere")


async def test_the_twenty_first_app_of_a_provider_is_refused(connected: Connected, kit: Kit) -> None:
    for _ in range(20):
        await create(connected, kit, UNREACHABLE, auth_config=retell.NOT_GIVEN)
    with pytest.raises(retell.BadRequestError, match="20"):
        await create(connected, kit, UNREACHABLE, auth_config=retell.NOT_GIVEN)


async def test_a_switch_of_tenants_is_confirmed_by_a_call(connected: Connected, kit: Kit, crm: str) -> None:
    app = await create(connected, kit, crm)
    assert (await connected.raw.post(f"/confirm-app-tenant-switch/{app.app_id}")).status_code == 400
    await admin(crm, "settings", kit.tenant_setting)
    stopped = await connected.client.app.update(app.app_id, auth_config=dict(kit.auth))  # type: ignore[arg-type]
    assert stopped.connection_status == "error"
    answer = (await connected.raw.post(f"/confirm-app-tenant-switch/{app.app_id}")).json()
    assert answer["connection_status"] == "connected"
    assert answer["crm_tenant_id"] == str(next(iter(kit.tenant_setting.values())))
    assert "stopped_reason" not in answer


async def test_another_organisation_finds_no_app(connected: Connected, kit: Kit, crm: str) -> None:
    app = await create(connected, kit, crm)
    other = connected.other
    assert (await other.app.list()).items == []
    for attempt in (
        other.app.get(app.app_id),
        other.app.update(app.app_id, name="Mine"),
        other.app.delete(app.app_id),
        other.app.test_auth(app.app_id),
        other.app.list_usages(app.app_id),
        other.crm.get_schema(app_id=app.app_id),
    ):
        with pytest.raises(retell.NotFoundError):
            await attempt
    with pytest.raises(retell.UnprocessableEntityError):
        await other.crm.update_config(app_id=app.app_id)
    assert await connected.client.app.get(app.app_id) == app
