"""Single records: what is checked, kept, answered and refused."""

import pytest
from tests.sandbox.salesforce.support import DATA, NOON, Client, error_of

from tieline.sandbox.salesforce import SalesforceCrm
from tieline.sandbox.salesforce.org import USERS


async def test_a_created_record_is_answered_with_201_and_its_place(client: Client) -> None:
    answer = await client.send("POST", "/sobjects/Contact", {"LastName": "Smith", "Phone": "(415) 555-0100"})
    record_id = answer.json()["id"]
    assert answer.status_code == 201
    assert answer.json() == {"id": record_id, "success": True, "errors": []}
    assert answer.headers["location"] == f"{DATA}/sobjects/Contact/{record_id}"
    assert answer.headers["sforce-limit-info"] == "api-usage=1/100000"
    assert len(record_id) == 18
    assert record_id.startswith("003")


async def test_a_read_shows_every_field_with_attributes_first(client: Client) -> None:
    record_id = await client.create(LastName="Smith", FirstName="Alice", MailingCity="Bonn", VIP__c=True)
    answer = await client.send("GET", f"/sobjects/Contact/{record_id}")
    record = answer.json()
    assert next(iter(record)) == "attributes"
    assert record["attributes"] == {"type": "Contact", "url": f"{DATA}/sobjects/Contact/{record_id}"}
    assert record["Name"] == "Alice Smith"
    assert record["CreatedDate"] == "2026-05-01T12:00:00.000+0000"
    assert record["OwnerId"] == USERS["integration"]
    assert (record["VIP__c"], record["DoNotCall"], record["IsDeleted"]) == (True, False, False)
    assert record["MailingAddress"]["city"] == "Bonn"
    assert record["OtherAddress"] is None
    assert answer.headers["last-modified"] == "Fri, 01 May 2026 12:00:00 GMT"
    assert "etag" not in answer.headers
    assert (await client.read(record_id[:15]))["Id"] == record_id


async def test_an_update_is_204_and_changes_only_what_it_names(client: Client, crm: SalesforceCrm) -> None:
    record_id = await client.create(LastName="Smith", Phone="1", Score__c=5)
    crm.clock.advance(90)
    answer = await client.send("PATCH", f"/sobjects/Contact/{record_id}", {"phone": "2"})
    assert (answer.status_code, answer.content) == (204, b"")
    record = await client.read(record_id)
    assert (record["Phone"], record["LastName"], record["Score__c"]) == ("2", "Smith", 5.0)
    assert record["SystemModstamp"] == record["LastModifiedDate"] == "2026-05-01T12:01:30.000+0000"
    assert record["CreatedDate"] == "2026-05-01T12:00:00.000+0000"


@pytest.mark.parametrize("empty", [None, "", "   "])
async def test_null_and_empty_text_clear_a_field(client: Client, empty: object) -> None:
    record_id = await client.create(LastName="Smith", Phone="1")
    await client.send("PATCH", f"/sobjects/Contact/{record_id}", {"Phone": empty})
    assert (await client.read(record_id))["Phone"] is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"Score__c": "12.345"}, {"Score__c": 12.35}),
        ({"Score__c": 7}, {"Score__c": 7.0}),
        ({"Employees__c": 2.5}, {"Employees__c": 3.0}),
        ({"VIP__c": "true"}, {"VIP__c": True}),
        ({"Renewal_Date__c": "2026-06-01T23:30:00Z"}, {"Renewal_Date__c": "2026-06-01"}),
        ({"Last_Demo__c": "2026-06-01T10:00:00.750+02:00"}, {"Last_Demo__c": "2026-06-01T08:00:00.000+0000"}),
        ({"Interests__c": "API; Calls;API"}, {"Interests__c": "Calls;API"}),
        ({"Plan__c": "  Team "}, {"Plan__c": "Team"}),
        ({"Plan__c": 42}, {"Plan__c": "42"}),
        ({"FirstName": "Zoë 😀 山"}, {"FirstName": "Zoë 😀 山"}),
        ({"Score__c": 60}, {"Formula__c": "High"}),
    ],
)
async def test_values_are_kept_as_salesforce_keeps_them(
    client: Client, given: dict[str, object], kept: dict[str, object]
) -> None:
    record = await client.read(await client.create("Contact", LastName="Smith", **given))
    assert {name: record[name] for name in kept} == kept


