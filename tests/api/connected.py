"""The API with real sessions to sandbox CRMs, called by the official client."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx
import httpx2
import pytest
from retell import AsyncRetell
from tests.integration.connecting_support import FIELDS, Sessions
from tests.support import RecordedQueue, World, dry_runs_on

from tieline.api.app import create_app
from tieline.api.services import Connections, Services
from tieline.connectors.registry import get_connector
from tieline.flows.connecting import Connecting
from tieline.flows.trial import HeldToken
from tieline.ports.config import AppConfig
from tieline.ports.crm import CrmSession, Identity
from tieline.ports.store import Lane
from tieline.store.app_changes import PostgresAppStore
from tieline.store.apps import Apps
from tieline.store.config import ConfigUpdate
from tieline.store.quota import Quotas
from tieline.store.runs import Runs
from tieline.store.secrets import Secrets, new_key


@dataclass
class Connected:
    """Two organisations that reach CRMs on loopback: the client's own, and another's client."""

    world: World
    services: Services
    org: str
    client: AsyncRetell
    other: AsyncRetell
    raw: httpx.AsyncClient


async def anybody(identity: Identity) -> None:
    """Any tenant will do."""


@pytest.fixture
async def connected(world: World, org: str) -> AsyncIterator[Connected]:
    async with httpx2.AsyncClient() as http:
        jobs, sealer = RecordedQueue(), Secrets.from_text(new_key())
        configs = world.services.configs
        connecting = Connecting(
            PostgresAppStore(world.pool, Apps(world.pool, sealer), configs, jobs, world.ids),
            get_connector, Sessions(http, world.clock), world.clock, world.ids, sandbox_mode=True,
        )  # fmt: skip

        async def session(app: AppConfig, lane: Lane) -> CrmSession:
            auth, tokens = await Apps(world.pool, sealer).credentials(app.org_id, app.app_id), HeldToken()
            return Sessions(http, world.clock)(app, auth, tokens=tokens, on_identity=anybody)

        services = replace(
            world.services,
            dry_runs=dry_runs_on(world.pool, Apps(world.pool, sealer), world.clock, world.ids, session),
            connections=Connections(
                connecting, Runs(world.pool, jobs, world.ids), Quotas(world.pool, world.clock, get_connector)
            ),
        )
        await configs.update(org, ConfigUpdate(custom_fields=FIELDS))
        own = await services.accounts.create_key(org, "sdk")
        _, others = await world.org("Other")
        transport = httpx.ASGITransport(app=create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://tieline") as raw:
            raw.headers["authorization"] = f"Bearer {own.text}"

            def client(key: str) -> AsyncRetell:
                through = httpx.AsyncClient(transport=transport)
                return AsyncRetell(api_key=key, base_url="http://tieline", http_client=through, max_retries=0)

            async with client(own.text) as mine, client(others) as other:
                yield Connected(world, services, org, mine, other, raw)
