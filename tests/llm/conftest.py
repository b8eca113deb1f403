"""The packaged small model, served on loopback for a session. Opt-in: `make test-llm` installs it and names it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from eval.small_model import Served, serve


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """A real and weak model."""
    directory = os.environ.get("TIELINE_TEST_LLM")
    if not directory:
        pytest.skip("real inference is opt-in: make test-llm")
    with serve(Path(directory)) as found:
        yield found
