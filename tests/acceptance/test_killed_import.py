"""A worker is killed in the middle of an import, and another takes over: nothing is lost, nothing is doubled."""

import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import httpx2
import pytest
from tests.acceptance.conftest import running

from tieline.cli.demo.client import Json, TielineClient
from tieline.cli.demo.setting import CREDENTIALS, CUSTOM_FIELDS, PROVIDERS, Account, Provider, sync_mappings
from tieline.cli.demo.waiting import Silent, until
from tieline.sandbox.kernel.people import generate_people

CONTACTS, SEED = 3_000, 11
# The request that brings a page, and how often it is needed.
PAGE: Mapping[str, str] = {"salesforce": "bulk.results", "hubspot": "contacts.list"}
PAGES: Mapping[str, int] = {"salesforce": 15, "hubspot": 30}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_killed_workers_import_is_finished_by_another(provider: Provider) -> None:
    with running("--contacts", str(CONTACTS), "--seed", str(SEED)) as system:
        (account,) = system.accounts([provider])
        with closing(TielineClient(system.server_url, account.api_key)) as client:
            _slow_down(account)
            _connect(client, account)
            until("some contacts", lambda: _total(client), lambda total: total > 0)
            system.processes.start_worker("another", Silent())
            system.processes.kill("worker")
            imported = _total(client)
            people = list(generate_people(CONTACTS, SEED))
            expected = {person.e164 for person in people if person.e164}
            assert 0 < imported < len(expected), "the import was over before its worker could be killed"
            _admin(account, "DELETE", "faults")
            until(
                "the import",
                client.sync_job,
                lambda job: job["status"] == "idle" and _total(client) >= len(expected),
            )
            numbers = [contact["phone_number"] for contact in _all(client)]
        assert len(numbers) == len(set(numbers))
        assert set(numbers) == expected
        system.processes.check()

        # It went on from the page that was in work, in the same run.
        asked = _admin(account, "GET", "requests")["counts"]["by_operation"][PAGE[provider]]
        assert asked <= PAGES[provider] + 2
        command = ("--org", account.org_id, "--json")
        runs = json.loads(system.processes.command("sync", "status", *command))
        assert [run["status"] for run in runs] == ["succeeded"]
        wanted = ("issue", "list", "--kind", "unusable_phone", "--limit", "1000", *command)
        issues = json.loads(system.processes.command(*wanted))
        unusable = sorted(person.phone for person in people if person.e164 is None and person.phone)
        assert sorted(issue["raw"] for issue in issues if issue["raw"]) == unusable


def _slow_down(account: Account) -> None:
    if account.provider == "salesforce":
        _admin(account, "POST", "settings", {"bulk_page_rows": CONTACTS // PAGES["salesforce"]})
    latency = {"kind": "latency", "seconds": 1, "times": None, "match": {"operation": PAGE[account.provider]}}
    _admin(account, "POST", "faults", latency)


def _connect(client: TielineClient, account: Account) -> None:
    client.configure(custom_fields=list(CUSTOM_FIELDS))
    app = client.create_app(
        type="crm", provider=account.provider, name=account.title, tenant_url=account.crm_url,
        auth_config=dict(CREDENTIALS[account.provider]), crm_config=sync_mappings(account.provider),
    )  # fmt: skip
    client.configure(app_id=app["app_id"])


def _total(client: TielineClient) -> int:
    return int(client.list_contacts(limit=1)["total"])


def _all(client: TielineClient) -> list[Json]:
    found: list[Json] = []
    more: dict[str, Any] = {}
    while True:
        page = client.list_contacts(limit=1000, **more)
        found += page["items"]
        if not page["has_more"]:
            return found
        more = {"pagination_key": page["pagination_key"]}


def _admin(account: Account, method: str, path: str, body: Any = None) -> Any:
    answer = httpx2.request(method, f"{account.crm_url}/__sandbox__/{path}", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()
