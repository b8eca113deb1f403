"""`/query`, `/queryAll` and Bulk API 2.0 query jobs over HTTP."""

import csv
import io

import pytest
from tests.sandbox.salesforce.support import DATA, Client, error_of

from tieline.sandbox.salesforce import SalesforceCrm


async def seeded(client: Client, count: int, **spec: object) -> None:
    await client.admin("seed", contacts=count, seed=3, **spec)


async def test_a_page_has_2000_rows_and_the_locator_leads_on(client: Client) -> None:
    await seeded(client, 4100)
    first = (await client.query("SELECT Id, VIP__c FROM Contact")).json()
    assert (first["totalSize"], first["done"], len(first["records"])) == (4100, False, 2000)
    assert first["nextRecordsUrl"].startswith(f"{DATA}/query/0r8")
    assert first["nextRecordsUrl"].endswith("-2000")
    assert list(first["records"][0]) == ["attributes", "Id", "VIP__c"]
    ids = [str(row["Id"]) for row in await client.rows("SELECT Id FROM Contact")]
    assert len(ids) == len(set(ids)) == 4100
    assert ids == sorted(ids)


async def test_the_batch_size_is_a_hint_within_limits(client: Client) -> None:
    await seeded(client, 700)
    for asked, given in (("250", 250), ("1", 200), ("9999", 700)):
        page = (
            await client.query("SELECT Id FROM Contact", **{"Sforce-Query-Options": f"batchSize={asked}"})
        ).json()
        assert len(page["records"]) == given
    await client.admin("settings", page_size=100)
    assert len((await client.query("SELECT Id FROM Contact")).json()["records"]) == 100
    assert len(await client.rows("SELECT Id FROM Contact")) == 700


async def test_a_count_has_no_records(client: Client) -> None:
    await seeded(client, 5)
    assert (await client.query("SELECT COUNT() FROM Contact")).json() == {
        "totalSize": 5,
        "done": True,
        "records": [],
    }


async def test_a_wrong_or_old_locator_is_refused(client: Client, crm: SalesforceCrm) -> None:
    await seeded(client, 2001)
    following = (await client.query("SELECT Id FROM Contact")).json()["nextRecordsUrl"]
    for path in ("/query/0r8000000000000AAA-2000", "/query/nonsense", following + "0"):
        assert error_of(await client.send("GET", path)) == (400, "INVALID_QUERY_LOCATOR")
    assert (await client.send("GET", following)).status_code == 200
    crm.clock.advance(3 * 24 * 3600)
    await client.login()
    assert error_of(await client.send("GET", following)) == (400, "INVALID_QUERY_LOCATOR")


async def test_query_all_shows_deleted_and_merged_rows(client: Client) -> None:
    winner, loser, gone = [await client.create(LastName=name) for name in ("Winner", "Loser", "Gone")]
    await client.admin("merge", winner=winner, loser=loser)
    await client.send("DELETE", f"/sobjects/Contact/{gone}")
    assert [row["Id"] for row in await client.rows("SELECT Id FROM Contact")] == [winner]
    rows = await client.rows("SELECT Id, IsDeleted, MasterRecordId FROM Contact ORDER BY Id", "/queryAll")
    assert [(row["Id"], row["IsDeleted"], row["MasterRecordId"]) for row in rows] == [
        (winner, False, None),
        (loser, True, winner),
        (gone, True, None),
    ]


async def test_an_error_is_an_array_with_message_and_code(client: Client) -> None:
    answer = await client.query("SELECT AccountNumer FROM Contact")
    assert answer.status_code == 400
    assert [set(error) for error in answer.json()] == [{"message", "errorCode"}]
    assert error_of(await client.send("GET", "/query")) == (400, "MALFORMED_QUERY")


async def test_an_address_with_its_headers_has_at_most_16384_bytes(client: Client) -> None:
    fits = "SELECT Id FROM Contact WHERE LastName = '" + "x" * 15_000 + "'"
    assert (await client.query(fits)).status_code == 200
    assert (
        await client.query("SELECT Id FROM Contact WHERE LastName = '" + "x" * 16_400 + "'")
    ).status_code == 414
    heavy = await client.send("GET", "/limits", headers={"X-Padding": "x" * 16_400})
    assert heavy.status_code == 431


async def finished_job(client: Client, soql: str, **options: str) -> str:
    answer = await client.send("POST", "/jobs/query", {"operation": "query", "query": soql, **options})
    assert answer.status_code == 200, answer.text
    job_id = str(answer.json()["id"])
    state = (await client.send("GET", f"/jobs/query/{job_id}")).json()
    assert state["state"] == "JobComplete"
    return job_id


async def test_a_job_passes_through_its_states_by_the_clock(client: Client, crm: SalesforceCrm) -> None:
    await client.admin("settings", bulk_seconds=60)
    job = (
        await client.send("POST", "/jobs/query", {"operation": "query", "query": "SELECT Id FROM Contact"})
    ).json()
    path = f"/jobs/query/{job['id']}"
    states = []
    for _ in range(3):
        states.append((await client.send("GET", path)).json()["state"])
        crm.clock.advance(30)
    assert job["state"] == "UploadComplete"
    assert states == ["UploadComplete", "InProgress", "JobComplete"]
    early = (
        await client.send("POST", "/jobs/query", {"operation": "query", "query": "SELECT Id FROM Contact"})
    ).json()
    assert (await client.send("GET", f"/jobs/query/{early['id']}/results")).status_code == 400


