"""The three histories: an import, a push of local changes, conversations to log; in each, workers are killed.

Each ends with checks of both sides, by the CRM's public API and by our tables: nothing lost, nothing doubled. They
return what was measured, and raise AssertionError for what is wrong.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb
from tests.chaos.rep import Rep
from tests.chaos.storm import Harm, Storm, Takeover
from tests.chaos.world import World, running_world

from tieline.domain.changeset import SourceKind
from tieline.domain.intake import Report
from tieline.domain.phones import Unusable, normalise
from tieline.flows.editing import Edit, Editor
from tieline.ports.jobs import Wake, WakeKind
from tieline.store.runs import RunInProgressError

_AGENT_NUMBER = "+14155550199"


@dataclass
class Measured:
    """What a history showed. `notes` are further figures."""

    what: str
    crm: str
    seed: int
    takeovers: list[Takeover]
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """How much of everything; `tell` gets a line for each harm."""

    crm: str
    amount: int
    harms: list[Harm]
    seed: int
    stint_s: float
    latency_s: float
    tell: Callable[[str], None] = print


async def import_contacts(plan: Plan) -> Measured:
    """A first read of `amount` records."""
    rng = random.Random(plan.seed)
    async with running_world(plan.crm, plan.amount, seed=plan.seed) as world:
        world.crm.prepare()
        world.crm.slow(world.crm.page, plan.latency_s)
        await two_workers(world)
        storm = Storm(world, "page", rng, plan.stint_s, plan.tell)

        async def finished() -> bool:
            return bool(
                await world.one("select count(*) from run where kind = 'inbound' and status = 'succeeded'")
            )

        felt = await storm.rage(plan.harms, finished)
        world.crm.quicken()
        await storm.calm(finished)
        notes = await _check_import(world, plan.amount)
        await check_all(world)
        return Measured("import", plan.crm, plan.seed, felt, notes)


async def push_changes(plan: Plan) -> Measured:
    """`amount` local changes, as often as it takes, while reps edit the same records."""
    rng = random.Random(plan.seed)
    async with running_world(plan.crm, plan.amount + plan.amount // 4 + 10, seed=plan.seed) as world:
        await two_workers(world)
        await first_read(world)
        targets = await _targets(world, plan.amount)
        world.crm.slow(world.crm.write, plan.latency_s)
        rounds = 0

        async def change() -> None:
            nonlocal rounds
            rounds += 1
            await _edit_all(world, targets, rounds)

        async def finished() -> bool:
            return not await world.one("select count(*) from link where dirty_at is not null")

        storm = Storm(world, "push", rng, plan.stint_s, plan.tell)
        await change()
        rep = Rep(world.crm, rng, sorted(targets))
        repping = asyncio.create_task(asyncio.to_thread(rep.work))
        try:
            felt = await storm.rage(plan.harms, finished, change)
        finally:
            rep.stop()
            await repping
        world.crm.quicken()
        await storm.calm(finished)
        notes = await _check_push(world, targets, rounds, rep)
        await check_all(world)
        return Measured("push", plan.crm, plan.seed, felt, {"rounds": rounds, **notes})


async def log_conversations(plan: Plan, *, aimed: bool = False, **setting: float) -> Measured:
    """`amount` calls, each to be logged once. A latency on creates makes harms fall between a create and its record.

    `aimed`: each of them does.
    """
    rng = random.Random(plan.seed)
    async with running_world(
        plan.crm, plan.amount + plan.amount // 4 + 10, seed=plan.seed, **setting
    ) as world:
        await two_workers(world)
        await first_read(world)
        targets = await _targets(world, plan.amount)
        world.crm.slow(world.crm.create, plan.latency_s)
        calls = await _end_calls(world, targets)

        async def finished() -> bool:
            return bool(await world.one("select count(*) from activity where status = 'done'") == len(calls))

        # Conversations whose analysis is cut off rest for the two minutes of their claim; here it is about logging.
        while await world.one("select count(*) from activity") < len(calls):  # noqa: ASYNC110 - a row's
            await asyncio.sleep(0.05)

        async def create_is_under_way() -> None:
            while not await world.one(  # noqa: ASYNC110 - a row's
                "select count(*) from activity where activity_id is null and intent_at between"
                " clock_timestamp() - interval '0.1 s' and clock_timestamp()"
            ):
                await asyncio.sleep(0.01)
            await asyncio.sleep(rng.uniform(0, plan.latency_s / 2))

        storm = Storm(world, "activity", rng, plan.stint_s, plan.tell, create_is_under_way if aimed else None)
        felt = await storm.rage(plan.harms, finished)
        world.crm.quicken()
        await storm.calm(finished)
        await _check_activities(world, calls)
        await check_all(world)
        inherited = await world.one(
            "select count(*) from (select ref from chaos_write where what = 'activity' group by ref"
            " having count(distinct writer) > 1) handed_over"
        )
        return Measured(
            "activities", plan.crm, plan.seed, felt, {"creates that another had to settle": inherited}
        )


# What they share


async def two_workers(world: World) -> None:
    """The two that are kept running."""
    for worker in [await world.start_worker(), await world.start_worker()]:
        worker.process.said("Tieline works")


async def first_read(world: World) -> None:
    """Waits until the first read has been completed, with nobody harmed."""
    while not await world.one("select count(*) from run where kind = 'inbound' and status = 'succeeded'"):  # noqa: ASYNC110 - a row's
        await asyncio.sleep(0.1)


async def read_changes(world: World) -> None:
    """A full read, to its end; a run of the schedule that is under way has to end first."""
    while True:
        try:
            run = await world.tieline.runs.queue(
                world.org_id, world.app_id, full_read=True, triggered_by="manual"
            )
            break
        except RunInProgressError:
            await asyncio.sleep(0.2)
    while run.in_flight:
        await asyncio.sleep(0.1)
        run = await world.tieline.runs.get(world.org_id, run.run_id) or run
    assert run.status == "succeeded", run.reason


async def _targets(world: World, amount: int) -> dict[str, tuple[str, str]]:
    """Linked contacts: by record id, contact id and number."""
    rows = await world.rows(
        "select external_id, contact_id, phone_number from link join contact using (org_id, contact_id)"
        " where status = 'open' order by external_id limit %s", amount,
    )  # fmt: skip
    assert len(rows) == amount, f"only {len(rows)} linked contacts"
    return {row["external_id"]: (row["contact_id"], row["phone_number"]) for row in rows}


async def _edit_all(world: World, targets: dict[str, tuple[str, str]], number: int) -> None:
    rules = await world.tieline.configs.get(world.org_id)
    editor, gate = Editor(SourceKind.PERSON, "chaos"), asyncio.Semaphore(6)

    async def edit(contact_id: str) -> None:
        async with gate:
            change = Edit(custom_fields={"notes": ours(number, contact_id)})
            await world.tieline.editing.update(world.org_id, rules, contact_id, change, editor)

    await asyncio.gather(*(edit(contact_id) for contact_id, _ in targets.values()))


def ours(number: int, contact_id: str) -> str:
    """The text that we give a contact in a round."""
    return f"round {number} for {contact_id}"


async def _end_calls(world: World, targets: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Reports one call with each; record id by conversation id."""
    ended = datetime.now(UTC)
    calls: dict[str, str] = {}
    for number, (record_id, (_, phone)) in enumerate(targets.items()):
        report = Report(
            "retell", f"chaos_{number}", "call", "analyzed", direction="outbound", has_number=True,
            from_number=_AGENT_NUMBER, to_number=phone, started_at=ended - timedelta(seconds=60), ended_at=ended,
            duration_ms=60_000, summary=f"Call {number}.", analysis={}, analysis_version="1",
        )  # fmt: skip
        await world.tieline.intake.take(world.org_id, report, {})
        calls[report.conversation_id] = record_id
    return calls


