"""A whole Tieline as real processes, made by the code that `make demo` runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tieline.cli.demo.processes import Processes
from tieline.cli.demo.system import System, new_directory, remove
from tieline.cli.demo.waiting import Silent


@contextmanager
def running(*sandbox_options: str) -> Iterator[System]:
    """A system of one's own, ended and removed afterwards. The options are the sandbox's."""
    directory = new_directory()
    try:
        system = System.make(directory)
        try:
            system.start(Silent(), *sandbox_options)
            yield system
        finally:
            system.stop()
    finally:
        remove(directory)


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """A system that the tests of a module share, each with organisations of its own."""
    with running() as system:
        yield system


@pytest.fixture
def processes(system: System) -> Processes:
    """Its processes, and the command line beside them."""
    return system.processes
