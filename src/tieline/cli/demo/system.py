"""Everything the walk needs, running: sandbox CRMs, API server, worker, embedded Postgres, an organisation per CRM."""

import asyncio
import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from tieline.bootstrap import open_tieline, start_embedded
from tieline.cli.demo.agent import AgentPlatform
from tieline.cli.demo.client import Json, TielineClient
from tieline.cli.demo.crm_eyes import eyes_on
from tieline.cli.demo.processes import Processes
from tieline.cli.demo.rep import Rep
from tieline.cli.demo.report import Report
from tieline.cli.demo.setting import TITLES, Account, Provider
from tieline.cli.demo.waiting import Telling
from tieline.cli.demo.walk import Walk
from tieline.config import Settings, load
from tieline.store.embedded import EmbeddedServer
from tieline.worker.queue import PgQueue


@dataclass
class System:
    """A running Tieline with its CRMs, in a throw-away data directory."""

    processes: Processes
    settings: Settings
    database: EmbeddedServer
    server_url: str = ""
    crm_urls: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, directory: Path) -> "System":
        """With its database running, and nothing else yet."""
        environ = Processes(directory).environment
        # Only what the programs get: the settings of whoever runs the demo have no say in it.
        settings = load({}, {name: text for name, text in environ.items() if name.startswith("TIELINE_")})
        return cls(Processes(directory), settings, start_embedded(settings))

    def start(self, telling: Telling, *sandbox_options: str) -> None:
        """The CRMs with the emulated model, the API server and one worker, each a process of its own."""
        urls = self.processes.start_sandbox(telling, "--model", *sandbox_options)
        self.processes.model_url = urls.pop("model")
        self.crm_urls = urls
        self.server_url = self.processes.start_server(telling)
        self.processes.start_worker("worker", telling)

    def stop(self) -> None:
        """Ends what was started, the database last."""
        self.processes.stop_all()
        self.database.stop()

    def accounts(self, providers: Sequence[Provider]) -> list[Account]:
        """A new organisation for each CRM, as `org create`, `key create` and `org webhook-secret` make them."""

        async def make() -> list[Account]:
            made = []
            # By its address, not as one more user of the embedded server: an interrupted start would leave that in use.
            url = SecretStr(self.database.url("tieline"))
            settings = self.settings.model_copy(update={"database_url": url})
            async with open_tieline(settings, PgQueue) as tieline:
                for provider in providers:
                    org = await tieline.accounts.create_organisation(f"{TITLES[provider]} team")
                    key = await tieline.accounts.create_key(org.org_id, "demo")
                    secret = secrets.token_hex(16)
                    await tieline.accounts.add_webhook_secret(org.org_id, "retell", secret)
                    made.append(Account(provider, org.org_id, key.text, secret, self.crm_urls[provider]))
            return made

        return asyncio.run(make())

    @contextmanager
    def walk(self, account: Account, report: Report) -> Iterator[Walk]:
        """A walk for an account; its connections close at the end."""
        client = TielineClient(self.server_url, account.api_key)
        agent = AgentPlatform(self.server_url, account.org_id, account.webhook_secret)
        rep = Rep(account)
        rep.allows_another_program()
        eyes = eyes_on(account)

        def sync_now() -> Json:
            report.waiting("tieline sync run")
            try:
                run: Json = json.loads(
                    self.processes.command("sync", "run", "--org", account.org_id, "--json")
                )
            finally:
                report.waiting("")
            return run

        try:
            yield Walk(account, client, agent, rep, eyes, report, sync_now)
        finally:
            for opened in (client, agent, rep, eyes):
                opened.close()


def new_directory() -> Path:
    """A fresh directory for throw-away data."""
    return Path(tempfile.mkdtemp(prefix="tieline-demo-"))


def remove(directory: Path) -> None:
    """Removes it with all that is in it."""
    shutil.rmtree(directory, ignore_errors=True)
