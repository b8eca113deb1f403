"""Answers of models, kept by what was asked. Implements `ports.answers.Answers`; never changes a row."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from tieline.store.pool import Pool, Queries

_sql = Queries("answers")


class KeptAnswersStore:
    """The table of answers."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def kept(self, org_id: str, key: str) -> Mapping[str, Any] | None:
        """The answer to exactly that, if it was asked before."""
        async with self._pool.connection() as connection:
            found = await connection.execute(_sql["get"], {"org_id": org_id, "key": key})
            row = await found.fetchone()
        return None if row is None else row["answer"]

    async def keep(self, org_id: str, key: str, engine: str, answer: Mapping[str, Any]) -> None:
        """Keeps an answer; the first one given stays."""
        row = {"org_id": org_id, "key": key, "engine": engine, "answer": Jsonb(dict(answer))}
        async with self._pool.connection() as connection:
            await connection.execute(_sql["keep"], row)
