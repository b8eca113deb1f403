"""`sync_new_contacts` on both CRMs: after a conversation a contact gets a record, and never a second one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.flows.conftest import NAMES, alice, crm_fields, in_crm, map_both_ways
from tests.integration.flows.house import APP, ORG, House

from tieline.flows.creating import CreateResult, CreatingFlow
from tieline.ports.errors import TransientError
from tieline.ports.store import Lane

NUMBER = "+14155550100"
CREATE = {"salesforce": "record.create", "hubspot": "contacts.create"}
UNUSED = {"salesforce": "LastName", "hubspot": "lastname"}
SAID = {
    "lead_qualification_status": "Qualified",
    "customer_notes": "Wants a demo.",
    "call_summary": "Talked about the plan.",
}


async def switch_on(home: House, **more: Any) -> None:
    """The app's setting."""
    app = await home.app()
    config = {**app.crm_config, "sync_new_contacts": True, **more}
    async with home.pool.connection() as connection:
        await home.apps.save(connection, replace(app, crm_config=config), None)


async def called(home: House, conversation_id: str = "call_1", number: str = NUMBER) -> None:
    """A call of which Tieline has worked off the analysis."""
    await home.conversation(conversation_id, number, SAID)
    await home.analyse()


async def create(home: House) -> CreateResult:
    """One pass of the flow, as the worker would do it."""
    flow = CreatingFlow(home.store, home.clock, home.ids, home.outbound_brake)
    async with home.lane(Lane.LIVE) as lease:
        return await flow.run(
            await home.app(), await home.org(), await home.session(), lease, await home.schema()
        )


async def settled(home: House) -> None:
    """Passes until nothing is left to do at once: what a worker would have done by then."""
    for _ in range(5):
        if not (await create(home)).looked:
            break
    while await home.log():
        continue
    for _ in range(5):
        if not (await home.push()).looked:
            break
    await home.sync()


async def records(home: House) -> list[str]:
    """The ids of all contacts in the CRM."""
    session, found = await home.session(), []
    schema = await home.schema()
    fields = [field for field in (schema.get(n) for n in NAMES[home.provider].values()) if field is not None]
    cursor = None
    while True:
        page = await session.run(session.connector.read_all(fields, cursor, 100))
        found += [record.external_id for record in page.records]
        cursor = page.cursor
        if cursor is None and page.wait_s <= 0:
            return found


async def links(home: House) -> Sequence[Mapping[str, Any]]:
    return await home.rows("select * from link where status = 'open' order by external_id")


async def causes(home: House) -> list[str]:
    rows = await home.rows(
        "select message from issue where kind = 'record_not_created' and closed_at is null"
    )
    return [row["message"] for row in rows]


async def activities(home: House) -> list[tuple[str, str]]:
    rows = await home.rows("select conversation_id, status from activity order by conversation_id")
    return [(row["conversation_id"], row["status"]) for row in rows]


async def test_a_caller_whom_the_crm_does_not_know_becomes_a_record_and_the_call_is_logged_on_it(
    home: House,
) -> None:
    await switch_on(home)
    await home.sync()
    await called(home)
    assert await home.log() == 0, "there is nothing yet to log it on"
    assert await create(home) == CreateResult(looked=1, created=1)
    (external_id,) = await records(home)
    there = await in_crm(home, external_id)
    assert there["phone_number"] == NUMBER
    assert there["lead_status"] == "Qualified"
    assert there["interaction_summary"] == f"{home.clock.now():%Y-%m-%d}: Wants a demo."
    assert there["last_name"] == NUMBER, "a record needs a name"
    (link,) = await links(home)
    assert link["external_id"] == external_id
    base = link["state"][f"lead_status|{NAMES[home.provider]['lead_status']}"]
    assert (base["v"], base["u"]) == ("Qualified", True)
    assert link["dirty_at"] is None, "all that was to be said was said"
    assert await home.log() == 1
    assert await activities(home) == [("call_1", "done")]
    await settled(home)
    contact = await home.contact(NUMBER)
    assert contact["last_name"] is None, "the number that stands in for a name is nobody's name"
    assert await records(home) == [external_id]
    assert await home.issues() == []
    await called(home, "call_2")
    await settled(home)
    assert await records(home) == [external_id]
    assert await activities(home) == [("call_1", "done"), ("call_2", "done")]


