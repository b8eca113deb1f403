"""A person decides what the flows could not: conflicts, shared numbers, merges; and replays what was refused."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.integration.flows.conftest import NAMES, alice, crm_fields, in_crm, map_both_ways
from tests.integration.flows.house import APP, ORG, House

from tieline.domain.changeset import SourceKind
from tieline.domain.review import Choice
from tieline.flows.editing import Editor
from tieline.flows.merging_contacts import ContactMerging, MergeRefusedError
from tieline.flows.reviewing import Decided, Decision, DecisionRefusedError, Reviewing
from tieline.store.issues import Issues, Replay
from tieline.store.merging import ContactMerges
from tieline.store.review import ReviewDesk

NUMBER, OTHER, THIRD = "+14155550100", "+14155550111", "+14155550122"
ANN = Editor(SourceKind.PERSON, "ann")


def merging(home: House) -> ContactMerging:
    return ContactMerging(ContactMerges(home.store), home.clock)


async def the_issue(home: House, kind: str) -> dict[str, Any]:
    (found,) = await home.rows("select * from issue where kind = %s and closed_at is null", kind)
    return found


async def decide(home: House, kind: str, choice: Choice, **more: Any) -> Decided:
    """What a person says to the only open issue of that kind."""
    issue = await the_issue(home, kind)
    reviewing = Reviewing(ReviewDesk(home.store, home.apps, home.jobs), merging(home), home.clock)
    return await reviewing.decide(ORG, await home.org(), issue["issue_id"], Decision(choice, **more), ANN)


async def undo(home: House, contact_id: str) -> Any:
    return await merging(home).unmerge(ORG, await home.org(), contact_id, ANN)


async def push_all(home: House) -> None:
    for _ in range(12):
        if not (await home.push()).looked:
            return
    raise AssertionError("the push never ends")


async def in_conflict(
    home: House, name: str = "lead_status", ours: Any = "Qualified", theirs: Any = "Nurturing"
) -> str:
    """Alice's record, with a field that changed on both sides and whose policy is to ask."""
    await map_both_ways(home, name, policy="review")
    record = await alice(home)
    await home.sync()
    await home.edit(NUMBER, **{name: ours})
    await home.admin("edit", id=record, fields=crm_fields(home, **{name: theirs}))
    await home.later(seconds=30)
    await push_all(home)
    assert await home.issues() == ["conflict"]
    return record


async def test_what_the_crm_has_is_taken_and_both_sides_agree(home: House) -> None:
    record = await in_conflict(home)
    assert (await decide(home, "conflict", Choice.TAKE_CRM)).closed
    await push_all(home)
    await home.sync()
    assert await home.value(NUMBER, "lead_status") == "Nurturing"
    assert (await in_crm(home, record))["lead_status"] == "Nurturing"
    assert await home.issues() == []
    assert [(e["new_value"], e["source_kind"]) for e in await home.ledger("lead_status")][-1] == (
        "Nurturing",
        "person",
    )


async def test_what_we_have_is_kept_and_pushed_and_the_crms_value_is_in_the_ledger(home: House) -> None:
    record = await in_conflict(home)
    await decide(home, "conflict", Choice.KEEP_OURS)
    await push_all(home)
    await home.sync()
    assert await home.value(NUMBER, "lead_status") == "Qualified"
    assert (await in_crm(home, record))["lead_status"] == "Qualified"
    assert await home.issues() == []
    lost = [e for e in await home.ledger("lead_status") if e["outcome"] == "overruled"]
    # Once by the decision, and once by the write that carried it out.
    assert [(e["new_value"], e["source_kind"]) for e in lost] == [("Nurturing", "crm")] * 2


@pytest.mark.parametrize("choice", [Choice.TAKE_CRM, Choice.KEEP_OURS])
async def test_a_decision_about_a_value_that_has_moved_on_is_asked_again(home: House, choice: Choice) -> None:
    record = await in_conflict(home)
    await home.admin("edit", id=record, fields=crm_fields(home, lead_status="Contacted"))
    await home.later(seconds=30)
    await decide(home, "conflict", choice)
    await push_all(home)
    assert (await in_crm(home, record))["lead_status"] == "Contacted", (
        "a rep's later edit is never overwritten"
    )
    assert await home.issues() == ["conflict"]


async def test_a_choice_that_the_issue_does_not_have_is_refused(home: House) -> None:
    await in_conflict(home)
    with pytest.raises(DecisionRefusedError, match="take_crm, keep_ours, dismiss"):
        await decide(home, "conflict", Choice.PICK_PRIMARY)
    assert await home.issues() == ["conflict"]


