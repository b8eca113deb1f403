"""Saving an app: the CRM is asked first, wrong mappings are refused whole, and an unreachable CRM is asked later."""

import pytest
from tests.integration.connecting_support import (
    ORG,
    SALESFORCE,
    UNREACHABLE,
    Kit,
    Place,
    admin,
    crm,
    heal,
    kit,
    place,
    place_on,
    requests_seen,
)
from tests.support import CountingIds

from tieline.flows.app_checks import AppRefusedError
from tieline.flows.connecting import AppInput, TooManyAppsError
from tieline.store.apps import UnknownAppError

__all__ = ["crm", "kit", "place"]


def problems_of(error: pytest.ExceptionInfo[AppRefusedError]) -> dict[str, str]:
    return {problem.where: problem.message for problem in error.value.problems}


async def test_an_app_with_good_credentials_and_mappings_is_connected(
    place: Place, kit: Kit, crm: str
) -> None:
    config = kit.mappings(("both", kit.status, "lead_status"), ("both", kit.notes, "interaction_summary"))
    app = await place.create(kit, crm, config)
    assert (app.connection_status, app.mappings_checked, app.status_reason) == ("connected", True, None)
    assert app.tenant_id is not None
    assert app.schema is not None
    assert app.schema.get(kit.phone) is not None
    assert app.may_run


async def test_settled_options_are_stored_in_both_lines(place: Place, kit: Kit, crm: str) -> None:
    app = await place.create(kit, crm, kit.mappings(("both", kit.status, "lead_status")))
    wanted = {"new": "New", "Qualified": "Qualified"}
    assert app.crm_config["inbound_sync_mappings"][1]["options"] == wanted
    assert app.crm_config["outbound_sync_mappings"][0]["options"] == wanted
    assert "options" not in app.crm_config["inbound_sync_mappings"][0]


async def test_all_wrong_mappings_are_refused_at_once_and_nothing_is_saved(
    place: Place, kit: Kit, crm: str
) -> None:
    config = kit.mappings(
        ("in", "No_Such_Field", "plan"), ("out", kit.calculated, "score"), ("in", kit.notes, "no_such_field")
    )
    with pytest.raises(AppRefusedError) as error:
        await place.create(kit, crm, config)
    found = problems_of(error)
    assert set(found) == {
        "crm_config.inbound_sync_mappings[1]",
        "crm_config.inbound_sync_mappings[2]",
        "crm_config.outbound_sync_mappings[0]",
    }
    assert "No_Such_Field" in found["crm_config.inbound_sync_mappings[1]"]
    assert await place.connecting.apps(ORG) == []


async def test_a_crm_that_cannot_be_reached_leaves_the_app_unchecked_until_it_can(
    place: Place, kit: Kit, crm: str
) -> None:
    app = await place.create(kit, crm, None)
    config = kit.mappings(("both", kit.status, "lead_status"))
    await admin(crm, "faults", {"kind": "drop_before", "times": None})
    app = await place.update(app, crm_config=config)
    assert (app.connection_status, app.mappings_checked) == ("not_connected", False)
    assert app.status_reason
    assert not app.may_run
    assert app.next_sync_at is not None
    assert app.next_sync_at > place.clock.now()
    await heal(crm)
    checked = await place.connecting.recheck(ORG, app.app_id)
    assert checked.may_run
    assert checked.crm_config["inbound_sync_mappings"][1]["options"] == {
        "new": "New",
        "Qualified": "Qualified",
    }
    assert checked.updated_at == app.updated_at, "a check is no change of a person's"


async def test_a_crm_that_does_not_answer_in_time_is_as_good_as_unreachable(
    db_url: str, kit: Kit, crm: str
) -> None:
    async with place_on(db_url, CountingIds(), look_for_s=0.2) as place:
        await admin(crm, "faults", {"kind": "latency", "seconds": 3, "times": None})
        app = await place.create(kit, crm, kit.mappings())
    assert app.connection_status == "not_connected"
    assert "within 0.2 s" in (app.status_reason or "")


@pytest.mark.parametrize(
    ("lines", "where", "says"),
    [
        ([("in", "X", "no_such_field")], "inbound_sync_mappings[1]", "create the custom field first"),
        ([("out", "Phone2", "phone_number")], "outbound_sync_mappings[0]", "never written back"),
        ([("in", "A", "plan"), ("in", "B", "plan")], "inbound_sync_mappings[2]", "writes already"),
    ],
)
async def test_what_is_wrong_whatever_the_schema_says_is_refused_even_then(
    place: Place, kit: Kit, lines: list[tuple[str, str, str]], where: str, says: str
) -> None:
    with pytest.raises(AppRefusedError) as error:
        await place.create(kit, UNREACHABLE, kit.mappings(*lines))
    found = problems_of(error)
    assert list(found) == [f"crm_config.{where}"]
    assert says in found[f"crm_config.{where}"]


