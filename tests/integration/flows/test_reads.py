"""Reading in: interrupted anywhere, shared and changing numbers, deletes, merges, schemas that change."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from tests.integration.flows.conftest import NAMES, alice, crm_fields, in_crm, map_both_ways
from tests.integration.flows.house import House

from tieline.flows.configuration import ConfigurationError, effective
from tieline.ports.errors import CrmError, LeaseLostError
from tieline.store.apps import schema_to_json

NUMBER, OTHER = "+14155550100", "+14155550101"


async def links(home: House) -> dict[str, str]:
    return {
        row["external_id"]: row["status"] for row in await home.rows("select external_id, status from link")
    }


async def crm_edit(home: House, record: str, **ours: Any) -> None:
    await home.later(seconds=5)
    await home.admin("edit", id=record, fields=crm_fields(home, **ours))


async def people(home: House) -> list[tuple[str, str, str]]:
    return [
        (row["phone_number"], row["first_name"], row["custom_fields"].get("lead_status"))
        for row in await home.rows("select * from contact where merged_into is null order by phone_number")
    ]


async def interrupted(home: House, *, full: bool = False) -> int:
    """Runs again and again, each time cut off one request later; returns how often it was cut off."""
    for allowed in range(60):
        home.wire.cut_after = allowed
        try:
            await home.sync(full=full)
        except CrmError:
            continue
        finally:
            home.wire.cut_after = None
        return allowed
    raise AssertionError("the run never ends")


async def test_a_full_read_that_was_completed_before_its_worker_died_is_not_read_again(home: House) -> None:
    await home.admin("seed", contacts=50, seed=3)
    await home.sync()
    await home.later(seconds=60)
    began = home.clock.now()
    for allowed in range(60):
        home.wire.cut_after = allowed
        with suppress(CrmError):
            await home.sync(full=True, resumed_since=began)
        done = await home.rows("select from read_state where kind = 'full' and completed_at >= %s", began)
        if done:
            break
    home.wire.cut_after = None
    counts = await home.sync(full=True, resumed_since=began)
    assert counts.get("read", 0) < 50
    await home.later(seconds=60)
    again = await home.sync(full=True, resumed_since=home.clock.now())
    assert again["read"] >= 50


async def test_a_first_read_that_is_cut_off_at_every_request_loses_and_doubles_nothing(home: House) -> None:
    await home.admin("seed", contacts=250, seed=3)
    await home.sync()
    whole = await people(home)
    everything = await links(home)
    for table in ("contact", "link", "ledger", "read_state", "issue", "contact_alias", "tenant_read"):
        await home.sql(f"delete from {table}")
    assert await interrupted(home) > 2
    assert await people(home) == whole
    assert await links(home) == everything
    assert len(await home.rows("select 1 from ledger")) == sum(
        len(row["custom_fields"]) + 2 for row in await home.rows("select * from contact")
    ), "each value was set once"


async def test_increments_and_sweeps_that_are_cut_off_lose_and_double_nothing(home: House) -> None:
    records = [await alice(home, phone_number=f"+1415555010{i}", first_name=f"A{i}") for i in range(6)]
    await home.sync()
    await home.later(minutes=12)
    for record in records[:3]:
        await home.admin("edit", id=record, fields=crm_fields(home, lead_status="Qualified"))
    await home.admin("delete", id=records[3])
    await home.admin("merge", winner=records[4], loser=records[5])
    assert await interrupted(home) > 1
    states = [status for _, _, status in await people(home)]
    assert states.count("Qualified") == 3
    assert (await links(home))[records[3]] == "deleted"
    assert (await links(home))[records[5]] == "merged"
    again = [row for row in await home.ledger("lead_status") if row["new_value"] == "Qualified"]
    assert len(again) == 3


async def test_a_reader_that_lost_its_lane_writes_nothing_more(home: House) -> None:
    await alice(home)

    async def taken_over() -> None:
        await home.sql("update lease set token = token + 1, owner = 'other'")

    home.wire.meanwhile = ("query" if home.provider == "salesforce" else "/contacts?"), taken_over
    with pytest.raises(LeaseLostError):
        await home.sync()
    assert await people(home) == []


async def test_shared_numbers_one_speaks_and_the_next_follows(home: House) -> None:
    first = await alice(home, first_name="First")
    await home.later(seconds=2)
    second = await alice(home, first_name="Second", lead_status="Contacted")
    third = await alice(home, first_name="Third", phone_number="(415) 555-0100")
    await home.sync()
    assert await people(home) == [(NUMBER, "First", "New")]
    assert await home.issues() == ["shared_number"]
    listed = (await home.rows("select raw from issue"))[0]["raw"]
    assert listed["primary"] == first
    assert sorted(listed["others"]) == sorted([second, third])
    await crm_edit(home, first, phone_number=OTHER)
    await home.sync()
    assert await people(home) == [(NUMBER, "Second", "Contacted"), (OTHER, "First", "New")]
    await crm_edit(home, third, phone_number="+14155550102")
    await home.sync()
    assert [name for _, name, _ in await people(home)] == ["Second", "First", "Third"]
    assert await home.issues() == []


async def test_a_deleted_record_that_is_restored_reopens_its_link_with_its_base(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.admin("delete", id=record)
    await home.later(minutes=11)
    await home.sync()
    assert await links(home) == {record: "deleted"}
    await home.edit(NUMBER, lead_status="Qualified")
    await home.later(seconds=5)
    await home.admin("restore", id=record)
    await home.admin("edit", id=record, fields=crm_fields(home, last_name="Jones"))
    await home.sync()
    assert await links(home) == {record: "open"}
    await home.push()
    assert (await in_crm(home, record))["lead_status"] == "Qualified", "our change is newer than the base"
    assert (await home.contact(NUMBER))["last_name"] == "Jones"


async def test_a_restored_record_whose_place_is_taken_is_listed(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.admin("delete", id=record)
    await home.later(minutes=11)
    await home.sync()
    other = await alice(home, first_name="Heir")
    await home.later(seconds=5)
    await home.sync()
    await home.admin("restore", id=record)
    await home.admin("edit", id=record, fields=crm_fields(home, last_name="Back"))
    await home.sync()
    assert await links(home) == {record: "shared", other: "open"}
    assert await home.issues() == ["shared_number"]


async def test_two_linked_records_that_the_crm_merges_become_one_contact(home: House) -> None:
    winner = await alice(home, first_name="Winner")
    loser = await alice(home, first_name="Loser", phone_number=OTHER)
    await home.sync()
    await home.later(minutes=11)
    await home.admin("merge", winner=winner, loser=loser)
    await home.sync()
    assert await links(home) == {winner: "open", loser: "merged"}
    assert [name for _, name, _ in await people(home)] == ["Winner"]
    await home.conversation("call_1", OTHER, {})
    await home.analyse()
    assert (await home.contact(NUMBER))["conversation_count"] == 1
    await home.sync(full=True)
    assert await links(home) == {winner: "open", loser: "merged"}


async def test_a_crm_merge_of_contacts_with_values_of_their_own_is_only_proposed(home: House) -> None:
    winner = await alice(home, first_name="Winner")
    loser = await alice(home, first_name="Loser", phone_number=OTHER)
    await home.sync()
    await home.conversation("call_1", OTHER, {"email": "loser@example.com"})
    await home.analyse()
    await home.later(minutes=11)
    await home.admin("merge", winner=winner, loser=loser)
    await home.sync()
    assert len(await people(home)) == 2
    assert await home.issues() == ["merge_proposed"]


async def test_a_number_that_an_unlinked_contact_has_joins_the_two(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.conversation("call_1", OTHER, {"email": "a@example.com"})
    await home.analyse()
    await crm_edit(home, record, phone_number=OTHER)
    await home.sync()
    (row,) = await home.rows("select * from contact where merged_into is null")
    assert (row["phone_number"], row["custom_fields"]["email"]) == (OTHER, "a@example.com")
    assert row["conversation_count"] == 1


async def test_contacts_with_links_in_a_dormant_tenant_can_still_be_joined(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.conversation("call_1", OTHER, {"email": "a@example.com"})
    await home.analyse()
    for row in await home.rows("select contact_id from contact"):
        await home.sql(
            "insert into link (org_id, tenant_key, external_id, contact_id, status)"
            " values ('org_test', 'dormant:1', %s, %s, 'open')", f"x{row['contact_id']}", row["contact_id"],
        )  # fmt: skip
    await crm_edit(home, record, phone_number=OTHER)
    await home.sync()
    assert len(await people(home)) == 1


async def test_a_number_that_becomes_unusable_keeps_the_contact_and_syncing(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await crm_edit(home, record, phone_number="555-1234", lead_status="Contacted")
    await home.sync()
    assert await people(home) == [(NUMBER, "Alice", "Contacted")]
    assert await home.issues() == ["unusable_phone"]
    await home.sync(full=True)
    assert await home.issues() == ["unusable_phone"]
    await crm_edit(home, record, phone_number="(415) 555-0100")
    await home.sync()
    assert await home.issues() == []


async def test_a_sweep_after_a_gap_longer_than_the_crm_keeps_deletes_asks_for_every_record(
    home: House,
) -> None:
    if home.provider != "salesforce":
        pytest.skip("HubSpot's archived list goes back as far as it keeps records")
    records = [await alice(home, phone_number=f"+1415555010{i}") for i in range(2)]
    await home.sync()
    await home.admin("delete", id=records[0], purge=True)
    await home.later(days=20)
    home.token_store.token = None
    await home.sync()
    assert await links(home) == {records[0]: "missing", records[1]: "open"}
    assert await home.issues() == ["record_missing"]


async def test_a_watermark_that_the_crm_does_not_know_leads_to_a_full_read(home: House) -> None:
    await alice(home)
    await home.sync()
    await home.sql("update read_state set watermark = 'nonsense' where kind = 'changes'")
    await alice(home, phone_number=OTHER, first_name="New")
    await home.later(seconds=5)
    await home.sync()
    assert len(await people(home)) == 2


async def test_one_impossible_mapping_rests_alone_with_one_issue(home: House) -> None:
    await map_both_ways(home, "plan")
    await alice(home, plan="Basic")
    await home.sync()
    app, org, schema = await home.app(), await home.org(), await home.schema()
    status = NAMES[home.provider]["lead_status"]
    crm = schema.fields[status]
    shorter = replace(crm, options=tuple(o for o in crm.options if o.value != "Qualified"), restricted=True)
    how = effective(app, org, replace(schema, fields={**schema.fields, status: shorter}))
    assert how.drifted == {status}
    assert "Qualified" in how.reasons[status]
    assert "plan" in {pair.field.name for pair in how.mapping.pairs}
    assert "lead_status" not in {pair.field.name for pair in how.mapping.pairs}
    phone = NAMES[home.provider]["phone_number"]
    without = replace(schema, fields={name: one for name, one in schema.fields.items() if name != phone})
    with pytest.raises(ConfigurationError):
        effective(app, org, without)


async def test_a_bad_value_is_an_issue_that_closes_by_itself_also_when_it_was_the_first(home: House) -> None:
    record = await alice(home, plan="x" * 10)
    field = NAMES[home.provider]["plan"]
    app = await home.app()
    lines = [
        {**line, "field_name": "score"} if line["external_field_name"] == field else line
        for line in app.crm_config["inbound_sync_mappings"]
        if line["field_name"] != "score"
    ]
    async with home.pool.connection() as connection:
        changed = {**app.crm_config, "inbound_sync_mappings": lines}
        await home.apps.save(connection, replace(app, crm_config=changed), None)
    await home.sync()
    assert await home.issues() == ["bad_value"]
    assert (await home.rows("select raw from issue"))[0]["raw"] == "x" * 10
    await crm_edit(home, record, plan="42.50")
    await home.sync()
    assert await home.issues() == []
    assert float(await home.value(NUMBER, "score")) == 42.5
    await crm_edit(home, record, plan="a lot")
    await home.sync()
    assert await home.issues() == ["bad_value"]
    await crm_edit(home, record, plan="42.50")
    await home.sync()
    assert await home.issues() == []


async def test_what_is_outbound_only_and_differs_is_listed_once(home: House) -> None:
    app = await home.app()
    plan = NAMES[home.provider]["plan"]
    config = dict(app.crm_config)
    config["inbound_sync_mappings"] = [
        x for x in config["inbound_sync_mappings"] if x["field_name"] != "plan"
    ]
    config["outbound_sync_mappings"] = [
        *config["outbound_sync_mappings"], {"external_field_name": plan, "field_name": "plan"},
    ]  # fmt: skip
    async with home.pool.connection() as connection:
        await home.apps.save(connection, replace(app, crm_config=config), None)
    record = await alice(home)
    await home.sync()
    await home.edit(NUMBER, plan="Ours")
    await home.push()
    await crm_edit(home, record, plan="Theirs")
    await home.sync()
    assert await home.value(NUMBER, "plan") == "Ours"
    assert await home.issues() == ["difference"]
    assert (await home.push()).looked == 0
    await home.sync(full=True)
    assert await home.rows("select occurrences from issue") == [{"occurrences": 1}]
    await home.edit(NUMBER, plan="Ours again")
    await home.push()
    assert (await in_crm(home, record))["plan"] == "Ours again"
    assert await home.issues() == []


async def test_a_field_that_holds_less_than_when_it_was_mapped_is_one_issue_that_closes_by_itself(
    home: House,
) -> None:
    await map_both_ways(home, "plan")
    await alice(home, plan="Basic")
    live, name = await home.schema(), NAMES[home.provider]["plan"]
    longer = replace(live.fields[name], max_length=70_000)
    saved = Jsonb(schema_to_json(replace(live, fields={**live.fields, name: longer})))
    await home.sql("update app set schema = %s", saved)
    for _ in range(2):
        await home.sync()
        assert await home.issues() == ["schema_changed"]
    await home.sql("update app set schema = %s", Jsonb(schema_to_json(live)))
    await home.sync()
    assert await home.issues() == []