async def test_results_come_in_parts_with_the_word_null_at_the_end(client: Client) -> None:
    await seeded(client, 25)
    soql = "SELECT Id, LastName, SystemModstamp, VIP__c, Phone FROM Contact"
    path = f"/jobs/query/{await finished_job(client, soql)}/results"
    rows: list[dict[str, str]] = []
    params = {"maxRecords": "10"}
    locators = []
    while True:
        part = await client.send("GET", path, params=params)
        assert part.headers["content-type"].startswith("text/csv")
        read = list(csv.DictReader(io.StringIO(part.text)))
        assert part.headers["sforce-numberofrecords"] == str(len(read))
        rows += read
        locators.append(part.headers["sforce-locator"])
        if locators[-1] == "null":
            break
        params["locator"] = locators[-1]
    assert len(locators) == 3
    by_query = await client.rows(soql)
    assert [row["Id"] for row in rows] == [row["Id"] for row in by_query]
    assert rows[0]["LastName"] == by_query[0]["LastName"]
    assert rows[0]["SystemModstamp"] == str(by_query[0]["SystemModstamp"]).replace("+0000", "Z")
    assert {row["VIP__c"] for row in rows} <= {"true", "false"}


async def test_results_stay_as_they_were_when_the_job_completed(client: Client) -> None:
    record_id = await client.create(LastName="Before", Notes__c='says "hi",\nthen leaves')
    job_id = await finished_job(client, "SELECT LastName, Notes__c FROM Contact")
    await client.send("PATCH", f"/sobjects/Contact/{record_id}", {"LastName": "After"})
    text = (await client.send("GET", f"/jobs/query/{job_id}/results")).text
    assert text == '"LastName","Notes__c"\n"Before","says ""hi"",\nthen leaves"\n'


async def test_query_all_jobs_read_deleted_rows_too(client: Client) -> None:
    gone = await client.create(LastName="Gone")
    await client.send("DELETE", f"/sobjects/Contact/{gone}")
    body = {"operation": "queryAll", "query": "SELECT Id, IsDeleted FROM Contact"}
    job_id = (await client.send("POST", "/jobs/query", body)).json()["id"]
    await client.send("GET", f"/jobs/query/{job_id}")
    text = (await client.send("GET", f"/jobs/query/{job_id}/results")).text
    assert text == f'"Id","IsDeleted"\n"{gone}","true"\n'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"operation": "query", "query": "SELECT Nope FROM Contact"}, "INVALID_FIELD"),
        ({"operation": "query", "query": "SELECT Id FROM"}, "MALFORMED_QUERY"),
        ({"operation": "query", "query": "SELECT COUNT() FROM Contact"}, "FEATURENOTENABLED"),
        ({"operation": "query", "query": "SELECT Id FROM Contact OFFSET 5"}, "FEATURENOTENABLED"),
        ({"operation": "query", "query": "SELECT MailingAddress FROM Contact"}, "FEATURENOTENABLED"),
        ({"operation": "insert", "query": "SELECT Id FROM Contact"}, "INVALIDJOB"),
        ({"operation": "query"}, "INVALIDJOB"),
        ({"operation": "query", "query": "SELECT Id FROM Contact", "lineEnding": "CR"}, "INVALIDJOB"),
    ],
)
async def test_a_job_that_cannot_run_is_refused_at_once(
    client: Client, body: dict[str, object], code: str
) -> None:
    assert error_of(await client.send("POST", "/jobs/query", body)) == (400, code)


async def test_a_job_can_be_aborted_and_deleted(client: Client) -> None:
    await client.admin("settings", bulk_seconds=60)
    job = (
        await client.send("POST", "/jobs/query", {"operation": "query", "query": "SELECT Id FROM Contact"})
    ).json()
    path = f"/jobs/query/{job['id']}"
    assert (await client.send("DELETE", path)).status_code == 400
    assert (await client.send("PATCH", path, {"state": "Aborted"})).json()["state"] == "Aborted"
    assert (await client.send("GET", path)).json()["state"] == "Aborted"
    assert (await client.send("PATCH", path, {"state": "Aborted"})).status_code == 400
    assert (await client.send("DELETE", path)).status_code == 204
    assert (await client.send("GET", path)).status_code == 404


async def test_results_want_the_version_that_the_job_was_made_with(client: Client) -> None:
    job_id = await finished_job(client, "SELECT Id FROM Contact")
    assert (await client.send("GET", f"/services/data/v60.0/jobs/query/{job_id}/results")).status_code == 409


async def test_a_field_that_vanishes_before_the_job_runs_fails_it(client: Client, crm: SalesforceCrm) -> None:
    await client.admin("settings", bulk_seconds=60)
    body = {"operation": "query", "query": "SELECT Id, Plan__c FROM Contact"}
    job_id = (await client.send("POST", "/jobs/query", body)).json()["id"]
    await client.admin("schema", remove="Plan__c")
    crm.clock.advance(61)
    state = (await client.send("GET", f"/jobs/query/{job_id}")).json()
    assert state["state"] == "Failed"
    assert "No such column 'Plan__c'" in state["errorMessage"]


async def test_25_pages_by_keyset_over_one_shared_stamp_read_every_row_once(client: Client) -> None:
    """The hardest case for an index: every record has the same stamp."""
    await seeded(client, 5000, spread_seconds=0)
    seen: list[str] = []
    after = ""
    while True:
        page = (
            await client.query(
                f"SELECT Id, SystemModstamp FROM Contact {after} ORDER BY SystemModstamp, Id LIMIT 200"
            )
        ).json()
        if not page["records"]:
            break
        seen += [row["Id"] for row in page["records"]]
        at = page["records"][-1]["SystemModstamp"].replace("+0000", "Z")
        after = f"WHERE SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > '{seen[-1]}')"
    assert len(seen) == len(set(seen)) == 5000
