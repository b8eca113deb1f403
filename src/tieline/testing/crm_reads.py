"""Conformance of reading: nothing is lost, nothing invented, places survive a restart."""

from collections.abc import Sequence
from decimal import Decimal

from tieline.domain.records import RemoteRecord
from tieline.ports.crm import Capability
from tieline.ports.errors import CursorGoneError
from tieline.testing.crm_steps import (
    changes,
    failing,
    fields_of,
    full_pages,
    full_read,
    if_there,
    live,
    needs,
    person,
    removals,
    stored,
)
from tieline.testing.world import World

HOSTILE = 'O\'Brien \\ "Q" <b>&amp;</b> %_ ;,\n\t- 李雷 😀 é'


class ReadConformance:
    """Full reads, increments, reads by id, removals, searches."""

    async def test_the_schema_shows_each_field_with_its_kind(self, world: World) -> None:
        session = world.session()
        fields = await fields_of(session, world)
        names = world.fields
        assert {name: field.kind for name, field in fields.items()} == names.kinds()
        assert fields[names.phone].is_phone
        assert all(field.updateable for field in fields.values())
        assert set(names.picklist_values) <= {option.value for option in fields[names.picklist].options}

    async def test_a_full_read_returns_each_contact_once_across_pages(self, world: World) -> None:
        ids = [await world.create(person(world, n)) for n in range(23)]
        await world.settle()
        session = world.session()
        fields = list((await fields_of(session, world)).values())
        records, _ = await full_read(session, fields, 5)
        read = [record.external_id for record in records]
        assert sorted(one for one in read if one in ids) == sorted(ids)
        assert len(read) == len(set(read))
        numbers = {record.external_id: record.values[world.fields.phone] for record in records}
        assert [numbers[one] for one in ids] == [person(world, n)[world.fields.phone] for n in range(23)]

    async def test_a_full_read_goes_on_in_a_new_process_from_its_stored_cursor(self, world: World) -> None:
        ids = {await world.create(person(world, n)) for n in range(9)}
        await world.settle()
        first = world.session()
        fields = list((await fields_of(first, world)).values())
        seen: set[str] = set()
        cursor = None
        async for page in full_pages(first, fields, 4):
            seen |= {record.external_id for record in page.records}
            cursor = stored(page.cursor)
            if page.records:
                break
        assert cursor is not None
        assert not ids <= seen
        rest: set[str] = set()
        async for page in full_pages(world.session(), fields, 4, cursor):
            rest |= {record.external_id for record in page.records}
        assert ids <= seen | rest
        assert not seen & rest, "it began again instead of going on"

    async def test_what_changes_during_a_full_read_is_in_the_next_increment(self, world: World) -> None:
        needs(world.session(), Capability.CHANGES)
        ids = [await world.create(person(world, n)) for n in range(9)]
        await world.settle()
        session = world.session()
        fields = list((await fields_of(session, world)).values())
        watermark = None
        edited = False
        async for page in full_pages(session, fields, 4):
            watermark = page.watermark
            if not edited:
                edited = True
                await world.edit(ids[0], {world.fields.first_name: "Later"})
                newcomer = await world.create(person(world, 100))
        await world.settle()
        assert watermark is not None
        records, _ = await changes(session, fields, watermark, 100)
        latest = {record.external_id: record.values[world.fields.first_name] for record in records}
        assert latest[ids[0]] == "Later"
        assert latest[newcomer] == "Ada100"

    async def test_an_increment_has_every_change_though_many_share_an_instant(self, world: World) -> None:
        session = world.session()
        needs(session, Capability.CHANGES)
        fields = list((await fields_of(session, world)).values())
        _, watermark = await full_read(session, fields, 100)
        ids = {await world.create(person(world, n)) for n in range(17)}
        await world.settle()
        records, _ = await changes(session, fields, watermark, 3)
        assert ids <= {record.external_id for record in records}

    async def test_a_change_right_after_an_increment_is_in_the_next_one(self, world: World) -> None:
        """The boundary instant: edits of the very moment at which an increment ended."""
        needs(world.session(), Capability.CHANGES)
        one = await world.create(person(world, 1))
        await world.settle()
        session = world.session()
        fields = list((await fields_of(session, world)).values())
        _, watermark = await full_read(session, fields, 100)
        for name in ("First", "Second", "Third"):
            await world.edit(one, {world.fields.first_name: name})
            await world.settle()
            records, watermark = await changes(session, fields, watermark, 100)
            latest = [record for record in records if record.external_id == one][-1]
            assert latest.values[world.fields.first_name] == name

    async def test_a_commit_that_appears_behind_the_read_is_in_the_next_increment(self, world: World) -> None:
        """A stamp is taken before the row is committed, so a slow transaction shows up in the past."""
        needs(world.session(), Capability.CHANGES)
        one, other = [await world.create(person(world, n)) for n in range(2)]
        await world.settle()
        session = world.session()
        fields = list((await fields_of(session, world)).values())
        _, watermark = await full_read(session, fields, 100)
        await world.edit(other, {world.fields.first_name: "Prompt"})
        await world.settle()
        _, watermark = await changes(session, fields, watermark, 100)
        await world.edit(one, {world.fields.first_name: "Slow"}, stamped_s_ago=8)
        await world.settle()
        records, _ = await changes(session, fields, watermark, 100)
        latest = {record.external_id: record.values[world.fields.first_name] for record in records}
        assert latest.get(one) == "Slow"

    async def test_an_expired_cursor_says_so(self, world: World) -> None:
        for n in range(9):
            await world.create(person(world, n))
        await world.settle()
        session = world.session()
        fields = list((await fields_of(session, world)).values())
        cursor = None
        async for page in full_pages(session, fields, 4):
            cursor = page.cursor
            if page.records:
                break
        assert cursor is not None
        if await world.lose_cursors():
            await failing(CursorGoneError, session.run(session.connector.read_all(fields, cursor, 4)))

    async def test_reading_by_id_gives_live_values_and_leaves_out_what_is_not_there(
        self, world: World
    ) -> None:
        kept = await world.create(person(world, 1, number=Decimal("12.5")))
        gone = await world.create(person(world, 2))
        await world.delete(gone)
        session = world.session()
        fields = await fields_of(session, world)
        page = await session.run(session.connector.read_by_ids(list(fields.values()), [gone, kept]))
        assert [record.external_id for record in page.records] == [kept]
        assert page.authoritative
        record = page.records[0]
        assert record.values[world.fields.number] == Decimal("12.5")
        assert record.values[world.fields.long_text] is None
        assert set(record.values) == set(fields)
        await world.edit(kept, {world.fields.number: 13})
        assert (await live(session, fields, kept)).values[world.fields.number] == 13

    async def test_hostile_text_and_every_kind_of_value_arrive_whole(self, world: World) -> None:
        names = world.fields
        values = person(
            world,
            3,
            last_name=HOSTILE.replace("\n", " ").replace("\t", " "),
            long_text=HOSTILE + "x" * 4_900,
            number=Decimal("-1234.5"),
            boolean=True,
            date="2024-02-29",
            picklist=names.picklist_values[0],
        )
        values |= if_there(names.date_time, names.date_time_value)
        values |= if_there(names.multi_picklist, ";".join(names.multi_picklist_values))
        one = await world.create(values)
        await world.settle()
        session = world.session()
        fields = await fields_of(session, world)
        by_full_read, watermark = await full_read(session, list(fields.values()), 100)
        by_change: Sequence[RemoteRecord] = ()
        if Capability.CHANGES in session.connector.spec.capabilities:
            by_change, _ = await changes(session, list(fields.values()), watermark, 100)
        by_id = await live(session, fields, one)
        read = [record for record in (*by_full_read, *by_change) if record.external_id == one]
        assert read
        for record in (*read, by_id):
            assert dict(record.values) == values

    async def test_deletes_and_merges_are_swept_and_a_merge_names_its_survivor(self, world: World) -> None:
        needs(world.session(), Capability.REMOVALS)
        deleted = await world.create(person(world, 1))
        winner = await world.create(person(world, 2))
        loser = await world.create(person(world, 3))
        kept = await world.create(person(world, 4))
        session = world.session()
        await fields_of(session, world)
        _, watermark = await removals(session, None)
        await world.delete(deleted)
        survivor = await world.merge(winner, loser)
        await world.settle()
        found, _ = await removals(session, watermark)
        fate = {removal.external_id: removal.survivor_id for removal in found}
        assert fate[deleted] is None
        assert {one: survivor for one in (winner, loser) if one != survivor}.items() <= fate.items()
        assert kept not in fate
        assert survivor not in fate

    async def test_a_number_is_found_however_it_is_written(self, world: World) -> None:
        needs(world.session(), Capability.FIND_BY_PHONE)
        names = world.fields
        spelled = names.phone_spellings
        ids = {await world.create(person(world, 1) | {names.phone: text}) for text in spelled}
        other = await world.create(person(world, 1) | {names.phone: "(415) 555-0124"})
        await world.settle()
        session = world.session()
        fields = list((await fields_of(session, world)).values())
        search = session.connector.find_by_phone(fields, "+14155550123", [names.phone])
        found = {record.external_id for record in (await session.run(search)).records}
        assert ids <= found
        assert other not in found
