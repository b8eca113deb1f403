"""Steering: what reps, administrators, faults and limits do, seen through the API."""

import asyncio

import pytest
from tests.sandbox.salesforce.support import Client, error_of

from tieline.sandbox.kernel.gate import ConnectionDropped
from tieline.sandbox.salesforce import SalesforceCrm
from tieline.sandbox.salesforce.org import USERS


async def test_a_rep_edits_as_another_user_and_past_the_log(client: Client, crm: SalesforceCrm) -> None:
    record_id = await client.create(LastName="Smith")
    crm.clock.advance(10)
    edited = await client.admin("edit", id=record_id, fields={"Phone": "1", "Lead_Status__c": "Qualified"})
    assert edited["id"] == record_id
    record = await client.read(record_id)
    assert (record["Phone"], record["Lead_Status__c"]) == ("1", "Qualified")
    assert record["LastModifiedById"] == USERS["rep"]
    assert record["SystemModstamp"] == "2026-05-01T12:00:10.000+0000"
    assert crm.log.counts()["by_operation"] == {"oauth.token": 1, "record.create": 1, "record.read": 1}


async def test_a_late_edit_has_an_older_stamp(client: Client, crm: SalesforceCrm) -> None:
    record_id = await client.create(LastName="Smith")
    crm.clock.advance(600)
    await client.admin("edit", id=record_id, fields={"Phone": "1"}, stamp_seconds_ago=300)
    assert (await client.read(record_id))["SystemModstamp"] == "2026-05-01T12:05:00.000+0000"
    late = await client.rows("SELECT Id FROM Contact WHERE SystemModstamp > 2026-05-01T12:04:00Z")
    assert late == [{"Id": record_id}]


async def test_records_are_created_deleted_restored_and_purged(client: Client) -> None:
    made = await client.admin("create", fields={"LastName": "Smith", "Phone": "1"})
    record_id = made["id"]
    await client.admin("delete", id=record_id)
    assert await client.rows("SELECT Id FROM Contact") == []
    await client.admin("restore", id=record_id)
    assert await client.rows("SELECT Id FROM Contact") == [{"Id": record_id}]
    await client.admin("delete", id=record_id, purge=True)
    assert await client.rows("SELECT Id FROM Contact", "/queryAll") == []
    state = await client.admin("settings")
    assert state["api_limit"] == 100_000


@pytest.mark.parametrize(
    ("operation", "spec", "words"),
    [
        ("edit", {"id": "003"}, "there is no record '003'"),
        ("edit", {}, "id is missing"),
        ("create", {"object": "Nothing"}, "there is no object 'Nothing'"),
        ("create", {"fields": {"Nope": 1}}, "No such column 'Nope'"),
        ("create", {"user": "ghost"}, "there is no user 'ghost'"),
        ("settings", {"colour": 1}, "there is no setting 'colour'"),
        ("settings", {"api_limit": "many"}, "api_limit must be a whole number"),
        ("schema", {}, "schema takes"),
        ("schema", {"remove": "Nope"}, "has no field 'Nope'"),
        ("schema", {"add": {"name": "A__c", "type": "magic"}}, "unknown field type 'magic'"),
        ("seed", {}, "contacts must be a whole number"),
    ],
)
async def test_a_wrong_operation_is_refused_with_the_reason(
    client: Client, operation: str, spec: dict[str, object], words: str
) -> None:
    answer = await client.http.post(f"/__sandbox__/{operation}", json=spec)
    assert answer.status_code in (400, 404)
    assert words in answer.json()["error"]


async def test_a_hidden_field_is_gone_everywhere_until_the_fault_is_removed(client: Client) -> None:
    record_id = await client.create(LastName="Smith", Plan__c="Team")
    fault = (await client.admin("faults", kind="hide_field", field="Plan__c"))["faults"]
    assert isinstance(fault, list)
    describe = (await client.send("GET", "/sobjects/Contact/describe")).json()
    assert "Plan__c" not in {field["name"] for field in describe["fields"]}
    assert "Plan__c" not in await client.read(record_id)
    assert error_of(await client.query("SELECT Plan__c FROM Contact")) == (400, "INVALID_FIELD")
    written = await client.send("PATCH", f"/sobjects/Contact/{record_id}", {"Plan__c": "x"})
    assert error_of(written) == (400, "INVALID_FIELD")
    await client.http.delete(f"/__sandbox__/faults/{fault[0]['id']}")
    assert (await client.read(record_id))["Plan__c"] == "Team"


