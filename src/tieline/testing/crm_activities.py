"""Conformance of activities: on the right contact, once, and never over what somebody else wrote."""

from dataclasses import replace

from tieline.domain.activities import Activity, ConversationDirection, ConversationType, activity_key
from tieline.ports.errors import RecordGoneError, TransientError
from tieline.testing.crm_steps import failing, fields_of, person
from tieline.testing.world import Fault, World


def conversation(name: str, type: ConversationType = ConversationType.CALL) -> Activity:
    """A conversation that ended, with everything that one can have."""
    is_call = type is ConversationType.CALL
    return Activity(
        key=activity_key("org_conformance", "retell", name),
        type=type,
        conversation_id=name,
        direction=ConversationDirection.OUTBOUND,
        started_ms=1_773_570_600_000,
        ended_ms=1_773_570_725_000,
        duration_ms=125_000 if is_call else None,
        from_number="+14155550199",
        to_number="+14155550100",
        summary="Wants a demo next week. \"Quoted\" & <tagged> 'text' 😀",
        disconnection_reason="user_hangup" if is_call else None,
    )


class ActivityConformance:
    """Calls and chats."""

    async def test_an_activity_lands_on_the_right_contact_and_is_found_by_its_key(self, world: World) -> None:
        ids = [await world.create(person(world, n)) for n in range(2)]
        session = world.session()
        for type in ConversationType:
            activity = conversation(f"c'onv_{type.value}", type)
            assert await session.run(session.connector.find_activity(ids[1], activity)) is None
            made = await session.run(session.connector.create_activity(ids[1], activity))
            seen = {one.activity_id: one for one in await world.activities()}
            assert seen[made.activity_id].contact_ids == (ids[1],)
            assert "Wants a demo next week." in seen[made.activity_id].text
            found = await session.run(session.connector.find_activity(ids[1], activity))
            assert found is not None
            assert found.activity_id == made.activity_id
            other = replace(activity, key=activity.key + "x")
            assert await session.run(session.connector.find_activity(ids[1], other)) is None

    async def test_an_activity_whose_answer_was_lost_is_found_instead_of_made_twice(
        self, world: World
    ) -> None:
        one = await world.create(person(world, 1))
        session = world.session()
        await fields_of(session, world)
        activity = conversation("conv_lost")
        await world.fail(Fault.DROPPED_AFTER)
        lost = await failing(TransientError, session.run(session.connector.create_activity(one, activity)))
        assert lost.maybe_applied
        found = await session.run(session.connector.find_activity(one, activity))
        assert found is not None
        assert [seen.activity_id for seen in await world.activities()] == [found.activity_id]

    async def test_a_later_summary_updates_the_activity_in_place(self, world: World) -> None:
        one = await world.create(person(world, 1))
        session = world.session()
        for type in ConversationType:
            early = replace(conversation(f"conv_{type.value}", type), summary=None)
            made = await session.run(session.connector.create_activity(one, early))
            late = replace(early, summary="The analysis came later.")
            update = session.connector.update_activity(made.activity_id, late, made.written)
            kept = await session.run(update)
            assert kept.activity_id == made.activity_id
            text = {seen.activity_id: seen.text for seen in await world.activities()}[made.activity_id]
            assert "The analysis came later." in text
            found = await session.run(session.connector.find_activity(one, late))
            assert found is not None
            assert found.activity_id == made.activity_id
            later = replace(late, summary="And once more.")
            await session.run(session.connector.update_activity(made.activity_id, later, kept.written))
            text = {seen.activity_id: seen.text for seen in await world.activities()}[made.activity_id]
            assert "And once more." in text
            assert "The analysis came later." not in text

    async def test_what_somebody_else_wrote_into_an_activity_stays(self, world: World) -> None:
        one = await world.create(person(world, 1))
        session = world.session()
        activity = conversation("conv_theirs")
        made = await session.run(session.connector.create_activity(one, activity))
        await world.rewrite_activity(made.activity_id, "My own notes of this call.")
        later = replace(activity, summary="A machine's summary.")
        kept = await session.run(session.connector.update_activity(made.activity_id, later, made.written))
        again = replace(activity, summary="Another summary.")
        await session.run(session.connector.update_activity(made.activity_id, again, kept.written))
        text = {seen.activity_id: seen.text for seen in await world.activities()}[made.activity_id]
        assert "My own notes of this call." in text
        assert "summary." not in text

    async def test_an_activity_on_a_deleted_contact_says_that_the_record_is_gone(self, world: World) -> None:
        one = await world.create(person(world, 1))
        session = world.session()
        await fields_of(session, world)
        await world.delete(one)
        await failing(
            RecordGoneError, session.run(session.connector.create_activity(one, conversation("conv_gone")))
        )
        assert list(await world.activities()) == []
