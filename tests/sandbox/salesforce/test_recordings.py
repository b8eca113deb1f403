"""The sandbox beside recorded answers of real organisations: the same members, formats, errors and headers."""

import json
import re
from pathlib import Path

import pytest
from tests.sandbox.salesforce.support import Client

from tieline.sandbox.salesforce import SalesforceCrm


@pytest.fixture
def recorded(recordings: Path) -> Path:
    return recordings / "salesforce"


def response_of(path: Path) -> dict[str, object]:
    return dict(json.loads(path.read_text())["response"])


def shape(value: object) -> object:
    """The value with every text that looks like a moment, id or address replaced by what it is."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, str):
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000", value):
            return "<moment>"
        if re.fullmatch(r"[a-zA-Z0-9]{18}", value):
            return "<id>"
        if value.startswith("/services/data/"):
            return "<url>"
    return value


@pytest.mark.parametrize("name", ["contact", "lead"])
async def test_describe_has_the_recorded_members_at_every_level(
    client: Client, recorded: Path, name: str
) -> None:
    real = response_of(recorded / f"get-sobjects-{name}-describe-200-0.json")
    answer = await client.send("GET", f"/sobjects/{name.title()}/describe")
    ours, theirs = answer.json(), real["body"]
    assert isinstance(theirs, dict)
    assert set(ours) == set(theirs)
    for level in ("fields", "recordTypeInfos", "supportedScopes", "childRelationships"):
        assert {frozenset(item) for item in ours[level]} == {frozenset(item) for item in theirs[level]}, level
    assert set(ours["urls"]) == set(theirs["urls"])
    options = [option for field in ours["fields"] for option in field["picklistValues"]]
    real_options = [option for field in theirs["fields"] for option in field["picklistValues"]]
    assert {frozenset(option) for option in options} == {frozenset(option) for option in real_options}
    headers = real["headers"]
    assert isinstance(headers, dict)
    assert {"etag", "last-modified", "sforce-limit-info"} <= {key.lower() for key in headers}
    assert {"etag", "last-modified", "sforce-limit-info"} <= set(answer.headers)
    assert answer.headers["content-type"] == headers["Content-Type"]


@pytest.mark.parametrize("name", ["contact", "lead"])
async def test_every_recorded_standard_field_is_there_with_its_facts(
    client: Client, recorded: Path, name: str
) -> None:
    real = response_of(recorded / f"get-sobjects-{name}-describe-200-0.json")["body"]
    assert isinstance(real, dict)
    answer = await client.send("GET", f"/sobjects/{name.title()}/describe")
    ours = {field["name"]: field for field in answer.json()["fields"]}
    standard = [field for field in real["fields"] if not field["custom"]]
    assert len(standard) > 50
    for field in standard:
        assert ours[field["name"]] == field


async def test_custom_fields_describe_as_recorded_ones_of_their_type(client: Client, recorded: Path) -> None:
    """What depends on the type alone, compared with one recorded custom field of that type."""
    real = response_of(recorded / "get-sobjects-contact-describe-200-0.json")["body"]
    assert isinstance(real, dict)
    theirs = {field["name"]: field for field in real["fields"]}
    answer = await client.send("GET", "/sobjects/Contact/describe")
    ours = {field["name"]: field for field in answer.json()["fields"]}
    pairs = {
        "Lead_Status__c": "picklist_field__c",
        "Notes__c": "textarea_field__c",
        "Score__c": "float_field__c",
        "VIP__c": "checkbox_field__c",
        "Renewal_Date__c": "date_field__c",
        "Last_Demo__c": "datetime_field__c",
        "Plan__c": "text_field__c",
        "Employees__c": "number_field__c",
        "External_Id__c": "Custom_External_ID__c",
    }
    own = {"name", "label", "picklistValues", "length", "byteLength"}
    for mine, recorded_name in pairs.items():
        expected = {key: value for key, value in theirs[recorded_name].items() if key not in own}
        assert {key: value for key, value in ours[mine].items() if key not in own} == expected, mine


async def test_a_record_has_the_recorded_members_in_their_formats(client: Client, recorded: Path) -> None:
    real = response_of(recorded / "get-sobjects-contact-id-200-1.json")
    record_id = await client.create(LastName="Jones", FirstName="John", Email="additivebrian@demo.com")
    answer = await client.send("GET", f"/sobjects/Contact/{record_id}")
    theirs = real["body"]
    assert isinstance(theirs, dict)
    standard = {key: value for key, value in theirs.items() if not key.endswith("__c")}
    assert set(standard) <= set(answer.json())
    ours = shape(answer.json())
    assert isinstance(ours, dict)
    # What the recorded organisation's own users and clean-up jobs had set.
    left_out = {"AccountId", "LastViewedDate", "LastReferencedDate", "CleanStatus", "PhotoUrl"}
    for key, value in standard.items():
        if key not in left_out:
            assert ours[key] == shape(value), key
    headers = real["headers"]
    assert isinstance(headers, dict)
    assert {key.lower() for key in headers} <= set(answer.headers)


async def test_errors_read_as_recorded(client: Client, recorded: Path) -> None:
    real = response_of(recorded / "get-sobjects-contact-id-404-0.json")
    answer = await client.send("GET", "/sobjects/Contact/0034S000005YJX9QAO")
    assert (answer.status_code, answer.json()) == (real["status"], real["body"])
    refused = await client.send("POST", "/composite/sobjects", {"allOrNone": False, "records": []})
    assert refused.json() == json.loads((recorded / "collections-create-400.body.json").read_text())
    unknown = await client.query("SELECT AccountNumer FROM Contact")
    expected = json.loads((recorded / "query-400-unknown-field.body.json").read_text())
    assert [set(item) for item in unknown.json()] == [set(item) for item in expected]
    assert unknown.json()[0]["errorCode"] == expected[0]["errorCode"]


async def test_collection_results_read_as_recorded(client: Client, recorded: Path) -> None:
    def contact(**fields: object) -> dict[str, object]:
        return {"attributes": {"type": "Contact"}, **fields}

    async def send(method: str, *records: dict[str, object]) -> object:
        answer = await client.send(
            method, "/composite/sobjects", {"allOrNone": False, "records": list(records)}
        )
        return answer.json()

    created = await send("POST", contact(LastName="A"), contact(LastName="B"))
    assert shape(created) == shape(json.loads((recorded / "collections-create-200.body.json").read_text()))
    nameless = await send("PATCH", contact(LastName="A"), contact(LastName="B"))
    assert nameless == json.loads((recorded / "collections-update-200-each-failed.body.json").read_text())
    missing = response_of(recorded / "post-composite-sobjects-200-0.json")["body"]
    ours = json.dumps(await send("POST", contact(FirstName="A"), contact(FirstName="B")))
    assert json.loads(ours.replace("LastName", "Name"))[:1] == missing
    assert isinstance(created, list)
    updated = await send("PATCH", contact(id=created[0]["id"], Phone="1"))
    assert shape(updated) == shape(response_of(recorded / "patch-composite-sobjects-200-1.json")["body"])
    ids = ",".join(item["id"] for item in created)
    deleted = await client.send("DELETE", "/composite/sobjects", params={"ids": ids, "allOrNone": "true"})
    theirs = response_of(recorded / "delete-composite-sobjects-200-0.json")["body"]
    assert isinstance(theirs, list)
    assert shape(deleted.json()) == shape(theirs[:2])


async def test_a_converted_lead_refuses_as_recorded(
    client: Client, crm: SalesforceCrm, recorded: Path
) -> None:
    lead = await client.create("Lead", LastName="Smith", Company="Acme", IsConverted=True)
    body = {"records": [{"attributes": {"type": "Lead"}, "id": lead, "LastName": "NoEdit"}]}
    answer = await client.send("PATCH", "/composite/sobjects", body)
    assert answer.json() == response_of(recorded / "patch-composite-sobjects-200-0.json")["body"]


async def test_a_query_page_reads_as_recorded(client: Client, recorded: Path) -> None:
    real = response_of(recorded / "get-query-200-3.json")["body"]
    await client.create(LastName="x", Email="additivebrian@demo.com")
    soql = (
        "SELECT Id, Email FROM Contact WHERE Email IN ('additivebrian@demo.com', 'additivebrian2@demo.com')"
    )
    assert shape((await client.query(soql)).json()) == shape(real)


async def test_a_query_job_reads_as_recorded(client: Client, recorded: Path) -> None:
    real = json.loads((recorded / "bulk-query-launch.body.json").read_text())
    body = {"operation": "query", "query": "SELECT Id FROM Contact"}
    ours = (await client.send("POST", "/services/data/v60.0/jobs/query", body)).json()
    assert list(ours) == list(real)
    assert shape(ours) == {**shape(real), "object": "Contact"}  # type: ignore[dict-item]
