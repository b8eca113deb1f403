"""The emulated HubSpot against what real accounts answered; skipped where those recordings are not found."""

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.sandbox.hubspot.support import Json, admin, make_contact

from tieline.sandbox.hubspot import HubSpotCrm
from tieline.sandbox.hubspot.schema import CONTACTS, Schema

V3 = "/crm/v3/objects/CONTACT"
# Options that this sandbox spells in its own words, and properties of the recorded portal alone.
OWN_OF_THAT_PORTAL = {"date_field", "number_field", "text_field", "hs_email_optout_23783731"}


@pytest.fixture(scope="session")
def recorded(recordings: Path) -> Path:
    return recordings / "hubspot"


def _load(recorded: Path, name: str) -> Json:
    body: Json = json.loads((recorded / name).read_text())
    return body


def _without(body: Json, *names: str) -> Json:
    return {name: value for name, value in body.items() if name not in names}


@pytest.fixture
def portal(client: TestClient) -> TestClient:
    """With the custom properties of the recorded portal."""
    for name, kind in (("text_field", "string"), ("number_field", "number"), ("date_field", "date")):
        definition = {"name": name, "label": name, "type": kind, "fieldType": "text", "groupName": "x"}
        admin(client, "schema", add=definition)
    return client


def test_every_recorded_contact_property_is_here_with_its_type_and_flags(recorded: Path) -> None:
    real = _load(recorded, "get-schemas-contact-200-0.json")["response"]["body"]["properties"]
    ours = Schema.load(CONTACTS).properties
    checked = 0
    for one in real:
        if one["name"] in OWN_OF_THAT_PORTAL:
            continue
        shown = ours[one["name"]].as_json()
        names = ("label", "type", "fieldType", "groupName", "displayOrder", "modificationMetadata")
        flags = ("calculated", "externalOptions", "hasUniqueValue", "hidden", "formField", "hubspotDefined")
        for name in (*names, *flags):
            assert shown.get(name) == one.get(name), (one["name"], name)
        assert [option["value"] for option in one["options"]] == [
            option["value"]
            for option in shown["options"]  # type: ignore[attr-defined]
        ], one["name"]
        dated = {"createdAt", "updatedAt", "description", "referencedObjectType", "dataSensitivity"}
        assert set(one) - set(shown) <= dated, one["name"]
        assert set(shown) - set(one) <= dated, one["name"]
        checked += 1
    assert checked > 260


def test_the_schema_has_the_recorded_members(client: TestClient, recorded: Path) -> None:
    real = _load(recorded, "get-schemas-contact-200-0.json")["response"]["body"]
    ours = client.get("/crm/v3/schemas/CONTACT").json()
    assert set(ours) == set(real)
    unlisted = ("properties", "associations")
    assert set(ours["associations"][0]) == set(real["associations"][0])
    assert set(ours["searchableProperties"]) == set(real["searchableProperties"])
    own = {**_without(ours, *unlisted), "searchableProperties": real["searchableProperties"]}
    assert own == _without(real, *unlisted)


def test_who_am_i_has_the_recorded_members_and_headers(client: TestClient, recorded: Path) -> None:
    real = _load(recorded, "get-integrations-v1-me-200-0.json")["response"]
    answer = client.get("/integrations/v1/me")
    ours = answer.json()
    assert list(ours) == list(real["body"])
    assert _without(ours, "portalId") == _without(real["body"], "portalId")
    for name, value in real["headers"].items():
        assert name in answer.headers
        if "Remaining" not in name:
            assert answer.headers[name] == value, name


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_recorded_batch_create_is_answered_alike(portal: TestClient, recorded: Path, number: int) -> None:
    real = _load(recorded, f"post-objects-contact-batch-create-201-{number}.json")
    answer = portal.post(f"{V3}/batch/create", json=real["request"]["body"])
    assert answer.status_code == 201
    _same_batch(answer.json(), real["response"]["body"])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_recorded_batch_update_is_answered_alike(portal: TestClient, recorded: Path, number: int) -> None:
    real = _load(recorded, f"post-objects-contact-batch-update-200-{number}.json")
    sent = real["request"]["body"]
    ids = {one["id"]: make_contact(portal) for one in sent["inputs"]}
    inputs = [{**one, "id": ids[one["id"]]} for one in sent["inputs"]]
    answer = portal.post(f"{V3}/batch/update", json={"inputs": inputs})
    assert answer.status_code == 200
    _same_batch(answer.json(), real["response"]["body"])


