"""No test reaches a paid model, nor anything else beyond this machine: three locks, each of which is enough.

Settings of models are taken out of the environment, which processes that tests start inherit; pydantic-ai refuses every
request to a real model; and sockets connect to loopback only. Tests marked `live` may leave the machine.
"""

import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MODEL_VARIABLES = ("_MODEL", "_MODEL_", "OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_")


class OutsideError(RuntimeError):
    """A test tried to leave this machine."""


class _Guard:
    """An audit hook cannot be taken away again; it can only be told that somebody may pass."""

    open = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "socket.connect" or self.open:
            return
        _, address = arguments
        if isinstance(address, tuple) and not _is_loopback(str(address[0])):
            raise OutsideError(f"A test tried to connect to {address[0]}. Only loopback is allowed.")


_guard = _Guard()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def install() -> None:
    """Once, before any test."""
    for name in [n for n in os.environ if any(part in n for part in MODEL_VARIABLES)]:
        del os.environ[name]
    sys.addaudithook(_guard)
    # The variable is what pydantic-ai documents for tests.
    try:
        from pydantic_ai import models
    except ImportError:
        return
    models.ALLOW_MODEL_REQUESTS = False


@contextmanager
def live() -> Iterator[None]:
    """For tests with accounts of their own."""
    _guard.open = True
    try:
        yield
    finally:
        _guard.open = False


@contextmanager
def models_on_loopback() -> Iterator[None]:
    """Lets clients of models send; the sockets' guard stays."""
    from pydantic_ai.models import override_allow_model_requests

    assert not _guard.open
    with override_allow_model_requests(True):
        yield


def reaches(host: str) -> bool:
    """Whether a socket would be let out to that address; sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
        except OutsideError:
            return False
    return True
