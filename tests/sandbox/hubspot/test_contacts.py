"""Single contacts over HTTP: create, read, list, update, archive, merge."""

import pytest
from starlette.testclient import TestClient
from tests.sandbox.hubspot.support import CONTACTS, V, admin, make_contact, patch, read, search

from tieline.sandbox.hubspot import HubSpotCrm


def test_a_created_contact_answers_201_with_computed_properties(client: TestClient) -> None:
    answer = client.post(CONTACTS, json={"properties": {"email": "A@Example.com", "phone": "(415) 555-0100"}})
    assert answer.status_code == 201
    properties = answer.json()["properties"]
    assert properties["email"] == "a@example.com"
    assert properties["hs_email_domain"] == "example.com"
    assert properties["hs_searchable_calculated_phone_number"] == "4155550100"
    assert properties["lifecyclestage"] == "lead"
    assert list(properties) == sorted(properties)
    assert answer.headers["location"].endswith(answer.json()["id"])


def test_a_contact_needs_an_address_or_a_name(client: TestClient) -> None:
    answer = client.post(CONTACTS, json={"properties": {"phone": "+14155550100"}})
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_an_address_that_is_taken_is_a_conflict_that_names_the_holder(client: TestClient) -> None:
    record_id = make_contact(client, email="a@example.com")
    answer = client.post(CONTACTS, json={"properties": {"email": "A@EXAMPLE.com"}})
    assert answer.status_code == 409
    assert answer.json()["message"] == f"Contact already exists. Existing ID: {record_id}"
    assert answer.json()["category"] == "CONFLICT"


def test_an_address_is_free_again_after_a_change_and_after_archiving(client: TestClient) -> None:
    first = make_contact(client, email="a@example.com")
    patch(client, first, email="b@example.com")
    second = make_contact(client, email="a@example.com")
    assert client.delete(f"{CONTACTS}/{second}").status_code == 204
    make_contact(client, email="a@example.com")


def test_a_defined_empty_property_is_null_and_an_unknown_one_left_out(client: TestClient) -> None:
    record_id = make_contact(client)
    assert read(client, record_id, "plan", "no_such") == {"plan": None, "no_such": "left out"}


def test_without_names_the_default_properties_are_shown(client: TestClient) -> None:
    body = client.get(f"{CONTACTS}/{make_contact(client)}").json()
    defaults = {"createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"}
    assert set(body["properties"]) == defaults
    assert set(body) == {"id", "properties", "createdAt", "updatedAt", "archived", "url"}


@pytest.mark.parametrize(("setting", "shown"), [("null", None), ("empty", "")])
def test_empty_text_clears(client: TestClient, setting: str, shown: str | None) -> None:
    admin(client, "settings", cleared_reads_as=setting)
    record_id = make_contact(client, plan="Team")
    patch(client, record_id, plan="")
    assert read(client, record_id, "plan") == {"plan": shown}
    assert search(client, "plan", "HAS_PROPERTY", None) == []


def test_an_update_answers_what_changed_and_moves_the_modified_time(
    client: TestClient, crm: HubSpotCrm
) -> None:
    record_id = make_contact(client)
    crm.clock.advance(5)
    body = patch(client, record_id, score=12.5)
    assert body["properties"]["score"] == "12.5"
    assert body["properties"]["weighted_score"] == "125"
    assert "firstname" not in body["properties"]
    assert body["updatedAt"] == body["properties"]["lastmodifieddate"] == "2026-11-20T12:00:05.123Z"
    assert body["createdAt"] == "2026-11-20T12:00:00.123Z"


def test_whole_seconds_have_no_milliseconds(client: TestClient, crm: HubSpotCrm) -> None:
    crm.clock.advance(0.877)
    assert client.get(f"{CONTACTS}/{make_contact(client)}").json()["createdAt"] == "2026-11-20T12:00:01Z"


@pytest.mark.parametrize(("moves", "second"), [(True, ":09"), (False, ":00")])
def test_whether_identical_values_move_the_modified_time_is_a_setting(
    client: TestClient, crm: HubSpotCrm, moves: bool, second: str
) -> None:
    admin(client, "settings", identical_write_moves_modified=moves)
    record_id = make_contact(client, plan="Team")
    crm.clock.advance(9)
    assert f"12:00{second}" in patch(client, record_id, plan="Team")["updatedAt"]


