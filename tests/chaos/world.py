"""A small Tieline to do harm to: one sandbox CRM, one database, and real `tieline worker` processes.

Each worker connects to the database as a role of its own, and triggers note who wrote what while who held the lane;
so the database itself, and no log of ours, says whether a worker wrote after its lane was another's. This module
never looks into Tieline's flows.
"""

import os
import secrets
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row
from pydantic import SecretStr
from tests.acceptance.shell import PATIENCE_S, TIELINE, Shell, Started, running_shell
from tests.chaos.crm import Crm, crm_of

from tieline.bootstrap import Tieline, open_tieline
from tieline.cli.demo.setting import CREDENTIALS
from tieline.config import Settings
from tieline.domain.fields import FieldSpec
from tieline.domain.values import FieldType
from tieline.flows.connecting import AppInput
from tieline.store.config import ConfigUpdate
from tieline.worker.queue import PgQueue

# Who wrote, and which owners the lanes had that such a write may be made in. In the writer's own transaction, whose
# fence keeps the lane from changing hands, so the two cannot disagree by a race.
_NOTES: tuple[LiteralString, ...] = (
    "create table chaos_write (id bigint generated always as identity, at timestamptz default clock_timestamp(),"
    " writer text default session_user, what text, holders text[], ref text)",
    "create index on chaos_write (what, at)",
    "grant all on all tables in schema public to public",
    """create function chaos_note() returns trigger language plpgsql as $$
       begin
           insert into chaos_write (what, holders, ref)
           select tg_argv[0], array_agg(owner), to_jsonb(new) ->> 'conversation_id'
           from lease where lane = any(string_to_array(tg_argv[1], ' '));
           return null;
       end $$""",
    """create trigger chaos_page after insert or update on read_state
       for each row execute function chaos_note('page', 'backfill recurring')""",
    """create trigger chaos_push after update on link for each row
       when (old.confirmed_write_at is distinct from new.confirmed_write_at)
       execute function chaos_note('push', 'live')""",
    # After a takeover the look at the CRM may settle what was in flight, with nothing to write. Inbound settles, too.
    """create trigger chaos_settle after update on link for each row
     when (old.state is distinct from new.state and old.confirmed_write_at is not distinct from new.confirmed_write_at)
       execute function chaos_note('settle', 'live')""",
    """create trigger chaos_backfill after update on backfill for each row
       when (old.last_contact_id is distinct from new.last_contact_id)
       execute function chaos_note('backfill', 'backfill')""",
    """create trigger chaos_activity after update on activity for each row
       when (old.activity_id is distinct from new.activity_id or old.intent_at is distinct from new.intent_at)
       execute function chaos_note('activity', 'live')""",
)


@dataclass
class Worker:
    """A `tieline worker`; `name` is also its role in the database."""

    name: str
    process: Started
    frozen: bool = False

    @property
    def pid(self) -> int:
        return self.process.process.pid

    @property
    def alive(self) -> bool:
        return self.process.process.poll() is None


