"""The demo tells the truth when something is wrong, and leaves nothing behind when it is interrupted."""

import io
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from tieline.cli.demo.processes import program
from tieline.cli.demo.report import ClaimFailedError, Report
from tieline.cli.demo.waiting import TooLateError, until


def test_a_claim_that_does_not_hold_says_what_was_expected_and_found() -> None:
    said = io.StringIO()
    report = Report(Console(file=said, highlight=False))
    report.claim("one is one", expected=1, found=1)
    with pytest.raises(ClaimFailedError, match="one is two: expected 2, found 1"):
        report.claim("one is two", expected=2, found=1)
    assert report.claims == 1
    shown = said.getvalue()
    assert "✓ one is one" in shown
    assert re.search(r"✗ one is two\n +expected: 2\n +found: +1\n", shown)


def test_what_never_happens_is_named_with_what_was_seen_last() -> None:
    with pytest.raises(TooLateError, match=r"waited 0 s for a miracle; last seen: 'nothing'"):
        until("a miracle", lambda: "nothing", lambda seen: seen == "miracle", deadline_s=0.0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_ends_everything_that_it_started(number: signal.Signals, tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("wb") as out:
        # A shell may have told us to ignore SIGINT, and a child inherits that.
        demo = subprocess.Popen([str(program()), "demo"], stdout=out, stderr=out, preexec_fn=_hear_interrupts)
    try:
        directory = Path(until("the demo's processes", _found(output, r"logs are in (\S+)"), bool))
        worker = int(until("its worker", _found(output, r"worker +process (\d+)"), bool))
        assert directory.is_dir()
        demo.send_signal(number)
        assert demo.wait(60) == 130
    finally:
        demo.kill()
        demo.wait()
    assert "Interrupted" in output.read_text()
    assert not directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    assert [line for line in _processes() if str(directory) in line] == []


def _processes() -> list[str]:
    """The command lines of all processes; the database server's has its data directory in it."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return found.stdout.splitlines()


def _hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _found(output: Path, pattern: str) -> Callable[[], str]:
    def look() -> str:
        match = re.search(pattern, output.read_text())
        return match[1] if match else ""

    return look