def test_every_bad_property_of_a_request_is_listed_and_nothing_is_written(client: TestClient) -> None:
    record_id = make_contact(client)
    sent = {"nope": 1, "hs_object_id": "5", "lead_status": "new", "plan": "Team"}
    answer = client.patch(f"{CONTACTS}/{record_id}", json={"properties": sent})
    assert answer.status_code == 400
    codes = [error["code"] for error in answer.json()["errors"]]
    assert codes == ["PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE", "INVALID_OPTION"]
    assert (
        '"hs_object_id" is a read only property; its value cannot be set.'
        in answer.json()["errors"][1]["message"]
    )
    assert read(client, record_id, "plan") == {"plan": None}


def test_a_lifecycle_stage_goes_back_only_after_it_was_cleared(client: TestClient) -> None:
    record_id = make_contact(client, lifecyclestage="customer")
    patch(client, record_id, lifecyclestage="lead")
    assert read(client, record_id, "lifecyclestage") == {"lifecyclestage": "customer"}
    patch(client, record_id, lifecyclestage="")
    patch(client, record_id, lifecyclestage="lead")
    assert read(client, record_id, "lifecyclestage") == {"lifecyclestage": "lead"}


def test_a_contact_is_read_by_address(client: TestClient) -> None:
    record_id = make_contact(client, email="a@example.com")
    answer = client.get(f"{CONTACTS}/a@example.com", params={"idProperty": "email"})
    assert answer.json()["id"] == record_id


@pytest.mark.parametrize("wanted", ["999999", "abc"])
def test_a_missing_contact_is_a_404(client: TestClient, wanted: str) -> None:
    answer = client.get(f"{CONTACTS}/{wanted}")
    assert (answer.status_code, answer.json()["category"]) == (404, "OBJECT_NOT_FOUND")


@pytest.mark.parametrize(
    "base", ["/crm/v3/objects/contacts", "/crm/objects/2026-03/0-1", "/crm/objects/v3/contact"]
)
def test_the_same_contacts_are_behind_every_version_and_spelling(client: TestClient, base: str) -> None:
    record_id = make_contact(client)
    assert client.get(f"{base}/{record_id}").json()["id"] == record_id
    assert [item["id"] for item in client.get(base).json()["results"]] == [record_id]


def test_an_unknown_version_or_type_is_refused(client: TestClient) -> None:
    assert client.get("/crm/objects/2031-03/contacts").status_code == 404
    assert client.get(f"/crm/objects/{V}/unicorns").status_code == 400


def test_a_list_walks_all_contacts_by_id(client: TestClient) -> None:
    made = [make_contact(client) for _ in range(23)]
    seen: list[str] = []
    params: dict[str, str] = {}
    while True:
        body = client.get(CONTACTS, params=params).json()
        assert len(body["results"]) <= 10
        seen += [item["id"] for item in body["results"]]
        if "paging" not in body:
            break
        params = {"after": body["paging"]["next"]["after"]}
        assert "after=" in body["paging"]["next"]["link"]
    assert seen == made


@pytest.mark.parametrize(("limit", "status"), [("100", 200), ("101", 400), ("0", 400), ("x", 400)])
def test_a_list_has_at_most_a_hundred(client: TestClient, limit: str, status: int) -> None:
    assert client.get(CONTACTS, params={"limit": limit}).status_code == status


def test_archived_contacts_are_listed_apart(client: TestClient) -> None:
    kept, gone = make_contact(client), make_contact(client)
    assert client.delete(f"{CONTACTS}/{gone}").status_code == 204
    assert client.delete(f"{CONTACTS}/{gone}").status_code == 204
    live = client.get(CONTACTS).json()["results"]
    archived = client.get(CONTACTS, params={"archived": "true"}).json()["results"]
    assert [item["id"] for item in live] == [kept]
    assert [(item["id"], item["archived"]) for item in archived] == [(gone, True)]
    assert "archivedAt" in archived[0]
    assert client.get(f"{CONTACTS}/{gone}").status_code == 404
    assert search(client, "firstname", "EQ", "alice") == [kept]


def test_a_privacy_deletion_leaves_no_trace(client: TestClient) -> None:
    record_id = make_contact(client, email="a@example.com")
    sent = {"objectId": "a@example.com", "idProperty": "email"}
    assert client.post(f"{CONTACTS}/gdpr-delete", json=sent).status_code == 204
    assert client.get(CONTACTS, params={"archived": "true"}).json()["results"] == []
    assert client.get(f"{CONTACTS}/{record_id}", params={"archived": "true"}).status_code == 404


