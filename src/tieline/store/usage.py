"""What models took: written with what it led to, read by day, use and engine. Never changes a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from tieline.ports.llm import ModelUse, Usage
from tieline.ports.work import ConversationKey, UsageRow
from tieline.store.pool import Connection, Pool, Queries

_sql = Queries("usage")


async def record_usage(connection: Connection, org_id: str, uses: Sequence[UsageRow]) -> None:
    """Keeps what uses of models took, in the transaction on `connection`."""
    rows = [_row(one) for one in uses if one.usage.requests]
    if rows:
        await connection.execute(_sql["insert"], {"org_id": org_id, "rows": Jsonb(rows)})


def _row(one: UsageRow) -> dict[str, object]:
    usage, key = one.usage, one.conversation
    return {
        "platform": key.platform if key else None,
        "conversation_id": key.conversation_id if key else None,
        "contact_id": one.contact_id,
        "use": str(usage.use),
        "engine": usage.engine,
        "prompt_version": usage.prompt_version,
        "requests": usage.requests,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_micro_usd": usage.cost_micro_usd,
        "duration_ms": usage.duration_ms,
    }


@dataclass(frozen=True, slots=True)
class UsageSum:
    """What one engine took for one use on one day (UTC, `YYYY-MM-DD`), over how many conversations."""

    day: str
    usage: Usage
    conversations: int


class UsageBook:
    """The use of models, summed up."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def by_day(
        self, org_id: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[UsageSum]:
        """By day, use, engine and prompt version, the newest day first. `until` is not included."""
        values = {"org_id": org_id, "since": since, "until": until}
        async with self._pool.connection() as connection:
            found = await (await connection.execute(_sql["by_day"], values)).fetchall()
        return [UsageSum(row["day"], _usage(row), row["conversations"]) for row in found]

    async def of(self, key: ConversationKey) -> Sequence[Usage]:
        """What a conversation took, by use, engine and prompt version."""
        values = {
            "org_id": key.org_id,
            "platform": key.platform,
            "conversation_id": key.conversation_id,
        }
        async with self._pool.connection() as connection:
            found = await (await connection.execute(_sql["of_conversation"], values)).fetchall()
        return [_usage(row) for row in found]


def _usage(row: dict[str, object]) -> Usage:
    counts = ("requests", "input_tokens", "output_tokens", "cost_micro_usd", "duration_ms")
    return Usage(
        ModelUse(str(row["use"])),
        str(row["engine"]),
        str(row["prompt_version"]),
        **{name: int(str(row[name])) for name in counts},
    )
