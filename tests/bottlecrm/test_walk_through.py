"""The walk-through against a real BottleCRM: everything by public doors, with Tieline's server and worker as processes.

What the demo shows on the sandboxes, on a CRM that nobody here wrote. Its parts that speak to Tieline are the demo's;
the CRM is looked at and edited by its own API.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from tests.bottlecrm.server import BottleCrm, Organisation

from tieline.cli.demo.agent import AgentPlatform, Talk, talk
from tieline.cli.demo.client import TielineClient, values_of
from tieline.cli.demo.processes import ProcessError
from tieline.cli.demo.setting import ANALYSIS_MAPPINGS, CUSTOM_FIELDS, NUMBER, STATUSES
from tieline.cli.demo.system import System, new_directory, remove
from tieline.cli.demo.waiting import Silent, until

# A real CRM on a busy machine; nothing here depends on how long it takes.
PATIENCE_S = 180.0
NAMES: Mapping[str, str] = {
    "phone_number": "phone",
    "first_name": "first_name",
    "last_name": "last_name",
    "do_not_call": "do_not_call",
    "lead_status": "cf_lead_status",
    "interaction_summary": "description",
    "email": "email",
    "plan": "cf_plan",
    "score": "cf_score",
    "vip": "cf_vip",
    "renewal_date": "cf_renewal_date",
}
OUTBOUND = ("lead_status", "interaction_summary", "email")
NOTE = "Asked for a brochure in May."
ALICE: Mapping[str, Any] = {
    "phone_number": NUMBER,
    "first_name": "Alice",
    "last_name": "Smith",
    "do_not_call": True,
    "lead_status": "New",
    "interaction_summary": NOTE,
    "plan": "Pro",
    "score": 42.5,
    "vip": True,
    "renewal_date": "2026-12-31",
}


class Rep:
    """Works in BottleCRM. Fields by the names of contact fields."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        for key, kind in {
            "plan": "text",
            "score": "number",
            "vip": "checkbox",
            "renewal_date": "date",
        }.items():
            org.define(key, kind)
        org.define("lead_status", "dropdown", *STATUSES)

    def creates(self, **values: Any) -> str:
        return str(self._org.ask("POST", "/api/contacts/", _shown(values))["id"])

    def edits(self, record_id: str, **values: Any) -> None:
        self._org.ask("PATCH", f"/api/contacts/{record_id}/", _shown(values))

    def deletes(self, record_id: str) -> None:
        self._org.ask("DELETE", f"/api/contacts/{record_id}/")

    def sees(self, record_id: str) -> dict[str, Any]:
        shown = self._org.ask("GET", f"/api/contacts/{record_id}/")["contact_obj"]
        own = {f"cf_{key}": value for key, value in shown["custom_fields"].items()}
        return {ours: {**shown, **own}.get(theirs) for ours, theirs in NAMES.items()}

    def timeline(self, record_id: str) -> list[dict[str, Any]]:
        listed = self._org.ask("GET", "/api/interactions/", contact=record_id)
        found: list[dict[str, Any]] = listed["interactions"]
        return found


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    named = {NAMES[ours]: value for ours, value in values.items()}
    own = {name[3:]: value for name, value in named.items() if name.startswith("cf_")}
    return {**{name: v for name, v in named.items() if not name.startswith("cf_")}, "custom_fields": own}


