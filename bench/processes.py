"""The processes of a benchmark: a database server of its own, a sandbox CRM, and children that report one JSON line."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tieline.store.embedded import EmbeddedServer, ensure_database, find_binaries
from tieline.store.migrate import migrate


@contextmanager
def database() -> Iterator[str]:
    """A fresh, durable server with all tables, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tieline-bench-") as directory:
        server = EmbeddedServer.start(Path(directory) / "data", find_binaries())
        try:
            url = ensure_database(server.url("postgres"), "tieline")
            migrate(url)
            yield url
        finally:
            server.stop()


@contextmanager
def sandbox(provider: str, contacts: int) -> Iterator[str]:
    """A sandbox CRM with that many contacts; yields its address."""
    command = [
        sys.executable,
        "-m",
        "tieline.sandbox",
        "--crm",
        provider,
        "--port",
        "0",
        "--contacts",
        str(contacts),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = str(json.loads(process.stdout.readline())["url"])
            if provider == "hubspot":
                # The pace HubSpot allows is not what is measured; the floor is read without it too.
                httpx2.post(f"{url}/__sandbox__/settings", json={"rate_limits": False}).raise_for_status()
            yield url
        finally:
            process.terminate()
            process.wait(30)


def child(module: str, *arguments: str) -> dict[str, Any]:
    """Runs a module of this package in a process of its own; it prints one line of JSON last."""
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{module}", *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report
