"""Collections of up to 200 records."""

from tests.sandbox.salesforce.support import Client, error_of

from tieline.sandbox.salesforce import SalesforceCrm

PATH = "/composite/sobjects"


def contact(**fields: object) -> dict[str, object]:
    return {"attributes": {"type": "Contact"}, **fields}


def batch(*records: dict[str, object], all_or_none: bool = False) -> dict[str, object]:
    return {"allOrNone": all_or_none, "records": list(records)}


async def test_results_come_in_order_with_200_and_failures_have_no_id(client: Client) -> None:
    answer = await client.send(
        "POST", PATH, batch(contact(LastName="A"), contact(FirstName="nobody"), contact(LastName="B", Nope=1))
    )
    first, second, third = answer.json()
    assert answer.status_code == 200
    assert list(first) == ["id", "success", "errors"]
    assert second == {
        "success": False,
        "errors": [
            {
                "statusCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [LastName]",
                "fields": ["LastName"],
            }
        ],
    }
    assert third["errors"] == [
        {
            "statusCode": "INVALID_FIELD",
            "message": "No such column 'Nope' on sobject of type Contact",
            "fields": [],
        }
    ]
    assert [row["Id"] for row in await client.rows("SELECT Id FROM Contact")] == [first["id"]]


async def test_all_or_none_takes_everything_back_and_says_so_of_the_others(client: Client) -> None:
    known = await client.create(LastName="Old", External_Id__c="K")
    answer = await client.send(
        "PATCH",
        PATH,
        batch(
            contact(id=known, LastName="New", External_Id__c="L"), contact(id=known, Nope=1), all_or_none=True
        ),
    )
    codes = [result["errors"][0]["statusCode"] for result in answer.json()]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_FIELD"]
    assert (await client.read(known))["LastName"] == "Old"
    created = await client.send(
        "POST", PATH, batch(contact(LastName="A", External_Id__c="L"), contact(), all_or_none=True)
    )
    assert [result["success"] for result in created.json()] == [False, False]
    assert len(await client.rows("SELECT Id FROM Contact")) == 1
    await client.create(LastName="B", External_Id__c="L")


async def test_what_an_update_refuses_record_by_record(client: Client) -> None:
    gone = await client.create(LastName="Gone")
    task = await client.create("Task", Subject="x")
    await client.send("DELETE", f"/sobjects/Contact/{gone}")
    answer = await client.send(
        "PATCH",
        PATH,
        batch(
            contact(LastName="no id"),
            contact(id=gone, LastName="x"),
            contact(id="003al0000000zzzAAA", LastName="x"),
            contact(id="junk", LastName="x"),
            contact(id=task, LastName="x"),
        ),
    )
    errors = [result["errors"][0] for result in answer.json()]
    assert [error["statusCode"] for error in errors] == [
        "MISSING_ARGUMENT",
        "ENTITY_IS_DELETED",
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "MALFORMED_ID",
    ]
    assert errors[0]["message"] == "Id not specified in an update call"


async def test_a_batch_has_1_to_200_records_in_at_most_ten_chunks(client: Client) -> None:
    empty = await client.send("POST", PATH, batch())
    assert empty.status_code == 400
    assert empty.json() == [
        {"message": "At least 1 record is required", "errorCode": "REQUIRED_FIELD_MISSING"}
    ]
    full = await client.send("POST", PATH, batch(*(contact(LastName=str(at)) for at in range(200))))
    assert len(full.json()) == 200
    assert [result["success"] for result in full.json()] == [True] * 200
    over = await client.send("POST", PATH, batch(*(contact(LastName=str(at)) for at in range(201))))
    assert over.status_code == 400
    task: dict[str, object] = {"attributes": {"type": "Task"}, "Subject": "x"}
    chunks = [contact(LastName="x"), task] * 5
    assert (await client.send("POST", PATH, batch(*chunks))).status_code == 200
    assert (await client.send("POST", PATH, batch(*chunks, contact(LastName="x")))).status_code == 400


