"""The command line as it is typed: real processes, our own server, an emulated CRM on loopback."""

import json
import urllib.request
from collections.abc import Iterator

import psycopg
import pytest
from tests.acceptance.shell import PATIENCE_S, Shell, running_shell

SECRET = "sandbox-secret"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with running_shell(tmp_path_factory.mktemp("cli")) as shell:
        yield shell


@pytest.fixture(scope="module")
def salesforce(shell: Shell) -> Iterator[str]:
    """The address of an emulated Salesforce with contacts."""
    process = shell.start("sandbox", "--crm", "salesforce", "--port", "0", "--contacts", "40", "--seed", "7")
    yield process.said(r"http://127\.0\.0\.1:\d+")[0]
    process.end()


def test_a_crm_is_connected_mapped_synced_and_looked_at(shell: Shell, salesforce: str) -> None:
    org = ("--org", "org_walk")
    assert shell.type("org", "create", "Walk", "--id", "org_walk").code == 0
    connect = ("app", "add", "salesforce", "--tenant-url", salesforce, "--auth", "client_id=sandbox-client")
    added = shell.type(*connect, "--name", "sf", *org, "--json", stdin=f"{SECRET}\n")
    app = added.json()
    assert (app["connection_status"], app["linked"], app["mappings_checked"]) == ("connected", True, True)
    assert SECRET not in added.out + added.err

    assert shell.type("field", "add", "title", "string", *org).code == 0
    for crm_field, field in (("FirstName", "first_name"), ("LastName", "last_name"), ("Title", "title")):
        assert shell.type("mapping", "add", crm_field, field, *org).code == 0
    assert shell.type("mapping", "add", "job", "title", "--way", "analysis", *org).code == 0
    mappings = shell.type("mapping", "list", *org, "--json").json()
    assert [m["direction"] for m in mappings] == ["inbound"] * 4 + ["analysis"]
    schema = {f["name"] for f in shell.type("app", "schema", "sf", *org, "--json").json()}
    assert {"Phone", "FirstName", "Title"} <= schema

    tried = shell.type("sync", "run", "sf", "--full", "--dry-run", *org, "--json")
    *lines, ended = [json.loads(line) for line in tried.out.splitlines()]
    assert (tried.code, ended["status"], ended["totals"]["lines"]) == (0, "succeeded", len(lines))
    assert shell.type("contact", "list", *org, "--json").json() == []
    assert "Nothing was changed." in shell.type("sync", "run", "sf", "--dry-run", *org).err
    assert shell.type("sync", "run", "sf", "--no-model", *org).code == 2
    synced = shell.type("sync", "run", "sf", "--full", *org, "--json")
    run = synced.json()
    assert ended["totals"]["tieline"]["created"] == run["counts"]["created"]
    assert run["status"] == "succeeded"
    assert run["counts"]["read"] == 40
    status = shell.type("sync", "status", *org, "--json").json()
    assert run["run_id"] in [r["run_id"] for r in status]

    audit = shell.type("audit", "sf", *org, "--json").json()
    assert (audit["kind"], audit["status"], audit["counts"]["checked"]) == ("audit", "succeeded", 40)
    assert audit["counts"]["repaired"] == 0
    assert shell.type("audit", "nothing", *org).code == 3

    contacts = shell.type("contact", "list", *org, "--json", "--limit", "100").json()
    assert 0 < len(contacts) <= 40
    assert any(c["first_name"] for c in contacts)
    shown = shell.type("contact", "show", contacts[0]["phone_number"], *org, "--json").json()
    assert shown["contact_id"] == contacts[0]["contact_id"]
    issues = shell.type("issue", "list", *org, "--json").json()
    assert len(issues) == len(shell.type("issue", "list", *org, "--app", "sf", "--json").json())
    assert shell.type("app", "test", "sf", *org).code == 0
    quota = shell.type("app", "show", "sf", *org, "--json").json()["quota"]
    assert quota["allowed"] == 100_000
    assert 0 < quota["used_by_tieline"] <= quota["used"]
    assert " of 100,000 in 24 hours" in shell.type("app", "show", "sf", *org).out


def test_a_second_organisation_sees_nothing_of_the_first(shell: Shell) -> None:
    for org in ("org_one", "org_two"):
        assert shell.type("org", "create", org, "--id", org).code == 0
    assert shell.type("field", "add", "mine", "string", "--org", "org_one").code == 0
    names = [f["name"] for f in shell.type("field", "list", "--org", "org_two", "--json").json()]
    assert "mine" not in names
    several = shell.type("field", "list")
    assert several.code == 2
    assert "--org" in several.err


def test_a_keys_text_is_printed_once_and_secrets_never(shell: Shell) -> None:
    assert shell.type("org", "create", "Keys", "--id", "org_keys").code == 0
    made = shell.type("key", "create", "for tests", "--org", "org_keys")
    text = made.out.strip()
    assert text
    assert text not in made.err
    listed = shell.type("key", "list", "--org", "org_keys", "--json")
    assert text not in listed.out
    (key,) = listed.json()
    assert shell.type("key", "revoke", key["key_id"], "--org", "org_keys").code == 0
    assert shell.type("key", "revoke", key["key_id"], "--org", "org_keys").code == 3
    set_ = shell.type("org", "webhook-secret", "org_keys", stdin="whsec-text\n")
    assert set_.code == 0
    assert "whsec-text" not in set_.out + set_.err


