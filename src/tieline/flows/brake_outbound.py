"""The brake on what is written to the CRM: a backlog that is too large waits, and what conversations caused goes on.

A pass knows how much waits before it writes the first of it. What waits is weighed by what is held here alone, so that
weighing costs the CRM nothing.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from tieline.domain.brake import SAMPLED, SMALL, Brake, BrakeFlow, BrakeKind, BrakeStatus, Effect
from tieline.domain.brake_effects import outbound_effects
from tieline.domain.mapping import Pair
from tieline.flows.brake import Braking, RunBrake
from tieline.ports.config import AppConfig
from tieline.ports.creating import CreationRow
from tieline.ports.store import Lease, UnitOfWork

# A backlog that was stopped is weighed again no sooner than this; passes come every few seconds.
WEIGHED_EVERY: Final = timedelta(minutes=5)
_AT_ONCE: Final = 1000


class OutboundBrake:
    """The brake of pushes and of creations, of all apps that one process works for."""

    def __init__(self, braking: Braking) -> None:
        self._braking = braking
        # How much of an app's backlog was weighed and may go; lost with the process, and then weighed anew.
        self._weighed: dict[tuple[str, str], int] = {}

    async def dirty_links(
        self, uow: UnitOfWork, app: AppConfig, lease: Lease, pairs: Sequence[Pair], limit: int
    ) -> Sequence[str]:
        """External ids of links to push now."""
        now, org_id, tenant_key = self._braking.clock.now(), app.org_id, app.tenant_key
        if await self._backlog_waits(uow, app, lease, pairs):
            return await self._braking.book.pushes_apart_from_it(uow, org_id, tenant_key, limit, now)
        return await uow.dirty_links(org_id, tenant_key, limit, now)

    async def _backlog_waits(
        self, uow: UnitOfWork, app: AppConfig, lease: Lease, pairs: Sequence[Pair]
    ) -> bool:
        brake, key = self._braking.of(app, BrakeFlow.PUSH, lease), (app.org_id, app.app_id)
        standing = await brake.look(uow)
        backlog = await self._braking.book.push_backlog(uow, app.org_id, app.tenant_key)
        if self._must_wait(app, standing):
            return True
        if brake.limits.surely_fine({BrakeKind.RECORDS_CHANGED: backlog, BrakeKind.RECORDS_BLANKED: backlog}):
            self._weighed.pop(key, None)
            await brake.settle_in(uow)
            return False
        if backlog <= self._weighed.get(key, -SMALL) + SMALL:
            self._weighed[key] = min(self._weighed[key], backlog)
            return False
        effects = await self._effects(uow, app, pairs)
        if await _keeps_a_stop(uow, brake, effects):
            self._weighed.pop(key, None)
            return True
        self._weighed[key] = backlog
        return False

    async def _effects(self, uow: UnitOfWork, app: AppConfig, pairs: Sequence[Pair]) -> list[Effect]:
        effects: list[Effect] = []
        after = ""
        while True:
            ids = await self._braking.book.in_push_backlog(uow, app.org_id, app.tenant_key, after, _AT_ONCE)
            if not ids:
                return effects
            links = list((await uow.links(app.org_id, app.tenant_key, ids, lock=False)).values())
            contact_ids = {link.contact_id for link in links if link.contact_id}
            contacts = await uow.contacts(app.org_id, contact_ids, lock=False)
            effects += outbound_effects(links, contacts, pairs)
            after = ids[-1]

    async def due_creations(
        self, uow: UnitOfWork, app: AppConfig, lease: Lease, limit: int
    ) -> Sequence[CreationRow]:
        """Intents to create a record to work on now."""
        now, org_id, tenant_key = self._braking.clock.now(), app.org_id, app.tenant_key
        brake = self._braking.of(app, BrakeFlow.CREATING, lease)
        standing = await brake.look(uow)
        backlog, first = await self._braking.book.creation_backlog(uow, org_id, tenant_key, now, SAMPLED)
        waits = self._must_wait(app, standing)
        if not waits:
            stop = await brake.judge(uow, {BrakeKind.RECORDS_CREATED: backlog})
            waits = stop is not None
            if stop is not None:
                sample = [Effect(BrakeKind.RECORDS_CREATED, one, contact_id=one) for one in first]
                await brake.keep(uow, stop, sample)
            elif brake.limits.surely_fine({BrakeKind.RECORDS_CREATED: backlog}):
                await brake.settle_in(uow)
        if waits:
            return await self._braking.book.creations_apart_from_it(uow, org_id, tenant_key, limit, now)
        return await uow.creations.due(org_id, tenant_key, limit, now)

    def _must_wait(self, app: AppConfig, standing: Brake | None) -> bool:
        """Whether a stop was looked at a moment ago, or nobody is to look again."""
        if standing is None or standing.status is BrakeStatus.CONFIRMED:
            return False
        settings = app.crm_config.get("brake")
        if standing.rests(settings):
            return True
        seen = standing.seen_at
        lately = seen is not None and self._braking.clock.now() - seen < WEIGHED_EVERY
        return lately and standing.settings == settings


async def _keeps_a_stop(uow: UnitOfWork, brake: RunBrake, effects: Sequence[Effect]) -> bool:
    """Whether that is too much, and was kept as a stop; what is within the limits again ends one."""
    stop = await brake.weigh(uow, effects)
    if stop is not None:
        await brake.keep(uow, stop)
    elif brake.is_known:
        await brake.settle_in(uow)
    return stop is not None