@dataclass
class World:
    """Everything that runs, and the ways to look at it."""

    shell: Shell
    tieline: Tieline
    crm: Crm
    sandbox: Started
    org_id: str
    app_id: str
    eyes: psycopg.AsyncConnection[DictRow]
    environ: dict[str, str] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)

    async def start_worker(self) -> Worker:
        """One more worker; it may take a second until it is ready."""
        name, password = f"worker_{len(self.workers)}", secrets.token_hex(8)
        statement = sql.SQL("create role {} superuser login password {}")
        await self.eyes.execute(statement.format(sql.Identifier(name), sql.Literal(password)))
        parts = urlsplit(self.shell.database_url)
        url = urlunsplit(parts._replace(netloc=f"{name}:{password}@{parts.netloc.rpartition('@')[2]}"))
        log = self.shell.cwd / f"{name}.log"
        with log.open("w") as output:
            process = subprocess.Popen(  # noqa: ASYNC220 - it takes a moment, and nothing else waits
                [TIELINE, "worker"], stdout=output, stderr=subprocess.STDOUT, cwd=self.shell.cwd,
                env={**self.shell.environ, **self.environ, "DATABASE_URL": url},
            )  # fmt: skip
        worker = Worker(name, Started(process, log))
        self.shell.started.append(worker.process)
        self.workers.append(worker)
        return worker

    async def holder(self, *lanes: str) -> Worker | None:
        """The living worker that holds one of these lanes now."""
        rows = await self.rows(
            "select owner from lease where lane = any(%s) and expires_at > clock_timestamp()", list(lanes)
        )
        owners = {int(row["owner"].split(":")[-2]) for row in rows}
        return next((w for w in self.workers if w.pid in owners and w.alive and not w.frozen), None)

    async def rows(self, query: LiteralString, *values: Any) -> list[dict[str, Any]]:
        return await (await self.eyes.execute(query, values)).fetchall()

    async def one(self, query: LiteralString, *values: Any) -> Any:
        """The first column of the first row."""
        (row, *_) = await self.rows(query, *values)
        return next(iter(row.values()))

    def signal(self, worker: Worker, number: signal.Signals) -> None:
        os.kill(worker.pid, number)
        if number is signal.SIGKILL:
            worker.process.process.wait()

    async def stop_workers(self) -> None:
        """All end in good order, as an operator would end them."""
        living = [worker for worker in self.workers if worker.alive]
        for worker in living:
            # One that has hardly begun does not heed the signal yet.
            worker.process.said("Tieline works")
            worker.process.signal(signal.SIGCONT)
            worker.process.signal(signal.SIGTERM)
        for worker in living:
            assert worker.process.process.wait(PATIENCE_S) == 0, worker.process.log.read_text()[-2000:]

    async def strangers(self) -> list[dict[str, Any]]:
        """Writes by a worker that did not hold the lane; there must be none."""
        pids = {worker.name: str(worker.pid) for worker in self.workers}
        found = await self.rows(
            "select * from chaos_write where writer like 'worker%%' and what <> 'settle' order by id"
        )
        return [row for row in found if pids[row["writer"]] not in _pids(row["holders"])]

    async def first_other(self, what: list[str], since: datetime, victim: Worker) -> datetime | None:
        """When another worker, in a lane that it held, first committed such work."""
        pids = {worker.name: str(worker.pid) for worker in self.workers}
        found = await self.rows(
            "select distinct on (writer, holders) at, writer, holders from chaos_write"
            " where what = any(%s) and at > %s and writer <> %s and writer like 'worker%%'"
            " order by writer, holders, id",
            what, since, victim.name,
        )  # fmt: skip
        return min((row["at"] for row in found if pids[row["writer"]] in _pids(row["holders"])), default=None)


def _pids(owners: list[str] | None) -> set[str]:
    """The process ids in owners of lanes (host:pid:chance)."""
    return {owner.split(":")[-2] for owner in owners or ()}


@asynccontextmanager
async def running_world(provider: str, contacts: int, *, seed: int, **setting: float) -> AsyncIterator[World]:
    """A world whose CRM is connected and mapped, and was not read yet. `setting` goes to the workers' settings."""
    with TemporaryDirectory(prefix="tieline-chaos-") as directory, running_shell(Path(directory)) as shell:
        assert shell.type("migrate").code == 0
        sandbox = shell.start(
            "sandbox", "--crm", provider, "--port", "0", "--contacts", str(contacts), "--seed", str(seed)
        )
        url = sandbox.said(r"http://127\.0\.0\.1:\d+")[0]
        settings = Settings(
            database_url=SecretStr(shell.database_url),
            data_dir=Path(shell.environ["TIELINE_DATA_DIR"]),
            sandbox_mode=True,
        )
        async with (
            open_tieline(settings, PgQueue) as tieline,
            await psycopg.AsyncConnection[DictRow].connect(
                shell.database_url, autocommit=True, row_factory=dict_row
            ) as eyes,
        ):
            for statement in _NOTES:
                await eyes.execute(statement)
            with crm_of(provider, url) as crm:
                org_id, app_id = await _connect(tieline, crm)
                environ = {f"TIELINE_{name.upper()}": str(value) for name, value in setting.items()}
                world = World(shell, tieline, crm, sandbox, org_id, app_id, eyes, environ)
                try:
                    yield world
                finally:
                    for worker in world.workers:
                        with suppress(ProcessLookupError):
                            worker.process.kill()


async def _connect(tieline: Tieline, crm: Crm) -> tuple[str, str]:
    org_id = (await tieline.accounts.create_organisation("Chaos")).org_id
    fields = [FieldSpec("notes", FieldType.STRING), FieldSpec("plan", FieldType.STRING)]
    await tieline.configs.update(org_id, ConfigUpdate(custom_fields=fields))
    lines = [{"external_field_name": theirs, "field_name": ours} for ours, theirs in crm.fields.items()]
    app = await tieline.connecting.create(
        org_id,
        AppInput({
            "type": "crm", "provider": crm.provider, "name": "chaos", "tenant_url": crm.url,
            "auth_config": dict(CREDENTIALS[crm.provider]),
            "crm_config": {
                "inbound_sync_mappings": lines,
                "outbound_sync_mappings": [line for line in lines if line["field_name"] == "notes"],
                "sync_conversation_activity": True,
                # All of a CRM's records are edited here at once, and nobody is there to agree to it.
                "brake": False,
            },
        }),
    )  # fmt: skip
    await tieline.configs.update(org_id, ConfigUpdate(app_id=app.app_id))
    await tieline.connecting.recheck(org_id, app.app_id)
    return org_id, app.app_id
