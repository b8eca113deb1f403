"""Shared by the tests of the emulated CRMs."""

import os
from pathlib import Path

import pytest


def recordings_root() -> Path | None:
    """Where answers of real accounts lie: `TIELINE_RECORDINGS`, else `shared/recordings` beside the repository."""
    given = os.environ.get("TIELINE_RECORDINGS")
    root = Path(given) if given else Path(__file__).resolve().parents[3] / "shared" / "recordings"
    return root if root.is_dir() else None


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Skips, by name, where there are no recordings."""
    root = recordings_root()
    if root is None:
        pytest.skip("no recordings of real accounts here (set TIELINE_RECORDINGS to their directory)")
    return root
