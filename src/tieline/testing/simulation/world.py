"""One simulated world: a CRM, a store, a network, the flows, and whoever works, edits and calls. One process, one seed.

Puts adapters and flows together as the bootstrap does in earnest. It never decides what happens next; the history does.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from tieline.connectors.http import HttpSession
from tieline.connectors.registry import get_connector
from tieline.domain.crm_schema import CrmSchema
from tieline.flows.activity import ActivityFlow
from tieline.flows.analysis import AnalysisFlow
from tieline.flows.brake import Braking
from tieline.flows.brake_outbound import OutboundBrake
from tieline.flows.configuration import ConfigurationError, effective
from tieline.flows.creating import CreatingFlow
from tieline.flows.editing import Editing
from tieline.flows.inbound import InboundFlow, InboundRun
from tieline.flows.intake import Intake
from tieline.flows.outbound import OutboundFlow
from tieline.flows.tenancy import TenantMismatchError, mismatch
from tieline.llm.offline import OfflineModel
from tieline.ports.config import AppConfig
from tieline.ports.crm import Connector, Credentials, Identity
from tieline.ports.errors import ConflictError, CrmError, LeaseLostError
from tieline.ports.store import Lane, Lease, Store
from tieline.testing.sessions import MemoryGate, MemoryTokenStore
from tieline.testing.simulation import setting
from tieline.testing.simulation.chronicle import Chronicle
from tieline.testing.simulation.clockwork import CountingIds, WorldClock
from tieline.testing.simulation.crm import SimulatedCrm
from tieline.testing.simulation.memory_brake import MemoryBrakes
from tieline.testing.simulation.memory_doors import MemoryEditing, MemoryIntake
from tieline.testing.simulation.memory_store import MemoryStore
from tieline.testing.simulation.network import Network
from tieline.testing.simulation.scheduler import Job, Scheduler

INBOUND, FULL, PUSH, ANALYSIS, ACTIVITY = "inbound", "full read", "push", "analysis", "activity"
FLOWS: Final = (INBOUND, FULL, PUSH, ANALYSIS, ACTIVITY)
_LANES: Final = {INBOUND: Lane.RECURRING, FULL: Lane.BACKFILL, PUSH: Lane.LIVE, ACTIVITY: Lane.LIVE}
_KNOWN_FAILURES: Final = (CrmError, ConflictError, LeaseLostError, ConfigurationError, TenantMismatchError)
_PASSES: Final = 20


@dataclass(frozen=True, slots=True)
class Parts:
    """What a world is built of. A planted fault is a world with one of these replaced; see `breakage`."""

    inbound: Callable[..., InboundFlow] = InboundFlow
    outbound: Callable[..., OutboundFlow] = OutboundFlow
    analysis: Callable[..., AnalysisFlow] = AnalysisFlow
    activity: Callable[..., ActivityFlow] = ActivityFlow
    creating: Callable[..., CreatingFlow] = CreatingFlow
    store: Callable[[MemoryStore], Store] = lambda store: store
    connector: Callable[[Connector], Connector] = lambda connector: connector
    tenant_checked: bool = True
    braked: bool = False
    """With the brake, whose transactions would shift the moments at which a seed's workers die."""


@dataclass(slots=True)
class Lessons:
    """What worlds of one kind of CRM learn once: who we are there and the schema. Saves a long answer per world."""

    known: dict[str, tuple[Identity, CrmSchema]] = field(default_factory=dict)