async def test_a_conditional_describe_is_304_until_the_schema_changes(client: Client) -> None:
    """Also when all happens within one second, and when a field only vanishes for the user."""
    path = "/sobjects/Contact/describe"

    async def since(moment: str) -> tuple[int, str]:
        answer = await client.send("GET", path, headers={"If-Modified-Since": moment})
        return answer.status_code, answer.headers["last-modified"]

    first = await client.send("GET", path)
    seen = first.headers["last-modified"]
    assert await since(seen) == (304, seen)
    tagged = await client.send("GET", path, headers={"If-None-Match": first.headers["etag"]})
    assert (tagged.status_code, tagged.content) == (304, b"")
    for step in ("add", "hide", "show"):
        if step == "add":
            await client.admin("schema", add={"name": "Tier__c"})
        elif step == "hide":
            await client.admin("faults", kind="hide_field", field="Tier__c")
        else:
            await client.http.delete("/__sandbox__/faults")
        status, later = await since(seen)
        assert status == 200, step
        assert (await since(later))[0] == 304
        seen = later


async def test_fields_can_be_added_retyped_and_removed(client: Client) -> None:
    await client.admin(
        "schema", add={"name": "Tier__c", "type": "picklist", "values": ["A*", "B:Bee"], "restricted": True}
    )
    record_id = await client.create(LastName="Smith", Tier__c="B")
    assert (await client.read(record_id))["Tier__c"] == "B"
    describe = (await client.send("GET", "/sobjects/Contact/describe")).json()
    tier = next(field for field in describe["fields"] if field["name"] == "Tier__c")
    assert [
        (option["value"], option["label"], option["defaultValue"]) for option in tier["picklistValues"]
    ] == [
        ("A", "A", True),
        ("B", "Bee", False),
    ]
    await client.admin("schema", retype={"name": "Tier__c", "type": "double", "scale": 1})
    assert (await client.read(record_id))["Tier__c"] is None
    await client.admin("schema", remove="Tier__c")
    assert "Tier__c" not in await client.read(record_id)


async def test_a_validation_rule_speaks_in_the_administrators_words(client: Client) -> None:
    rule = {
        "field": "Notes__c",
        "pattern": "(?i)competitor",
        "message": "No competitors here.",
        "at_field": True,
    }
    await client.admin("schema", add_rule={"id": "r1", **rule})
    answer = await client.send("POST", "/sobjects/Contact", {"LastName": "Smith", "Notes__c": "A Competitor"})
    assert answer.json() == [
        {
            "message": "No competitors here.",
            "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "fields": ["Notes__c"],
        }
    ]
    await client.create(LastName="Smith", Notes__c="fine")
    await client.admin("schema", remove_rule="r1")
    await client.create(LastName="Smith", Notes__c="A competitor")
    await client.admin("faults", kind="validation_rule", field="Notes__c", message="frozen")
    frozen = await client.send("POST", "/sobjects/Contact", {"LastName": "Smith", "Notes__c": "fine"})
    assert frozen.json()[0]["fields"] == []


async def test_a_formula_changes_without_moving_the_stamp(client: Client) -> None:
    record_id = await client.create(LastName="Smith", Score__c=40)
    before = await client.read(record_id)
    await client.admin("clock", advance=60)
    await client.admin("settings", formula_threshold=30)
    after = await client.read(record_id)
    assert (before["Formula__c"], after["Formula__c"]) == ("Low", "High")
    assert before["SystemModstamp"] == after["SystemModstamp"]


async def test_the_daily_limit_counts_and_refuses_and_rolls_on(client: Client, crm: SalesforceCrm) -> None:
    await client.admin("settings", api_limit=3)
    used = [(await client.send("GET", "/limits")).headers["sforce-limit-info"] for _ in range(3)]
    assert used == ["api-usage=1/3", "api-usage=2/3", "api-usage=3/3"]
    refused = await client.send("GET", "/limits")
    assert refused.status_code == 403
    assert refused.json() == [
        {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
    ]
    assert refused.headers["sforce-limit-info"] == "api-usage=3/3"
    crm.clock.advance(24 * 3600 + 1)
    await client.login()
    limits = (await client.send("GET", "/limits")).json()["DailyApiRequests"]
    assert limits == {"Max": 3, "Remaining": 2}


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"status": 401}, 401, "INVALID_SESSION_ID"),
        ({"status": 403}, 403, "REQUEST_LIMIT_EXCEEDED"),
        ({"status": 403, "name": "API_DISABLED_FOR_ORG"}, 403, "API_DISABLED_FOR_ORG"),
        ({"status": 403, "name": "CONCURRENT"}, 403, "REQUEST_LIMIT_EXCEEDED"),
        ({"status": 500}, 500, "UNKNOWN_EXCEPTION"),
        ({"status": 503}, 503, "SERVER_UNAVAILABLE"),
        ({"status": 400, "name": "QUERY_TIMEOUT"}, 400, "QUERY_TIMEOUT"),
    ],
)
async def test_an_injected_status_has_salesforces_own_body(
    client: Client, fault: dict[str, object], status: int, code: str
) -> None:
    await client.admin("faults", kind="status", match={"operation": "query"}, **fault)
    answer = await client.query("SELECT Id FROM Contact")
    assert error_of(answer) == (status, code)
    assert "sforce-limit-info" in answer.headers
    assert (await client.query("SELECT Id FROM Contact")).status_code == 200


