"""Mappings tried on records of emulated CRMs, without saving anything."""

from typing import Any

import pytest
from tests.integration.connecting_support import ORG, SALESFORCE, Kit, Place, admin, crm, kit, place

from tieline.flows.app_checks import AppRefusedError
from tieline.flows.sampling import MappingCheck, check_mappings

__all__ = ["crm", "kit", "place"]


async def check(
    place: Place, app_id: str, config: dict[str, Any] | None = None, number: int = 10
) -> MappingCheck:
    org = await place.configs.get(ORG)
    return await check_mappings(place.connecting.checking, org, ORG, app_id, config, number)


async def test_records_are_shown_as_they_would_become_and_nothing_is_saved(
    place: Place, kit: Kit, crm: str
) -> None:
    texts = {kit.phone: "+1 415 555 0100", kit.notes: "twelve", kit.plan: "Pro"}
    odd = {kit.phone: "none", kit.notes: "7"}
    for values in (texts, odd):
        spec = (
            {"fields": {**values, "LastName": "Doe"}}
            if kit is SALESFORCE
            else {"properties": {**values, "lastname": "Doe"}}
        )
        await admin(crm, "create", spec)
    app = await place.create(kit, crm, kit.mappings(("in", kit.plan, "plan")))
    before = await place.connecting.get(ORG, app.app_id)
    tried = kit.mappings(("in", kit.plan, "plan"), ("in", kit.notes, "score"))
    found = await check(place, app.app_id, tried)
    assert found.problems == ()
    shown = {record.phone_number: record for record in found.records}
    good = {one.field_name: one for one in shown["+14155550100"].values}
    assert (good["plan"].value, good["score"].raw, good["score"].value) == ("Pro", "twelve", None)
    assert good["score"].problem.startswith(kit.notes)
    assert "would be skipped" in shown[None].phone_problem
    assert {one.field_name: one.value for one in shown[None].values}["score"] == 7
    assert len((await check(place, app.app_id, number=1)).records) == 1
    assert (await check(place, app.app_id, number=0)).records == ()
    assert await place.connecting.get(ORG, app.app_id) == before


async def test_wrong_mappings_are_told_and_the_others_are_shown(place: Place, kit: Kit, crm: str) -> None:
    app = await place.create(kit, crm, kit.mappings())
    tried = kit.mappings(
        ("in", "nothing", "plan"), ("out", kit.calculated, "score"), ("in", kit.notes, "plan")
    )
    found = await check(place, app.app_id, tried)
    assert sorted({problem.where for problem in found.problems}) == [
        "crm_config.inbound_sync_mappings[1]",
        "crm_config.inbound_sync_mappings[2]",
        "crm_config.outbound_sync_mappings[0]",
    ]
    assert kit.plan in {one.external_field_name for one in found.suggested_outbound}
    without_phone: dict[str, Any] = {"inbound_sync_mappings": [], "outbound_sync_mappings": []}
    assert (await check(place, app.app_id, without_phone)).problems
    with pytest.raises(AppRefusedError, match="no such setting"):
        await check(place, app.app_id, {"colour": "red"})


async def test_unmapped_fields_are_suggested(place: Place, kit: Kit, crm: str) -> None:
    app = await place.create(kit, crm, kit.mappings())
    pairs = {
        (one.external_field_name, one.field_name)
        for one in (await check(place, app.app_id)).suggested_inbound
    }
    assert (kit.plan, "plan") in pairs
    assert {ours for _, ours in pairs} >= {"first_name", "last_name", "plan"}