class World:
    """See the module. `crm` must be empty and new; `other` is another tenant of the same kind, for the tenant check."""

    def __init__(self, crm: SimulatedCrm, other: SimulatedCrm | None, parts: Parts, lessons: Lessons) -> None:
        self.clock = WorldClock()
        self.crm, self.other, self.parts, self._lessons = crm, other, parts, lessons
        self.lines: list[str] = []
        self.broken: list[str] = []
        self.chronicle = Chronicle()
        self.scheduler = Scheduler(self.say)
        self.memory = MemoryStore(self.clock, point=self.scheduler.point, committed=self._committed)
        self.memory.linked_apps = {setting.ORG: setting.APP}
        self.store = parts.store(self.memory)
        self.network = Network(crm, self.scheduler, self.clock, self._watch, self.say)
        self.http = httpx2.AsyncClient(transport=self.network)
        self.tokens, self.gate, self.ids = MemoryTokenStore(), MemoryGate(self.clock), CountingIds()  # type: ignore[arg-type]
        self.org = setting.organisation()
        self.editing = Editing(MemoryEditing(self.memory), self.clock, self.ids)
        self.intake = Intake(MemoryIntake(self.memory), self.clock)
        self.watchers: list[Callable[[], None]] = []
        self.hidden = False
        self._jobs = 0
        self._app: AppConfig | None = None

    # Telling

    def say(self, what: str) -> None:
        """A line of the story."""
        self.lines.append(f"{self.clock.now():%H:%M:%S}  {what}")

    def name(self, record_id: str) -> str:
        """A record's short name beside its id."""
        return f"{self.chronicle.alias('r', record_id)} ({record_id})"

    # Beginning and end

    async def open(self, *, creates: bool = False) -> None:
        """Connects the app, as a person did before the story begins. `creates`: contacts get records."""
        if self.crm.provider not in self._lessons.known:
            session = self._session(guard=False)
            schema = await session.run(session.connector.describe())
            assert session.identity is not None
            self._lessons.known[self.crm.provider] = (session.identity, schema)
        identity, schema = self._lessons.known[self.crm.provider]
        self._app = setting.app_config(self.crm.provider, self.crm.names, identity, schema, creates=creates)
        resting = effective(self._app, self.org, schema).drifted
        assert not resting, f"a world in which these fields rest shows nothing: {resting}"
        self.lines.clear()

    async def close(self) -> None:
        """Ends what is left."""
        await self.scheduler.abandon()
        await self.http.aclose()

    @property
    def app(self) -> AppConfig:
        """The app."""
        assert self._app is not None, "the world is not open"
        return self._app

    # Working

    async def start(self, flow: str, *, take_over: bool = False) -> Job | None:
        """A worker takes up a flow. None if another holds the lane, unless that one's lease has run out."""
        lane, group = _LANES.get(flow), _group(flow)
        busy = [job for job in self.scheduler.jobs if job.lane == group and group is not None]
        if busy and not take_over:
            return None
        if busy and group == "inbound":
            flow = busy[0].name
            lane = _LANES[flow]
        self._jobs += 1
        job = Job(flow, f"worker {self._jobs}", group)
        lease = None if lane is None else self.memory.acquire(setting.ORG, setting.APP, lane, job.worker)
        self.say(f"{job.worker} begins: {flow}{' (the lease of the former one ran out)' if busy else ''}")
        return await self.scheduler.start(job, lambda: self._work(job, lease))

    def holder(self, flow: str) -> Job | None:
        """Who works in that flow's lane, or does just that."""
        group = _group(flow)
        return next((j for j in self.scheduler.jobs if (j.lane == group if group else j.name == flow)), None)

    async def _work(self, job: Job, lease: Lease | None) -> None:
        works: Mapping[str, Callable[[Lease | None], Awaitable[None]]] = {
            INBOUND: self._inbound, FULL: self._full, PUSH: self._push, ANALYSIS: self._analysis,
            ACTIVITY: self._activity,
        }  # fmt: skip
        try:
            await works[job.name](lease)
        except _KNOWN_FAILURES as error:
            self.say(f"{job.worker}: {job.name} ended with {type(error).__name__}: {error}")
        else:
            self.say(f"{job.worker}: {job.name} is done")

    async def _inbound(self, lease: Lease | None, *, full: bool = False) -> None:
        session = self._session()
        schema = self.app.schema
        if self.hidden or schema is None:
            schema = await session.run(session.connector.describe())
        run = InboundRun(self.app, self.org, session, lease, self.ids.new("run"), full)
        brake = (self._braking(),) if self.parts.braked else ()
        await self.parts.inbound(self.store, self.clock, self.ids, *brake).run(run, schema)

    def _braking(self) -> Braking:
        return Braking(MemoryBrakes(self.memory.tables), self.store, self.clock, self.ids)

    async def _full(self, lease: Lease | None) -> None:
        await self._inbound(lease, full=True)

    async def _push(self, lease: Lease | None) -> None:
        assert lease is not None
        assert self.app.schema is not None
        brake = (OutboundBrake(self._braking()),) if self.parts.braked else ()
        flow, session = self.parts.outbound(self.store, self.clock, self.ids, *brake), self._session()
        for _ in range(_PASSES):
            result = await flow.push(self.app, self.org, session, lease, self.app.schema)
            if not result.looked:
                return
        self.broken.append(f"a push found something to do {_PASSES} times without an end")

    async def _activity(self, lease: Lease | None) -> None:
        assert lease is not None
        assert self.app.schema is not None
        session = self._session()
        brake = (OutboundBrake(self._braking()),) if self.parts.braked else ()
        creating = self.parts.creating(self.store, self.clock, self.ids, *brake)
        for _ in range(_PASSES):
            if not (await creating.run(self.app, self.org, session, lease, self.app.schema)).looked:
                break
        else:
            self.broken.append(f"creating records found something to do {_PASSES} times without an end")
        flow = self.parts.activity(self.store, self.clock)
        for _ in range(_PASSES):
            if not (await flow.run(self.app, session, lease)).looked:
                return
        self.broken.append(f"activity logging found something to do {_PASSES} times without an end")

    async def _analysis(self, lease: Lease | None) -> None:
        flow = self.parts.analysis(
            self.store, _OrgReader(self), OfflineModel(), self.clock, self.ids, self._fresh_read
        )
        for _ in range(_PASSES):
            if not await flow.run(setting.ORG):
                return
        self.broken.append(f"analysis found something to do {_PASSES} times without an end")

    async def _fresh_read(self, app: AppConfig, external_ids: Sequence[str]) -> None:
        assert app.schema is not None
        run = InboundRun(app, self.org, self._session(), None, "", False)
        await self.parts.inbound(self.store, self.clock, self.ids).read_records(run, app.schema, external_ids)

    def _session(self, *, guard: bool = True) -> HttpSession:
        connector = self.parts.connector(get_connector(self.crm.provider))
        return HttpSession(
            connector, Credentials(setting.URL, self.network.crm.auth), http=self.http, token_store=self.tokens,
            gate=self.gate, clock=self.clock, app_id=setting.APP,
            on_identity=self._check_tenant if guard and self.parts.tenant_checked else None,
        )  # fmt: skip

    def look_session(self) -> HttpSession:
        """A session of the checks' own, which nothing planted has touched."""
        return HttpSession(
            get_connector(self.crm.provider), Credentials(setting.URL, self.crm.auth), http=self.http,
            token_store=MemoryTokenStore(), gate=MemoryGate(self.clock), clock=self.clock, app_id="checks",  # type: ignore[arg-type]
        )  # fmt: skip

    async def _check_tenant(self, identity: Identity) -> None:
        reason = mismatch(self.app, identity)
        if reason is not None:
            raise TenantMismatchError(reason)

    # Watching

    def _watch(self, method: str, url: str) -> Callable[[int], None]:
        reads = "/search" in url or "/batch/read" in url or (method == "GET" and "Contact" in url)
        if method == "GET" and not reads:
            return lambda status: None
        done = self.chronicle.watch(self.network.crm.records, self.clock.now(), reads)

        def applied(status: int) -> None:
            done(status)
            self._committed()

        return applied

    def _committed(self) -> None:
        for watcher in self.watchers:
            watcher()


def _group(flow: str) -> object:
    """What only one worker does at a time: one inbound run of an app, one pass in its live lane."""
    return "inbound" if flow in (INBOUND, FULL) else _LANES.get(flow)


class _OrgReader:
    """Implements `flows.analysis.OrgReader`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def org(self, org_id: str) -> Any:
        """The organisation."""
        return self._world.org

    async def linked_app(self, org_id: str) -> AppConfig | None:
        """The app."""
        return self._world.app
