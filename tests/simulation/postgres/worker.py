"""Real worker processes for a history: what `tieline worker` runs, on the world's time, each request saying whose.

One process imports everything once and forks a worker for each line that it reads; so a worker that was killed has
a successor within moments. When its own input ends, it ends all of them and itself. A worker may be broken on
purpose (see `tieline.testing.simulation.breakage`).
"""

import asyncio
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import traceback
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx2
from pydantic import SecretStr
from tests.simulation.postgres.warp import Warp

from tieline.bootstrap import Tieline, wire
from tieline.config import Settings
from tieline.connectors.registry import get_connector
from tieline.ports.store import Lease
from tieline.store.pool import make_pool
from tieline.store.runs import Run
from tieline.store.secrets import Secrets
from tieline.testing.simulation.breakage import by_name
from tieline.testing.simulation.world import Parts
from tieline.worker.queue import PgQueue, QueueTuning
from tieline.worker.wiring import WiredFlows, make_worker

WHO: Final = "x-simulated-worker"
"""The header that says whose request it is: worker, pid, and the pass of a flow."""
TUNING: Final = QueueTuning(poll_s=0.2)
_doing: ContextVar[str] = ContextVar("doing", default="?")


@dataclass(frozen=True, slots=True)
class Order:
    """A worker to be started."""

    name: str
    database_url: str
    secret: str
    warp: str
    log: str
    breakage: str | None = None


class Workshop:
    """The process that forks workers, seen from outside."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.simulation.postgres.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            cwd=Path(__file__).parents[3],
        )  # fmt: skip

    def start(self, order: Order) -> int:
        """The new worker's process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """Ends all workers and itself."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


class ToldFlows(WiredFlows):
    """The flows, with parts that may be broken, each pass named."""

    def __init__(self, tieline: Tieline, parts: Parts) -> None:
        super().__init__(tieline)
        store, clock, ids = tieline.store, tieline.clock, tieline.ids
        self._count = 0
        whole = Parts()
        if parts.inbound is not whole.inbound:
            self._inbound = parts.inbound(store, clock, ids)
        if parts.outbound is not whole.outbound:
            self._outbound = parts.outbound(store, clock, ids)
        if parts.activity is not whole.activity:
            self._activity = parts.activity(store, clock)
        if parts.creating is not whole.creating:
            self._creating = parts.creating(store, clock, ids)

    def _begin(self, what: str) -> None:
        self._count += 1
        _doing.set(f"{what} {self._count}")

    async def inbound(self, run: Run, lease: Lease) -> None:
        self._begin("inbound")
        await super().inbound(run, lease)

    async def push(self, org_id: str, app_id: str, lease: Lease) -> float | None:
        self._begin("push")
        return await super().push(org_id, app_id, lease)

    async def activity(self, org_id: str, app_id: str, lease: Lease) -> float | None:
        self._begin("activity")
        return await super().activity(org_id, app_id, lease)

    async def analysis(self, org_id: str) -> float | None:
        self._begin("analysis")
        return await super().analysis(org_id)


def wired(
    order: Order, tieline_of: tuple[Settings, Warp], pool: Any, http: httpx2.AsyncClient, jobs: PgQueue
) -> Tieline:
    """Tieline as `bootstrap` wires it, on the world's time."""
    settings, warp = tieline_of
    sealer = Secrets.from_text(order.secret)
    tieline = wire(settings, order.database_url, pool, http, sealer, jobs, clock=warp)
    parts = parts_of(order)
    if parts is None:
        return tieline
    sessions = replace(tieline.sessions, connectors=lambda provider: parts.connector(get_connector(provider)))
    return replace(tieline, sessions=sessions, store=parts.store(tieline.store))  # type: ignore[arg-type]


def parts_of(order: Order) -> Parts | None:
    """The planted fault, if any."""
    return by_name()[order.breakage].parts if order.breakage else None


def settings_of(order: Order) -> Settings:
    """What a worker is set to."""
    return Settings(
        database_url=SecretStr(order.database_url), secret_key=SecretStr(order.secret), sandbox_mode=True,
        data_dir=Path(order.log).parent,
    )  # fmt: skip


async def work(order: Order) -> None:
    """A worker's life."""

    async def tell(request: httpx2.Request) -> None:
        request.headers[WHO] = f"{order.name}/{os.getpid()}/{_doing.get()}"

    async with (
        make_pool(order.database_url, max_size=8) as pool,
        httpx2.AsyncClient(timeout=60.0, event_hooks={"request": [tell]}) as http,
    ):
        queue = PgQueue(order.database_url, TUNING)
        tieline = wired(order, (settings_of(order), Warp(Path(order.warp))), pool, http, queue)
        flows = ToldFlows(tieline, parts_of(order) or Parts())
        await make_worker(tieline, flows).run_until_signal(lambda: None)


def _be_worker(order: Order) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((0, nothing), (1, log), (2, log)):
        os.dup2(target, number)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    code = 0
    try:
        asyncio.run(work(order))
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Forks until there is no more input; then ends the forked."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    forked: list[int] = []
    for line in sys.stdin:
        order = Order(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            _be_worker(order)
        forked.append(pid)
        print(pid, flush=True)
    for pid in forked:
        if _is_ours(pid):
            os.kill(pid, signal.SIGKILL)


def _is_ours(pid: int) -> bool:
    """Whether that process is still the one that was forked here."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[1]) == os.getpid()


if __name__ == "__main__":
    main()
