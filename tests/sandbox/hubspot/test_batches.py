"""Batches of contacts: partial success, whole refusals, upserts."""

import pytest
from starlette.testclient import TestClient
from tests.sandbox.hubspot.support import CONTACTS, Json, admin, make_contact, read


def _post(client: TestClient, action: str, *inputs: Json, **more: object) -> tuple[int, Json]:
    answer = client.post(f"{CONTACTS}/batch/{action}", json={"inputs": list(inputs), **more})
    return answer.status_code, answer.json() if answer.content else {}


def test_a_batch_creates_all(client: TestClient) -> None:
    status, body = _post(client, "create", *[{"properties": {"firstname": f"P{n}"}} for n in range(3)])
    assert (status, body["status"], len(body["results"])) == (201, "COMPLETE", 3)
    assert {"startedAt", "completedAt"} <= set(body)


def test_one_unknown_property_fails_the_whole_batch_even_when_traced(client: TestClient) -> None:
    inputs = [
        {"objectWriteTraceId": "0", "properties": {"firstname": "A"}},
        {"objectWriteTraceId": "1", "properties": {"firstname": "B", "first000name": "x"}},
    ]
    status, body = _post(client, "create", *inputs)
    assert status == 400
    assert body["message"].startswith('Property values were not valid: [{"isValid":false,')
    assert client.get(CONTACTS).json()["results"] == []


def test_one_bad_value_fails_the_whole_batch_when_not_traced(client: TestClient) -> None:
    record_id = make_contact(client)
    other = make_contact(client)
    status, body = _post(
        client,
        "update",
        {"id": record_id, "properties": {"plan": "Team"}},
        {"id": other, "properties": {"vip": "maybe"}},
    )
    assert (status, body["errors"][0]["code"]) == (400, "INVALID_OPTION")
    assert read(client, record_id, "plan") == {"plan": None}


def test_traced_inputs_fail_one_by_one(client: TestClient) -> None:
    taken = make_contact(client, email="a@example.com")
    status, body = _post(
        client,
        "create",
        {"objectWriteTraceId": "x0", "properties": {"email": "a@example.com"}},
        {"objectWriteTraceId": "x1", "properties": {"email": "b@example.com"}},
        {"objectWriteTraceId": "x2", "properties": {"email": "nonsense"}},
    )
    assert (status, body["numErrors"]) == (207, 2)
    assert [item["objectWriteTraceId"] for item in body["results"]] == ["x1"]
    conflict, invalid = body["errors"]
    assert conflict["category"] == "CONFLICT"
    assert conflict["context"] == {"objectWriteTraceId": ["x0"], "existingId": [taken]}
    assert (invalid["category"], invalid["context"]) == ("VALIDATION_ERROR", {"objectWriteTraceId": ["x2"]})


def test_an_untraced_conflict_creates_nothing(client: TestClient) -> None:
    make_contact(client, email="a@example.com")
    status, body = _post(
        client,
        "create",
        {"properties": {"email": "b@example.com"}},
        {"properties": {"email": "a@example.com"}},
    )
    assert (status, body["message"], body["category"]) == (409, "Contact already exists", "CONFLICT")
    assert len(client.get(CONTACTS).json()["results"]) == 1


def test_a_missing_id_is_one_error_and_the_others_are_updated(client: TestClient) -> None:
    record_id = make_contact(client)
    status, body = _post(
        client,
        "update",
        {"id": "unknown", "properties": {"plan": "x"}},
        {"id": record_id, "properties": {"plan": "Team"}},
    )
    assert (status, body["errors"][0]["category"]) == (207, "OBJECT_NOT_FOUND")
    assert body["errors"][0]["context"] == {"ids": ["unknown"]}
    assert read(client, record_id, "plan") == {"plan": "Team"}


