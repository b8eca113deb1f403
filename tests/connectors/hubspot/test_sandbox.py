"""Against the sandbox HubSpot over real HTTP: what only HubSpot has, and the sizes that the conformance suite
does not."""

import pytest
from tests.connectors.hubspot.world import HubSpotWorld

from tieline.connectors.http import HttpSession
from tieline.connectors.hubspot import CONNECTOR
from tieline.domain.activities import Activity, ConversationType
from tieline.domain.crm_schema import CrmField
from tieline.domain.records import Patch
from tieline.ports.crm import Json, Refused, Written
from tieline.ports.errors import (
    DuplicateRecordError,
    PermissionMissingError,
    RateLimitedError,
    RecordGoneError,
    RecordRejectedError,
    TransientError,
)

LONG_AGO = "2020-01-01T00:00:00Z"


async def fields(session: HttpSession, *names: str) -> list[CrmField]:
    schema = await session.run(CONNECTOR.describe())
    return [schema.fields[name] for name in names or schema.fields]


async def changed(session: HttpSession, wanted: list[CrmField], page_size: int = 200) -> list[str]:
    ids: list[str] = []
    cursor: Json | None = None
    while True:
        page = await session.run(CONNECTOR.read_changes(wanted, LONG_AGO, cursor, page_size))
        ids += [record.external_id for record in page.records]
        cursor = page.cursor
        if cursor is None:
            return ids


async def test_a_seeded_portal_is_read_completely_by_list_and_by_search(world: HubSpotWorld) -> None:
    await world.admin("seed", {"contacts": 450, "seed": 3})
    await world.settle()
    session = world.session()
    wanted = await fields(session, "phone", "firstname")
    listed: list[str] = []
    cursor: Json | None = None
    while True:
        page = await session.run(CONNECTOR.read_all(wanted, cursor, 1_000))
        listed += [record.external_id for record in page.records]
        assert all(set(record.values) == {"phone", "firstname"} for record in page.records)
        cursor = page.cursor
        if cursor is None:
            break
    assert len(listed) == len(set(listed)) == 450
    assert set(await changed(session, wanted)) == set(listed)


async def test_every_property_at_once_can_be_read_both_ways(world: HubSpotWorld) -> None:
    one = await world.create({"firstname": "Ann", "notes": "n"})
    await world.settle()
    session = world.session()
    everything = await fields(session)
    assert len(everything) > 200
    listed = await session.run(CONNECTOR.read_all(everything, None, 10))
    found = await session.run(CONNECTOR.read_changes(everything, LONG_AGO, None, 10))
    assert [record.external_id for record in listed.records] == [one]
    assert dict(listed.records[0].values) == dict(found.records[0].values)
    assert set(listed.records[0].values) == {field.name for field in everything}


async def test_one_refused_record_of_a_hundred_fails_alone(world: HubSpotWorld) -> None:
    answer = await world.admin("seed", {"contacts": 100, "seed": 5})
    session = world.session()
    (first_name, status) = await fields(session, "firstname", "lead_status")
    page = await session.run(CONNECTOR.read_all([], None, 100))
    ids = [record.external_id for record in page.records]
    assert answer["created"] == len(ids) == 100
    by_name = {"firstname": first_name, "lead_status": status}
    patches = [Patch(one, {"firstname": "Zoe", "lead_status": "New"}) for one in ids]
    patches[41] = Patch(ids[41], {"firstname": "Zoe", "lead_status": "Pink"})
    before = session.requests_sent
    outcomes = await session.run(CONNECTOR.update_contacts(patches, by_name))
    assert session.requests_sent - before == 3
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert [outcome.external_id for outcome in refused] == [ids[41]]
    assert isinstance(refused[0].error, RecordRejectedError)
    assert refused[0].error.field == "lead_status"
    assert sum(isinstance(outcome, Written) for outcome in outcomes) == 99


