"""The small instruct model that ships inside a package, served on loopback in OpenAI's form by a child process.

`make llm` installs both into an environment of their own. Must never be reached from elsewhere, and never outlive its
context.
"""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket

import httpx2

NAME = "smollm2-135m-instruct"
DIRECTORY = Path(".llm")
# Twice the room that most cases need: what does not fit must fail by itself, and a model that rambles must end.
CONTEXT = 4096
_START_S = 120.0


class NotInstalledError(Exception):
    """The model or its server is not there; says how to get it."""


@dataclass(frozen=True, slots=True)
class Served:
    """Where the model answers."""

    base_url: str
    model: str


def installed(directory: Path = DIRECTORY) -> bool:
    """Whether `make llm` has been there."""
    return (directory / ".stamp").exists()


@contextmanager
def serve(directory: Path = DIRECTORY, *, context: int = CONTEXT, threads: int = 1) -> Iterator[Served]:
    """The model at a free port, until the context ends. Raises NotInstalledError."""
    python, weights = directory / "bin/python", next(directory.rglob("*.gguf"), None)
    if not python.exists() or weights is None:
        raise NotInstalledError(f"The packaged model is not in {directory}: run 'make llm' once.")
    port = _free_port()
    command = [
        str(python.absolute()), "-m", "llama_cpp.server", "--model", str(weights), "--model_alias", NAME,
        "--host", "127.0.0.1", "--port", str(port), "--n_ctx", str(context), "--n_threads", str(threads),
    ]  # fmt: skip
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            served = Served(f"http://127.0.0.1:{port}/v1", NAME)
            if not _answers(process, served.base_url):
                said.seek(0)
                raise NotInstalledError(f"The packaged model did not start:\n{said.read()[-2000:].decode()}")
            yield served
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(process: subprocess.Popen[bytes], base_url: str) -> bool:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx2.get(f"{base_url}/models", timeout=5).status_code == 200:
                return True
        except httpx2.TransportError:
            time.sleep(0.2)
    return False


def _free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
