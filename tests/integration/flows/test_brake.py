"""The brake on both CRMs: what is too much is not begun, a person is asked, and what was confirmed goes through."""

from datetime import timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from tests.integration.flows.auditing import begin, counts_of, forget, pass_by, work
from tests.integration.flows.conftest import NAMES, alice, crm_fields, in_crm
from tests.integration.flows.house import APP, ORG, House
from tests.integration.flows.test_creating import create, switch_on

from tieline.domain.brake import Brake, BrakeStatus
from tieline.domain.changeset import SourceKind
from tieline.flows.brake_answers import BrakeAnswers, BrakeOverError
from tieline.flows.creating import CreateResult
from tieline.flows.editing import Editor
from tieline.ports.errors import BrakedError, TransientError
from tieline.store.brake import BrakeDesk

ANN = Editor(SourceKind.PERSON, "ann")


def answers(home: House) -> BrakeAnswers:
    return BrakeAnswers(BrakeDesk(home.store, home.jobs, home.ids), home.clock)


async def limit(home: House, **limits: Any) -> None:
    """Sets the app's limits."""
    await home.sql(
        "update app set crm_config = jsonb_set(crm_config, '{brake}', %s) where app_id = %s",
        Jsonb({kind: {"number": number} for kind, number in limits.items()}), APP,
    )  # fmt: skip


async def crowd(home: House, size: int = 6) -> list[str]:
    """So many people in the CRM, read once, long enough ago."""
    records = [await alice(home, phone_number=f"+1415555010{n}", plan=f"Plan {n}") for n in range(size)]
    await home.sync()
    await home.later(minutes=12)
    return records


async def rep_edits(home: House, records: list[str], **values: Any) -> None:
    for record in records:
        await home.admin("edit", id=record, fields=crm_fields(home, **values))
    await home.later(minutes=2)


async def stopped(home: House, *, full: bool = False) -> Brake:
    """A sync that the brake stops."""
    with pytest.raises(BrakedError):
        await home.sync(full=full)
    (brake,) = await answers(home).find(ORG)
    return brake


async def plans(home: House) -> list[str]:
    rows = await home.rows("select custom_fields ->> 'plan' as plan from contact order by phone_number")
    return [row["plan"] or "" for row in rows]


async def test_the_first_read_is_never_stopped(home: House) -> None:
    await limit(home, contacts_created=1, contacts_changed=0, contacts_blanked=0, records_gone=0)
    await crowd(home)
    assert len(await plans(home)) == 6
    assert not await answers(home).find(ORG)


async def test_what_a_bulk_tool_empties_is_emptied_here_only_when_a_person_agrees(home: House) -> None:
    records = await crowd(home)
    await limit(home, contacts_blanked=3)
    before = await plans(home)
    await rep_edits(home, records[:5], plan="")
    brake = await stopped(home)
    assert await plans(home) == before
    assert {kind.value: figures for kind, figures in brake.shown.items()} == {"contacts_blanked": (5, 3)}
    assert [one["before"] for one in brake.sample] == [f"Plan {n}" for n in range(5)]
    assert await home.issues() == ["brake"]

    again = await stopped(home)
    assert again.brake_id == brake.brake_id, "the next run looks again and does not pass it silently"
    home.jobs.wakes.clear()
    confirmed = await answers(home).confirm(ORG, brake.brake_id, ANN, "we dropped the plans")
    assert (confirmed.status, confirmed.decided_by) == (BrakeStatus.CONFIRMED, "person:ann")
    assert [wake.kind.value for wake in home.jobs.wakes] == ["inbound"]
    assert len(await home.rows("select 1 from run where status = 'queued'")) == 1
    await home.sql("delete from run where status = 'queued'")
    await home.sync()
    assert await plans(home) == ["", "", "", "", "", "Plan 5"]
    assert not await answers(home).find(ORG)
    assert not await home.issues()

    await rep_edits(home, records[:5], plan="Anew")
    await home.sync()
    await rep_edits(home, records[:5], plan="")
    assert (await stopped(home)).brake_id != brake.brake_id, "it was agreed to once"
    with pytest.raises(BrakeOverError, match="has been done"):
        await answers(home).confirm(ORG, brake.brake_id, ANN)


async def test_what_was_put_right_in_the_crm_goes_on_by_itself(home: House) -> None:
    records = await crowd(home)
    await limit(home, contacts_changed=2)
    await rep_edits(home, records, plan="Oops")
    await stopped(home)
    for number, record in enumerate(records):
        await rep_edits(home, [record], plan=f"Plan {number}")
    await rep_edits(home, records[:1], plan="Meant")
    await home.sync()
    assert await plans(home) == ["Meant", *(f"Plan {n}" for n in range(1, 6))]
    (over,) = await answers(home).find(ORG, ended=True)
    assert over.ended_because == "it is within the limits now"
    assert not await home.issues()


