"""The product's reason to exist, by its public doors: the walk of `make demo`, and the command line beside it."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest

from tieline.cli.demo.agent import AgentPlatform, talk
from tieline.cli.demo.client import TielineClient
from tieline.cli.demo.processes import ProcessError, Processes
from tieline.cli.demo.report import Report
from tieline.cli.demo.setting import PROVIDERS, Provider
from tieline.cli.demo.system import System
from tieline.cli.demo.waiting import until

KNOWN, UNKNOWN = "+14155550142", "+14155550143"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_everything_that_the_demo_claims_is_so(system: System, provider: Provider) -> None:
    (account,) = system.accounts([provider])
    report = Report()
    with system.walk(account, report) as walk:
        walk.all_steps()
    assert report.claims >= 50
    assert json.loads(system.processes.command("issue", "list", "--org", account.org_id, "--json")) == []
    system.processes.check()


def test_a_webhook_with_a_wrong_signature_gets_401_and_stores_nothing(system: System) -> None:
    (account,) = system.accounts(["salesforce"])
    forged = talk("call_forged", 5, "Nobody said this.", {})
    with _platform(system, account.org_id, account.webhook_secret) as agent:
        assert agent.forged(forged, UNKNOWN) == 401
        agent.call_ended(talk("call_true", 5, "", {}), KNOWN)
    with _platform(system, "org_unknown", account.webhook_secret) as agent:
        assert agent.forged(forged, UNKNOWN) == 401
    with closing(TielineClient(system.server_url, account.api_key)) as client:
        # Worked off in the order in which they were taken in: a forged call would be there by now.
        until("the true call", lambda: client.contact_by_phone(KNOWN), bool)
        assert client.contact_by_phone(UNKNOWN) == {}
    with psycopg.connect(system.database.url("tieline")) as connection:
        stored = connection.execute("select org_id, conversation_id from conversation where conversation_id = %s",
                                    ("call_forged",)).fetchall()  # fmt: skip
    assert stored == []


def test_an_organisation_made_on_the_command_line_works_with_the_running_server(
    system: System, processes: Processes
) -> None:
    org_id = json.loads(processes.command("org", "create", "By hand", "--json"))["org_id"]
    key = json.loads(processes.command("key", "create", "--org", org_id, "--json"))["text"]
    processes.command("org", "webhook-secret", org_id, stdin="typed-by-hand\n")
    processes.command("field", "add", "customer_notes", "string", "--org", org_id)
    processes.command(
        "mapping", "add", "notes", "customer_notes", "--way", "analysis", "--mode", "merge", "--org", org_id
    )
    with _platform(system, org_id, "typed-by-hand") as agent:
        call = talk("call_by_hand", 30, "A first call.", {"notes": "Likes the command line."}, "inbound")
        agent.call_analyzed(call, KNOWN)
    with closing(TielineClient(system.server_url, key)) as client:
        contact = until(
            "the analysis", lambda: client.contact_by_phone(KNOWN), lambda c: bool(c.get("custom_fields"))
        )
    day, _, said = contact["custom_fields"]["customer_notes"].partition(": ")
    assert (len(day), said) == (len("2026-11-20"), "Likes the command line.")
    previewed = json.loads(processes.command("mapping", "preview", "call_by_hand", "--org", org_id, "--json"))
    assert [row["what"] for row in previewed] == ["applied already"]
    shown = json.loads(processes.command("contact", "show", "(415) 555-0142", "--org", org_id, "--json"))
    assert shown["contact_id"] == contact["contact_id"]
    with pytest.raises(ProcessError, match="ended with 3: There is no contact"):
        processes.command("contact", "show", UNKNOWN, "--org", org_id)


@contextmanager
def _platform(system: System, org_id: str, secret: str) -> Iterator[AgentPlatform]:
    with closing(AgentPlatform(system.server_url, org_id, secret)) as agent:
        yield agent
