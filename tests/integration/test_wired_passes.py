"""What is left in the history by a worker's passes: one run for each that did something, with what it did."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from tests.integration.connecting_support import HUBSPOT, SALESFORCE, Kit, crm, kit
from tests.integration.work_support import NotedWakes, execute

from tieline.bootstrap import Tieline, wire
from tieline.config import Settings
from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.changeset import SourceKind
from tieline.domain.fields import FieldSpec
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import FieldType
from tieline.flows.connecting import AppInput
from tieline.flows.editing import Edit, Editor
from tieline.ports.store import Lane, Lease
from tieline.store.config import ConfigUpdate
from tieline.store.pool import make_pool
from tieline.store.secrets import Secrets, new_key
from tieline.worker.wiring import WiredFlows

__all__ = ["HUBSPOT", "SALESFORCE", "crm", "kit"]

SUMMARY = AnalysisMapping("summary", "notes", UpdateMode.MERGE)


@asynccontextmanager
async def _wired(
    db_url: str, kit: Kit, crm: str, directory: Path
) -> AsyncIterator[tuple[Tieline, WiredFlows, str, Lease]]:
    """A worker's flows, an app whose first read is over, and the lane of its live work."""
    settings = Settings(sandbox_mode=True, data_dir=directory)
    async with make_pool(db_url) as pool, httpx2.AsyncClient() as http:
        tieline = wire(settings, db_url, pool, http, Secrets.from_text(new_key()), NotedWakes())
        org_id = (await tieline.accounts.create_organisation("One")).org_id
        fields = [FieldSpec("notes", FieldType.STRING)]
        await tieline.configs.update(org_id, ConfigUpdate(custom_fields=fields, analysis_mappings=[SUMMARY]))
        config: dict[str, Any] = {
            "inbound_sync_mappings": [{"external_field_name": kit.phone, "field_name": "phone_number"}],
            "outbound_sync_mappings": [{"external_field_name": kit.notes, "field_name": "notes"}],
            "sync_new_contacts": True, "sync_conversation_activity": True,
        }  # fmt: skip
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
        lease = await tieline.leases.acquire(org_id, app.app_id, Lane.LIVE, "test")
        assert lease is not None
        yield tieline, WiredFlows(tieline), org_id, lease


async def _call_ends(tieline: Tieline, org_id: str, number: int, says: str) -> None:
    await execute(
        tieline.pool,
        "insert into conversation (org_id, platform, conversation_id, type, direction, from_number, status, ended_at,"
        " due_at, analysis, analysis_version) values (%s, 'retell', %s, 'call', 'inbound', '+14155550100', 'analyzed',"
        " now(), now(), jsonb_build_object('summary', %s::text), %s)",
        org_id, f"call_{number}", says, says,
    )  # fmt: skip


async def test_each_pass_that_did_something_is_a_run_with_what_it_did(
    db_url: str, kit: Kit, crm: str, tmp_path: Path
) -> None:
    async with _wired(db_url, kit, crm, tmp_path) as (tieline, flows, org_id, lease):
        app_id = lease.app_id
        await _call_ends(tieline, org_id, 1, "Asked about prices.")
        await flows.analysis(org_id)
        await flows.activity(org_id, app_id, lease)
        await _call_ends(tieline, org_id, 2, "Wants a demo.")
        await flows.analysis(org_id)
        await flows.activity(org_id, app_id, lease)
        await flows.push(org_id, app_id, lease)
        told = [
            (run.kind, run.status, dict(run.counts)) for run in reversed(await tieline.runs.recent(org_id))
        ]
        assert told == [
            ("analysis", "succeeded", {"looked": 1, "created": 1, "changed": 1}),
            ("creating", "succeeded", {"looked": 1, "created": 1}),
            ("activity", "succeeded", {"looked": 1, "created": 1}),
            ("analysis", "succeeded", {"looked": 1, "changed": 1}),
            ("activity", "succeeded", {"looked": 1, "created": 1}),
            ("outbound", "succeeded", {"looked": 1, "changed": 1}),
        ]
        pushed, *_, first = await tieline.runs.recent(org_id)
        assert pushed.requests_sent >= 2, "a look and a write"
        assert pushed.triggered_by == "event"
        assert pushed.finished_at is not None
        rows = await execute(
            tieline.pool, "select distinct run_id from ledger where source_ref = 'retell:call_1'"
        )
        assert [row["run_id"] for row in rows] == [first.run_id]


async def test_a_pass_that_finds_nothing_leaves_no_run(
    db_url: str, kit: Kit, crm: str, tmp_path: Path
) -> None:
    async with _wired(db_url, kit, crm, tmp_path) as (tieline, flows, org_id, lease):
        await flows.analysis(org_id)
        await flows.activity(org_id, lease.app_id, lease)
        await flows.push(org_id, lease.app_id, lease)
        assert await tieline.runs.recent(org_id) == []


async def test_a_run_whose_worker_died_is_ended_by_the_next_and_an_error_is_told_in_words(
    db_url: str, kit: Kit, crm: str, tmp_path: Path
) -> None:
    async with _wired(db_url, kit, crm, tmp_path) as (tieline, flows, org_id, lease):
        await _call_ends(tieline, org_id, 1, "Asked about prices.")
        await flows.analysis(org_id)
        await flows.activity(org_id, lease.app_id, lease)
        async with tieline.store.transaction(lease) as unit:
            await unit.begin_pass(org_id, lease.app_id, "outbound", "run_of_the_dead")
        (row,) = await execute(tieline.pool, "select contact_id from contact")
        rules, editor = await tieline.configs.get(org_id), Editor(SourceKind.PERSON, "ann")
        edit = Edit(custom_fields={"notes": "Anything."})
        await tieline.editing.update(org_id, rules, row["contact_id"], edit, editor)
        rule = {"kind": "status", "status": 503, "times": 1}
        httpx2.post(f"{crm}/__sandbox__/faults", json=rule).raise_for_status()
        try:
            await flows.push(org_id, lease.app_id, lease)
        except Exception as error:
            said = str(error)
        else:
            raise AssertionError("the CRM was unavailable")
        dead = await tieline.runs.get(org_id, "run_of_the_dead")
        assert dead is not None
        assert (dead.status, "later run" in str(dead.reason)) == ("failed", True)
        (run, *_) = await tieline.runs.recent(org_id, kinds=["outbound"])
        assert (run.status, run.reason) == ("failed", said)
        assert run.errors == {"CRM unavailable or connection lost": 1}
        assert run.counts == {"looked": 1, "waiting": 1}
