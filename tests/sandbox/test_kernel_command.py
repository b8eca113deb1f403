"""The `sandbox` command as a process of its own."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx2
import pytest


@pytest.fixture
def served() -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "tieline.sandbox", "--crm", "salesforce", "--port", "0"]
    command += ["--contacts", "20", "--seed", "4", "--org-id", "00Dzz0000000001EAA"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        announced = json.loads(process.stdout.readline())
        assert announced["crm"] == "salesforce"
        yield process, announced["url"]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_announces_its_address_serves_and_ends_on_a_signal(
    served: tuple[subprocess.Popen[str], str], number: signal.Signals
) -> None:
    process, url = served
    state = httpx2.get(f"{url}/__sandbox__/state").json()
    assert state["objects"]["Contact"] == {"live": 20, "deleted": 0}
    assert state["org_id"] == "00Dzz0000000001EAA"
    assert httpx2.get(f"{url}/services/data/").json()[-1]["version"] == "68.0"
    process.send_signal(number)
    assert process.wait(timeout=15) == 0
