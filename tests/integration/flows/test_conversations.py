"""Conversations that repeat, come late or out of order, are analysed again, or have no number; and their activities."""

from datetime import timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from tests.integration.flows.conftest import alice, crm_fields, in_crm
from tests.integration.flows.house import House

from tieline.ports.errors import RateLimitedError, TransientError

NUMBER = "+14155550100"
CREATE = {"salesforce": "record.create", "hubspot": "calls.create"}


async def activities(home: House) -> list[str]:
    """Texts of the activities in the CRM, as its public API shows them."""
    session = await home.session()
    await session.run(session.connector.describe())
    token = home.token_store.token
    assert token is not None
    headers = {"Authorization": f"Bearer {token.access_token}"}
    if home.provider == "salesforce":
        query = "SELECT Id, Subject, Description, CallObject FROM Task"
        url = f"{home.url}/services/data/v68.0/query"
        answer = await home.http.get(url, params={"q": query}, headers=headers)
        return [row["Description"] or "" for row in answer.json()["records"]]
    found: list[str] = []
    for kind, body in (("calls", "hs_call_body"), ("communications", "hs_communication_body")):
        answer = await home.http.get(
            f"{home.url}/crm/v3/objects/{kind}", params={"properties": body}, headers=headers
        )
        found += [row["properties"][body] or "" for row in answer.json()["results"]]
    return found


async def notes(home: House) -> str:
    return str(await home.value(NUMBER, "interaction_summary") or "")


async def test_an_event_that_repeats_changes_nothing(home: House) -> None:
    await alice(home)
    await home.sync()
    said = {"lead_qualification_status": "Qualified", "customer_notes": "Wants a demo."}
    for _ in range(3):
        await home.conversation("call_1", NUMBER, said)
        await home.analyse()
        await home.log()
    contact = await home.contact(NUMBER)
    assert contact["conversation_count"] == 1
    assert (await notes(home)).count("Wants a demo.") == 1
    assert len(await activities(home)) == 1


async def test_a_late_conversation_does_not_replace_what_a_later_one_said(home: House) -> None:
    await alice(home)
    await home.sync()
    await home.conversation("late", NUMBER, {"lead_qualification_status": "Qualified"})
    await home.analyse()
    await home.conversation(
        "early", NUMBER, {"lead_qualification_status": "Contacted", "customer_notes": "Called before."},
        ended_ago=timedelta(minutes=5),
    )  # fmt: skip
    await home.analyse()
    assert await home.value(NUMBER, "lead_status") == "Qualified"
    assert "Called before." in await notes(home), "a merge takes late text"
    lost = [row["new_value"] for row in await home.ledger("lead_status") if row["outcome"] == "overruled"]
    assert lost == ["Contacted"]


async def test_a_new_version_of_an_analysis_replaces_its_own_contribution(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, {"customer_notes": "Wants a dmeo.", "email": "a@exmaple.com"})
    await home.analyse()
    await home.edit(NUMBER, interaction_summary=f"{await notes(home)}\nA person wrote this.")
    fixed = {"customer_notes": "Wants a demo.", "email": "a@example.com"}
    await home.conversation("call_1", NUMBER, fixed, version="v2")
    await home.analyse()
    text = await notes(home)
    assert "dmeo" not in text
    assert text.count("Wants a demo.") == 1
    assert "A person wrote this." in text
    assert "Asked for a brochure." in text
    assert await home.value(NUMBER, "email") == "a@example.com"
    await home.push()
    assert "dmeo" not in (await in_crm(home, record))["interaction_summary"]


async def test_a_version_in_between_that_does_not_fit_leaves_no_text_behind(home: House) -> None:
    await alice(home)
    await home.sync()
    for version, said in (("v1", "First words."), ("v2", {"no": "text"}), ("v3", "Last words.")):
        await home.conversation("call_1", NUMBER, {"customer_notes": said}, version=version)
        await home.analyse()
        if version == "v2":
            assert await home.issues() == ["analysis_value"]
            assert "First words." in await notes(home)
    assert "First words." not in await notes(home)
    assert "Last words." in await notes(home)
    assert await home.issues() == []


async def test_a_web_chat_attaches_to_whom_its_metadata_names_and_else_to_nobody(home: House) -> None:
    record = await alice(home)
    await home.sync()
    contact_id = (await home.contact(NUMBER))["contact_id"]
    named: list[tuple[str, dict[str, Any], str | None]] = [
        ("w1", {}, None),
        ("w2", {"contact_id": contact_id}, contact_id),
        ("w3", {"phone_number": "(415) 555-0100"}, contact_id),
        ("w4", {"external_id": record}, contact_id),
        ("w5", {"phone_number": "+14155550188"}, None),
    ]
    for name, metadata, _ in named:
        await home.conversation(name, "", {}, type="chat")
        await home.sql(
            "update conversation set has_number = false, to_number = null, metadata = %s where conversation_id = %s",
            Jsonb(metadata), name,
        )  # fmt: skip
    await home.analyse()
    rows = await home.rows("select conversation_id, contact_id from conversation")
    assert {row["conversation_id"]: row["contact_id"] for row in rows} == {
        name: who for name, _, who in named
    }


