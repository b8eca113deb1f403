"""Merging, deciding and replaying as it is typed."""

from collections.abc import Iterator

import psycopg
import pytest
from tests.acceptance.shell import Shell, running_shell

ORG = ("--org", "org_review")
N1, N2 = "+14155550101", "+14155550102"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with running_shell(tmp_path_factory.mktemp("review")) as shell:
        assert shell.type("org", "create", "Review", "--id", "org_review").code == 0
        with psycopg.connect(shell.database_url, autocommit=True) as database:
            for contact_id, number, first, last in (("ann", N1, "Ann", None), ("anna", N2, None, "Lee")):
                database.execute(
                    "insert into contact (org_id, contact_id, phone_number, first_name, last_name, do_not_call)"
                    " values ('org_review', %s, %s, %s, %s, %s)", [contact_id, number, first, last, last is not None],
                )  # fmt: skip
            for issue_id, kind in (("refused", "push_refused"), ("asks", "merge_proposed")):
                database.execute(
                    "insert into issue (org_id, issue_id, cause, kind, message, contact_id, raw) values"
                    " ('org_review', %s, %s, %s, 'm', 'ann', '{\"survivor\": \"ann\", \"loser\": \"anna\"}')",
                    [issue_id, issue_id, kind],
                )
            for brake_id, flow in (("brake_1", "push"), ("brake_2", "creating")):
                database.execute(
                    "insert into brake (org_id, brake_id, app_id, flow, status, shown, known, stopped_at, seen_at)"
                    " values ('org_review', %s, 'app_1', %s, 'stopped', '{\"records_changed\": [90, 50]}', 300, now(),"
                    " now())", [brake_id, flow],
                )  # fmt: skip
        yield shell


def test_the_list_says_what_can_be_decided_and_a_decision_merges(shell: Shell) -> None:
    items = {
        item["issue_id"]: item["choices"] for item in shell.type("review", "list", *ORG, "--json").json()
    }
    assert items == {"refused": ["replay", "dismiss"], "asks": ["merge_contacts", "dismiss"]}
    assert shell.type("review", "show", "asks", *ORG, "--json").json()["raw"]["loser"] == "anna"
    wrong = shell.type("review", "resolve", "asks", "take_crm", *ORG)
    assert (wrong.code, "merge_contacts, dismiss" in wrong.err) == (4, True)
    assert shell.type("review", "resolve", "asks", "shrug", *ORG).code == 2
    assert (
        shell.type("review", "resolve", "asks", "merge_contacts", *ORG, "--json").json()["contact_id"]
        == "ann"
    )
    assert shell.type("review", "resolve", "asks", "dismiss", *ORG).code == 3
    merged = shell.type("contact", "show", N2, *ORG, "--json").json()
    assert (merged["contact_id"], merged["last_name"]) == ("ann", "Lee")

    undone = shell.type("contact", "unmerge", "anna", *ORG, "--json")
    assert undone.json()["kept"] == ["do_not_call"]
    assert "--clear-do-not-call" in undone.err
    assert shell.type("contact", "show", N2, *ORG, "--json").json()["contact_id"] == "anna"
    assert shell.type("contact", "unmerge", "anna", *ORG).code == 4

    again = shell.type("contact", "merge", N1, "anna", *ORG, "--json").json()
    assert (again["survivor_id"], again["loser_id"], again["swapped"]) == ("ann", "anna", False)
    assert shell.type("contact", "merge", N1, "nobody", *ORG).code == 3
    assert shell.type("contact", "merge", N1, N2, *ORG).code == 4


def test_stops_are_listed_confirmed_and_rejected(shell: Shell) -> None:
    stops = {stop["brake_id"]: stop for stop in shell.type("brake", "list", *ORG, "--json").json()}
    assert set(stops) == {"brake_1", "brake_2"}
    shown = shell.type("brake", "show", "brake_1", *ORG, "--json").json()
    assert (shown["status"], shown["shown"]) == ("stopped", {"records_changed": {"count": 90, "limit": 50}})
    assert shown["would"] == "change 90 records in the CRM (the limit is 50)"
    confirmed = shell.type("brake", "confirm", "brake_1", "--because", "meant", *ORG, "--json")
    assert confirmed.json()["decided_by"] == "person:command line"
    assert "as soon as a worker" in confirmed.err
    assert shell.type("brake", "reject", "brake_2", *ORG, "--json").json()["status"] == "rejected"
    assert shell.type("brake", "confirm", "brake_9", *ORG).code == 3


def test_issues_are_replayed_by_id_and_by_kind(shell: Shell) -> None:
    assert shell.type("issue", "replay", "--kind", "push_refused", *ORG, "--json").json() == ["refused"]
    assert shell.type("issue", "replay", "refused", *ORG).code == 0
    assert shell.type("issue", "replay", "nothing", *ORG).code == 3
    assert shell.type("issue", "replay", *ORG).code == 2
    assert shell.type("issue", "replay", "--kind", "merge_proposed", *ORG).code == 4
    assert shell.type("review", "resolve", "refused", "replay", *ORG, "--json").json()["closed"] is False
