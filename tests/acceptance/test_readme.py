"""The README's commands work as they stand there, and what the documents name exists."""

import re
import subprocess
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from tieline.api.app import ROUTERS
from tieline.cli.demo.processes import Processes, program
from tieline.cli.demo.system import new_directory, remove
from tieline.cli.demo.waiting import Silent

_BLOCK = re.compile(r"<!-- tested: .*? -->\n```sh\n(.*?)```", re.DOTALL)
_ROUTE = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`?\s]*)[^`]*`")
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
_DOCUMENTS = (
    "README.md", "CONTRIBUTING.md", "ADDING_A_CRM.md", "CHANGELOG.md", "docs/*.md", "docs/adr/*.md",
)  # fmt: skip
_SETTINGS = "export TIELINE_SANDBOX_MODE=true TIELINE_DATA_DIR=~/.tieline-try\n"


def test_the_commands_by_hand_import_contacts_from_the_sandbox(repository: Path) -> None:
    (block,) = _BLOCK.findall((repository / "README.md").read_text())
    assert block.startswith(_SETTINGS)
    directory = new_directory()
    processes = Processes(directory)
    try:
        urls = processes.start_sandbox(Silent(), "--contacts", "200")
        # Only the places differ: a data directory of the test's own, a free port, this environment's program.
        script = (
            block.removeprefix(_SETTINGS)
            .replace("http://127.0.0.1:8801", urls["salesforce"])
            .replace(".venv/bin/tieline", str(program()))
        )
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script], env=processes.environment, cwd=directory,
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "succeeded" in done.stdout
        assert re.search(r"^5 of 1\d\d contacts$", done.stderr, re.MULTILINE)
        assert "unusable_phone" in done.stdout
    finally:
        processes.stop_all()
        remove(directory)


def test_the_api_page_names_every_route_and_no_other(repository: Path) -> None:
    named = {
        (method, re.sub(r"{\w+}", "{}", path))
        for method, path in _ROUTE.findall((repository / "docs/api.md").read_text())
    }
    served = {
        (method, re.sub(r"{\w+}", "{}", route.path))
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert named == served


@pytest.mark.parametrize("pattern", _DOCUMENTS)
def test_links_between_documents_lead_somewhere(repository: Path, pattern: str) -> None:
    documents = list(repository.glob(pattern))
    assert documents
    broken = [
        f"{document.name}: {target}"
        for document in documents
        for target in _LINK.findall(document.read_text())
        if not (document.parent / target).exists()
    ]
    assert broken == []
