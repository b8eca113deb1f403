"""Steering the portal: seeds, reps, index lag, faults, schema changes."""

import pytest
from starlette.testclient import TestClient
from tests.sandbox.hubspot.support import CALLS, CONTACTS, Json, V, admin, make_contact, patch, read, search

from tieline.sandbox.hubspot import HubSpotCrm, create
from tieline.sandbox.kernel.errors import AdminError

PROPERTIES = f"/crm/properties/{V}/contacts"
VALIDATION: Json = {
    "kind": "validation_rule",
    "object": "contacts",
    "field": "plan",
    "message": "Not that plan",
}


def test_the_same_seed_gives_the_same_contacts(crm: HubSpotCrm) -> None:
    other = create({})
    other.clock.freeze(crm.clock.now())
    assert crm.seed({"contacts": 50, "seed": 7}) == other.seed({"contacts": 50, "seed": 7})
    states = [
        [record.state for record in one.portal.shelves["contacts"].records.values()] for one in (crm, other)
    ]
    assert states[0] == states[1]


def test_seeded_contacts_are_listed_searched_and_of_all_types(client: TestClient) -> None:
    made = admin(client, "seed", contacts=300, seed=3)
    assert made["created"] == 300
    found = client.post(f"{CONTACTS}/search", json={"limit": 200, "properties": ["phone"]}).json()
    assert found["total"] == 300
    names = ("score", "vip", "renewal_date", "last_demo", "plan", "lead_status")
    shown = read(client, made["last_id"], *names)
    assert None not in shown.values()


def test_search_sees_a_change_only_after_the_lag(client: TestClient, crm: HubSpotCrm) -> None:
    record_id = make_contact(client, plan="Team")
    search(client, "plan", "EQ", "Team")
    admin(client, "settings", index_lag_seconds=3)
    patch(client, record_id, plan="Business")
    fresh = make_contact(client, plan="Business")
    assert read(client, record_id, "plan") == {"plan": "Business"}
    assert search(client, "plan", "EQ", "Team") == [record_id]
    assert search(client, "plan", "EQ", "Business") == []
    old = client.post(f"{CONTACTS}/search", json={"properties": ["plan"]}).json()["results"][0]
    assert old["properties"]["plan"] == "Team"
    crm.clock.advance(3)
    assert search(client, "plan", "EQ", "Business") == [record_id, fresh]


def test_an_archived_record_leaves_search_after_the_lag_too(client: TestClient, crm: HubSpotCrm) -> None:
    record_id = make_contact(client)
    search(client, "firstname", "EQ", "alice")
    admin(client, "settings", index_lag_seconds=3)
    client.delete(f"{CONTACTS}/{record_id}")
    assert search(client, "firstname", "EQ", "alice") == [record_id]
    crm.clock.advance(3)
    assert search(client, "firstname", "EQ", "alice") == []


def test_one_edit_can_lag_and_can_carry_an_older_stamp(client: TestClient, crm: HubSpotCrm) -> None:
    record_id = make_contact(client)
    crm.clock.advance(600)
    admin(client, "edit", id=record_id, properties={"plan": "x"}, stamp_seconds_ago=60, index_lag_seconds=30)
    assert read(client, record_id, "lastmodifieddate") == {"lastmodifieddate": "2026-11-20T12:09:00.123Z"}
    assert search(client, "plan", "EQ", "x") == []
    crm.clock.advance(30)
    assert search(client, "plan", "EQ", "x") == [record_id]


def test_a_rep_is_another_user_than_the_integration(client: TestClient) -> None:
    record_id = make_contact(client)
    own = read(client, record_id, "hs_updated_by_user_id")
    admin(client, "edit", id=record_id, properties={"plan": "x"})
    assert read(client, record_id, "hs_updated_by_user_id") != own
    admin(client, "edit", id=record_id, properties={"plan": "y"}, user="integration")
    assert read(client, record_id, "hs_updated_by_user_id") == own


