"""Undoing as it is typed."""

from collections.abc import Iterator

import psycopg
import pytest
from tests.acceptance.shell import Shell, running_shell

ORG = ("--org", "org_undo")
NUMBER = "+14155550101"


@pytest.fixture
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with running_shell(tmp_path_factory.mktemp("undo")) as shell:
        assert shell.type("org", "create", "Undo", "--id", "org_undo").code == 0
        with psycopg.connect(shell.database_url, autocommit=True) as database:
            database.execute(
                "insert into contact (org_id, contact_id, phone_number, first_name, do_not_call)"
                " values ('org_undo', 'ann', %s, 'Anna', true)", [NUMBER],
            )  # fmt: skip
            for name, old, new in (("first_name", '"Ann"', '"Anna"'), ("do_not_call", "null", "true")):
                database.execute(
                    "insert into ledger (org_id, contact_id, field_name, outcome, old_value, new_value, source_kind,"
                    " source_ref, effective_ms) values ('org_undo', 'ann', %s, 'set', %s, %s, 'person', 'bob', 1)",
                    [name, old, new],
                )  # fmt: skip
        yield shell


def test_a_field_is_tried_undone_and_the_undo_undone(shell: Shell) -> None:
    field = ("undo", "field", NUMBER, "first_name")
    tried = shell.type(*field, "--dry-run", *ORG)
    assert "1 fields of 1 contacts would be undone" in tried.err
    done = shell.type(*field, *ORG, "--json").json()
    assert shell.type("contact", "show", NUMBER, *ORG, "--json").json()["first_name"] == "Ann"
    assert shell.type("undo", "run", done["run_id"], *ORG, "--json").json()["undone_count"] == 1
    assert shell.type("contact", "show", NUMBER, *ORG, "--json").json()["first_name"] == "Anna"

    left = shell.type("undo", "field", NUMBER, "do_not_call", *ORG)
    assert "Not undone" in left.err
    assert "clear_do_not_call" in left.out
    cleared = shell.type("undo", "field", NUMBER, "do_not_call", "--clear-do-not-call", *ORG, "--json")
    assert cleared.json()["undone_count"] == 1

    assert shell.type("undo", "release", NUMBER, "first_name", *ORG).code == 4
    assert shell.type("undo", "run", "run_x", *ORG).code == 3
    assert shell.type("undo", "conversation", "call_x", *ORG).code == 3
