"""The README's commands work as they stand there."""

import re
import subprocess
from pathlib import Path

from tieline.cli.demo.processes import Processes, program
from tieline.cli.demo.system import new_directory, remove
from tieline.cli.demo.waiting import Silent

_BLOCK = re.compile(r"<!-- tested: .*? -->\n```sh\n(.*?)```", re.DOTALL)
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
