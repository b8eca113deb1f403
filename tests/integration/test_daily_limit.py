"""A CRM's daily limit, on both sandboxes, wired as in production: who waits, who goes on, and nothing is lost."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.integration.connecting_support import HUBSPOT, SALESFORCE, Kit, crm, kit
from tests.integration.work_support import NotedWakes, execute

from tieline.bootstrap import Tieline, wire
from tieline.config import Settings
from tieline.domain.changeset import Source, SourceKind
from tieline.domain.edits import plan_edit
from tieline.domain.fields import FieldSpec
from tieline.domain.quota import RECHECK
from tieline.domain.values import FieldType
from tieline.flows.connecting import AppInput
from tieline.ports.clock import to_ms
from tieline.ports.config import AppConfig
from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.store import Lane, Origin
from tieline.store.config import ConfigUpdate
from tieline.store.pool import Pool, make_pool
from tieline.store.secrets import Secrets, new_key
from tieline.worker.jobs import Jobs
from tieline.worker.wiring import WiredFlows

__all__ = ["HUBSPOT", "SALESFORCE", "crm", "kit"]

NUMBER = "+14155550100"
ALLOWED = 1_000


@dataclass
class Shop:
    """An app whose contact Alice is linked, and a worker that is asked by hand."""

    tieline: Tieline
    jobs: Jobs
    app: AppConfig
    kit: Kit
    http: httpx2.AsyncClient
    url: str

    @property
    def pool(self) -> Pool:
        return self.tieline.pool

    async def used(self, count: int) -> None:
        """All tools together have sent so many requests."""
        sandbox = {"salesforce": ("api_limit", "api_used"), "hubspot": ("daily_limit", "daily_used")}
        limit, used = sandbox[self.kit.provider]
        answer = await self.http.post(
            f"{self.url}/__sandbox__/settings", json={limit: ALLOWED, used: count, **self._paced()}
        )
        assert answer.status_code == 200, answer.text

    async def seen(self) -> int:
        """How many requests the CRM has had."""
        found = await self.http.get(f"{self.url}/__sandbox__/requests")
        return len([one for one in found.json()["requests"] if "oauth" not in one["operation"]])

    async def wakes(self, kind: WakeKind) -> None:
        await self.jobs.handlers()[kind](Wake(kind, self.app.org_id, self.app.app_id))

    async def syncs(self) -> dict[str, Any]:
        """A recurring run is due, and a worker looks; the run afterwards."""
        if await self.tieline.runs.in_flight(self.app.org_id, self.app.app_id) is None:
            await self.tieline.runs.queue(
                self.app.org_id, self.app.app_id, full_read=False, triggered_by="cron"
            )
        await self.wakes(WakeKind.INBOUND)
        (run,) = await execute(
            self.pool, "select * from run where kind = 'inbound' order by created_at desc limit 1"
        )
        return run

    async def edits(self, text: str) -> None:
        """A person changes Alice here, and a worker looks."""
        org = await self.tieline.configs.get(self.app.org_id)
        async with self.tieline.store.transaction() as uow:
            contact = (await uow.contacts_by_phone(self.app.org_id, [NUMBER], lock=True))[NUMBER]
            source = Source(SourceKind.PERSON, to_ms(self.tieline.clock.now()), "ann")
            await uow.apply(
                self.app.org_id, plan_edit(contact, {"summary": text}, org.fields, source), Origin()
            )
        await self.wakes(WakeKind.PUSH)

    async def in_crm(self) -> Any:
        session = await self.tieline.session_for(self.app, Lane.LIVE)
        schema = await session.run(session.connector.describe())
        (link,) = await execute(self.pool, "select external_id from link")
        field = schema.get(self.kit.notes)
        assert field is not None
        page = await session.run(session.connector.read_by_ids([field], [link["external_id"]]))
        return page.records[0].values[self.kit.notes]

    async def time_passes(self) -> None:
        """Until the CRM's count is worth another look."""
        for column in ("told_at", "refused_at", "asked_at"):
            await execute(self.pool, f"update quota set {column} = {column} - %s::interval", RECHECK)
        await execute(self.pool, "update run set not_before = now() where not_before is not null")
        await execute(self.pool, "update link set push_not_before = null")

    async def issues(self) -> list[str]:
        rows = await execute(self.pool, "select kind from issue where closed_at is null order by kind")
        return [row["kind"] for row in rows]

    def _paced(self) -> dict[str, Any]:
        if self.kit.provider == "salesforce":
            return {}
        return {"rate_limits": True, "ten_secondly_limit": 10_000, "search_secondly_limit": 10_000}


