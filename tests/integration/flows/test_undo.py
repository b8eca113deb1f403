"""A run, a conversation and a field undone, here and in the CRM, on both CRMs."""

from typing import Any

import pytest
from tests.integration.flows.conftest import alice, crm_fields, in_crm, map_both_ways
from tests.integration.flows.house import APP, ORG, House

from tieline.domain.changeset import SourceKind
from tieline.flows.editing import Editor
from tieline.flows.undoing import Asked, Undoing, UndoRefusedError, UndoReport
from tieline.store.organisations import Organisations
from tieline.store.undo import UndoDesk

NUMBER = "+14155550100"
ANN = Editor(SourceKind.PERSON, "ann")


def undoing(home: House) -> Undoing:
    return Undoing(UndoDesk(home.store), Organisations(home.configs, home.apps), home.clock, home.ids)


async def undo(home: House, *, dry_run: bool = False, **asked: Any) -> UndoReport:
    return await undoing(home).undo(ORG, Asked(**asked), ANN, dry_run=dry_run)


async def undo_call(home: House, call: str = "c1", **more: Any) -> UndoReport:
    return await undo(home, platform="retell", conversation_id=call, **more)


async def undo_field(home: House, name: str) -> UndoReport:
    return await undo(home, contact_id=(await home.contact(NUMBER))["contact_id"], field_name=name)


async def last_run(home: House, name: str) -> str:
    return str((await home.ledger(name))[-1]["run_id"])


async def push_all(home: House) -> None:
    for _ in range(12):
        if not (await home.push()).looked:
            return
    raise AssertionError("the push never ends")


async def everywhere(home: House, record: str) -> None:
    """Both ways until nothing is left to do, a while later."""
    await home.later(minutes=20)
    await push_all(home)
    await home.sync()
    await push_all(home)


async def test_a_call_undone_leaves_the_contact_and_the_crm_and_comes_back_when_that_is_undone(
    home: House,
) -> None:
    record = await alice(home)
    await home.sync()
    await home.conversation(
        "c1", NUMBER, {"lead_qualification_status": "Qualified", "customer_notes": "Has 40 seats."}
    )
    await home.analyse()
    await everywhere(home, record)
    assert (await in_crm(home, record))["lead_status"] == "Qualified"
    await home.conversation("c2", NUMBER, {"customer_notes": "Wants a demo."})
    await home.analyse()
    await everywhere(home, record)

    shown = await undo_call(home, dry_run=True)
    assert {line.field_name for line in shown.undone} == {"lead_status", "interaction_summary"}
    assert await home.value(NUMBER, "lead_status") == "Qualified", "a dry run writes nothing"
    assert not await home.rows("select * from run where kind = 'undo'")
    done = await undo_call(home)
    assert (done.undone, done.kept) == (shown.undone, shown.kept)
    await everywhere(home, record)
    theirs = await in_crm(home, record)
    for text in (theirs["interaction_summary"], await home.value(NUMBER, "interaction_summary")):
        assert "40 seats" not in text
        assert "Wants a demo." in text
        assert "Asked for a brochure." in text
    assert theirs["lead_status"] == await home.value(NUMBER, "lead_status") == "New"

    again = {"lead_qualification_status": "Nurturing", "customer_notes": "Has 50 seats."}
    await home.conversation("c1", NUMBER, again, version="v2")
    await home.analyse()
    assert await home.value(NUMBER, "lead_status") == "New", "an undone conversation stays undone"

    assert done.run_id is not None
    back = await undo(home, run_id=done.run_id)
    assert back.kept == []
    await everywhere(home, record)
    theirs = await in_crm(home, record)
    assert theirs["lead_status"] == "Qualified"
    assert "40 seats" in theirs["interaction_summary"]


@pytest.mark.parametrize("policy", ["crm_wins", "tieline_wins", "newest_wins"])
async def test_what_the_crm_does_not_hold_any_more_is_not_restored_there(home: House, policy: str) -> None:
    await map_both_ways(home, "lead_status", policy=policy)
    record = await alice(home)
    await home.sync()
    await home.conversation("c1", NUMBER, {"lead_qualification_status": "Qualified"})
    await home.analyse()
    await push_all(home)
    await home.later(seconds=30)
    await home.admin("edit", id=record, fields=crm_fields(home, lead_status="Nurturing"))
    await undo_call(home)
    await everywhere(home, record)
    assert (await in_crm(home, record))["lead_status"] == "Nurturing"
    assert await home.value(NUMBER, "lead_status") == "Nurturing"
    assert "undo_incomplete" in await home.issues(), "it is listed"


