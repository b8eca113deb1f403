"""Worker processes that die or freeze in the middle of a sync: another goes on from the last page."""

import json
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.acceptance.shell import Shell, Started, running_shell

RECORDS = 1500
TOKEN = "pat-na1-sandbox"
# A lease lasts ten seconds; the rest is reading, on a machine that does other things too.
PATIENCE_S = 120


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with running_shell(tmp_path) as shell:
        assert shell.type("org", "create", "Acme").code == 0
        yield shell


@pytest.fixture
def hubspot(shell: Shell) -> Iterator[str]:
    """An emulated HubSpot, slow enough to be caught in the middle, and connected."""
    process = shell.start("sandbox", "--crm", "hubspot", "--port", "0", "--contacts", str(RECORDS))
    url = process.said(r"http://127\.0\.0\.1:\d+")[0]
    assert shell.type("app", "add", "hubspot", "--tenant-url", url, stdin=f"{TOKEN}\n").code == 0
    steer(url, "faults", {"kind": "latency", "seconds": 1.0, "times": 10_000, "match": {"path": "/contacts"}})
    yield url
    process.end()


def steer(url: str, what: str, body: Any) -> None:
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{url}/__sandbox__/{what}", json.dumps(body).encode(), headers)
    urllib.request.urlopen(request).close()


def quicken(url: str) -> None:
    """What comes now need not be slow any more."""
    urllib.request.urlopen(urllib.request.Request(f"{url}/__sandbox__/faults", method="DELETE")).close()


def until(shell: Shell, query: str) -> dict[str, Any]:
    """The first row of a query, once it has one."""
    deadline = time.monotonic() + PATIENCE_S
    with psycopg.connect(shell.database_url, autocommit=True, row_factory=dict_row) as conn:
        while time.monotonic() < deadline:
            if row := conn.execute(query.encode()).fetchone():
                return row
            time.sleep(0.05)
    raise AssertionError(f"nothing found: {query}")


def check_that_all_is_there_once(shell: Shell) -> None:
    run = until(shell, "select * from run where kind = 'inbound' and status = 'succeeded'")
    with psycopg.connect(shell.database_url, row_factory=dict_row) as conn:
        records = conn.execute("select count(*) as number from link").fetchone()
        doubled = conn.execute(
            "select contact_id from link where status = 'open' group by contact_id having count(*) > 1"
        ).fetchall()
        twice_set = conn.execute(
            "select contact_id from ledger where outcome = 'set' group by contact_id, field_name having count(*) > 1"
        ).fetchall()
    assert records == {"number": RECORDS}
    # Each page counts when it commits, so one that was read twice would count twice.
    assert run["counts"]["read"] == RECORDS
    assert (doubled, twice_set) == ([], [])


def start_and_catch(shell: Shell) -> Started:
    """A worker that has committed some pages of the first read, and not all."""
    worker = shell.start("worker")
    until(shell, "select 1 as found from run where (counts ->> 'read')::int >= 200")
    return worker


def check_that_it_is_not_finished(shell: Shell) -> None:
    until(
        shell,
        f"select 1 as found from run where (counts ->> 'read')::int < {RECORDS} and finished_at is null",
    )


def test_a_sync_whose_worker_is_killed_is_finished_by_another(shell: Shell, hubspot: str) -> None:
    killed = start_and_catch(shell)
    killed.kill()
    check_that_it_is_not_finished(shell)
    quicken(hubspot)
    other = shell.start("worker")
    other.said("Tieline works")
    check_that_all_is_there_once(shell)
    assert other.end() == 0


def test_a_worker_that_froze_finds_its_sync_taken_and_adds_nothing(shell: Shell, hubspot: str) -> None:
    frozen = start_and_catch(shell)
    frozen.signal(signal.SIGSTOP)
    other = shell.start("worker")
    try:
        other.said("Tieline works")
        until(shell, "select 1 as found from lease where lane = 'backfill' and token > 1")
        frozen.signal(signal.SIGCONT)
        check_that_it_is_not_finished(shell)
        quicken(hubspot)
        check_that_all_is_there_once(shell)
    finally:
        frozen.signal(signal.SIGCONT)
        codes = frozen.end(), other.end()
    assert codes == (0, 0)


def test_a_worker_that_is_stopped_hands_its_sync_over_at_once(shell: Shell, hubspot: str) -> None:
    stopped = start_and_catch(shell)
    assert stopped.end() == 0
    check_that_it_is_not_finished(shell)
    until(shell, "select 1 as found from lease where lane = 'backfill' and expires_at <= now()")
    until(shell, "select 1 as found from pgqueuer where entrypoint = 'inbound' and status = 'queued'")
    quicken(hubspot)
    other = shell.start("worker")
    other.said("Tieline works")
    check_that_all_is_there_once(shell)
    assert other.end() == 0