async def test_a_reps_name_replaces_the_placeholder(home: House) -> None:
    await switch_on(home, new_contact_name="Unknown caller")
    await home.sync()
    await called(home)
    await settled(home)
    (external_id,) = await records(home)
    assert (await in_crm(home, external_id))["last_name"] == "Unknown caller"
    await home.later(seconds=5)
    await home.admin("edit", id=external_id, fields=crm_fields(home, last_name="Smith"))
    await home.sync()
    assert (await home.contact(NUMBER))["last_name"] == "Smith"


async def test_our_own_names_are_used_and_a_rep_sees_nothing_of_a_placeholder(home: House) -> None:
    await switch_on(home, new_contact_name="Unknown caller")
    await home.sync()
    await called(home)
    await home.edit(NUMBER, first_name="Alice", last_name="Smith")
    await settled(home)
    (external_id,) = await records(home)
    there = await in_crm(home, external_id)
    assert (there["first_name"], there["last_name"]) == ("Alice", "Smith")
    assert (await home.contact(NUMBER))["last_name"] == "Smith"
    assert await home.issues() == []


async def test_without_the_setting_nothing_is_created(home: House) -> None:
    await home.sync()
    await called(home)
    await settled(home)
    assert await records(home) == []
    assert await activities(home) == []


async def test_nothing_is_created_before_the_first_read_is_complete(home: House) -> None:
    await switch_on(home)
    external_id = await alice(home)
    await called(home)
    assert await create(home) == CreateResult()
    await home.sync()
    await settled(home)
    assert await records(home) == [external_id]
    assert await activities(home) == [("call_1", "done")]


@pytest.mark.parametrize("spelled", ["(415) 555-0100", "415.555.0100", "+1 415 555 0100"])
async def test_a_record_with_the_number_in_another_spelling_is_linked(home: House, spelled: str) -> None:
    await switch_on(home)
    await home.sync()
    external_id = await alice(home, phone_number=spelled)
    await called(home)
    await settled(home)
    assert await records(home) == [external_id]
    assert [link["external_id"] for link in await links(home)] == [external_id]
    assert (await home.contact(NUMBER))["first_name"] == "Alice", "it is read as well"
    assert await activities(home) == [("call_1", "done")]
    assert await home.requests(CREATE[home.provider]) == (1 if home.provider == "salesforce" else 0)
    assert await home.issues() == []


async def test_of_two_records_with_the_number_a_person_chooses(home: House) -> None:
    await switch_on(home)
    await home.sync()
    ids = [await alice(home), await alice(home, phone_number="415-555-0100", first_name="Bob")]
    await called(home)
    await create(home)
    assert await links(home) == []
    (message,) = await causes(home)
    assert all(external_id in message for external_id in ids)
    assert len(await records(home)) == 2
    # The next read chooses the older one; what waited goes on with it.
    await home.sync()
    await settled(home)
    assert [link["external_id"] for link in await links(home)] == [min(ids)]
    assert await causes(home) == []
    assert await activities(home) == [("call_1", "done")]


async def test_a_record_that_was_skipped_for_its_number_is_linked_once_the_number_can_be_read(
    home: House,
) -> None:
    await switch_on(home)
    external_id = await alice(home, phone_number="030 901820")
    await home.sync()
    assert await home.issues() == ["unusable_phone"]
    await switch_on(home, default_country="DE")
    await called(home, number="+4930901820")
    await settled(home)
    assert await records(home) == [external_id]
    assert [link["external_id"] for link in await links(home)] == [external_id]
    assert await home.issues() == []