async def test_a_config_without_a_phone_mapping_is_refused_even_then(place: Place, kit: Kit) -> None:
    with pytest.raises(AppRefusedError) as error:
        await place.create(kit, UNREACHABLE, {"sync_conversation_activity": True})
    assert list(problems_of(error)) == ["crm_config.inbound_sync_mappings"]


async def test_refused_credentials_are_saved_as_an_error_with_the_crms_words(
    place: Place, kit: Kit, crm: str
) -> None:
    app = await place.create(kit, crm, kit.mappings(), auth_config=kit.bad_auth)
    assert (app.connection_status, app.mappings_checked) == ("error", False)
    assert app.status_reason
    for secret in kit.bad_auth.values():
        if secret not in ("oauth2", "api_key", "sandbox-client"):
            assert secret not in app.status_reason
    app = await place.update(app, auth_config=kit.auth)
    assert app.may_run


async def test_credentials_are_refused_by_name_and_never_repeated(place: Place, kit: Kit) -> None:
    with pytest.raises(AppRefusedError) as error:
        await place.create(kit, UNREACHABLE, None, auth_config={**kit.auth, "passphrase": "hunter2hunter2"})
    assert "auth_config.passphrase" in problems_of(error)
    assert "hunter2" not in str(error.value)
    assert kit.secret not in str(error.value)


async def test_a_provider_a_type_and_an_address_that_do_not_exist_are_refused_together(place: Place) -> None:
    with pytest.raises(AppRefusedError) as error:
        await place.connecting.create(ORG, AppInput({"type": "calendar", "provider": "no_such_crm"}))
    assert set(problems_of(error)) == {"type", "provider"}
    members = {
        "type": "crm", "provider": "salesforce", "tenant_url": "https://acme.lightning.force.com",
        "auth_config": {"type": "basic"}, "crm_config": {"unheard_of": 1},
    }  # fmt: skip
    with pytest.raises(AppRefusedError) as error:
        await place.connecting.create(ORG, AppInput(members))
    found = problems_of(error)
    assert set(found) == {"tenant_url", "auth_config.type", "crm_config.unheard_of"}
    assert found["tenant_url"] == "Tenant URL must be in the format https://<domain>.my.salesforce.com"


async def test_a_loopback_address_is_for_sandbox_mode_only(db_url: str, kit: Kit, crm: str) -> None:
    async with place_on(db_url, CountingIds(), sandbox_mode=False) as place:
        with pytest.raises(AppRefusedError) as error:
            await place.create(kit, crm, None)
    assert list(problems_of(error)) == ["tenant_url"]
    assert await requests_seen(crm) == []


async def test_new_credentials_make_the_old_token_useless(place: Place, kit: Kit, crm: str) -> None:
    app = await place.create(kit, crm, kit.mappings())
    first = await place.store.tokens(ORG, app.app_id).load()
    assert first is not None
    app = await place.update(app, auth_config=kit.bad_auth)
    assert app.connection_status == "error"
    stored = await place.store.tokens(ORG, app.app_id).load()
    assert stored is None or stored.access_token != first.access_token


async def test_a_new_name_asks_the_crm_nothing(place: Place, kit: Kit, crm: str) -> None:
    app = await place.create(kit, crm, kit.mappings())
    made = place.sessions.made
    changed = await place.update(app, name="Other", crm_config={"sync_conversation_activity": True})
    assert place.sessions.made == made
    assert (changed.name, changed.logs_activities, changed.may_run) == ("Other", True, True)
    assert changed.crm_config["inbound_sync_mappings"] == app.crm_config["inbound_sync_mappings"]


async def test_a_member_set_to_null_goes_back_to_its_default(place: Place, kit: Kit, crm: str) -> None:
    config = {**kit.mappings(), "default_country": "DE", "sync_interval_minutes": 30}
    app = await place.create(kit, crm, config)
    assert (app.region, app.sync_interval_s) == ("DE", 1800)
    app = await place.update(app, crm_config={"default_country": None, "sync_interval_minutes": None})
    assert (app.region, app.sync_interval_s) == ("US", 300)


async def test_an_app_without_credentials_waits_for_them(place: Place, kit: Kit, crm: str) -> None:
    members = {"type": "crm", "provider": kit.provider, "tenant_url": crm, "crm_config": kit.mappings()}
    app = await place.connecting.create(ORG, AppInput(members))
    assert (app.connection_status, app.may_run) == ("not_connected", False)
    test = await place.connecting.test_auth(ORG, app.app_id)
    assert not test.success
    assert "auth_config" in test.message
    assert await requests_seen(crm) == []


