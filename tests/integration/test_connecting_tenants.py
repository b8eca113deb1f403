"""The tenant check: a token of another tenant stops the app before anything is read, until a person confirms."""

import pytest
from tests.integration.connecting_support import ORG, Kit, Place, admin, crm, kit, place, requests_seen

from tieline.flows.tenancy import NoSwitchError, TenantMismatchError
from tieline.ports.config import AppConfig
from tieline.ports.crm import Identity
from tieline.ports.errors import LeaseLostError
from tieline.ports.store import Lane
from tieline.store.leases import Leases, check

__all__ = ["crm", "kit", "place"]


@pytest.fixture
async def app(place: Place, kit: Kit, crm: str) -> AppConfig:
    """Connected, linked, with one contact."""
    app = await place.create(kit, crm, kit.mappings(("in", kit.plan, "plan")))
    await place.link_up(app)
    await place.contact("contact_0001", app.tenant_key, {f"plan|{kit.plan}": {"v": "Pro"}}, plan="Pro")
    return app


async def status_of_links(place: Place) -> list[str]:
    return [row["status"] for row in await place.rows("select status from link order by external_id")]


async def test_the_first_identity_is_recorded_and_the_same_one_passes(place: Place, app: AppConfig) -> None:
    assert app.tenant_id is not None
    await place.connecting.tenancy.check(ORG, app.app_id, Identity(app.tenant_id, "other user"))
    after = await place.connecting.get(ORG, app.app_id)
    assert (after.tenant_id, after.own_user_id, after.may_run) == (app.tenant_id, "other user", True)


async def test_another_tenant_stops_the_app_with_one_issue_and_changes_no_link(
    place: Place, app: AppConfig
) -> None:
    for _ in range(2):
        with pytest.raises(TenantMismatchError, match="999"):
            await place.connecting.tenancy.check(ORG, app.app_id, Identity("999"))
    after = await place.connecting.get(ORG, app.app_id)
    assert (after.tenant_id, after.connection_status, after.may_run) == (app.tenant_id, "error", False)
    assert after.stopped_reason is not None
    issues = await place.issues()
    assert [(issue["kind"], issue["severity"], issue["occurrences"]) for issue in issues] == [
        ("tenant_mismatch", "error", 2)
    ]
    assert await status_of_links(place) == ["open"]


async def test_whoever_works_when_another_tenant_shows_up_cannot_write_any_more(
    place: Place, app: AppConfig
) -> None:
    lease = await Leases(place.pool).acquire(ORG, app.app_id, Lane.RECURRING, "worker")
    assert lease is not None
    with pytest.raises(TenantMismatchError):
        await place.connecting.tenancy.check(ORG, app.app_id, Identity("999"))
    with pytest.raises(LeaseLostError):
        async with place.pool.connection() as connection, connection.transaction():
            await check(connection, lease)


async def test_a_session_of_another_tenant_reads_nothing(
    place: Place, kit: Kit, crm: str, app: AppConfig
) -> None:
    await admin(crm, "settings", kit.tenant_setting)
    before = await requests_seen(crm)
    await place.store.tokens(ORG, app.app_id).clear()
    with pytest.raises(TenantMismatchError):
        await place.connecting.read_schema(ORG, app.app_id)
    sent = (await requests_seen(crm))[len(before) :]
    assert not [path for path in sent if "describe" in path or "properties" in path or "contacts" in path]


async def test_credentials_of_another_tenant_are_saved_and_stop_the_app(
    place: Place, kit: Kit, crm: str, app: AppConfig
) -> None:
    await admin(crm, "settings", kit.tenant_setting)
    after = await place.update(app, auth_config=kit.auth)
    assert (after.tenant_id, after.connection_status, after.may_run) == (app.tenant_id, "error", False)
    assert [issue["kind"] for issue in await place.issues()] == ["tenant_mismatch"]
    test = await place.connecting.test_auth(ORG, app.app_id)
    assert not test.success
    assert await place.connecting.recheck(ORG, app.app_id) == await place.connecting.get(ORG, app.app_id)


async def test_the_right_credentials_let_the_app_go_on(
    place: Place, kit: Kit, crm: str, app: AppConfig
) -> None:
    tenant = (
        {"org_id": app.tenant_id} if kit.provider == "salesforce" else {"portal_id": int(app.tenant_id or 0)}
    )
    await admin(crm, "settings", kit.tenant_setting)
    await place.update(app, auth_config=kit.auth)
    await admin(crm, "settings", tenant)
    after = await place.update(app, auth_config=kit.auth)
    assert after.may_run
    assert await place.issues() == []
    assert await status_of_links(place) == ["open"]


async def test_a_confirmed_switch_closes_the_links_and_reads_everything_of_the_new_tenant(
    place: Place, kit: Kit, crm: str, app: AppConfig
) -> None:
    await admin(crm, "settings", kit.tenant_setting)
    await place.update(app, auth_config=kit.auth)
    after = await place.connecting.confirm_tenant_switch(ORG, app.app_id)
    assert after.may_run
    assert after.tenant_id == str(next(iter(kit.tenant_setting.values())))
    assert await status_of_links(place) == ["closed"]
    assert await place.rows("select * from read_state") == []
    assert [(run["full_read"], run["status"]) for run in await place.inbound_runs()] == [(True, "queued")]
    assert await place.issues() == []


async def test_there_is_nothing_to_confirm_for_an_app_whose_tenant_is_right(
    place: Place, app: AppConfig
) -> None:
    with pytest.raises(NoSwitchError):
        await place.connecting.confirm_tenant_switch(ORG, app.app_id)
    assert await status_of_links(place) == ["open"]


async def test_a_recreated_app_of_the_same_tenant_goes_on_with_the_links(
    place: Place, kit: Kit, crm: str, app: AppConfig
) -> None:
    await place.connecting.delete(ORG, app.app_id)
    again = await place.create(kit, crm, kit.mappings(("in", kit.plan, "plan")))
    assert again.tenant_key == app.tenant_key
    assert await place.link_states() == {"contact_0001": {f"plan|{kit.plan}": {"v": "Pro"}}}
    assert await status_of_links(place) == ["open"]
    assert await place.rows("select * from read_state") == [], "so that the next sync is a full one"
