"""Calls, communications and notes, and what ties them to contacts."""

import pytest
from starlette.testclient import TestClient
from tests.sandbox.hubspot.support import CALLS, CONTACTS, Json, V, admin, make_contact, to_contact

CALL = {"hs_timestamp": "1795435200000", "hs_call_title": "Call 1", "hs_call_duration": "3800"}


def _call(client: TestClient, contact: str, **properties: str) -> str:
    body = {"properties": {**CALL, **properties}, "associations": to_contact(contact, 194)}
    answer = client.post(CALLS, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_call_is_seen_from_its_contact(client: TestClient) -> None:
    contact = make_contact(client)
    call = _call(client, contact, hs_call_direction="OUTBOUND", hs_call_body="hello")
    shown = client.get(f"{CONTACTS}/{contact}", params={"associations": "calls,communications"}).json()
    assert shown["associations"] == {"calls": {"results": [{"id": call, "type": "contact_to_call"}]}}
    read = client.get(
        f"{CALLS}/{call}", params={"properties": "hs_timestamp,hs_call_body", "associations": "contacts"}
    )
    assert read.json()["properties"]["hs_timestamp"] == "2026-11-23T12:00:00Z"
    assert read.json()["associations"]["contacts"]["results"] == [{"id": contact, "type": "call_to_contact"}]


@pytest.mark.parametrize(("type_id", "status"), [(194, 201), (193, 400), (81, 400), (999_999, 400)])
def test_only_the_right_direction_is_accepted(client: TestClient, type_id: int, status: int) -> None:
    contact = make_contact(client)
    answer = client.post(CALLS, json={"properties": CALL, "associations": to_contact(contact, type_id)})
    assert answer.status_code == status
    if type_id == 193:
        assert answer.json()["message"] == (
            "invalid from object type 0-48 for associations to be created. expected: 0-1. For definition 0-193"
        )


def test_a_call_to_a_contact_that_is_gone_is_refused_and_not_made(client: TestClient) -> None:
    answer = client.post(CALLS, json={"properties": CALL, "associations": to_contact("999", 194)})
    assert answer.status_code == 400
    assert answer.json()["context"]["INVALID_OBJECT_IDS"] == ["999"]
    assert client.get(CALLS).json()["results"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"hs_call_status": "DONE"}, "INVALID_OPTION"),
        ({"hs_call_direction": "outbound"}, "INVALID_OPTION"),
        ({"hs_call_disposition": "Connected"}, "INVALID_OPTION"),
        ({"hs_call_recording_url": "http://example.com/a.mp3"}, "INVALID_URL"),
        ({"hs_call_body": "x" * 65_537}, "VALUE_TOO_LONG"),
        ({"hs_call_duration": "long"}, "INVALID_LONG"),
    ],
)
def test_a_bad_call_property_is_refused(client: TestClient, change: Json, code: str) -> None:
    answer = client.post(CALLS, json={"properties": {**CALL, **change}})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)


def test_an_activity_needs_its_time(client: TestClient) -> None:
    answer = client.post(CALLS, json={"properties": {"hs_call_title": "x"}})
    assert answer.status_code == 400
    assert answer.json()["message"] == "Error creating CALL. Some required properties were not set."
    assert answer.json()["context"] == {"properties": ["hs_timestamp"]}


@pytest.mark.parametrize(
    ("channel", "logged_from", "status"),
    [
        ("SMS", "CRM", 201),
        ("WHATS_APP", "CRM", 201),
        ("SMS", "API", 400),
        ("WEB_CHAT", "CRM", 400),
        ("SMS", "", 400),
    ],
)
def test_a_communication_is_logged_from_the_crm_on_a_known_channel(
    client: TestClient, channel: str, logged_from: str, status: int
) -> None:
    contact = make_contact(client)
    properties = {
        "hs_timestamp": "2026-11-20T10:00:00Z",
        "hs_communication_channel_type": channel,
        "hs_communication_logged_from": logged_from,
        "hs_communication_body": "hi",
    }
    body = {"properties": properties, "associations": to_contact(contact, 81)}
    assert client.post(f"/crm/objects/{V}/communications", json=body).status_code == status


