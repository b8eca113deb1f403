"""Fixtures that every suite can use. Servers and databases are in `integration/conftest.py`."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("tieline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tieline")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of this repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Answers recorded from real CRMs: data beside the repository, not part of it."""
    given = os.environ.get("TIELINE_RECORDINGS")
    path = Path(given) if given else REPOSITORY.parent / "shared" / "recordings"
    if not path.is_dir():
        pytest.skip("recordings of real CRM answers not found; TIELINE_RECORDINGS names their directory")
    return path
