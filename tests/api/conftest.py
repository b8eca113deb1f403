"""A world on a database of the test's own, and clients that reach its API."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from tests.integration.conftest import db_url, pg_server, template_url
from tests.support import World, world_on

from tieline.api.app import create_app

__all__ = ["db_url", "pg_server", "template_url"]


@pytest.fixture
async def world(db_url: str) -> AsyncIterator[World]:
    async with world_on(db_url) as world:
        yield world


@pytest.fixture
async def org(world: World) -> str:
    """An organisation; its key is the client's."""
    return (await world.org())[0]


@pytest.fixture
async def anyone(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without a key."""
    # Starlette raises an unexpected error again after its answer; a test wants to see it.
    transport = httpx2.ASGITransport(app=create_app(world.services))
    async with httpx2.AsyncClient(transport=transport, base_url="http://tieline") as client:
        yield client


@pytest.fixture
async def api(world: World, org: str, anyone: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """A client with a key of the organisation."""
    key = await world.services.accounts.create_key(org, "client")
    anyone.headers["authorization"] = f"Bearer {key.text}"
    return anyone