def test_exit_codes_say_what_kind_of_failure_it_was(shell: Shell) -> None:
    assert shell.type("org", "create", "Codes", "--id", "org_codes").code == 0
    org = ("--org", "org_codes")
    refused = shell.type("field", "add", "Not Snake", "string", *org)
    assert (refused.code, bool(refused.err)) == (4, True)
    assert shell.type("org", "create", "Codes", "--id", "org_codes").code == 4
    for words in (
        ("contact", "show", "+14155550100"),
        ("sync", "run", "nothing"),
        ("issue", "close", "nothing"),
    ):
        missing = shell.type(*words, *org)
        assert missing.code == 3, words
        assert len(missing.err.strip().splitlines()) == 1
    assert shell.type("no-such-command").code == 2
    wrong = shell.type("org", "list", TIELINE_PORT="many")
    assert (wrong.code, "TIELINE_PORT" in wrong.err) == (2, True)
    nobody = "postgresql://me:pa55word@127.0.0.1:1/none"
    key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    down = shell.type("org", "list", DATABASE_URL=nobody, TIELINE_SECRET_KEY=key)
    assert down.code == 5
    assert "pa55word" not in down.err


def test_a_crm_that_refuses_us_is_said_in_a_sentence(shell: Shell, salesforce: str) -> None:
    assert shell.type("org", "create", "Refused", "--id", "org_refused").code == 0
    org = ("--org", "org_refused")
    words = (
        "app",
        "add",
        "salesforce",
        "--tenant-url",
        salesforce,
        "--auth",
        "client_id=sandbox-client",
        *org,
    )
    added = shell.type(*words, "--json", stdin="wrong-secret\n")
    assert added.json()["connection_status"] == "error"
    tried = shell.type("app", "test", *org)
    assert tried.code == 1
    assert "wrong-secret" not in added.out + added.err + tried.out + tried.err
    elsewhere = shell.type("app", "add", "salesforce", "--tenant-url", "https://example.com",
                           "--auth", "client_id=x", *org, stdin="x\n")  # fmt: skip
    assert elsewhere.code == 4


def test_serve_answers_works_and_ends_when_asked(shell: Shell) -> None:
    process = shell.start("serve", "--port", "0")
    try:
        url = process.said(r"listens on (http://\S+)")[1]
        with urllib.request.urlopen(f"{url}/health", timeout=PATIENCE_S) as answer:
            assert json.load(answer) == {"status": "ok"}
        taken = shell.type("serve", "--port", url.rsplit(":", 1)[1])
        assert taken.code == 1
        assert "--port" in taken.err
    finally:
        code = process.end()
    assert code == 0


def test_a_worker_ends_when_asked(shell: Shell) -> None:
    process = shell.start("worker")
    process.said("Tieline works")
    assert process.end() == 0


def test_the_database_is_migrated_by_hand_or_by_itself(shell: Shell) -> None:
    assert shell.type("migrate").code == 0
    checked = shell.type("migrate", "--check")
    assert checked.code == 0
    assert "revision" in checked.err


def test_every_command_that_lists_prints_json_too(shell: Shell) -> None:
    assert shell.type("org", "create", "Lists", "--id", "org_lists").code == 0
    for words in (
        ("key", "list"), ("app", "list"), ("field", "list"), ("mapping", "list"), ("sync", "status"),
        ("contact", "list"), ("issue", "list"),
    ):  # fmt: skip
        answer = shell.type(*words, "--org", "org_lists", "--json").json()
        assert isinstance(answer, list), words
    assert "org_lists" in [org["org_id"] for org in shell.type("org", "list", "--json").json()]


def test_a_sync_that_the_brake_stops_goes_on_when_it_is_confirmed(shell: Shell, salesforce: str) -> None:
    org = ("--org", "org_brake")
    assert shell.type("org", "create", "Brake", "--id", "org_brake").code == 0
    connect = ("app", "add", "salesforce", "--tenant-url", salesforce, "--auth", "client_id=sandbox-client")
    assert shell.type(*connect, "--name", "sf", *org, stdin=f"{SECRET}\n").code == 0
    assert shell.type("mapping", "add", "LastName", "last_name", *org).code == 0
    assert shell.type("sync", "run", "sf", *org, "--json").json()["status"] == "succeeded"

    assert shell.type("brake", "limits", "contacts_changed", *org).code == 2
    set_to = shell.type("brake", "limits", "contacts_changed", "--number", "3", *org, "--json").json()
    assert {"kind": "contacts_changed", "number": 3, "share": 0.3} in set_to
    refused = shell.type("brake", "limits", "contacts_changed", "--share", "30", *org)
    assert (refused.code, "crm_config.brake" in refused.err) == (4, True)
    with psycopg.connect(shell.database_url) as database:
        query = "select external_id from link where org_id = 'org_brake' and status = 'open' limit 5"
        records = [row[0] for row in database.execute(query)]
    for record in records:
        change = {"id": record, "fields": {"LastName": "Everybody"}}
        request = urllib.request.Request(f"{salesforce}/__sandbox__/edit", json.dumps(change).encode())
        urllib.request.urlopen(request, timeout=PATIENCE_S).close()

    stopped = shell.type("sync", "run", "sf", "--full", *org, "--json")
    run = json.loads(stopped.out)
    assert (stopped.code, run["status"]) == (4, "braked")
    assert "change 5 contacts (the limit is 3)" in stopped.err
    assert [issue["kind"] for issue in run["issues"]] == ["brake"]
    (stop,) = shell.type("brake", "list", *org, "--json").json()
    assert shell.type("brake", "confirm", stop["brake_id"], *org).code == 0
    assert shell.type("sync", "run", "sf", "--full", *org, "--json").json()["status"] == "succeeded"
    contacts = shell.type("contact", "list", *org, "--json", "--limit", "100").json()
    assert sum(contact["last_name"] == "Everybody" for contact in contacts) == 5
    assert shell.type("brake", "list", *org, "--json").json() == []