async def test_a_number_that_another_contacts_record_shows_as_its_second_one_is_listed(home: House) -> None:
    second = {"salesforce": "MobilePhone", "hubspot": "mobilephone"}[home.provider]
    await switch_on(home, fallback_phone_fields=[second])
    fields = crm_fields(home, phone_number="+14155550111", last_name="Smith")
    await home.sync()
    await called(home)
    await home.admin("create", fields={**fields, second: "(415) 555-0100"})
    await home.sync()
    await settled(home)
    assert len(await records(home)) == 1
    (message,) = await causes(home)
    assert "another contact" in message
    assert await activities(home) == [("call_1", "due")]


async def test_a_contact_whose_record_was_deleted_is_listed_and_not_made_anew(home: House) -> None:
    await switch_on(home)
    external_id = await alice(home)
    await home.sync()
    await home.admin("delete", id=external_id)
    await home.later(minutes=30)
    await home.sync()
    await called(home)
    await settled(home)
    assert await records(home) == []
    (message,) = await causes(home)
    assert external_id in message
    await home.admin("restore", id=external_id)
    await home.later(minutes=30)
    await home.sync(full=True)
    await settled(home)
    assert [link["external_id"] for link in await links(home)] == [external_id]
    assert await causes(home) == []
    assert await activities(home) == [("call_1", "done")]


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
async def test_a_lost_answer_makes_no_second_record(home: House, fault: str) -> None:
    await switch_on(home)
    await home.sync()
    await called(home)
    if home.provider == "hubspot":
        await home.admin("settings", index_lag_seconds=200)
    await home.fault(fault, CREATE[home.provider])
    with pytest.raises(TransientError):
        await create(home)
    sent = await home.requests(CREATE[home.provider])
    await home.later(seconds=30)
    assert (await create(home)).looked == 1
    assert (await create(home)).looked == 0
    assert await home.requests(CREATE[home.provider]) == sent, "it may still be applied, so it waits"
    await home.later(minutes=10)
    await settled(home)
    assert len(await records(home)) == 1
    assert len(await links(home)) == 1
    assert (await home.contact(NUMBER))["last_name"] is None
    assert await activities(home) == [("call_1", "done")]
    assert await home.issues() == []
    await settled(home)
    assert (await home.contact(NUMBER))["last_name"] is None


async def test_a_read_that_is_faster_than_our_look_takes_no_placeholder_for_a_name(home: House) -> None:
    await switch_on(home)
    await home.sync()
    await called(home)
    await home.fault("drop_after", CREATE[home.provider])
    with pytest.raises(TransientError):
        await create(home)
    await home.later(seconds=30)
    await home.sync()
    assert (await home.contact(NUMBER))["last_name"] is None, "what we sent is in flight to the record"
    await settled(home)
    assert (await home.contact(NUMBER))["last_name"] is None
    assert len(await records(home)) == 1
    await home.later(seconds=30)
    await home.sync(full=True)
    assert (await home.contact(NUMBER))["last_name"] is None


async def test_a_read_that_is_faster_than_our_look_takes_no_word_of_ours_for_news(home: House) -> None:
    await switch_on(home)
    await map_both_ways(home, "plan")
    await home.sync()
    await called(home)
    await home.edit(NUMBER, plan="Pro")
    await home.fault("drop_after", CREATE[home.provider])
    with pytest.raises(TransientError):
        await create(home)
    await home.edit(NUMBER, plan="Max")
    await home.later(seconds=30)
    await home.sync()
    assert (await home.contact(NUMBER))["custom_fields"]["plan"] == "Max"
    await settled(home)
    (external_id,) = await records(home)
    assert (await in_crm(home, external_id))["plan"] == "Max"


async def test_a_create_that_lands_after_its_time_limit_is_found(home: House) -> None:
    await switch_on(home)
    await home.sync()
    await called(home)
    await home.admin("faults", kind="late_commit", seconds=100, match={"operation": CREATE[home.provider]})
    home.wire.patience_s = 0.2
    with pytest.raises(TransientError):
        await create(home)
    await home.later(seconds=110)
    await home.wire.settled()
    await home.later(minutes=10)
    await settled(home)
    assert len(await records(home)) == 1
    assert len(await links(home)) == 1


