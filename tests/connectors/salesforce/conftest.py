"""A sandbox Salesforce over real HTTP on loopback, and the world that the conformance suite sees in it."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from tests.connectors.salesforce.world import SalesforceWorld

from tieline.sandbox.kernel.app import make_app
from tieline.sandbox.kernel.server import LoopbackServer
from tieline.sandbox.salesforce import create


@pytest.fixture
async def world() -> AsyncIterator[SalesforceWorld]:
    """An empty organisation."""
    with LoopbackServer(make_app(create())) as server:
        async with httpx2.AsyncClient() as http:
            world = SalesforceWorld(server.url, http)
            await world.sign_in()
            yield world
