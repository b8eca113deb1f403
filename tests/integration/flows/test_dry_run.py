"""A dry run tells what the run then does, on both CRMs, and leaves nothing but its report."""

import random
from typing import Any

import pytest
from tests.integration.flows.conftest import crm_fields
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
