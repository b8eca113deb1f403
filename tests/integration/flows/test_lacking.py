"""A CRM that tells neither what changed nor what was deleted: everything is listed, and who is missing is gone."""

from tests.integration.flows.conftest import alice, crm_fields
from tests.integration.flows.house import House

from tieline.ports.crm import Capability


async def statuses(home: House) -> dict[str, str]:
    return {
        row["external_id"]: row["status"] for row in await home.rows("select external_id, status from link")
    }


async def test_a_sync_lists_everything_where_the_crm_cannot_tell_what_changed(home: House) -> None:
    home.lacks = frozenset({Capability.CHANGES, Capability.REMOVALS})
    one = await alice(home)
    await alice(home, phone_number="+14155550101", first_name="Bea")
    assert (await home.sync())["read"] == 2
    await home.later(seconds=600)
    await home.admin("edit", id=one, fields=crm_fields(home, first_name="Alicia"))
    assert (await home.sync())["read"] == 2
    names = {row["first_name"] for row in await home.rows("select first_name from contact")}
    assert names == {"Alicia", "Bea"}


async def test_a_missing_record_is_gone_where_no_sweep_will_say_more(home: House) -> None:
    home.lacks = frozenset({Capability.CHANGES, Capability.REMOVALS})
    one, other = await alice(home), await alice(home, phone_number="+14155550101", first_name="Bea")
    await home.sync()
    await home.admin("delete", id=one)
    await home.later(seconds=60)
    await home.sync()
    assert await statuses(home) == {one: "open", other: "open"}
    # Somebody asks for it by its id: here a push, otherwise the audit.
    await home.sql("update link set dirty_at = now()")
    await home.push()
    assert await statuses(home) == {one: "missing", other: "open"}
    await home.later(seconds=60)
    assert (await home.sync())["removed"] == 1
    assert await statuses(home) == {one: "deleted", other: "open"}
    closed = await home.rows("select 1 from issue where kind = 'record_missing' and closed_at is null")
    assert not closed
