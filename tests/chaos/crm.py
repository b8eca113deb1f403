"""What a sandbox CRM holds, counted through its public API as any other program could; and what its reps do.

Shares nothing with the connectors: a mistake there must not repeat itself here. Only faults, settings and reps'
edits go through the sandbox's own steering.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import httpx2

from tieline.cli.demo.setting import CREDENTIALS, OTHER_HUBSPOT_TOKEN
from tieline.sandbox.hubspot import DEFAULT_TOKEN

_MANY_REQUESTS = 429
_CHAOS_ID = re.compile(r"chaos_\d+")


class Crm:
    """Public reads, and steering. `fields` maps our field names to the CRM's."""

    provider: ClassVar[str]
    fields: ClassVar[Mapping[str, str]]
    page: ClassVar[str]
    """The request that brings a page of the first read."""
    write: ClassVar[str]
    create: ClassVar[str]

    def __init__(self, url: str, http: httpx2.Client) -> None:
        self.url = url
        self._http = http

    def contacts(self) -> dict[str, dict[str, Any]]:
        """Every contact record by id, its mapped fields by our names."""
        raise NotImplementedError

    def activities(self) -> list[tuple[str, str | None]]:
        """(conversation id, id of the record that it is logged on) of each activity in the CRM."""
        raise NotImplementedError

    def rep_sets(self, record_id: str, field: str, value: str) -> None:
        """A rep edits a record."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Makes the pages of the first read small, so that there are many."""

    def slow(self, operation: str, seconds: float) -> None:
        """Every such request takes that much longer from now on; it is applied after that."""
        rule = {"kind": "latency", "seconds": seconds, "times": None, "match": {"operation": operation}}
        self.steer("POST", "faults", rule)

    def quicken(self) -> None:
        """No request is slowed down any more."""
        self.steer("DELETE", "faults")

    def requests(self, operation: str) -> list[dict[str, Any]]:
        """The log of such requests, oldest first."""
        answer = self.steer("GET", f"requests?operation={operation}&limit=100000")
        return list(answer["requests"])

    def steer(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the sandbox's own routes."""
        answer = httpx2.request(method, f"{self.url}/__sandbox__/{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def _ask(self, path: str, **query: str) -> Any:
        while True:
            answer = self._http.get(path, params=query or None)
            if answer.status_code != _MANY_REQUESTS:
                answer.raise_for_status()
                return answer.json()
            time.sleep(0.5)


class SalesforceCrm(Crm):
    """SOQL, and the pages it comes in."""

    provider = "salesforce"
    fields: ClassVar[Mapping[str, str]] = {
        "phone_number": "Phone", "first_name": "FirstName", "last_name": "LastName", "notes": "Notes__c",
        "plan": "Plan__c",
    }  # fmt: skip
    page, write, create = "bulk.results", "collections.update", "record.create"

    def prepare(self) -> None:
        """See Crm."""
        self.steer("POST", "settings", {"bulk_page_rows": 500})

    def contacts(self) -> dict[str, dict[str, Any]]:
        """See Crm."""
        rows = self._query(f"SELECT Id, {', '.join(self.fields.values())} FROM Contact")
        return {row["Id"]: {ours: row[theirs] for ours, theirs in self.fields.items()} for row in rows}

    def activities(self) -> list[tuple[str, str | None]]:
        """See Crm."""
        rows = self._query("SELECT Id, Subject, WhoId FROM Task WHERE IsDeleted = false")
        return [(_conversation(row["Subject"]), row["WhoId"]) for row in rows]

    def rep_sets(self, record_id: str, field: str, value: str) -> None:
        """See Crm."""
        self.steer("POST", "edit", {"id": record_id, "fields": {self.fields[field]: value}, "user": "rep"})

    def _query(self, soql: str) -> list[dict[str, Any]]:
        answer = self._ask("/services/data/v68.0/query", q=soql)
        rows: list[dict[str, Any]] = list(answer["records"])
        while not answer["done"]:
            answer = self._ask(answer["nextRecordsUrl"])
            rows += answer["records"]
        return rows


class HubSpotCrm(Crm):
    """Object lists and associations; the search index is never asked, since it lags."""

    provider = "hubspot"
    fields: ClassVar[Mapping[str, str]] = {
        "phone_number": "phone", "first_name": "firstname", "last_name": "lastname", "notes": "notes",
        "plan": "plan",
    }  # fmt: skip
    page, write, create = "contacts.list", "contacts.batch_update", "calls.create"

    def contacts(self) -> dict[str, dict[str, Any]]:
        """See Crm."""
        names = self.fields
        rows = self._listed("contacts", properties=",".join(names.values()))
        return {
            row["id"]: {ours: row["properties"].get(theirs) or None for ours, theirs in names.items()}
            for row in rows
        }

    def activities(self) -> list[tuple[str, str | None]]:
        """See Crm."""
        rows = self._listed("calls", properties="hs_call_title", associations="contacts")
        return [(_conversation(row["properties"]["hs_call_title"]), _only_contact(row)) for row in rows]

    def rep_sets(self, record_id: str, field: str, value: str) -> None:
        """See Crm."""
        self.steer(
            "POST", "edit", {"object": "contacts", "id": record_id, "properties": {self.fields[field]: value}}
        )

    def _listed(self, kind: str, **query: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while True:
            answer = self._ask(f"/crm/objects/2026-03/{kind}", limit="100", **query, **after)
            rows += answer["results"]
            if "paging" not in answer:
                return rows
            after = {"after": answer["paging"]["next"]["after"]}


@contextmanager
def crm_of(provider: str, url: str) -> Iterator[Crm]:
    """The sandbox at that address, with a token of our own."""
    with httpx2.Client(base_url=url, timeout=60) as http:
        if provider == "hubspot":
            # A token of its own, since HubSpot counts requests by token.
            http.headers["authorization"] = f"Bearer {OTHER_HUBSPOT_TOKEN}"
            hubspot = HubSpotCrm(url, http)
            hubspot.steer("POST", "settings", {"access_tokens": [DEFAULT_TOKEN, OTHER_HUBSPOT_TOKEN]})
            yield hubspot
            return
        who = CREDENTIALS["salesforce"]
        form = {"grant_type": "client_credentials", "client_id": who["client_id"]}
        answer = http.post("/services/oauth2/token", data={**form, "client_secret": who["client_secret"]})
        answer.raise_for_status()
        http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        yield SalesforceCrm(url, http)


def _conversation(title: str) -> str:
    found = _CHAOS_ID.search(title)
    assert found is not None, title
    return found[0]


def _only_contact(row: Mapping[str, Any]) -> str | None:
    ids = {one["id"] for one in row.get("associations", {}).get("contacts", {}).get("results", ())}
    assert len(ids) <= 1, ids
    return next(iter(ids), None)