def test_history_keeps_versions_with_their_sources(client: TestClient, crm: HubSpotCrm) -> None:
    record_id = make_contact(client, notes="first")
    crm.clock.advance(60)
    admin(client, "edit", id=record_id, properties={"notes": "a rep's"})
    params = {"propertiesWithHistory": "notes", "properties": "hs_updated_by_user_id"}
    body = client.get(f"{CONTACTS}/{record_id}", params=params).json()
    versions = body["propertiesWithHistory"]["notes"]
    assert [(one["value"], one["sourceType"]) for one in versions] == [
        ("a rep's", "CRM_UI"),
        ("first", "INTEGRATION"),
    ]
    assert versions[0]["timestamp"] == "2026-11-20T12:01:00.123Z"
    assert body["properties"]["hs_updated_by_user_id"] == str(versions[0]["updatedByUserId"])


def test_a_list_with_history_has_at_most_fifty(client: TestClient) -> None:
    params = {"propertiesWithHistory": "notes", "limit": "51"}
    assert client.get(CONTACTS, params=params).status_code == 400


class TestMerging:
    def test_the_winner_keeps_its_values_and_fills_its_gaps(self, client: TestClient) -> None:
        winner = make_contact(client, email="w@example.com", plan="Team")
        loser = make_contact(client, email="l@example.com", plan="Business", notes="from the loser")
        sent = {"primaryObjectId": winner, "objectIdToMerge": loser}
        answer = client.post(f"{CONTACTS}/merge", json=sent)
        assert (answer.status_code, answer.json()["id"]) == (200, winner)
        names = (
            "plan",
            "notes",
            "email",
            "hs_additional_emails",
            "hs_merged_object_ids",
            "hs_calculated_merged_vids",
        )
        assert read(client, winner, *names) == {
            "plan": "Team",
            "notes": "from the loser",
            "email": "w@example.com",
            "hs_additional_emails": "l@example.com",
            "hs_merged_object_ids": loser,
            "hs_calculated_merged_vids": f"{loser}:1795176000123",
        }

    def test_the_old_id_works_for_a_single_update_but_not_in_a_batch(self, client: TestClient) -> None:
        winner, loser = make_contact(client), make_contact(client)
        admin(client, "merge", winner=winner, loser=loser)
        assert patch(client, loser, plan="Team")["id"] == winner
        sent = {"inputs": [{"id": loser, "properties": {"plan": "Business"}}]}
        answer = client.post(f"{CONTACTS}/batch/update", json=sent)
        assert (answer.status_code, answer.json()["errors"][0]["context"]) == (207, {"ids": [loser]})
        assert read(client, winner, "plan") == {"plan": "Team"}

    @pytest.mark.parametrize(("setting", "status"), [("redirect", 200), ("missing", 404)])
    def test_reading_an_old_id_is_a_setting(self, client: TestClient, setting: str, status: int) -> None:
        admin(client, "settings", merged_read=setting)
        winner, loser = make_contact(client), make_contact(client)
        admin(client, "merge", winner=winner, loser=loser)
        assert client.get(f"{CONTACTS}/{loser}").status_code == status

    def test_the_loser_is_neither_listed_nor_found_nor_archived(self, client: TestClient) -> None:
        winner, loser = make_contact(client), make_contact(client)
        admin(client, "merge", winner=winner, loser=loser)
        assert [item["id"] for item in client.get(CONTACTS).json()["results"]] == [winner]
        assert client.get(CONTACTS, params={"archived": "true"}).json()["results"] == []
        assert search(client, "firstname", "EQ", "alice") == [winner]

    def test_a_merge_may_give_the_survivor_an_id_of_its_own(self, client: TestClient) -> None:
        admin(client, "settings", merge_assigns_new_id=True)
        winner, loser = make_contact(client, email="w@example.com"), make_contact(client)
        survivor = admin(client, "merge", winner=winner, loser=loser)["id"]
        assert survivor not in (winner, loser)
        merged = read(client, survivor, "hs_merged_object_ids")["hs_merged_object_ids"]
        assert set(merged.split(";")) == {winner, loser}
        assert client.get(f"{CONTACTS}/{winner}").json()["id"] == survivor
        assert read(client, survivor, "email") == {"email": "w@example.com"}
