"""The brakes of one run of the inbound flow: opened before it reads, settled when it has."""

from dataclasses import replace

from tieline.domain.brake import BrakeFlow
from tieline.flows.brake import Braking
from tieline.flows.brake_steps import PageStep
from tieline.flows.brake_window import Commit, Window
from tieline.flows.reading import Reading
from tieline.ports.errors import BrakedError
from tieline.ports.store import Store, UnitOfWork


async def open_brakes(braking: Braking, reading: Reading, flow: BrakeFlow, commit: Commit[PageStep]) -> None:
    """What is read from now on is weighed. Raises BrakedError where a person wants nobody to look."""
    run, app = reading.run, reading.run.app

    async def on_stop(uow: UnitOfWork) -> None:
        # A bulk job's answer must not be taken up again when what it shows was put right.
        state = await uow.read_state(app.org_id, app.app_id, "full", app.tenant_key)
        if state.cursor is not None:
            fresh = replace(state, cursor=None)
            await uow.save_read_state(app.org_id, app.app_id, "full", app.tenant_key, fresh)
        await uow.add_counts(app.org_id, run.run_id, {}, reading.take_requests())

    brake = braking.of(app, flow, run.lease, run.run_id, on_stop)
    removals = braking.of(app, BrakeFlow.REMOVALS, run.lease, run.run_id)
    async with braking.store.transaction(run.lease) as uow:
        await brake.open(uow)
        try:
            await removals.open(uow)
        except BrakedError as error:
            reading.braked = error
    reading.brake, reading.removals = brake, removals
    reading.pages = Window(brake, commit)


async def refuse_an_empty_crm(store: Store, reading: Reading, records: int, *, done: bool) -> None:
    """A CRM that lists nothing at all, and had many, has lost a permission and not its people."""
    reading.listed += records
    brake = reading.brake
    if brake is None or not done or reading.listed + brake.read_before > 0:
        return
    async with store.transaction(reading.run.lease) as uow:
        stop = await brake.nothing_listed(uow)
    if stop is not None:
        raise await brake.stopped(stop)


async def settle_brakes(braking: Braking, reading: Reading, *, full: bool) -> None:
    """What was read is read: stops of it are over. A sweep that was stopped is told last, by BrakedError."""
    if reading.brake is not None:
        await reading.brake.settle()
    if full:
        # It covers what changed; and what a first read brings is another tenant, or begins anew.
        also = [BrakeFlow.CHANGES] if reading.brake is not None else [BrakeFlow.FULL, BrakeFlow.CHANGES]
        for flow in also:
            other = braking.of(reading.run.app, flow, reading.run.lease)
            async with braking.store.transaction(reading.run.lease) as uow:
                await other.look(uow)
                await other.settle_in(uow)
    if reading.braked is not None:
        raise reading.braked