async def test_a_duplicate_that_the_crm_names_is_linked_if_its_number_agrees(home: House) -> None:
    """Our search missed it: the index lags, or the number is spelled in letters."""
    number, spelled = NUMBER, "(415) 555-0100"
    NAMES[home.provider]["email"] = {"salesforce": "Email", "hubspot": "email"}[home.provider]
    try:
        await switch_on(home)
        await map_both_ways(home, "email")
        await home.sync()
        if home.provider == "salesforce":
            number, spelled = "+18003569377", "1-800-FLOWERS"
        await home.conversation("call_1", number, {**SAID, "email": "alice@example.com"})
        await home.analyse()
        if home.provider == "hubspot":
            await home.admin("settings", index_lag_seconds=200)
        else:
            await home.admin("settings", duplicate_fields=["Email"])
        external_id = await alice(home, phone_number=spelled, email="alice@example.com")
        await settled(home)
        assert await records(home) == [external_id]
        assert [link["external_id"] for link in await links(home)] == [external_id]
        assert await activities(home) == [("call_1", "done")]
    finally:
        del NAMES[home.provider]["email"]


async def test_a_duplicate_with_another_number_is_a_persons_to_judge(home: House) -> None:
    NAMES[home.provider]["email"] = {"salesforce": "Email", "hubspot": "email"}[home.provider]
    try:
        await switch_on(home)
        await map_both_ways(home, "email")
        if home.provider == "salesforce":
            await home.admin("settings", duplicate_fields=["Email"])
        external_id = await alice(home, phone_number="+14155550111", email="alice@example.com")
        await home.sync()
        await home.conversation("call_1", NUMBER, {**SAID, "email": "alice@example.com"})
        await home.analyse()
        await create(home)
        assert await records(home) == [external_id]
        (message,) = await causes(home)
        assert external_id[:15] in message
        # The rep gives the record the number: it is the contact's now.
        await home.later(seconds=5)
        await home.admin("edit", id=external_id, fields=crm_fields(home, phone_number=NUMBER))
        await home.sync()
        await settled(home)
        assert await causes(home) == []
        assert await activities(home) == [("call_1", "done")]
    finally:
        del NAMES[home.provider]["email"]


async def test_a_refused_create_is_an_issue_and_is_replayed(home: House) -> None:
    await switch_on(home)
    await home.sync()
    await called(home)
    await home.fault("validation_rule", field=UNUSED[home.provider], message="Ask Finance first.")
    await create(home)
    (message,) = await causes(home)
    assert "Ask Finance first." in message
    assert (await create(home)).looked == 0, "the same would be refused again"
    await home.cured()
    (issue,) = await home.rows("select * from issue where kind = 'record_not_created'")
    from tieline.store.issues import Issues

    await Issues(home.pool, home.jobs, home.ids).replay(ORG, issue["issue_id"])
    await settled(home)
    assert len(await records(home)) == 1
    assert await causes(home) == []
    assert await activities(home) == [("call_1", "done")]


async def test_a_record_is_created_also_where_conversations_are_not_logged(home: House) -> None:
    await switch_on(home, sync_conversation_activity=False)
    await home.sync()
    await home.conversation("chat_1", NUMBER, SAID, type="chat")
    await home.analyse()
    await settled(home)
    assert len(await records(home)) == 1
    assert await activities(home) == []


async def test_two_calls_of_one_stranger_make_one_record(home: House) -> None:
    await switch_on(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, SAID, ended_ago=timedelta(minutes=5))
    await home.conversation("call_2", NUMBER, SAID)
    await home.analyse()
    await settled(home)
    assert len(await records(home)) == 1
    assert await activities(home) == [("call_1", "done"), ("call_2", "done")]


async def test_a_change_during_the_create_is_pushed_after_it(home: House) -> None:
    await switch_on(home)
    await map_both_ways(home, "plan")
    await home.sync()
    await called(home)
    await home.edit(NUMBER, plan="Pro")
    await create(home)
    (external_id,) = await records(home)
    assert (await in_crm(home, external_id))["plan"] == "Pro"
    await home.edit(NUMBER, plan="Max")
    await settled(home)
    assert (await in_crm(home, external_id))["plan"] == "Max"
    assert (await home.apps.get(ORG, APP)).creates_contacts
