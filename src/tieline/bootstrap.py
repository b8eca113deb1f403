"""The only module that picks adapters: settings in, wired objects out. No rule of the product lives here.

The queue comes as a factory, since its adapter lies above this layer; the entry points pass it in.
"""

import asyncio
import gc
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2

from tieline.config import Settings
from tieline.connectors.http import HttpSession
from tieline.connectors.registry import get_connector, with_spec
from tieline.domain.backfill import Rate
from tieline.flows.brake_answers import BrakeAnswers
from tieline.flows.config_file import ConfigFiles
from tieline.flows.connecting import Connecting
from tieline.flows.dry_running import DryRunning, Parts
from tieline.flows.editing import Editing
from tieline.flows.intake import Intake
from tieline.flows.merging_contacts import ContactMerging
from tieline.flows.planning_backfills import PlanningBackfills
from tieline.flows.previewing import Previewing
from tieline.flows.reviewing import Reviewing
from tieline.flows.undoing import Undoing
from tieline.llm.extractor import model_extractor
from tieline.llm.merge_model import merge_model
from tieline.llm.models import ModelSpec
from tieline.llm.offline import OfflineModel
from tieline.ports.clock import Clock, Ids
from tieline.ports.config import AppConfig
from tieline.ports.crm import Connector, Credentials
from tieline.ports.jobs import JobQueue
from tieline.ports.llm import Extractor, MergeModel, ModelUse
from tieline.ports.session import OnIdentity, TokenStore
from tieline.ports.store import Lane
from tieline.store.accounts import Accounts
from tieline.store.answers import KeptAnswersStore
from tieline.store.app_changes import PostgresAppStore
from tieline.store.apps import Apps
from tieline.store.backfills import Backfills
from tieline.store.brake import BrakeDesk, PostgresBrakes
from tieline.store.config import Configs
from tieline.store.config_file import PostgresConfigFiles
from tieline.store.contacts import ContactEdits, Contacts
from tieline.store.conversations import Conversations
from tieline.store.dry_runs import DryRunReports
from tieline.store.due_work import DueWork
from tieline.store.embedded import EmbeddedServer, ensure_database, find_binaries
from tieline.store.extractions import Extractions
from tieline.store.figures import PostgresFigures
from tieline.store.issues import Issues
from tieline.store.leases import Leases
from tieline.store.members import Members
from tieline.store.merging import ContactMerges
from tieline.store.organisations import Organisations
from tieline.store.pool import Pool, make_pool
from tieline.store.quota import QuotaBook, Quotas, rules_for
from tieline.store.rate_limit import PostgresGate
from tieline.store.review import ReviewDesk
from tieline.store.runs import Runs
from tieline.store.secrets import Secrets
from tieline.store.shadow import PostgresShadows
from tieline.store.tokens import AppTokens
from tieline.store.undo import UndoDesk
from tieline.store.unit_of_work import PostgresStore
from tieline.store.usage import UsageBook

QueueFactory = Callable[[str], JobQueue]


class NotMigratedError(Exception):
    """The database of one's own lacks tables of this version."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)


class RandomIds:
    """Identifiers from the system's source of chance."""

    def new(self, prefix: str) -> str:
        """`prefix_` and 24 hexadecimal characters."""
        return f"{prefix}_{secrets.token_hex(12)}"


@dataclass(frozen=True, slots=True)
class Sessions:
    """Makes connections to CRMs. Implements `ports.connections.SessionFactory`."""

    pool: Pool
    http: httpx2.AsyncClient
    clock: Clock
    lost_answer_wait_s: float | None = None
    issues: Issues | None = None
    connectors: Callable[[str], Connector] = get_connector

    def __call__(
        self,
        app: AppConfig,
        auth: Mapping[str, str],
        *,
        tokens: TokenStore,
        on_identity: OnIdentity,
        lane: Lane = Lane.LIVE,
    ) -> HttpSession:
        """A connection with these credentials; its pace is shared with all others of the app."""
        connector = self.connectors(app.provider)
        if self.lost_answer_wait_s is not None:
            connector = with_spec(
                connector, request_timeout_s=0.0, activity_settle_s=self.lost_answer_wait_s, search_lag_s=0.0
            )
        rules, quota = connector.spec.rate_rules, self.quota_of(app, lane)
        return HttpSession(
            connector,
            Credentials(app.tenant_url, auth),
            http=self.http,
            token_store=tokens,
            gate=PostgresGate(self.pool, app.org_id, app.app_id, rules, self.clock, lane=lane, quota=quota),
            clock=self.clock,
            app_id=app.app_id,
            on_identity=on_identity,
        )

    def quota_of(self, app: AppConfig, lane: Lane = Lane.LIVE) -> QuotaBook | None:
        """The app's budget of daily requests; None for a CRM that has no such limit."""
        limit = self.connectors(app.provider).spec.daily_limit
        if limit is None:
            return None
        rules = rules_for(app, limit)
        return QuotaBook(
            self.pool, app.org_id, app.app_id, limit, rules, self.clock, lane=lane, issues=self.issues
        )