@pytest.mark.parametrize(("moves", "minute"), [(True, "01"), (False, "00")])
def test_a_background_change_has_no_author_and_moves_the_stamp_only_if_told(
    client: TestClient, crm: HubSpotCrm, moves: bool, minute: str
) -> None:
    admin(client, "settings", background_moves_modified=moves)
    record_id = make_contact(client)
    crm.clock.advance(60)
    admin(client, "edit", id=record_id, properties={"weighted_score": 7}, background=True)
    names = ("weighted_score", "lastmodifieddate", "hs_updated_by_user_id")
    assert read(client, record_id, *names) == {
        "weighted_score": "7",
        "lastmodifieddate": f"2026-11-20T12:{minute}:00.123Z",
        "hs_updated_by_user_id": "1000001",
    }


def test_an_archived_contact_comes_back_with_its_id(client: TestClient, crm: HubSpotCrm) -> None:
    record_id = make_contact(client, email="a@example.com")
    admin(client, "delete", id=record_id)
    crm.clock.advance(5)
    admin(client, "restore", id=record_id)
    assert read(client, record_id, "lastmodifieddate") == {"lastmodifieddate": "2026-11-20T12:00:05.123Z"}
    assert client.get(CONTACTS, params={"archived": "true"}).json()["results"] == []
    assert search(client, "email", "EQ", "A@example.com") == [record_id]


def test_a_record_cannot_come_back_when_its_address_was_taken(client: TestClient) -> None:
    record_id = make_contact(client, email="a@example.com")
    admin(client, "delete", id=record_id)
    make_contact(client, email="a@example.com")
    assert client.post("/__sandbox__/restore", json={"id": record_id}).status_code == 409


@pytest.mark.parametrize(
    ("operation", "spec"),
    [
        ("edit", {"id": "1", "properties": {}}),
        ("create", {"properties": {"firstname": "A", "nope": "x"}}),
        ("create", {"properties": {"phone": "x"}}),
        ("create", {"surprise": 1}),
        ("edit", {"id": "x"}),
        ("create", {"object": "unicorns"}),
        ("settings", {"index_lag": 3}),
        ("settings", {"cleared_reads_as": "nothing"}),
        ("change_schema", {"remove": "nope"}),
        ("create", {"properties": {"firstname": "A"}, "user": "nobody"}),
    ],
)
def test_an_impossible_admin_request_says_so(crm: HubSpotCrm, operation: str, spec: Json) -> None:
    with pytest.raises(AdminError):
        getattr(crm, operation)(spec)