async def test_a_dropped_answer_leaves_the_write_applied_and_a_dropped_request_does_not(
    client: Client,
) -> None:
    await client.admin("faults", kind="drop_before", match={"method": "POST"})
    with pytest.raises(ConnectionDropped):
        await client.create(LastName="Never")
    await client.admin("faults", kind="drop_after", match={"method": "POST"})
    with pytest.raises(ConnectionDropped):
        await client.create(LastName="Applied")
    assert await client.rows("SELECT LastName FROM Contact") == [{"LastName": "Applied"}]


async def test_a_create_that_commits_late_is_not_there_until_then(client: Client, crm: SalesforceCrm) -> None:
    await client.admin("faults", kind="late_commit", seconds=120, stamp="request", match={"method": "POST"})
    waiting = asyncio.create_task(client.create(LastName="Late"))
    while not any(rule.fired for rule in crm.faults.rules()):  # noqa: ASYNC110 - lets the request begin
        await asyncio.sleep(0)
    crm.clock.advance(60)
    assert await client.rows("SELECT Id FROM Contact") == []
    crm.clock.advance(61)
    with pytest.raises(ConnectionDropped):
        await asyncio.wait_for(waiting, 5)
    rows = await client.rows("SELECT LastName, SystemModstamp FROM Contact")
    assert rows == [{"LastName": "Late", "SystemModstamp": "2026-05-01T12:00:00.000+0000"}]


async def test_versions_outside_the_range_are_not_found_and_the_list_needs_no_session(client: Client) -> None:
    for version in ("v30.0", "v41.0", "v69.0", "v68", "latest"):
        assert (await client.send("GET", f"/services/data/{version}/limits")).status_code == 404
    assert (await client.send("GET", "/services/data/v42.0/limits")).status_code == 200
    del client.http.headers["authorization"]
    versions = (await client.send("GET", "/services/data/")).json()
    assert versions[0] == {"label": "Spring '18", "url": "/services/data/v42.0", "version": "42.0"}
    assert versions[-1] == {"label": "Winter '27", "url": "/services/data/v68.0", "version": "68.0"}


async def test_the_organisation_and_its_users_can_be_read_and_not_written(client: Client) -> None:
    await client.admin("settings", org_id="00Dzz0000000001EAA", time_zone="Europe/Berlin")
    own = await client.rows("SELECT Id, TimeZoneSidKey FROM Organization LIMIT 1")
    assert own == [{"Id": "00Dzz0000000001EAA", "TimeZoneSidKey": "Europe/Berlin"}]
    users = await client.rows(
        "SELECT Id FROM User WHERE Username = 'integration@example.com' AND IsActive = true"
    )
    assert users == [{"Id": USERS["integration"]}]
    refused = await client.send("POST", "/sobjects/User", {"LastName": "x"})
    assert error_of(refused) == (400, "INVALID_TYPE_FOR_OPERATION")
    stranger = {"LastName": "x", "OwnerId": "005al0000000zzzAAA"}
    assert error_of(await client.send("POST", "/sobjects/Contact", stranger)) == (
        400,
        "INVALID_CROSS_REFERENCE_KEY",
    )


async def test_a_setting_in_seconds_takes_fractions(client: Client) -> None:
    assert (await client.admin("settings", bulk_seconds=0.5))["bulk_seconds"] == 0.5


async def test_the_same_seed_gives_the_same_contacts(client: Client, crm: SalesforceCrm) -> None:
    await client.admin("seed", contacts=50, seed=9)
    other = SalesforceCrm(crm.clock)
    other.seed({"contacts": 50, "seed": 9})
    assert other.org.tables["Contact"].rows == crm.org.tables["Contact"].rows
    assert other.state()["objects"] == crm.state()["objects"]
