"""The CRM configuration: a partial update is taken whole or refused whole, and no mapping ever loses its field."""

import json
from typing import Any

import httpx2
import pytest
from tests.support import World

STATUS = {"name": "lead_status", "type": "enum", "label": "Lead status", "options": ["New", "Won"]}
NOTE = {"name": "note", "type": "string", "description": "What was said"}
MAPPING = {"analysis_data_name": "notes", "field_name": "note", "update_mode": "merge"}


async def _update(api: httpx2.AsyncClient, **members: Any) -> dict[str, Any]:
    answer = await api.post("/update-crm-config", json=members)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def _refused(api: httpx2.AsyncClient, **members: Any) -> str:
    before = (await api.get("/get-crm-config")).json()
    answer = await api.post("/update-crm-config", json=members)
    assert answer.status_code == 422, answer.text
    assert (await api.get("/get-crm-config")).json() == before
    return str(answer.json()["message"])


async def test_a_new_organisation_has_an_empty_configuration(api: httpx2.AsyncClient, org: str) -> None:
    config = (await api.get("/get-crm-config")).json()
    assert config.pop("default_contact_memory_update_prompt")
    assert config == {
        "org_id": org,
        "custom_fields": [],
        "crm_analysis_data_mappings": [],
        "contact_columns_order": [],
        "contact_tags": [],
        "contact_memory_update_prompt": None,
        "contact_memory_config": {"enable_update": False},
    }


async def test_what_is_not_sent_stays_and_a_list_replaces_its_list(api: httpx2.AsyncClient) -> None:
    config = await _update(
        api,
        custom_fields=[STATUS, NOTE],
        crm_analysis_data_mappings=[MAPPING],
        contact_columns_order=["note", "phone_number"],
        contact_memory_update_prompt="Keep {{first_name}}",
    )
    assert config["custom_fields"] == [STATUS, NOTE]
    assert config["crm_analysis_data_mappings"] == [MAPPING]
    assert config["contact_columns_order"] == ["note", "phone_number"]
    changed = await _update(api, custom_fields=[NOTE, {**STATUS, "options": ["Won", "Lost", "New"]}])
    assert [field["name"] for field in changed["custom_fields"]] == ["note", "lead_status"]
    assert changed["custom_fields"][1]["options"] == ["Won", "Lost", "New"]
    assert changed["crm_analysis_data_mappings"] == [MAPPING]
    cleared = await _update(api, contact_memory_update_prompt=None, crm_analysis_data_mappings=[])
    assert cleared["contact_memory_update_prompt"] is None
    assert cleared["crm_analysis_data_mappings"] == []


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ({"name": "Lead", "type": "string"}, "snake_case"),
        ({"name": "first_name", "type": "string"}, "built-in"),
        ({"name": "contact_kind", "type": "string"}, "contact"),
        ({"name": "external_ref", "type": "string"}, "external"),
        ({"name": "kind", "type": "enum"}, "option"),
        ({"name": "kind", "type": "enum", "options": ["a", "a"]}, "twice: a"),
        ({"name": "kind", "type": "enum", "options": ["a", " "]}, "blanks"),
        ({"name": "kind", "type": "phone"}, "type"),
        ({"name": "kind", "type": "string", "unit": "EUR"}, "unit"),
        ({"name": "kind", "type": "string", "label": "x" * 201}, "label"),
    ],
)
async def test_a_field_against_the_rules_is_refused(
    api: httpx2.AsyncClient, field: dict[str, Any], named: str
) -> None:
    assert named in await _refused(api, custom_fields=[field])


async def test_the_type_of_a_field_cannot_change(api: httpx2.AsyncClient) -> None:
    await _update(api, custom_fields=[NOTE])
    assert "cannot be changed" in await _refused(api, custom_fields=[{"name": "note", "type": "number"}])


async def test_a_field_that_an_analysis_mapping_names_goes_only_with_it(api: httpx2.AsyncClient) -> None:
    await _update(api, custom_fields=[STATUS, NOTE], crm_analysis_data_mappings=[MAPPING])
    assert "named by the analysis mapping of notes" in await _refused(api, custom_fields=[STATUS])
    assert "note" in await _refused(api, custom_fields=[STATUS], crm_analysis_data_mappings=[MAPPING])
    config = await _update(api, custom_fields=[STATUS], crm_analysis_data_mappings=[])
    assert [field["name"] for field in config["custom_fields"]] == ["lead_status"]


@pytest.mark.parametrize("direction", ["inbound_sync_mappings", "outbound_sync_mappings"])
async def test_a_field_that_an_app_maps_stays(
    api: httpx2.AsyncClient, org: str, world: World, direction: str
) -> None:
    await _update(api, custom_fields=[STATUS, NOTE])
    mapping = {"external_field_name": "Notes__c", "field_name": "note"}
    app_id = await world.app(org, linked=False)
    await world.run("update app set crm_config = %s::jsonb", json.dumps({direction: [mapping]}))
    message = await _refused(api, custom_fields=[STATUS])
    assert "note" in message
    assert app_id in message
    await world.run("update app set deleted_at = now()")
    await _update(api, custom_fields=[STATUS])