def test_a_call_is_updated_in_place(client: TestClient) -> None:
    call = _call(client, make_contact(client))
    sent = {"inputs": [{"id": call, "properties": {"hs_call_body": "the summary"}}]}
    assert client.post(f"{CALLS}/batch/update", json=sent).status_code == 200
    shown = client.get(f"{CALLS}/{call}", params={"properties": "hs_call_body,hs_body_preview"}).json()[
        "properties"
    ]
    assert (shown["hs_call_body"], shown["hs_body_preview"]) == ("the summary", "the summary")


def test_a_unique_property_makes_calls_idempotent(client: TestClient) -> None:
    definition = {
        "name": "call_key",
        "label": "Key",
        "type": "string",
        "fieldType": "text",
        "groupName": "call",
    }
    admin(client, "schema", object="calls", add={**definition, "hasUniqueValue": True})
    contact = make_contact(client)
    one = {
        "idProperty": "call_key",
        "id": "k1",
        "properties": CALL,
        "associations": to_contact(contact, 194),
    }
    answers = [client.post(f"{CALLS}/batch/upsert", json={"inputs": [one]}) for _ in range(2)]
    assert [answer.json()["results"][0]["new"] for answer in answers] == [True, False]
    assert len(client.get(CALLS).json()["results"]) == 1
    twice = client.post(CALLS, json={"properties": {**CALL, "call_key": "K1"}})
    assert twice.status_code == 409


def test_associations_follow_a_merge(client: TestClient) -> None:
    winner, loser = make_contact(client), make_contact(client)
    call = _call(client, loser)
    admin(client, "merge", winner=winner, loser=loser)
    shown = client.get(f"{CONTACTS}/{winner}", params={"associations": "calls"}).json()
    assert [item["id"] for item in shown["associations"]["calls"]["results"]] == [call]


class TestAssociationsApi:
    @pytest.mark.parametrize(("base", "kind"), [("/crm/v4/objects", int), (f"/crm/objects/{V}", str)])
    def test_a_list_names_the_types(self, client: TestClient, base: str, kind: type) -> None:
        contact = make_contact(client)
        call = _call(client, contact)
        found = client.get(f"{base}/contacts/{contact}/associations/calls").json()["results"]
        types = [{"category": "HUBSPOT_DEFINED", "typeId": 193, "label": None}]
        assert found == [{"toObjectId": kind(call), "associationTypes": types}]

    def test_the_default_association_is_put_and_deleted(self, client: TestClient) -> None:
        contact = make_contact(client)
        call = str(client.post(CALLS, json={"properties": CALL}).json()["id"])
        path = f"/crm/objects/{V}/contacts/{contact}/associations"
        answer = client.put(f"{path}/default/calls/{call}")
        assert (answer.status_code, len(answer.json()["results"])) == (200, 2)
        assert len(client.get(f"{path}/calls").json()["results"]) == 1
        assert client.delete(f"{path}/calls/{call}").status_code == 204
        assert client.get(f"{path}/calls").json()["results"] == []

    def test_a_batch_reads_many_and_names_those_without(self, client: TestClient) -> None:
        contact, lonely = make_contact(client), make_contact(client)
        call = _call(client, contact)
        sent = {"inputs": [{"id": contact}, {"id": lonely}]}
        answer = client.post(f"/crm/associations/{V}/contacts/calls/batch/read", json=sent)
        assert answer.status_code == 207
        assert answer.json()["results"][0]["from"] == {"id": contact}
        assert [end["toObjectId"] for end in answer.json()["results"][0]["to"]] == [call]
        assert answer.json()["errors"][0]["context"] == {"fromObjectId": [lonely]}

    def test_a_batch_creates_labelled_associations(self, client: TestClient) -> None:
        contact = make_contact(client)
        call = str(client.post(CALLS, json={"properties": CALL}).json()["id"])
        spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 194}
        one = {"from": {"id": call}, "to": {"id": contact}, "types": [spec]}
        path = f"/crm/associations/{V}/calls/contacts/batch/create"
        answer = client.post(path, json={"inputs": [one]})
        assert answer.status_code == 201
        assert answer.json()["results"][0]["fromObjectTypeId"] == "0-48"
        wrong = {**one, "types": [{**spec, "associationTypeId": 193}]}
        assert client.post(path, json={"inputs": [wrong]}).status_code == 400

    def test_a_malformed_body_is_a_400(self, client: TestClient) -> None:
        contact = make_contact(client)
        call = _call(client, contact)
        path = f"/crm/v4/objects/contacts/{contact}/associations/calls/{call}"
        assert client.put(path, content=b"[{").status_code == 400
