"""What several suites of the store and the API share: a clock, identifiers and a queue that a test decides or reads."""

import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from psycopg.types.json import Jsonb

from tieline.api.services import Analyses, ApiLimits, BackfillDesk, Connections, Desk, DryRuns, Services
from tieline.connectors.registry import get_connector
from tieline.flows.brake_answers import BrakeAnswers
from tieline.flows.connecting import Connecting
from tieline.flows.dry_running import DryRunning, OpenSession, Parts
from tieline.flows.editing import Editing
from tieline.flows.intake import Intake
from tieline.flows.merging_contacts import ContactMerging
from tieline.flows.planning_backfills import PlanningBackfills
from tieline.flows.previewing import Previewing
from tieline.flows.reviewing import Reviewing
from tieline.flows.undoing import Undoing
from tieline.llm.offline import OfflineModel
from tieline.ports.clock import Clock, Ids
from tieline.ports.config import AppConfig
from tieline.ports.crm import Connector, CrmSession, Identity, Operation
from tieline.ports.errors import TransientError
from tieline.ports.jobs import Handler, Wake, WakeKind
from tieline.ports.store import Lane
from tieline.store.accounts import Accounts
from tieline.store.answers import KeptAnswersStore
from tieline.store.app_changes import PostgresAppStore
from tieline.store.apps import Apps
from tieline.store.backfills import Backfills
from tieline.store.brake import BrakeDesk, PostgresBrakes
from tieline.store.config import Configs
from tieline.store.contacts import ContactEdits, Contacts
from tieline.store.conversations import Conversations
from tieline.store.dry_runs import DryRunReports
from tieline.store.extractions import Extractions
from tieline.store.figures import PostgresFigures
from tieline.store.issues import Issues
from tieline.store.merging import ContactMerges
from tieline.store.organisations import Organisations
from tieline.store.pool import Pool, make_pool
from tieline.store.quota import Quotas
from tieline.store.review import ReviewDesk
from tieline.store.runs import Runs
from tieline.store.secrets import Secrets, new_key
from tieline.store.shadow import PostgresShadows
from tieline.store.undo import UndoDesk
from tieline.store.unit_of_work import PostgresStore
from tieline.store.usage import UsageBook

T = TypeVar("T")

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class FrozenClock:
    """Stands still until it is told to go on."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Moves the time forward."""
        self.at += timedelta(seconds=seconds)


class CountingIds:
    """Identifiers in the order in which they were asked for."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):024x}"


class RecordedQueue:
    """A queue that only remembers what was enqueued, and forgets it with the transaction, by a table of its own."""

    async def enqueue(self, connection: Any, wakes: list[Wake]) -> None:
        for wake in wakes:
            row = {"kind": wake.kind.value, "org_id": wake.org_id, "app_id": wake.app_id}
            await connection.execute("insert into test_wakes (wake) values (%s)", [Jsonb(row)])

    async def run(self, handlers: Mapping[WakeKind, Handler]) -> None:
        raise AssertionError("this queue does not run")

    async def stop(self) -> None:
        raise AssertionError("this queue does not run")


class SilentCrm:
    """A session with a CRM that cannot be reached."""

    identity: Identity | None = None
    requests_sent = 0

    def __init__(self, app: AppConfig, auth: Mapping[str, str], **_: Any) -> None:
        self.connector: Connector = get_connector(app.provider)

    async def run(self, operation: Operation[T], *, send_by: datetime | None = None) -> T:
        raise TransientError("There is no CRM in this test.")


@dataclass
class World:
    """The services on a database of a test's own, and what a test looks behind them with."""

    services: Services
    clock: FrozenClock
    ids: CountingIds
    store: PostgresStore

    @property
    def pool(self) -> Pool:
        return self.services.pool

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """What a query of the test finds."""
        async with self.pool.connection() as connection:
            return await (await connection.execute(query.encode(), values)).fetchall()

    async def run(self, query: str, *values: Any) -> None:
        """Runs a statement of the test."""
        async with self.pool.connection() as connection:
            await connection.execute(query.encode(), values)

    async def wakes(self) -> list[tuple[str, str, str]]:
        """Kind, organisation and app of what was enqueued and committed."""
        rows = await self.rows("select wake from test_wakes order by at")
        return [(row["wake"]["kind"], row["wake"]["org_id"], row["wake"]["app_id"]) for row in rows]

    async def org(self, name: str = "Acme") -> tuple[str, str]:
        """A new organisation and an API key of it."""
        org = await self.services.accounts.create_organisation(name)
        key = await self.services.accounts.create_key(org.org_id, "test")
        return org.org_id, key.text

    async def app(
        self, org_id: str, *, linked: bool = True, tenant_id: str | None = "00D1", **config: Any
    ) -> str:
        """A connected Salesforce app as its own router would leave it."""
        app_id = self.ids.new("app")
        await self.run(
            "insert into app (org_id, app_id, type, provider, name, connection_status, tenant_id, crm_config)"
            " values (%s, %s, 'crm', 'salesforce', 'Prod SF', 'connected', %s, %s::jsonb)",
            org_id, app_id, tenant_id, json.dumps(config),
        )  # fmt: skip
        if linked:
            await self.run(
                "insert into crm_config (org_id, app_id) values (%s, %s)"
                " on conflict (org_id) do update set app_id = excluded.app_id",
                org_id, app_id,
            )  # fmt: skip
        return app_id

    async def link(
        self, org_id: str, contact_id: str, external_id: str = "003A", tenant: str = "salesforce:00D1"
    ) -> None:
        """An open link as a read would leave it."""
        await self.run(
            "insert into link (org_id, tenant_key, external_id, contact_id, status) values (%s, %s, %s, %s, 'open')",
            org_id, tenant, external_id, contact_id,
        )  # fmt: skip


