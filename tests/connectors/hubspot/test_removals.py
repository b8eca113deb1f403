"""Sweeps: merges before deletes, each with its time, and nothing older than the watermark."""

import random
from typing import Any

from tests.connectors.hubspot.driving import NOW_MS, Script, answer, contact, drive
from tests.connectors.hubspot.search_index import iso

from tieline.connectors.hubspot import CONNECTOR
from tieline.domain.records import Removal
from tieline.ports.crm import Json, Request, Response

SINCE = NOW_MS - 3_600_000


def archived(contact_id: str, at: int) -> dict[str, Any]:
    return {**contact(contact_id), "archived": True, "archivedAt": iso(at)}


def sweep(handler: Any, watermark: str | None) -> tuple[list[Removal], str]:
    removals: list[Removal] = []
    cursor: Json | None = None
    while True:
        page = drive(CONNECTOR.read_removals(watermark, cursor), handler)
        removals += page.removals
        cursor = page.cursor
        if cursor is None:
            assert page.watermark is not None
            return removals, page.watermark


def test_merges_come_with_their_survivor_and_before_deletes() -> None:
    survivor = contact(
        "9",
        iso(NOW_MS),
        hs_merged_object_ids="1;2;3",
        hs_calculated_merged_vids=f"1:{NOW_MS - 5};2:{SINCE - 1}",
    )
    script = Script(
        answer(200, {"results": [survivor]}),
        answer(200, {"results": [archived("4", NOW_MS)], "paging": {"next": {"after": "4"}}}),
        answer(200, {"results": [archived("5", SINCE - 1), archived("6", SINCE)]}),
    )
    removals, watermark = sweep(script, iso(SINCE))
    assert removals == [
        Removal("1", NOW_MS - 5, "9"),
        Removal("3", NOW_MS, "9"),
        Removal("4", NOW_MS),
        Removal("6", SINCE),
    ]
    assert watermark == "2026-11-23T11:55:00Z"
    search, *lists = script.requests
    assert {one["propertyName"] for one in search.json["filterGroups"][0]["filters"]} == {
        "lastmodifieddate",
        "hs_merged_object_ids",
    }
    assert [(one.query["archived"], one.query.get("after")) for one in lists] == [
        ("true", None),
        ("true", "4"),
    ]


def test_without_a_watermark_everything_that_hubspot_keeps_is_told() -> None:
    script = Script(answer(200, {"results": []}), answer(200, {"results": [archived("5", 1_000)]}))
    assert sweep(script, None)[0] == [Removal("5", 1_000)]


def test_survivors_that_share_one_millisecond_are_all_seen() -> None:
    survivors = {
        str(n): contact(str(n), iso(NOW_MS), hs_merged_object_ids=str(n + 1000)) for n in range(1, 501)
    }
    order = random.Random(3)

    def hubspot(request: Request) -> Response:
        if request.method == "GET":
            return answer(200, {"results": []})
        filters = request.json["filterGroups"][0]["filters"]
        after = next((int(one["value"]) for one in filters if one["operator"] == "GT"), 0)
        at = next(int(one["value"]) for one in filters if one["operator"] == "GTE")
        found = [one for one in survivors if int(one) > after] if at <= NOW_MS else []
        order.shuffle(found)
        if after or any(one["operator"] == "GT" for one in filters):
            found.sort(key=int)
        more = {"paging": {"next": {"after": "200"}}} if len(found) > 200 else {}
        return answer(200, {"results": [survivors[one] for one in found[:200]], **more})

    removals, _ = sweep(hubspot, iso(SINCE))
    assert {one.external_id for one in removals} == {str(n + 1000) for n in range(1, 501)}


def test_a_survivor_that_was_deleted_itself_still_tells_what_was_merged_into_it() -> None:
    gone = {
        **contact("9", iso(NOW_MS), hs_merged_object_ids="1;2"),
        "archived": True,
        "archivedAt": iso(NOW_MS),
    }
    script = Script(answer(200, {"results": []}), answer(200, {"results": [gone]}))
    removals, _ = sweep(script, iso(SINCE))
    assert removals == [Removal("1", NOW_MS, "9"), Removal("2", NOW_MS, "9"), Removal("9", NOW_MS)]
    assert "hs_merged_object_ids" in script.requests[1].query["properties"]
