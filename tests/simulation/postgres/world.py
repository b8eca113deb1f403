"""One world on PostgreSQL: a database of its own, the API over HTTP, two worker processes, a sandbox CRM behind a door.

A `Scene` like the simulated world in one process: people act on it and checks look at it in the same way. What
happens next the history says.
"""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, LiteralString

import httpx2
import psycopg
import uvicorn
from psycopg import sql
from psycopg.rows import DictRow, dict_row
from tests.simulation.postgres.door import CHECKS, Door
from tests.simulation.postgres.hands import HttpEditing, HttpIntake
from tests.simulation.postgres.tables import WITNESSES, read_tables
from tests.simulation.postgres.warp import FUNCTIONS, SEARCH_PATH, SLOWED, Warp
from tests.simulation.postgres.worker import WHO, Order, Workshop, settings_of

from tieline.api.app import create_app
from tieline.bootstrap import Tieline, wire
from tieline.cli.serve import services_of
from tieline.connectors.http import HttpSession
from tieline.connectors.registry import get_connector
from tieline.domain.fields import BUILTIN_FIELDS
from tieline.flows.connecting import AppInput
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.crm import Credentials
from tieline.sandbox.kernel.server import SandboxProtocol, bind, url_of
from tieline.store.config import ConfigUpdate
from tieline.store.migrate import migrate
from tieline.store.pool import configure, make_pool
from tieline.store.secrets import Secrets, new_key
from tieline.testing.sessions import MemoryGate, MemoryTokenStore
from tieline.testing.simulation import setting
from tieline.testing.simulation.chronicle import Chronicle
from tieline.testing.simulation.crm import SimulatedCrm
from tieline.testing.simulation.tables import Tables
from tieline.worker.queue import PgQueue

WORKERS: Final = 2
LEASE_S: Final = 12.0
"""Longer than a lease."""
_TEMPLATE: Final = "history_template"


