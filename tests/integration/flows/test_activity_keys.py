"""Activities by a unique field that the administrator made, on both CRMs: one at rest, whatever arrives late."""

from dataclasses import replace
from typing import Any

import pytest
from tests.integration.flows.conftest import alice
from tests.integration.flows.house import House

from tieline.domain.activities import Activity, ConversationDirection, ConversationType, activity_key
from tieline.ports.errors import RecordRejectedError, TransientError

NUMBER = "+14155550100"
FIELD = {"salesforce": "Tieline_Key__c", "hubspot": "tieline_key"}
CREATE = {"salesforce": "record.create", "hubspot": "calls.create"}


async def make_field(home: House, *, unique: bool = True) -> str:
    """The administrator's field."""
    name = FIELD[home.provider]
    if home.provider == "salesforce":
        text = {"name": name, "type": "string", "length": 255, "unique": unique, "external_id": unique}
        await home.admin("schema", object="Task", add=text)
        return name
    for kind in ("calls", "communications"):
        text = {
            "name": name, "label": name, "type": "string", "fieldType": "text",
            "groupName": f"{kind.removesuffix('s')}_information", "hasUniqueValue": unique,
        }  # fmt: skip
        await home.admin("schema", object=kind, add=text)
    return name


async def remove_field(home: House) -> None:
    objects = ("Task",) if home.provider == "salesforce" else ("calls", "communications")
    for kind in objects:
        await home.admin("schema", object=kind, remove=FIELD[home.provider])


async def use(home: House, name: str) -> None:
    """The app's setting."""
    app = await home.app()
    config = {**app.crm_config, "activity_key_field": name}
    async with home.pool.connection() as connection:
        await home.apps.save(connection, replace(app, crm_config=config), None)


def conversation(type: ConversationType = ConversationType.CALL) -> Activity:
    return Activity(
        key=activity_key("org_test", "retell", f"{type.value}_1"),
        type=type,
        conversation_id=f"{type.value}_1",
        direction=ConversationDirection.OUTBOUND,
        started_ms=1_773_570_600_000,
        duration_ms=61_000 if type is ConversationType.CALL else None,
        summary="Talked.",
    )


async def problem(home: House) -> str | None:
    session = await home.session()
    return await session.run(session.connector.activity_key_problem(FIELD[home.provider]))


async def logged(home: House, record: str) -> int:
    """How many calls hang on the record, by the CRM's own API."""
    if home.provider == "salesforce":
        state = await home.http.get(f"{home.url}/__sandbox__/state")
        return int(state.json()["objects"]["Task"]["live"])
    session = await home.session()
    page = await session.run(session.connector.activity_ids(record, conversation()))  # type: ignore[attr-defined]
    return len(page)


async def test_the_check_says_whether_the_field_is_there_and_unique(home: House) -> None:
    absent = await problem(home)
    assert absent is not None
    assert FIELD[home.provider] in absent
    await make_field(home, unique=False)
    plain = await problem(home)
    assert plain is not None
    assert "nique" in plain
    await remove_field(home)
    await make_field(home)
    assert await problem(home) is None


@pytest.mark.parametrize("type", list(ConversationType))
async def test_a_second_create_gives_the_activity_that_is_there(home: House, type: ConversationType) -> None:
    name = await make_field(home)
    record = await alice(home)
    session = await home.session()
    connector, activity = session.connector, conversation(type)
    first = await session.run(connector.create_activity(record, activity, name))
    again = await session.run(connector.create_activity(record, activity, name))
    assert again.activity_id == first.activity_id
    found = await session.run(connector.find_activity(record, activity, name))
    assert found is not None
    assert found.activity_id == first.activity_id
    late = replace(activity, summary="The analysis came later.")
    updated = await session.run(connector.update_activity(again.activity_id, late, again.written))
    assert updated.activity_id == first.activity_id


async def test_an_activity_from_before_the_field_was_made_is_found(home: House) -> None:
    record = await alice(home)
    session = await home.session()
    first = await session.run(session.connector.create_activity(record, conversation()))
    name = await make_field(home)
    found = await session.run(session.connector.find_activity(record, conversation(), name))
    assert found is not None
    assert found.activity_id == first.activity_id


async def test_a_create_that_lands_after_we_looked_and_created_again_makes_no_second_activity(
    home: House,
) -> None:
    """Without the unique field this is the one gap: the request is applied later than any limit says."""
    name = await make_field(home)
    await use(home, name)
    record = await alice(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, {})
    await home.analyse()
    await home.fault("late_commit", CREATE[home.provider], seconds=900)
    home.wire.patience_s = 0.2
    with pytest.raises(TransientError):
        await home.log()
    home.wire.patience_s = 30.0
    await home.later(minutes=10)
    assert await home.log() == 1
    await home.later(minutes=10)
    await home.wire.settled()
    await home.sync()
    assert await logged(home, record) == 1
    assert await home.rows("select 1 from activity where status = 'done'")


async def test_a_field_that_was_taken_away_is_an_issue_and_stops_nothing_else(home: House) -> None:
    name = await make_field(home)
    await use(home, name)
    await alice(home)
    await home.sync()
    await remove_field(home)
    await home.conversation("call_1", NUMBER, {})
    await home.analyse()
    assert await home.log() == 0
    assert await home.issues() == ["activity_refused"]
    (issue,) = await home.rows("select message from issue")
    assert name in issue["message"]


async def test_nobody_asks_for_a_key_by_a_field_that_is_gone(home: House) -> None:
    record = await alice(home)
    session = await home.session()
    name: Any = FIELD[home.provider]
    with pytest.raises(RecordRejectedError, match=name):
        await session.run(session.connector.find_activity(record, conversation(), name))
