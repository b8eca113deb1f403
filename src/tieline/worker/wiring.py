"""The flows as a worker calls them: each with its app, its configuration and a session, until nothing is left.

Only joins what `bootstrap` made; no decision about an error is taken here.
"""

from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

from tieline.bootstrap import Tieline, part_tokens
from tieline.domain.crm_schema import CrmSchema
from tieline.flows.activity import ActivityFlow
from tieline.flows.analysis import AnalysisFlow
from tieline.flows.audit import AuditFlow
from tieline.flows.backfilling import Backfilling
from tieline.flows.brake import Braking
from tieline.flows.brake_outbound import OutboundBrake
from tieline.flows.configuration import ConfigurationError
from tieline.flows.creating import CreatingFlow
from tieline.flows.extracting import ExtractingFlow
from tieline.flows.inbound import InboundFlow, InboundRun
from tieline.flows.keeping_memory import MemoryKeeping
from tieline.flows.outbound import OutboundFlow
from tieline.flows.remembering import Remembering
from tieline.flows.replaying_contacts import ContactSaving
from tieline.flows.tally import PassTally
from tieline.flows.tenancy import TenantMismatchError
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.crm import CrmSession
from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.store import Lane, Lease
from tieline.store.apps import UnknownAppError
from tieline.store.audit import PostgresAudits
from tieline.store.brake import PostgresBrakes
from tieline.store.passes import Passes
from tieline.store.runs import Run
from tieline.worker.jobs import Flows, Jobs
from tieline.worker.passes import errors_told, told
from tieline.worker.queue import PgQueue
from tieline.worker.worker import Worker, worker_name

# What is due later than this is found by the sweep.
_SOON_S = 30.0
_REFUSED = "credentials"
# A session asks the CRM who we are when it begins; live passes follow each other too closely to pay for that each time.
_SESSION_LASTS = timedelta(seconds=60)
# The analysis that a fresh read is for.
_analysing: ContextVar[PassTally] = ContextVar("analysing")


class NotReadyError(Exception):
    """The app may not run: it is not connected, not checked, stopped, or no longer the one that syncs contacts."""


@dataclass(frozen=True, slots=True)
class _Ready:
    app: AppConfig
    org: OrgConfig
    session: CrmSession
    schema: CrmSchema


