"""A whole Tieline in one process for tests of the flows: real Postgres, a sandbox CRM, no worker.

What a worker would do at some moment, a test does when it says so.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import httpx2
from psycopg.types.json import Jsonb
from tests.support import CountingIds

from tieline.connectors.http import HttpSession
from tieline.connectors.registry import get_connector, with_spec
from tieline.domain.changeset import Source, SourceKind
from tieline.domain.crm_schema import CrmSchema
from tieline.domain.edits import plan_edit
from tieline.domain.values import Value
from tieline.flows.activity import ActivityFlow
from tieline.flows.analysis import AnalysisFlow
from tieline.flows.brake import Braking
from tieline.flows.brake_outbound import OutboundBrake
from tieline.flows.inbound import PAGE_SIZE, InboundFlow, InboundRun
from tieline.flows.outbound import OutboundFlow, PushResult
from tieline.llm.offline import OfflineModel
from tieline.ports.clock import to_ms
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.crm import Capability, Credentials
from tieline.ports.jobs import Wake
from tieline.ports.session import RateGate
from tieline.ports.store import Lane, Lease, Origin
from tieline.sandbox.kernel.app import make_app
from tieline.sandbox.kernel.gate import ConnectionDropped
from tieline.store.apps import Apps
from tieline.store.brake import PostgresBrakes
from tieline.store.config import Configs
from tieline.store.leases import Leases
from tieline.store.pool import Connection, Pool, make_pool
from tieline.store.secrets import Secrets, new_key
from tieline.store.unit_of_work import PostgresStore
from tieline.testing.sessions import MemoryGate, MemoryTokenStore

ORG = "org_test"
APP = "app_test"


class MovableClock:
    """The machine's clock, plus what a test added. Sleeping moves it on."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


@dataclass
class RecordedJobs:
    """Keeps wake-ups instead of acting on them."""

    wakes: list[Wake] = field(default_factory=list)

    async def enqueue(self, connection: Connection, wakes: list[Wake]) -> None:
        self.wakes += wakes

    async def run(self, handlers: object) -> None:
        raise NotImplementedError("tests act by hand")

    async def stop(self) -> None:
        raise NotImplementedError("tests act by hand")


class Wire(httpx2.AsyncBaseTransport):
    """Hands requests to the sandbox in process, and fails as a network does.

    `cut_after`: how many more requests of the CRM's API get through. `patience_s`: how long an answer is waited for.
    `meanwhile`: what happens once, just before a request leaves whose address contains that text.
    """

    def __init__(self, crm: Any) -> None:
        self._inner = httpx2.ASGITransport(app=make_app(crm))
        self.cut_after: int | None = None
        self.patience_s: float | None = None
        self.meanwhile: tuple[str, Callable[[], Awaitable[None]]] | None = None
        self._late: set[asyncio.Task[httpx2.Response]] = set()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if "/__sandbox__/" in str(request.url):
            return await self._inner.handle_async_request(request)
        if self.cut_after is not None:
            if self.cut_after == 0:
                raise httpx2.ConnectError("the network is down", request=request)
            self.cut_after -= 1
        if self.meanwhile is not None and self.meanwhile[0] in f"{request.method} {request.url}":
            happening, self.meanwhile = self.meanwhile[1], None
            await happening()
        task = asyncio.create_task(self._inner.handle_async_request(request))
        done, _ = await asyncio.wait({task}, timeout=self.patience_s)
        if not done:
            self._late.add(task)
            raise httpx2.ReadTimeout("no answer", request=request)
        try:
            return task.result()
        except ConnectionDropped:
            raise httpx2.ReadError("the connection was closed", request=request) from None

    async def settled(self) -> None:
        """Waits for the requests whose answer nobody waited for."""
        await asyncio.gather(*self._late, return_exceptions=True)


