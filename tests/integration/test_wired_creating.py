"""What a worker does at its wake-ups, wired as in production: a stranger's call ends, and is logged on a new record."""

from pathlib import Path

import httpx2
from tests.integration.connecting_support import HUBSPOT, SALESFORCE, Kit, crm, kit
from tests.integration.work_support import NotedWakes, execute

from tieline.bootstrap import wire
from tieline.config import Settings
from tieline.flows.connecting import AppInput
from tieline.ports.store import Lane
from tieline.store.config import ConfigUpdate
from tieline.store.pool import make_pool
from tieline.store.secrets import Secrets, new_key
from tieline.worker.wiring import WiredFlows

__all__ = ["HUBSPOT", "SALESFORCE", "crm", "kit"]


async def test_a_strangers_call_makes_a_record_and_is_logged_on_it(
    db_url: str, kit: Kit, crm: str, tmp_path: Path
) -> None:
    settings = Settings(sandbox_mode=True, data_dir=tmp_path)
    async with make_pool(db_url) as pool, httpx2.AsyncClient() as http:
        tieline = wire(settings, db_url, pool, http, Secrets.from_text(new_key()), NotedWakes())
        flows = WiredFlows(tieline)
        org_id = (await tieline.accounts.create_organisation("One")).org_id
        config = {**kit.mappings(), "sync_new_contacts": True, "sync_conversation_activity": True}
        members = {
            "type": "crm", "provider": kit.provider, "name": "Prod", "tenant_url": crm, "auth_config": kit.auth,
            "crm_config": config,
        }  # fmt: skip
        app = await tieline.connecting.create(org_id, AppInput(members))
        await tieline.configs.update(org_id, ConfigUpdate(app_id=app.app_id))
        await execute(
            pool,
            "insert into read_state (org_id, app_id, kind, completed_at, tenant_key)"
            " values (%s, %s, 'full', now(), %s)", org_id, app.app_id, app.tenant_key,
        )  # fmt: skip
        await execute(
            pool,
            "insert into conversation (org_id, platform, conversation_id, type, direction, from_number, status,"
            " ended_at, due_at)"
            " values (%s, 'retell', 'call_1', 'call', 'inbound', '+14155550100', 'ended', now(), now())",
            org_id,
        )  # fmt: skip
        await flows.analysis(org_id)
        lease = await tieline.leases.acquire(org_id, app.app_id, Lane.LIVE, "test")
        assert lease is not None
        await flows.activity(org_id, app.app_id, lease)
        (link,) = await execute(pool, "select status, phones from link")
        assert (link["status"], link["phones"]) == ("open", ["+14155550100"])
        (activity,) = await execute(pool, "select status, activity_id from activity")
        assert activity["status"] == "done"
        assert activity["activity_id"]
