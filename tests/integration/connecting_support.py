"""Connecting apps to sandbox CRMs over loopback: a world with the flow, and what differs between the two CRMs."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from psycopg.types.json import Jsonb
from tests.integration.work_support import NotedWakes
from tests.support import START, CountingIds, FrozenClock

from tieline.api.services import Connections
from tieline.connectors.http import HttpSession
from tieline.connectors.registry import get_connector
from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.fields import FieldSpec
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import FieldType
from tieline.flows.connecting import AppInput, Connecting
from tieline.ports.clock import Ids
from tieline.ports.config import AppConfig
from tieline.ports.crm import Credentials
from tieline.ports.session import OnIdentity, TokenStore
from tieline.sandbox import hubspot, salesforce
from tieline.sandbox.hubspot import DEFAULT_TOKEN
from tieline.sandbox.kernel.app import make_app
from tieline.sandbox.kernel.server import LoopbackServer
from tieline.store.app_changes import PostgresAppStore
from tieline.store.apps import Apps
from tieline.store.config import Configs, ConfigUpdate
from tieline.store.pool import Pool, make_pool
from tieline.store.quota import Quotas
from tieline.store.runs import Runs
from tieline.store.secrets import Secrets, new_key
from tieline.testing.sessions import MemoryGate

ORG = "org_1"
UNREACHABLE = "http://127.0.0.1:9"
"""The discard port: nothing listens there, and a connection is refused at once."""

FIELDS = (
    FieldSpec("lead_status", FieldType.ENUM, options=("new", "Qualified")),
    FieldSpec("interaction_summary", FieldType.STRING),
    FieldSpec("score", FieldType.NUMBER),
    FieldSpec("plan", FieldType.STRING),
)


@dataclass(frozen=True)
class Kit:
    """One CRM: its names for the fields that the tests map, and credentials that are good or refused."""

    provider: str
    phone: str
    status: str
    notes: str
    plan: str
    calculated: str
    auth: Mapping[str, str]
    bad_auth: Mapping[str, str]
    tenant_setting: Mapping[str, object]
    secret: str

    def mappings(self, *lines: tuple[str, str, str]) -> dict[str, Any]:
        """A `crm_config`: the phone mapping, and lines of ("in" | "out" | "both", CRM field, contact field)."""
        config: dict[str, Any] = {
            "inbound_sync_mappings": [{"external_field_name": self.phone, "field_name": "phone_number"}],
            "outbound_sync_mappings": [],
        }
        for direction, crm, name in lines:
            line = {"external_field_name": crm, "field_name": name}
            if direction in ("in", "both"):
                config["inbound_sync_mappings"].append(line)
            if direction in ("out", "both"):
                config["outbound_sync_mappings"].append(line)
        return config


SALESFORCE = Kit(
    "salesforce", "Phone", "Lead_Status__c", "Notes__c", "Plan__c", "Formula__c",
    {"type": "oauth2", "client_id": "sandbox-client", "client_secret": "sandbox-secret"},
    {"type": "oauth2", "client_id": "sandbox-client", "client_secret": "wrong-secret"},
    {"org_id": "00Dal00000000zzEAA"}, "sandbox-secret",
)  # fmt: skip
HUBSPOT = Kit(
    "hubspot", "phone", "lead_status", "notes", "plan", "weighted_score",
    {"type": "api_key", "api_key": DEFAULT_TOKEN},
    {"type": "api_key", "api_key": "pat-na1-of-nobody"},
    {"portal_id": 999}, DEFAULT_TOKEN,
)  # fmt: skip


@dataclass
class Sessions:
    """Implements `ports.connections.SessionFactory`; every session that was made is counted."""

    http: httpx2.AsyncClient
    clock: FrozenClock
    made: int = 0

    def __call__(
        self, app: AppConfig, auth: Mapping[str, str], *, tokens: TokenStore, on_identity: OnIdentity
    ) -> HttpSession:
        self.made += 1
        return HttpSession(
            get_connector(app.provider), Credentials(app.tenant_url, auth), http=self.http, token_store=tokens,
            gate=MemoryGate(), clock=self.clock, app_id=app.app_id, on_identity=on_identity,
        )  # fmt: skip


@dataclass
class Place:
    """The flow on a database of a test's own, with one organisation."""

    pool: Pool
    connecting: Connecting
    store: PostgresAppStore
    configs: Configs
    runs: Runs
    sessions: Sessions
    clock: FrozenClock
    queue: NotedWakes

    @property
    def connections(self) -> Connections:
        return Connections(self.connecting, self.runs, Quotas(self.pool, self.clock, get_connector))

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(query.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    async def organisation(self, org_id: str = ORG) -> None:
        await self.rows("insert into organisation (org_id, name) values (%s, 'One')", org_id)
        merge = AnalysisMapping("customer_notes", "interaction_summary", UpdateMode.MERGE)
        update = ConfigUpdate(custom_fields=FIELDS, analysis_mappings=(merge,))
        await self.configs.update(org_id, update)

    async def create(self, kit: Kit, url: str, config: Mapping[str, Any] | None, **more: Any) -> AppConfig:
        members = {
            "type": "crm",
            "provider": kit.provider,
            "name": "Prod",
            "tenant_url": url,
            "auth_config": kit.auth,
        }
        if config is not None:
            members["crm_config"] = config
        return await self.connecting.create(ORG, AppInput({**members, **more}))

    async def update(self, app: AppConfig, **members: Any) -> AppConfig:
        return await self.connecting.update(app.org_id, app.app_id, AppInput(members))

    async def link_up(self, app: AppConfig) -> None:
        """Makes it the app that syncs contacts, and its first read done."""
        await self.configs.update(app.org_id, ConfigUpdate(app_id=app.app_id))
        await self.rows(
            "insert into read_state (org_id, app_id, kind, completed_at, tenant_key, cursor)"
            " values (%s, %s, 'full', now(), %s, '{\"at\": 7}'), (%s, %s, 'changes', null, %s, null)",
            app.org_id, app.app_id, app.tenant_key, app.org_id, app.app_id, app.tenant_key,
        )  # fmt: skip

    async def contact(
        self, contact_id: str, tenant_key: str, state: Mapping[str, Any], **values: Any
    ) -> None:
        """A contact with an open link, whose record has the same id."""
        first_name = values.pop("first_name", None)
        await self.rows(
            "insert into contact (org_id, contact_id, phone_number, first_name, custom_fields)"
            " values (%s, %s, %s, %s, %s)",
            ORG, contact_id, f"+1415555{contact_id[-4:]}", first_name, Jsonb(values),
        )  # fmt: skip
        await self.rows(
            "insert into link (org_id, tenant_key, external_id, contact_id, status, state)"
            " values (%s, %s, %s, %s, 'open', %s)",
            ORG, tenant_key, contact_id, contact_id, Jsonb(dict(state)),
        )  # fmt: skip

    async def link_states(self) -> dict[str, Any]:
        return {row["external_id"]: row["state"] for row in await self.rows("select * from link")}

    async def issues(self) -> list[dict[str, Any]]:
        return await self.rows("select * from issue where closed_at is null order by cause")

    async def inbound_runs(self) -> list[dict[str, Any]]:
        return await self.rows("select * from run where kind = 'inbound' order by created_at")


@asynccontextmanager
async def place_on(
    url: str, ids: Ids, *, sandbox_mode: bool = True, look_for_s: float = 10.0
) -> AsyncIterator[Place]:
    """A place on a migrated database."""
    async with make_pool(url) as pool, httpx2.AsyncClient() as http:
        clock, queue = FrozenClock(START), NotedWakes()
        sessions, configs = Sessions(http, clock), Configs(pool, clock, ids)
        store = PostgresAppStore(pool, Apps(pool, Secrets.from_text(new_key())), configs, queue, ids)
        connecting = Connecting(
            store, get_connector, sessions, clock, ids, sandbox_mode=sandbox_mode, look_for_s=look_for_s
        )
        place = Place(pool, connecting, store, configs, Runs(pool, queue, ids), sessions, clock, queue)
        await place.organisation()
        yield place


async def admin(url: str, what: str, spec: Mapping[str, object]) -> None:
    """An operation of a sandbox's admin API."""
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{url}/__sandbox__/{what}", json=spec)
        assert answer.status_code == 200, answer.text


async def requests_seen(url: str) -> list[str]:
    """Method and path of what a sandbox was asked for."""
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"{url}/__sandbox__/requests")
        return [f"{one['method']} {one['path']}" for one in answer.raise_for_status().json()["requests"]]


async def heal(url: str) -> None:
    """Takes all faults out of a sandbox."""
    async with httpx2.AsyncClient() as http:
        (await http.delete(f"{url}/__sandbox__/faults")).raise_for_status()


@pytest.fixture(params=[SALESFORCE, HUBSPOT], ids=["salesforce", "hubspot"])
def kit(request: pytest.FixtureRequest) -> Kit:
    found: Kit = request.param
    return found


@pytest.fixture
def crm(kit: Kit) -> Iterator[str]:
    """The address of a sandbox of that kind."""
    made = salesforce.create() if kit is SALESFORCE else hubspot.create({"rate_limits": False})
    with LoopbackServer(make_app(made)) as server:
        yield server.url


@pytest.fixture
async def place(db_url: str) -> AsyncIterator[Place]:
    async with place_on(db_url, CountingIds()) as place:
        yield place