async def test_what_came_from_the_crm_is_undone_here_and_held_until_it_changes_there(home: House) -> None:
    await map_both_ways(home, "lead_status")
    record = await alice(home)
    await home.sync()
    await home.later(seconds=30)
    await home.admin("edit", id=record, fields=crm_fields(home, lead_status="Contacted"))
    await home.later(minutes=20)
    await home.sync()
    assert await home.value(NUMBER, "lead_status") == "Contacted"
    await undo(home, run_id=await last_run(home, "lead_status"))
    await everywhere(home, record)
    await home.sync(full=True)
    assert await home.value(NUMBER, "lead_status") == "New", "it does not flip back"
    assert (await in_crm(home, record))["lead_status"] == "Contacted", "and is not written there"
    await home.admin("edit", id=record, fields=crm_fields(home, lead_status="Nurturing"))
    await everywhere(home, record)
    assert await home.value(NUMBER, "lead_status") == "Nurturing"
    assert await home.issues() == []


async def test_a_person_lets_a_held_pair_go_and_undoes_an_undo_of_the_crms_value(home: House) -> None:
    record = await alice(home)
    await home.sync()
    contact_id = (await home.contact(NUMBER))["contact_id"]
    assert (await undo_field(home, "first_name")).undone_count == 1
    await everywhere(home, record)
    assert await home.value(NUMBER, "first_name") is None
    assert await undoing(home).release(ORG, contact_id, "first_name") == 1
    await everywhere(home, record)
    assert await home.value(NUMBER, "first_name") == "Alice"
    with pytest.raises(UndoRefusedError, match="Nothing of first_name is held"):
        await undoing(home).release(ORG, contact_id, "first_name")
    await undo_field(home, "first_name")
    await undo_field(home, "first_name")
    assert await home.value(NUMBER, "first_name") == "Alice", "the undo was undone"
    await everywhere(home, record)
    await home.admin("edit", id=record, fields=crm_fields(home, first_name="Alix"))
    await everywhere(home, record)
    assert await home.value(NUMBER, "first_name") == "Alix"


async def test_a_run_cut_off_goes_on_when_it_is_undone_again(home: House) -> None:
    await alice(home)
    person = crm_fields(home, phone_number="+14155550111", first_name="Bob", last_name="Ray")
    await home.admin("create", fields=person)
    await home.sync()
    run_id = await last_run(home, "first_name")
    desk, seen = UndoDesk(home.store), []

    class Breaking(UndoDesk):
        async def links(self, unit: Any, org_id: str, contact_id: str) -> Any:
            seen.append(contact_id)
            if len(seen) == 2:
                raise ConnectionError("the machine went down")
            return await desk.links(unit, org_id, contact_id)

    broken = Undoing(Breaking(home.store), Organisations(home.configs, home.apps), home.clock, home.ids)
    with pytest.raises(ConnectionError):
        await broken.undo(ORG, Asked(run_id=run_id), ANN)
    report = await undo(home, run_id=run_id)
    assert report.contacts == 1, "the first one was done already"
    assert [await home.value(n, "first_name") for n in (NUMBER, "+14155550111")] == [None, None]
    runs = await home.rows("select * from run where kind = 'undo'")
    assert [(r["status"], r["counts"]["looked"]) for r in runs] == [("succeeded", 2)]
    assert len(await home.rows("select * from contact")) == 2, "nobody is deleted"


async def test_what_cannot_be_undone_is_refused_in_words(home: House) -> None:
    await alice(home)
    await home.sync()
    for asked, words in (
        (Asked(run_id="run_x"), "There is no run run_x"),
        (Asked(platform="retell", conversation_id="x"), "There is no conversation retell:x"),
        (
            Asked(contact_id=(await home.contact(NUMBER))["contact_id"], field_name="plan"),
            "Nothing ever changed",
        ),
    ):
        with pytest.raises(UndoRefusedError, match=words):
            await undoing(home).undo(ORG, asked, ANN)
    assert not await home.rows("select * from run where kind = 'undo' and app_id = %s", APP)