async def test_an_alias_finds_its_contact_and_an_unknown_number_makes_one(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.later(seconds=5)
    await home.admin("edit", id=record, fields=crm_fields(home, phone_number="+14155550111"))
    await home.sync()
    await home.conversation("old_number", NUMBER, {})
    await home.conversation("stranger", "+14155550199", {})
    await home.analyse()
    assert (await home.contact("+14155550111"))["conversation_count"] == 1
    assert (await home.contact("+14155550199"))["conversation_count"] == 1
    assert await home.log() == 1, "nothing is logged for a contact without a record"


async def test_a_lost_answer_to_a_create_leaves_exactly_one_activity(home: House) -> None:
    await alice(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, {"call_summary": "Hello."})
    await home.analyse()
    await home.fault("drop_after", CREATE[home.provider])
    with pytest.raises(TransientError):
        await home.log()
    await home.later(seconds=5)
    assert await home.log() == 0, "the request may still be on its way"
    (row,) = await home.rows("select due_at from activity")
    assert row["due_at"] > home.clock.now(), "nobody need look before that"
    await home.later(minutes=5)
    await home.log()
    assert len(await activities(home)) == 1
    assert (await home.rows("select status from activity"))[0]["status"] == "done"


async def test_a_create_that_never_arrived_is_made_after_the_wait(home: House) -> None:
    await alice(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, {"call_summary": "Hello."})
    await home.analyse()
    await home.fault("drop_before", CREATE[home.provider])
    with pytest.raises(TransientError):
        await home.log()
    await home.later(minutes=5)
    assert await home.log() == 1
    assert len(await activities(home)) == 1


async def test_a_lost_create_is_looked_for_again_when_its_record_comes_back_from_the_bin(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, {"call_summary": "Hello."})
    await home.analyse()
    await home.fault("drop_after", CREATE[home.provider])
    with pytest.raises(TransientError):
        await home.log()
    await home.admin("delete", id=record)
    await home.later(minutes=5)
    await home.log()
    await home.admin("restore", id=record)
    for _ in range(3):
        await home.later(minutes=15)
        await home.sync()
        await home.analyse()
        await home.log()
    assert len(await activities(home)) == 1


async def test_an_activity_that_waits_does_not_hold_up_the_others(home: House) -> None:
    await alice(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, {"call_summary": "Hello."})
    await home.analyse()
    await home.fault("drop_after", CREATE[home.provider])
    with pytest.raises(TransientError):
        await home.log()
    await home.conversation("call_2", NUMBER, {"call_summary": "Again."})
    await home.analyse()
    await home.later(seconds=5)
    assert await home.log() == 1
    await home.later(minutes=5)
    await home.log()
    assert len(await activities(home)) == 2


async def test_nothing_is_logged_before_the_first_read_is_complete(home: House) -> None:
    await home.conversation("call_1", NUMBER, {"call_summary": "Hello."})
    await home.analyse()
    assert await home.log() == 0
    await alice(home)
    await home.sync()
    assert await home.log() == 1
    assert len(await activities(home)) == 1


async def test_a_later_analysis_updates_the_activity_but_not_what_a_rep_changed(home: House) -> None:
    await alice(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, {})
    await home.analyse()
    await home.log()
    await home.sql("update conversation set summary = 'Wants a demo.', due_at = now(), updated_at = now()")
    await home.analyse()
    assert await home.log() == 1
    (text,) = await activities(home)
    assert "Wants a demo." in text
    assert await home.log() == 0


async def test_a_rate_limit_puts_an_activity_off(home: House) -> None:
    await alice(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, {"call_summary": "Hello."})
    await home.analyse()
    spec = (
        {"status": 403, "name": "REQUEST_LIMIT_EXCEEDED"}
        if home.provider == "salesforce"
        else {"status": 429}
    )
    await home.fault("status", CREATE[home.provider], **spec)
    with pytest.raises(RateLimitedError):
        await home.log()
    assert await home.log() == 0
    await home.later(hours=1)
    assert await home.log() == 1
    assert len(await activities(home)) == 1


async def test_a_refused_activity_is_an_issue_that_closes_when_its_replay_works(home: House) -> None:
    await alice(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, {"call_summary": "Hello."})
    await home.analyse()
    kind = {"salesforce": "Task", "hubspot": "calls"}[home.provider]
    field = {"salesforce": "Subject", "hubspot": "hs_call_title"}[home.provider]
    await home.fault("validation_rule", object=kind, field=field, message="Not today.", times=None)
    assert await home.log() == 0
    assert await home.issues() == ["activity_refused"]
    await home.cured()
    await home.sql("update activity set status = 'due', due_at = now(), attempts = 0")
    assert await home.log() == 1
    assert await home.issues() == []


async def test_a_deleted_contact_record_gets_no_activity_and_a_merged_one_hands_it_on(home: House) -> None:
    record = await alice(home)
    other = await alice(home, phone_number=None, first_name="Alicia")
    await home.sync()
    await home.conversation("call_1", NUMBER, {"call_summary": "Hello."})
    await home.analyse()
    await home.admin("merge", winner=other, loser=record)
    await home.log()
    await home.later(minutes=11)
    await home.sync()
    await home.later(minutes=2)
    await home.log()
    assert len(await activities(home)) == 1
    await home.conversation("call_2", NUMBER, {"call_summary": "Bye."})
    await home.admin("delete", id=other)
    await home.later(minutes=11)
    await home.sync()
    await home.analyse()
    await home.log()
    assert not await home.rows("select 1 from activity where status = 'due'")


async def test_the_newest_analysis_counts_when_a_frozen_worker_comes_back(home: House) -> None:
    await alice(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, {"email": "old@example.com"})

    async def newer() -> None:
        await home.sql(
            "update conversation set analysis = %s, analysis_version = 'v2', updated_at = now()",
            Jsonb({"email": "new@example.com"}),
        )

    home.wire.meanwhile = ("query" if home.provider == "salesforce" else "batch/read"), newer
    await home.analyse()
    assert await home.value(NUMBER, "email") == "new@example.com"
    await home.analyse()
    assert await home.value(NUMBER, "email") == "new@example.com"
