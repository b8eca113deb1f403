"""The four flows on both CRMs: what the walk-through claims, step by step."""

from datetime import timedelta

from tests.integration.flows.conftest import alice, crm_fields, in_crm
from tests.integration.flows.house import House

NUMBER = "+14155550100"


async def test_a_record_becomes_a_contact_with_values_of_all_six_types(home: House) -> None:
    typed = {
        "score": 42.5, "vip": True, "renewal_date": "2026-12-31", "last_demo": "2026-11-02T10:30:00Z", "plan": "Pro",
    }  # fmt: skip
    await alice(home, **typed)
    counts = await home.sync()
    assert counts["created"] == 1
    contact = await home.contact(NUMBER)
    assert (contact["first_name"], contact["last_name"]) == ("Alice", "Smith")
    fields = contact["custom_fields"]
    assert fields["lead_status"] == "New"
    assert float(fields["score"]) == 42.5
    assert fields["vip"] is True
    assert fields["renewal_date"] == "2026-12-31"
    assert fields["last_demo"] == "2026-11-02T10:30:00Z"
    assert fields["plan"] == "Pro"


async def test_a_second_read_changes_nothing(home: House) -> None:
    await alice(home)
    await home.sync()
    before = await home.contact(NUMBER)
    counts = await home.sync(full=True)
    assert counts.get("updated", 0) == 0
    assert counts.get("created", 0) == 0
    assert (await home.contact(NUMBER))["version"] == before["version"]
    assert not await home.rows("select 1 from link where dirty_at is not null")


async def test_a_call_enriches_the_contact_and_the_crm_and_is_logged_once(home: House) -> None:
    record = await alice(home)
    await home.sync()
    said = {
        "lead_qualification_status": "Qualified",
        "customer_notes": "Interested in enterprise plan, wants demo next week",
        "email": "alice@example.com",
        "call_summary": "Talked about the plan.",
    }
    await home.conversation("call_1", NUMBER, said)
    assert await home.analyse() == 1
    contact = await home.contact(NUMBER)
    assert contact["custom_fields"]["lead_status"] == "Qualified"
    assert contact["custom_fields"]["email"] == "alice@example.com"
    assert contact["conversation_count"] == 1
    assert (await home.push()).written == 1
    there = await in_crm(home, record)
    assert there["lead_status"] == "Qualified"
    assert there["interaction_summary"].splitlines()[0] == "Asked for a brochure."
    assert "Interested in enterprise plan" in there["interaction_summary"]
    assert await home.log() == 1
    assert await home.log() == 0
    await home.sync()
    assert (await home.push()).looked == 0, "our own write is no news"
    assert await home.issues() == []


async def test_a_reps_edit_before_the_call_loses_to_the_call_and_stays_in_the_ledger(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.admin("edit", id=record, fields=crm_fields(home, lead_status="Contacted"))
    await home.sync()
    await home.conversation(
        "call_2", NUMBER, {"lead_qualification_status": "Qualified"}, ended_ago=timedelta(seconds=-5)
    )
    await home.analyse()
    await home.push()
    assert (await in_crm(home, record))["lead_status"] == "Qualified"
    history = [(row["new_value"], row["source_kind"]) for row in await home.ledger("lead_status")]
    assert history == [("New", "crm"), ("Contacted", "crm"), ("Qualified", "conversation")]


async def test_a_reps_edit_after_the_call_and_before_its_push_wins_and_both_notes_survive(
    home: House,
) -> None:
    record = await alice(home)
    await home.sync()
    said = {"lead_qualification_status": "Qualified", "customer_notes": "Wants a demo."}
    await home.conversation("call_2", NUMBER, said, ended_ago=timedelta(seconds=5))
    await home.analyse()
    await home.admin(
        "edit", id=record,
        fields=crm_fields(home, lead_status="Nurturing", interaction_summary="Asked for a brochure.\nMet at the fair."),
    )  # fmt: skip
    await home.push()
    there = await in_crm(home, record)
    assert there["lead_status"] == "Nurturing"
    assert (await home.contact(NUMBER))["custom_fields"]["lead_status"] == "Nurturing"
    for sentence in ("Asked for a brochure.", "Met at the fair.", "Wants a demo."):
        assert there["interaction_summary"].count(sentence) == 1
    overruled = [row for row in await home.ledger("lead_status") if row["outcome"] == "overruled"]
    assert [(row["new_value"], row["source_kind"]) for row in overruled] == [("Qualified", "conversation")]
