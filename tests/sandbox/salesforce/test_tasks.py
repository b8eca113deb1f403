"""Tasks: the record of a call or a chat."""

from tests.sandbox.salesforce.support import Client, error_of

CALL = {
    "Subject": "Call call_1",
    "TaskSubtype": "Call",
    "Status": "Completed",
    "Priority": "Normal",
    "ActivityDate": "2026-05-01",
    "CallType": "Outbound",
    "CallDurationInSeconds": 125,
    "CallDisposition": "Connected",
    "CallObject": "call_1",
    "Description": "Wants a demo.",
}


async def test_a_call_is_kept_whole_and_closed(client: Client) -> None:
    who = await client.create(LastName="Smith")
    task_id = await client.create("Task", **CALL, WhoId=who)
    task = await client.read(task_id, "Task")
    assert task_id.startswith("00T")
    assert {name: task[name] for name in CALL} == CALL
    assert (task["WhoId"], task["IsClosed"], task["CompletedDateTime"]) == (who, True, task["SystemModstamp"])
    assert isinstance(task["CallDurationInSeconds"], int)
    assert (await client.read(who))["LastActivityDate"] == "2026-05-01"


async def test_logging_an_activity_does_not_move_the_contacts_stamp(client: Client) -> None:
    who = await client.create(LastName="Smith")
    before = (await client.read(who))["SystemModstamp"]
    await client.admin("clock", advance=60)
    await client.create("Task", **CALL, WhoId=who)
    assert (await client.read(who))["SystemModstamp"] == before


async def test_a_task_has_defaults(client: Client) -> None:
    task = await client.read(await client.create("Task"), "Task")
    assert (task["Status"], task["Priority"], task["TaskSubtype"], task["IsClosed"]) == (
        "Not Started",
        "Normal",
        "Task",
        False,
    )


async def test_a_task_is_found_by_its_call_object(client: Client) -> None:
    task_id = await client.create("Task", **CALL)
    assert await client.rows("SELECT Id FROM Task WHERE CallObject IN ('call_1', 'call_2')") == [
        {"Id": task_id}
    ]


async def test_the_subtype_cannot_be_changed(client: Client) -> None:
    task_id = await client.create("Task", **CALL)
    answer = await client.send("PATCH", f"/sobjects/Task/{task_id}", {"TaskSubtype": "Task"})
    assert error_of(answer) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    assert (
        await client.send("PATCH", f"/sobjects/Task/{task_id}", {"Description": "More."})
    ).status_code == 204


async def test_what_a_task_refuses(client: Client) -> None:
    who = await client.create(LastName="Gone")
    await client.send("DELETE", f"/sobjects/Contact/{who}")
    cases: list[tuple[dict[str, object], str]] = [
        ({"Subject": "x" * 256}, "STRING_TOO_LONG"),
        ({"Description": "x" * 32_001}, "STRING_TOO_LONG"),
        ({"CallObject": "x" * 256}, "STRING_TOO_LONG"),
        ({"TaskSubtype": "Fax"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"CallDurationInSeconds": 1.5}, "JSON_PARSER_ERROR"),
        ({"CallDurationInSeconds": 10**8}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"WhoId": who}, "ENTITY_IS_DELETED"),
        ({"WhoId": "003al0000000zzzAAA"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"WhoId": "001al0000000zzzAAA"}, "MALFORMED_ID"),
        ({"WhoId": "somebody"}, "MALFORMED_ID"),
    ]
    for fields, code in cases:
        assert error_of(await client.send("POST", "/sobjects/Task", fields)) == (400, code), fields
    assert await client.rows("SELECT Id FROM Task") == []


async def test_tasks_go_with_their_contact_and_come_back_with_it(client: Client) -> None:
    who = await client.create(LastName="Smith")
    task_id = await client.create("Task", **CALL, WhoId=who)
    await client.send("DELETE", f"/sobjects/Contact/{who}")
    assert await client.rows("SELECT Id FROM Task") == []
    await client.admin("restore", id=who)
    assert await client.rows("SELECT Id, WhoId FROM Task") == [{"Id": task_id, "WhoId": who}]


async def test_tasks_of_a_merged_contact_move_to_the_winner(client: Client) -> None:
    winner, loser = await client.create(LastName="Winner"), await client.create(LastName="Loser")
    task_id = await client.create("Task", **CALL, WhoId=loser)
    await client.admin("merge", winner=winner, loser=loser, fields={"Phone": "1"})
    assert await client.rows("SELECT Id, WhoId FROM Task") == [{"Id": task_id, "WhoId": winner}]
    assert (await client.read(winner))["Phone"] == "1"
    refused = await client.http.post("/__sandbox__/restore", json={"id": loser})
    assert refused.status_code == 400


async def test_a_unique_key_can_be_switched_on_and_upserted_by(client: Client) -> None:
    await client.admin("settings", task_key_field="Tieline_Key__c")
    path = "/sobjects/Task/Tieline_Key__c/call_1"
    created = await client.send("PATCH", path, CALL)
    again = await client.send("PATCH", path, {"Description": "More."})
    assert (created.status_code, again.status_code) == (201, 200)
    assert created.json()["id"] == again.json()["id"]
    with_subtype = await client.send("PATCH", path, CALL)
    assert error_of(with_subtype) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    describe = (await client.send("GET", "/sobjects/Task/describe")).json()
    key = next(field for field in describe["fields"] if field["name"] == "Tieline_Key__c")
    assert (key["unique"], key["externalId"], key["idLookup"]) == (True, True, True)
