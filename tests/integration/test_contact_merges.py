"""Two contacts merged and taken apart again, in the database: values, numbers, conversations, records, counts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from tests.support import World, world_on

from tieline.domain.changeset import SourceKind
from tieline.flows.editing import Editor
from tieline.flows.merging_contacts import ContactMerging, MergeRefusedError
from tieline.store.merging import ContactMerges

ANN = Editor(SourceKind.PERSON, "ann")
N1, N2, N3, N4 = (f"+1415555010{i}" for i in range(1, 5))
TENANT = "salesforce:00D1"


@pytest.fixture
async def world(db_url: str) -> AsyncIterator[World]:
    async with world_on(db_url) as made:
        yield made


class Scene:
    """An organisation with two contacts, and what hangs on them."""

    def __init__(self, world: World, org_id: str) -> None:
        self.world, self.org_id = world, org_id
        self.merging = ContactMerging(ContactMerges(world.store), world.clock)

    async def contact(self, contact_id: str, number: str, **members: Any) -> str:
        """A contact; what is no member is a custom field, each from a source of its own."""
        custom = {k: v for k, v in members.items() if k not in ("first_name", "last_name", "do_not_call")}
        sources = {name: ["api", 5, f"key_{contact_id}"] for name in members}
        await self.world.run(
            "insert into contact (org_id, contact_id, phone_number, first_name, last_name, do_not_call, custom_fields,"
            " sources) values (%s, %s, %s, %s, %s, %s, %s, %s)",
            self.org_id, contact_id, number, members.get("first_name"), members.get("last_name"),
            members.get("do_not_call"), Jsonb(custom), Jsonb(sources),
        )  # fmt: skip
        return contact_id

    async def details(self, contact_id: str, tags: list[str], memory: str | None) -> None:
        """What a contact has besides fields."""
        await self.world.run(
            "update contact set contact_tag_ids = %s, contact_memory = %s where org_id = %s and contact_id = %s",
            Jsonb(tags), memory, self.org_id, contact_id,
        )  # fmt: skip

    async def conversation(self, name: str, contact_id: str, number: str, hour: int = 1) -> None:
        """A counted call, with its activity."""
        await self.world.run(
            "insert into conversation (org_id, platform, conversation_id, type, direction, to_number, contact_id,"
            " status, ended_at, counted) values (%s, 'retell', %s, 'call', 'outbound', %s, %s, 'analyzed', %s, true)",
            self.org_id, name, number, contact_id, f"2026-11-20 {hour:02}:00+00",
        )  # fmt: skip
        await self.world.run(
            "insert into activity (org_id, tenant_key, platform, conversation_id, contact_id, external_id, status)"
            " values (%s, %s, 'retell', %s, %s, '003X', 'done')", self.org_id, TENANT, name, contact_id,
        )  # fmt: skip
        await self.world.run(
            "update contact set conversation_count = conversation_count + 1,"
            " last_conversation_at = greatest(last_conversation_at, %s) where org_id = %s and contact_id = %s",
            f"2026-11-20 {hour:02}:00+00", self.org_id, contact_id,
        )  # fmt: skip

    async def alias(self, contact_id: str, number: str) -> None:
        await self.world.run(
            "insert into contact_alias (org_id, contact_id, phone_number, origin) values (%s, %s, %s, 'former')"
            " on conflict do nothing", self.org_id, contact_id, number,
        )  # fmt: skip

    async def record(self, external_id: str, contact_id: str, status: str = "open", *phones: str) -> None:
        await self.world.run(
            "insert into link (org_id, tenant_key, external_id, contact_id, status, phones)"
            " values (%s, %s, %s, %s, %s, %s)", self.org_id, TENANT, external_id, contact_id, status, list(phones),
        )  # fmt: skip

    async def issue(self, contact_id: str) -> None:
        await self.world.run(
            "insert into issue (org_id, issue_id, cause, kind, message, contact_id) values (%s, %s, %s, 'k', 'm', %s)",
            self.org_id, f"issue_{contact_id}", f"about:{contact_id}", contact_id,
        )  # fmt: skip

    async def merge(self, survivor: str = "a", loser: str = "b") -> Any:
        return await self.merging.merge(self.org_id, await self.rules(), survivor, loser, ANN)

    async def unmerge(self, contact_id: str = "b", *, clear_do_not_call: bool = False) -> Any:
        return await self.merging.unmerge(
            self.org_id, await self.rules(), contact_id, ANN, clear_do_not_call=clear_do_not_call
        )

    async def rules(self) -> Any:
        return await self.world.services.configs.get(self.org_id)

    async def row(self, contact_id: str) -> dict[str, Any]:
        (found,) = await self.world.rows(
            "select * from contact where org_id = %s and contact_id = %s", self.org_id, contact_id
        )
        return found

    async def state(self) -> dict[str, Any]:
        """All that a merge may move, and nothing that only counts changes."""
        columns = {
            "contact": "contact_id, phone_number, first_name, last_name, do_not_call, custom_fields, merged_into,"
            " conversation_count, last_conversation_at, contact_tag_ids, contact_memory",
            "contact_alias": "contact_id, phone_number, origin",
            "conversation": "platform, conversation_id, contact_id",
            "activity": "tenant_key, conversation_id, contact_id, external_id, status",
            "link": "tenant_key, external_id, contact_id, status, phones",
            "issue": "issue_id, contact_id",
        }
        return {
            table: sorted(
                repr(row)
                for row in await self.world.rows(
                    f"select {names} from {table} where org_id = %s"
                    + (" and kind <> 'ambiguous_alias'" if table == "issue" else ""),
                    self.org_id,
                )
            )
            for table, names in columns.items()
        }


@pytest.fixture
async def scene(world: World) -> Scene:
    org_id, _ = await world.org()
    return Scene(world, org_id)


async def test_values_fill_empty_fields_and_differing_ones_stay_in_the_ledger(scene: Scene) -> None:
    await scene.contact("a", N1, first_name="Ann", do_not_call=False)
    await scene.contact("b", N2, first_name="Anna", last_name="Lee", do_not_call=True, note="vip")
    await scene.merge()
    row = await scene.row("a")
    assert (row["first_name"], row["last_name"], row["do_not_call"]) == ("Ann", "Lee", True)
    assert row["custom_fields"] == {"note": "vip"}
    ledger = await scene.world.rows(
        "select field_name, outcome, new_value, source_ref from ledger where contact_id = 'a' order by field_name"
    )
    assert [(e["field_name"], e["outcome"], e["new_value"]) for e in ledger] == [
        ("do_not_call", "set", True), ("first_name", "overruled", "Anna"), ("last_name", "set", "Lee"),
        ("note", "set", "vip"),
    ]  # fmt: skip
    assert {e["source_ref"] for e in ledger} == {"key_b"}, "a value keeps its own source"


async def test_tags_are_joined_and_a_memory_fills_an_empty_one(scene: Scene) -> None:
    await scene.contact("a", N1)
    await scene.contact("b", N2)
    await scene.details("a", ["t1"], None)
    await scene.details("b", ["t2", "t1"], "likes tea")
    await scene.merge()
    row = await scene.row("a")
    assert (row["contact_tag_ids"], row["contact_memory"]) == (["t1", "t2"], "likes tea")
    await scene.details("a", ["t1", "t2", "t3"], "likes tea and cake")
    await scene.unmerge()
    row = await scene.row("a")
    assert (row["contact_tag_ids"], row["contact_memory"]) == (["t1", "t3"], "likes tea and cake")


async def test_what_hangs_on_the_loser_moves_and_its_id_keeps_resolving(scene: Scene) -> None:
    await scene.contact("a", N1)
    await scene.contact("b", N2)
    await scene.alias("b", N3)
    await scene.conversation("c1", "a", N1, 1)
    await scene.conversation("c2", "b", N2, 2)
    await scene.record("003D", "b", "deleted", N2)
    await scene.issue("b")
    await scene.merge()
    contacts = scene.world.services.contacts
    for way in (await contacts.get(scene.org_id, "b"), await contacts.by_phone(scene.org_id, N2),
                await contacts.by_phone(scene.org_id, N3)):  # fmt: skip
        assert way is not None
        assert way.contact_id == "a"
        assert way.conversation_count == 2
    for table in ("conversation", "activity", "link", "issue"):
        assert {r["contact_id"] for r in await scene.world.rows(f"select contact_id from {table}")} == {"a"}


async def test_the_linked_one_survives_whoever_was_named(scene: Scene) -> None:
    await scene.contact("a", N1)
    await scene.contact("b", N2)
    await scene.record("003B", "b", "open", N2)
    merged = await scene.merge("a", "b")
    assert (merged.survivor_id, merged.loser_id, merged.swapped) == ("b", "a", True)
    assert (await scene.row("b"))["phone_number"] == N2


async def test_two_linked_contacts_are_not_merged_here(scene: Scene) -> None:
    for contact_id, number in (("a", N1), ("b", N2)):
        await scene.contact(contact_id, number)
        await scene.record(f"003{contact_id}", contact_id, "open", number)
    before = await scene.state()
    with pytest.raises(MergeRefusedError, match=r"003a and 003b.*Merge the two records in the CRM"):
        await scene.merge()
    assert await scene.state() == before


async def test_what_is_filled_into_a_linked_contact_waits_to_be_pushed(scene: Scene) -> None:
    await scene.world.app(scene.org_id)
    await scene.contact("a", N1)
    await scene.contact("b", N2, last_name="Lee")
    await scene.record("003A", "a", "open", N1)
    await scene.merge()
    (link,) = await scene.world.rows("select dirty_at is not null as dirty from link")
    assert link["dirty"]
    assert {kind for kind, _, _ in await scene.world.wakes()} == {"push", "activity"}


async def test_later_edits_stay_and_only_what_the_merge_brought_is_withdrawn(scene: Scene) -> None:
    await scene.contact("a", N1)
    await scene.contact("b", N2, first_name="Bea", last_name="Lee")
    await scene.merge()
    await scene.world.run("update contact set first_name = 'Beatrice', sources = sources || %s where contact_id = 'a'",
                          Jsonb({"first_name": ["person", 9, "ann"]}))  # fmt: skip
    await scene.unmerge()
    a, b = await scene.row("a"), await scene.row("b")
    assert (a["first_name"], a["last_name"]) == ("Beatrice", None)
    assert (b["first_name"], b["last_name"], b["phone_number"], b["merged_into"]) == ("Bea", "Lee", N2, None)
    (entry,) = await scene.world.rows("select * from ledger where outcome = 'withdrawn'")
    assert (entry["field_name"], entry["old_value"], entry["source_kind"]) == ("last_name", "Lee", "person")


async def test_a_later_conversation_goes_with_the_loser_only_if_its_number_is_the_losers(
    scene: Scene,
) -> None:
    await scene.contact("a", N1)
    await scene.contact("b", N2)
    await scene.conversation("named", "a", N2, 1)  # attached to the survivor by its id, before
    await scene.merge()
    await scene.conversation("theirs", "a", N2, 3)
    await scene.conversation("ours", "a", N1, 4)
    await scene.unmerge()
    found = await scene.world.rows(
        "select conversation_id, contact_id from conversation order by conversation_id"
    )
    assert [(r["conversation_id"], r["contact_id"]) for r in found] == [
        ("named", "a"), ("ours", "a"), ("theirs", "b"),
    ]  # fmt: skip
    a, b = await scene.row("a"), await scene.row("b")
    assert (a["conversation_count"], b["conversation_count"]) == (2, 1)
    assert (a["last_conversation_at"].hour, b["last_conversation_at"].hour) == (4, 3)


async def test_do_not_call_is_not_cleared_unless_asked_for(scene: Scene) -> None:
    await scene.contact("a", N1, do_not_call=False)
    await scene.contact("b", N2, do_not_call=True)
    await scene.merge()
    undone = await scene.unmerge()
    assert undone.kept == ("do_not_call",)
    assert (await scene.row("a"))["do_not_call"] is True
    await scene.merge()
    assert (await scene.unmerge(clear_do_not_call=True)).kept == (), "the second merge brought nothing"
    assert (await scene.row("a"))["do_not_call"] is True


async def test_a_merge_inside_a_merge_is_undone_from_outside_in(scene: Scene) -> None:
    for contact_id, number in (("a", N1), ("b", N2), ("c", N3)):
        await scene.contact(contact_id, number, note=contact_id)
    before = await scene.state()
    await scene.merge("b", "c")
    await scene.merge("a", "b")
    with pytest.raises(MergeRefusedError, match="Undo that merge first"):
        await scene.unmerge("c")
    await scene.unmerge("b")
    await scene.unmerge("c")
    assert await scene.state() == before


async def test_what_is_no_merge_cannot_be_undone(scene: Scene) -> None:
    await scene.contact("a", N1)
    with pytest.raises(MergeRefusedError, match="not part of another"):
        await scene.unmerge("a")
    with pytest.raises(LookupError):
        await scene.unmerge("nobody")
    with pytest.raises(MergeRefusedError, match="one contact already"):
        await scene.merge("a", "a")


async def test_a_number_that_somebody_else_has_by_now_stands_in_the_way(scene: Scene) -> None:
    await scene.contact("a", N1)
    await scene.contact("b", N2)
    await scene.merge()
    await scene.contact("c", N2)
    with pytest.raises(MergeRefusedError, match="is contact c's by now"):
        await scene.unmerge()


async def test_an_alias_of_two_contacts_is_listed_and_the_list_closes_when_they_are_one(scene: Scene) -> None:
    await scene.contact("a", N1)
    await scene.contact("b", N2)
    await scene.contact("c", N3)
    await scene.alias("a", N4)
    await scene.alias("b", N4)
    await scene.merge("c", "b")
    kinds = await scene.world.rows("select kind, raw from issue where closed_at is null")
    assert [(r["kind"], r["raw"]["contacts"]) for r in kinds] == [("ambiguous_alias", ["a", "c"])]
    await scene.merge("a", "c")
    assert await scene.world.rows("select 1 from issue where closed_at is null") == []


async def test_of_two_merges_at_once_one_is_told_that_there_is_nothing_to_do(scene: Scene) -> None:
    await scene.contact("a", N1, first_name="Ann")
    await scene.contact("b", N2, last_name="Lee")
    done = await asyncio.gather(scene.merge("a", "b"), scene.merge("b", "a"), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["MergeRefusedError", "Merged"]
    assert len(await scene.world.rows("select 1 from contact_merge")) == 1


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "first_name": st.sampled_from(["Ann", "Bob"]), "do_not_call": st.booleans(),
        "note": st.sampled_from(["x", "y"]), "score": st.integers(0, 2),
    },
)  # fmt: skip

DETAILS = st.tuples(st.lists(st.sampled_from("xyz"), unique=True), st.sampled_from([None, "m", "n"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ours=VALUES, theirs=VALUES, aliases=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([N1, N2, N3, N4]))),
    calls=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([N1, N2, N3, N4])), max_size=5),
    records=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["deleted", "missing", "closed"])), max_size=3),
    linked=st.sampled_from(["", "a", "b"]), swap=st.booleans(), ours_too=DETAILS, theirs_too=DETAILS,
)  # fmt: skip
def test_a_merge_and_its_undoing_leave_everything_as_it_was(
    db_url: str,
    ours: Any,
    theirs: Any,
    aliases: Any,
    calls: Any,
    records: Any,
    linked: str,
    swap: bool,
    ours_too: Any,
    theirs_too: Any,
) -> None:
    async def story() -> None:
        async with world_on(db_url) as world:
            await world.run("truncate organisation cascade")
            scene = Scene(world, (await world.org())[0])
            await scene.contact("a", N1, **ours)
            await scene.contact("b", N2, **theirs)
            await scene.details("a", *ours_too)
            await scene.details("b", *theirs_too)
            for contact_id, number in aliases:
                await scene.alias(contact_id, number)
            for i, (contact_id, number) in enumerate(calls):
                await scene.conversation(f"call_{i}", contact_id, number, i + 1)
            for i, (contact_id, status) in enumerate(records):
                await scene.record(f"r{i}", contact_id, status, N3)
            if linked:
                await scene.record("open", linked, "open", N1 if linked == "a" else N2)
            before = await scene.state()
            merged = await scene.merge(*(("b", "a") if swap else ("a", "b")))
            assert await scene.state() != before
            await scene.unmerge(merged.loser_id, clear_do_not_call=True)
            assert await scene.state() == before

    asyncio.run(story())
