"""Issues as people see them: listed, closed, replayed; never across organisations."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from tests.integration.work_support import APP, ORG, NotedWakes, execute, ids, make_app

from tieline.ports.jobs import WakeKind
from tieline.store.issues import IssueFilter, Issues, Replay
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


async def insert_conversation(pool: Pool, conversation_id: str, **columns: Any) -> None:
    values = {
        "org_id": ORG, "platform": "retell", "conversation_id": conversation_id, "type": "call", "status": "analyzed",
        "attempts": 8, **columns,
    }  # fmt: skip
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    await execute(pool, f"insert into conversation ({names}) values ({places})", *values.values())


async def due(pool: Pool) -> list[str]:
    rows = await execute(
        pool,
        "select conversation_id from conversation where due_at is not null and attempts = 0 order by 1",
    )
    return [row["conversation_id"] for row in rows]


async def test_a_replay_of_a_refused_activity_takes_up_that_one_alone(pool: Pool, issues: Issues) -> None:
    for number in (1, 2):
        await execute(
            pool,
            "insert into activity (org_id, tenant_key, platform, conversation_id, contact_id, external_id, status,"
            " attempts) values (%s, %s, 'retell', %s, 'contact_1', '003A', 'blocked', 12)",
            ORG, TENANT, f"call_{number}",
        )  # fmt: skip
    await insert_link(pool, "003A", contact_id="contact_1", push_blocked=Jsonb({"a|b": {"why": "x"}}))
    await raise_issue(
        pool, "a", kind="activity_refused", cause=f"activity:{TENANT}:retell:call_1", external_id="003A",
        contact_id="contact_1",
    )  # fmt: skip
    assert await issues.replay_all(ORG, Replay(kind="activity_refused")) == ["a"]
    rows = await execute(pool, "select conversation_id, status, attempts from activity order by 1")
    assert [(r["conversation_id"], r["status"], r["attempts"]) for r in rows] == [
        ("call_1", "due", 0), ("call_2", "blocked", 12),
    ]  # fmt: skip
    (link,) = await execute(pool, "select push_blocked from link")
    assert link["push_blocked"] != {}, "what the CRM refused to write is another matter"


async def test_a_replay_of_a_failed_conversation_makes_it_due(
    pool: Pool, issues: Issues, jobs: NotedWakes
) -> None:
    for number in (1, 2):
        await insert_conversation(pool, f"call_{number}")
    await raise_issue(pool, "a", app_id=None, kind="conversation_failed", cause="conversation:retell:call_1")
    assert await issues.replay(ORG, "a") is not None
    assert await due(pool) == ["call_1"]
    assert [(wake.kind, wake.org_id) for wake in jobs.wakes] == [(WakeKind.ANALYSIS, ORG)]


async def test_a_replay_of_an_analysis_value_looks_at_that_value_anew(pool: Pool, issues: Issues) -> None:
    await insert_conversation(pool, "call_1")
    for name in ("score", "email"):
        await execute(
            pool,
            "insert into analysis_application (org_id, platform, conversation_id, analysis_data_name, field_name,"
            " analysis_version, outcome, contribution) values (%s, 'retell', 'call_1', %s, %s, 'v1', 'skipped', '1')",
            ORG, name, name,
        )  # fmt: skip
    await raise_issue(
        pool,
        "a",
        app_id=None,
        kind="analysis_value",
        cause="analysis:retell:call_1:score:score",
        contact_id="c",
    )
    await issues.replay_all(ORG, Replay(kind="analysis_value"))
    assert await due(pool) == ["call_1"]
    rows = await execute(
        pool, "select field_name, analysis_version, contribution from analysis_application order by 1"
    )
    assert [tuple(row.values()) for row in rows] == [("email", "v1", 1), ("score", "", 1)]


async def test_a_replay_of_a_record_that_was_not_created_tries_again(pool: Pool, issues: Issues) -> None:
    await execute(
        pool,
        "insert into record_creation (org_id, tenant_key, contact_id, status, attempts)"
        " values (%s, %s, 'c', 'blocked', 3)",
        ORG, TENANT,
    )  # fmt: skip
    await raise_issue(pool, "a", kind="record_not_created", cause=f"create:{TENANT}:c", contact_id="c")
    await issues.replay_all(ORG, Replay(kind="record_not_created"))
    (row,) = await execute(pool, "select status, attempts, due_at is not null as due from record_creation")
    assert row == {"status": "due", "attempts": 0, "due": True}


async def test_a_replay_of_many_takes_those_that_fit_and_no_decisions(pool: Pool, issues: Issues) -> None:
    for number in range(3):
        await insert_link(
            pool, f"003{number}", contact_id=f"c{number}", push_blocked=Jsonb({"a|b": {"why": "x"}})
        )
        await raise_issue(pool, f"issue_{number}", kind="push_refused", external_id=f"003{number}")
    await raise_issue(pool, "other", kind="bad_value", external_id="003X")
    await raise_issue(pool, "asks", kind="merge_proposed", external_id="003X")
    await raise_issue(pool, "foreign", "org_2", kind="push_refused", app_id="app_2")
    assert await issues.replay_all(ORG, Replay(kind="push_refused")) == ["issue_0", "issue_1", "issue_2"]
    assert {r["push_blocked"] == {} for r in await execute(pool, "select push_blocked from link")} == {True}
    assert await issues.replay_all(ORG, Replay(issue_ids=["asks", "other", "foreign"])) == ["other"]
    assert await issues.replay_all(ORG, Replay(app_id=APP, kind="bad_value")) == ["other"]
    assert await issues.replay_all(ORG, Replay(app_id="app_2")) == []
    (app,) = await execute(pool, "select next_sync_at <= now() as soon from app where app_id = %s", APP)
    assert app["soon"], "what waits to be read is read by a run"