def test_an_id_that_comes_twice_is_refused(client: TestClient) -> None:
    record_id = make_contact(client)
    one = {"id": record_id, "properties": {"plan": "x"}}
    status, body = _post(client, "update", one, one)
    assert (status, body["context"]) == (400, {"ids": [record_id]})
    assert body["message"] == f"Duplicate IDs found in batch input: [{record_id}]. IDs must be unique"


@pytest.mark.parametrize("action", ["read", "create", "update", "upsert", "archive"])
def test_a_batch_has_at_most_a_hundred_inputs(client: TestClient, action: str) -> None:
    inputs = [{"id": str(n), "idProperty": "email", "properties": {"firstname": "A"}} for n in range(101)]
    assert _post(client, action, *inputs)[0] == 400


def test_a_batch_reads_what_is_there_and_names_what_is_not(client: TestClient) -> None:
    record_id = make_contact(client, email="a@example.com", plan="Team")
    status, body = _post(client, "read", {"id": record_id}, {"id": "77"}, properties=["plan"])
    assert status == 207
    assert body["results"][0]["properties"]["plan"] == "Team"
    assert body["errors"][0]["context"] == {"ids": ["77"]}
    status, body = _post(client, "read", {"id": "a@example.com"}, idProperty="email", properties=["plan"])
    assert (status, body["results"][0]["id"]) == (200, record_id)


def test_archiving_answers_204_whatever_was_there(client: TestClient) -> None:
    record_id = make_contact(client)
    assert _post(client, "archive", {"id": record_id}, {"id": "77"})[0] == 204
    assert client.get(f"{CONTACTS}/{record_id}").status_code == 404


def test_an_upsert_creates_and_updates_and_says_which(client: TestClient) -> None:
    record_id = make_contact(client, email="a@example.com")
    status, body = _post(
        client,
        "upsert",
        {"idProperty": "email", "id": "a@example.com", "properties": {"plan": "Team"}},
        {"idProperty": "email", "id": "b@example.com", "properties": {"plan": "Business"}},
    )
    assert status == 200
    assert [(item["new"], item["id"] == record_id) for item in body["results"]] == [
        (False, True),
        (True, False),
    ]


def test_an_upsert_by_address_is_all_or_nothing(client: TestClient) -> None:
    status, _ = _post(
        client,
        "upsert",
        {"objectWriteTraceId": "0", "idProperty": "email", "id": "b@example.com", "properties": {}},
        {
            "objectWriteTraceId": "1",
            "idProperty": "email",
            "id": "c@example.com",
            "properties": {"vip": "maybe"},
        },
    )
    assert status == 400
    assert client.get(CONTACTS).json()["results"] == []


def test_results_come_in_an_order_of_their_own_unless_told_otherwise(client: TestClient) -> None:
    admin(client, "settings", shuffle_batches=True)
    inputs = [{"properties": {"firstname": f"P{n:02d}"}} for n in range(20)]
    _, body = _post(client, "create", *inputs)
    names = [item["properties"]["firstname"] for item in body["results"]]
    assert sorted(names) == [f"P{n:02d}" for n in range(20)]
    assert names != sorted(names)


def test_a_rule_of_the_administrator_is_obeyed_from_2026_09_on(client: TestClient) -> None:
    admin(client, "settings", required_properties={"contacts": ["company"]})
    one = {"properties": {"firstname": "A"}}
    assert client.post("/crm/objects/2026-03/contacts", json=one).status_code == 201
    refused = client.post("/crm/objects/2026-09/contacts", json=one)
    assert refused.status_code == 400
    assert refused.json()["context"] == {"properties": ["company"]}
    admin(client, "settings", write_enforcement=False)
    assert client.post("/crm/objects/2026-09/contacts", json=one).status_code == 201


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"inputs": {}}', b'{"inputs": [1]}', b"{}", b'{"inputs": []}']
)
def test_a_malformed_body_is_a_400(client: TestClient, body: bytes) -> None:
    answer = client.post(f"{CONTACTS}/batch/update", content=body)
    assert answer.status_code == 400
    assert answer.json()["status"] == "error"