@dataclass(frozen=True, slots=True)
class Tieline:
    """Everything, wired: what the API, the worker and the command line work with."""

    settings: Settings
    database_url: str
    pool: Pool
    sessions: Sessions
    clock: Clock
    ids: Ids
    jobs: JobQueue
    store: PostgresStore
    accounts: Accounts
    members: Members
    configs: Configs
    apps: Apps
    connecting: Connecting
    config_files: ConfigFiles
    contacts: Contacts
    conversations: Conversations
    editing: Editing
    intake: Intake
    runs: Runs
    issues: Issues
    quotas: Quotas
    merging: ContactMerging
    reviewing: Reviewing
    braking: BrakeAnswers
    leases: Leases
    due_work: DueWork
    merger: MergeModel
    memory_merger: MergeModel
    memory_reader: Extractor | None
    answers: KeptAnswersStore
    backfills: Backfills
    planning_backfills: PlanningBackfills
    previewing: Previewing
    extractor: Extractor | None
    extractions: Extractions
    usage: UsageBook

    async def session_for(self, app: AppConfig, lane: Lane) -> HttpSession:
        """A connection to a saved app's CRM. It ends before anything is sent if the tenant is another one."""
        return self.sessions(
            app,
            await self.apps.credentials(app.org_id, app.app_id),
            tokens=AppTokens(self.apps, app.org_id, app.app_id),
            on_identity=self.connecting.tenancy.guard(app.org_id, app.app_id),
            lane=lane,
        )


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[str]:
    """The URL of a database with all tables; without one of the user's own, a server of ours runs meanwhile.

    Raises EmbeddedServerError, NotMigratedError, psycopg.Error.
    """
    from tieline.store.migrate import migrate, status  # slow to load, and tieline --help needs none

    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        standing = await asyncio.to_thread(status, url)
        if not standing.up_to_date:
            raise NotMigratedError(
                f"The database is at revision {standing.current or 'none'} and this version needs"
                f" {standing.newest}: run tieline migrate."
            )
        yield url
        return
    starting = asyncio.ensure_future(asyncio.to_thread(start_embedded, settings))
    try:
        server = await asyncio.shield(starting)
    except asyncio.CancelledError:
        # The thread goes on: what it starts must not outlive us unowned.
        (await starting).stop()
        raise
    try:
        url = await asyncio.to_thread(ensure_database, server.url(), "tieline")
        await asyncio.to_thread(migrate, url)
        yield url
    finally:
        await asyncio.to_thread(server.stop)


def start_embedded(settings: Settings) -> EmbeddedServer:
    """Our own server in the data directory, started or joined."""
    prefer = None if settings.postgres == "auto" else settings.postgres
    return EmbeddedServer.start(settings.data_dir / "postgres", find_binaries(prefer))


def tune_collector() -> None:
    """Lets the collector look at fewer moments. A page of records is many small objects that live briefly and form no
    circles; looking through them every 700 of them cost a third of an import (measured, docs/benchmarks.md).
    """
    gc.set_threshold(100_000, 50, 100)


@asynccontextmanager
async def open_tieline(settings: Settings, make_queue: QueueFactory) -> AsyncIterator[Tieline]:
    """Opens everything and closes it again."""
    tune_collector()
    sealer = _secrets(settings)
    async with (
        database(settings) as url,
        make_pool(url, max_size=settings.pool_size) as pool,
        httpx2.AsyncClient(timeout=60.0) as http,
    ):
        yield wire(settings, url, pool, http, sealer, make_queue(url))


