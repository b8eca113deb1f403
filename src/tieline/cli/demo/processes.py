"""The demo's processes: started one by one, each with a log of its own, and all ended again, whatever happens.

Must never end a process that it did not start.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tieline.cli.demo.waiting import Telling, until

_STARTS_WITHIN_S = 60.0
_STOPS_WITHIN_S = 20.0
_LISTENS = "Tieline listens on "


class ProcessError(Exception):
    """A process did not start, or ended by itself; the message has the end of its log."""


@dataclass
class Processes:
    """Tieline's programs in a data directory. Nothing of the surrounding environment's settings reaches them.

    `model_url`: the emulated model that analyses transcripts, if there is one.
    """

    directory: Path
    model_url: str = ""
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every program."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("TIELINE_") and name != "DATABASE_URL"
        }
        model = {
            "TIELINE_ANALYSIS_MODEL": "sandbox-rules",
            "TIELINE_ANALYSIS_MODEL_BASE_URL": f"{self.model_url}/v1",
        }
        own = {"TIELINE_DATA_DIR": str(self.directory), "TIELINE_SANDBOX_MODE": "true"}
        return {**kept, **own, **(model if self.model_url else {})}

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of what was started and not ended, by name."""
        return {name: process.pid for name, process in self._running.items()}

    def start(self, name: str, *arguments: str) -> None:
        """Starts `tieline ARGUMENTS`; its output goes to NAME.log."""
        # A session of its own: Ctrl-C is ours to hear, and --keep can leave it running.
        with self._log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [str(program()), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.directory, env=self.environment, start_new_session=True,
            )  # fmt: skip

    def start_sandbox(self, telling: Telling, *options: str) -> dict[str, str]:
        """Both sandbox CRMs in one process, and with `--model` the emulated model; their addresses by name."""
        self.start("sandbox", "sandbox", "--port", "0", *options)

        def urls() -> dict[str, str]:
            lines = [json.loads(line) for line in self._lines("sandbox") if line.startswith('{"crm"')]
            return {line["crm"]: line["url"] for line in lines}

        return until(
            "the sandbox CRMs to listen", urls, lambda found: len(found) == 2 + ("--model" in options),
            telling=telling, deadline_s=_STARTS_WITHIN_S,
        )  # fmt: skip

    def start_server(self, telling: Telling) -> str:
        """The API server, without a worker in it; its address."""
        self.start("server", "serve", "--no-worker", "--port", "0")

        def url() -> str:
            said = [line for line in self._lines("server") if line.startswith(_LISTENS)]
            return said[0].removeprefix(_LISTENS).split()[0] if said else ""

        return until(
            "the API server to listen", url, bool, telling=telling, deadline_s=_STARTS_WITHIN_S, every_s=0.05
        )

    def start_worker(self, name: str, telling: Telling) -> None:
        """A worker."""
        self.start(name, "worker")
        until(
            "the worker to be ready", lambda: "Tieline works" in self._lines(name), bool,
            telling=telling, deadline_s=_STARTS_WITHIN_S, every_s=0.05,
        )  # fmt: skip

    def command(self, *arguments: str, stdin: str = "") -> str:
        """Runs `tieline ARGUMENTS` to its end; what it printed. Raises ProcessError if it failed."""
        done = subprocess.run(
            [str(program()), *arguments], input=stdin, capture_output=True, text=True, check=False,
            cwd=self.directory, env=self.environment, timeout=120,
        )  # fmt: skip
        if done.returncode:
            raise ProcessError(
                f"tieline {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}"
            )
        return done.stdout

    def kill(self, name: str) -> None:
        """SIGKILL: no goodbye."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> None:
        """SIGTERM, and SIGKILL if that does not help."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_all(self) -> None:
        """The last started first."""
        for process in self._running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for name in reversed(list(self._running)):
            self.stop(name)

    def check(self) -> None:
        """Raises ProcessError if one of them has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise ProcessError(f"the {name} ended with {process.returncode}:\n{self.tail(name)}")

    def tail(self, name: str, lines: int = 20) -> str:
        """The end of a process's log."""
        return "\n".join(self._lines(name)[-lines:])

    def _lines(self, name: str) -> Sequence[str]:
        process = self._running.get(name)
        lines = self._log(name).read_text(errors="replace").splitlines()
        if process is not None and process.poll() is not None:
            raise ProcessError(f"the {name} ended with {process.returncode}:\n" + "\n".join(lines[-20:]))
        return lines

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}.log"


def program() -> Path:
    """The `tieline` that belongs to this interpreter."""
    return Path(sys.executable).with_name("tieline")
