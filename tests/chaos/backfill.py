"""The history of a backfill: thousands of past conversations, taken up while workers are killed; beside it the same
ones in another organisation, taken up in peace. Both must end the same.
"""

import asyncio
import random
import time
from typing import Any

from tests.chaos.scenarios import Measured, Plan, check_all, first_read, two_workers
from tests.chaos.storm import Storm
from tests.chaos.world import World, running_world

from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.backfill import BackfillRequest
from tieline.domain.contact_memory import CONTACT_MEMORY
from tieline.domain.fields import FieldSpec
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import FieldType
from tieline.store.config import ConfigUpdate

_A_CONTACT = 5
"""Conversations of each contact."""
_FIELDS = [
    FieldSpec("notes", FieldType.STRING), FieldSpec("status", FieldType.STRING),
    FieldSpec("first_seen", FieldType.STRING), FieldSpec("budget", FieldType.NUMBER),
]  # fmt: skip
_MAPPINGS = [
    AnalysisMapping("said", "notes", UpdateMode.MERGE),
    AnalysisMapping("status", "status", UpdateMode.OVERWRITE),
    AnalysisMapping("status", "first_seen", UpdateMode.FILL_IF_EMPTY),
    AnalysisMapping("budget", "budget", UpdateMode.MAX),
]
_REQUEST = BackfillRequest(("notes", "status", "first_seen", "budget", CONTACT_MEMORY))


async def backfill_conversations(plan: Plan) -> Measured:
    """`amount` conversations, interrupted, and the same in peace."""
    rng = random.Random(plan.seed)
    async with running_world(plan.crm, 20, seed=plan.seed) as world:
        await two_workers(world)
        await first_read(world)
        harmed, spared = [await _organisation(world, name, plan.amount, plan.seed) for name in ("A", "B")]
        began = time.monotonic()
        await world.tieline.backfills.queue(spared, _REQUEST)
        while not await _ended(world, spared):  # noqa: ASYNC110 - a row's
            await asyncio.sleep(0.1)
        in_peace = time.monotonic() - began
        await world.eyes.execute("delete from chaos_write")
        await world.tieline.backfills.queue(harmed, _REQUEST)

        async def finished() -> bool:
            return await _ended(world, harmed)

        storm = Storm(world, "backfill", rng, plan.stint_s, plan.tell)
        felt = await storm.rage(plan.harms, finished)
        await storm.calm(finished)
        await _check(world, harmed, spared, plan.amount)
        await check_all(world)
        return Measured(
            "backfill", "", plan.seed, felt, {"in peace": f"{in_peace:.0f} s", "same result": "yes"}
        )


async def _organisation(world: World, name: str, amount: int, seed: int) -> str:
    """Contacts with calls that ended before anything was mapped, the same for each name."""
    org_id = (await world.tieline.accounts.create_organisation(name)).org_id
    await world.tieline.configs.update(
        org_id, ConfigUpdate(custom_fields=_FIELDS, analysis_mappings=_MAPPINGS)
    )
    await world.eyes.execute(
        "insert into contact (org_id, contact_id, phone_number)"
        " select %s, %s || '_' || lpad(n::text, 6, '0'), '+1415' || lpad(n::text, 7, '0')"
        " from generate_series(0, %s) n",
        [org_id, name, amount // _A_CONTACT - 1],
    )
    await world.eyes.execute(
        """insert into conversation (org_id, platform, conversation_id, type, direction, from_number, status,
               contact_id, agent_id, started_at, ended_at, summary, analysis, analysis_version, counted)
           select %(org)s, 'acme', 'call_' || n, 'call', 'inbound', '+1415' || lpad((n %% %(people)s)::text, 7, '0'),
               'analyzed', %(name)s || '_' || lpad((n %% %(people)s)::text, 6, '0'), 'agent_1',
               at, at + interval '5 minutes', 'They spoke of topic ' || (n * %(seed)s) %% 7 || '.',
               jsonb_build_object(
                   'said', 'Asked about product ' || (n * %(seed)s) %% 11 || '. Has ' || n %% 13 || ' seats.',
                   'status', 's' || n %% 5, 'budget', (n * %(seed)s) %% 1000), 'v1', true
           from generate_series(0, %(amount)s - 1) n,
               lateral (
                   select timestamptz '2026-01-05 09:00Z' + make_interval(mins => (n * 7919) %% 200000) as at
               ) moment""",
        {"org": org_id, "name": name, "people": amount // _A_CONTACT, "amount": amount, "seed": seed % 997 + 1},
    )  # fmt: skip
    return org_id


async def _ended(world: World, org_id: str) -> bool:
    rows = await world.rows("select status, reason from run where org_id = %s and kind = 'backfill'", org_id)
    assert [row["status"] for row in rows] != ["failed"], rows
    return [row["status"] for row in rows] == ["succeeded"]


async def _check(world: World, harmed: str, spared: str, amount: int) -> None:
    ours, theirs = await _contacts(world, harmed), await _contacts(world, spared)
    assert len(ours) == amount // _A_CONTACT
    assert all({"notes", "status", "first_seen", "budget"} <= row["custom_fields"].keys() for row in ours)
    assert all(row["contact_memory"] for row in ours)
    assert ours == theirs
    assert await _ledger(world, harmed) == await _ledger(world, spared), "each value was written once"
    assert await _done(world, harmed) == await _done(world, spared)
    (run,) = await world.rows("select counts from run where org_id = %s and kind = 'backfill'", harmed)
    assert run["counts"] == {
        "read": amount,
        "contacts": amount // _A_CONTACT,
        "changed": amount // _A_CONTACT,
    }


async def _contacts(world: World, org_id: str) -> list[dict[str, Any]]:
    return await world.rows(
        "select phone_number, custom_fields, sources, contact_memory from contact where org_id = %s order by 1", org_id
    )  # fmt: skip


async def _ledger(world: World, org_id: str) -> list[dict[str, Any]]:
    return await world.rows(
        "select c.phone_number, l.field_name, l.outcome, l.old_value, l.new_value, l.source_ref from ledger l"
        " join contact c using (org_id, contact_id) where org_id = %s order by c.phone_number, l.entry_id", org_id,
    )  # fmt: skip


async def _done(world: World, org_id: str) -> list[dict[str, Any]]:
    return await world.rows(
        "select conversation_id, analysis_data_name, field_name, outcome, contribution from analysis_application"
        " where org_id = %s order by 1, 2, 3", org_id,
    )  # fmt: skip
