"""What passes from one contact to another within a page: the store must take it as the plan means."""

from dataclasses import replace

import pytest
from tests.integration.flows.conftest import NAMES, alice, crm_fields
from tests.integration.flows.house import ORG, House

from tieline.domain.mapping_changes import compare
from tieline.ports.errors import CrmError
from tieline.store.mapping_changes import change_links


async def test_a_crm_merge_of_two_linked_records_is_applied(home: House) -> None:
    winner = await alice(home)
    loser = await alice(home, phone_number="+14155550101", first_name="Al")
    await home.sync()
    await home.admin("merge", winner=winner, loser=loser) if home.provider == "hubspot" else await home.admin(
        "merge", winner=winner, losers=[loser]
    )
    await home.sync(full=True)
    people = await home.rows("select phone_number from contact where merged_into is null")
    assert [row["phone_number"] for row in people] == ["+14155550100"]
    open_links = await home.rows("select external_id from link where status = 'open'")
    assert len(open_links) == 1
    await home.sync(full=True)


async def test_a_number_that_one_contact_leaves_goes_to_a_new_one_in_the_same_page(home: House) -> None:
    leaver = await alice(home)
    sharer = await alice(home, first_name="Bob")
    await home.sync()
    await home.admin("edit", id=leaver, fields=crm_fields(home, phone_number="+14155550109"))
    await home.admin("edit", id=sharer, fields=crm_fields(home, last_name="Jones"))
    await home.sync(full=True)
    found = await home.rows(
        "select c.phone_number, l.external_id from contact c join link l using (org_id, contact_id)"
        " where l.status = 'open' order by 1"
    )
    assert [tuple(row.values()) for row in found] == [("+14155550100", sharer), ("+14155550109", leaver)]


async def test_a_call_that_came_before_its_record_was_read_is_logged_when_it_is(home: House) -> None:
    await home.sync()
    await home.conversation("call_early", "+14155550100", {"customer_notes": "Wants a demo."})
    await home.analyse()
    assert await home.log() == 0
    await alice(home)
    await home.sync(full=True)
    assert await home.analyse() == 1
    assert await home.log() == 1
    await home.sync(full=True)
    assert (await home.analyse(), await home.log()) == (0, 0)


async def test_a_tenant_that_is_linked_again_keeps_its_incumbents(home: House) -> None:
    await home.admin("create", fields=crm_fields(home, first_name="Early", last_name="X", phone_number=None))
    late = await alice(home)
    await home.sync()
    early = await home.rows("select external_id from link where status = 'skipped'")
    await home.admin("edit", id=early[0]["external_id"], fields=crm_fields(home, phone_number="+14155550100"))
    await home.sql("delete from read_state")  # What unlinking and linking an app does.
    await home.sync(full=True)
    assert (await home.rows("select external_id from link where status = 'open'")) == [{"external_id": late}]
    assert (await home.contact("+14155550100"))["first_name"] == "Alice"


async def test_a_first_read_that_begins_anew_passes_numbers_down_a_row_of_records(home: House) -> None:
    """Each record takes the number that the next had when the read broke off, so all their contacts change hands."""
    numbers = [f"+1415555010{i}" for i in range(4)]
    held = ["unknown", *numbers]
    records = [await alice(home, first_name=f"R{i}", phone_number=held[i]) for i in range(5)]

    async def cut_off() -> None:
        home.wire.cut_after = 0

    home.wire.meanwhile = ("locator=" if home.provider == "salesforce" else "after="), cut_off
    await home.admin("seed", contacts=10, seed=3)
    with pytest.raises(CrmError):
        await home.sync(page_size=5)
    home.wire.cut_after = None
    read = await home.rows(
        "select external_id from link where status = 'open' and external_id = any(%s)", records
    )
    assert len(read) == 4, "the part that has these records was committed"
    await home.later(seconds=5)
    now = [*numbers, "+14155550109"]
    for record, number in zip(records, now, strict=True):
        await home.admin("edit", id=record, fields=crm_fields(home, phone_number=number))
    await home.sql("delete from read_state")  # What unlinking and linking an app does.
    await home.sync()
    found = await home.rows(
        "select c.phone_number, c.first_name, l.external_id from contact c join link l using (org_id, contact_id)"
        " where l.status = 'open' and l.external_id = any(%s) order by 1", records,
    )  # fmt: skip
    told = [(number, f"R{i}", record) for i, (number, record) in enumerate(zip(now, records, strict=True))]
    assert [tuple(row.values()) for row in found] == told
    assert await home.issues() == []
    assert (await home.sync(full=True))["unchanged"] == 15


async def test_a_crm_that_hides_its_deletes_still_brings_its_changes(home: House) -> None:
    record = await alice(home)
    await home.sync()
    if home.provider == "salesforce":
        name, match = "INSUFFICIENT_ACCESS", {"path": "queryAll"}
    else:
        name, match = "missing_scopes", {"method": "GET", "path": "/objects/.*contacts$"}
    await home.admin("faults", kind="status", status=403, name=name, match=match, times=None)
    await home.sql("delete from read_state where kind = 'removals'")
    await home.admin("edit", id=record, fields=crm_fields(home, first_name="Alicia"))
    await home.sync()
    assert (await home.contact("+14155550100"))["first_name"] == "Alicia"
    assert await home.issues() == ["sweep_refused"]


async def map_notes(home: House, *, inbound: bool, outbound: bool) -> None:
    """Saves the mappings anew, with the notes read, written, both or neither."""
    app = await home.app()
    line = {
        "external_field_name": NAMES[home.provider]["interaction_summary"],
        "field_name": "interaction_summary",
    }
    if inbound and outbound:
        line["policy"] = "merge"
    config = {**app.crm_config}
    for name, wanted in (("inbound_sync_mappings", inbound), ("outbound_sync_mappings", outbound)):
        others = [one for one in config[name] if one["field_name"] != "interaction_summary"]
        config[name] = [*others, line] if wanted else others
    async with home.pool.connection() as connection:
        change = compare(app.crm_config, config)
        await change_links(connection, ORG, app.tenant_key, change, shared=False)
        await home.apps.save(connection, replace(app, crm_config=config), None)


@pytest.mark.parametrize("read", [True, False])
async def test_a_text_that_is_written_from_now_on_still_tells_whose_sentences_are_whose(
    home: House, read: bool
) -> None:
    """Read: the record's own sentence goes with it. Not read: it gave none, so all that conversations said stays."""
    await map_notes(home, inbound=read, outbound=False)
    record = await alice(home, interaction_summary="Asked for a brochure.")
    await home.later(seconds=2)
    await alice(home, first_name="Bob", interaction_summary="")
    await home.sync()
    await home.conversation("call_1", "+14155550100", {"customer_notes": "Has 40 seats."})
    await home.analyse()
    await map_notes(home, inbound=read, outbound=True)
    await home.conversation("call_2", "+14155550100", {"customer_notes": "Wants a demo."})
    await home.analyse()
    await home.push()
    await home.admin("delete", id=record)
    await home.later(minutes=11)
    await home.sync()
    assert (await home.contact("+14155550100"))["first_name"] == "Bob"
    notes = await home.value("+14155550100", "interaction_summary")
    assert "brochure" not in notes
    assert "Has 40 seats." in notes
    assert "Wants a demo." in notes