async def test_after_a_rejection_nobody_looks_again_until_the_limits_change(home: House) -> None:
    records = await crowd(home)
    await limit(home, contacts_changed=2)
    await rep_edits(home, records, plan="Oops")
    await answers(home).reject(ORG, (await stopped(home)).brake_id, ANN)
    await rep_edits(home, records[1:], plan="")
    await limit(home, contacts_changed=2, contacts_blanked=20)
    assert (await stopped(home)).status is BrakeStatus.STOPPED
    await answers(home).reject(ORG, (await stopped(home)).brake_id, ANN)
    for number, record in enumerate(records[1:], 1):
        await rep_edits(home, [record], plan=f"Plan {number}")
    assert (await stopped(home)).status is BrakeStatus.REJECTED, "though there is but one change left"
    await limit(home, contacts_changed=3)
    await home.sync()
    assert await plans(home) == ["Oops", *(f"Plan {n}" for n in range(1, 6))]


@pytest.mark.parametrize("full", [False, True])
async def test_a_read_of_many_pages_writes_none_of_them_before_all_are_weighed(
    home: House, full: bool
) -> None:
    records = await crowd(home, 9)
    await limit(home, contacts_changed=6)
    await rep_edits(home, records[1:], plan="Oops")
    before = await plans(home)
    with pytest.raises(BrakedError, match="change 8 contacts"):
        await home.sync(full=full, page_size=2)
    assert await plans(home) == before
    await rep_edits(home, records[1:4], plan="Meant")
    for number in range(4, 9):
        await rep_edits(home, [records[number]], plan=f"Plan {number}")
    requests = 0
    while True:
        home.wire.cut_after = requests
        try:
            await home.sync(full=full, page_size=2)
        except TransientError:
            requests += 1
        else:
            break
    home.wire.cut_after = None
    assert requests > 2
    assert await plans(home) == ["Plan 0", "Meant", "Meant", "Meant", *(f"Plan {n}" for n in range(4, 9))]
    assert len([row for row in await home.ledger("plan") if row["new_value"] == "Meant"]) == 3
    assert not await answers(home).find(ORG)


async def test_a_worker_that_dies_around_a_stop_has_written_nothing(home: House) -> None:
    records = await crowd(home)
    await limit(home, contacts_changed=2)
    before = await plans(home)
    await rep_edits(home, records, plan="Oops")
    requests = 0
    while True:
        home.wire.cut_after = requests
        try:
            await home.sync()
        except TransientError:
            requests += 1
        except BrakedError:
            break
        assert await plans(home) == before
    home.wire.cut_after = None
    (brake,) = await answers(home).find(ORG)
    await answers(home).confirm(ORG, brake.brake_id, ANN)
    await home.sql("delete from run where status = 'queued'")
    home.wire.cut_after = 1
    with pytest.raises(TransientError):
        await home.sync()
    home.wire.cut_after = None
    await home.sync()
    assert await plans(home) == ["Oops"] * 6


async def test_a_confirmation_expires_after_a_day(home: House) -> None:
    records = await crowd(home)
    await limit(home, contacts_changed=2)
    await rep_edits(home, records, plan="Oops")
    brake = await stopped(home)
    await answers(home).confirm(ORG, brake.brake_id, ANN)
    await home.sql("delete from run where status = 'queued'")
    await home.later(hours=25)
    again = await stopped(home)
    assert again.brake_id != brake.brake_id
    assert await plans(home) != ["Oops"] * 6


async def test_a_field_that_was_just_mapped_may_fill_everybody(home: House) -> None:
    records = await crowd(home)
    await limit(home, contacts_changed=2)
    await rep_edits(home, records, vip=True)
    key = f"vip|{NAMES[home.provider]['vip']}"
    await home.sql("update link set state = state - %s", key)
    await home.sql("update contact set custom_fields = custom_fields - 'vip'")
    await home.sync(full=True)
    assert [await home.value(f"+1415555010{n}", "vip") for n in range(6)] == [True] * 6


async def test_a_crm_that_suddenly_lists_nobody_is_asked_about(home: House) -> None:
    records = await crowd(home)
    await limit(home, records_gone=3)
    for record in records:
        await home.admin("delete", id=record, purge=True)
    brake = await stopped(home, full=True)
    assert (brake.flow.value, {k.value: v for k, v in brake.shown.items()}) == (
        "full",
        {"records_gone": (6, 3)},
    )
    assert await home.rows("select 1 from read_state where kind = 'full' and cursor is null")
    await home.sync()
    assert len(await answers(home).find(ORG)) == 1, "reads of what changed go on, and do not end it"
    await answers(home).confirm(ORG, brake.brake_id, ANN)
    await home.sql("delete from run where status = 'queued'")
    await home.sync(full=True)
    assert not await answers(home).find(ORG)


