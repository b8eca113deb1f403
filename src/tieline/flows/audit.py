"""The auditor: compares all that a CRM holds with what we hold, has the ordinary rules repair it, and reports.

It reads the CRM's list page by page and our links bucket by bucket, notes what does not agree, and reads those
records by id through the ordinary inbound plan, which alone decides. What that changes nothing about was no finding.

Never writes to the CRM, never sets a value by itself, never tries again (the worker does), and holds no more than a
page in memory: its place and its notes lie in the store, each saved with the page that it belongs to.
"""

from collections.abc import Collection, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import asdict, replace

from tieline.domain import audit as rules_of
from tieline.domain.audit_report import NAMED, report
from tieline.domain.brake import BrakeFlow, BrakeKind
from tieline.domain.brake_effects import inbound_effects, missing_effects
from tieline.domain.changeset import Changeset
from tieline.domain.crm_schema import CrmSchema
from tieline.domain.plan_inbound import InboundRules, plan_inbound, plan_missing
from tieline.domain.records import RemoteRecord
from tieline.flows.audit_activities import CountingActivities
from tieline.flows.audit_run import Audit, Place
from tieline.flows.brake import Braking
from tieline.flows.brake_steps import RepairStep
from tieline.flows.brake_window import Gate, Window
from tieline.flows.configuration import ConfigurationError
from tieline.flows.inbound import PAGE_SIZE, InboundFlow, InboundRun
from tieline.flows.known import known_of_links, known_of_records
from tieline.ports.audit import AuditBook
from tieline.ports.clock import Clock, Ids, to_ms
from tieline.ports.crm import Page
from tieline.ports.errors import ConflictError, CursorGoneError
from tieline.ports.store import Origin, ReadState, Store, UnitOfWork

_KIND = "audit"
_TRIES = 5


