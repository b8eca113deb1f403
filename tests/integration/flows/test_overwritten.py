"""An edit saved between our look and our write: where the CRM keeps the field's history, the ledger keeps the value."""

from typing import Any

from tests.integration.flows.conftest import alice, crm_fields, in_crm, map_both_ways
from tests.integration.flows.house import House

NUMBER = "+14155550100"
WRITE = {"salesforce": "composite/sobjects", "hubspot": "batch/update"}
KEEPS_HISTORY = {"hubspot"}


async def lost(home: House, name: str) -> list[tuple[Any, str]]:
    return [
        (row["new_value"], row["source_kind"])
        for row in await home.ledger(name)
        if row["outcome"] == "overruled"
    ]


async def test_a_reps_edit_in_the_window_is_kept_in_the_ledger(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.later(seconds=5)
    await home.edit(NUMBER, lead_status="Qualified")

    async def rep() -> None:
        await home.admin("edit", id=record, fields=crm_fields(home, lead_status="Nurturing"))

    home.wire.meanwhile = WRITE[home.provider], rep
    assert (await home.push()).written == 1
    assert (await in_crm(home, record))["lead_status"] == "Qualified", "a batch write is not conditional"
    kept = await lost(home, "lead_status")
    if home.provider in KEEPS_HISTORY:
        assert kept == [("Nurturing", "crm")]
        (row,) = [row for row in await home.ledger("lead_status") if row["outcome"] == "overruled"]
        assert row["old_value"] == "Qualified"
        assert "between our look and our write" in row["reason"]
    else:
        assert kept == []
    await home.sync()
    assert await home.value(NUMBER, "lead_status") == "Qualified"
    assert (await home.push()).looked == 0


async def test_an_edit_of_another_field_in_the_window_is_no_conflict(home: House) -> None:
    record = await alice(home, plan="Basic")
    await home.sync()
    await home.later(seconds=5)
    await home.edit(NUMBER, lead_status="Qualified")

    async def rep() -> None:
        await home.admin("edit", id=record, fields=crm_fields(home, plan="Pro"))

    home.wire.meanwhile = WRITE[home.provider], rep
    await home.push()
    assert await lost(home, "lead_status") == []
    assert await lost(home, "plan") == []
    await home.later(seconds=5)
    await home.sync()
    assert await home.value(NUMBER, "plan") == "Pro"


async def test_pushes_without_anybody_in_between_leave_no_conflict(home: House) -> None:
    await map_both_ways(home, "plan")
    record = await alice(home, plan="Basic")
    await home.sync()
    for status, plan in (("Qualified", "Pro"), ("Nurturing", "Max"), ("Qualified", "Basic")):
        await home.later(seconds=5)
        await home.admin("edit", id=record, fields=crm_fields(home, plan="Between"))
        await home.sync()
        await home.later(seconds=5)
        await home.edit(NUMBER, lead_status=status, plan=plan)
        await home.push()
    assert await lost(home, "lead_status") == []
    assert await lost(home, "plan") == []


async def test_a_history_that_cannot_be_read_takes_nothing_back(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.edit(NUMBER, lead_status="Qualified")
    if home.provider == "hubspot":
        await home.fault("status", "contacts.batch_read", status=503, after=1)
    assert (await home.push()).written == 1
    assert (await in_crm(home, record))["lead_status"] == "Qualified"
    await home.cured()
    await home.sync()
    assert (await home.push()).looked == 0
