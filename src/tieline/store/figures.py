"""What forecasts rest on: the budget of the day, the pace of the last runs, what models took. Reads only."""

from datetime import timedelta
from typing import Any, Final

from tieline.domain.quota import Standing
from tieline.ports.clock import Clock
from tieline.ports.config import AppConfig
from tieline.store.pool import Pool, Queries
from tieline.store.quota import Quotas

_sql = Queries("dry_run")
_RUNS: Final = 10
_LATELY: Final = timedelta(days=30)


class PostgresFigures:
    """Implements `ports.dry_run.Figures`."""

    def __init__(self, pool: Pool, quotas: Quotas, clock: Clock) -> None:
        self._pool = pool
        self._quotas = quotas
        self._clock = clock

    async def budget(self, app: AppConfig) -> Standing | None:
        """The app's day of requests."""
        return await self._quotas.standing(app)

    async def pace(self, org_id: str, app_id: str, kind: str) -> float | None:
        """Items a second over the last runs of the kind that had any."""
        row = await self._row("pace", org_id=org_id, app_id=app_id, kind=kind, runs=_RUNS)
        return None if row["pace"] is None else float(row["pace"])

    async def cost_of_merge(self, org_id: str) -> float | None:
        """Dollars for each conversation whose texts were merged in the last 30 days."""
        row = await self._row("cost_of_merge", org_id=org_id, since=self._clock.now() - _LATELY)
        return None if row["usd"] is None else float(row["usd"])

    async def _row(self, name: str, **values: Any) -> dict[str, Any]:
        async with self._pool.connection() as connection:
            row = await (await connection.execute(_sql[name], values)).fetchone()
        assert row is not None, "an aggregate is always one row"
        return row
