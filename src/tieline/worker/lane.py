"""Work under a lease: renewed while the work goes on, and the work cancelled when the lease is lost.

Cancelling is a courtesy that saves useless requests; what keeps a former holder from writing is the fence in
each transaction (`store.leases`). Never starts work that it has no lease for.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from tieline.ports.errors import LeaseLostError
from tieline.ports.store import Lane, Lease

_log = logging.getLogger(__name__)

RENEW_EVERY_S = 3.0


class LeaseKeeper(Protocol):
    """What a lane needs of the store's leases."""

    async def acquire(self, org_id: str, app_id: str, lane: Lane, owner: str) -> Lease | None:
        """The lane, or None while another holds it."""

    async def renew(self, lease: Lease) -> bool:
        """False if another holds the lane now."""

    async def release(self, lease: Lease) -> None:
        """Frees the lane."""


@asynccontextmanager
async def held_lane(
    leases: LeaseKeeper, org_id: str, app_id: str, lane: Lane, owner: str, *, every_s: float = RENEW_EVERY_S
) -> AsyncIterator[Lease | None]:
    """The lease while the body runs, or None if the lane is another's.

    The body is cancelled when the lease is lost; then LeaseLostError is raised in place of the cancellation.
    """
    lease = await leases.acquire(org_id, app_id, lane, owner)
    if lease is None:
        yield None
        return
    body = asyncio.current_task()
    assert body is not None
    lost = asyncio.Event()
    renewing = asyncio.create_task(_renew_until_lost(leases, lease, every_s, lost, body))
    try:
        yield lease
    except asyncio.CancelledError:
        if lost.is_set() and body.uncancel() == 0:
            raise LeaseLostError(f"another worker took the {lane} lane of app {app_id}") from None
        raise
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        if not lost.is_set():
            await _release(leases, lease)


async def _renew_until_lost(
    leases: LeaseKeeper, lease: Lease, every_s: float, lost: asyncio.Event, body: asyncio.Task[object]
) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            held = await leases.renew(lease)
        except Exception as error:
            # The database is away: the work cannot write either, and the lane may still be ours afterwards.
            _log.warning("lease of %s/%s not renewed: %s", lease.app_id, lease.lane, type(error).__name__)
            continue
        if not held:
            lost.set()
            body.cancel()
            return


async def _release(leases: LeaseKeeper, lease: Lease) -> None:
    try:
        await asyncio.shield(leases.release(lease))
    except Exception as error:
        # It runs out by itself.
        _log.warning("lease of %s/%s not released: %s", lease.app_id, lease.lane, type(error).__name__)
