"""The configuration as a file, as it is typed: export, plan, apply, and a plan that was kept."""

import json
from collections.abc import Iterator

import pytest
from tests.acceptance.shell import Shell, running_shell


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with running_shell(tmp_path_factory.mktemp("cli-config")) as shell:
        yield shell


def test_a_file_is_planned_applied_and_then_says_nothing_new(shell: Shell) -> None:
    org = ("--org", "org_file")
    assert shell.type("org", "create", "File", "--id", "org_file").code == 0
    assert shell.type("field", "add", "plan", "string", *org).code == 0
    file = shell.cwd / "tieline.yaml"
    assert shell.type("config", "export", *org, "--out", str(file)).code == 0

    text = file.read_text().replace("name: plan", "name: package")
    file.write_text(text.replace("apps: []", "apps:\n  - provider: hubspot\n    name: Prod\n"))
    planned = shell.type("config", "plan", str(file), *org, "--out", str(shell.cwd / "plan.json"), "--json")
    assert planned.code == 2
    told = [(one["action"], one["what"]) for one in json.loads(planned.out)]
    assert told == [
        ("add", "field package (string)"), ("remove", "field plan (string)"), ("add", "app Prod (hubspot)"),
    ]  # fmt: skip

    applied = shell.type("config", "apply", "--plan", str(shell.cwd / "plan.json"), *org)
    assert applied.code == 0, applied.err
    assert "+ field package (string)" in applied.out
    assert shell.type("config", "plan", str(file), *org).code == 0
    moved = shell.type("config", "apply", "--plan", str(shell.cwd / "plan.json"), *org)
    assert (moved.code, "has moved since" in moved.err) == (4, True)

    file.write_text(
        "version: 1\nfields:\n  - name: package\n    type: number\n  - name: Bad Name\n    type: string\n"
    )
    refused = shell.type("config", "plan", str(file), *org)
    assert refused.code == 4
    assert "fields[0].type: The type of 'package' is string" in refused.err
    assert "fields[1].name: 'Bad Name' is not snake_case" in refused.err