class Server(uvicorn.Server):
    """Leaves the signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """An application on loopback, in this loop; its address."""
    sock = bind("127.0.0.1", 0)
    config = uvicorn.Config(
        app, http=SandboxProtocol, lifespan="off", log_config=None, access_log=False, date_header=False,
        timeout_graceful_shutdown=1, timeout_keep_alive=120, h11_max_incomplete_event_size=1 << 20,
    )  # fmt: skip
    server = Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        yield url_of(sock)
    finally:
        server.should_exit = True
        await task
        sock.close()


class Ground:
    """What worlds share: a PostgreSQL server with an empty database to copy, and the process that forks workers."""

    def __init__(self, server_url: str, directory: Path) -> None:
        self.directory = directory
        self.workshop = Workshop()
        self._server_url = server_url
        self._count = 0
        self._run(
            f'drop database if exists "{_TEMPLATE}"', f'create database "{_TEMPLATE}"', *_path_of(_TEMPLATE)
        )
        url = self._url(_TEMPLATE)
        with psycopg.connect(url, autocommit=True) as conn:
            for statement in FUNCTIONS:
                conn.execute(statement)
        migrate(url)
        with psycopg.connect(url, autocommit=True) as conn:
            for statement in WITNESSES:
                conn.execute(statement)
            for table in SLOWED:
                conn.execute(
                    sql.SQL("create trigger nap after insert or update on {} execute function nap()").format(
                        sql.Identifier(table)
                    )
                )

    def database(self) -> str:
        """A new database; its address."""
        self._count += 1
        name = f"history_{os.getpid()}_{self._count}"
        self._run(f'create database "{name}" template "{_TEMPLATE}"', *_path_of(name))
        return self._url(name)

    def drop(self, url: str) -> None:
        """Removes it, whoever still uses it."""
        self._run(f'drop database "{url.rpartition("/")[2]}" with (force)')

    def close(self) -> None:
        """Ends the process that forks."""
        self.workshop.close()

    def _url(self, name: str) -> str:
        return f"{self._server_url.rpartition('/')[0]}/{name}"

    def _run(self, *statements: str) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as conn:
            for statement in statements:
                conn.execute(statement.encode())


def _path_of(name: str) -> tuple[str, ...]:
    return (f'alter database "{name}" set search_path = {SEARCH_PATH}',)


@dataclass
class Worker:
    """A worker process."""

    name: str
    pid: int
    alive: bool = True
    frozen: bool = False


@dataclass
class Held:
    """The tables as they were read last; see `ports`."""

    tables: Tables


class PostgresWorld:
    """See the module. Made by `opened`."""

    def __init__(
        self, ground: Ground, crm: SimulatedCrm, other: SimulatedCrm | None, directory: Path
    ) -> None:
        self.ground, self.crm, self.other, self.directory = ground, crm, other, directory
        self.lines: list[str] = []
        self.broken: list[str] = []
        self.watchers: list[Callable[[], None]] = []
        self.clock = Warp(directory / "warp")
        self.chronicle = Chronicle()
        self.door = Door(crm, self.chronicle, self.clock, self.say)
        self.door.kill = self._kill_whoever
        self.door.changed = self._note_records
        self.memory = Held(Tables())
        self.workers: list[Worker] = []
        self.died: set[str] = set()
        self._seen: set[str] = set()
        self._app: AppConfig | None = None
        self._org: OrgConfig | None = None
        self.breakage: str | None = None

    # What `open` fills in
    database_url: str
    crm_url: str
    tieline: Tieline
    eyes: psycopg.AsyncConnection[DictRow]
    editing: HttpEditing
    intake: HttpIntake
    http: httpx2.AsyncClient
    order: Order

    # A scene

    def say(self, what: str) -> None:
        """A line of the story."""
        self.lines.append(f"{self.clock.now():%H:%M:%S.%f}"[:-4] + f"  {what}")

    def name(self, record_id: str) -> str:
        """A record's short name beside its id."""
        return f"{self.chronicle.alias('r', record_id)} ({record_id})"

    @property
    def app(self) -> AppConfig:
        """The app, as it was looked at last."""
        assert self._app is not None
        return self._app

    @property
    def org(self) -> OrgConfig:
        """The organisation."""
        assert self._org is not None
        return self._org

    def look_session(self) -> HttpSession:
        """A session of the checks' own."""
        return HttpSession(
            get_connector(self.crm.provider), Credentials(self.crm_url, self.crm.auth), http=self.http,
            token_store=MemoryTokenStore(), gate=MemoryGate(self.clock), clock=self.clock, app_id=CHECKS,  # type: ignore[arg-type]
        )  # fmt: skip

    async def refresh(self) -> None:
        """Reads the tables and the app anew."""
        self.memory.tables = await read_tables(self.eyes)
        self._note_records()
        if self._app is not None:
            self._app = await self.tieline.apps.get(setting.ORG, self._app.app_id)

    def _note_records(self) -> None:
        living = set(self.crm.records())
        self.died |= self._seen - living
        self._seen |= living

    # Time

    async def advance(self, seconds: float) -> None:
        """Time passes, for everybody at once. Nobody is between a decision and its request when much passes."""
        if seconds > LEASE_S:
            await self.thaw()
            for hold in self.door.holds:
                hold.go.set()
            await self.door.settle()
            await self._until_lanes_are_free()
        self.clock.advance(seconds)
        await self.eyes.execute("update warp set ahead = make_interval(secs => %s)", [self.clock.ahead_s])

    async def slow(self, nap_s: float) -> None:
        """From now on each writing statement takes that much longer."""
        await self.eyes.execute("update warp set nap = %s", [nap_s])

    async def _until_lanes_are_free(self) -> None:
        for _ in range(400):
            living = {worker.pid for worker in self.workers if worker.alive}
            rows = await self.rows("select owner from lease where expires_at > clock_timestamp()")
            if not any(int(row["owner"].split(":")[-2]) in living for row in rows):
                return
            await asyncio.sleep(0.01)
        self.broken.append("a worker works on and on in one pass")

    # Workers

    def start_worker(self) -> Worker:
        """One more."""
        name = f"worker {len(self.workers) + 1}"
        order = Order(**{**_as_dict(self.order), "name": name})
        worker = Worker(name, self.ground.workshop.start(order))
        self.workers.append(worker)
        return worker

    def kill(self, worker: Worker) -> None:
        """SIGKILL, and a successor."""
        if worker.alive:
            worker.alive = worker.frozen = False
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)
            self.start_worker()

    def freeze(self, worker: Worker) -> None:
        """SIGSTOP."""
        worker.frozen = True
        os.kill(worker.pid, signal.SIGSTOP)

    async def thaw(self) -> None:
        """SIGCONT for all that are frozen, and a moment for them to see what they missed."""
        frozen = [worker for worker in self.workers if worker.frozen and worker.alive]
        for worker in frozen:
            worker.frozen = False
            os.kill(worker.pid, signal.SIGCONT)
            self.say(f"{worker.name} wakes up")
        if frozen:
            await asyncio.sleep(0.15)

    def living(self) -> list[Worker]:
        """Those that work."""
        return [worker for worker in self.workers if worker.alive and not worker.frozen]

    async def holder(self) -> Worker | None:
        """One who works in a lane just now."""
        rows = await self.rows(
            "select owner from lease where expires_at > clock_timestamp() order by lane desc"
        )
        pids = [int(row["owner"].split(":")[-2]) for row in rows]
        return next((worker for pid in pids for worker in self.living() if worker.pid == pid), None)

    def _kill_whoever(self, who: str) -> None:
        for worker in self.workers:
            if worker.name == who.partition("/")[0]:
                self.kill(worker)

    def complaints(self) -> list[str]:
        """Exceptions that no flow may raise, out of the workers' log."""
        text = (
            (self.directory / "workers.log").read_text() if (self.directory / "workers.log").exists() else ""
        )
        found = set(re.findall(r"^(?:\w+\.)*\w+(?:Error|Exception|Violation)\b.*", text, re.MULTILINE))
        # Who froze within a transaction finds its connection ended by the server, as it is meant to be.
        return sorted(one for one in found if not one.startswith("psycopg.OperationalError"))

    # The database

    async def rows(self, query: LiteralString, *values: Any) -> list[dict[str, Any]]:
        """What a query finds."""
        return await (await self.eyes.execute(query, values)).fetchall()

    async def busy(self) -> bool:
        """Whether a wake-up waits or is in work. A dead worker's counts no more once its heart stood still."""
        (row,) = await self.rows(
            "select exists (select from pgqueuer where status = 'picked' and heartbeat > clock_timestamp() -"
            " interval '4 s' or status = 'queued' and execute_after <= clock_timestamp()) as busy"
        )
        return bool(row["busy"])

    async def put_off_s(self) -> float:
        """Seconds until a run that was put off may go on; 0 if there is none."""
        (row,) = await self.rows(
            "select extract(epoch from max(not_before) - clock_timestamp())::double precision as seconds from run"
            " where status = 'queued' and not_before > clock_timestamp()"
        )
        return float(row["seconds"] or 0)

    async def tell_the_end(self) -> None:
        """What stands open, for the story: issues, and runs that did not go well."""
        for row in self.memory.tables.issues.values():
            self.say(f"open issue {row.note.kind}: {row.note.message}")
        for run in await self.rows(
            "select kind, status, attempts, counts, reason from run where status <> 'succeeded' order by created_at"
        ):
            self.say(f"run {run}")
        for lease in await self.rows(
            "select lane, owner, expires_at > clock_timestamp() as holds from lease"
        ):
            self.say(f"lease {lease}")
        log = self.directory / "workers.log"
        if log.exists():
            self.lines += [f"    {line}" for line in log.read_text().splitlines()[-60:]]

    async def tick(self, *, full: bool = False) -> None:
        """The schedule: an inbound run is queued, and whatever has work is woken."""
        with suppress(Exception):  # one is in flight
            await self.tieline.runs.queue(setting.ORG, self.app.app_id, full_read=full, triggered_by="cron")
        await self.tieline.due_work.sweep()

    async def calm(self, patience_s: float) -> bool:
        """Waits until nobody has anything to do; whether that came to be."""
        end = asyncio.get_running_loop().time() + patience_s
        while await self.busy():
            if asyncio.get_running_loop().time() > end:
                return False
            await asyncio.sleep(0.03)
        return True

    async def give_credentials(self, auth: Mapping[str, str]) -> None:
        """An administrator puts credentials into the app."""
        answer = await self.editing.http.patch(
            f"/update-app/{self.app.app_id}", json={"auth_config": dict(auth)}
        )
        self.say(f"an administrator gives credentials: {answer.status_code} {_said(answer)}")
        await self.refresh()


