"""Fixtures that every suite can use. Servers and databases are in `integration/conftest.py`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests import model_guard

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("tieline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tieline")

model_guard.install()

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


@pytest.fixture(autouse=True)
def _live_tests_may_leave_this_machine(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("live") is None:
        yield
        return
    with model_guard.live():
        yield


@pytest.fixture
def loopback_models() -> Iterator[None]:
    """Lets a client of a model ask a server of the test's own."""
    with model_guard.models_on_loopback():
        yield
