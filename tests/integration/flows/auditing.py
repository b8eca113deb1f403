"""The audit as a verb of a house, and ways to damage what a house holds."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from psycopg.types.json import Jsonb
from tests.integration.flows.house import APP, ORG, House

from tieline.flows.audit import AuditFlow
from tieline.flows.inbound import PAGE_SIZE, InboundFlow, InboundRun
from tieline.ports.store import Lane, Lease, Store
from tieline.store.audit import PostgresAudits
from tieline.store.unit_of_work import PostgresStore, PostgresUnitOfWork

FINDINGS = ("missing_here", "missing_there", "differing", "stuck")
CALCULATED = {"salesforce": "Formula__c", "hubspot": "weighted_score"}


class WorkerDiedError(Exception):
    """What a test calls a worker's end."""


class DyingStore:
    """A store that fails once, at the nth boundary of a transaction: before it begins, before or after it commits."""

    def __init__(self, store: PostgresStore, dies_at: int, error: type[Exception] = WorkerDiedError) -> None:
        self._store = store
        self._left = dies_at
        self._error = error

    def _boundary(self) -> None:
        self._left -= 1
        if self._left == -1:
            raise self._error

    @asynccontextmanager
    async def transaction(self, lease: Lease | None = None) -> AsyncIterator[PostgresUnitOfWork]:
        self._boundary()
        async with self._store.transaction(lease) as uow:
            yield uow
            self._boundary()
        self._boundary()


async def begin(home: House, kind: str = "audit") -> str:
    """A run that is taken up."""
    run_id = home.ids.new("run")
    await home.sql(
        "insert into run (org_id, run_id, app_id, kind, full_read, status, triggered_by)"
        " values (%s, %s, %s, %s, true, 'running', 'manual')", ORG, run_id, APP, kind,
    )  # fmt: skip
    return run_id


async def work(
    home: House,
    run_id: str,
    *,
    calculated: bool = False,
    page_size: int = PAGE_SIZE,
    store: Store | None = None,
) -> None:
    """Works on a run until its end, or until something raises."""
    store = store or home.store
    braking = replace(home.braking, store=store)
    inbound = InboundFlow(store, home.clock, home.ids, braking)
    flow = AuditFlow(store, PostgresAudits(), inbound, braking, home.clock, home.ids, page_size=page_size)
    async with home.lane(Lane.BACKFILL) as lease:
        run = InboundRun(await home.app(), await home.org(), await home.session(), lease, run_id, full=True)
        await flow.run(run, await home.schema(), calculated=calculated)
    await home.sql("update run set status = 'succeeded' where run_id = %s", run_id)


async def counts_of(home: House, run_id: str) -> Mapping[str, int]:
    """A run's counts."""
    counts = (await home.rows("select counts from run where run_id = %s", run_id))[0]["counts"]
    assert isinstance(counts, dict)
    return counts


async def audit(home: House, *, calculated: bool = False) -> Mapping[str, int]:
    """One audit; returns its counts."""
    run_id = await begin(home, "calculated" if calculated else "audit")
    await work(home, run_id, calculated=calculated)
    assert not await home.rows("select 1 from audit_record"), "an audit that ended keeps no notes"
    return await counts_of(home, run_id)


def found(counts: Mapping[str, int]) -> dict[str, int]:
    """The findings of an audit that are not zero."""
    return {name: counts[name] for name in FINDINGS if counts[name]}


async def pass_by(home: House) -> None:
    """An hour later in the CRM, and a read: what was changed before is behind the place where the next one begins."""
    await home.admin("clock", advance=3600)
    await home.sync()


async def forget(home: House, external_id: str) -> None:
    """As if the record had never been read."""
    link = (await home.rows("select contact_id from link where external_id = %s", external_id))[0]
    await home.sql("delete from link where external_id = %s", external_id)
    await home.sql("delete from contact where contact_id = %s", link["contact_id"])


async def map_calculated(home: House) -> None:
    """Maps the CRM's calculated field to a contact field, and lets a full read see it."""
    await home.sql(
        "insert into custom_field (org_id, field_id, name, type, options, position)"
        " values (%s, 'field_tier', 'tier', 'string', '[]', 99)", ORG,
    )  # fmt: skip
    line: dict[str, Any] = {"external_field_name": CALCULATED[home.provider], "field_name": "tier"}
    await home.sql(
        "update app set crm_config = jsonb_set(crm_config, '{inbound_sync_mappings}',"
        " crm_config -> 'inbound_sync_mappings' || %s) where app_id = %s", Jsonb([line]), APP,
    )  # fmt: skip


async def recalculate(home: House, record: str) -> str:
    """The CRM computes another value, and the record's modified time stays; the new value."""
    if home.provider == "salesforce":
        settings = await home.admin("settings", formula_threshold=1)
        assert settings["formula_threshold"] == 1
        return "High"
    await home.admin("settings", background_moves_modified=False)
    await home.admin("edit", id=record, fields={"weighted_score": "777"}, background=True)
    return "777"
