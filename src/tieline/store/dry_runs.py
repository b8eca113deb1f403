"""Reports of dry runs, line by line. The newest of an organisation are kept, the older ones forgotten."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from psycopg.types.json import Jsonb

from tieline.domain.dry_run import Line, line_to_json
from tieline.ports.dry_run import DryRun
from tieline.store.pool import Pool, Queries

_sql = Queries("dry_run")
KEPT_REPORTS: Final = 20
KEPT_LINES: Final = 100_000
"""Of one report; totals count all, and whoever follows the dry run is told all."""


class DryRunReports:
    """Implements `ports.dry_run.DryRunBook`, and reads what it kept."""

    def __init__(self, pool: Pool, kept_lines: int = KEPT_LINES) -> None:
        self._pool = pool
        self._kept_lines = kept_lines

    async def begin(self, dry_run: DryRun) -> None:
        """A new report; old ones of the organisation are forgotten."""
        values = {
            **_key(dry_run),
            "app_id": dry_run.app_id,
            "kind": dry_run.kind,
            "asked": Jsonb(dict(dry_run.asked)),
        }
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(_sql["begin"], values)
            await connection.execute(_sql["forget"], {"org_id": dry_run.org_id, "kept": KEPT_REPORTS})

    async def add(self, dry_run: DryRun, after: int, lines: Sequence[Line]) -> None:
        """More lines, at the positions after `after`. Beyond the most that are kept they are dropped."""
        rows = [
            {"position": position, "action": line.action.value, "side": line.side.value, "line": line_to_json(line)}
            for position, line in enumerate(lines, after + 1)
            if position <= self._kept_lines
        ]  # fmt: skip
        if rows:
            async with self._pool.connection() as connection:
                await connection.execute(_sql["add"], {**_key(dry_run), "rows": Jsonb(rows)})

    async def end(self, dry_run: DryRun) -> None:
        """Its end, with totals and forecast."""
        values = {
            **_key(dry_run), "status": dry_run.status, "reason": dry_run.reason,
            "totals": Jsonb(dict(dry_run.totals)), "forecast": Jsonb(dict(dry_run.forecast)),
        }  # fmt: skip
        async with self._pool.connection() as connection:
            await connection.execute(_sql["end"], values)

    async def get(self, org_id: str, dry_run_id: str) -> DryRun | None:
        """One report without its lines."""
        rows = await self._rows("get", org_id=org_id, dry_run_id=dry_run_id)
        return DryRun(**rows[0]) if rows else None

    async def recent(self, org_id: str, app_id: str | None = None, limit: int = KEPT_REPORTS) -> list[DryRun]:
        """The newest first."""
        return [DryRun(**row) for row in await self._rows("list", org_id=org_id, app_id=app_id, limit=limit)]

    async def lines(
        self, org_id: str, dry_run_id: str, *, after: int = 0, limit: int = 100,
        action: str | None = None, side: str | None = None,
    ) -> list[tuple[int, Mapping[str, Any]]]:  # fmt: skip
        """A page of lines in their order, each with its position; the next page is after the last position."""
        rows = await self._rows(
            "lines", org_id=org_id, dry_run_id=dry_run_id, after=after, limit=limit, action=action, side=side
        )
        return [(row["position"], row["line"]) for row in rows]

    async def _rows(self, name: str, **values: Any) -> list[dict[str, Any]]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(_sql[name], values)).fetchall()


def _key(dry_run: DryRun) -> dict[str, str]:
    return {"org_id": dry_run.org_id, "dry_run_id": dry_run.dry_run_id}
