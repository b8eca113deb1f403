"""A portal whose clock stands still, reached in-process with the documented token."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from tieline.sandbox.hubspot import DEFAULT_TOKEN, HubSpotCrm, create
from tieline.sandbox.kernel.app import make_app

NOW = datetime(2026, 11, 20, 12, 0, 0, 123_000, tzinfo=UTC)


@pytest.fixture
def crm() -> HubSpotCrm:
    crm = create({"rate_limits": False, "shuffle_batches": False})
    crm.clock.freeze(NOW)
    return crm


@pytest.fixture
def client(crm: HubSpotCrm) -> Iterator[TestClient]:
    headers = {"Authorization": f"Bearer {DEFAULT_TOKEN}"}
    with TestClient(make_app(crm), headers=headers) as client:
        yield client
