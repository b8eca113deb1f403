"""Saving an app that names a field for the keys of activities: it is held against the live schema, and tested again."""

from typing import Any

import pytest
from tests.integration.connecting_support import ORG, SALESFORCE, Kit, Place, admin, crm, kit, place

from tieline.flows.app_checks import AppRefusedError

__all__ = ["crm", "kit", "place"]

WHERE = "crm_config.activity_key_field"


async def make_field(kit: Kit, crm: str, name: str) -> None:
    if kit is SALESFORCE:
        await admin(crm, "settings", {"task_key_field": name})
        return
    for kind in ("calls", "communications"):
        text: dict[str, Any] = {"name": name, "label": name, "type": "string", "fieldType": "text"}
        text |= {"groupName": f"{kind.removesuffix('s')}_information", "hasUniqueValue": True}
        await admin(crm, "schema", {"object": kind, "add": text})


async def remove_field(kit: Kit, crm: str, name: str) -> None:
    for kind in ("Task",) if kit is SALESFORCE else ("calls",):
        await admin(crm, "schema", {"object": kind, "remove": name})


async def test_a_key_field_that_is_not_there_is_refused(place: Place, kit: Kit, crm: str) -> None:
    name = "Tieline_Key__c" if kit is SALESFORCE else "tieline_key"
    config = {**kit.mappings(), "activity_key_field": name}
    with pytest.raises(AppRefusedError) as error:
        await place.create(kit, crm, config)
    assert [problem.where for problem in error.value.problems] == [WHERE]
    assert name in error.value.problems[0].message
    await make_field(kit, crm, name)
    app = await place.create(kit, crm, config)
    assert app.may_run
    assert app.activity_key_field == name


async def test_testing_the_credentials_says_when_the_key_field_is_gone(
    place: Place, kit: Kit, crm: str
) -> None:
    name = "Tieline_Key__c" if kit is SALESFORCE else "tieline_key"
    await make_field(kit, crm, name)
    app = await place.create(kit, crm, {**kit.mappings(), "activity_key_field": name})
    test = await place.connecting.test_auth(ORG, app.app_id)
    assert (test.success, test.message) == (True, "")
    await remove_field(kit, crm, name)
    test = await place.connecting.test_auth(ORG, app.app_id)
    assert test.success, "the credentials are good"
    assert name in test.message
