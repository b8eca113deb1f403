"""Where a value came from: the ledger of one field of one contact, with its sources in words. Changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tieline.store.pool import Pool, Queries

_sql = Queries("explain")


@dataclass(frozen=True, slots=True)
class Explained:
    """One entry of the ledger. `outcome`: set, overruled (it did not stand) or withdrawn. Times: effective in epoch ms.

    `source` says who, in words; `source_ref` names the record, conversation or key.
    """

    entry_id: int
    outcome: str
    value: Any
    replaced: Any
    source: str
    source_kind: str
    source_ref: str
    reason: str
    effective_ms: int
    recorded_at: datetime
    run_id: str | None
    evidence: Any


class Explanations:
    """The ledger as a reader asks for it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def field(
        self, org_id: str, contact_id: str, field_name: str, *, limit: int = 50, before: int | None = None
    ) -> Sequence[Explained]:
        """The newest entries first; `before` is the entry id of the last page's last entry."""
        values = {
            "org_id": org_id, "contact_id": contact_id, "field_name": field_name, "limit": limit, "before": before,
        }  # fmt: skip
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_sql["field"], values)).fetchall()
        return [explained(row) for row in rows]


def explained(row: Mapping[str, Any]) -> Explained:
    """An entry of a row that names its app, conversation, and key or member."""
    overruled = row["outcome"] == "overruled"
    return Explained(
        entry_id=row["entry_id"],
        outcome=row["outcome"],
        value=row["new_value"],
        # What stood against an overruled value is not what it replaced: it replaced nothing.
        replaced=None if overruled else row["old_value"],
        source=_who(row),
        source_kind=row["source_kind"],
        source_ref=row["source_ref"],
        reason=row["reason"],
        effective_ms=row["effective_ms"],
        recorded_at=row["recorded_at"],
        run_id=row["run_id"],
        evidence=row["evidence"],
    )


def _who(row: Mapping[str, Any]) -> str:
    ref = row["source_ref"]
    match row["source_kind"]:
        case "crm":
            record, _, tenant = ref.partition("@")
            where = row["app_name"] or row["provider"] or tenant
            return f"record {record} in {where}"
        case "conversation":
            direction = f"{row['conversation_direction']} " if row["conversation_direction"] else ""
            return f"{direction}{row['conversation_type'] or 'conversation'} {ref.partition(':')[2]}"
        case "person" if ref.startswith("member"):
            return f"an edit by {row['key_name'] or ref}"
        case "api" | "person":
            return f"an edit through API key {row['key_name'] or ref}" if ref else "an edit"
        case "rule":
            return "Tieline's own rules"
        case kind:
            return f"{kind} {ref}".strip()
