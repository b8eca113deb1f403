"""Rules of the repository itself that no other tool checks."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent

# Put together from pieces, so that this file does not contain what it looks for.
_HOME = "/"
_MACHINE_PATHS = re.compile("|".join(rf"(?<![\w.~}}*-]){_HOME}{name}/" for name in ("work", "root", "farm")))
_HOSTS = ("pypi" + ".org", "files.python" + "hosted.org", "dev" + "pi", "artifact" + "ory")
_INDEX_HOSTS = re.compile("|".join(map(re.escape, _HOSTS)) + r"|--(?:extra-)?index" + r"-url[ =]")
_SECRETS = {
    "private key": re.compile("-----BEGIN [A-Z ]*PRIVATE" + r" KEY-----(?:$|\s|\\n)"),
    "cloud key": re.compile(r"\bAKIA" + r"[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\bgh[pousr]_" + r"[A-Za-z0-9]{36}"),
    "model key": re.compile(r"\bsk-" + r"[A-Za-z0-9_-]{32,}"),
    "HubSpot token": re.compile(r"\bpat-(?:na|eu|ap)\d-" + r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "Slack token": re.compile(r"\bxox[abp]-" + r"\d{6,}"),
    "signed token": re.compile(r"\beyJ" + r"[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"),
}
_LARGEST_FILE = 1_000_000


def _tracked() -> list[Path]:
    try:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: what is tracked is unknown")
    paths = [REPOSITORY / name for name in listing.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        if pattern.search(line):
            yield f"{number}: {line.strip()[:120]}"


def _found_in_tracked_files(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(REPOSITORY)}:{match}"
        for path in _tracked()
        for match in _matches(pattern, path.read_text(errors="replace"))
    ]


def test_no_tracked_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    assert _found_in_tracked_files(_MACHINE_PATHS) == []


def test_no_tracked_file_names_a_package_index() -> None:
    assert _found_in_tracked_files(_INDEX_HOSTS) == []


@pytest.mark.parametrize("kind", _SECRETS)
def test_no_tracked_file_holds_a_secret(kind: str) -> None:
    assert _found_in_tracked_files(_SECRETS[kind]) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (_MACHINE_PATHS, f"see {_HOME}work/shared"),
        (_MACHINE_PATHS, f'"{_HOME}root/.cache"'),
        (_INDEX_HOSTS, "--index" + "-url=x"),
        (_INDEX_HOSTS, "https://pypi" + ".org/simple"),
        (_SECRETS["private key"], "-----BEGIN RSA PRIVATE" + " KEY-----"),
        (_SECRETS["cloud key"], "AKIA" + "ABCDEFGHIJKLMNOP"),
        (_SECRETS["GitHub token"], "ghp_" + "a" * 36),
        (_SECRETS["model key"], "sk-" + "a" * 40),
        (_SECRETS["HubSpot token"], "pat-na1-" + "01234567-89ab-cdef-0123-456789abcdef"),
        (_SECRETS["Slack token"], "xoxb-" + "123456789"),
        (_SECRETS["signed token"], "eyJ" + "a" * 20 + ".eyJ" + "a" * 20 + "." + "a" * 20),
    ],
)
def test_each_pattern_sees_what_it_is_for(pattern: re.Pattern[str], line: str) -> None:
    assert list(_matches(pattern, line))


@pytest.mark.parametrize(
    "line", ["src/tieline/worker/queue.py", "a network/route", f"~{_HOME}work/x", "/workers/"]
)
def test_a_relative_path_is_not_a_path_of_the_machine(line: str) -> None:
    assert not list(_matches(_MACHINE_PATHS, line))


def test_no_tracked_file_is_too_large_to_review() -> None:
    assert [path.name for path in _tracked() if path.stat().st_size > _LARGEST_FILE] == []


def test_every_locked_package_is_pinned_and_has_a_hash() -> None:
    text = (REPOSITORY / "requirements.lock").read_text().replace("\\\n", " ")
    entries = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert entries
    assert [
        line for line in entries if not re.match(r"[a-z0-9._-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)
    ] == []


def test_domain_and_ports_never_ask_what_time_it_is() -> None:
    asks = re.compile(r"\b(?:datetime|date)\.(?:now|utcnow|today)\(")
    sources = [
        path for name in ("domain", "ports") for path in (REPOSITORY / "src/tieline" / name).rglob("*.py")
    ]
    assert sources
    assert [f"{path}:{match}" for path in sources for match in _matches(asks, path.read_text())] == []


def test_connectors_do_not_know_each_other() -> None:
    """As an import contract this would name each CRM, and adding one must not need an edit here."""
    graph = grimp.build_graph("tieline", cache_dir=None)
    folders = {
        f"tieline.connectors.{path.parent.name}"
        for path in (REPOSITORY / "src/tieline/connectors").glob("*/__init__.py")
    }
    for one in folders:
        others = folders - {one}
        chains = [
            (importer, other)
            for importer in graph.find_descendants(one) | {one}
            for other in graph.find_modules_directly_imported_by(importer)
            if any(other == folder or other.startswith(f"{folder}.") for folder in others)
        ]
        assert chains == []