class TestSchema:
    def test_a_hidden_field_is_left_out_and_refused(self, client: TestClient) -> None:
        record_id = make_contact(client, plan="Team")
        client.post("/__sandbox__/faults", json={"kind": "hide_field", "object": "contacts", "field": "plan"})
        assert client.get(f"{PROPERTIES}/plan").status_code == 404
        names = {item["name"] for item in client.get(PROPERTIES).json()["results"]}
        assert "plan" not in names
        assert read(client, record_id, "plan") == {"plan": "left out"}
        answer = client.patch(f"{CONTACTS}/{record_id}", json={"properties": {"plan": "x"}})
        assert answer.json()["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
        client.delete("/__sandbox__/faults")
        assert read(client, record_id, "plan") == {"plan": "Team"}

    def test_a_validation_rule_refuses_what_its_pattern_finds(self, client: TestClient) -> None:
        record_id = make_contact(client)
        client.post("/__sandbox__/faults", json={**VALIDATION, "pattern": "^Free"})
        refused = client.patch(f"{CONTACTS}/{record_id}", json={"properties": {"plan": "Free trial"}})
        assert (refused.status_code, refused.json()["errors"][0]["message"]) == (400, "Not that plan")
        patch(client, record_id, plan="Team")
        patch(client, record_id, plan="")

    def test_properties_are_created_changed_and_archived(self, client: TestClient) -> None:
        definition = {
            "name": "colour",
            "label": "Colour",
            "type": "enumeration",
            "fieldType": "select",
            "groupName": "contactinformation",
            "options": [{"label": "Red", "value": "r", "displayOrder": 0, "hidden": False}],
        }
        assert client.post(PROPERTIES, json=definition).status_code == 201
        assert client.post(PROPERTIES, json=definition).status_code == 409
        record_id = make_contact(client, colour="r")
        assert client.patch(f"{PROPERTIES}/colour", json={"label": "Hue"}).json()["label"] == "Hue"
        assert client.delete(f"{PROPERTIES}/colour").status_code == 204
        assert read(client, record_id, "colour") == {"colour": "left out"}
        archived = client.get(PROPERTIES, params={"archived": "true"}).json()["results"]
        assert [(item["name"], item["archived"]) for item in archived] == [("colour", True)]

    def test_hubspots_own_properties_stay(self, client: TestClient) -> None:
        assert client.delete(f"{PROPERTIES}/email").status_code == 400

    def test_the_administrator_can_replace_options(self, client: TestClient) -> None:
        admin(client, "schema", options={"name": "lead_status", "values": {"New": "New", "Lost": "Lost"}})
        make_contact(client, lead_status="Lost")
        answer = client.post(CONTACTS, json={"properties": {"firstname": "A", "lead_status": "Qualified"}})
        assert answer.status_code == 400

    def test_the_custom_properties_of_the_sandbox_are_there(self, client: TestClient) -> None:
        found = {item["name"]: item for item in client.get(PROPERTIES).json()["results"]}
        kinds = {
            "lead_status": "enumeration",
            "notes": "string",
            "score": "number",
            "vip": "bool",
            "renewal_date": "date",
            "last_demo": "datetime",
            "interests": "enumeration",
            "do_not_call": "bool",
        }
        assert {name: found[name]["type"] for name in kinds} == kinds
        assert found["weighted_score"]["modificationMetadata"]["readOnlyValue"] is True
        tiers = {option["value"]: option["label"] for option in found["priority_tier"]["options"]}
        assert tiers == {"tier_1": "Gold", "tier_2": "Silver", "tier_3": "Bronze"}


class TestFaults:
    @pytest.mark.parametrize(
        ("status", "name", "member"),
        [
            (401, None, ("category", "INVALID_AUTHENTICATION")),
            (401, "expired", ("category", "EXPIRED_AUTHENTICATION")),
            (403, None, ("category", "MISSING_SCOPES")),
            (423, None, ("category", "LOCKED")),
            (429, None, ("policyName", "TEN_SECONDLY_ROLLING")),
            (429, "secondly", ("category", "RATE_LIMITS")),
            (477, None, ("status", "error")),
            (502, None, ("status", "error")),
        ],
    )
    def test_an_injected_status_has_hubspots_own_body(
        self, client: TestClient, status: int, name: str | None, member: tuple[str, str]
    ) -> None:
        fault = {"kind": "status", "status": status, "match": {"operation": "contacts.list"}}
        client.post("/__sandbox__/faults", json={**fault, **({"name": name} if name else {})})
        answer = client.get(CONTACTS)
        assert (answer.status_code, answer.json()[member[0]]) == (status, member[1])
        if status == 477:
            assert int(answer.headers["retry-after"]) > 0
        assert client.get(CONTACTS).status_code == 200

    def test_a_locked_record_refuses_a_single_update_and_one_of_a_traced_batch(
        self, client: TestClient
    ) -> None:
        locked, free = make_contact(client), make_contact(client)
        lock = {"kind": "lock", "record_ids": [locked], "times": 2}
        client.post("/__sandbox__/faults", json=lock)
        assert client.patch(f"{CONTACTS}/{locked}", json={"properties": {"plan": "x"}}).status_code == 423
        inputs = [
            {"id": one, "objectWriteTraceId": one, "properties": {"plan": "x"}} for one in (locked, free)
        ]
        answer = client.post(f"{CONTACTS}/batch/update", json={"inputs": inputs})
        assert (answer.status_code, answer.json()["numErrors"]) == (207, 1)
        assert [item["id"] for item in answer.json()["results"]] == [free]

    def test_the_log_names_operations_and_records(self, client: TestClient) -> None:
        record_id = make_contact(client)
        patch(client, record_id, plan="x")
        client.get(CALLS)
        log = client.get("/__sandbox__/requests").json()
        assert log["counts"]["by_operation"] == {"contacts.create": 1, "contacts.update": 1, "calls.list": 1}
        assert log["requests"][1]["record_ids"] == [record_id]

    def test_a_too_long_address_is_a_414(self, client: TestClient) -> None:
        assert client.get(CONTACTS, params={"properties": "x" * 17_000}).status_code == 414

    def test_unknown_paths_and_methods_are_hubspots_404_and_405(self, client: TestClient) -> None:
        assert client.get("/crm/v9/objects").json()["status"] == "error"
        assert client.get("/crm/v9/objects").status_code == 404
        assert client.put(CONTACTS, json={}).status_code == 405
