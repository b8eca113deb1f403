"""How the daily limit of an app's CRM stands, over HTTP."""

from typing import Any

import pytest
from tests.support import World

from tieline.domain.app_settings import config_problems


@pytest.fixture
async def app_id(world: World, org: str) -> str:
    return await world.app(org, api_reserve_percent=10)


async def tell(world: World, org: str, app_id: str) -> None:
    await world.run(
        "insert into quota (org_id, app_id, sent, allowed, used, told_at, told_after, waiting_lanes, waiting_since)"
        " values (%s, %s, 7, 1000, 900, now(), 5, '{backfill,recurring}', now())", org, app_id,
    )  # fmt: skip
    await world.run(
        "insert into quota_use (org_id, app_id, slot, lane, requests)"
        " values (%s, %s, now(), 'live', 3), (%s, %s, now() - interval '30 hours', 'backfill', 500)",
        org, app_id, org, app_id,
    )  # fmt: skip


async def test_a_person_sees_whose_the_requests_were_and_which_lanes_wait_until_when(
    world: World, org: str, app_id: str, api: Any
) -> None:
    await tell(world, org, app_id)
    quota = (await api.get(f"/get-app-quota/{app_id}")).json()
    expected = {
        "daily_limit": True, "allowed": 1000, "used": 902, "used_by_tieline": 3, "used_by_others": 899,
        "used_by_lane": {"live": 3, "recurring": 0, "backfill": 0}, "reserve_percent": 10, "resets": "rolling",
        "lane_ceilings": {"live": 975, "recurring": 900, "backfill": 675}, "waiting": ["recurring", "backfill"],
    }  # fmt: skip
    assert {name: quota[name] for name in expected} == expected
    assert quota["told_timestamp"] < quota["waiting_until_timestamp"]


async def test_before_the_crm_has_told_anything_only_our_own_are_known(app_id: str, api: Any) -> None:
    quota = (await api.get(f"/get-app-quota/{app_id}")).json()
    assert (quota["used"], quota["used_by_tieline"], quota["waiting"]) == (0, 0, [])
    assert "allowed" not in quota


@pytest.mark.parametrize(
    ("percent", "good"), [(0, True), (90, True), (91, False), (-1, False), (12.5, False)]
)
def test_the_reserve_is_a_whole_percentage_that_leaves_something(percent: float, good: bool) -> None:
    assert (config_problems({"api_reserve_percent": percent}) == []) is good
