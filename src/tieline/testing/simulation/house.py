"""What stands in a simulated world before anybody works in it: a CRM, a store, a network, an organisation with its app.

Puts adapters together as the bootstrap does in earnest. Who works is `world.py`'s, what happens the history's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import httpx2

from tieline.connectors.http import HttpSession
from tieline.connectors.registry import get_connector
from tieline.domain.crm_schema import CrmSchema
from tieline.flows.activity import ActivityFlow
from tieline.flows.analysis import AnalysisFlow
from tieline.flows.configuration import effective
from tieline.flows.creating import CreatingFlow
from tieline.flows.editing import Editing
from tieline.flows.inbound import InboundFlow
from tieline.flows.intake import Intake
from tieline.flows.outbound import OutboundFlow
from tieline.flows.tenancy import TenantMismatchError, mismatch
from tieline.ports.config import AppConfig
from tieline.ports.crm import Connector, Credentials, Identity
from tieline.ports.store import Store
from tieline.testing.sessions import MemoryGate, MemoryTokenStore
from tieline.testing.simulation import setting
from tieline.testing.simulation.chronicle import Chronicle
from tieline.testing.simulation.clockwork import CountingIds, WorldClock
from tieline.testing.simulation.crm import SimulatedCrm
from tieline.testing.simulation.memory_apps import MemoryApps
from tieline.testing.simulation.memory_doors import MemoryEditing, MemoryIntake
from tieline.testing.simulation.memory_store import MemoryStore
from tieline.testing.simulation.network import Network
from tieline.testing.simulation.scheduler import Scheduler


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


class House:
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
        self._org = setting.organisation()
        self.apps = MemoryApps(self.memory, lambda: self.org, self.tokens)
        self.editing = Editing(MemoryEditing(self.memory), self.clock, self.ids)
        self.intake = Intake(MemoryIntake(self.memory), self.clock)
        self.watchers: list[Callable[[], None]] = []
        self.hidden = False

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
            session = self.session(guard=False)
            schema = await session.run(session.connector.describe())
            assert session.identity is not None
            self._lessons.known[self.crm.provider] = (session.identity, schema)
        identity, schema = self._lessons.known[self.crm.provider]
        app = setting.app_config(self.crm.provider, self.crm.names, identity, schema, creates=creates)
        self.apps.rows.apps[app.app_id], self.apps.rows.auth[app.app_id] = app, self.crm.auth
        resting = effective(app, self.org, schema).drifted
        assert not resting, f"a world in which these fields rest shows nothing: {resting}"
        self.lines.clear()

    async def close(self) -> None:
        """Ends what is left."""
        await self.scheduler.abandon()
        await self.http.aclose()

    @property
    def org(self) -> setting.Organisation:
        """The organisation."""
        linked = self.memory.linked_apps.get(setting.ORG)
        if linked != self._org.app_id:
            self._org = replace(self._org, app_id=linked)
        return self._org

    @property
    def linked_app(self) -> AppConfig | None:
        """The app that syncs contacts, if one is connected."""
        return self.apps.rows.apps.get(self.memory.linked_apps.get(setting.ORG, ""))

    @property
    def former_app(self) -> AppConfig:
        """The app that was disconnected last."""
        deleted = self.apps.rows.deleted
        return deleted[-1] if deleted else AppConfig(setting.ORG, setting.APP, "crm", self.crm.provider)

    @property
    def app(self) -> AppConfig:
        """The app that syncs contacts, or did last."""
        app = self.linked_app
        return self.former_app if app is None else app

    def session(self, *, guard: bool = True) -> HttpSession:
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