@pytest.mark.parametrize(
    ("fields", "code", "message", "named"),
    [
        ({"Nope": 1}, "INVALID_FIELD", "No such column 'Nope' on sobject of type Contact", []),
        (
            {"MasterRecordId": "x", "Name": "y"},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Unable to create/update fields: MasterRecordId, Name. Please check the security settings of this field "
            "and verify that it is read/write for your profile or permission set.",
            ["MasterRecordId", "Name"],
        ),
        (
            {"LastName": None},
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [LastName]",
            ["LastName"],
        ),
        (
            {"LastName": "x" * 81},
            "STRING_TOO_LONG",
            f"Last Name: data value too large: {'x' * 81} (max length=80)",
            ["LastName"],
        ),
        ({"Email": "badone"}, "INVALID_EMAIL_ADDRESS", "Email: invalid email address: badone", ["Email"]),
        (
            {"Lead_Status__c": "Hot"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Lead Status: bad value for restricted picklist field: Hot",
            ["Lead_Status__c"],
        ),
        (
            {"Interests__c": "Calls;Fax"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Interests: bad value for restricted picklist field: Fax",
            ["Interests__c"],
        ),
        ({"OwnerId": "nobody"}, "MALFORMED_ID", "Owner ID: id value of incorrect type: nobody", ["OwnerId"]),
        (
            {"ReportsToId": "003al0000000zzzAAA"},
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference id",
            ["ReportsToId"],
        ),
    ],
)
async def test_a_bad_value_is_refused_with_code_message_and_fields(
    client: Client, fields: dict[str, object], code: str, message: str, named: list[str]
) -> None:
    answer = await client.send("POST", "/sobjects/Contact", {"LastName": "Smith", **fields})
    assert answer.status_code == 400
    assert answer.json() == [{"message": message, "errorCode": code, "fields": named}]
    assert await client.rows("SELECT Id FROM Contact") == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"Score__c": "many"},
            "Cannot deserialize instance of double from VALUE_STRING value many or request may be",
        ),
        (
            {"Renewal_Date__c": "01.02.2026"},
            "Cannot deserialize instance of date from VALUE_STRING value 01.02.2026",
        ),
        (
            {"Last_Demo__c": "2017-10-17 00:00:00"},
            "Cannot deserialize instance of datetime from VALUE_STRING",
        ),
        ({"VIP__c": "maybe"}, "Cannot deserialize instance of boolean from VALUE_STRING value maybe"),
        (
            {"Interests__c": ["Calls"]},
            "Cannot deserialize instance of multipicklist from START_ARRAY value [line:1",
        ),
    ],
)
async def test_a_value_of_the_wrong_type_is_a_parser_error(
    client: Client, fields: dict[str, object], words: str
) -> None:
    answer = await client.send("POST", "/sobjects/Contact", {"LastName": "Smith", **fields})
    assert error_of(answer) == (400, "JSON_PARSER_ERROR")
    assert answer.json()[0]["message"].startswith(words)


async def test_a_number_out_of_range_is_refused(client: Client) -> None:
    answer = await client.send("POST", "/sobjects/Contact", {"LastName": "Smith", "Score__c": 1e17})
    assert error_of(answer) == (400, "NUMBER_OUTSIDE_VALID_RANGE")


async def test_a_body_that_is_no_json_object_is_refused(client: Client) -> None:
    for content in (b"{", b"[]", b""):
        answer = await client.http.post(f"{DATA}/sobjects/Contact", content=content)
        assert error_of(answer) == (400, "JSON_PARSER_ERROR")


