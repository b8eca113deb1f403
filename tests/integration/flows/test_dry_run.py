"""A dry run tells what the run then does, on both CRMs, and leaves nothing but its report."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.flows.conftest import NAMES, alice, crm_fields, in_crm, map_both_ways
from tests.integration.flows.house import House
from tests.integration.flows.trying import (
    everything,
    ledger_fields,
    new_issues,
    state,
    ties_in_words,
    told_fields,
    told_issues,
    told_ties,
    tried,
)

from tieline.flows.app_checks import AppRefusedError
from tieline.flows.dry_running import Asked

NUMBERS = [f"+1415555{n:04d}" for n in range(100, 112)]
STATUSES = ["New", "Contacted", "Qualified", "Unqualified", "Nurturing"]


def some_values(chance: random.Random) -> dict[str, Any]:
    values: dict[str, Any] = {
        "phone_number": chance.choice([*NUMBERS, "", "call me"]),
        "first_name": chance.choice(["Ann", "Bob", "Cy"]),
        "last_name": chance.choice(["Smith", "Jones"]),
        "lead_status": chance.choice(STATUSES),
        "interaction_summary": chance.choice(["", "Asked for a brochure.", "Wants a demo."]),
        "plan": chance.choice(["", "Gold"]),
    }
    return values


async def a_busy_day(home: House, chance: random.Random, records: list[str]) -> None:
    """Records come, change and go in the CRM; people edit here."""
    for _ in range(6):
        made = await home.admin("create", fields=crm_fields(home, **some_values(chance)))
        records.append(str(made["id"]))
    for _ in range(4):
        changed = dict(chance.sample(sorted(some_values(chance).items()), 2))
        await home.admin("edit", id=chance.choice(records), fields=crm_fields(home, **changed))
    gone = records.pop(chance.randrange(len(records)))
    await home.admin("delete", id=gone)
    here = await home.rows("select phone_number from contact where merged_into is null order by phone_number")
    for row in chance.sample(here, min(2, len(here))):
        await home.edit(row["phone_number"], lead_status=chance.choice(STATUSES), plan="Silver")


async def configured(home: House, **config: Any) -> None:
    """Other settings of the app."""
    app = await home.app()
    async with home.pool.connection() as connection:
        await home.apps.save(connection, replace(app, crm_config={**app.crm_config, **config}), None)


async def creates_contacts(home: House) -> None:
    await configured(home, sync_new_contacts=True)


async def without(home: House, name: str) -> None:
    """A field that is not mapped (yet)."""
    lines = (await home.app()).crm_config["inbound_sync_mappings"]
    await configured(home, inbound_sync_mappings=[line for line in lines if line["field_name"] != name])


@pytest.mark.parametrize("seed", [1, 2])
async def test_an_inbound_dry_run_tells_what_the_run_does(home: House, seed: int) -> None:
    chance, records = random.Random(seed), list[str]()
    for full in (True, False, True):
        await a_busy_day(home, chance, records)
        await home.later(minutes=11)
        before, rows = await state(home), await everything(home)
        report, lines = await tried(home, Asked(full=full))
        assert await everything(home) == rows, "a dry run leaves nothing"
        counts = await home.sync(full=full)
        assert told_fields(lines, before.contacts) == await ledger_fields(home, before)
        assert told_ties(lines, before) == await ties_in_words(home)
        assert told_issues(lines) == await new_issues(home, before)
        assert report.totals["tieline"].get("created", 0) == counts.get("created", 0)


async def test_a_dry_run_of_writing_back_tells_what_is_then_written(home: House) -> None:
    records = {number: await alice(home, phone_number=number) for number in NUMBERS[:4]}
    await home.sync()
    await map_both_ways(home, "plan", "last_name")
    for number in NUMBERS[:3]:
        await home.edit(number, lead_status="Qualified", plan="Gold")
    await home.admin("edit", id=records[NUMBERS[1]], fields=crm_fields(home, lead_status="Nurturing"))
    await home.edit(NUMBERS[3], last_name="Jones")
    await home.conversation("call_1", NUMBERS[0], {"call_summary": "Wants a demo."})
    await home.analyse()
    before, rows = await state(home), await everything(home)
    in_crm_before = {number: await in_crm(home, record) for number, record in records.items()}
    report, lines = await tried(home, Asked(kind="outbound"))
    assert await everything(home) == rows, "a dry run leaves nothing"
    assert {number: await in_crm(home, record) for number, record in records.items()} == in_crm_before
    while (await home.push()).looked:
        continue
    assert await home.log() == 1
    ours = {crm: name for name, crm in NAMES[home.provider].items()}
    written = {number: await in_crm(home, record) for number, record in records.items()}
    told = {
        (line.phone_number, ours[one.field_name]): (one.before, one.after)
        for line in lines
        if line.side == "crm" and line.action == "changed"
        for one in line.entries
    }
    really = {
        (number, name): (in_crm_before[number][name], value)
        for number, values in written.items()
        for name, value in values.items()
        if value != in_crm_before[number][name]
    }
    assert told == really
    assert len(told) > 4
    assert told_fields(lines, before.contacts) == await ledger_fields(home, before)
    assert [line.entries[0].after for line in lines if line.action == "logged"] == ["call_1"]
    assert report.forecast["api_calls"]["writes"] == 2


async def test_a_dry_run_of_new_records_tells_the_record_that_is_then_created(home: House) -> None:
    await alice(home)
    await creates_contacts(home)
    await home.sync()
    await home.conversation("call_2", "+14155550999", {"lead_qualification_status": "Qualified"})
    await home.analyse()
    _, lines = await tried(home, Asked(kind="outbound"))
    created = [line for line in lines if line.action == "created" and line.side == "crm"]
    assert [line.action for line in lines if line.side == "crm"] == ["created", "logged"]
    names = NAMES[home.provider]
    told = {one.field_name: one.after for one in created[0].entries}
    assert told[names["phone_number"]] == "+14155550999"
    assert told[names["lead_status"]] == "Qualified"


@pytest.mark.parametrize("seed", [3, 4])
async def test_a_dry_run_of_due_conversations_tells_what_they_then_write(home: House, seed: int) -> None:
    chance = random.Random(seed)
    for number in NUMBERS[:3]:
        await alice(home, phone_number=number)
    await home.sync()
    for n in range(5):
        analysis = {
            "lead_qualification_status": chance.choice([*STATUSES, "Nonsense"]),
            "customer_notes": chance.choice(
                ["Has a dog.", "Asked for a brochure. Wants a demo.", "Prefers mornings."]
            ),
            "email": "ann@example.com",
        }
        ago = timedelta(minutes=chance.randrange(100))
        await home.conversation(f"call_{n}", chance.choice(NUMBERS[:5]), analysis, ended_ago=ago)
    before, rows = await state(home), await everything(home)
    _, lines = await tried(home, Asked(kind="analysis"))
    assert await everything(home) == rows, "a dry run leaves nothing"
    assert await home.analyse() == 5
    assert told_fields(lines, before.contacts) == await ledger_fields(home, before)
    assert told_issues(lines) == await new_issues(home, before)
    assert len(told_fields(lines, before.contacts)) > 4


async def test_a_dry_run_of_other_mappings_tells_what_saving_them_would_bring(home: House) -> None:
    for number in NUMBERS[:3]:
        await alice(home, phone_number=number, plan="Gold")
    await without(home, "plan")
    await home.sync()
    app = await home.app()
    line = {"external_field_name": NAMES[home.provider]["plan"], "field_name": "plan"}
    config = {**app.crm_config, "inbound_sync_mappings": [*app.crm_config["inbound_sync_mappings"], line]}
    rows = await everything(home)
    _, lines = await tried(home, Asked(kind="mappings", crm_config=config))
    assert await everything(home) == rows, "a dry run leaves nothing"
    found = sorted((line.phone_number, one.field_name, one.after) for line in lines for one in line.entries)
    assert found == [(number, "plan", "Gold") for number in NUMBERS[:3]]
    wrong = {**config, "inbound_sync_mappings": [{**line, "external_field_name": "nonsense"}]}
    with pytest.raises(AppRefusedError, match="nonsense"):
        await tried(home, Asked(kind="mappings", crm_config=wrong))