class WiredFlows:
    """Every flow as `worker.jobs` wants it."""

    def __init__(self, tieline: Tieline) -> None:
        self._tieline = tieline
        self._passes = Passes(tieline.pool)
        self._live_sessions: dict[tuple[object, ...], tuple[datetime, CrmSession]] = {}
        store, clock, ids = tieline.store, tieline.clock, tieline.ids
        braking = Braking(PostgresBrakes(), store, clock, ids)
        outbound_brake = OutboundBrake(braking)
        self._inbound = InboundFlow(store, clock, ids, braking)
        self._audit = AuditFlow(store, PostgresAudits(), self._inbound, braking, clock, ids)
        self._outbound = OutboundFlow(store, clock, ids, outbound_brake)
        self._activity = ActivityFlow(store, clock)
        self._creating = CreatingFlow(store, clock, ids, outbound_brake)
        saving = ContactSaving(store, tieline.merger, tieline.memory_merger, tieline.answers)
        remembering = Remembering(
            tieline.memory_reader, tieline.answers, part_tokens=part_tokens(tieline.settings)
        )
        self._analysis = AnalysisFlow(
            store, self, tieline.merger, clock, ids, self._fresh_read, tieline.answers,
            MemoryKeeping(store, remembering, saving),
        )  # fmt: skip
        self._backfilling = Backfilling(
            store, tieline.backfills, self, saving, remembering, clock, extracts=tieline.extractor is not None
        )
        self._extracting = ExtractingFlow(
            tieline.extractions, tieline.extractor, clock, ids, part_tokens=part_tokens(tieline.settings)
        )

    def flows(self) -> Flows:
        """The flows for the handlers."""
        return Flows(
            inbound=self.inbound,
            audit=self.audit,
            push=self.push,
            activity=self.activity,
            analysis=self.analysis,
            extraction=self.extraction,
            backfill=self.backfill,
            due_backfill=self._tieline.backfills.due,
            reconnect=self.reconnect,
            stop_app=self.stop_app,
            wake=self.wake,
            refusals=(ConfigurationError, NotReadyError, TenantMismatchError),
        )

    # What the analysis flow reads

    async def org(self, org_id: str) -> OrgConfig:
        """The organisation's fields and mappings."""
        return await self._tieline.configs.get(org_id)

    async def linked_app(self, org_id: str) -> AppConfig | None:
        """The app that syncs contacts, connected or not."""
        app_id = (await self._tieline.configs.get(org_id)).app_id
        return await self._tieline.apps.get(org_id, app_id) if app_id else None

    # The flows

    async def inbound(self, run: Run, lease: Lease) -> None:
        """One inbound run, with the schema as it is now; then whatever waited for it."""
        async with errors_told(self._passes, lease.org_id, run.run_id):
            ready = await self._ready(lease.org_id, lease.app_id, lease.lane, live_schema=True)
            # A first attempt has done nothing yet, whatever the two machines' clocks say.
            since = run.started_at if run.attempts > 1 else None
            inbound = InboundRun(ready.app, ready.org, ready.session, lease, run.run_id, run.full_read, since)
            await self._inbound.run(inbound, ready.schema)
        await self._tieline.issues.settle_for_app(lease.org_id, lease.app_id, _REFUSED, "the CRM lets us in")
        for kind in (WakeKind.PUSH, WakeKind.ACTIVITY):
            await self.wake(Wake(kind, lease.org_id, lease.app_id))

    async def audit(self, run: Run, lease: Lease) -> None:
        """One audit, with the schema as it is now."""
        async with errors_told(self._passes, lease.org_id, run.run_id):
            ready = await self._ready(lease.org_id, lease.app_id, lease.lane, live_schema=True)
            audit = InboundRun(ready.app, ready.org, ready.session, lease, run.run_id, True)
            await self._audit.run(audit, ready.schema, calculated=run.kind == "calculated")

    async def push(self, org_id: str, app_id: str, lease: Lease) -> float | None:
        """Pushes until nothing is dirty that may be pushed now."""
        ready = await self._ready(org_id, app_id, lease.lane)
        async with told(self._passes, self._tieline.ids, "outbound", org_id, ready.session) as tally:
            while (
                await self._outbound.push(ready.app, ready.org, ready.session, lease, ready.schema, tally)
            ).looked:
                continue
        return await self._soon(WakeKind.PUSH, ready.app)

    async def activity(self, org_id: str, app_id: str, lease: Lease) -> float | None:
        """Gives contacts the records that they still need, then logs until nothing is due."""
        ready = await self._ready(org_id, app_id, lease.lane)
        async with told(self._passes, self._tieline.ids, "creating", org_id, ready.session) as tally:
            while (
                await self._creating.run(ready.app, ready.org, ready.session, lease, ready.schema, tally)
            ).looked:
                continue
        async with told(self._passes, self._tieline.ids, "activity", org_id, ready.session) as tally:
            while (await self._activity.run(ready.app, ready.session, lease, tally)).looked:
                continue
        return await self._soon(WakeKind.ACTIVITY, ready.app)

    async def analysis(self, org_id: str) -> float | None:
        """Maps conversations until none is due, and wakes for the activities that came of them."""
        worked = 0
        async with told(self._passes, self._tieline.ids, "analysis", org_id) as tally:
            _analysing.set(tally)
            while batch := await self._analysis.run(org_id, tally):
                worked += batch
        app = await self.linked_app(org_id)
        if worked and app is not None:
            await self.wake(Wake(WakeKind.ACTIVITY, org_id, app.app_id))
        seconds = await self._tieline.due_work.next_due_s(WakeKind.ANALYSIS, org_id)
        return seconds if seconds is not None and seconds < _SOON_S else None

    async def extraction(self, org_id: str) -> float | None:
        """Extracts until nothing is due."""
        while await self._extracting.run(org_id):
            continue
        if self._tieline.extractor is None:
            return None
        seconds = await self._tieline.due_work.next_due_s(WakeKind.EXTRACTION, org_id)
        return seconds if seconds is not None and seconds < _SOON_S else None

    async def backfill(self, run: Run, lease: Lease) -> None:
        """One backfill, from where it stands."""
        async with errors_told(self._passes, lease.org_id, run.run_id):
            await self._backfilling.run(run.run_id, lease)

    async def _soon(self, kind: WakeKind, app: AppConfig) -> float | None:
        seconds = await self._tieline.due_work.next_due_s(kind, app.org_id, app.tenant_key)
        return seconds if seconds is not None and seconds < _SOON_S else None

    async def _fresh_read(self, app: AppConfig, external_ids: Sequence[str]) -> None:
        """No lane is held: what is read is ordered by the link's lock and stamp, as every read is."""
        ready = await self._ready(app.org_id, app.app_id, Lane.LIVE)
        run = InboundRun(ready.app, ready.org, ready.session, None, "", False)
        before = ready.session.requests_sent
        await self._inbound.read_records(run, ready.schema, external_ids)
        _analysing.get().requests += ready.session.requests_sent - before

    # What follows

    async def reconnect(self, org_id: str, app_id: str) -> None:
        """Completes an app that was saved while its CRM could not be reached; then a first run is queued."""
        with suppress(LookupError):  # deleted meanwhile
            await self._tieline.connecting.recheck(org_id, app_id)

    async def stop_app(self, org_id: str, app_id: str, reason: str) -> None:
        """No run starts until a person renews the credentials."""
        await self._tieline.apps.set_status(org_id, app_id, "error", reason)
        message = (
            f"The connection to the CRM was refused, and nothing is synced until it is renewed. {reason}"
        )
        await self._tieline.issues.raise_for_app(org_id, app_id, _REFUSED, message)

    async def wake(self, wake: Wake) -> None:
        """Enqueues a wake-up by itself."""
        async with self._tieline.pool.connection() as conn, conn.transaction():
            await self._tieline.jobs.enqueue(conn, [wake])

    async def _ready(self, org_id: str, app_id: str, lane: Lane, *, live_schema: bool = False) -> _Ready:
        """What a flow of an app works with. Raises NotReadyError and the errors of ports.errors."""
        try:
            app = await self._tieline.apps.get(org_id, app_id)
        except UnknownAppError as error:
            raise NotReadyError(str(error)) from None
        org = await self._tieline.configs.get(org_id)
        if org.app_id != app_id:
            raise NotReadyError(f"The app {app_id} does not sync contacts; link it in the CRM configuration.")
        if not app.may_run:
            why = app.stopped_reason or app.status_reason or f"it is {app.connection_status}"
            raise NotReadyError(f"The app {app_id} may not run: {why}.")
        session = await self._session(app, lane)
        schema = app.schema
        if schema is None or live_schema:
            schema = await session.run(session.connector.describe())
        return _Ready(app, org, session, schema)

    async def _session(self, app: AppConfig, lane: Lane) -> CrmSession:
        """A session of a run is its own; live passes share one for a while, until somebody changes the app."""
        if lane is not Lane.LIVE:
            return await self._tieline.session_for(app, lane)
        now = self._tieline.clock.now()
        self._live_sessions = {
            key: (until, session) for key, (until, session) in self._live_sessions.items() if until > now
        }
        key = (app.org_id, app.app_id, app.updated_at, app.tenant_id, app.tenant_url)
        if key not in self._live_sessions:
            self._live_sessions[key] = now + _SESSION_LASTS, await self._tieline.session_for(app, lane)
        return self._live_sessions[key][1]


def make_worker(tieline: Tieline, wired: WiredFlows | None = None) -> Worker:
    """A worker on everything that is wired. `tieline.jobs` must be the queue that works, a PgQueue."""
    queue = tieline.jobs
    assert isinstance(queue, PgQueue)
    flows = (wired or WiredFlows(tieline)).flows()
    jobs = Jobs(flows, tieline.runs, tieline.leases, tieline.clock, worker_name())

    async def clean(older_than: timedelta) -> None:
        async with tieline.pool.connection() as conn:
            await queue.clean(conn, older_than)

    return Worker(queue, jobs.handlers(), tieline.due_work, clean)