async def test_what_is_not_there_is_404_and_what_was_deleted_says_so(client: Client) -> None:
    record_id = await client.create(LastName="Smith")
    assert (await client.send("DELETE", f"/sobjects/Contact/{record_id}")).status_code == 204
    for method in ("GET", "DELETE", "PATCH"):
        answer = await client.send(
            method, f"/sobjects/Contact/{record_id}", {} if method == "PATCH" else None
        )
        assert answer.status_code == 404
        assert answer.json() == [
            {"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}
        ]
    answer = await client.send("GET", "/sobjects/Contact/0034S000005YJX9QAO")
    assert answer.status_code == 404
    assert answer.json() == [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
    assert (await client.send("GET", "/sobjects/Nothing/describe")).status_code == 404
    assert (await client.send("GET", "/nowhere")).status_code == 404
    basic = (await client.send("GET", "/sobjects/Contact")).json()
    assert basic["objectDescribe"]["keyPrefix"] == "003"
    wrong = await client.send("GET", "/composite/sobjects/Contact/External_Id__c")
    assert wrong.status_code == 405
    assert wrong.json() == [
        {"message": "HTTP Method 'GET' not allowed. Allowed are PATCH", "errorCode": "METHOD_NOT_ALLOWED"}
    ]


async def test_preconditions_by_time_are_kept_on_contacts(client: Client, crm: SalesforceCrm) -> None:
    record_id = await client.create(LastName="Smith")
    path = f"/sobjects/Contact/{record_id}"
    then = (await client.send("GET", path)).headers["last-modified"]
    crm.clock.advance(5)
    fresh = await client.send("PATCH", path, {"Phone": "1"}, headers={"If-Unmodified-Since": then})
    assert fresh.status_code == 204
    stale = await client.send("PATCH", path, {"Phone": "2"}, headers={"If-Unmodified-Since": then})
    assert stale.status_code == 412
    assert (await client.read(record_id))["Phone"] == "1"
    now = (await client.send("GET", path)).headers["last-modified"]
    assert (await client.send("GET", path, headers={"If-Modified-Since": now})).status_code == 304
    assert (await client.send("GET", path, headers={"If-Modified-Since": then})).status_code == 200
    unread = await client.send("PATCH", path, {"Phone": "2"}, headers={"If-Unmodified-Since": "yesterday"})
    assert unread.status_code == 400


async def test_upsert_creates_updates_and_tells_of_several(client: Client) -> None:
    path = "/sobjects/Contact/External_Id__c/A-1"
    created = await client.send("PATCH", path, {"LastName": "Smith"})
    assert (created.status_code, created.json()["created"]) == (201, True)
    again = await client.send("PATCH", path, {"LastName": "Smythe"})
    assert (again.status_code, again.json()) == (200, {**created.json(), "created": False})
    assert (await client.send("GET", path)).json()["LastName"] == "Smythe"
    for _ in range(2):
        await client.create(LastName="Twin", Email="twin@example.com")
    several = await client.send("PATCH", "/sobjects/Contact/Email/twin@example.com", {"Phone": "1"})
    assert several.status_code == 300
    assert len(several.json()) == 2
    unknown = await client.send("PATCH", "/sobjects/Contact/Phone/1", {"LastName": "x"})
    assert unknown.status_code == 404
    assert (
        unknown.json()[0]["message"]
        == "Provided external ID field does not exist or is not accessible: Phone"
    )


async def test_a_unique_value_is_refused_a_second_time_until_its_holder_is_deleted(client: Client) -> None:
    first = await client.create(LastName="Smith", External_Id__c="A")
    answer = await client.send("POST", "/sobjects/Contact", {"LastName": "Other", "External_Id__c": "a"})
    assert error_of(answer) == (400, "DUPLICATE_VALUE")
    assert first[:15] in answer.json()[0]["message"]
    await client.send("DELETE", f"/sobjects/Contact/{first}")
    await client.create(LastName="Other", External_Id__c="a")


async def test_the_duplicate_rule_blocks_unless_the_request_allows(client: Client) -> None:
    await client.admin("settings", duplicate_fields=["Email"])
    first = await client.create(LastName="Smith", Email="a@example.com")
    body = {"LastName": "Other", "Email": "A@example.com"}
    answer = await client.send("POST", "/sobjects/Contact", body)
    assert error_of(answer) == (400, "DUPLICATES_DETECTED")
    result = answer.json()[0]["duplicateResult"]
    assert result["matchResults"][0]["matchRecords"][0]["record"]["Id"] == first
    header = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=false"}
    assert (await client.send("POST", "/sobjects/Contact", body, headers=header)).status_code == 201


async def test_an_identical_update_moves_the_stamp_unless_set_otherwise(
    client: Client, crm: SalesforceCrm
) -> None:
    record_id = await client.create(LastName="Smith", Phone="1")
    crm.clock.advance(60)
    await client.send("PATCH", f"/sobjects/Contact/{record_id}", {"Phone": "1"})
    moved = (await client.read(record_id))["SystemModstamp"]
    assert moved == "2026-05-01T12:01:00.000+0000"
    await client.admin("settings", identical_update_moves_stamp=False)
    crm.clock.advance(60)
    await client.send("PATCH", f"/sobjects/Contact/{record_id}", {"Phone": "1"})
    assert (await client.read(record_id))["SystemModstamp"] == moved


async def test_changed_and_deleted_ids_are_listed_by_window(client: Client, crm: SalesforceCrm) -> None:
    kept, gone = await client.create(LastName="Kept"), await client.create(LastName="Gone")
    crm.clock.advance(60)
    await client.send("DELETE", f"/sobjects/Contact/{gone}")
    crm.clock.advance(120)
    window = {"start": "2026-05-01T11:00:00Z", "end": "2026-05-01T12:02:59Z"}
    updated = await client.send("GET", "/sobjects/Contact/updated/", params=window)
    assert updated.json() == {"ids": [kept], "latestDateCovered": "2026-05-01T12:02:00.000+0000"}
    deleted = (await client.send("GET", "/sobjects/Contact/deleted", params=window)).json()
    assert deleted["deletedRecords"] == [{"id": gone, "deletedDate": "2026-05-01T12:01:00.000+0000"}]
    assert set(deleted) == {"deletedRecords", "earliestDateAvailable", "latestDateCovered"}
    early = {"start": "2026-03-01T00:00:00Z", "end": "2026-05-01T00:00:00Z"}
    assert error_of(await client.send("GET", "/sobjects/Contact/updated", params=early)) == (
        400,
        "INVALID_REPLICATION_DATE",
    )
    assert crm.clock.now() > NOON