@pytest.fixture
async def shop(db_url: str, kit: Kit, crm: str, tmp_path: Path) -> AsyncIterator[Shop]:
    settings = Settings(sandbox_mode=True, data_dir=tmp_path)
    async with make_pool(db_url) as pool, httpx2.AsyncClient() as http:
        tieline = wire(settings, db_url, pool, http, Secrets.from_text(new_key()), NotedWakes())
        jobs = Jobs(WiredFlows(tieline).flows(), tieline.runs, tieline.leases, tieline.clock, "worker")
        org_id = (await tieline.accounts.create_organisation("One")).org_id
        await tieline.configs.update(
            org_id, ConfigUpdate(custom_fields=(FieldSpec("summary", FieldType.STRING),))
        )
        members = {
            "type": "crm", "provider": kit.provider, "name": "Prod", "tenant_url": crm, "auth_config": kit.auth,
            "crm_config": kit.mappings(("both", kit.notes, "summary")),
        }  # fmt: skip
        app = await tieline.connecting.create(org_id, AppInput(members))
        await tieline.configs.update(org_id, ConfigUpdate(app_id=app.app_id))
        made = Shop(tieline, jobs, app, kit, http, crm)
        await made.used(0)
        phone = (
            {"Phone": NUMBER, "LastName": "Smith"}
            if kit is SALESFORCE
            else {"phone": NUMBER, "lastname": "S"}
        )
        members = {"fields": phone} if kit is SALESFORCE else {"properties": phone}
        (await http.post(f"{crm}/__sandbox__/create", json=members)).raise_for_status()
        assert (await made.syncs())["status"] == "succeeded"
        yield made


async def test_other_tools_use_up_the_share_and_recurring_work_coasts_while_a_live_write_goes_through(
    shop: Shop,
) -> None:
    await shop.used(850)
    attempts = (await shop.syncs())["attempts"]
    run = await shop.syncs()
    assert (run["status"], run["attempts"]) == ("queued", attempts), "put off, not failed and not counted"
    assert "daily limit" in run["reason"]
    before = await shop.seen()
    await shop.syncs()
    assert await shop.seen() == before, "who waits asks nobody"
    await shop.edits("gold")
    assert await shop.in_crm() == "gold"
    assert await shop.issues() == ["daily_limit"]

    await shop.used(20)
    await shop.time_passes()
    assert (await shop.syncs())["status"] == "succeeded"
    assert await shop.issues() == []


async def test_a_crm_that_refuses_by_its_daily_limit_is_left_alone_and_no_change_is_lost(shop: Shop) -> None:
    await shop.used(ALLOWED)
    await shop.edits("gold")
    before = await shop.seen()
    for _ in range(3):
        await shop.wakes(WakeKind.PUSH)
        await shop.syncs()
    assert await shop.seen() == before, "no storm of retries"
    (link,) = await execute(shop.pool, "select push_attempts, dirty_at from link")
    assert link["dirty_at"] is not None
    assert link["push_attempts"] == 0
    assert await shop.issues() == ["daily_limit"]

    await shop.time_passes()
    await shop.wakes(WakeKind.PUSH)
    assert await shop.seen() == before + 1, "one request asks, for all lanes"

    await shop.used(0)
    await shop.time_passes()
    await shop.wakes(WakeKind.PUSH)
    await shop.time_passes()
    await shop.wakes(WakeKind.PUSH)
    assert await shop.in_crm() == "gold"
    assert (await shop.syncs())["status"] == "succeeded"
    assert await shop.issues() == []
