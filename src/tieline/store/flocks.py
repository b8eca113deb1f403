"""Locks on files, between processes. The kernel gives one up when its last holder dies, however it dies.

Never used inside the database's own work: rows are locked there.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_SECONDS = 0.01


@contextmanager
def try_lock(path: Path) -> Iterator[int]:
    """An exclusive lock as its open descriptor, or 0 where somebody holds it. (0 is stdin, never ours.)

    A child process that inherits the descriptor goes on holding the lock after this block.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield 0
        else:
            yield handle
    finally:
        os.close(handle)


@contextmanager
def locked(path: Path, deadline: float) -> Iterator[None]:
    """Wait for an exclusive lock until `deadline` (of `time.monotonic`). Raises TimeoutError."""
    while True:
        with try_lock(path) as lock:
            if lock:
                yield
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"Another process holds {path} and does not let go.")
        time.sleep(POLL_SECONDS)


def share(path: Path) -> int:
    """A shared lock as its open descriptor; closing that gives it up. Waits for an exclusive holder."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle
