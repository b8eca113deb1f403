"""Inbound sync: CRM records become and update contacts, page by page, each page with its cursor in one transaction.

Does not try again (the worker does) and holds nothing between pages: a run that dies goes on from its last page.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tieline.domain.changeset import Changeset, IssueNote
from tieline.domain.crm_schema import CrmField, CrmSchema
from tieline.domain.plan_inbound import InboundPlan, InboundRules, plan_inbound, plan_missing, plan_removals
from tieline.domain.records import RemoteRecord
from tieline.flows.configuration import Effective, drift_cause, drift_notes, effective, notes_of_drift
from tieline.flows.known import known_of_links, known_of_records, sweep_soon
from tieline.ports.clock import Clock, Ids, to_ms
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.crm import Capability, CrmSession, Page
from tieline.ports.errors import (
    ConflictError,
    CrmError,
    CursorGoneError,
    FatalError,
    PermissionMissingError,
)
from tieline.ports.store import Lease, Origin, ReadState, Store, UnitOfWork

# Measured: batches of 1,000 rows keep call-start answers quick while an import runs.
PAGE_SIZE = 1000
REMOVALS_EVERY = timedelta(minutes=10)
# A search index is believed to have caught up with our own writes after this long.
INDEX_LAG = timedelta(minutes=10)
_TRIES = 5


@dataclass(frozen=True, slots=True)
class InboundRun:
    """One run of one app: who works, on what, for whom. Only a look at single records does without a lease."""

    app: AppConfig
    org: OrgConfig
    session: CrmSession
    lease: Lease | None
    run_id: str
    full: bool
    resumed_since: datetime | None = None
    """When the run was begun, if an earlier attempt at it may have done a part."""

    def has_read_all(self, state: ReadState) -> bool:
        """Whether an earlier attempt completed this run's full read."""
        since, completed = self.resumed_since, state.completed_at
        return since is not None and completed is not None and completed >= since and state.cursor is None


class InboundFlow:
    """Reads everything (`full`) or what changed; then what must be read again; then what was removed."""

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def run(self, run: InboundRun, schema: CrmSchema) -> None:
        """Runs to the end. Raises the errors of ports.errors and ConfigurationError; what was committed stays."""
        reading = _Reading(run, effective(run.app, run.org, schema), schema)
        healed = await self._note_drift(reading)
        first_done = await self._state(run, "full")
        # A mapping that rested missed changes on both sides; all its records are looked at.
        full = run.full or first_done.completed_at is None or bool(healed)
        if not full:
            # Who is gone is asked first, so that no record takes the place of one that was merged into it.
            await self._sweep_if_allowed(reading, force=False)
        if full:
            never_read = first_done.completed_at is None and not first_done.tenant_known
            if healed or not run.has_read_all(first_done):
                await self._read_all(reading, first_read=never_read)
        elif not await self._read_changes(reading):
            await self._read_all(reading, first_read=False)
        await self._read_again(reading)
        await self._close_drift(reading, healed)
        if full:
            await self._sweep_if_allowed(reading, force=True)

    async def _read_all(self, reading: "_Reading", *, first_read: bool) -> None:
        run = reading.run
        connector = run.session.connector
        state = await self._state(run, "full")
        while True:
            cursor = dict(state.cursor) if state.cursor is not None else None
            try:
                page = await run.session.run(connector.read_all(reading.fields, cursor, PAGE_SIZE))
            except CursorGoneError:
                if cursor is None:
                    raise
                state = replace(state, cursor=None)
                continue
            done = page.cursor is None and page.wait_s <= 0
            state = replace(
                state, cursor=page.cursor, completed_at=self._clock.now() if done else state.completed_at
            )
            await self._take_page(reading, page, "full", state, first_read=first_read)
            if done:
                return
            if page.wait_s > 0:
                await self._clock.sleep(page.wait_s)

    async def _read_changes(self, reading: "_Reading") -> bool:
        """False if the CRM cannot tell, or no longer, what changed since the watermark."""
        run = reading.run
        connector = run.session.connector
        if Capability.CHANGES not in connector.spec.capabilities:
            return False
        state = await self._state(run, "changes")
        while True:
            cursor = dict(state.cursor) if state.cursor is not None else None
            assert state.watermark is not None, "a completed full read leaves a watermark"
            try:
                page = await run.session.run(
                    connector.read_changes(reading.fields, state.watermark, cursor, PAGE_SIZE)
                )
            except CursorGoneError:
                if cursor is None:
                    return False
                state = replace(state, cursor=None)
                continue
            watermark = page.watermark if page.cursor is None and page.watermark else state.watermark
            state = replace(state, cursor=page.cursor, watermark=watermark)
            await self._take_page(reading, page, "changes", state, first_read=False)
            if page.cursor is None:
                return True

    async def _take_page(
        self, reading: "_Reading", page: Page, kind: str, state: ReadState, *, first_read: bool
    ) -> None:
        """One page, its effects and its cursor in one transaction."""
        parts = [page.records[i : i + PAGE_SIZE] for i in range(0, len(page.records), PAGE_SIZE)] or [()]
        for part in parts[:-1]:
            await self._commit(reading, part, page, first_read=first_read)
        marks = [(kind, state)]
        if kind == "full" and page.cursor is None and page.wait_s <= 0:
            marks.append(("changes", ReadState(watermark=page.watermark)))
        await self._commit(reading, parts[-1], page, first_read=first_read, marks=marks)

    async def _commit(
        self,
        reading: "_Reading",
        records: Sequence[RemoteRecord],
        page: Page,
        *,
        first_read: bool = False,
        fresh: bool = False,
        marks: Sequence[tuple[str, ReadState]] = (),
    ) -> InboundPlan | None:
        run, app = reading.run, reading.run.app
        rules = InboundRules(
            reading.effective.mapping, app.tenant_key, app.region, to_ms(page.requested_at),
            own_user_id=app.own_user_id, first_read=first_read, fresh=fresh,
            hint_since_ms=None if page.authoritative else to_ms(self._clock.now() - INDEX_LAG),
        )  # fmt: skip
        for attempt in range(_TRIES):
            try:
                async with self._store.transaction(run.lease) as uow:
                    plan = await self._plan(uow, reading, records, rules) if records else None
                    for kind, state in marks:
                        await uow.save_read_state(app.org_id, app.app_id, kind, app.tenant_key, state)
                    counts = plan.changeset.counts if plan else {}
                    await uow.add_counts(app.org_id, run.run_id, counts, reading.take_requests())
                return plan
            except ConflictError:
                if attempt + 1 == _TRIES:
                    raise
        return None

    async def _plan(
        self, uow: UnitOfWork, reading: "_Reading", records: Sequence[RemoteRecord], rules: InboundRules
    ) -> InboundPlan:
        app = reading.run.app
        known = await known_of_records(
            uow, app.org_id, app.app_id, app.tenant_key, records, rules.mapping, rules.region
        )
        plan = plan_inbound(records, known, rules, lambda: self._ids.new("contact"))
        reading.drifted |= plan.drifted
        drift = notes_of_drift(app, dict.fromkeys(plan.drifted, "The CRM's answers do not contain it."))
        changeset = replace(plan.changeset, issues=[*plan.changeset.issues, *drift])
        await uow.apply(app.org_id, changeset, Origin(app.app_id, reading.run.run_id))
        return plan

    async def _read_again(self, reading: "_Reading") -> None:
        """Reads by id what the pages could not settle: our own recent writes, new primaries, older answers."""
        run, app = reading.run, reading.run.app
        batch = run.session.connector.spec.read_batch
        tried: set[str] = set()
        while True:
            async with self._store.transaction(run.lease) as uow:
                waiting = await uow.needing_read(app.org_id, app.tenant_key, batch, without=tried)
            if not waiting:
                return
            tried |= set(waiting)
            page = await run.session.run(run.session.connector.read_by_ids(reading.fields, waiting))
            await self._commit(reading, page.records, page, fresh=True)
            await self._mark_missing(reading, set(waiting) - {r.external_id for r in page.records})

    async def _mark_missing(self, reading: "_Reading", external_ids: Set[str]) -> None:
        app = reading.run.app
        if not external_ids:
            return
        async with self._store.transaction(reading.run.lease) as uow:
            known = await known_of_links(uow, app.org_id, app.app_id, app.tenant_key, external_ids)
            changes = plan_missing(external_ids, known, app.tenant_key)
            await uow.apply(app.org_id, changes, Origin(app.app_id, reading.run.run_id))
            await sweep_soon(uow, app.org_id, app.app_id, app.tenant_key)

    async def read_records(self, run: InboundRun, schema: CrmSchema, external_ids: Sequence[str]) -> None:
        """Reads these records by id, now, and takes what they say. For a merge that needs the CRM's newest text."""
        reading = _Reading(run, effective(run.app, run.org, schema), schema)
        page = await run.session.run(run.session.connector.read_by_ids(reading.fields, external_ids))
        await self._commit(reading, page.records, page, fresh=True)

    async def sweep(self, run: InboundRun, schema: CrmSchema) -> None:
        """Follows the CRM's deletes and merges now."""
        reading = _Reading(run, effective(run.app, run.org, schema), schema)
        await self._sweep_if_allowed(reading, force=True)

    async def _sweep(self, reading: "_Reading", *, force: bool) -> None:
        """Follows deletes and merges since the last sweep."""
        run, app = reading.run, reading.run.app
        if Capability.REMOVALS not in run.session.connector.spec.capabilities:
            return
        state = await self._state(run, "removals")
        recent = state.completed_at is not None and self._clock.now() - state.completed_at < REMOVALS_EVERY
        if recent and not force and state.cursor is None:
            return
        while True:
            cursor = dict(state.cursor) if state.cursor is not None else None
            try:
                page = await run.session.run(run.session.connector.read_removals(state.watermark, cursor))
            except CursorGoneError:
                if cursor is None and state.watermark is None:
                    raise
                if cursor is None:
                    await self._doubt_all(reading)
                state = ReadState(None, state.watermark if cursor else None, state.completed_at)
                continue
            done = page.cursor is None
            state = ReadState(
                page.cursor,
                page.watermark if done and page.watermark else state.watermark,
                self._clock.now() if done else state.completed_at,
            )
            async with self._store.transaction(run.lease) as uow:
                gone = {r.external_id for r in page.removals} | {
                    r.survivor_id for r in page.removals if r.survivor_id
                }
                changes = Changeset()
                if gone:
                    known = await known_of_links(
                        uow, app.org_id, app.app_id, app.tenant_key, gone, leaving=True
                    )
                    changes = plan_removals(
                        page.removals, known, app.tenant_key, lambda: self._ids.new("contact")
                    )
                    await uow.apply(app.org_id, changes, Origin(app.app_id, run.run_id))
                await uow.save_read_state(app.org_id, app.app_id, "removals", app.tenant_key, state)
                await uow.add_counts(app.org_id, run.run_id, changes.counts, reading.take_requests())
            if done:
                break
        await self._read_again(reading)

    async def _sweep_if_allowed(self, reading: "_Reading", *, force: bool) -> None:
        """A CRM that will not tell who is gone must not keep us from reading who changed; a person is told."""
        app, run = reading.run.app, reading.run
        cause = f"sweep:{app.app_id}"
        notes, closed = [], [cause]
        try:
            await self._sweep(reading, force=force)
        except (PermissionMissingError, FatalError) as error:
            notes, closed = [_sweep_note(app, cause, error)], []
        async with self._store.transaction(run.lease) as uow:
            changes = Changeset(issues=notes, closed_causes=closed)
            await uow.apply(app.org_id, changes, Origin(app.app_id, run.run_id))

    async def _doubt_all(self, reading: "_Reading") -> None:
        """The CRM does not keep deletes since the last sweep any more: every record is asked for by its id."""
        app = reading.run.app
        async with self._store.transaction(reading.run.lease) as uow:
            await uow.doubt_links(app.org_id, app.tenant_key)
            await uow.save_read_state(app.org_id, app.app_id, "removals", app.tenant_key, ReadState())

    async def _note_drift(self, reading: "_Reading") -> frozenset[str]:
        """Raises what rests. Returns the causes of what rested before and works again."""
        app = reading.run.app
        async with self._store.transaction(reading.run.lease) as uow:
            notes = drift_notes(app, reading.effective)
            if notes:
                await uow.apply(app.org_id, Changeset(issues=notes), Origin(app.app_id, reading.run.run_id))
            known = await uow.open_causes(app.org_id, app.app_id, [], [])
        drifted = {note.cause for note in notes}
        return frozenset(c for c in known if c.startswith(f"drift:{app.app_id}:") and c not in drifted)

    async def _close_drift(self, reading: "_Reading", healed: frozenset[str]) -> None:
        app = reading.run.app
        closed = healed - {drift_cause(app, name) for name in reading.drifted}
        if closed:
            async with self._store.transaction(reading.run.lease) as uow:
                await uow.apply(app.org_id, Changeset(closed_causes=sorted(closed)), Origin(app.app_id))

    async def _state(self, run: InboundRun, kind: str) -> ReadState:
        async with self._store.transaction(run.lease) as uow:
            return await uow.read_state(run.app.org_id, run.app.app_id, kind, run.app.tenant_key)


class _Reading:
    """What stays the same while a run reads."""

    def __init__(self, run: InboundRun, how: Effective, schema: CrmSchema) -> None:
        self.run = run
        self.effective = how
        self.fields: list[CrmField] = how.crm_fields(schema)
        self.drifted: frozenset[str] = frozenset()
        self._counted = 0

    def take_requests(self) -> int:
        """Requests sent since the last call."""
        sent = self.run.session.requests_sent - self._counted
        self._counted += sent
        return sent


def _sweep_note(app: AppConfig, cause: str, error: CrmError) -> IssueNote:
    return IssueNote(
        cause=cause,
        kind="sweep_refused",
        message=f"App {app.name or app.app_id} cannot ask which records were deleted or merged: {error} "
        "Contacts keep syncing; deletes and merges are followed again as soon as the CRM allows it.",
        severity="error",
    )
