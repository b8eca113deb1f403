"""The runs of passes: pushes, creations, logging and analyses, which a change or a conversation wakes.

One is opened in the transaction that finds something to do, and ended with its counts. The next of its kind ends one
whose worker died. This module must never decide whether to try again.
"""

from collections.abc import Mapping

from psycopg.types.json import Jsonb

from tieline.store.pool import Connection, Pool, Queries

_sql = Queries("passes")


async def begin_pass(conn: Connection, org_id: str, app_id: str | None, kind: str, run_id: str) -> None:
    """Opens a run in the caller's transaction."""
    values = {"org_id": org_id, "app_id": app_id, "kind": kind, "run_id": run_id}
    await conn.execute(_sql["begin"], values)


class Passes:
    """Ends the runs of passes, and notes errors of any run."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def end(
        self,
        org_id: str,
        run_id: str,
        *,
        counts: Mapping[str, int],
        errors: Mapping[str, int],
        engine: str | None,
        requests: int,
        failure: str | None,
    ) -> None:
        """What the pass did; `failure` says why it ended early. `errors` are counted by their class in words."""
        values = {
            "org_id": org_id, "run_id": run_id, "counts": Jsonb(dict(counts)), "errors": Jsonb(dict(errors)),
            "engine": engine, "requests": requests, "reason": failure,
            "status": "succeeded" if failure is None else "failed",
        }  # fmt: skip
        async with self._pool.connection() as conn:
            await conn.execute(_sql["end"], values)

    async def note_error(self, org_id: str, run_id: str, words: str) -> None:
        """Counts an error of a run that may go on afterwards."""
        values = {"org_id": org_id, "run_id": run_id, "words": words}
        async with self._pool.connection() as conn:
            await conn.execute(_sql["note_error"], values)