async def test_a_survivor_names_what_was_merged_into_it_and_the_loser_is_gone(world: HubSpotWorld) -> None:
    winner, loser = [await world.create({"firstname": name}) for name in ("Ann", "Bob")]
    survivor = await world.merge(winner, loser)
    session = world.session()
    page = await session.run(CONNECTOR.read_by_ids([], [survivor]))
    assert set(page.records[0].merged_ids) == {winner, loser} - {survivor}
    gone = await session.run(CONNECTOR.read_by_ids([], [loser]))
    assert loser not in [record.external_id for record in gone.records]
    outcomes = await session.run(CONNECTOR.update_contacts([Patch(loser, {"firstname": "New"})], {}))
    assert isinstance(outcomes[0], Refused)
    assert isinstance(outcomes[0].error, RecordGoneError)


async def test_a_second_contact_with_the_same_address_is_named(world: HubSpotWorld) -> None:
    one = await world.create({"email": "alice@example.com"})
    session = world.session()
    with pytest.raises(DuplicateRecordError) as raised:
        await session.run(CONNECTOR.create_contact({"email": "alice@example.com"}, {}))
    assert raised.value.existing_ids == (one,)


async def test_an_activity_is_looked_for_without_a_search(world: HubSpotWorld) -> None:
    one = await world.create({"firstname": "Ann"})
    session = world.session()
    for number in range(3):
        activity = Activity(
            f"tieline:o:p:{number}", ConversationType.CALL, str(number), None, 1_773_570_600_000
        )
        await session.run(CONNECTOR.create_activity(one, activity))
    found = await session.run(CONNECTOR.find_activity(one, activity))
    assert found is not None
    assert not [request for request in await world.requests() if "search" in request["path"]]


async def test_the_editor_of_a_record_is_told(world: HubSpotWorld) -> None:
    one = await world.create({"firstname": "Ann"})
    session = world.session()
    (first_name,) = await fields(session, "firstname")

    async def editor() -> str | None:
        page = await session.run(CONNECTOR.read_by_ids([first_name], [one]))
        return page.records[0].modified_by

    by_rep = await editor()
    await session.run(
        CONNECTOR.update_contacts([Patch(one, {"firstname": "Eve"})], {"firstname": first_name})
    )
    assert by_rep is not None
    assert await editor() not in (None, by_rep)


async def test_the_scope_that_is_missing_is_named(world: HubSpotWorld) -> None:
    token = {"token": world.credentials.auth["api_key"], "scopes": ["oauth", "crm.schemas.contacts.read"]}
    await world.admin("settings", {"access_tokens": [token]})
    with pytest.raises(PermissionMissingError, match=r"crm\.objects\.contacts\.read"):
        await world.session().run(CONNECTOR.read_all([], None, 10))


async def test_limits_are_reported_and_a_search_too_many_pauses_only_searches(world: HubSpotWorld) -> None:
    await world.admin("settings", {"rate_limits": True})
    session = world.session()

    async def search_on() -> None:
        for _ in range(30):
            await session.run(CONNECTOR.read_changes([], LONG_AGO, None, 1))

    with pytest.raises(RateLimitedError) as raised:
        await search_on()
    assert not raised.value.daily
    assert set(world.gate.pauses) == {"search"}
    await session.run(CONNECTOR.read_all([], None, 1))
    core = [limits for limits in world.gate.reports if limits.bucket == "core"]
    assert core
    assert 0 < core[-1].used <= core[-1].allowed


async def test_a_locked_record_is_known_not_to_be_written(
    world: HubSpotWorld,
) -> None:
    one = await world.create({"firstname": "Ann"})
    await world.admin("faults", {"kind": "lock", "record_ids": [one]})
    session = world.session()
    (first_name,) = await fields(session, "firstname")
    patch = Patch(one, {"firstname": "Eve"})
    with pytest.raises(TransientError) as raised:
        await session.run(CONNECTOR.update_contacts([patch], {"firstname": first_name}))
    assert not raised.value.maybe_applied
    (outcome,) = await session.run(CONNECTOR.update_contacts([patch], {"firstname": first_name}))
    assert isinstance(outcome, Written)