def _said(answer: httpx2.Response) -> str:
    body = answer.json()
    return str(body.get("message") or body.get("status_reason") or body.get("connection_status"))


def _as_dict(order: Order) -> dict[str, Any]:
    return {name: getattr(order, name) for name in Order.__slots__}


@asynccontextmanager
async def opened(world: PostgresWorld, *, creates: bool, breakage: str | None = None) -> AsyncIterator[None]:
    """The world while it goes on. A person has connected the CRM before the story begins."""
    secret, url = new_key(), world.ground.database()
    world.database_url, world.breakage = url, breakage
    world.order = Order(
        "runner", url, secret, str(world.clock.path), str(world.directory / "workers.log"), breakage
    )
    async with AsyncExitStack() as stack:
        stack.callback(world.ground.drop, url)
        pool = await stack.enter_async_context(make_pool(url, max_size=8))
        outside = await stack.enter_async_context(httpx2.AsyncClient(timeout=60, headers={WHO: CHECKS}))
        jobs, sealer = PgQueue(url), Secrets.from_text(secret)
        world.http = outside
        world.tieline = wire(settings_of(world.order), url, pool, outside, sealer, jobs, clock=world.clock)
        world.eyes = await stack.enter_async_context(
            await psycopg.AsyncConnection[DictRow].connect(url, autocommit=True, row_factory=dict_row)
        )
        await configure(world.eyes)
        await world.eyes.execute("set timezone = 'UTC'")
        await world.advance(0)
        world.crm_url = await stack.enter_async_context(serving(world.door))
        api_url = await stack.enter_async_context(serving(create_app(services_of(world.tieline))))
        key, signing = await _organisations(world.tieline)
        api = httpx2.AsyncClient(
            base_url=api_url, headers={"authorization": f"Bearer {key}"}, timeout=60, trust_env=False
        )
        await stack.enter_async_context(api)
        world.editing = HttpEditing(api)
        world.intake = HttpIntake(api, signing, world.clock)
        await _connect(world, creates=creates)
        stack.callback(_end, world)
        yield


