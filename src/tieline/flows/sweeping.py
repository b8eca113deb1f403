"""Records that are gone: the CRM's deletions and merges, and records that it no longer returns by their ids.

Follows what the CRM says, behind the brake; decides nothing, and reads no values.
"""

from collections.abc import Awaitable, Callable, Set
from datetime import timedelta

from tieline.domain.board import Known
from tieline.domain.brake_effects import inbound_effects
from tieline.domain.changeset import Changeset
from tieline.domain.plan_inbound import plan_missing, plan_removals
from tieline.domain.records import Removal
from tieline.flows.brake_steps import MissingStep, RemovalStep
from tieline.flows.brake_window import Gate, S, Window
from tieline.flows.known import known_of_links, sweep_soon
from tieline.flows.reading import Reading
from tieline.ports.clock import Clock, to_ms
from tieline.ports.crm import Capability, RemovalsPage
from tieline.ports.errors import BrakedError, CursorGoneError
from tieline.ports.store import Origin, ReadState, Store

REMOVALS_EVERY = timedelta(minutes=10)
_AT_ONCE = 1000


class Sweeping:
    """One app's deletions, merges and missing records."""

    def __init__(self, store: Store, clock: Clock, new_contact_id: Callable[[], str]) -> None:
        self._store = store
        self._clock = clock
        self._new_contact_id = new_contact_id

    async def sweep(self, reading: Reading, *, force: bool) -> bool:
        """Follows deletes and merges since the last sweep; False if it is too early for one. Raises BrakedError."""
        run, app = reading.run, reading.run.app
        if Capability.REMOVALS not in run.session.connector.spec.capabilities:
            return await self._bury_missing(reading)
        async with self._store.transaction(run.lease) as uow:
            state = await uow.read_state(app.org_id, app.app_id, "removals", app.tenant_key)
        recent = state.completed_at is not None and self._clock.now() - state.completed_at < REMOVALS_EVERY
        if recent and not force and state.cursor is None:
            return False

        async def commit(step: RemovalStep, gate: Gate[RemovalStep] | None) -> None:
            await self._take_removals(reading, step, gate)

        take = _through(reading, commit)
        done = False
        while not done:
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
            state = self._after(state, page)
            await take(RemovalStep(page, state), done)
        return True

    async def _bury_missing(self, reading: Reading) -> bool:
        """A CRM that tells of no deletes will never say more of who is missing: asked for once more, and gone for good.

        What became of a record that it merged into another is not known either; to us it is deleted.
        """
        run, app = reading.run, reading.run.app
        connector = run.session.connector

        async def commit(step: RemovalStep, gate: Gate[RemovalStep] | None) -> None:
            await self._take_removals(reading, step, gate)

        take = _through(reading, commit)
        asked: set[str] = set()
        while True:
            async with self._store.transaction(run.lease) as uow:
                batch = connector.spec.read_batch
                ids = await uow.missing_records(app.org_id, app.tenant_key, batch, without=asked)
            if not ids:
                return bool(asked)
            asked |= set(ids)
            page = await run.session.run(connector.read_by_ids(reading.fields, ids))
            now = self._clock.now()
            # One that is there after all comes back with the list.
            gone = sorted(set(ids) - {record.external_id for record in page.records})
            removals = [Removal(one, to_ms(now)) for one in gone]
            await take(RemovalStep(RemovalsPage(removals, None, None), ReadState(None, None, now)), True)

    def _after(self, state: ReadState, page: RemovalsPage) -> ReadState:
        done = page.cursor is None
        return ReadState(
            page.cursor,
            page.watermark if done and page.watermark else state.watermark,
            self._clock.now() if done else state.completed_at,
        )

    async def mark_missing(self, reading: Reading, external_ids: Set[str]) -> None:
        """Records that the CRM did not return are missing, unless they are too many: then a person is asked."""

        async def commit(step: MissingStep, gate: Gate[MissingStep] | None) -> None:
            await self._take_missing(reading, step, gate)

        ordered, take = sorted(external_ids), _through(reading, commit)
        steps = [MissingStep(frozenset(ordered[i : i + _AT_ONCE])) for i in range(0, len(ordered), _AT_ONCE)]
        try:
            for step in steps:
                await take(step, step is steps[-1])
        except BrakedError as error:
            reading.braked = error

    async def _take_removals(
        self, reading: Reading, step: RemovalStep, gate: Gate[RemovalStep] | None
    ) -> None:
        run, app = reading.run, reading.run.app
        removals = step.page.removals
        gone = {r.external_id for r in removals} | {r.survivor_id for r in removals if r.survivor_id}
        async with self._store.transaction(run.lease) as uow:
            changes, known = Changeset(), Known()
            if gone:
                known = await known_of_links(uow, app.org_id, app.app_id, app.tenant_key, gone, leaving=True)
                changes = plan_removals(removals, known, app.tenant_key, self._new_contact_id)
            effects = inbound_effects(changes, known, reading.effective.mapping.pairs)
            if gate is not None and not await gate(uow, effects, lambda: step):
                return
            if gone:
                await uow.apply(app.org_id, changes, Origin(app.app_id, run.run_id))
            await uow.save_read_state(app.org_id, app.app_id, "removals", app.tenant_key, step.state)
            await uow.add_counts(app.org_id, run.run_id, changes.counts, reading.take_requests())

    async def _take_missing(
        self, reading: Reading, step: MissingStep, gate: Gate[MissingStep] | None
    ) -> None:
        app = reading.run.app
        async with self._store.transaction(reading.run.lease) as uow:
            known = await known_of_links(uow, app.org_id, app.app_id, app.tenant_key, step.external_ids)
            changes = plan_missing(step.external_ids, known, app.tenant_key)
            effects = inbound_effects(changes, known, reading.effective.mapping.pairs)
            if gate is not None and not await gate(uow, effects, lambda: step):
                return
            await uow.apply(app.org_id, changes, Origin(app.app_id, reading.run.run_id))
            await sweep_soon(uow, app.org_id, app.app_id, app.tenant_key)

    async def _doubt_all(self, reading: Reading) -> None:
        """The CRM does not keep deletes since the last sweep any more: every record is asked for by its id."""
        app = reading.run.app
        async with self._store.transaction(reading.run.lease) as uow:
            await uow.doubt_links(app.org_id, app.tenant_key)
            await uow.save_read_state(app.org_id, app.app_id, "removals", app.tenant_key, ReadState())


def _through(
    reading: Reading, commit: Callable[[S, Gate[S] | None], Awaitable[None]]
) -> Callable[[S, bool], Awaitable[None]]:
    """Takes steps (and whether they are the last) through the brake, or straight where nothing is weighed."""
    window = None if reading.removals is None else Window(reading.removals, commit)

    async def take(step: S, last: bool) -> None:
        if window is None:
            await commit(step, None)
        else:
            await window.take(step, last=last)

    return take
