"""What real HubSpot accounts answered is understood. Skipped where the recordings are not at hand."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.hubspot.driving import NOW, Script, answer, drive

from tieline.connectors.hubspot import CONNECTOR
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.records import Patch
from tieline.ports.crm import Refused, Request, Response, Token, Written
from tieline.ports.errors import (
    DuplicateRecordError,
    RateLimitedError,
    RecordGoneError,
    RecordRejectedError,
    SchemaDriftError,
)

WRITE = Request("POST", "/crm/objects/2026-09/contacts", json={}, applies=True)
SINCE = "2000-01-01T00:00:00Z"


@pytest.fixture
def hubspot(recordings: Path) -> Path:
    return recordings / "hubspot"


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def recorded(path: Path) -> Response:
    told = load(path)["response"]
    headers = {name.lower(): value for name, value in told["headers"].items()}
    return Response(told["status"], headers, json.dumps(told["body"]).encode(), NOW, NOW)


def test_the_recorded_schema_is_understood(hubspot: Path) -> None:
    told = load(hubspot / "get-schemas-contact-200-0.json")["response"]["body"]
    properties = told.get("properties") or told["results"]
    schema = drive(CONNECTOR.describe(), Script(answer(200, {"results": properties})))
    assert len(schema.fields) == len(properties)
    phone, created = schema.get("phone"), schema.get("createdate")
    assert phone is not None
    assert created is not None
    assert (phone.kind, phone.is_phone, phone.updateable) == (CrmKind.STRING, True, True)
    assert (created.kind, created.updateable) == (CrmKind.DATETIME, False)


def test_the_recorded_account_tells_its_id(hubspot: Path) -> None:
    script = Script(recorded(hubspot / "get-integrations-v1-me-200-0.json"))
    identity = drive(CONNECTOR.identify(Token("t", "https://api.hubapi.com")), script)
    assert (identity.tenant_id, identity.time_zone) == ("20858235", "America/New_York")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_recorded_searches_are_read_completely(hubspot: Path, number: int) -> None:
    path = hubspot / f"post-objects-contact-search-200-{number}.json"
    told = load(path)["response"]["body"]["results"]
    names = sorted({name for one in told for name in one["properties"]})
    fields = [CrmField(name, name, CrmKind.STRING) for name in names]
    page = drive(CONNECTOR.find_by_phone(fields, "+14155550100", []), Script(recorded(path)))
    assert {one.external_id: dict(one.values) for one in page.records} == {
        one["id"]: {name: value or None for name, value in one["properties"].items()} for one in told
    }


def test_a_recorded_first_page_leads_to_a_second_one(hubspot: Path) -> None:
    told = load(hubspot / "search-200-first-page.body.json")
    page = drive(CONNECTOR.read_changes([], SINCE, None, 1), Script(answer(200, told)))
    assert page.records[0].modified_ms == 1_738_007_595_581
    assert page.cursor is not None
    assert page.cursor["at_ms"] == 1_738_007_595_581


@pytest.mark.parametrize("number", [0, 1, 2])
def test_recorded_updates_are_confirmed(hubspot: Path, number: int) -> None:
    path = hubspot / f"post-objects-contact-batch-update-200-{number}.json"
    inputs = load(path)["request"]["body"]["inputs"]
    patches = [Patch(one["id"], one["properties"]) for one in inputs]
    script = Script(recorded(path))
    outcomes = drive(CONNECTOR.update_contacts(patches, {}), script)
    assert all(isinstance(outcome, Written) and outcome.modified_ms for outcome in outcomes)
    assert script.requests[0].json == load(path)["request"]["body"]


def test_a_recorded_partial_update_is_matched_by_id(hubspot: Path) -> None:
    told = load(hubspot / "batch-update-207-partial.body.json")
    patches = [Patch("unknownIdentifier888", {"a": "b"}), Patch("171591000199", {"a": "b"})]
    gone, written = drive(CONNECTOR.update_contacts(patches, {}), Script(answer(207, told)))
    assert isinstance(gone, Refused)
    assert isinstance(gone.error, RecordGoneError)
    assert isinstance(written, Written)


def test_recorded_refusals_are_classified(hubspot: Path) -> None:
    unknown = CONNECTOR.classify(
        WRITE, answer(400, load(hubspot / "batch-create-400-invalid-properties.body.json"))
    )
    assert isinstance(unknown, SchemaDriftError)
    assert unknown.field == "first000name"
    conflict = CONNECTOR.classify(WRITE, answer(409, load(hubspot / "batch-create-409-conflict.body.json")))
    assert isinstance(conflict, DuplicateRecordError)
    doubled = CONNECTOR.classify(
        WRITE, answer(400, load(hubspot / "batch-update-400-duplicate-ids.body.json"))
    )
    assert isinstance(doubled, RecordRejectedError)


def test_the_recorded_search_limit_is_a_pause_of_a_second(hubspot: Path) -> None:
    response = recorded(hubspot / "post-objects-contact-search-429-0.json")
    error = CONNECTOR.classify(Request("POST", "/crm/objects/2026-09/contacts/search", json={}), response)
    assert isinstance(error, RateLimitedError)
    assert (error.until - NOW).total_seconds() == 1
    assert not error.daily
    assert [one.bucket for one in CONNECTOR.limits(response)] == ["daily"]
