"""Inbound sync: CRM records become and update contacts, page by page, each page with its cursor in one transaction.

Does not try again (the worker does). Between pages it holds only what the brake has wait (`flows.brake_window`): a run
that dies goes on from its last committed page.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from tieline.domain.board import Known
from tieline.domain.brake import BrakeFlow
from tieline.domain.brake_effects import inbound_effects
from tieline.domain.changeset import Changeset, IssueNote
from tieline.domain.crm_schema import CrmSchema
from tieline.domain.plan_inbound import InboundPlan, InboundRules, plan_inbound
from tieline.domain.records import RemoteRecord
from tieline.flows.brake import Braking
from tieline.flows.brake_reading import open_brakes, refuse_an_empty_crm, settle_brakes
from tieline.flows.brake_steps import PageStep, cut_down
from tieline.flows.brake_window import Gate
from tieline.flows.configuration import (
    absent_notes,
    change_causes,
    change_notes,
    drift_cause,
    drift_notes,
    effective,
)
from tieline.flows.known import known_of_records
from tieline.flows.reading import InboundRun as InboundRun
from tieline.flows.reading import Reading
from tieline.flows.sweeping import REMOVALS_EVERY as REMOVALS_EVERY
from tieline.flows.sweeping import Sweeping
from tieline.ports.clock import Clock, Ids, to_ms
from tieline.ports.config import AppConfig
from tieline.ports.crm import Capability, Operation, Page
from tieline.ports.errors import (
    BrakedError,
    ConflictError,
    CrmError,
    CursorGoneError,
    FatalError,
    PermissionMissingError,
    RateLimitedError,
    TransientError,
)
from tieline.ports.store import Origin, ReadState, Store, UnitOfWork

# Measured: batches of 1,000 rows keep call-start answers quick while an import runs.
PAGE_SIZE = 1000
# A search index is believed to have caught up with our own writes after this long.
INDEX_LAG = timedelta(minutes=10)
_TRIES = 5


class InboundFlow:
    """Reads everything (`full`) or what changed; then what must be read again; then what was removed."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        braking: Braking | None = None,
        *,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._braking = braking
        self._page_size = page_size
        self._sweeping = Sweeping(store, clock, self._new_contact_id)

    async def run(self, run: InboundRun, schema: CrmSchema) -> None:
        """Runs to the end. Raises the errors of ports.errors and ConfigurationError; what was committed stays."""
        reading = Reading(run, effective(run.app, run.org, schema), schema)
        healed = await self._note_drift(reading)
        first_done = await self._state(run, "full")
        # A mapping that rested missed changes on both sides; all its records are looked at.
        full = run.full or first_done.completed_at is None or bool(healed)
        never_read = first_done.completed_at is None and not first_done.tenant_known
        if not never_read:
            await self._open_brakes(reading, BrakeFlow.FULL if full else BrakeFlow.CHANGES)
        if not full:
            # Who is gone is asked first, so that no record takes the place of one that was merged into it.
            await self._sweep_if_allowed(reading, force=False)
        if full:
            if healed or not run.has_read_all(first_done):
                await self._read_all(reading, first_read=never_read)
        elif not await self._read_changes(reading):
            await self._read_all(reading, first_read=False)
        await self._read_again(reading)
        await self._close_drift(reading, healed)
        if full:
            await self._sweep_if_allowed(reading, force=True)
        if self._braking is not None:
            await settle_brakes(self._braking, reading, full=full)

    async def _read_all(self, reading: Reading, *, first_read: bool) -> None:
        run = reading.run
        connector = run.session.connector
        state = await self._state(run, "full")
        while True:
            cursor = dict(state.cursor) if state.cursor is not None else None
            try:
                page = await self._ask(reading, connector.read_all(reading.fields, cursor, self._page_size))
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

    async def _read_changes(self, reading: Reading) -> bool:
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
                page = await self._ask(
                    reading, connector.read_changes(reading.fields, state.watermark, cursor, self._page_size)
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
        self, reading: Reading, page: Page, kind: str, state: ReadState, *, first_read: bool
    ) -> None:
        """One page, its effects and its cursor in one transaction."""
        size = self._page_size
        parts = [page.records[i : i + size] for i in range(0, len(page.records), size)] or [()]
        done = page.cursor is None and page.wait_s <= 0
        marks = [(kind, state)]
        if kind == "full" and done:
            marks.append(("changes", ReadState(watermark=page.watermark)))
        if kind == "full":
            await refuse_an_empty_crm(self._store, reading, len(page.records), done=done)
        for part in parts[:-1]:
            await self._take(reading, PageStep(part, page, first_read), last=False)
        await self._take(reading, PageStep(parts[-1], page, first_read, marks=marks), last=done)

    async def _take(self, reading: Reading, step: PageStep, *, last: bool) -> None:
        """A step, now or when the brake lets it."""
        if reading.pages is not None:
            await reading.pages.take(step, last=last)
        else:
            await self._commit(
                reading,
                step.records,
                step.page,
                first_read=step.first_read,
                fresh=step.fresh,
                marks=step.marks,
            )

    async def _ask(self, reading: Reading, operation: Operation[Page]) -> Page:
        """A page. Before we are made to wait, what is held is let go: a read must get on, however slowly."""
        try:
            return await reading.run.session.run(operation)
        except (RateLimitedError, TransientError):
            if reading.pages is not None:
                await reading.pages.interrupted()
            raise

    async def _commit(
        self,
        reading: Reading,
        records: Sequence[RemoteRecord],
        page: Page,
        *,
        first_read: bool = False,
        fresh: bool = False,
        marks: Sequence[tuple[str, ReadState]] = (),
        counts: Mapping[str, int] | None = None,
        gate: Gate[PageStep] | None = None,
    ) -> InboundPlan | None:
        """Plans a page and applies it, if there is no gate or it says so."""
        run, app = reading.run, reading.run.app
        # A page that was held is as old as its request, and not as the moment when it is let go.
        hint_since = min(self._clock.now(), page.requested_at) - INDEX_LAG
        rules = InboundRules(
            reading.effective.mapping, app.tenant_key, app.region, to_ms(page.requested_at),
            own_user_id=app.own_user_id, first_read=first_read, fresh=fresh,
            hint_since_ms=None if page.authoritative else to_ms(hint_since),
        )  # fmt: skip
        step = PageStep(records, page, first_read, fresh, marks, counts or {})
        for attempt in range(_TRIES):
            try:
                async with self._store.transaction(run.lease) as uow:
                    known, plan = await self._plan(uow, reading, records, rules)
                    if gate is not None and not await self._passes(uow, gate, step, known, plan, rules):
                        return None
                    await self._apply(uow, reading, step, plan)
                return plan
            except ConflictError:
                if attempt + 1 == _TRIES:
                    raise
        return None

    async def _plan(
        self, uow: UnitOfWork, reading: Reading, records: Sequence[RemoteRecord], rules: InboundRules
    ) -> tuple[Known, InboundPlan]:
        if not records:
            return Known(), InboundPlan(Changeset())
        app = reading.run.app
        known = await known_of_records(
            uow, app.org_id, app.app_id, app.tenant_key, records, rules.mapping, rules.region
        )
        plan = plan_inbound(records, known, rules, self._new_contact_id)
        reading.drifted |= plan.drifted
        return known, plan

    async def _passes(
        self,
        uow: UnitOfWork,
        gate: Gate[PageStep],
        step: PageStep,
        known: Known,
        plan: InboundPlan,
        rules: InboundRules,
    ) -> bool:
        effects = inbound_effects(plan.changeset, known, rules.mapping.pairs)
        return await gate(
            uow, effects,
            lambda: cut_down(step, plan, lambda rest: plan_inbound(rest, known, rules, self._new_contact_id)),
        )  # fmt: skip

    async def _apply(self, uow: UnitOfWork, reading: Reading, step: PageStep, plan: InboundPlan) -> None:
        run, app = reading.run, reading.run.app
        if step.records:
            drift = absent_notes(app, plan.drifted)
            changeset = replace(plan.changeset, issues=[*plan.changeset.issues, *drift])
            await uow.apply(app.org_id, changeset, Origin(app.app_id, run.run_id))
        for kind, state in step.marks:
            await uow.save_read_state(app.org_id, app.app_id, kind, app.tenant_key, state)
        counts = Counter(plan.changeset.counts) + Counter(step.counts)
        await uow.add_counts(app.org_id, run.run_id, counts, reading.take_requests())

    def _new_contact_id(self) -> str:
        return self._ids.new("contact")

    async def _read_again(self, reading: Reading) -> None:
        """Reads by id what the pages could not settle: our own recent writes, new primaries, older answers."""
        run, app = reading.run, reading.run.app
        batch = run.session.connector.spec.read_batch
        tried: set[str] = set()
        absent: set[str] = set()
        while True:
            async with self._store.transaction(run.lease) as uow:
                waiting = await uow.needing_read(app.org_id, app.tenant_key, batch, without=tried)
            if not waiting:
                break
            tried |= set(waiting)
            page = await self._ask(reading, run.session.connector.read_by_ids(reading.fields, waiting))
            await self._take(reading, PageStep(page.records, page, fresh=True), last=len(waiting) < batch)
            absent |= set(waiting) - {r.external_id for r in page.records}
        if reading.pages is not None:
            await reading.pages.close()
        await self._sweeping.mark_missing(reading, absent)

    async def read_records(self, run: InboundRun, schema: CrmSchema, external_ids: Sequence[str]) -> None:
        """Reads these records by id, now, and takes what they say. For a merge that needs the CRM's newest text."""
        reading = Reading(run, effective(run.app, run.org, schema), schema)
        page = await run.session.run(run.session.connector.read_by_ids(reading.fields, external_ids))
        await self._commit(reading, page.records, page, fresh=True)

    async def sweep(self, run: InboundRun, schema: CrmSchema) -> None:
        """Follows the CRM's deletes and merges now."""
        reading = Reading(run, effective(run.app, run.org, schema), schema)
        await self._open_brakes(reading, BrakeFlow.CHANGES)
        await self._sweep_if_allowed(reading, force=True)
        if reading.braked is not None:
            raise reading.braked

    async def _sweep_if_allowed(self, reading: Reading, *, force: bool) -> None:
        """A CRM that will not tell who is gone must not keep us from reading who changed; a person is told."""
        app, run = reading.run.app, reading.run
        cause = f"sweep:{app.app_id}"
        notes, closed = [], [cause]
        if reading.braked is not None:
            return
        try:
            if await self._sweeping.sweep(reading, force=force):
                await self._read_again(reading)
                if reading.removals is not None and reading.braked is None:
                    await reading.removals.settle()
        except BrakedError as error:
            # Who is gone waits for a person; who changed need not.
            reading.braked = error
        except (PermissionMissingError, FatalError) as error:
            notes, closed = [_sweep_note(app, cause, error)], []
        async with self._store.transaction(run.lease) as uow:
            changes = Changeset(issues=notes, closed_causes=closed)
            await uow.apply(app.org_id, changes, Origin(app.app_id, run.run_id))

    async def _note_drift(self, reading: Reading) -> frozenset[str]:
        """Raises what rests. Returns the causes of what rested before and works again."""
        app = reading.run.app
        async with self._store.transaction(reading.run.lease) as uow:
            notes, changed = drift_notes(app, reading.effective), change_notes(app, reading.effective)
            known = await uow.open_causes(app.org_id, app.app_id, [], [])
            over = {c for c in known if c.startswith(change_causes(app))} - {note.cause for note in changed}
            if notes or changed or over:
                told = Changeset(issues=[*notes, *changed], closed_causes=sorted(over))
                await uow.apply(app.org_id, told, Origin(app.app_id, reading.run.run_id))
        drifted = {note.cause for note in notes}
        return frozenset(c for c in known if c.startswith(f"drift:{app.app_id}:") and c not in drifted)

    async def _close_drift(self, reading: Reading, healed: frozenset[str]) -> None:
        app = reading.run.app
        closed = healed - {drift_cause(app, name) for name in reading.drifted}
        if closed:
            async with self._store.transaction(reading.run.lease) as uow:
                await uow.apply(app.org_id, Changeset(closed_causes=sorted(closed)), Origin(app.app_id))

    async def _open_brakes(self, reading: Reading, flow: BrakeFlow) -> None:
        async def commit(step: PageStep, gate: Gate[PageStep]) -> None:
            await self._commit(
                reading, step.records, step.page, first_read=step.first_read, fresh=step.fresh, marks=step.marks,
                counts=step.counts, gate=gate,
            )  # fmt: skip

        if self._braking is not None:
            await open_brakes(self._braking, reading, flow, commit)

    async def _state(self, run: InboundRun, kind: str) -> ReadState:
        async with self._store.transaction(run.lease) as uow:
            return await uow.read_state(run.app.org_id, run.app.app_id, kind, run.app.tenant_key)


def _sweep_note(app: AppConfig, cause: str, error: CrmError) -> IssueNote:
    return IssueNote(
        cause=cause,
        kind="sweep_refused",
        message=f"App {app.name or app.app_id} cannot ask which records were deleted or merged: {error} "
        "Contacts keep syncing; deletes and merges are followed again as soon as the CRM allows it.",
        severity="error",
    )