async def test_testing_the_credentials_says_whether_they_work_now(place: Place, kit: Kit, crm: str) -> None:
    app = await place.create(kit, crm, kit.mappings())
    assert (await place.connecting.test_auth(ORG, app.app_id)).success
    await admin(crm, "settings", {"client_secret": "rotated"} if kit is SALESFORCE else {"access_tokens": []})
    test = await place.connecting.test_auth(ORG, app.app_id)
    assert not test.success
    assert test.message
    broken = await place.connecting.get(ORG, app.app_id)
    assert (broken.connection_status, broken.status_reason) == ("error", test.message)
    assert broken.mappings_checked, "the mappings are as good as they were"


async def test_a_deleted_app_leaves_contacts_and_links_and_is_not_linked_any_more(
    place: Place, kit: Kit, crm: str
) -> None:
    app = await place.create(kit, crm, kit.mappings(("in", kit.plan, "plan")))
    await place.link_up(app)
    await place.contact("contact_0001", app.tenant_key, {f"plan|{kit.plan}": {"v": "Pro"}}, plan="Pro")
    await place.runs.queue(ORG, app.app_id, full_read=True, triggered_by="manual")
    await place.connecting.delete(ORG, app.app_id)
    with pytest.raises(UnknownAppError):
        await place.connecting.get(ORG, app.app_id)
    assert (await place.configs.get(ORG)).app_id is None
    assert await place.link_states() == {"contact_0001": {f"plan|{kit.plan}": {"v": "Pro"}}}
    assert [run["status"] for run in await place.inbound_runs()] == ["failed"]
    kept = await place.rows("select auth_ciphertext, token_ciphertext from app")
    assert kept == [{"auth_ciphertext": None, "token_ciphertext": None}]


async def test_what_is_open_about_records_outlives_a_deleted_app_and_is_the_next_ones(
    place: Place, kit: Kit, crm: str
) -> None:
    app = await place.create(kit, crm, kit.mappings())
    other = await place.create(kit, crm, kit.mappings(), name="Other")
    for number, (app_id, record) in enumerate([(app.app_id, "r1"), (app.app_id, None), (other.app_id, "r2")]):
        await place.rows(
            "insert into issue (org_id, issue_id, app_id, cause, kind, message, external_id)"
            " values (%s, %s, %s, %s, 'conflict', '', %s)",
            ORG, f"issue_{number}", app_id, f"cause_{number}", record,
        )  # fmt: skip
    await place.connecting.delete(ORG, app.app_id)
    left = {issue["issue_id"]: issue["app_id"] for issue in await place.issues()}
    assert left == {"issue_0": app.app_id, "issue_2": other.app_id}
    again = await place.create(kit, crm, kit.mappings())
    left = {issue["issue_id"]: issue["app_id"] for issue in await place.issues()}
    assert left == {"issue_0": again.app_id, "issue_2": other.app_id}


async def test_there_are_at_most_twenty_apps_of_a_provider(place: Place, kit: Kit) -> None:
    members = {"type": "crm", "provider": kit.provider, "tenant_url": UNREACHABLE}
    for _ in range(20):
        await place.connecting.create(ORG, AppInput(members))
    with pytest.raises(TooManyAppsError):
        await place.connecting.create(ORG, AppInput(members))


async def test_the_live_schema_is_read_at_each_question(place: Place, kit: Kit, crm: str) -> None:
    app = await place.create(kit, crm, kit.mappings())
    assert (await place.connecting.read_schema(ORG, app.app_id))[1].get(kit.plan) is not None
    await admin(crm, "faults", {"kind": "hide_field", "field": kit.plan})
    assert (await place.connecting.read_schema(ORG, app.app_id))[1].get(kit.plan) is None


async def test_an_app_of_another_organisation_does_not_exist(place: Place, kit: Kit, crm: str) -> None:
    app = await place.create(kit, crm, kit.mappings())
    await place.organisation("org_2")
    flow = place.connecting
    assert await flow.apps("org_2") == []
    for attempt in (
        flow.get("org_2", app.app_id),
        flow.update("org_2", app.app_id, AppInput({"name": "Mine"})),
        flow.delete("org_2", app.app_id),
        flow.test_auth("org_2", app.app_id),
        flow.recheck("org_2", app.app_id),
        flow.read_schema("org_2", app.app_id),
        flow.confirm_tenant_switch("org_2", app.app_id),
    ):
        with pytest.raises(UnknownAppError):
            await attempt
    assert await flow.get(ORG, app.app_id) == app


async def test_a_test_of_the_credentials_tells_which_permissions_are_missing(
    place: Place, kit: Kit, crm: str
) -> None:
    config = kit.mappings(("in", kit.plan, "plan"))
    app = await place.create(kit, crm, {**config, "sync_conversation_activity": True})
    assert (await place.connecting.test_auth(ORG, app.app_id)).permissions == ()
    await admin(crm, "faults", {"kind": "hide_field", "field": kit.plan, "times": None})
    test = await place.connecting.test_auth(ORG, app.app_id)
    (said,) = test.permissions
    assert (
        said
        == f"Cannot see {kit.plan}: ask for read permission on it for the integration user, if it still exists."
    )
    assert test.success
    assert said in test.message
