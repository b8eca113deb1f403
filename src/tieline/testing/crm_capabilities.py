"""Conformance of declaring: what is declared works, what is not is refused before anything is sent."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from tieline.domain.crm_schema import CrmField
from tieline.domain.records import Patch
from tieline.ports.crm import Capability, Connector, Operation
from tieline.ports.errors import FatalError
from tieline.ports.history import HistoryReader
from tieline.testing.crm_activities import conversation
from tieline.testing.crm_steps import failing, fields_of, needs, person
from tieline.testing.world import World


class CapabilityConformance:
    """The optional capabilities, and the refusal of all others."""

    async def test_what_is_not_declared_is_refused_before_anything_is_sent(self, world: World) -> None:
        one = await world.create(person(world, 1))
        session = world.session()
        fields = await fields_of(session, world)
        before, sent = await world.look(one), session.requests_sent
        declared = session.connector.spec.capabilities
        for capability, operation in _operations(session.connector, one, fields):
            if capability in declared:
                operation.close()
                continue
            error = await failing(FatalError, session.run(operation))
            assert session.connector.spec.label in str(error), capability
        assert session.requests_sent == sent
        assert await world.look(one) == before

    async def test_a_key_field_holds_one_activity_for_each_key(self, world: World) -> None:
        one = await world.create(person(world, 1))
        session = world.session()
        needs(session, Capability.ACTIVITY_KEY)
        connector, key_field = session.connector, await world.make_activity_key()
        assert await session.run(connector.activity_key_problem(key_field)) is None
        activity = conversation("conv_keyed")
        assert await session.run(connector.find_activity(one, activity, key_field)) is None
        made = await session.run(connector.create_activity(one, activity, key_field))
        again = await session.run(connector.create_activity(one, activity, key_field))
        assert again.activity_id == made.activity_id
        found = await session.run(connector.find_activity(one, activity, key_field))
        assert found is not None
        assert found.activity_id == made.activity_id
        other = await session.run(
            connector.create_activity(one, replace(activity, key=activity.key + "x"), key_field)
        )
        seen = [activity.activity_id for activity in await world.activities()]
        assert sorted(seen) == sorted([made.activity_id, other.activity_id])

    async def test_what_was_logged_before_there_was_a_key_field_is_found(self, world: World) -> None:
        one = await world.create(person(world, 1))
        session = world.session()
        needs(session, Capability.ACTIVITY_KEY)
        activity = conversation("conv_before")
        made = await session.run(session.connector.create_activity(one, activity))
        key_field = await world.make_activity_key()
        found = await session.run(session.connector.find_activity(one, activity, key_field))
        assert found is not None
        assert found.activity_id == made.activity_id

    async def test_a_field_that_cannot_hold_keys_is_named(self, world: World) -> None:
        session = world.session()
        needs(session, Capability.ACTIVITY_KEY)
        problem = await session.run(session.connector.activity_key_problem("No_Such_Field__c"))
        assert problem is not None
        assert "No_Such_Field__c" in problem

    async def test_a_fields_history_tells_what_it_held_the_newest_first(self, world: World) -> None:
        names = world.fields
        ids = [await world.create(person(world, n, number=n)) for n in range(2)]
        session = world.session()
        needs(session, Capability.FIELD_HISTORY)
        fields = await fields_of(session, world)
        for name in ("Second", "Third"):
            await world.edit(ids[0], {names.first_name: name})
        await world.edit(ids[0], {names.number: None})
        asked = [fields[names.first_name], fields[names.number]]
        reader = cast(HistoryReader, session.connector)
        told = await session.run(reader.read_history(asked, ids))
        assert [past.value for past in told[ids[0]][names.first_name]] == ["Third", "Second", "Ada0"]
        assert [past.value for past in told[ids[0]][names.number]] == [None, 0]
        assert [past.value for past in told[ids[1]][names.first_name]] == ["Ada1"]
        stamps = [past.at_ms for past in told[ids[0]][names.first_name]]
        assert stamps == sorted(stamps, reverse=True)


def _operations(
    connector: Connector, one: str, fields: Mapping[str, CrmField]
) -> Iterator[tuple[Capability, Operation[Any]]]:
    """For each capability an operation that uses it. The history of fields may be left out altogether."""
    asked, call = list(fields.values()), conversation("conv_undeclared")
    yield Capability.FULL_READ, connector.read_all(asked, None, 10)
    yield Capability.CHANGES, connector.read_changes(asked, "2026-01-01T00:00:00Z", None, 10)
    yield Capability.READ_BY_ID, connector.read_by_ids(asked, [one])
    yield Capability.REMOVALS, connector.read_removals(None, None)
    yield Capability.UPDATE, connector.update_contacts([Patch(one, {})], fields)
    yield Capability.CREATE, connector.create_contact({}, fields)
    yield Capability.FIND_BY_PHONE, connector.find_by_phone(asked, "+14155550123", [])
    yield Capability.LOG_CALL, connector.create_activity(one, call)
    yield Capability.UPDATE_ACTIVITY, connector.update_activity("1", call, {})
    yield Capability.ACTIVITY_KEY, connector.create_activity(one, call, "key")
    yield Capability.ACTIVITY_KEY, connector.find_activity(one, call, "key")
    yield Capability.ACTIVITY_KEY, connector.activity_key_problem("key")
    if hasattr(connector, "read_history"):
        yield Capability.FIELD_HISTORY, connector.read_history(asked, [one])
