"""One organisation with one app on a sandbox CRM, put together as a worker would, for a benchmark to run flows on."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx2

from tieline.bootstrap import RandomIds, SystemClock
from tieline.connectors.http import HttpSession
from tieline.connectors.registry import get_connector
from tieline.domain.crm_schema import CrmSchema
from tieline.flows.inbound import InboundFlow, InboundRun
from tieline.ports.config import AppConfig
from tieline.ports.crm import Credentials
from tieline.ports.store import Lane
from tieline.store.apps import Apps
from tieline.store.config import Configs
from tieline.store.leases import Leases
from tieline.store.pool import Pool, make_pool
from tieline.store.secrets import Secrets, new_key
from tieline.store.unit_of_work import PostgresStore
from tieline.testing.sessions import MemoryGate, MemoryTokenStore
from tieline.worker.queue import PgQueue

AUTH: Mapping[str, Mapping[str, str]] = {
    "salesforce": {"type": "oauth2", "client_id": "sandbox-client", "client_secret": "sandbox-secret"},
    "hubspot": {"type": "api_key", "api_key": "pat-na1-sandbox"},
}
FIELDS: tuple[tuple[str, str, list[str]], ...] = (
    ("lead_status", "enum", ["New", "Contacted", "Qualified", "Unqualified", "Nurturing"]),
    ("interaction_summary", "string", []),
    ("score", "number", []),
    ("vip", "boolean", []),
    ("renewal_date", "date", []),
    ("plan", "string", []),
)
MAPPED: Mapping[str, Mapping[str, str]] = {
    "salesforce": {
        "phone_number": "Phone", "first_name": "FirstName", "last_name": "LastName", "lead_status": "Lead_Status__c",
        "interaction_summary": "Notes__c", "score": "Score__c", "vip": "VIP__c", "renewal_date": "Renewal_Date__c",
        "plan": "Plan__c",
    },
    "hubspot": {
        "phone_number": "phone", "first_name": "firstname", "last_name": "lastname", "lead_status": "lead_status",
        "interaction_summary": "notes", "score": "score", "vip": "vip", "renewal_date": "renewal_date", "plan": "plan",
    },
}  # fmt: skip
OUTBOUND = ("lead_status", "interaction_summary")


@dataclass
class Setting:
    """Ready to run a read."""

    pool: Pool
    org_id: str
    app: AppConfig
    session: HttpSession
    schema: CrmSchema
    configs: Configs
    store: PostgresStore
    leases: Leases

    async def inbound(self, *, full: bool) -> Mapping[str, Any]:
        """One inbound run; returns the run's row."""
        ids, clock = RandomIds(), SystemClock()
        run_id = ids.new("run")
        async with self.pool.connection() as connection:
            await connection.execute(
                "insert into run (org_id, run_id, app_id, kind, status, triggered_by)"
                " values (%s, %s, %s, 'inbound', 'running', 'manual')",
                (self.org_id, run_id, self.app.app_id),
            )
            lease = await self.leases.acquire(self.org_id, self.app.app_id, Lane.RECURRING, "bench")
            org = await self.configs.get(self.org_id)
            run = InboundRun(self.app, org, self.session, lease, run_id, full)
            await InboundFlow(self.store, clock, ids).run(run, self.schema)
            assert lease is not None
            await self.leases.release(lease)
            await connection.execute("update run set status = 'succeeded' where run_id = %s", (run_id,))
            found = await (
                await connection.execute("select * from run where run_id = %s", (run_id,))
            ).fetchone()
        assert found is not None
        return found


@asynccontextmanager
async def setting(database_url: str, provider: str, crm_url: str) -> AsyncIterator[Setting]:
    """A fresh organisation on the database, its app connected to the sandbox."""
    clock, ids = SystemClock(), RandomIds()
    org_id, app_id = ids.new("org"), ids.new("app")
    async with make_pool(database_url, max_size=4) as pool, httpx2.AsyncClient() as http:
        connector = get_connector(provider)
        session = HttpSession(
            connector, Credentials(crm_url, AUTH[provider]), http=http, token_store=MemoryTokenStore(),
            gate=MemoryGate(), clock=clock, app_id=app_id,
        )  # fmt: skip
        schema = await session.run(connector.describe())
        assert session.identity is not None
        lines = [{"external_field_name": crm, "field_name": ours} for ours, crm in MAPPED[provider].items()]
        app = AppConfig(
            org_id, app_id, "crm", provider, tenant_url=crm_url, connection_status="connected",
            tenant_id=session.identity.tenant_id, schema=schema, mappings_checked=True,
            crm_config={
                "brake": False,  # Everything is changed at once, on purpose.
                "inbound_sync_mappings": lines,
                "outbound_sync_mappings": [line for line in lines if line["field_name"] in OUTBOUND],
            },
        )  # fmt: skip
        await _furnish(pool, app)
        apps = Apps(pool, Secrets.from_text(new_key()))
        async with pool.connection() as connection:
            await apps.save(connection, app, dict(AUTH[provider]))
        leases = Leases(pool)
        leases.duration = leases.duration * 1000  # A benchmark is nobody's rival and keeps no heartbeat.
        store = PostgresStore(pool, PgQueue(database_url), ids)
        yield Setting(
            pool, org_id, replace(app, own_user_id=session.identity.user_id), session, schema,
            Configs(pool, clock, ids), store, leases,
        )  # fmt: skip


async def _furnish(pool: Pool, app: AppConfig) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "insert into organisation (org_id, name) values (%s, %s)", (app.org_id, secrets.token_hex(4))
        )
        await connection.execute(
            "insert into crm_config (org_id, app_id) values (%s, %s)", (app.org_id, app.app_id)
        )
        for position, (name, kind, options) in enumerate(FIELDS):
            await connection.execute(
                "insert into custom_field (org_id, field_id, name, type, options, position)"
                " values (%s, %s, %s, %s, to_jsonb(%s::text[]), %s)",
                (app.org_id, f"field_{name}", name, kind, options, position),
            )
