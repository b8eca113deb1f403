"""The auditor on both CRMs: what reads have missed or lost is found, repaired by the ordinary rules, and told."""

from datetime import timedelta
from typing import Any

import pytest
from tests.integration.flows.auditing import (
    DyingStore,
    WorkerDiedError,
    audit,
    begin,
    counts_of,
    forget,
    found,
    map_calculated,
    pass_by,
    recalculate,
    work,
)
from tests.integration.flows.conftest import alice, crm_fields, in_crm
from tests.integration.flows.house import APP, ORG, House

from tieline.flows.configuration import ConfigurationError
from tieline.ports.errors import BrakedError, ConflictError, TransientError
from tieline.ports.work import ConversationKey

NUMBER = "+14155550100"


async def person(home: House, digit: int, **more: Any) -> str:
    """Somebody in the CRM with a number of their own."""
    return await alice(home, phone_number=f"+141555501{digit:02d}", first_name=f"P{digit}", **more)


async def report(home: House) -> dict[str, Any]:
    rows = await home.rows("select * from issue where kind = 'audit_repaired' and closed_at is null")
    assert len(rows) == 1
    return rows[0]


async def test_an_audit_of_what_is_right_finds_nothing_and_changes_nothing(home: House) -> None:
    record = await alice(home)
    await person(home, 1)
    await home.sync()
    before = await home.rows("select * from contact order by contact_id")
    links = await home.rows("select * from link order by external_id")
    counts = await audit(home)
    assert counts["checked"] == 2
    assert not found(counts)
    assert await home.rows("select * from contact order by contact_id") == before
    assert await home.rows("select * from link order by external_id") == links
    assert await home.issues() == []
    assert (await in_crm(home, record))["lead_status"] == "New"


async def test_a_record_that_was_missed_is_found_and_taken_in(home: House) -> None:
    record = await alice(home)
    await person(home, 1)
    await home.sync()
    await pass_by(home)
    await forget(home, record)
    counts = await audit(home)
    assert found(counts) == {"missing_here": 1}
    assert counts["repaired"] == counts["created"] == 1
    contact = await home.contact(NUMBER)
    assert (contact["first_name"], contact["custom_fields"]["lead_status"]) == ("Alice", "New")
    told = await report(home)
    assert told["severity"] == "info"
    assert record in told["message"]
    assert "we did not know it" in told["message"]
    assert told["raw"]["records"] == [{"record": record, "finding": "missing_here", "why": "never_read"}]
    assert not found(await audit(home))


