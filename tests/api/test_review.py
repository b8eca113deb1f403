"""Merges, the review list, decisions and replays, through the API."""

from typing import Any

import httpx2
import pytest
from psycopg.types.json import Jsonb
from tests.support import World

PHONES = [f"+1415555010{i}" for i in range(1, 5)]


async def person(api: httpx2.AsyncClient, number: str, **members: Any) -> str:
    answer = await api.post("/create-contact", json={"phone_number": number, **members})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["contact_id"])


async def issue(world: World, org: str, issue_id: str, **columns: Any) -> None:
    values = {
        "org_id": org, "issue_id": issue_id, "cause": issue_id, "kind": "push_refused", "message": "m", **columns
    }  # fmt: skip
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    await world.run(f"insert into issue ({names}) values ({places})", *values.values())


async def test_two_contacts_become_one_and_two_again(api: httpx2.AsyncClient) -> None:
    one = await person(api, PHONES[0], first_name="Ann")
    other = await person(api, PHONES[1], first_name="Anna", last_name="Lee")
    answer = await api.post("/merge-contacts", json={"survivor_id": one, "loser_id": other})
    assert answer.status_code == 200, answer.text
    merged = answer.json()
    assert (merged["survivor_id"], merged["loser_id"], merged["swapped"]) == (one, other, False)
    assert (merged["contact"]["first_name"], merged["contact"]["last_name"]) == ("Ann", "Lee")
    for way in (f"/get-contact/{other}", f"/get-contact-by-phone/{PHONES[1]}"):
        assert (await api.get(way)).json()["contact_id"] == one
    assert (await api.post("/list-contacts", json={})).json()["total"] == 1

    undone = (await api.post("/unmerge-contact", json={"contact_id": other})).json()
    assert (undone["survivor_id"], undone["kept_fields"]) == (one, [])
    assert (undone["contact"]["first_name"], undone["contact"]["phone_number"]) == ("Anna", PHONES[1])
    assert "last_name" not in (await api.get(f"/get-contact/{one}")).json()