def wait(what: str, look: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    return until(what, look, good, deadline_s=PATIENCE_S, every_s=0.5)


@pytest.fixture(scope="module")
def system(bottlecrm: BottleCrm) -> Iterator[System]:
    """Tieline as processes: an API server and a worker."""
    directory = new_directory()
    try:
        system = System.make(directory)
        try:
            system.server_url = system.processes.start_server(Silent())
            system.processes.start_worker("worker", Silent())
            yield system
        finally:
            system.stop()
    finally:
        remove(directory)


class Walk:
    """An organisation of Tieline's, connected to one of BottleCRM's."""

    def __init__(self, system: System, org: Organisation) -> None:
        self.command = system.processes.command
        self.rep = Rep(org)
        self.org_id = json.loads(self.command("org", "create", "Acme", "--json"))["org_id"]
        key = json.loads(self.command("key", "create", "--org", self.org_id, "--json"))["text"]
        self.command("org", "webhook-secret", self.org_id, stdin="a-webhook-secret\n")
        self.client = TielineClient(system.server_url, key)
        self.agent = AgentPlatform(system.server_url, self.org_id, "a-webhook-secret")
        self.record_id = ""

    def close(self) -> None:
        self.client.close()
        self.agent.close()

    def connect(self, org: Organisation) -> str:
        """Fields, mappings and the app, through the official SDK."""
        self.client.configure(
            custom_fields=[one for one in CUSTOM_FIELDS if one["name"] in NAMES],
            crm_analysis_data_mappings=list(ANALYSIS_MAPPINGS),
        )
        lines: list[dict[str, Any]] = [
            {"external_field_name": crm, "field_name": ours} for ours, crm in NAMES.items()
        ]
        # BottleCRM's e-mail is shorter than a text of ours may be.
        outbound = [line | {"lossy_confirmed": True} for line in lines if line["field_name"] in OUTBOUND]
        app = self.client.create_app(
            type="crm", provider="bottlecrm", name="BottleCRM", tenant_url=org.crm.url,
            auth_config={"type": "access_token", "access_token": org.token},
            crm_config={
                "inbound_sync_mappings": lines, "outbound_sync_mappings": outbound, "sync_conversation_activity": True,
            },
        )  # fmt: skip
        assert (app["connection_status"], app["mappings_checked"]) == ("connected", True), app
        assert app["crm_tenant_id"] == org.org_id
        assert self.client.test_app(app["app_id"])["success"]
        return str(app["app_id"])

    def contact(self) -> dict[str, Any]:
        return values_of(self.client.contact_by_phone(NUMBER))

    def sync(self) -> dict[str, Any]:
        """`tieline sync run`, to its end; the run's counts."""
        run = json.loads(self.command("sync", "run", "--org", self.org_id, "--json"))
        assert run["status"] == "succeeded", run
        counts: dict[str, Any] = run["counts"]
        return counts

    def enriched(self, what: Talk, status: str, *sentences: str) -> None:
        """Waits until both sides have the status and each sentence once, and the conversation is logged once."""

        def whole(values: dict[str, Any]) -> bool:
            text = values.get("interaction_summary") or ""
            return values.get("lead_status") == status and all(text.count(one) == 1 for one in sentences)

        wait("the analysis in Tieline", self.contact, whole)
        wait("the push in BottleCRM", lambda: self.rep.sees(self.record_id), whole)
        self.logged(what)

    def logged(self, what: Talk) -> dict[str, Any]:
        def mine() -> list[dict[str, Any]]:
            return [one for one in self.rep.timeline(self.record_id) if what.talk_id in one["subject"]]

        found = wait("the activity", mine, lambda seen: any(what.summary in one["body"] for one in seen))
        assert len(found) == 1
        one: dict[str, Any] = found[0]
        assert one["direction"] == what.direction or one["kind"] == "sms"
        return one


@pytest.fixture
def walk(system: System, org: Organisation) -> Iterator[Walk]:
    """A walk in an organisation of its own."""
    walk = Walk(system, org)
    try:
        yield walk
    finally:
        walk.close()


def test_a_contact_comes_in_is_enriched_by_calls_and_goes_back(walk: Walk, org: Organisation) -> None:
    rep, client, agent = walk.rep, walk.client, walk.agent
    app_id = walk.connect(org)
    others = [rep.creates(first_name=f"Other{n}", last_name="Person") for n in range(3)]
    record_id = walk.record_id = rep.creates(**ALICE)

    # The first sync starts by itself.
    client.configure(app_id=app_id)
    wait("the first sync", lambda: client.contact_by_phone(NUMBER), bool)
    found = walk.contact()
    assert {name: found.get(name) for name in ALICE} == dict(ALICE)
    assert client.contact_by_phone(NUMBER)["external_id"] == record_id
    assert others

    # An outbound call begins with her fields, and its analysis goes into both.
    variables = client.dynamic_variables(NUMBER)
    assert (variables["lead_status"], variables["first_name"], variables["score"]) == ("New", "Alice", "42.5")
    assert "email" not in variables
    notes = [NOTE, "Interested in enterprise plan, wants demo next week"]
    call = talk("call_walk_1", 94, "Alice wants to see the enterprise plan.", {
        "lead_qualification_status": "Qualified", "customer_notes": notes[1], "email": "alice@example.com",
    })  # fmt: skip
    agent.call_started(call, NUMBER)
    agent.call_ended(call, NUMBER)
    agent.call_analyzed(call, NUMBER)
    walk.enriched(call, "Qualified", *notes)
    wait("the e-mail", lambda: rep.sees(record_id)["email"], lambda seen: seen == "alice@example.com")
    one = walk.logged(call)
    assert (one["kind"], one["duration_seconds"], one["outcome"]) == ("call", 94, "connected")

    # A rep's edit comes in by a full listing, for BottleCRM tells nothing else.
    rep.edits(record_id, lead_status="Contacted", plan="Enterprise", score=None)
    walk.sync()
    found = walk.contact()
    assert (found["lead_status"], found["plan"], found.get("score")) == ("Contacted", "Enterprise", None)

    # She calls back, and every webhook comes twice.
    assert agent.inbound("call_inbound", NUMBER)["lead_status"] == "Contacted"
    notes.append("Her manager approved the budget.")
    back = talk("call_walk_2", 61, "Her budget is approved.", {
        "lead_qualification_status": "Nurturing", "customer_notes": notes[2], "email": "somebody@example.com",
    }, "inbound")  # fmt: skip
    for event in (agent.call_ended, agent.call_ended, agent.call_analyzed, agent.call_analyzed):
        event(back, NUMBER)
    walk.enriched(back, "Nurturing", *notes)

    # A chat is logged as a message.
    agent.inbound("chat_inbound", NUMBER)
    notes.append("Prefers to be reached by text message.")
    chat = talk("chat_walk_1", 20, "She prefers text messages.", {
        "lead_qualification_status": "Qualified", "customer_notes": notes[3],
    }, "inbound")  # fmt: skip
    agent.chat_ended(chat)
    agent.chat_analyzed(chat)
    walk.enriched(chat, "Qualified", *notes)
    assert walk.logged(chat)["kind"] == "sms"

    # A person edits her here.
    client.update_contact(
        client.contact_by_phone(NUMBER)["contact_id"], custom_fields={"lead_status": "Nurturing"}
    )
    wait("the edit", lambda: rep.sees(record_id)["lead_status"], lambda seen: seen == "Nurturing")

    # At rest: another full listing changes nothing on either side.
    ours, theirs = walk.contact(), rep.sees(record_id)
    walk.sync()
    assert walk.contact() == ours
    assert rep.sees(record_id) == theirs
    assert theirs["email"] == "alice@example.com"
    assert len(rep.timeline(record_id)) == 3


def test_a_contact_that_a_rep_deleted_is_noticed_by_the_audit_and_given_up_by_the_next_sync(
    walk: Walk, org: Organisation
) -> None:
    app_id = walk.connect(org)
    record_id = walk.rep.creates(**ALICE)
    walk.rep.creates(**{**ALICE, "phone_number": "+14155550111", "first_name": "Bea"})
    walk.client.configure(app_id=app_id)
    wait("the first sync", lambda: walk.client.contact_by_phone(NUMBER), bool)
    walk.rep.deletes(record_id)
    walk.sync()
    audit = json.loads(walk.command("audit", "--org", walk.org_id, "--json"))
    assert audit["status"] == "succeeded", audit
    assert audit["counts"]["missing_there"] == 1, audit
    assert walk.sync()["removed"] == 1


def test_the_command_line_connects_it_and_says_what_is_wrong_with_a_token(
    walk: Walk, org: Organisation
) -> None:
    where = ("--tenant-url", org.crm.url, "--org", walk.org_id, "--json")
    app = json.loads(walk.command("app", "add", "bottlecrm", *where, stdin=f"{org.token}\n"))
    assert (app["connection_status"], app["tenant_id"], app["linked"]) == ("connected", org.org_id, True)
    schema = json.loads(walk.command("app", "schema", app["app_id"], "--org", walk.org_id, "--json"))
    assert {"phone", "cf_lead_status", "do_not_call"} <= {field["name"] for field in schema}
    wrong = json.loads(walk.command("app", "add", "bottlecrm", *where, stdin="bcrm_pat_wrong\n"))
    assert wrong["connection_status"] == "error", wrong
    assert "does not accept the access token" in wrong["reason"]
    with pytest.raises(ProcessError, match="https"):
        walk.command(
            "app", "add", "bottlecrm", "--tenant-url", "http://10.0.0.1", "--org", walk.org_id, stdin="x\n"
        )
