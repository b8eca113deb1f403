"""Conformance of writing: a patch touches its fields and nothing else, and one bad record fails alone."""

from contextlib import suppress
from decimal import Decimal

from tieline.domain.records import Patch
from tieline.domain.values import Value
from tieline.ports.crm import Refused, Written
from tieline.ports.errors import RecordGoneError, RecordRejectedError, SchemaDriftError
from tieline.testing.crm_reads import HOSTILE
from tieline.testing.crm_steps import fields_of, if_there, live, person
from tieline.testing.world import World


class WriteConformance:
    """Updates and creates."""

    async def test_a_patch_touches_only_its_fields_and_none_clears(self, world: World) -> None:
        names = world.fields
        before = person(world, 1, long_text="kept", number=7, date="2026-01-02")
        one = await world.create(before)
        session = world.session()
        fields = await fields_of(session, world)
        patch = Patch(one, {names.first_name: "New", names.number: None})
        outcomes = await session.run(session.connector.update_contacts([patch], fields))
        assert [type(outcome) for outcome in outcomes] == [Written]
        after = await world.look(one)
        assert after[names.first_name] == "New"
        assert after[names.number] is None
        for name in (names.phone, names.last_name, names.long_text, names.date):
            assert after[name] == before[name], name

    async def test_a_repeated_patch_changes_nothing(self, world: World) -> None:
        names = world.fields
        one = await world.create(person(world, 1))
        session = world.session()
        fields = await fields_of(session, world)
        patch = Patch(one, {names.first_name: "New", names.long_text: "Same"})
        await session.run(session.connector.update_contacts([patch], fields))
        first = await world.look(one)
        outcomes = await session.run(session.connector.update_contacts([patch], fields))
        assert [type(outcome) for outcome in outcomes] == [Written]
        assert await world.look(one) == first

    async def test_every_kind_of_value_survives_a_round_trip(self, world: World) -> None:
        names = world.fields
        one = await world.create(person(world, 1))
        session = world.session()
        fields = await fields_of(session, world)
        rounds: tuple[dict[str, Value], ...] = (
            {
                names.last_name: HOSTILE.replace("\n", " ").replace("\t", " "),
                names.long_text: HOSTILE + "y" * 4_900,
                names.number: Decimal("0.25"),
                names.boolean: True,
                names.date: "2024-02-29",
                names.picklist: names.picklist_values[1],
                **if_there(names.date_time, names.date_time_value),
                **if_there(names.multi_picklist, ";".join(names.multi_picklist_values)),
            },
            {
                names.number: -3,
                names.boolean: False,
                names.picklist: names.picklist_values[0],
                **if_there(names.multi_picklist, names.multi_picklist_values[0]),
            },
        )
        for values in rounds:
            outcomes = await session.run(session.connector.update_contacts([Patch(one, values)], fields))
            assert [type(outcome) for outcome in outcomes] == [Written], outcomes
            record = await live(session, fields, one)
            assert {name: record.values[name] for name in values} == values

    async def test_one_bad_record_does_not_fail_the_batch(self, world: World) -> None:
        names = world.fields
        ids = [await world.create(person(world, n)) for n in range(4)]
        await world.refuse(ids[1], "Ask Finance first")
        await world.delete(ids[2])
        session = world.session()
        fields = await fields_of(session, world)
        patches = [Patch(one, {names.first_name: f"New{n}"}) for n, one in enumerate(ids)]
        outcomes = await session.run(session.connector.update_contacts(patches, fields))
        assert [outcome.external_id for outcome in outcomes] == ids
        assert [type(outcome) for outcome in outcomes] == [Written, Refused, Refused, Written]
        refused, gone = outcomes[1], outcomes[2]
        assert isinstance(refused, Refused)
        assert isinstance(refused.error, RecordRejectedError)
        assert "Ask Finance first" in str(refused.error)
        assert isinstance(gone, Refused)
        assert isinstance(gone.error, RecordGoneError)
        assert (await world.look(ids[0]))[names.first_name] == "New0"
        assert (await world.look(ids[1]))[names.first_name] == "Ada1"
        assert (await world.look(ids[3]))[names.first_name] == "New3"

    async def test_a_value_that_the_crm_does_not_take_is_refused_for_its_record_alone(
        self, world: World
    ) -> None:
        names = world.fields
        ids = [await world.create(person(world, n)) for n in range(2)]
        session = world.session()
        fields = await fields_of(session, world)
        patches = [
            Patch(ids[0], {names.picklist: "no such option of any list"}),
            Patch(ids[1], {names.first_name: "Fine"}),
        ]
        outcomes = await session.run(session.connector.update_contacts(patches, fields))
        assert [type(outcome) for outcome in outcomes] == [Refused, Written]
        assert isinstance(outcomes[0], Refused)
        assert isinstance(outcomes[0].error, RecordRejectedError)
        assert outcomes[0].error.field == names.picklist

    async def test_nothing_to_write_sends_nothing(self, world: World) -> None:
        session = world.session()
        fields = await fields_of(session, world)
        before = session.requests_sent
        assert list(await session.run(session.connector.update_contacts([], fields))) == []
        assert session.requests_sent == before

    async def test_a_created_contact_is_there_with_its_values(self, world: World) -> None:
        session = world.session()
        fields = await fields_of(session, world)
        values = person(world, 77, long_text="made here", boolean=True)
        written = await session.run(session.connector.create_contact(values, fields))
        held = await world.look(written.external_id)
        assert {name: held[name] for name in values} == values

    async def test_a_field_that_is_taken_away_is_schema_drift_and_never_a_clear(self, world: World) -> None:
        names = world.fields
        one = await world.create(person(world, 1, long_text="kept"))
        session = world.session()
        fields = await fields_of(session, world)
        await world.hide(names.long_text)
        assert names.long_text not in (await session.run(session.connector.describe())).fields
        with suppress(SchemaDriftError):
            page = await session.run(session.connector.read_by_ids(list(fields.values()), [one]))
            # A CRM that leaves unknown fields out of its answer: absent, which is not empty.
            assert names.long_text not in page.records[0].values
        await world.heal()
        assert (await live(session, fields, one)).values[names.long_text] == "kept"
