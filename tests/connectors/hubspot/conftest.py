"""A sandbox HubSpot over real HTTP on loopback, and the world that the conformance suite sees in it."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from tests.connectors.hubspot.world import INDEX_LAG_S, HubSpotWorld

from tieline.sandbox.hubspot import create
from tieline.sandbox.kernel.app import make_app
from tieline.sandbox.kernel.server import LoopbackServer


@pytest.fixture
async def world(request: pytest.FixtureRequest) -> AsyncIterator[HubSpotWorld]:
    """An empty portal whose search index lags; a test class with `oauth = True` signs in by OAuth."""
    crm = create({"index_lag_seconds": INDEX_LAG_S, "rate_limits": False})
    with LoopbackServer(make_app(crm)) as server:
        async with httpx2.AsyncClient() as http:
            yield HubSpotWorld(server.url, http, oauth=getattr(request.cls, "oauth", False))
