"""Issues as people see them: listed, closed, replayed; never across organisations."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from tests.integration.work_support import APP, ORG, NotedWakes, execute, ids, make_app

from tieline.ports.jobs import WakeKind
from tieline.store.issues import IssueFilter, Issues
from tieline.store.pool import Pool, make_pool

TENANT = "salesforce:00D1"


@pytest.fixture
async def pool(db_url: str) -> AsyncIterator[Pool]:
    async with make_pool(db_url) as pool:
        await make_app(pool)
        await make_app(pool, "app_2", "org_2")
        yield pool


@pytest.fixture
def jobs() -> NotedWakes:
    return NotedWakes()


@pytest.fixture
def issues(pool: Pool, jobs: NotedWakes) -> Issues:
    return Issues(pool, jobs, ids())


async def raise_issue(pool: Pool, issue_id: str, org_id: str = ORG, **columns: Any) -> None:
    values = {
        "org_id": org_id, "issue_id": issue_id, "cause": issue_id, "kind": "bad_phone", "message": "m",
        "app_id": APP, **columns,
    }  # fmt: skip
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    await execute(pool, f"insert into issue ({names}) values ({places})", *values.values())


async def insert_link(pool: Pool, external_id: str, **columns: Any) -> None:
    values = {"org_id": ORG, "tenant_key": TENANT, "external_id": external_id, "status": "open", **columns}
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    await execute(pool, f"insert into link ({names}) values ({places})", *values.values())


async def found(issues: Issues, **which: Any) -> list[str]:
    return [issue.issue_id for issue in await issues.find(ORG, IssueFilter(**which))]


async def test_open_issues_are_listed_newest_first_and_page_by_page(pool: Pool, issues: Issues) -> None:
    for number in range(5):
        await raise_issue(pool, f"issue_{number}")
    await raise_issue(pool, "foreign", "org_2")
    assert await found(issues) == [f"issue_{number}" for number in (4, 3, 2, 1, 0)]
    assert await found(issues, limit=2) == ["issue_4", "issue_3"]
    assert await found(issues, limit=2, after_id="issue_3") == ["issue_2", "issue_1"]


async def test_issues_are_found_by_what_they_are_about(pool: Pool, issues: Issues) -> None:
    await raise_issue(pool, "a", kind="bad_value", contact_id="contact_1", run_id="run_1")
    await raise_issue(pool, "b", app_id=None)
    assert await found(issues, kind="bad_value") == ["a"]
    assert await found(issues, contact_id="contact_1") == ["a"]
    assert await found(issues, run_id="run_1") == ["a"]
    assert await found(issues, app_id=APP) == ["a"]
    assert await issues.counts(ORG) == {"bad_phone": 1, "bad_value": 1}


async def test_an_issue_keeps_the_raw_value(pool: Pool, issues: Issues) -> None:
    await raise_issue(pool, "a", raw=Jsonb("tel. 12"))
    issue = await issues.get(ORG, "a")
    assert issue is not None
    assert issue.raw == "tel. 12"


async def test_a_closed_issue_says_why_and_cannot_be_closed_again(pool: Pool, issues: Issues) -> None:
    await raise_issue(pool, "a")
    closed = await issues.close(ORG, "a", "it is meant so")
    assert closed is not None
    assert closed.closed_because == "it is meant so"
    assert await issues.close(ORG, "a", "again") is None
    assert await found(issues) == []
    assert await found(issues, state="closed") == await found(issues, state="all") == ["a"]


async def test_no_organisation_reaches_anothers_issue(pool: Pool, issues: Issues) -> None:
    await raise_issue(pool, "a")
    assert await issues.get("org_2", "a") is None
    assert await issues.close("org_2", "a", "x") is None
    assert await issues.replay("org_2", "a") is None
    assert await found(issues) == ["a"]


async def test_a_replay_sends_and_reads_the_record_again(
    pool: Pool, issues: Issues, jobs: NotedWakes
) -> None:
    await insert_link(pool, "003A", contact_id="contact_1", push_blocked=Jsonb({"a|b": {"why": "x"}}))
    await insert_link(pool, "003B", contact_id="contact_2", push_blocked=Jsonb({"a|b": {"why": "x"}}))
    await raise_issue(pool, "a", external_id="003A")
    assert await issues.replay(ORG, "a") is not None
    links = await execute(
        pool,
        "select external_id, needs_read, push_blocked, dirty_at is not null as dirty from link order by 1",
    )
    assert [(link["needs_read"], link["dirty"], link["push_blocked"] == {}) for link in links] == [
        (True, True, True),
        (False, False, False),
    ]
    assert {wake.kind for wake in jobs.wakes} == {WakeKind.INBOUND, WakeKind.PUSH, WakeKind.ACTIVITY}
    assert await found(issues) == ["a"]


async def test_a_replay_of_a_contacts_issue_takes_its_blocked_activity_up(pool: Pool, issues: Issues) -> None:
    await execute(
        pool,
        "insert into activity (org_id, tenant_key, platform, conversation_id, contact_id, external_id, status)"
        " values (%s, %s, 'retell', 'call_1', 'contact_1', '003A', 'blocked')",
        ORG,
        TENANT,
    )
    await raise_issue(pool, "a", contact_id="contact_1")
    assert await issues.replay(ORG, "a") is not None
    (activity,) = await execute(pool, "select status, due_at is not null as due from activity")
    assert activity == {"status": "due", "due": True}


async def test_an_issue_with_a_whole_app_is_one_until_it_is_settled(issues: Issues) -> None:
    for message in ("refused", "refused again"):
        await issues.raise_for_app(ORG, APP, "credentials", message)
    (issue,) = await issues.find(ORG)
    assert (issue.message, issue.occurrences, issue.app_id) == ("refused again", 2, APP)
    await issues.settle_for_app(ORG, APP, "credentials", "they work")
    assert await issues.find(ORG) == []
