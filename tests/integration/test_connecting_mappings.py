"""Mappings that change: what the links forget, what they note, and what must be read. Nothing is ever pushed by it."""

from typing import Any

import pytest
from tests.integration.connecting_support import ORG, UNREACHABLE, Kit, Place, admin, crm, heal, kit, place

from tieline.domain.changes import Base, KeepLocal, Nothing, Times, reconcile
from tieline.domain.link_state import pair_from_json
from tieline.domain.values import ABSENT
from tieline.flows.configuration import effective
from tieline.ports.config import AppConfig
from tieline.ports.errors import LeaseLostError
from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.store import Lane
from tieline.store.leases import Leases, check

__all__ = ["crm", "kit", "place"]


@pytest.fixture
async def app(place: Place, kit: Kit, crm: str) -> AppConfig:
    """Linked; reads the plan, both ways the notes."""
    app = await place.create(kit, crm, config(kit))
    await place.link_up(app)
    return app


def config(kit: Kit, *more: tuple[str, str, str]) -> dict[str, Any]:
    return kit.mappings(("in", kit.plan, "plan"), ("both", kit.notes, "interaction_summary"), *more)


def plan(kit: Kit) -> str:
    return f"plan|{kit.plan}"


def notes(kit: Kit) -> str:
    return f"interaction_summary|{kit.notes}"


def status(kit: Kit) -> str:
    return f"lead_status|{kit.status}"


async def test_saving_the_same_mappings_again_changes_nothing(place: Place, kit: Kit, app: AppConfig) -> None:
    state = {plan(kit): {"v": "Pro"}, notes(kit): {"l": "a", "r": "b", "f": [["c", "c", 5]]}}
    await place.contact("contact_0001", app.tenant_key, state, plan="Pro")
    await place.update(app, crm_config=config(kit))
    assert await place.link_states() == {"contact_0001": state}
    assert await place.inbound_runs() == []
    assert (await place.rows("select version, dirty_at from link")) == [{"version": 1, "dirty_at": None}]


async def test_a_removed_pair_is_forgotten_by_every_link_of_the_tenant_only(
    place: Place, kit: Kit, app: AppConfig
) -> None:
    state = {plan(kit): {"v": "Pro"}, notes(kit): {"v": "n"}}
    await place.contact("contact_0001", app.tenant_key, state, plan="Pro")
    await place.contact("contact_0002", "other:tenant", state, plan="Pro")
    await place.rows("update link set status = 'closed', push_blocked = %s", f'{{"{plan(kit)}": {{}}}}')
    await place.update(app, crm_config=kit.mappings(("both", kit.notes, "interaction_summary")))
    assert await place.link_states() == {"contact_0001": {notes(kit): {"v": "n"}}, "contact_0002": state}
    blocked = await place.rows("select push_blocked from link where external_id = 'contact_0001'")
    assert blocked == [{"push_blocked": {}}]


async def test_a_pair_that_was_removed_and_comes_again_is_a_new_one(
    place: Place, kit: Kit, app: AppConfig
) -> None:
    await place.contact("contact_0001", app.tenant_key, {plan(kit): {"v": "Pro"}}, plan="Pro")
    app = await place.update(app, crm_config=kit.mappings(("both", kit.notes, "interaction_summary")))
    await place.update(app, crm_config=config(kit))
    assert await place.link_states() == {"contact_0001": {}}
    assert [run["full_read"] for run in await place.inbound_runs()] == [True]


async def test_a_new_outbound_pair_notes_what_is_there_and_pushes_only_changes_from_then_on(
    place: Place, kit: Kit, app: AppConfig
) -> None:
    await place.contact("contact_0001", app.tenant_key, {}, lead_status="Qualified")
    await place.contact("contact_0002", app.tenant_key, {})
    await place.contact("contact_0003", "other:tenant", {}, lead_status="Qualified")
    app = await place.update(app, crm_config=config(kit, ("out", kit.status, "lead_status")))
    states = await place.link_states()
    assert states == {
        "contact_0001": {status(kit): {"l": "Qualified", "t": ""}},
        "contact_0002": {},
        "contact_0003": {},
    }
    assert await place.rows("select 1 from link where dirty_at is not null") == []
    assert await place.inbound_runs() == [], "nothing new is read"

    state = pair_from_json(states["contact_0001"][status(kit)])
    assert state.base == Base("Qualified", ABSENT)
    assert app.schema is not None
    pairs = effective(app, await place.configs.get(ORG), app.schema).mapping.pairs
    pair = next(pair for pair in pairs if pair.key == status(kit))
    same = reconcile(pair, state, "Qualified", "New", own_echo=False, times=Times())
    assert same.verdict == Nothing()
    changed = reconcile(pair, state, "new", "Qualified", own_echo=False, times=Times())
    assert changed.verdict == KeepLocal(push=True)


