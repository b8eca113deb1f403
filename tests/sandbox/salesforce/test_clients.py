"""Independent clients hold a real session with the sandbox over loopback: their opinion on whether it behaves."""

import csv
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import aiosalesforce
import httpx
import pytest
import requests
from aiosalesforce.auth import ClientCredentialsFlow
from aiosalesforce.exceptions import NotFoundError, SalesforceError
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_soql

from tieline.sandbox.kernel.app import make_app
from tieline.sandbox.kernel.server import LoopbackServer
from tieline.sandbox.salesforce import SalesforceCrm

HOST = "sandbox.my"
INSTANCE = f"https://{HOST}.salesforce.com"


@pytest.fixture
def crm() -> SalesforceCrm:
    crm = SalesforceCrm()
    crm.settings({"instance_url": INSTANCE})
    crm.seed({"contacts": 2500, "seed": 5})
    return crm


@pytest.fixture
def url(crm: SalesforceCrm) -> Iterator[str]:
    with LoopbackServer(make_app(crm)) as server:
        yield server.url


class ToLoopback(HTTPAdapter):
    """These clients insist on https and a Salesforce host; this sends what they ask to the sandbox instead."""

    def __init__(self, url: str) -> None:
        self._url = url
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: object, **kwargs: object) -> requests.Response:
        asked = urlsplit(str(request.url))
        request.url = asked._replace(scheme="http", netloc=urlsplit(self._url).netloc).geturl()
        return super().send(request, *args, **kwargs)  # type: ignore[arg-type]


@pytest.fixture
def session(url: str) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.mount("https://", ToLoopback(url))
        yield session


@pytest.fixture
def simple(session: requests.Session) -> Any:
    """Logged in by client credentials, which it sends as HTTP Basic. Its attributes are made up at run time."""
    return Salesforce(
        consumer_key="sandbox-client",
        consumer_secret="sandbox-secret",
        domain=HOST,
        session=session,
        version="68.0",
    )


def test_simple_salesforce_reads_all_pages(simple: Any) -> None:
    first = simple.query("SELECT Id FROM Contact")
    assert (first["totalSize"], first["done"], len(first["records"])) == (2500, False, 2000)
    rest = simple.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert (rest["done"], len(rest["records"])) == (True, 500)
    assert len(simple.query_all("SELECT Id FROM Contact WHERE Lead_Status__c = 'New'")["records"]) > 300
    assert simple.describe()["sobjects"][0]["name"] == "Contact"
    assert {field["name"] for field in simple.Contact.describe()["fields"]} >= {"Notes__c", "Phone"}
    assert simple.limits()["DailyApiRequests"]["Max"] == 100_000
    assert simple.api_usage["api-usage"].total == 100_000


def test_simple_salesforce_writes_and_is_refused(simple: Any) -> None:
    made = simple.Contact.create({"LastName": "O'Brien", "Email": "o@example.com"})
    assert made["success"] is True
    assert simple.Contact.update(made["id"], {"Phone": "(415) 555-0100"}) == 204
    assert simple.Contact.get(made["id"])["Phone"] == "(415) 555-0100"
    assert simple.Contact.get_by_custom_id("Email", "o@example.com")["LastName"] == "O'Brien"
    assert simple.Contact.upsert("External_Id__c/K1", {"LastName": "New"}) == 201
    soql = format_soql("SELECT Id FROM Contact WHERE LastName = {}", "O'Brien")
    assert made["id"] in {row["Id"] for row in simple.query_all(soql)["records"]}
    with pytest.raises(SalesforceMalformedRequest):
        simple.query("SELECT Nope FROM Contact")
    with pytest.raises(SalesforceMalformedRequest):
        simple.Contact.create({"FirstName": "nobody"})
    assert simple.Contact.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        simple.Contact.get(made["id"])
    with pytest.raises(SalesforceExpiredSession):
        Salesforce(instance_url=INSTANCE, session_id="dead", session=simple.session).limits()


def test_simple_salesforce_runs_a_bulk_2_query(simple: Any) -> None:
    parts = list(simple.bulk2.Contact.query("SELECT Id, LastName, Phone FROM Contact", max_records=1000))
    rows = [row for part in parts for row in csv.DictReader(io.StringIO(part))]
    assert len(parts) == 3
    assert len({row["Id"] for row in rows}) == 2500


def test_simple_salesforce_is_told_why_it_may_not_log_in(session: requests.Session) -> None:
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid client credentials"):
        Salesforce(consumer_key="sandbox-client", consumer_secret="wrong", domain=HOST, session=session)


class AsyncToLoopback(httpx.AsyncHTTPTransport):
    def __init__(self, url: str) -> None:
        self._url = httpx.URL(url)
        super().__init__()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host=self._url.host, port=self._url.port)
        return await super().handle_async_request(request)


async def test_aiosalesforce_reads_writes_and_is_refused(url: str, crm: SalesforceCrm) -> None:
    async with httpx.AsyncClient(transport=AsyncToLoopback(url)) as http:
        client = aiosalesforce.Salesforce(
            http, INSTANCE, ClientCredentialsFlow("sandbox-client", "sandbox-secret"), version="68.0"
        )
        ids = {row["Id"] async for row in client.query("SELECT Id FROM Contact")}
        assert len(ids) == 2500
        made = await client.sobject.create("Contact", {"LastName": "Smith", "Plan__c": "Team"})
        await client.sobject.update("Contact", made, {"Plan__c": "Business"})
        assert (await client.sobject.get("Contact", made))["Plan__c"] == "Business"
        upserted = await client.sobject.upsert("Contact", "A 1", "External_Id__c", {"LastName": "New"})
        assert upserted.created
        with pytest.raises(SalesforceError, match="REQUIRED_FIELD_MISSING"):
            await client.sobject.create("Contact", {"Plan__c": "Team"})
        crm.sessions.expire_all()
        assert (await client.get_limits())["DailyApiRequests"]["Max"] == 100_000
        await client.sobject.delete("Contact", made)
        with pytest.raises(NotFoundError):
            await client.sobject.get("Contact", made)
        deleted = [row async for row in client.query("SELECT Id FROM Contact WHERE IsDeleted = true", True)]
        assert [row["Id"] for row in deleted] == [made]
