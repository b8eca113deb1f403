"""Types `tieline` commands as a person would: real processes, with a server and settings of their own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieline.store.embedded import EmbeddedServer, ensure_database

TIELINE = str(Path(sys.executable).with_name("tieline"))
PATIENCE_S = 60


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """Types commands in an environment of its own."""

    environ: dict[str, str]
    cwd: Path
    database_url: str
    started: "list[Started]" = field(default_factory=list)

    def type(self, *words: str, stdin: str = "", **variables: str) -> Answer:
        done = subprocess.run(
            [TIELINE, *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.cwd,
            env={**self.environ, **variables},
            timeout=PATIENCE_S,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Answer(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str) -> "Started":
        """Starts a command that goes on; what it prints goes into a file."""
        log = self.cwd / f"{len(self.started)}-{words[0]}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [TIELINE, *words], stdout=output, stderr=subprocess.STDOUT, cwd=self.cwd, env=self.environ
            )
        self.started.append(Started(process, log))
        return self.started[-1]


@dataclass(frozen=True)
class Started:
    """A running command."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self, pattern: str) -> re.Match[str]:
        """What it printed that matches, once it did."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if match := re.search(pattern, self.log.read_text()):
                return match
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"{pattern!r} not in: {self.log.read_text()}")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Asks it to end; its exit code."""
        self.signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """However it is, it is no more."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@contextmanager
def running_shell(directory: Path) -> Iterator[Shell]:
    """An environment whose server runs all the time, so that each command only joins it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    server = EmbeddedServer.start(directory / "data" / "postgres", durable=False)
    environ = {**kept, "TIELINE_DATA_DIR": str(directory / "data"), "TIELINE_SANDBOX_MODE": "1"}
    shell = Shell(environ, directory, ensure_database(server.url(), "tieline"))
    try:
        yield shell
    finally:
        for started in shell.started:
            started.kill()
        server.stop()