class AuditFlow:
    """One app's audit: of everything, or (`calculated`) of the calculated fields that it maps."""

    def __init__(
        self,
        store: Store,
        book: AuditBook,
        inbound: InboundFlow,
        braking: Braking,
        clock: Clock,
        ids: Ids,
        *,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._store = store
        self._book = book
        self._inbound = inbound
        self._braking = braking
        self._clock = clock
        self._ids = ids
        self._page_size = page_size

    async def run(self, run: InboundRun, schema: CrmSchema, *, calculated: bool = False) -> None:
        """Runs to the end, from where an interrupted one stood. Raises ConfigurationError, BrakedError and the errors
        of ports.errors; what was committed stays.
        """
        flow = BrakeFlow.CALCULATED if calculated else BrakeFlow.AUDIT
        brake = self._braking.of(run.app, flow, run.lease, run.run_id)
        audit = Audit(run, schema, calculated, brake)
        place = await self._resume(audit)
        if place.phase != "list":
            await self._repair(audit)
        while place.phase != "done":
            place = await self._step(audit, place, schema)
        await brake.settle_unless_stopped()

    async def _step(self, audit: Audit, place: Place, schema: CrmSchema) -> Place:
        match place.phase:
            case "list" if audit.fields:
                return await self._list(audit, place)
            case "sweep" if not audit.calculated:
                # What the CRM's deletions name is followed first: it was not missed, only not swept yet.
                with suppress(CursorGoneError):
                    await self._inbound.sweep(audit.run, schema)
                return await self._go_on(audit, replace(place, phase="unlisted"))
            case "unlisted":
                return await self._unlisted(audit, place)
            case "activities":
                counting = CountingActivities(self._store, self._book, audit.run, audit.notes)
                await self._count_all(audit, {"second_activities": await counting.run()})
                return await self._go_on(audit, replace(place, phase="report"))
            case _:
                return await self._report(audit, place)

    async def _resume(self, audit: Audit) -> Place:
        app = audit.run.app
        async with self._store.transaction(audit.run.lease) as uow:
            full = await uow.read_state(app.org_id, app.app_id, "full", app.tenant_key)
            if full.completed_at is None:
                raise ConfigurationError(
                    f"The app {app.name or app.app_id} has no completed full sync to audit; sync it first."
                )
            await audit.brake.open(uow)
            state = await uow.read_state(app.org_id, app.app_id, _KIND, app.tenant_key)
            if state.cursor is not None and state.cursor.get("run") == audit.run.run_id:
                return Place(**state.cursor)
            place = Place(audit.run.run_id, to_ms(self._clock.now()))
            await self._book.begin(uow, audit.notes, app.app_id)
            await self._save(uow, audit, place)
        return place

    # What the CRM lists

    async def _list(self, audit: Audit, place: Place) -> Place:
        connector = audit.run.session.connector
        cursor = dict(place.page) if place.page is not None else None
        try:
            page = await audit.run.session.run(connector.read_all(audit.fields, cursor, self._page_size))
        except CursorGoneError:
            if cursor is None:
                raise
            return replace(place, page=None)  # Records that were noted already stay noted.
        done = page.cursor is None and page.wait_s <= 0
        after = replace(place, page=page.cursor, phase="sweep" if done else "list")
        parts = [page.records[i : i + PAGE_SIZE] for i in range(0, len(page.records), PAGE_SIZE)] or [()]
        for part in parts:
            async with self._store.transaction(audit.run.lease) as uow:
                await self._compare(uow, audit, part, page)
                if part is parts[-1]:
                    await self._save(uow, audit, after)
        if done:
            # Not page by page: the brake must know how much there is in all.
            await self._repair(audit)
        if page.wait_s > 0:
            await self._clock.sleep(page.wait_s)
        return after

    async def _compare(
        self, uow: UnitOfWork, audit: Audit, records: Sequence[RemoteRecord], page: Page
    ) -> None:
        app = audit.run.app
        ids = [record.external_id for record in records]
        changes = await uow.read_state(app.org_id, app.app_id, "changes", app.tenant_key)
        rules = rules_of.AuditRules(
            audit.effective.mapping, app.tenant_key, app.region, to_ms(page.requested_at), to_ms(self._clock.now()),
            rules_of.read_until(changes.watermark), audit.calculated,
            await self._book.full_read_waits(uow, audit.notes, app.app_id),
        )  # fmt: skip
        links = await uow.links(app.org_id, app.tenant_key, ids, lock=False)
        compared = rules_of.compare(records, links, rules)
        if compared.findings:
            suspects = {finding.external_id for finding in compared.findings}
            causes = await uow.open_causes(app.org_id, app.app_id, suspects, ())
            if causes:
                compared = rules_of.compare(records, links, rules, causes)
        new = await self._book.note(uow, audit.notes, ids, compared.findings)
        await self._count(uow, audit, {"checked": new, "waiting": compared.waiting})

    # What the CRM does not list

    async def _unlisted(self, audit: Audit, place: Place) -> Place:
        """One bucket of our own links, in the order of their ids."""
        audit_begun, lease = place.started_ms, audit.run.lease
        async with self._store.transaction(lease) as uow:
            if place.after == "" and await self._far_too_few(uow, audit, audit_begun):
                after = replace(place, phase="activities")
            else:
                last = await self._book.note_unlisted(
                    uow, audit.notes, audit_begun, place.after, self._page_size
                )
                done = last is None
                after = replace(place, phase="activities") if done else replace(place, after=last or "")
            await self._save(uow, audit, after)
        await self._repair(audit)
        return after

    async def _far_too_few(self, uow: UnitOfWork, audit: Audit, started_ms: int) -> bool:
        """Whether the CRM shows so few of our records that a person must say whether the others are gone. A lost
        permission or a changed sharing rule is likelier.
        """
        unlisted, _ = await self._book.unlisted(uow, audit.notes, started_ms)
        stop = await audit.brake.judge(uow, {BrakeKind.RECORDS_GONE: unlisted})
        if stop is None:
            return False
        await audit.brake.keep(uow, stop)
        await self._count(uow, audit, {"not_touched": unlisted})
        return True

    # Repair

    async def _repair(self, audit: Audit) -> None:
        """Takes every finding through the ordinary plan, by a look at the record as it is now."""
        session, after = audit.run.session, ""
        batch = session.connector.spec.read_batch

        async def commit(step: RepairStep, gate: Gate[RepairStep]) -> None:
            await self._take(audit, step, gate)

        window = Window(audit.brake, commit)
        while True:
            async with self._store.transaction(audit.run.lease) as uow:
                ids = await self._book.unsettled(uow, audit.notes, batch, after=after)
            if not ids:
                break
            page = await session.run(session.connector.read_by_ids(audit.all_fields, ids))
            await window.take(RepairStep(ids, page), last=len(ids) < batch)
            after = ids[-1]
        await window.close()

    async def _take(self, audit: Audit, step: RepairStep, gate: Gate[RepairStep]) -> None:
        for attempt in range(_TRIES):
            try:
                left = await self._take_found(audit, step, gate)
                await self._take_missing(audit, left)
                return
            except ConflictError:
                if attempt + 1 == _TRIES:
                    raise

    async def _take_found(self, audit: Audit, step: RepairStep, gate: Gate[RepairStep]) -> Set[str]:
        """Applies what the records say; returns those that the CRM did not return and that nothing else explained."""
        app, mapping, page = audit.run.app, audit.effective.mapping, step.page
        rules = InboundRules(
            mapping,
            app.tenant_key,
            app.region,
            to_ms(page.requested_at),
            own_user_id=app.own_user_id,
            fresh=True,
        )
        async with self._store.transaction(audit.run.lease) as uow:
            known = await known_of_records(
                uow, app.org_id, app.app_id, app.tenant_key, page.records, mapping, app.region
            )
            plan = plan_inbound(page.records, known, rules, lambda: self._ids.new("contact")).changeset
            real = rules_of.settled(step.ids, known.links, plan)
            done = {record.external_id for record in page.records} | real
            left = set(step.ids) - done
            links = await uow.links(app.org_id, app.tenant_key, left, lock=False)
            effects = [*inbound_effects(plan, known, mapping.pairs), *missing_effects(links)]
            if not await gate(uow, effects, lambda: step):
                return frozenset()
            await self._apply(uow, audit, plan)
            await self._book.settle(uow, audit.notes, done, real)
            await self._count(uow, audit, {name: plan.counts.get(name, 0) for name in ("created", "updated")})
        return left

    async def _take_missing(self, audit: Audit, ids: Collection[str]) -> None:
        app = audit.run.app
        if not ids:
            return
        async with self._store.transaction(audit.run.lease) as uow:
            known = await known_of_links(uow, app.org_id, app.app_id, app.tenant_key, ids)
            plan = plan_missing(ids, known, app.tenant_key)
            await self._apply(uow, audit, plan)
            await self._book.settle(uow, audit.notes, ids, rules_of.settled(ids, known.links, plan))

    # The end

    async def _report(self, audit: Audit, place: Place) -> Place:
        run, app = audit.run, audit.run.app
        done = replace(place, phase="done", page=None)
        async with self._store.transaction(run.lease) as uow:
            totals = await self._book.totals(uow, audit.notes)
            repaired = sum(totals.values())
            counts = {
                **{kind.value: totals.get(kind.value, 0) for kind in rules_of.FindingKind},
                "repaired": repaired,
            }
            await self._count(uow, audit, counts)
            if repaired and not audit.calculated:
                found = await self._book.some_findings(uow, audit.notes, NAMED)
                checked = {**counts, "checked": await self._book.noted(uow, audit.notes)}
                note = report(app.app_id, app.name or app.app_id, run.run_id, found, checked)
                await self._apply(uow, audit, Changeset(issues=[note]))
            await self._book.end(uow, audit.notes)
            await self._save(uow, audit, done)
        return done

    async def _go_on(self, audit: Audit, place: Place) -> Place:
        async with self._store.transaction(audit.run.lease) as uow:
            await self._save(uow, audit, place)
        return place

    async def _save(self, uow: UnitOfWork, audit: Audit, place: Place) -> None:
        app = audit.run.app
        completed = self._clock.now() if place.phase == "done" else None
        state = ReadState(asdict(place), None, completed)
        await uow.save_read_state(app.org_id, app.app_id, _KIND, app.tenant_key, state)

    async def _apply(self, uow: UnitOfWork, audit: Audit, changes: Changeset) -> None:
        if changes:
            await uow.apply(audit.run.app.org_id, changes, Origin(audit.run.app.app_id, audit.run.run_id))

    async def _count_all(self, audit: Audit, counts: Mapping[str, int]) -> None:
        async with self._store.transaction(audit.run.lease) as uow:
            await self._count(uow, audit, counts)

    async def _count(self, uow: UnitOfWork, audit: Audit, counts: Mapping[str, int]) -> None:
        some = {name: number for name, number in counts.items() if number or name in _ALWAYS}
        await uow.add_counts(audit.run.app.org_id, audit.run.run_id, some, audit.take_requests())


_ALWAYS = frozenset({"checked", "repaired", *rules_of.FindingKind})