def _end(world: PostgresWorld) -> None:
    for worker in world.workers:
        if worker.alive:
            worker.alive = False
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)


async def _organisations(tieline: Tieline) -> tuple[str, str]:
    """Ours and a neighbour; our API key and our webhook secret."""
    for org_id in (setting.ORG, setting.OTHER_ORG):
        await tieline.accounts.create_organisation(org_id, org_id)
    key, secret = await tieline.accounts.create_key(setting.ORG, "history"), new_key()
    await tieline.accounts.add_webhook_secret(setting.ORG, "history", secret)
    return key.text, secret


async def _connect(world: PostgresWorld, *, creates: bool) -> None:
    model, configs = setting.organisation(), world.tieline.configs
    own = [spec for name, spec in model.fields.items() if name not in BUILTIN_FIELDS]
    await configs.update(
        setting.ORG, ConfigUpdate(custom_fields=own, analysis_mappings=model.analysis_mappings)
    )
    crm_config = setting.crm_config(world.crm.names, creates=creates)
    body = {
        "type": "crm", "provider": world.crm.provider, "name": "history", "tenant_url": world.crm_url,
        "auth_config": dict(world.crm.auth),
        "crm_config": {**crm_config, "audit_interval_hours": 0, "calculated_interval_hours": 0},
    }  # fmt: skip
    app = await world.tieline.connecting.create(setting.ORG, AppInput(body))
    assert app.may_run, (app.connection_status, app.status_reason)
    await configs.update(setting.ORG, ConfigUpdate(app_id=app.app_id))
    world._app = await world.tieline.apps.get(setting.ORG, app.app_id)
    world._org = await configs.get(setting.ORG)
    world.lines.clear()
