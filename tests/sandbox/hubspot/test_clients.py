"""Real sessions of HubSpot's own Python clients over loopback."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2
import pytest
from hubspot import HubSpot as LegacyHubSpot
from hubspot.crm.associations.v4 import AssociationSpec
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchReadInputSimplePublicObjectId,
    PublicMergeInput,
    PublicObjectSearchRequest,
    SimplePublicObjectBatchInput,
    SimplePublicObjectBatchInputForCreate,
    SimplePublicObjectId,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.contacts.exceptions import ApiException
from hubspot_sdk import ConflictError, HubSpot, RateLimitError
from hubspot_sdk.types.auth import (
    AccessTokenResponse,
    PublicAccessTokenInfoResponse,
    PublicRefreshTokenInfoResponse,
)

from tieline.sandbox.hubspot import DEFAULT_TOKEN, HubSpotCrm, create
from tieline.sandbox.hubspot.tokens import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from tieline.sandbox.kernel.app import make_app
from tieline.sandbox.kernel.server import LoopbackServer


@pytest.fixture
def served() -> Iterator[tuple[HubSpotCrm, str]]:
    crm = create({"rate_limits": False})
    with LoopbackServer(make_app(crm)) as server:
        yield crm, server.url


@pytest.fixture
def legacy(served: tuple[HubSpotCrm, str]) -> LegacyHubSpot:
    return LegacyHubSpot(access_token=DEFAULT_TOKEN, host=served[1])


@pytest.fixture
def strict(served: tuple[HubSpotCrm, str]) -> Iterator[HubSpot]:
    """Raises on wrong types and missing members; it knows no null property values either."""
    with HubSpot(
        access_token=DEFAULT_TOKEN, base_url=served[1], _strict_response_validation=True, max_retries=0
    ) as client:
        yield client


def _spec(type_id: int) -> AssociationSpec:
    return AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=type_id)


def test_the_v3_client_manages_contacts(legacy: LegacyHubSpot) -> None:
    api = legacy.crm.contacts.basic_api
    made = api.create(SimplePublicObjectInputForCreate(properties={"email": "a@example.com", "phone": "1"}))
    assert made.properties["email"] == "a@example.com"
    changed = api.update(made.id, SimplePublicObjectInput(properties={"plan": "Team"}))
    assert changed.properties["plan"] == "Team"
    assert api.get_by_id(made.id, properties=["plan"]).properties["plan"] == "Team"
    assert [one.id for one in legacy.crm.contacts.get_all()] == [made.id]
    with pytest.raises(ApiException) as refused:
        api.create(SimplePublicObjectInputForCreate(properties={"email": "a@example.com"}))
    assert refused.value.status == 409
    api.archive(made.id)
    assert legacy.crm.contacts.get_all() == []


def test_the_v3_client_runs_batches_searches_and_merges(legacy: LegacyHubSpot) -> None:
    contacts = legacy.crm.contacts
    inputs = [SimplePublicObjectBatchInputForCreate(properties={"firstname": f"P{n}"}) for n in range(12)]
    made = contacts.batch_api.create(BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs)).results
    assert len(made) == 12
    updates = [SimplePublicObjectBatchInput(id=one.id, properties={"score": "5"}) for one in made]
    contacts.batch_api.update(BatchInputSimplePublicObjectBatchInput(inputs=updates))
    wanted = BatchReadInputSimplePublicObjectId(
        inputs=[SimplePublicObjectId(id=one.id) for one in made],
        properties=["score"],
        properties_with_history=[],
    )
    assert {one.properties["score"] for one in contacts.batch_api.read(wanted).results} == {"5"}
    query = PublicObjectSearchRequest(
        filter_groups=[{"filters": [{"propertyName": "score", "operator": "GTE", "value": "5"}]}],
        sorts=[{"propertyName": "hs_object_id", "direction": "DESCENDING"}],
        limit=5,
    )
    page = contacts.search_api.do_search(query)
    assert (page.total, len(page.results), page.paging.next.after) == (12, 5, "5")
    merge = PublicMergeInput(primary_object_id=made[0].id, object_id_to_merge=made[1].id)
    assert contacts.basic_api.merge(merge).id == made[0].id


def test_the_v3_client_logs_a_call_and_reads_its_associations(legacy: LegacyHubSpot) -> None:
    contact = legacy.crm.contacts.basic_api.create(
        SimplePublicObjectInputForCreate(properties={"firstname": "A"})
    )
    call = legacy.crm.objects.calls.basic_api.create(
        {
            "properties": {"hs_timestamp": "1795435200000", "hs_call_body": "x"},
            "associations": [
                {
                    "to": {"id": contact.id},
                    "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 194}],
                }
            ],
        }
    )
    page = legacy.crm.associations.v4.basic_api.get_page("contacts", contact.id, "calls")
    assert [str(one.to_object_id) for one in page.results] == [call.id]
    put = legacy.crm.associations.v4.basic_api.create("contacts", contact.id, "calls", call.id, [_spec(193)])
    assert str(put.to_object_id) == call.id
    assert legacy.crm.properties.core_api.get_by_name("contacts", "lead_status").type == "enumeration"
    assert len(legacy.crm.properties.core_api.get_all("contacts").results) > 260


def test_the_v3_client_refreshes_its_token(legacy: LegacyHubSpot) -> None:
    granted = legacy.oauth.tokens_api.create(
        grant_type="refresh_token",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        refresh_token=REFRESH_TOKEN,
    )
    assert granted.expires_in == 1800


def test_the_dated_client_accepts_every_answer_strictly(strict: HubSpot) -> None:
    contacts = strict.crm.objects.contacts
    made = contacts.create(
        properties={"email": "a@example.com", "firstname": "A", "lastname": "B", "phone": "+14155550100"},
        associations=[],
    )
    assert contacts.get(made.id, properties=["phone"]).properties["phone"] == "+14155550100"
    assert contacts.update(made.id, properties={"plan": "Team"}).properties["plan"] == "Team"
    assert [one.id for one in contacts.list(properties=["email"])] == [made.id]
    found = contacts.search(
        filter_groups=[{"filters": [{"property_name": "plan", "operator": "EQ", "value": "team"}]}],
        properties=["plan"],
        sorts=["hs_object_id"],
        limit=10,
        after="0",
    )
    assert (found.total, found.results[0].id) == (1, made.id)
    with pytest.raises(ConflictError):
        contacts.create(properties={"email": "a@example.com"}, associations=[])
    contacts.delete(made.id)


def test_the_dated_client_runs_batches_strictly(strict: HubSpot) -> None:
    batch = strict.crm.objects.contacts.batch
    made = batch.create(
        inputs=[{"properties": {"firstname": f"P{n}"}, "associations": []} for n in range(3)]
    ).results
    changed = batch.update(inputs=[{"id": one.id, "properties": {"plan": "Team"}} for one in made])
    assert changed.status == "COMPLETE"
    read = batch.get(
        inputs=[{"id": one.id} for one in made], properties=["plan"], properties_with_history=["plan"]
    )
    assert {one.properties["plan"] for one in read.results} == {"Team"}
    histories = [one.properties_with_history for one in read.results]
    assert all(history and history["plan"][0].source_type == "INTEGRATION" for history in histories)
    upserted = batch.upsert(
        inputs=[{"id": "u@example.com", "id_property": "email", "properties": {"plan": "Team"}}]
    )
    assert upserted.results[0].new is True
    batch.delete(inputs=[{"id": one.id} for one in made])


def test_the_dated_client_reads_schema_account_and_associations_strictly(strict: HubSpot) -> None:
    assert strict.account.get().portal_id == 24681012
    assert len(strict.crm.properties.list("contacts").results) > 260
    contact = strict.crm.objects.contacts.create(properties={"firstname": "A"}, associations=[])
    spec = {"association_category": "HUBSPOT_DEFINED", "association_type_id": 194}
    call = strict.crm.objects.calls.create(
        properties={"hs_timestamp": "2026-11-20T12:00:00Z", "hs_call_title": "Call 1"},
        associations=[{"to": {"id": contact.id}, "types": [spec]}],  # type: ignore[list-item]
    )
    read = strict.crm.associations.batch.get(
        from_object_type="contacts", to_object_type="calls", inputs=[{"id": contact.id}]
    )
    assert read.results[0].to[0].to_object_id == call.id


def test_token_answers_are_what_the_dated_client_expects(served: tuple[HubSpotCrm, str]) -> None:
    """The client itself sends its credentials as JSON, which HubSpot does not document."""
    form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    with httpx2.Client(base_url=served[1]) as client:
        refresh = {**form, "grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN}
        granted = AccessTokenResponse.model_validate(client.post("/oauth/2026-03/token", data=refresh).json())
        for token, kind in (
            (granted.access_token, PublicAccessTokenInfoResponse),
            (REFRESH_TOKEN, PublicRefreshTokenInfoResponse),
        ):
            shown = client.post("/oauth/2026-03/token/introspect", data={**form, "token": token}).json()
            assert kind.model_validate(shown).hub_id == granted.hub_id == 24681012


def test_a_create_that_commits_after_the_clients_time_out_is_there_later(
    served: tuple[HubSpotCrm, str],
) -> None:
    crm, url = served
    crm.clock.freeze(datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
    late = {
        "kind": "late_commit",
        "seconds": 30,
        "stamp": "request",
        "match": {"operation": "contacts.create"},
    }
    crm.faults.add(late)
    headers = {"Authorization": f"Bearer {DEFAULT_TOKEN}"}
    with httpx2.Client(base_url=url, headers=headers, timeout=0.3) as client:
        with pytest.raises(httpx2.TimeoutException):
            client.post("/crm/objects/2026-09/contacts", json={"properties": {"firstname": "Late"}})
        assert client.get("/crm/objects/2026-09/contacts").json()["results"] == []
        crm.clock.advance(30)
        until = time.monotonic() + 20
        found: list[dict[str, object]] = []
        while not found and time.monotonic() < until:
            found = client.get("/crm/objects/2026-09/contacts").json()["results"]
    assert [one["createdAt"] for one in found] == ["2026-11-20T12:00:00Z"]


def test_the_dated_client_knows_a_rate_limit_when_it_sees_one(
    served: tuple[HubSpotCrm, str], strict: HubSpot
) -> None:
    served[0].settings({"rate_limits": True, "ten_secondly_limit": 1})
    strict.account.get()
    with pytest.raises(RateLimitError):
        strict.account.get()