async def test_a_change_that_the_next_read_brings_is_not_called_missed(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.admin("edit", id=record, fields=crm_fields(home, lead_status="Contacted"))
    await person(home, 1)
    counts = await audit(home)
    assert not found(counts)
    assert counts["waiting"] == 2
    assert (await home.contact(NUMBER))["custom_fields"]["lead_status"] == "New"
    await home.sync()
    assert (await home.contact(NUMBER))["custom_fields"]["lead_status"] == "Contacted"


async def test_a_corrupted_base_is_found_and_settled_by_the_table(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await pass_by(home)
    key = next(
        key
        for key in (await home.rows("select state from link"))[0]["state"]
        if key.startswith("lead_status|")
    )
    await home.sql('update link set state = jsonb_set(state, %s, \'{"v": "Nurturing"}\')', [key])
    counts = await audit(home)
    assert found(counts) == {"differing": 1}
    assert (await report(home))["raw"]["records"][0]["why"] == "not_moved"
    state = (await home.rows("select state from link"))[0]["state"]
    assert state[key] == {"v": "New"}
    assert (await home.contact(NUMBER))["custom_fields"]["lead_status"] == "New"
    assert (await in_crm(home, record))["lead_status"] == "New"
    assert not found(await audit(home))


async def test_a_record_that_was_purged_behind_the_sweep_is_found_missing(home: House) -> None:
    record = await alice(home)
    other = await person(home, 1)
    await home.sync()
    await pass_by(home)
    await home.admin("delete", id=record, purge=True)
    counts = await audit(home)
    assert found(counts) == {"missing_there": 1}
    links = {r["external_id"]: r["status"] for r in await home.rows("select external_id, status from link")}
    assert links == {record: "missing", other: "open"}
    assert (await report(home))["raw"]["records"][0]["why"] == "unlisted"
    assert not found(await audit(home))


async def test_a_deletion_that_the_crm_names_is_swept_and_no_finding(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.admin("delete", id=record)
    assert not found(await audit(home))
    assert (await home.rows("select status from link"))[0]["status"] == "deleted"


async def test_a_commit_behind_the_watermark_is_found(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await pass_by(home)
    await home.admin(
        "edit", id=record, fields=crm_fields(home, lead_status="Qualified"), stamp_seconds_ago=1800
    )
    await home.sync()
    assert (await home.contact(NUMBER))["custom_fields"]["lead_status"] == "New", "it is behind the reads"
    counts = await audit(home)
    assert found(counts) == {"differing": 1}
    assert (await home.contact(NUMBER))["custom_fields"]["lead_status"] == "Qualified"
    assert (await report(home))["raw"]["records"][0]["why"] == "late_change"
    assert not found(await audit(home))


@pytest.mark.parametrize("alone", [False, True], ids=["by the audit", "by its own read"])
async def test_a_calculated_field_that_moved_no_stamp_is_refreshed(home: House, alone: bool) -> None:
    await map_calculated(home)
    record = await alice(home, score=30)
    await home.sync()
    await pass_by(home)
    before = (await home.contact(NUMBER))["custom_fields"]["tier"]
    new = await recalculate(home, record)
    await home.sync()
    assert (await home.contact(NUMBER))["custom_fields"]["tier"] == before, "no increment shows it"
    counts = await audit(home, calculated=alone)
    assert found(counts) == {"differing": 1}
    assert (await home.contact(NUMBER))["custom_fields"]["tier"] == new
    # For the calculated fields' own read it is what it is there for, and nothing to tell anybody.
    assert await home.issues() == ([] if alone else ["audit_repaired"])
    assert not found(await audit(home, calculated=alone))


async def test_the_calculated_fields_read_asks_for_nothing_else(home: House) -> None:
    await map_calculated(home)
    record = await alice(home)
    await home.sync()
    await pass_by(home)
    await forget(home, record)
    assert not found(await audit(home, calculated=True)), "records are the whole audit's business"
    requests = (await home.http.get(f"{home.url}/__sandbox__/requests")).json()
    listed = [r for r in requests["requests"] if r["operation"] in ("bulk.create", "contacts.list")]
    asked = str(listed[-1]["query"]) + str(listed[-1]["body"])
    assert ("Formula__c" in asked) or ("weighted_score" in asked)
    assert "Lead_Status__c" not in asked
    assert "lead_status" not in asked


async def test_a_value_that_nobody_ever_confirmed_is_settled(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await pass_by(home)
    key = next(
        key
        for key in (await home.rows("select state from link"))[0]["state"]
        if key.startswith("lead_status|")
    )
    long_ago = int((home.clock.now() - timedelta(hours=2)).timestamp() * 1000)
    await home.sql(
        "update link set state = jsonb_set(state, %s, jsonb_build_object('v', 'New', 'f',"
        " jsonb_build_array(jsonb_build_array('Contacted', 'Contacted', %s::bigint))))", [key], long_ago,
    )  # fmt: skip
    assert found(await audit(home)) == {"stuck": 1}
    assert (await home.rows("select state from link"))[0]["state"][key] == {"v": "New"}
    assert (await in_crm(home, record))["lead_status"] == "New"
    assert not found(await audit(home))


async def test_a_crm_that_suddenly_shows_nobody_is_not_believed(home: House) -> None:
    await home.admin("seed", contacts=80)
    await home.sync()
    records = [r["external_id"] for r in await home.rows("select external_id from link")]
    for record in records:
        await home.admin("delete", id=record, purge=True)
    run_id = await begin(home)
    with pytest.raises(BrakedError, match=r"take .* linked records for gone"):
        await work(home, run_id)
    counts = await counts_of(home, run_id)
    assert not found(counts)
    assert counts["not_touched"] >= 60
    assert "brake" in await home.issues()
    assert not await home.rows("select 1 from link where status = 'missing'")


async def test_a_conversation_that_the_crm_has_twice_is_told_until_it_has_it_once(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, {"call_summary": "Talked."})
    await home.analyse()
    assert await home.log() == 1
    assert "second_activities" not in await audit(home)
    kept = (await home.rows("select activity_id from activity"))[0]["activity_id"]
    async with home.store.transaction() as uow:
        rows = await uow.work.activities_of(ConversationKey(ORG, "retell", "call_1"))
        conversation = await uow.work.conversation(rows[0].key, lock=False)
    assert conversation is not None
    session = await home.session()
    second = await session.run(session.connector.create_activity(record, conversation.activity()))
    assert (await audit(home))["second_activities"] == 1
    told = (await home.rows("select * from issue where kind = 'second_activity' and closed_at is null"))[0]
    assert kept in told["message"]
    assert sorted(told["raw"]["activities"]) == sorted([kept, second.activity_id])
    await home.admin(
        "delete", object="Task" if home.provider == "salesforce" else "calls", id=second.activity_id
    )
    assert "second_activities" not in await audit(home)
    assert await home.issues() == []


async def test_nothing_is_audited_before_the_first_read(home: House) -> None:
    with pytest.raises(ConfigurationError, match="sync it first"):
        await work(home, await begin(home))


async def test_a_difference_that_is_known_and_kept_is_no_finding(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.admin("edit", id=record, fields=crm_fields(home, lead_status=""))
    await home.sql("update custom_field set options = '[\"New\"]' where name = 'lead_status'")
    await home.admin("edit", id=record, fields=crm_fields(home, lead_status="Contacted"))
    await home.sync()
    await pass_by(home)
    told = await home.rows("select kind, occurrences from issue where closed_at is null order by kind")
    counts = await audit(home)
    assert not found(counts)
    assert (
        await home.rows("select kind, occurrences from issue where closed_at is null order by kind") == told
    )


async def damaged(home: House) -> None:
    """Four kinds of damage among a dozen people."""
    records = [await person(home, digit) for digit in range(12)]
    await home.sync()
    await pass_by(home)
    await forget(home, records[2])
    await forget(home, records[9])
    await home.admin("delete", id=records[4], purge=True)
    late = crm_fields(home, lead_status="Qualified")
    await home.admin("edit", id=records[7], fields=late, stamp_seconds_ago=1800)


async def test_an_audit_that_is_interrupted_again_and_again_ends_as_one_that_was_not(home: House) -> None:
    await damaged(home)
    run_id = await begin(home)
    interruptions = 0
    for attempt in range(200):
        home.wire.cut_after = 3 + attempt % 4
        try:
            await work(home, run_id, page_size=3)
        except TransientError:
            interruptions += 1
        else:
            break
    home.wire.cut_after = None
    assert interruptions > 5
    counts = await counts_of(home, run_id)
    assert counts["checked"] == 11
    assert found(counts) == {"missing_here": 2, "missing_there": 1, "differing": 1}
    assert counts["repaired"] == 4
    assert not found(await audit(home))
    statuses = await home.rows("select status, count(*) as n from link group by status order by status")
    assert statuses == [{"status": "missing", "n": 1}, {"status": "open", "n": 11}]


@pytest.mark.parametrize("error", [WorkerDiedError, ConflictError])
async def test_an_audit_that_fails_at_every_boundary_of_a_transaction_finds_the_same(
    home: House, error: type[Exception]
) -> None:
    await damaged(home)
    run_id = await begin(home)
    failures = 0
    for attempt in range(300):
        try:
            # Each worker lives a little longer than the one before, so that every boundary is somebody's last.
            await work(home, run_id, page_size=3, store=DyingStore(home.store, attempt, error))
        except error:
            failures += 1
        else:
            if not await home.rows("select 1 from audit_record"):
                break
    assert failures > 5
    counts = await counts_of(home, run_id)
    assert counts["checked"] == 11
    assert found(counts) == {"missing_here": 2, "missing_there": 1, "differing": 1}
    assert counts["repaired"] == 4
    assert not found(await audit(home))
    assert len(await home.rows("select 1 from contact where merged_into is null")) == 12


async def test_a_run_that_is_taken_up_again_after_its_end_does_nothing(home: House) -> None:
    await alice(home)
    await home.sync()
    run_id = await begin(home)
    await work(home, run_id)
    before = await counts_of(home, run_id)
    await work(home, run_id)
    assert await counts_of(home, run_id) == before
    state = (await home.rows("select * from read_state where kind = 'audit'"))[0]
    assert (state["org_id"], state["app_id"]) == (ORG, APP)
    assert state["completed_at"] is not None