async def test_built_in_fields_are_noted_too(place: Place, kit: Kit, app: AppConfig) -> None:
    name = "FirstName" if kit.provider == "salesforce" else "firstname"
    await place.contact("contact_0001", app.tenant_key, {}, first_name="Alice")
    lossy = config(kit)
    lossy["outbound_sync_mappings"].append({"external_field_name": name, "field_name": "first_name"})
    await place.update(app, crm_config=lossy)
    assert await place.link_states() == {"contact_0001": {f"first_name|{name}": {"l": "Alice", "t": ""}}}


@pytest.mark.parametrize(
    ("known", "local", "noted"),
    [
        ({"v": "Pro"}, "Pro", {"v": "Pro"}),
        ({"v": "Pro"}, "Max", {"l": "Max", "r": "Pro", "t": "Pro"}),
        ({"v": "Pro. Paid.", "t": "Pro."}, "Pro. Max.", {"l": "Pro. Max.", "r": "Pro. Paid.", "t": "Pro."}),
        ({"v": None}, "Max", {"l": "Max", "r": None, "t": ""}),
        ({"v": "Pro"}, None, {"l": None, "r": "Pro"}),
        ({"l": "Pro", "r": "pro "}, "Max", {"l": "Max", "r": "pro ", "t": "Pro"}),
        ({"v": "Pro", "t": ""}, None, {"l": None, "r": "Pro"}),
        ({"v": None, "n": True}, "Max", {"l": "Max", "t": ""}),
        ({"v": None, "n": True}, None, {"v": None, "n": True}),
    ],
)
async def test_a_pair_that_was_only_read_keeps_the_crms_half_when_it_is_written_too(
    place: Place, kit: Kit, app: AppConfig, known: dict[str, Any], local: str | None, noted: dict[str, Any]
) -> None:
    values = {} if local is None else {"plan": local}
    await place.contact("contact_0001", app.tenant_key, {plan(kit): known}, **values)
    both = config(kit)
    line = {"external_field_name": kit.plan, "field_name": "plan", "lossy_confirmed": True}
    both["outbound_sync_mappings"].append(line)
    await place.update(app, crm_config=both)
    assert await place.link_states() == {"contact_0001": {plan(kit): noted}}


@pytest.mark.parametrize(
    ("known", "after"),
    [
        ({"l": None, "r": "Won"}, {"l": None, "r": None, "n": True}),
        ({"l": "a", "r": "b", "f": [["c", "c", 5]]}, {"l": None, "r": None, "n": True, "f": [["c", "c", 5]]}),
        ({"v": "Won"}, {"v": "Won"}),
        ({"l": "Won"}, {"l": "Won"}),
        ({"v": None, "n": True}, {"v": None, "n": True}),
    ],
)
async def test_a_pair_that_was_only_written_and_agreed_to_differ_is_looked_at_anew_when_it_is_read_too(
    place: Place, kit: Kit, app: AppConfig, known: dict[str, Any], after: dict[str, Any]
) -> None:
    app = await place.update(app, crm_config=config(kit, ("out", kit.status, "lead_status")))
    await place.contact("contact_0001", app.tenant_key, {status(kit): known, plan(kit): {"l": 1, "r": 2}})
    await place.update(app, crm_config=config(kit, ("both", kit.status, "lead_status")))
    state = (await place.link_states())["contact_0001"]
    assert state[plan(kit)] == {"l": 1, "r": 2}
    assert pair_from_json(state[status(kit)]) == pair_from_json(after)