async def test_mass_deletions_wait_and_values_go_on(home: House) -> None:
    records = await crowd(home)
    await limit(home, records_gone=2)
    for record in records[:4]:
        await home.admin("delete", id=record)
    await rep_edits(home, records[4:5], plan="Anew")
    brake = await stopped(home)
    assert brake.flow.value == "removals"
    assert len(await home.rows("select 1 from link where status = 'open'")) == 6
    assert (await plans(home))[4] == "Anew"
    await answers(home).confirm(ORG, brake.brake_id, ANN)
    await home.sql("delete from run where status = 'queued'")
    await home.sync()
    assert len(await home.rows("select 1 from link where status = 'deleted'")) == 4


async def test_an_audit_asks_before_it_repairs_too_much(home: House) -> None:
    records = await crowd(home)
    await pass_by(home)
    for record in records[:4]:
        await forget(home, record)
    await limit(home, contacts_created=3)
    with pytest.raises(BrakedError, match="would create 4 contacts"):
        await work(home, await begin(home))
    assert len(await plans(home)) == 2
    (brake,) = await answers(home).find(ORG)
    await home.sql("update run set status = 'braked' where status = 'running'")
    await answers(home).confirm(ORG, brake.brake_id, ANN)
    (queued,) = await home.rows("select run_id, kind from run where status = 'queued'")
    assert queued["kind"] == "audit"
    await home.sql("update run set status = 'running' where run_id = %s", queued["run_id"])
    await work(home, queued["run_id"])
    assert (await counts_of(home, queued["run_id"]))["missing_here"] == 4
    assert len(await plans(home)) == 6
    assert not await answers(home).find(ORG)


# Outbound


async def mass_edit(home: House, numbers: range, status: str | None) -> None:
    for number in numbers:
        await home.edit(f"+1415555010{number}", lead_status=status)


async def statuses(home: House, records: list[str]) -> list[Any]:
    return [(await in_crm(home, record))["lead_status"] for record in records]


async def test_a_backlog_of_writes_waits_and_a_conversation_does_not_wait_behind_it(home: House) -> None:
    records = await crowd(home)
    await limit(home, records_changed=3)
    await mass_edit(home, range(5), "Nurturing")
    assert (await home.push()).looked == 0
    assert await statuses(home, records) == ["New"] * 6
    (brake,) = await answers(home).find(ORG)
    assert {kind.value: figures for kind, figures in brake.shown.items()} == {"records_changed": (5, 3)}
    assert (brake.sample[0]["before"], brake.sample[0]["after"]) == ("New", "Nurturing")

    await home.conversation("call_1", "+14155550105", {"lead_qualification_status": "Qualified"})
    await home.analyse()
    assert (await home.push()).written == 1
    assert await statuses(home, records) == ["New"] * 5 + ["Qualified"]

    await answers(home).confirm(ORG, brake.brake_id, ANN)
    assert home.jobs.wakes[-1].kind.value == "push"
    while (await home.push()).looked:
        pass
    assert await statuses(home, records) == ["Nurturing"] * 5 + ["Qualified"]
    assert not await answers(home).find(ORG)


async def test_a_backlog_that_writes_nothing_is_none_and_one_that_shrank_goes_on(home: House) -> None:
    records = await crowd(home)
    await limit(home, records_blanked=3)
    for number in range(5):
        await home.edit(f"+1415555010{number}", plan="Only here")
    while (await home.push()).looked:
        pass
    assert not await answers(home).find(ORG)
    await mass_edit(home, range(5), None)
    await home.push()
    assert await statuses(home, records) == ["New"] * 6
    await mass_edit(home, range(4), "New")
    await home.push()
    assert len(await answers(home).find(ORG)) == 1, "not weighed again at every pass"
    await home.later(minutes=6)
    while (await home.push()).looked:
        pass
    assert await statuses(home, records) == ["New"] * 4 + [None, "New"]
    assert not await answers(home).find(ORG)


async def test_a_backlog_of_new_records_waits_and_a_new_caller_does_not(home: House) -> None:
    await crowd(home, 1)
    await switch_on(home)
    await limit(home, records_created=2)
    for number in range(1, 5):
        await home.conversation(f"old_{number}", f"+1415555010{number}", {}, ended_ago=timedelta(hours=3))
    await home.conversation("new", "+14155550109", {})
    await home.analyse()
    assert await create(home) == CreateResult(looked=1, created=1)
    (brake,) = await answers(home).find(ORG)
    assert (brake.flow.value, list(brake.shown.values())) == ("creating", [(4, 2)])
    await answers(home).confirm(ORG, brake.brake_id, ANN)
    assert await create(home) == CreateResult(looked=4, created=4)
    await create(home)
    assert not await answers(home).find(ORG)
