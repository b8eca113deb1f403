"""A configuration moves through a file: from one organisation to another, on a real store and emulated CRMs."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from tests.integration.connecting_support import (
    HUBSPOT,
    ORG,
    UNREACHABLE,
    Kit,
    Place,
    crm,
    kit,
    place,
    requests_seen,
)
from tests.integration.work_support import NotedWakes

from tieline.domain.config_file import KEEP, as_data
from tieline.domain.config_file_secrets import by_environment
from tieline.domain.configuration import ContactTag
from tieline.flows.analysis_config import save_definition
from tieline.flows.config_file import ConfigFileRefusedError, ConfigFiles
from tieline.flows.config_text import dump_yaml, load_yaml
from tieline.store.apps import Apps
from tieline.store.config import ConfigUpdate
from tieline.store.config_file import PostgresConfigFiles
from tieline.store.extractions import Extractions
from tieline.store.unit_of_work import PostgresStore

__all__ = ["crm", "kit", "place"]

OTHER = "org_2"


@dataclass
class Files:
    """The flow, and one organisation with one of everything."""

    place: Place
    flow: ConfigFiles
    extractions: Extractions
    environment: dict[str, str]

    def lookup(self, kind: str, name: str) -> str | None:
        return self.environment.get(name) if kind == "env" else None

    async def apply(self, org_id: str, data: Any) -> int:
        """How many changes there were; they are made."""
        plan = await self.flow.plan(org_id, data, self.lookup)
        await self.flow.check(plan)
        await self.flow.apply(plan)
        return len(plan.changes)

    async def data(self, org_id: str = ORG) -> dict[str, Any]:
        return as_data(await self.flow.export(org_id))


@pytest.fixture
async def files(place: Place, kit: Kit, crm: str) -> Files:
    apps: Apps = place.store._apps
    store = PostgresStore(place.pool, NotedWakes(), place.store._ids)
    extractions = Extractions(place.pool, store, place.configs, NotedWakes())
    flow = ConfigFiles(PostgresConfigFiles(place.pool, place.configs, apps, extractions), place.connecting)
    config = kit.mappings(("both", kit.status, "lead_status"), ("in", kit.plan, "plan"))
    app = await place.create(kit, crm, {**config, "brake": {"records_changed": {"share": 0.25}}})
    tags = (ContactTag("a" * 32, "VIP"),)
    await place.configs.update(ORG, ConfigUpdate(app_id=app.app_id, contact_tags=tags))
    found = [{"type": "string", "name": "need", "description": "What they need."}]
    await save_definition(extractions, ORG, "agent_1", found, None, "Europe/Berlin")
    return Files(place, flow, extractions, {})


async def test_a_configuration_moves_to_a_fresh_organisation_whole_and_only_once(
    files: Files, kit: Kit
) -> None:
    exported = await files.flow.export(ORG)
    text = dump_yaml(as_data(by_environment(exported)))
    assert kit.secret not in text
    await files.place.rows("insert into organisation (org_id, name) values (%s, 'Two')", OTHER)
    with pytest.raises(ConfigFileRefusedError, match="set the environment variable PROD_"):
        await files.apply(OTHER, load_yaml(text))
    files.environment = {f"PROD_{name.upper()}": value for name, value in kit.auth.items()}
    assert await files.apply(OTHER, load_yaml(text)) > 0
    assert await files.flow.export(OTHER) == exported
    (app,) = await files.place.connecting.apps(OTHER)
    assert app.may_run
    assert (await files.place.configs.get(OTHER)).app_id == app.app_id
    assert await files.apply(OTHER, load_yaml(text)) == 0
    assert await files.apply(ORG, await files.data()) == 0


async def test_a_field_comes_with_its_mapping_and_goes_with_it(files: Files, kit: Kit) -> None:
    await files.place.contact("contact_0001", "x:y", {}, plan="Pro")
    data = await files.data()
    data["fields"] = [one for one in data["fields"] if one["name"] != "plan"]
    data["fields"].append({"name": "package", "type": "string"})
    with pytest.raises(ConfigFileRefusedError, match="plan, which does not exist"):
        await files.apply(ORG, data)
    (app,) = data["apps"]
    lines = app["crm_config"]["inbound_sync_mappings"]
    app["crm_config"]["inbound_sync_mappings"] = [
        {**line, "field_name": "package"} if line["field_name"] == "plan" else line for line in lines
    ]
    plan = await files.flow.plan(ORG, data, files.lookup)
    (gone,) = [change for change in plan.changes if change.action == "remove"]
    assert gone.notes == ("Removing it removes its values from 1 contact.",)
    await files.apply(ORG, data)
    assert await files.data() == data
    assert await files.apply(ORG, data) == 0


async def test_whatever_is_wrong_is_named_at_once_and_nothing_is_changed(files: Files, kit: Kit) -> None:
    data = before = await files.data()
    (app,) = data["apps"]
    data = {
        **data,
        "fields": [*data["fields"], {"name": "contact_x", "type": "string"}, {"name": "fine", "type": "number"}],
        "apps": [{**app, "crm_config": kit.mappings(("out", kit.calculated, "score"), ("in", "nothing", "plan"))}],
        "linked_app": "Nobody",
        "tags": [{"id": "x", "label": "VIP"}],
    }  # fmt: skip
    plan = await files.flow.plan(ORG, data, files.lookup)
    with pytest.raises(ConfigFileRefusedError) as refused:
        await files.flow.check(plan)
    places = [problem.where for problem in refused.value.problems]
    assert places == [
        "fields[4].name",
        "tags[0].id",
        "linked_app",
        "app Prod: crm_config.inbound_sync_mappings[1]",
        "app Prod: crm_config.outbound_sync_mappings[0]",
    ]
    assert await files.data() == before


async def test_a_crm_that_does_not_answer_or_refuses_us_lets_nothing_be_applied(
    files: Files, kit: Kit
) -> None:
    data = before = await files.data()
    (app,) = data["apps"]
    secret = next(name for name, value in app["auth"].items() if value == KEEP)
    files.environment = {"WRONG": kit.bad_auth[secret]}
    data = {**data, "apps": [{**app, "auth": {**app["auth"], secret: "${env:WRONG}"}}]}
    with pytest.raises(ConfigFileRefusedError, match="could not be checked against its CRM"):
        await files.apply(ORG, data)
    if kit is not HUBSPOT:
        data = {**data, "apps": [{**app, "tenant_url": UNREACHABLE}]}
        with pytest.raises(ConfigFileRefusedError, match="could not be checked against its CRM"):
            await files.apply(ORG, data)
    assert await files.data() == before


async def test_credentials_are_replaced_by_reference_and_never_shown(
    files: Files, kit: Kit, crm: str
) -> None:
    data = await files.data()
    (app,) = data["apps"]
    assert KEEP in app["auth"].values()
    files.environment = {"SAME": kit.secret}
    secret = next(name for name, value in app["auth"].items() if value == KEEP)
    data["apps"] = [{**app, "auth": {**app["auth"], secret: "${env:SAME}"}}]
    assert await files.apply(ORG, data) == 0
    (saved,) = await files.place.connecting.apps(ORG)
    assert (await files.place.store.credentials(ORG, saved.app_id))[secret] == kit.secret


async def test_an_app_without_credentials_is_saved_and_waits_for_them(
    files: Files, kit: Kit, crm: str
) -> None:
    data = await files.data()
    (app,) = data["apps"]
    new = {**{name: value for name, value in app.items() if name != "auth"}, "name": "Second"}
    data["apps"].append(new)
    await files.apply(ORG, data)
    first, second = await files.place.connecting.apps(ORG)
    assert (first.may_run, second.may_run, second.connection_status) == (True, False, "not_connected")
    assert await files.apply(ORG, data) == 0
    data["apps"] = []
    del data["linked_app"]
    await files.apply(ORG, data)
    assert await files.place.connecting.apps(ORG) == []
    assert (await files.flow.export(ORG)).linked_app is None


async def test_a_file_that_leaves_sections_out_leaves_them_alone(files: Files, crm: str) -> None:
    before = await files.flow.export(ORG)
    seen = len(await requests_seen(crm))
    assert await files.apply(ORG, {"version": 1, "memory_prompt": "Be brief."}) == 1
    assert await files.flow.export(ORG) == replace(before, memory_prompt="Be brief.")
    assert len(await requests_seen(crm)) == seen


async def test_removing_a_field_counts_its_holders_only(files: Files) -> None:
    await files.place.contact("contact_0001", "x:y", {}, plan="Pro")
    await files.place.rows("update contact set custom_fields = %s", Jsonb({"plan": "Pro", "score": 3}))
    found = await files.flow._store.holders(ORG, ["plan", "interaction_summary"])
    assert dict(found) == {"plan": 1}