async def test_a_removed_field_takes_its_values_along_and_a_new_one_of_its_name_is_another(
    api: httpx2.AsyncClient, world: World
) -> None:
    await _update(api, custom_fields=[STATUS, NOTE])
    body = {"phone_number": "+14155550100", "custom_fields": {"note": "Hello", "lead_status": "New"}}
    contact_id = (await api.post("/create-contact", json=body)).json()["contact_id"]
    await _update(api, custom_fields=[STATUS])
    await _update(api, custom_fields=[STATUS, {"name": "note", "type": "number"}])
    contact = (await api.get(f"/get-contact/{contact_id}")).json()
    assert contact["custom_fields"] == {"lead_status": "New"}
    rows = await world.rows(
        "select outcome, old_value, field_id from ledger where field_name = 'note' order by entry_id"
    )
    assert [(row["outcome"], row["old_value"]) for row in rows] == [("set", None), ("withdrawn", "Hello")]
    assert len({row["field_id"] for row in rows}) == 1
    (now,) = await world.rows("select field_id from custom_field where name = 'note' and deleted_at is null")
    assert now["field_id"] != rows[0]["field_id"]


@pytest.mark.parametrize(
    ("mapping", "named"),
    [
        ({**MAPPING, "field_name": "phone_number"}, "phone_number"),
        ({**MAPPING, "field_name": "nothing"}, "nothing"),
        ({**MAPPING, "field_name": "lead_status"}, "merge"),
        ({**MAPPING, "analysis_data_name": " "}, "analysis"),
        ({**MAPPING, "update_mode": "prepend"}, "update_mode"),
        ({**MAPPING, "update_mode": "max"}, "numbers or dates or datetimes only"),
        ({**MAPPING, "field_name": "do_not_call", "update_mode": "union"}, "strings only"),
        ({**MAPPING, "min_confidence": 1.5}, "from 0 to 1"),
        ({**MAPPING, "only_directions": ["sideways"]}, "sideways"),
        ({**MAPPING, "max_characters": 10}, "max_characters"),
        ({**MAPPING, "update_mode": "overwrite", "merge_strategy": "rewrite"}, "merge_strategy"),
    ],
)
async def test_an_analysis_mapping_that_cannot_work_is_refused(
    api: httpx2.AsyncClient, mapping: dict[str, Any], named: str
) -> None:
    await _update(api, custom_fields=[STATUS, NOTE])
    assert named in await _refused(api, crm_analysis_data_mappings=[mapping])


async def test_members_of_a_mapping_beyond_retell_are_kept_and_shown_only_where_they_are_set(
    api: httpx2.AsyncClient,
) -> None:
    more = {
        **MAPPING, "only_agents": ["agent_a"], "only_directions": ["inbound"], "only_if_successful": True,
        "min_confidence": 0.75, "merge_strategy": "rewrite", "max_characters": 500,
    }  # fmt: skip
    plain = {"analysis_data_name": "seats", "field_name": "note", "update_mode": "append"}
    unset = {
        "only_agents": [],
        "only_if_successful": False,
        "min_confidence": None,
        "merge_strategy": "facts",
    }
    config = await _update(api, custom_fields=[NOTE], crm_analysis_data_mappings=[more, {**plain, **unset}])
    assert config["crm_analysis_data_mappings"] == [more, plain]
    assert (await api.get("/get-crm-config")).json()["crm_analysis_data_mappings"] == [more, plain]


async def test_all_problems_are_named_at_once(api: httpx2.AsyncClient) -> None:
    message = await _refused(
        api,
        app_id="app_x",
        custom_fields=[{"name": "Bad Name", "type": "string"}, {"name": "kind", "type": "enum"}],
        crm_analysis_data_mappings=[MAPPING],
        contact_tags=[{"id": "xyz", "label": " "}],
    )
    for named in ("app_x", "Bad Name", "options", "note", "contact_tags[0].id", "contact_tags[0].label"):
        assert named in message


async def test_linking_an_app_makes_its_next_sync_a_full_one(
    api: httpx2.AsyncClient, org: str, world: World
) -> None:
    one, two = await world.app(org), await world.app(org, linked=False, tenant_id="00D2")
    for app_id in (one, two):
        await world.run(
            "insert into read_state (org_id, app_id, kind, watermark, completed_at)"
            " values (%s, %s, 'changes', 'w', now())",
            org, app_id,
        )  # fmt: skip
    assert (await _update(api, app_id=one))["app_id"] == one
    assert len(await world.rows("select 1 from read_state")) == 2
    assert (await _update(api, app_id=two))["app_id"] == two
    assert await world.rows("select 1 from read_state") == []
    due = {
        row["app_id"]: row["due"]
        for row in await world.rows("select app_id, next_sync_at is not null as due from app")
    }
    assert due == {one: False, two: True}
    assert "app_id" not in await _update(api, app_id=None)
    assert await world.rows("select 1 from app where next_sync_at is not null") == []


async def test_only_a_crm_of_the_own_organisation_can_be_linked(
    api: httpx2.AsyncClient, org: str, world: World
) -> None:
    other, _ = await world.org("Other")
    foreign = await world.app(other)
    assert foreign in await _refused(api, app_id=foreign)
    own = await world.app(org, linked=False)
    await world.run("update app set type = 'calendar' where app_id = %s", own)
    assert "not a CRM" in await _refused(api, app_id=own)


async def test_the_time_of_the_last_sync_is_shown_in_milliseconds(
    api: httpx2.AsyncClient, org: str, world: World
) -> None:
    await world.app(org)
    await world.run("update crm_config set last_sync_at = '2026-11-20T12:00:00.125Z'")
    assert (await api.get("/get-crm-config")).json()["last_sync_timestamp"] == 1795176000125
