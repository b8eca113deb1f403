"""A sandbox Salesforce called in-process, with a client that is logged in."""

from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from tests.sandbox.salesforce.support import NOON, Client

from tieline.sandbox.kernel.app import make_app
from tieline.sandbox.kernel.clock import SandboxClock
from tieline.sandbox.salesforce import SalesforceCrm


@pytest.fixture
def crm() -> SalesforceCrm:
    """Its clock stands at noon until a test moves it."""
    clock = SandboxClock()
    clock.freeze(NOON)
    return SalesforceCrm(clock)


@pytest_asyncio.fixture
async def client(crm: SalesforceCrm) -> AsyncIterator[Client]:
    transport = httpx2.ASGITransport(app=make_app(crm))
    async with httpx2.AsyncClient(transport=transport, base_url="http://sandbox.local") as http:
        client = Client(http)
        await client.login()
        yield client
