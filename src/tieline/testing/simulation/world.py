"""One simulated world: whoever works, edits and calls, in one house. One process, one seed.

Runs the flows as workers do in earnest. It never decides what happens next; the history does.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from tieline.flows.audit import AuditFlow
from tieline.flows.brake import Braking
from tieline.flows.brake_outbound import OutboundBrake
from tieline.flows.configuration import ConfigurationError
from tieline.flows.inbound import InboundRun
from tieline.flows.tenancy import TenantMismatchError
from tieline.llm.offline import OfflineModel
from tieline.ports.config import AppConfig
from tieline.ports.errors import ConflictError, CrmError, LeaseLostError
from tieline.ports.store import Lane, Lease
from tieline.testing.simulation import setting
from tieline.testing.simulation.crm import SimulatedCrm
from tieline.testing.simulation.house import House
from tieline.testing.simulation.house import Lessons as Lessons
from tieline.testing.simulation.house import Parts as Parts
from tieline.testing.simulation.memory_audit import MemoryAuditBook
from tieline.testing.simulation.memory_brake import MemoryBrakes
from tieline.testing.simulation.scheduler import Job

INBOUND, FULL, PUSH, ANALYSIS, ACTIVITY = "inbound", "full read", "push", "analysis", "activity"
AUDIT: Final = "audit"
FLOWS: Final = (INBOUND, FULL, PUSH, ANALYSIS, ACTIVITY)
_LANES: Final = {
    INBOUND: Lane.RECURRING, FULL: Lane.BACKFILL, AUDIT: Lane.BACKFILL, PUSH: Lane.LIVE, ACTIVITY: Lane.LIVE,
}  # fmt: skip
_KNOWN_FAILURES: Final = (CrmError, ConflictError, LeaseLostError, ConfigurationError, TenantMismatchError)
_PASSES: Final = 20


class World(House):
    """See the module."""

    def __init__(self, crm: SimulatedCrm, other: SimulatedCrm | None, parts: Parts, lessons: Lessons) -> None:
        super().__init__(crm, other, parts, lessons)
        self.audits = MemoryAuditBook(self.memory, self._full_waits)
        self._jobs = 0

    async def start(self, flow: str, *, take_over: bool = False) -> Job | None:
        """A worker takes up a flow. None if another holds the lane, unless that one's lease has run out, or if no CRM
        is connected that the flow needs.
        """
        lane, group = _LANES.get(flow), _group(flow)
        if lane is not None and (self.linked_app is None or not self.linked_app.may_run):
            return None
        if lane is Lane.BACKFILL and any(
            job.name in (FULL, AUDIT) and job.name != flow for job in self.scheduler.jobs
        ):
            return None
        busy = [job for job in self.scheduler.jobs if job.lane == group and group is not None]
        if busy and not take_over:
            return None
        if busy and group == "inbound":
            flow = busy[0].name
            lane = _LANES[flow]
        self._jobs += 1
        job = Job(flow, f"worker {self._jobs}", group)
        lease = None if lane is None else self.memory.acquire(setting.ORG, self.app.app_id, lane, job.worker)
        self.say(f"{job.worker} begins: {flow}{' (the lease of the former one ran out)' if busy else ''}")
        return await self.scheduler.start(job, lambda: self._work(job, lease))

    def holder(self, flow: str) -> Job | None:
        """Who works in that flow's lane, or does just that."""
        group = _group(flow)
        return next((j for j in self.scheduler.jobs if (j.lane == group if group else j.name == flow)), None)

    async def _work(self, job: Job, lease: Lease | None) -> None:
        works: Mapping[str, Callable[[Lease | None], Awaitable[None]]] = {
            INBOUND: self._inbound, FULL: self._full, PUSH: self._push, ANALYSIS: self._analysis,
            ACTIVITY: self._activity, AUDIT: self._audit,
        }  # fmt: skip
        try:
            await works[job.name](lease)
        except _KNOWN_FAILURES as error:
            self.say(f"{job.worker}: {job.name} ended with {type(error).__name__}: {error}")
        else:
            self.say(f"{job.worker}: {job.name} is done")

    async def _inbound(self, lease: Lease | None, *, full: bool = False) -> None:
        session, app = self.session(), self.app
        schema = app.schema
        if self.hidden or schema is None:
            schema = await session.run(session.connector.describe())
        brake = (self._braking(),) if self.parts.braked else ()
        wanted = {app.app_id} & self.apps.rows.full_wanted
        self.apps.rows.full_wanted -= wanted
        try:
            run = InboundRun(app, self.org, session, lease, self.ids.new("run"), full or bool(wanted))
            await self.parts.inbound(self.store, self.clock, self.ids, *brake).run(run, schema)
        except BaseException:
            self.apps.rows.full_wanted |= wanted
            raise

    async def _audit(self, lease: Lease | None) -> None:
        app = self.app
        assert app.schema is not None
        run = InboundRun(app, self.org, self.session(), lease, self.ids.new("run"), True)
        inbound = self.parts.inbound(self.store, self.clock, self.ids)
        flow = AuditFlow(self.store, self.audits, inbound, self._braking(), self.clock, self.ids)
        await flow.run(run, app.schema)

    def _braking(self) -> Braking:
        return Braking(MemoryBrakes(self.memory.tables), self.store, self.clock, self.ids)

    def _full_waits(self) -> bool:
        return bool(self.apps.rows.full_wanted) or any(job.name == FULL for job in self.scheduler.jobs)

    async def _full(self, lease: Lease | None) -> None:
        await self._inbound(lease, full=True)

    async def _push(self, lease: Lease | None) -> None:
        app = self.app
        assert lease is not None
        assert app.schema is not None
        brake = (OutboundBrake(self._braking()),) if self.parts.braked else ()
        flow, session = self.parts.outbound(self.store, self.clock, self.ids, *brake), self.session()
        for _ in range(_PASSES):
            result = await flow.push(app, self.org, session, lease, app.schema)
            if not result.looked:
                return
        self.broken.append(f"a push found something to do {_PASSES} times without an end")

    async def _activity(self, lease: Lease | None) -> None:
        app = self.app
        assert lease is not None
        assert app.schema is not None
        session = self.session()
        brake = (OutboundBrake(self._braking()),) if self.parts.braked else ()
        creating = self.parts.creating(self.store, self.clock, self.ids, *brake)
        for _ in range(_PASSES):
            if not (await creating.run(app, self.org, session, lease, app.schema)).looked:
                break
        else:
            self.broken.append(f"creating records found something to do {_PASSES} times without an end")
        flow = self.parts.activity(self.store, self.clock)
        for _ in range(_PASSES):
            if not (await flow.run(app, session, lease)).looked:
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
        run = InboundRun(app, self.org, self.session(), None, "", False)
        await self.parts.inbound(self.store, self.clock, self.ids).read_records(run, app.schema, external_ids)


def _group(flow: str) -> object:
    """What only one worker does at a time: one inbound run of an app, one pass in its live lane."""
    return "inbound" if flow in (INBOUND, FULL) else AUDIT if flow == AUDIT else _LANES.get(flow)


class _OrgReader:
    """Implements `flows.analysis.OrgReader`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def org(self, org_id: str) -> Any:
        """The organisation."""
        return self._world.org

    async def linked_app(self, org_id: str) -> AppConfig | None:
        """The app."""
        return self._world.linked_app