async def test_another_record_is_picked_for_a_shared_number_and_stays(home: House) -> None:
    first = await alice(home, plan="gold", interaction_summary="First's own.")
    await home.later(seconds=5)
    bob = crm_fields(home, phone_number=NUMBER, first_name="Bob", last_name="Ray", vip=True)
    second = str((await home.admin("create", fields=bob))["id"])
    await home.sync()
    assert (await home.value(NUMBER, "first_name"), await home.value(NUMBER, "plan")) == ("Alice", "gold")
    with pytest.raises(DecisionRefusedError, match="Name the record"):
        await decide(home, "shared_number", Choice.PICK_PRIMARY)
    await decide(home, "shared_number", Choice.PICK_PRIMARY, external_id=second)
    await home.sync()
    assert await home.value(NUMBER, "first_name") == "Bob"
    assert await home.value(NUMBER, "vip") is True
    assert [await home.value(NUMBER, n) for n in ("plan", "interaction_summary")] == [None, None]
    links = {r["external_id"]: r for r in await home.rows("select * from link")}
    assert (links[second]["status"], links[second]["pinned"]) == ("open", True)
    assert (links[first]["status"], links[first]["pinned"]) == ("shared", False)
    await home.sync(full=True)
    await push_all(home)
    assert await home.value(NUMBER, "first_name") == "Bob", "what a person picked stays"
    assert (await in_crm(home, first))["first_name"] == "Alice"


async def numbers_change(home: House, record: str, number: str) -> Mapping[str, int]:
    await home.admin("edit", id=record, fields=crm_fields(home, phone_number=number))
    await home.later(minutes=20)
    return await home.sync()


async def test_a_merge_that_a_sync_made_is_undone_when_its_reason_is_gone(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.conversation("call_1", OTHER, {"email": "bea@example.com"})
    await home.analyse()
    loser = (await home.contact(OTHER))["contact_id"]
    survivor = (await home.contact(NUMBER))["contact_id"]
    await numbers_change(home, record, OTHER)
    assert (await home.contact(OTHER))["contact_id"] == survivor
    assert await home.value(OTHER, "email") == "bea@example.com"
    assert (await home.contact(OTHER))["conversation_count"] == 1

    with pytest.raises(MergeRefusedError, match=f"because its CRM record {record} has it"):
        await undo(home, loser)
    await numbers_change(home, record, NUMBER)
    await undo(home, loser)
    assert (await home.contact(OTHER))["contact_id"] == loser
    assert await home.value(OTHER, "email") == "bea@example.com"
    assert await home.value(NUMBER, "email") is None
    assert await home.rows("select 1 from contact_alias where phone_number = %s", OTHER) == []
    counts = [(await home.contact(number))["conversation_count"] for number in (NUMBER, OTHER)]
    assert counts == [0, 1]
    await home.sync(full=True)
    assert (await home.contact(OTHER))["contact_id"] == loser, "nothing is left that would merge them again"


async def test_contacts_of_records_that_the_crm_merged_are_merged_by_decision_and_taken_apart(
    home: House,
) -> None:
    kept = await alice(home)
    gone = str(
        (
            await home.admin(
                "create", fields=crm_fields(home, phone_number=OTHER, first_name="Alicia", last_name="Smith")
            )
        )["id"]
    )
    await home.sync()
    await home.edit(OTHER, plan="silver")
    loser = (await home.contact(OTHER))["contact_id"]
    await home.admin("merge", winner=kept, loser=gone)
    await home.later(minutes=20)
    await home.sync()
    await home.sync(full=True)
    before = await home.contact(NUMBER)
    merged = await decide(home, "merge_proposed", Choice.MERGE_CONTACTS)
    assert merged.contact_id == before["contact_id"]
    assert await home.value(NUMBER, "plan") == "silver"
    assert "merge_proposed" not in await home.issues()
    await undo(home, loser)
    assert await home.value(NUMBER, "plan") is None
    assert await home.value(OTHER, "plan") == "silver"


async def test_refused_writes_are_sent_again_by_kind_when_their_cause_is_gone(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.fault(
        "validation_rule",
        field=NAMES[home.provider]["lead_status"],
        pattern="Qual",
        message="Not now.",
        times=None,
    )
    await home.edit(NUMBER, lead_status="Qualified")
    await push_all(home)
    assert await home.issues() == ["push_refused"]
    await home.cured()
    await push_all(home)
    assert (await in_crm(home, record))["lead_status"] == "New", "nobody tries the same value again unasked"
    issues = Issues(home.pool, home.jobs, home.ids)
    assert await issues.replay_all(ORG, Replay(kind="activity_refused")) == []
    assert len(await issues.replay_all(ORG, Replay(kind="push_refused", app_id=APP))) == 1
    await push_all(home)
    assert (await in_crm(home, record))["lead_status"] == "Qualified"
    assert await home.issues() == []


async def test_refused_activities_are_logged_when_their_issues_are_replayed(home: House) -> None:
    await alice(home)
    await home.sync()
    for number in (1, 2):
        await home.conversation(f"call_{number}", NUMBER, {"call_summary": f"Call {number}."})
    await home.analyse()
    kind = {"salesforce": "Task", "hubspot": "calls"}[home.provider]
    field = {"salesforce": "Subject", "hubspot": "hs_call_title"}[home.provider]
    await home.fault("validation_rule", object=kind, field=field, message="Not today.", times=None)
    assert await home.log() == 0
    refused = await home.rows("select status, count(*) as number from activity group by 1")
    assert [tuple(row.values()) for row in refused] == [("blocked", 2)]
    await home.cured()
    assert await home.log() == 0, "nobody tries again unasked"
    issues = Issues(home.pool, home.jobs, home.ids)
    assert len(await issues.replay_all(ORG, Replay(kind="activity_refused"))) == 2
    assert await home.log() == 2
    assert await home.issues() == []
    assert await home.log() == 0