async def wake(world: World, kind: WakeKind) -> None:
    """Wakes for a kind of work."""
    async with world.tieline.pool.connection() as conn, conn.transaction():
        await world.tieline.jobs.enqueue(conn, [Wake(kind, world.org_id, world.app_id)])


# The checks


async def _check_import(world: World, amount: int) -> dict[str, Any]:
    records = world.crm.contacts()
    links = {row["external_id"]: row for row in await world.rows("select * from link")}
    assert len(records) == amount
    assert set(links) == set(records)
    numbers = {key: number for key, row in records.items() if (number := _e164(row["phone_number"]))}
    assert {key for key, row in links.items() if row["status"] in ("open", "shared")} == set(numbers)
    contacts = {row["contact_id"]: row for row in await world.rows("select * from contact")}
    # Each number once, and nobody else: a page applied twice or by two would have made more, or broken the counts.
    assert Counter(row["phone_number"] for row in contacts.values()) == Counter(set(numbers.values()))
    for key, link in links.items():
        if link["status"] == "open":
            assert _mapped(contacts[link["contact_id"]]) == {
                name: _text(records[key][name]) for name in ("first_name", "last_name", "notes", "plan")
            }, key
    twice = await world.rows(
        "select contact_id, field_name from ledger where outcome = 'set' group by 1, 2 having count(*) > 1"
    )
    assert twice == []
    (run,) = await world.rows("select * from run where kind = 'inbound'")
    assert run["counts"]["read"] == amount, run["counts"]
    return {"contacts": len(contacts), "records": amount}