def url_of(pool: Pool) -> str:
    """The database that a pool is on."""
    assert isinstance(pool.conninfo, str)
    return pool.conninfo


def dry_runs_on(pool: Pool, apps: Apps, clock: Clock, ids: Ids, sessions: OpenSession) -> DryRuns:
    """Dry runs without a model, as `bootstrap` makes them."""
    configs = Configs(pool, clock, ids)
    store, reports = PostgresStore(pool, RecordedQueue(), ids), DryRunReports(pool)
    figures = PostgresFigures(pool, Quotas(pool, clock, get_connector), clock)
    parts = Parts(
        PostgresShadows(url_of(pool), ids), reports, figures, store, PostgresBrakes(), Organisations(configs, apps),
        sessions, OfflineModel(), KeptAnswersStore(pool), clock, ids,
    )  # fmt: skip
    return DryRuns(DryRunning(parts), reports)


async def no_session(app: AppConfig, lane: Lane) -> CrmSession:
    """There is no CRM."""
    raise TransientError("There is no CRM here.")


@asynccontextmanager
async def world_on(url: str, limits: ApiLimits | None = None) -> AsyncIterator[World]:
    """A world on a migrated database."""
    async with make_pool(url) as pool:
        async with pool.connection() as connection:
            await connection.execute("create table if not exists test_wakes (at bigserial, wake jsonb)")
        clock, ids = FrozenClock(), CountingIds()
        store = PostgresStore(pool, RecordedQueue(), ids)
        conversations = Conversations(pool, store, clock)
        sealer, queue, configs = Secrets.from_text(new_key()), RecordedQueue(), Configs(pool, clock, ids)
        app_store = PostgresAppStore(pool, Apps(pool, sealer), configs, queue, ids)
        merging = ContactMerging(ContactMerges(store), clock)
        reviewing = Reviewing(ReviewDesk(store, Apps(pool, sealer), queue), merging, clock)
        connecting = Connecting(app_store, get_connector, SilentCrm, clock, ids, sandbox_mode=False)
        backfills = Backfills(pool, queue, ids)
        services = Services(
            pool=pool,
            accounts=Accounts(pool, sealer, clock, ids),
            contacts=Contacts(pool, clock),
            configs=configs,
            conversations=conversations,
            editing=Editing(ContactEdits(store, clock), clock, ids),
            intake=Intake(conversations, clock),
            clock=clock,
            limits=limits or ApiLimits(),
            connections=Connections(connecting, Runs(pool, queue, ids), Quotas(pool, clock, get_connector)),
            analyses=Analyses(
                Extractions(pool, store, configs, queue),
                UsageBook(pool),
                BackfillDesk(
                    backfills, PlanningBackfills(backfills, Organisations(configs, Apps(pool, sealer)), {})
                ),
            ),
            desk=Desk(
                merging,
                reviewing,
                Issues(pool, queue, ids),
                BrakeAnswers(BrakeDesk(store, queue, ids), clock),
            ),
            previewing=Previewing(
                store, Organisations(configs, Apps(pool, sealer)), OfflineModel(), KeptAnswersStore(pool)
            ),
            undoing=Undoing(UndoDesk(store), Organisations(configs, Apps(pool, sealer)), clock, ids),
            dry_runs=dry_runs_on(pool, Apps(pool, sealer), clock, ids, no_session),
        )
        yield World(services, clock, ids, store)
