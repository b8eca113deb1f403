"""Fenced leases: who may work on a lane of an app, and how a transaction proves that its worker still may.

Why a frozen worker cannot write after another took over, whatever their clocks say:

1. Every transaction of a run begins with `check`, which takes the lease row FOR KEY SHARE where the row still
   has the worker's token. A takeover raises the token under FOR UPDATE. The two locks exclude each other, so
   they have an order.
2. Takeover first: the check finds another token (a check that waited looks at the row again) and raises
   LeaseLostError; the transaction has done nothing yet.
3. Check first: the takeover waits until that transaction has ended, so everything it wrote is there before
   the new holder reads its first row, and nothing of it comes later.
4. A worker frozen inside a transaction would make the takeover wait for ever. So the check also sets
   `idle_in_transaction_session_timeout` for its transaction: the server ends it, with all its writes. (Not
   covered is a client frozen while it streams a COPY: the takeover waits for its death or its return.)
5. A renewal changes no key column, so it waits for no fence, and a takeover that waited for the fence looks
   at the time again: a holder that has renewed meanwhile keeps the lane.

Only the database's clock is read, and only to say when a takeover may be tried; time is never the proof. This
module must never extend a lease by itself: `worker.lane` does.
"""

from datetime import timedelta
from typing import Any

from psycopg import errors
from psycopg.sql import SQL

from tieline.ports.errors import LeaseLostError
from tieline.ports.store import Lane, Lease
from tieline.store.pool import Connection, Pool, Queries

_queries = Queries("leases")
# How long a takeover waits for a fence before the lane counts as busy.
_TAKEOVER_WAIT = SQL("set local lock_timeout = '2s'")
_IDLE_MS = 10_000

DEFAULT_DURATION = timedelta(seconds=10)


class Leases:
    """Leases on lanes. `duration` is how long one lasts without a renewal."""

    def __init__(self, pool: Pool, duration: timedelta = DEFAULT_DURATION) -> None:
        self._pool = pool
        self.duration = duration

    async def acquire(self, org_id: str, app_id: str, lane: Lane, owner: str) -> Lease | None:
        """The lane, or None while another holds it. `owner` is only for people to read."""
        key = {"org_id": org_id, "app_id": app_id, "lane": str(lane)}
        try:
            async with self._pool.connection() as conn, conn.transaction():
                await conn.execute(_TAKEOVER_WAIT)
                row = await (
                    await conn.execute(
                        _queries["acquire"], {**key, "owner": owner, "duration": self.duration}
                    )
                ).fetchone()
        except errors.LockNotAvailable:
            return None
        return Lease(org_id, app_id, lane, owner, row["token"]) if row else None

    async def renew(self, lease: Lease) -> bool:
        """True if the lease is good for another `duration`; False if another holds the lane."""
        async with self._pool.connection() as conn:
            cursor = await conn.execute(_queries["renew"], {**_key(lease), "duration": self.duration})
            return await cursor.fetchone() is not None

    async def release(self, lease: Lease) -> None:
        """Frees the lane at once, if it is still ours."""
        async with self._pool.connection() as conn:
            await conn.execute(_queries["release"], _key(lease))


async def check(conn: Connection, lease: Lease) -> None:
    """Fences the transaction that is open on `conn`: until it ends, nobody takes the lane over.

    Must come before the transaction reads what it decides by. Raises LeaseLostError.
    """
    cursor = await conn.execute(_queries["check"], {**_key(lease), "idle_ms": str(_IDLE_MS)})
    if await cursor.fetchone() is None:
        raise LeaseLostError(f"another worker took the {lease.lane} lane of app {lease.app_id}")


def _key(lease: Lease) -> dict[str, Any]:
    return {
        "org_id": lease.org_id, "app_id": lease.app_id, "lane": str(lease.lane), "token": lease.token,
    }  # fmt: skip
