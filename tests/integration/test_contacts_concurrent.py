"""Callers that come at the same moment: one contact per number, one row per conversation, no edit lost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.support import START, World, world_on

from tieline.domain.changeset import SourceKind
from tieline.domain.fields import FieldSpec
from tieline.domain.intake import Announcement, Report
from tieline.domain.values import FieldType
from tieline.flows.editing import DuplicateContactError, Edit, Editor
from tieline.store.config import ConfigRefusedError, ConfigUpdate

pytestmark = pytest.mark.parametrize("pg_server", ["wheel", "pg15"], indirect=True)

EDITOR = Editor(SourceKind.API, "apikey_1")
CALL = Report(
    "retell", "call_1", "call", "ongoing", direction="inbound", has_number=True, from_number="+14155550100"
)


@pytest.fixture
async def world(db_url: str) -> AsyncIterator[World]:
    async with world_on(db_url) as world:
        yield world


async def test_one_of_many_creations_of_a_number_wins_and_the_others_are_told(world: World) -> None:
    org, _ = await world.org()
    rules = await world.services.configs.get(org)

    async def create(name: str) -> bool:
        edit = Edit(values={"first_name": name}, details={"contact_memory": name})
        try:
            await world.services.editing.create(org, rules, "+14155550100", edit, EDITOR)
        except DuplicateContactError:
            return False
        return True

    outcomes = await asyncio.gather(*(create(str(n)) for n in range(10)))
    assert sum(outcomes) == 1
    (contact,) = await world.rows("select first_name, contact_memory from contact")
    assert contact["first_name"] == contact["contact_memory"]
    ledger = await world.rows("select field_name from ledger")
    assert sorted(row["field_name"] for row in ledger) == ["contact_memory", "first_name"]


async def test_edits_of_different_fields_at_once_are_all_kept(world: World) -> None:
    org, _ = await world.org()
    names = [f"field_{n}" for n in range(8)]
    fields = [FieldSpec(name, FieldType.NUMBER) for name in names]
    rules = await world.services.configs.update(org, ConfigUpdate(custom_fields=fields))
    contact_id = await world.services.editing.create(org, rules, "+14155550100", Edit(), EDITOR)
    edits = [Edit(custom_fields={name: n}) for n, name in enumerate(names)]
    await asyncio.gather(
        *(world.services.editing.update(org, rules, contact_id, edit, EDITOR) for edit in edits)
    )
    contact = await world.services.contacts.get(org, contact_id)
    assert contact is not None
    assert contact.custom_fields == {name: n for n, name in enumerate(names)}


async def test_a_conversation_whose_events_come_at_once_is_one_row_with_all_of_them(world: World) -> None:
    org, _ = await world.org()
    ended = replace(CALL, status="ended", duration_ms=5, ended_at=START)
    analysed = replace(CALL, status="analyzed", analysis={"a": 1}, analysis_version="v1")
    reports = [CALL, ended, analysed] * 4
    await asyncio.gather(*(world.services.intake.take(org, report, {}) for report in reports))
    (row,) = await world.rows("select status, duration_ms, analysis_version, due_at from conversation")
    assert row == {"status": "analyzed", "duration_ms": 5, "analysis_version": "v1", "due_at": START}
    # A wake-up for each time that something was new, and none for a repeat: at most ended, then analysed, then filled.
    assert 1 <= len(await world.wakes()) <= 2


async def test_what_nobody_knows_yet_is_locked_too(world: World) -> None:
    """Else the second of two first events would replace the row that the first inserted, unmerged."""
    org, _ = await world.org()
    conversations = world.services.conversations
    ended = replace(CALL, status="ended", duration_ms=5)
    analysed = replace(CALL, status="analyzed", analysis={"a": 1}, analysis_version="v1")
    async with conversations.transaction() as unit:
        assert await conversations.known(unit, org, "retell", "call_1") is None
        second = asyncio.create_task(world.services.intake.take(org, ended, {}))
        while not await world.rows("select 1 from pg_locks where locktype = 'advisory' and not granted"):
            assert not second.done()
            await asyncio.sleep(0.01)
        await conversations.save(unit, org, analysed, {}, START)
    await second
    (row,) = await world.rows("select status, duration_ms, analysis_version from conversation")
    assert row == {"status": "analyzed", "duration_ms": 5, "analysis_version": "v1"}


async def test_two_chats_never_take_the_same_announcement(world: World) -> None:
    org, _ = await world.org()
    for n in range(3):
        await world.services.intake.announce(org, Announcement("agent_1", f"+1415555010{n}", "+14155550199"))
    chats = [Report("retell", f"chat_{n}", "chat", "ongoing", agent_id="agent_1") for n in range(5)]
    await asyncio.gather(*(world.services.intake.take(org, chat, {}, announced=True) for chat in chats))
    rows = await world.rows("select from_number from conversation where has_number")
    assert len(rows) == len({row["from_number"] for row in rows}) == 3


async def test_a_field_cannot_go_while_a_mapping_to_it_comes(world: World) -> None:
    org, _ = await world.org()
    configs = world.services.configs
    await configs.update(org, ConfigUpdate(custom_fields=[FieldSpec("note", FieldType.STRING)]))
    app_id = await world.app(org)

    async def map_it() -> None:
        async with world.pool.connection() as connection, connection.transaction():
            assert "note" in (await configs.lock(connection, org)).fields
            removing = asyncio.create_task(configs.update(org, ConfigUpdate(custom_fields=[])))
            await connection.execute(
                "update app set crm_config = %s::jsonb where app_id = %s",
                ['{"inbound_sync_mappings": [{"external_field_name": "N", "field_name": "note"}]}', app_id],
            )
        with pytest.raises(ConfigRefusedError, match="note"):
            await removing

    await map_it()
    assert "note" in (await configs.get(org)).fields