def _same_batch(ours: Json, real: Json) -> None:
    """All recorded members, and every recorded property with its value where it is not a stamp or an id."""
    assert set(ours) == set(real)
    assert len(ours["results"]) == len(real["results"])
    stamped = ("createdate", "lastmodifieddate", "hs_object_id", "hs_all_contact_vids")
    by_name = {item["properties"]["firstname"]: item for item in ours["results"]}
    for one in real["results"]:
        mine = by_name[one["properties"]["firstname"]]
        assert set(mine) - set(one) == {"url"}
        assert set(one["properties"]) <= set(mine["properties"])
        for name, value in _without(one["properties"], *stamped).items():
            assert mine["properties"][name] == value


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_recorded_search_is_answered_alike(portal: TestClient, recorded: Path, number: int) -> None:
    real = _load(recorded, f"post-objects-contact-search-200-{number}.json")
    for one in real["response"]["body"]["results"]:
        given = {
            name: value
            for name, value in one["properties"].items()
            if value is not None and name not in ("createdate", "hs_object_id", "lastmodifieddate")
        }
        make_contact(portal, **given)
    answer = portal.post(f"{V3}/search", json=real["request"]["body"])
    ours, theirs = answer.json(), real["response"]["body"]
    assert (set(ours), ours["total"]) == (set(theirs), theirs["total"])
    pairs = zip(
        sorted(ours["results"], key=lambda one: one["properties"]["email"]),
        sorted(theirs["results"], key=lambda one: one["properties"]["email"]),
        strict=True,
    )
    for mine, one in pairs:
        assert list(mine["properties"]) == list(one["properties"])
        stamps = ("createdate", "hs_object_id", "lastmodifieddate")
        assert _without(mine["properties"], *stamps) == _without(one["properties"], *stamps)
    names = {name.lower() for name in real["response"]["headers"] if "RateLimit" in name}
    assert {name for name in answer.headers if "ratelimit" in name} == names


def test_a_recorded_page_of_a_search_has_the_same_members(client: TestClient, recorded: Path) -> None:
    real = _load(recorded, "search-200-first-page.body.json")
    for _ in range(2):
        make_contact(client)
    sent = {"limit": 1, "properties": list(real["results"][0]["properties"])}
    ours = client.post(f"{V3}/search", json=sent).json()
    assert set(ours) == set(real)
    assert set(ours["results"][0]) == set(real["results"][0])
    assert list(ours["results"][0]["properties"]) == list(real["results"][0]["properties"])
    assert ours["paging"] == {"next": {"after": "1"}}


def test_the_recorded_429_of_search_is_answered_alike(client: TestClient, recorded: Path) -> None:
    real = _load(recorded, "post-objects-contact-search-429-0.json")
    admin(client, "settings", rate_limits=True, search_secondly_limit=0)
    answer = client.post(f"{V3}/search", json={})
    ours, theirs = answer.json(), real["response"]["body"]
    assert answer.status_code == 429
    assert _without(ours, "correlationId") == _without(theirs, "correlationId")
    names = {name.lower() for name in real["response"]["headers"] if "RateLimit" in name}
    assert {name for name in answer.headers if "ratelimit" in name} == names


def test_a_recorded_archive_is_answered_alike(client: TestClient, recorded: Path) -> None:
    real = _load(recorded, "post-objects-contact-batch-archive-204-0.json")
    answer = client.post(f"{V3}/batch/archive", json=real["request"]["body"])
    assert (answer.status_code, answer.text) == (real["response"]["status"], real["response"]["body"])


def test_the_recorded_whole_batch_refusal_is_answered_alike(client: TestClient, recorded: Path) -> None:
    real = _load(recorded, "batch-create-400-invalid-properties.body.json")
    one = {"properties": {"first000name": "A", "last000name": "B"}}
    inputs = [{"objectWriteTraceId": str(at), **one} for at in range(2)]
    answer = client.post(f"{V3}/batch/create", json={"inputs": inputs})
    assert answer.status_code == 400
    ours = answer.json()
    assert list(ours) == list(real)
    assert ours["message"] == real["message"]
    # The recorded list is one entry short of its own message.
    assert ours["errors"][:2] == real["errors"][:2]


def test_the_recorded_conflict_is_answered_alike(client: TestClient, recorded: Path) -> None:
    real = _load(recorded, "batch-create-409-conflict.body.json")
    make_contact(client, email="a@example.com")
    sent = {"inputs": [{"properties": {"email": "a@example.com"}}]}
    answer = client.post(f"{V3}/batch/create", json=sent)
    assert answer.status_code == 409
    assert _without(answer.json(), "correlationId") == _without(real, "correlationId")


def test_the_recorded_duplicates_are_answered_alike(client: TestClient, recorded: Path) -> None:
    real = _load(recorded, "batch-update-400-duplicate-ids.body.json")
    one = {"id": "123456", "properties": {"firstname": "A"}}
    answer = client.post(f"{V3}/batch/update", json={"inputs": [one, one]})
    assert answer.status_code == 400
    assert list(answer.json()) == list(real)
    assert _without(answer.json(), "correlationId") == _without(real, "correlationId")


def test_the_recorded_partial_success_is_answered_alike(
    client: TestClient, crm: HubSpotCrm, recorded: Path
) -> None:
    real = _load(recorded, "batch-update-207-partial.body.json")
    record_id = make_contact(client, lastname="Dyer")
    crm.clock.advance(1)
    changed = {"firstname": "Siena (updated)", "lastname": "Dyer (updated)"}
    inputs = [
        {"id": record_id, "properties": changed},
        {"id": "unknownIdentifier888", "properties": {"firstname": "B"}},
    ]
    answer = client.post(f"{V3}/batch/update", json={"inputs": inputs})
    ours = answer.json()
    assert answer.status_code == 207
    assert set(ours) == set(real)
    assert ours["errors"] == real["errors"]
    assert ours["numErrors"] == real["numErrors"]
    mine, theirs = ours["results"][0], real["results"][0]
    assert set(mine) == set(theirs)
    assert set(mine["properties"]) - set(theirs["properties"]) == {"hs_full_name_or_email"}
    assert set(theirs["properties"]) <= set(mine["properties"])