def wire(
    settings: Settings,
    url: str,
    pool: Pool,
    http: httpx2.AsyncClient,
    sealer: Secrets,
    jobs: JobQueue,
    clock: Clock | None = None,
) -> Tieline:
    """Puts the adapters together; opens nothing. `clock`: the machine's by default."""
    clock, ids = clock or SystemClock(), RandomIds()
    store = PostgresStore(pool, jobs, ids)
    conversations = Conversations(pool, store, clock)
    issues = Issues(pool, jobs, ids)
    sessions = Sessions(pool, http, clock, settings.lost_answer_wait_s, issues=issues)
    apps, configs = Apps(pool, sealer), Configs(pool, clock, ids)
    merging = ContactMerging(ContactMerges(store), clock)
    merger, answers = _merger(settings), KeptAnswersStore(pool)
    backfills = Backfills(pool, jobs, ids)
    connecting = Connecting(
        PostgresAppStore(pool, apps, configs, jobs, ids),
        get_connector,
        sessions,
        clock,
        ids,
        sandbox_mode=settings.sandbox_mode,
    )
    extractions = Extractions(pool, store, configs, jobs)
    return Tieline(
        settings=settings,
        database_url=url,
        pool=pool,
        sessions=sessions,
        clock=clock,
        ids=ids,
        jobs=jobs,
        store=store,
        accounts=Accounts(pool, sealer, clock, ids),
        members=Members(pool, clock, ids),
        configs=configs,
        apps=apps,
        connecting=connecting,
        config_files=ConfigFiles(PostgresConfigFiles(pool, configs, apps, extractions), connecting),
        contacts=Contacts(pool, clock),
        conversations=conversations,
        editing=Editing(ContactEdits(store, clock), clock, ids),
        intake=Intake(conversations, clock),
        runs=Runs(pool, jobs, ids),
        issues=issues,
        quotas=Quotas(pool, clock, sessions.connectors),
        merging=merging,
        reviewing=Reviewing(ReviewDesk(store, apps, jobs), merging, clock),
        braking=BrakeAnswers(BrakeDesk(store, jobs, ids), clock),
        leases=Leases(pool),
        due_work=DueWork(pool, jobs),
        merger=merger,
        memory_merger=_merger(settings, ModelUse.MEMORY),
        memory_reader=_extractor(settings, ModelUse.MEMORY),
        answers=answers,
        backfills=backfills,
        planning_backfills=PlanningBackfills(
            backfills, Organisations(configs, apps), {use: rate_of(settings, use) for use in ModelUse}
        ),
        previewing=Previewing(store, Organisations(configs, apps), merger, answers),
        extractor=_extractor(settings),
        extractions=extractions,
        usage=UsageBook(pool),
    )


def dry_running(tieline: Tieline) -> DryRunning:
    """What tries runs of what is wired."""
    return DryRunning(
        Parts(
            shadows=PostgresShadows(tieline.database_url, tieline.ids),
            book=DryRunReports(tieline.pool),
            figures=PostgresFigures(tieline.pool, tieline.quotas, tieline.clock),
            store=tieline.store,
            brakes=PostgresBrakes(),
            config=Organisations(tieline.configs, tieline.apps),
            sessions=tieline.session_for,
            merger=tieline.merger,
            answers=tieline.answers,
            clock=tieline.clock,
            ids=tieline.ids,
        )
    )


def undoing(tieline: Tieline) -> Undoing:
    """What takes back runs, conversations and changes."""
    organisations = Organisations(tieline.configs, tieline.apps)
    return Undoing(UndoDesk(tieline.store), organisations, tieline.clock, tieline.ids)


def _secrets(settings: Settings) -> Secrets:
    if settings.secret_key is not None:
        return Secrets.from_text(settings.secret_key.get_secret_value())
    return Secrets.from_file(settings.secret_key_file)


def _merger(settings: Settings, use: ModelUse = ModelUse.MERGE) -> MergeModel:
    spec = model_spec(settings, use)
    return OfflineModel() if spec is None else merge_model(spec)


def _extractor(settings: Settings, use: ModelUse = ModelUse.ANALYSIS) -> Extractor | None:
    spec = model_spec(settings, use)
    return None if spec is None else model_extractor(spec)


def model_spec(settings: Settings, use: ModelUse) -> ModelSpec | None:
    """The model for a use, as the settings have it; None for none."""
    model = settings.model_for(use)
    if model is None or model.model is None:
        return None
    return ModelSpec(
        use,
        model.model,
        provider=model.provider or "openai",
        base_url=model.base_url,
        api_key=model.api_key.get_secret_value() if model.api_key else None,
        timeout_s=model.timeout_s or settings.model_timeout_s,
        input_price=model.input_price or 0.0,
        output_price=model.output_price or 0.0,
        output=model.output or "auto",
        prompt_version=model.prompt_version,
    )


def rate_of(settings: Settings, use: ModelUse) -> Rate | None:
    """What the model for a use costs; None for none."""
    spec = model_spec(settings, use)
    return None if spec is None else Rate(spec.model, spec.input_price, spec.output_price)


def part_tokens(settings: Settings) -> int:
    """How many tokens of a transcript the analysis reads at once."""
    model = settings.model_for(ModelUse.ANALYSIS)
    return (model.part_tokens if model else None) or settings.model_part_tokens