@dataclass
class House:
    """Everything a test needs, and the four flows as verbs."""

    pool: Pool
    http: httpx2.AsyncClient
    wire: Wire
    url: str
    provider: str
    clock: MovableClock
    store: PostgresStore
    apps: Apps
    configs: Configs
    leases: Leases
    ids: CountingIds
    jobs: RecordedJobs
    token_store: MemoryTokenStore = field(default_factory=MemoryTokenStore)
    gate: RateGate | None = None
    lacks: frozenset[Capability] = frozenset()
    """What the CRM's connector does not declare, other than in truth."""

    @property
    def braking(self) -> Braking:
        return Braking(PostgresBrakes(), self.store, self.clock, self.ids)

    @cached_property
    def outbound_brake(self) -> OutboundBrake:
        return OutboundBrake(self.braking)

    async def app(self) -> AppConfig:
        return await self.apps.get(ORG, APP)

    async def org(self, org_id: str = ORG) -> OrgConfig:
        return await self.configs.get(org_id)

    async def linked_app(self, org_id: str) -> AppConfig | None:
        return await self.app()

    async def session(self) -> HttpSession:
        auth = await self.apps.credentials(ORG, APP)
        connector = get_connector(self.provider)
        declared = connector.spec.capabilities - self.lacks
        return HttpSession(
            with_spec(connector, capabilities=declared), Credentials(self.url, auth), http=self.http,
            token_store=self.token_store, gate=self.gate or MemoryGate(), clock=self.clock, app_id=APP,
        )  # fmt: skip

    async def schema(self) -> CrmSchema:
        session = await self.session()
        return await session.run(session.connector.describe())

    @asynccontextmanager
    async def lane(self, lane: Lane) -> AsyncIterator[Lease]:
        lease = await self.leases.acquire(ORG, APP, lane, "test")
        assert lease is not None
        try:
            yield lease
        finally:
            await self.leases.release(lease)

    async def sync(
        self, *, full: bool = False, resumed_since: datetime | None = None, page_size: int = PAGE_SIZE
    ) -> Mapping[str, int]:
        """One inbound run, or the rest of one that began then; returns its counts."""
        run_id = self.ids.new("run")
        await self.sql(
            "insert into run (org_id, run_id, app_id, kind, status, triggered_by)"
            " values (%s, %s, %s, 'inbound', 'running', 'manual')", ORG, run_id, APP,
        )  # fmt: skip
        flow = InboundFlow(self.store, self.clock, self.ids, self.braking, page_size=page_size)
        async with self.lane(Lane.RECURRING) as lease:
            run = InboundRun(
                await self.app(), await self.org(), await self.session(), lease, run_id, full, resumed_since
            )
            try:
                await flow.run(run, await self.schema())
            finally:
                await self.sql("update run set status = 'succeeded' where run_id = %s", run_id)
        counts = (await self.rows("select counts from run where run_id = %s", run_id))[0]["counts"]
        assert isinstance(counts, dict)
        return counts

    async def push(self, schema: CrmSchema | None = None) -> PushResult:
        """One pass of the push flow."""
        flow = OutboundFlow(self.store, self.clock, self.ids, self.outbound_brake)
        async with self.lane(Lane.LIVE) as lease:
            return await flow.push(
                await self.app(), await self.org(), await self.session(), lease, schema or await self.schema()
            )

    async def analyse(self) -> int:
        """One pass of the analysis flow."""

        async def fresh_read(app: AppConfig, external_ids: Sequence[str]) -> None:
            run = InboundRun(app, await self.org(), await self.session(), None, "", False)
            await InboundFlow(self.store, self.clock, self.ids).read_records(
                run, await self.schema(), external_ids
            )

        flow = AnalysisFlow(self.store, self, OfflineModel(), self.clock, self.ids, fresh_read)
        return await flow.run(ORG)

    async def log(self) -> int:
        """One pass of the activity flow."""
        async with self.lane(Lane.LIVE) as lease:
            result = await ActivityFlow(self.store, self.clock).run(
                await self.app(), await self.session(), lease
            )
        return result.written

    async def conversation(
        self, conversation_id: str, number: str, analysis: Mapping[str, Any], *,
        type: str = "call", ended_ago: timedelta = timedelta(seconds=0), version: str = "v1",
    ) -> None:  # fmt: skip
        """A conversation that ended, as the intake would leave it."""
        ended = self.clock.now() - ended_ago
        await self.sql(
            "insert into conversation (org_id, platform, conversation_id, type, direction, from_number, to_number,"
            " status, started_at, ended_at, duration_ms, summary, analysis, analysis_version, due_at)"
            " values (%s, 'retell', %s, %s, 'outbound', '+14155559999', %s, 'analyzed', %s, %s, 61000, %s, %s, %s, %s)"
            " on conflict (org_id, platform, conversation_id) do update set analysis = excluded.analysis,"
            " analysis_version = excluded.analysis_version, due_at = excluded.due_at, updated_at = now()",
            ORG, conversation_id, type, number, ended - timedelta(seconds=61), ended,
            analysis.get("call_summary"), Jsonb(dict(analysis)), version, self.clock.now(),
        )  # fmt: skip

    async def edit(self, number: str, **values: Value) -> None:
        """A person changes a contact here."""
        org = await self.org()
        async with self.store.transaction() as uow:
            contact = (await uow.contacts_by_phone(ORG, [number], lock=True))[number]
            source = Source(SourceKind.PERSON, to_ms(self.clock.now()), "ann")
            await uow.apply(ORG, plan_edit(contact, values, org.fields, source), Origin())

    async def fault(self, kind: str, operation: str | None = None, **spec: Any) -> None:
        """Something that goes wrong at the CRM."""
        match = {"match": {"operation": operation}} if operation else {}
        await self.admin("faults", kind=kind, **match, **spec)

    async def cured(self) -> None:
        """Nothing goes wrong any more."""
        await self.http.delete(f"{self.url}/__sandbox__/faults")

    async def requests(self, operation: str) -> int:
        """How many requests of that kind the CRM has seen."""
        answer = await self.http.get(f"{self.url}/__sandbox__/requests", params={"operation": operation})
        return len(answer.json()["requests"])

    async def later(self, **span: float) -> None:
        """Time passes, here and in the CRM."""
        self.clock.ahead += timedelta(**span)
        await self.admin("clock", advance=timedelta(**span).total_seconds())

    async def value(self, number: str, name: str) -> Any:
        """A field of a contact."""
        row = await self.contact(number)
        return (
            row[name]
            if name in ("first_name", "last_name", "do_not_call")
            else row["custom_fields"].get(name)
        )

    async def contact(self, number: str) -> dict[str, Any]:
        """The contact's row."""
        found = await self.rows(
            "select * from contact where phone_number = %s and merged_into is null", number
        )
        assert found, f"no contact has {number}"
        return found[0]

    async def ledger(self, field_name: str) -> list[dict[str, Any]]:
        """The ledger of a field, oldest first."""
        return await self.rows("select * from ledger where field_name = %s order by entry_id", field_name)

    async def issues(self) -> list[str]:
        """Kinds of open issues."""
        return [
            row["kind"]
            for row in await self.rows("select kind from issue where closed_at is null order by kind")
        ]

    async def admin(self, what: str, **spec: Any) -> Any:
        """Steers the sandbox; each CRM calls its fields by its own word."""
        if self.provider == "hubspot" and "fields" in spec:
            spec["properties"] = {name: _text(value) for name, value in spec.pop("fields").items()}
        answer = await self.http.post(f"{self.url}/__sandbox__/{what}", json=spec)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        async with self.pool.connection() as connection:
            return await (await connection.execute(query, values)).fetchall()

    async def sql(self, query: str, *values: Any) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(query, values)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


@asynccontextmanager
async def house(db_url: str, provider: str, crm: Any, auth: Mapping[str, str]) -> AsyncIterator[House]:
    """A house on a fresh database and a fresh sandbox."""
    url = "http://127.0.0.1:9"  # Never dialled: the transport hands requests to the sandbox directly.
    wire = Wire(crm)
    clock, ids, jobs = MovableClock(), CountingIds(), RecordedJobs()
    async with make_pool(db_url, max_size=4) as pool, httpx2.AsyncClient(transport=wire) as http:
        apps = Apps(pool, Secrets.from_text(new_key()))
        made = House(
            pool, http, wire, url, provider, clock, PostgresStore(pool, jobs, ids), apps, Configs(pool, clock, ids),
            Leases(pool), ids, jobs,
        )  # fmt: skip
        await made.sql("insert into organisation (org_id, name) values (%s, 'Test')", ORG)
        async with pool.connection() as connection:
            app = AppConfig(ORG, APP, "crm", provider, tenant_url=url, connection_status="connected")
            await apps.save(connection, app, auth)
        await made.sql("insert into crm_config (org_id, app_id) values (%s, %s)", ORG, APP)
        yield made