async def test_upsert_by_an_external_id_tells_what_was_created(client: Client) -> None:
    await client.create(LastName="Old", External_Id__c="K1")
    answer = await client.send(
        "PATCH",
        f"{PATH}/Contact/External_Id__c",
        batch(
            contact(External_Id__c="K1", LastName="New"),
            contact(External_Id__c="K2", LastName="Two"),
            contact(),
        ),
    )
    results = answer.json()
    assert [result.get("created") for result in results] == [False, True, None]
    assert results[2]["errors"][0]["statusCode"] == "MISSING_ARGUMENT"
    rows = await client.rows("SELECT External_Id__c, LastName FROM Contact ORDER BY External_Id__c")
    assert rows == [
        {"External_Id__c": "K1", "LastName": "New"},
        {"External_Id__c": "K2", "LastName": "Two"},
    ]
    assert (await client.send("PATCH", f"{PATH}/Contact/Phone", batch(contact(Phone="1")))).status_code == 404


async def test_delete_takes_ids_in_the_address(client: Client) -> None:
    first, second = await client.create(LastName="A"), await client.create(LastName="B")
    query = {"ids": f"{first},003al0000000zzzAAA", "allOrNone": "true"}
    refused = await client.send("DELETE", PATH, params=query)
    assert [result["success"] for result in refused.json()] == [False, False]
    done = await client.send("DELETE", PATH, params={"ids": f"{first},{second}"})
    assert done.json() == [{"id": item, "success": True, "errors": []} for item in (first, second)]
    assert await client.rows("SELECT Id FROM Contact") == []


async def test_a_batch_read_answers_in_order_with_null_for_what_is_gone(client: Client) -> None:
    first, second = await client.create(LastName="A"), await client.create(LastName="B")
    await client.send("DELETE", f"/sobjects/Contact/{second}")
    body = {"ids": [first[:15], second, "003al0000000zzzAAA"], "fields": ["Id", "lastname"]}
    answer = await client.send("POST", f"{PATH}/Contact", body)
    assert [item and (item["Id"], item["LastName"]) for item in answer.json()] == [(first, "A"), None, None]
    query = {"ids": first, "fields": "Id,Phone"}
    read = (await client.send("GET", f"{PATH}/Contact", params=query)).json()
    assert [(item["Id"], item["Phone"]) for item in read] == [(first, None)]
    assert error_of(await client.send("POST", f"{PATH}/Contact", {**body, "fields": ["Nope"]})) == (
        400,
        "INVALID_FIELD",
    )


async def test_a_locked_record_fails_alone_and_works_again_later(client: Client) -> None:
    first, second = await client.create(LastName="A"), await client.create(LastName="B")
    await client.admin("faults", kind="lock", record_ids=[second[:15]])
    body = batch(contact(id=first, Phone="1"), contact(id=second, Phone="1"))
    results = (await client.send("PATCH", PATH, body)).json()
    assert results[0]["success"]
    assert results[1]["errors"][0] == {
        "statusCode": "UNABLE_TO_LOCK_ROW",
        "message": f"unable to obtain exclusive access to this record or 1 records: {second}",
        "fields": [],
    }
    assert [item["success"] for item in (await client.send("PATCH", PATH, body)).json()] == [True, True]


async def test_a_rejected_record_carries_the_reason_that_was_given(client: Client) -> None:
    first = await client.create(LastName="A")
    await client.admin(
        "faults",
        kind="reject",
        record_ids=[first],
        code="CANNOT_EXECUTE_FLOW_TRIGGER",
        message="no",
        times=None,
    )
    result = (await client.send("PATCH", PATH, batch(contact(id=first, Phone="1")))).json()[0]
    assert result["errors"][0] == {"statusCode": "CANNOT_EXECUTE_FLOW_TRIGGER", "message": "no", "fields": []}


async def test_a_wrong_type_fails_its_record_or_by_setting_the_request(
    client: Client, crm: SalesforceCrm
) -> None:
    body = batch(contact(LastName="A"), contact(LastName="B", Score__c="many"))
    results = (await client.send("POST", PATH, body)).json()
    assert [result["success"] for result in results] == [True, False]
    await client.admin("settings", type_errors_fail_request=True)
    assert error_of(await client.send("POST", PATH, body)) == (400, "JSON_PARSER_ERROR")
    assert crm.org.tables["Contact"].live_count() == 1