def _mapped(contact: dict[str, Any]) -> dict[str, str | None]:
    custom = contact["custom_fields"]
    values = {**{name: contact[name] for name in ("first_name", "last_name")}, "notes": custom.get("notes")}
    return {name: _text(value) for name, value in {**values, "plan": custom.get("plan")}.items()}


def _text(value: Any) -> str | None:
    return (str(value).strip() or None) if value is not None else None


def _e164(raw: str | None) -> str | None:
    number = normalise(raw or "", "US")
    return None if isinstance(number, Unusable) else str(number)


async def _check_push(
    world: World, targets: dict[str, tuple[str, str]], rounds: int, rep: Rep
) -> dict[str, Any]:
    await read_changes(world)
    await read_changes(world)
    records = world.crm.contacts()
    contacts = {row["contact_id"]: row for row in await world.rows("select * from contact")}
    said = await world.rows("select contact_id, new_value #>> '{}' as value from ledger")
    ledger = {(row["contact_id"], row["value"]) for row in said}
    written = rep.writes()
    in_the_window = kept = overruled = 0
    for record_id, (contact_id, _) in targets.items():
        theirs, held = records[record_id], contacts[contact_id]
        assert theirs["notes"] == held["custom_fields"].get("notes"), record_id
        assert theirs["last_name"] == held["last_name"], record_id
        if record_id in rep.names:
            assert theirs["last_name"] == rep.names[record_id], (
                "an edit of a field that we do not write was lost"
            )
        note = rep.notes.get(record_id)
        if note is None:
            assert theirs["notes"] == ours(rounds, contact_id), record_id
        elif theirs["notes"] == note.value:
            kept += 1
        elif (contact_id, note.value) in ledger:
            assert theirs["notes"] == ours(rounds, contact_id), record_id
            overruled += 1
        else:
            assert rep.between_look_and_write(note, written), (
                f"the rep's edit of {record_id} vanished: {note}"
            )
            in_the_window += 1
    assert rep.notes
    doubted = await _age_sends(world)
    await read_changes(world)
    stuck = await world.rows(
        "select * from link where dirty_at is not null or needs_read or jsonb_path_exists(state, '$.*.f')"
        " or push_blocked <> '{}'"
    )
    assert not stuck, f"{len(stuck)} links do not come to rest, as {stuck[:3]}"
    return {
        "rep's edits": len(rep.notes) + len(rep.names), "kept": kept, "later overruled, in the ledger": overruled,
        "inside the window": in_the_window, "sends never seen again": doubted,
    }  # fmt: skip


async def _age_sends(world: World) -> int:
    """Lets an hour pass for values that were sent, never confirmed and overwritten by the rep; how many there are.

    Until they cannot land any more they have to be remembered.
    """
    in_flight = await world.rows("select * from link where jsonb_path_exists(state, '$.*.f')")
    for row in in_flight:
        assert row["dirty_at"] is None, row
        for pair in row["state"].values():
            pair["f"] = [[local, remote, at_ms - 3_600_000] for local, remote, at_ms in pair.pop("f", [])]
        aged = {key: {k: v for k, v in pair.items() if v != []} for key, pair in row["state"].items()}
        await world.eyes.execute(
            "update link set state = %s where external_id = %s", [Jsonb(aged), row["external_id"]]
        )
    return len(in_flight)


async def _check_activities(world: World, calls: dict[str, str]) -> None:
    logged = world.crm.activities()
    doubled = {key: count for key, count in Counter(key for key, _ in logged).items() if count > 1}
    assert doubled == {}, f"logged more than once: {doubled}"
    assert dict(logged) == calls
    known = await world.rows("select conversation_id, external_id, status from activity")
    assert {row["conversation_id"]: row["external_id"] for row in known} == calls


async def check_all(world: World) -> None:
    """What holds after each history."""
    assert await world.strangers() == [], "a worker wrote in a lane that was another's"
    assert not await world.rows("select * from issue where kind in ('run_failed', 'conversation_failed')")
    doubled = await world.rows(
        "select contact_id from link where status = 'open' group by contact_id having count(*) > 1"
    )
    assert doubled == []
    await world.stop_workers()