async def test_a_linked_contact_survives_though_the_other_was_named(
    api: httpx2.AsyncClient, world: World, org: str
) -> None:
    await world.app(org)
    one, other = await person(api, PHONES[0]), await person(api, PHONES[1])
    await world.link(org, other, "003B")
    merged = (await api.post("/merge-contacts", json={"survivor_id": one, "loser_id": other})).json()
    assert (merged["survivor_id"], merged["swapped"]) == (other, True)
    assert merged["contact"]["external_id"] == "003B"


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("merge-contacts", {"survivor_id": "x", "loser_id": "{a}"}, 404, "There is no contact x."),
        ("merge-contacts", {"survivor_id": "{a}", "loser_id": "{a}"}, 400, "one contact already"),
        (
            "merge-contacts",
            {"survivor_id": "{a}", "loser_id": "{b}"},
            400,
            "Merge the two records in the CRM",
        ),
        ("merge-contacts", {"survivor_id": "{a}"}, 422, "loser_id"),
        ("unmerge-contact", {"contact_id": "{a}"}, 400, "not part of another one"),
        ("unmerge-contact", {"contact_id": "x"}, 404, "There is no contact x."),
        ("resolve-review-item/x", {"choice": "dismiss"}, 404, "There is no open issue x."),
        ("resolve-review-item/x", {"choice": "shrug"}, 422, "choice"),
        ("replay-issues", {}, 422, "Say which"),
        ("replay-issues", {"kind": "merge_proposed"}, 422, "needs a decision"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_what_to_do(
    api: httpx2.AsyncClient, world: World, org: str, path: str, body: dict[str, str], status: int, says: str
) -> None:
    ids = {"{a}": await person(api, PHONES[0]), "{b}": await person(api, PHONES[1])}
    for letter, contact_id in ids.items():
        await world.link(org, contact_id, f"003{letter}")
    answer = await api.post(f"/{path}", json={name: ids.get(value, value) for name, value in body.items()})
    assert (answer.status_code, answer.json()["status"]) == (status, "error")
    assert says in answer.json()["message"]


async def test_the_list_is_paged_filtered_and_says_what_can_be_decided(
    api: httpx2.AsyncClient, world: World, org: str
) -> None:
    app_id = await world.app(org)
    for number in range(5):
        await issue(world, org, f"issue_{number}", app_id=app_id)
    raw = Jsonb({"number": PHONES[3], "contacts": ["c1", "c2"]})
    await issue(world, org, "alias", kind="ambiguous_alias", raw=raw)
    await issue(world, org, "closed", closed_at="2026-11-20T12:00:00Z")
    other, _ = await world.org("Other")
    await issue(world, other, "theirs")

    seen: list[str] = []
    key: str | None = None
    while True:
        page = (
            await api.get(
                "/list-review-items", params={"limit": 4, **({"pagination_key": key} if key else {})}
            )
        ).json()
        seen += [item["issue_id"] for item in page["items"]]
        key = page.get("pagination_key")
        if not page["has_more"]:
            break
    assert seen == ["alias", *(f"issue_{number}" for number in (4, 3, 2, 1, 0))]

    async def found(**which: str) -> list[str]:
        answer = await api.get("/list-review-items", params=which)
        return [item["issue_id"] for item in answer.json()["items"]]

    assert await found(kind="ambiguous_alias") == await found(contact_id="c2") == ["alias"]
    assert len(await found(app_id=app_id)) == 5
    assert await found(contact_id="c") == []
    item = (await api.get("/list-review-items", params={"kind": "ambiguous_alias"})).json()["items"][0]
    assert (item["choices"], item["raw"]["contacts"]) == (["merge_contacts", "dismiss"], ["c1", "c2"])
    assert (await api.get("/list-review-items", params={"pagination_key": "theirs"})).status_code == 422
    assert (await api.get("/list-review-items", params={"limit": 100_000})).status_code == 422


async def test_an_ambiguous_number_is_decided_by_merging(
    api: httpx2.AsyncClient, world: World, org: str
) -> None:
    one, other, third = [await person(api, number) for number in PHONES[:3]]
    for contact_id in (one, other):
        await world.run("insert into contact_alias values (%s, %s, %s, 'former')", org, PHONES[3], contact_id)
    merged = await api.post("/merge-contacts", json={"survivor_id": third, "loser_id": other})
    assert merged.status_code == 200
    (item,) = (await api.get("/list-review-items")).json()["items"]
    decided = await api.post(
        f"/resolve-review-item/{item['issue_id']}",
        json={"choice": "merge_contacts", "survivor_id": third},
    )
    assert decided.json() == {
        "issue_id": item["issue_id"], "choice": "merge_contacts", "closed": True, "contact_id": third
    }  # fmt: skip
    assert (await api.get(f"/get-contact-by-phone/{PHONES[3]}")).json()["contact_id"] == third
    assert (await api.get("/list-review-items")).json()["items"] == []


async def test_a_do_not_call_that_an_analysis_would_lift_is_cleared_only_by_that_name(
    api: httpx2.AsyncClient, world: World, org: str
) -> None:
    contact_id = await person(api, PHONES[0], do_not_call=True)
    await issue(
        world, org, "dnc", kind="conflict", field_name="do_not_call", contact_id=contact_id, raw=Jsonb(False)
    )
    for wrong in ("take_crm", "replay"):
        answer = await api.post("/resolve-review-item/dnc", json={"choice": wrong})
        assert answer.status_code == 400
    assert (await api.get(f"/get-contact/{contact_id}")).json()["do_not_call"] is True
    answer = await api.post(
        "/resolve-review-item/dnc", json={"choice": "clear_do_not_call", "note": "she asked"}
    )
    assert answer.status_code == 200
    assert (await api.get(f"/get-contact/{contact_id}")).json()["do_not_call"] is False
    (row,) = await world.rows("select closed_because from issue where issue_id = 'dnc'")
    assert row["closed_because"].startswith("clear_do_not_call, by api apikey_")
    assert row["closed_because"].endswith(": she asked")


async def test_a_dismissed_item_is_gone_and_cannot_be_dismissed_twice(
    api: httpx2.AsyncClient, world: World, org: str
) -> None:
    await issue(world, org, "a", kind="schema_drift")
    assert (await api.post("/resolve-review-item/a", json={"choice": "dismiss"})).status_code == 200
    assert (await api.post("/resolve-review-item/a", json={"choice": "dismiss"})).status_code == 404


async def test_refused_writes_are_replayed_by_kind_and_one_by_one(
    api: httpx2.AsyncClient, world: World, org: str
) -> None:
    app_id = await world.app(org)
    contact_id = await person(api, PHONES[0])
    await world.link(org, contact_id, "003A")
    block = 'update link set push_blocked = \'{"a|b": {"why": "x"}}\', dirty_at = null'
    await world.run(block)
    await issue(world, org, "a", app_id=app_id, external_id="003A")
    await issue(world, org, "b", app_id=app_id, kind="bad_value", external_id="003A")
    for way, body, ids in (
        ("replay-issues", {"kind": "push_refused"}, ["a"]),
        ("replay-issues", {"app_id": app_id}, ["a", "b"]),
        ("replay-issues", {"issue_ids": ["b", "nothing"]}, ["b"]),
    ):
        await world.run(block)
        answer = await api.post(f"/{way}", json=body)
        assert answer.json() == {"replayed": len(ids), "issue_ids": ids}
        (link,) = await world.rows("select push_blocked, dirty_at is not null as dirty from link")
        assert link == {"push_blocked": {}, "dirty": True}
    answer = await api.post("/resolve-review-item/a", json={"choice": "replay"})
    assert answer.json()["closed"] is False