async def test_a_new_inbound_pair_has_everything_read_again_from_the_start(
    place: Place, kit: Kit, app: AppConfig
) -> None:
    await place.contact("contact_0001", app.tenant_key, {}, lead_status="Qualified")
    await place.update(app, crm_config=config(kit, ("in", kit.status, "lead_status")))
    assert [(run["full_read"], run["status"]) for run in await place.inbound_runs()] == [(True, "queued")]
    full = await place.rows(
        "select cursor, completed_at is not null as done from read_state where kind = 'full'"
    )
    assert full == [{"cursor": None, "done": True}], "it starts anew, and is no first read"
    assert await place.link_states() == {"contact_0001": {}}
    assert Wake(WakeKind.INBOUND, ORG, app.app_id) in place.queue.wakes


async def test_a_run_in_flight_becomes_a_full_one_and_its_worker_loses_its_lane(
    place: Place, kit: Kit, app: AppConfig
) -> None:
    await place.runs.queue(ORG, app.app_id, full_read=False, triggered_by="cron")
    lease = await Leases(place.pool).acquire(ORG, app.app_id, Lane.RECURRING, "worker")
    assert lease is not None
    await place.update(app, crm_config=config(kit, ("in", kit.status, "lead_status")))
    assert [run["full_read"] for run in await place.inbound_runs()] == [True]
    with pytest.raises(LeaseLostError):
        async with place.pool.connection() as connection, connection.transaction():
            await check(connection, lease)


async def test_pairs_saved_while_the_crm_was_away_are_read_once_it_is_back(
    place: Place, kit: Kit, crm: str, app: AppConfig
) -> None:
    await place.contact(
        "contact_0001", app.tenant_key, {plan(kit): {"v": "Pro"}}, plan="Pro", lead_status="new"
    )
    await admin(crm, "faults", {"kind": "drop_before", "times": None})
    wanted = kit.mappings(("both", kit.notes, "interaction_summary"), ("both", kit.status, "lead_status"))
    await place.update(app, crm_config=wanted)
    assert await place.link_states() == {"contact_0001": {status(kit): {"l": "new", "t": ""}}}
    assert await place.inbound_runs() == []
    await heal(crm)
    assert (await place.connecting.recheck(ORG, app.app_id)).may_run
    assert [run["full_read"] for run in await place.inbound_runs()] == [True]
    assert await place.link_states() == {"contact_0001": {status(kit): {"l": "new", "t": ""}}}


async def test_mappings_that_turn_out_wrong_when_the_crm_is_back_leave_one_issue(
    place: Place, kit: Kit, crm: str, app: AppConfig
) -> None:
    await admin(crm, "faults", {"kind": "drop_before", "times": None})
    await place.update(app, crm_config=config(kit, ("in", "No_Such_Field", "score")))
    await heal(crm)
    for _ in range(2):
        checked = await place.connecting.recheck(ORG, app.app_id)
        assert (checked.connection_status, checked.mappings_checked) == ("connected", False)
    assert [(issue["kind"], issue["occurrences"]) for issue in await place.issues()] == [
        ("mappings_refused", 2)
    ]
    await place.update(app, crm_config=config(kit))
    assert await place.issues() == []


async def test_an_app_that_is_not_linked_schedules_nothing(place: Place, kit: Kit, crm: str) -> None:
    app = await place.create(kit, crm, config(kit))
    await place.update(app, crm_config=config(kit, ("in", kit.status, "lead_status")))
    assert await place.inbound_runs() == []


async def test_a_second_app_of_a_tenant_forgets_nothing_that_the_linked_one_keeps(
    place: Place, kit: Kit, crm: str, app: AppConfig
) -> None:
    await place.contact(
        "contact_0001", app.tenant_key, {plan(kit): {"v": "Pro"}}, plan="Max", lead_status="Qualified"
    )
    second = await place.create(
        kit, crm, kit.mappings(("out", kit.plan, "plan"), ("out", kit.status, "lead_status"))
    )
    assert second.tenant_key == app.tenant_key
    noted = {plan(kit): {"v": "Pro"}, status(kit): {"l": "Qualified", "t": ""}}
    assert await place.link_states() == {"contact_0001": noted}


async def test_an_app_whose_crm_was_never_reached_touches_no_link(
    place: Place, kit: Kit, app: AppConfig
) -> None:
    await place.contact("contact_0001", app.tenant_key, {plan(kit): {"v": "Pro"}}, plan="Pro")
    other = await place.create(kit, UNREACHABLE, kit.mappings())
    await place.update(other, crm_config=kit.mappings(("out", kit.status, "lead_status")))
    assert await place.link_states() == {"contact_0001": {plan(kit): {"v": "Pro"}}}
