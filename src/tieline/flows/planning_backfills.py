"""Before a backfill runs: whether it can be done, and what it would take. Never starts one by itself to find out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.backfill import (
    BackfillRequest,
    Forecast,
    Rate,
    Rates,
    Reach,
    backfill_problems,
    forecast,
)
from tieline.domain.brake import BrakeKind, brake_limits
from tieline.domain.fields import Problem
from tieline.domain.update_modes import UpdateMode
from tieline.flows.backfilling import OrgReader
from tieline.flows.configuration import field_mappings
from tieline.ports.config import AppConfig
from tieline.ports.llm import ModelUse


class BackfillRefusedError(ValueError):
    """It cannot be done; `problems` is everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.where}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


class Counting(Protocol):
    """What a forecast asks of the store (see `store.backfills`)."""

    async def reach(
        self, org_id: str, request: BackfillRequest, names: Sequence[str], merging: Sequence[str]
    ) -> Reach: ...
    async def request_ms(self, org_id: str) -> Mapping[tuple[str, str], float]: ...


class PlanningBackfills:
    """The flow. `rates` are the configured models by use."""

    def __init__(self, counting: Counting, config: OrgReader, rates: Mapping[ModelUse, Rate | None]) -> None:
        self._counting = counting
        self._config = config
        self._rates = rates

    async def check(self, org_id: str, request: BackfillRequest) -> None:
        """Raises BackfillRefusedError."""
        org = await self._config.org(org_id)
        if problems := backfill_problems(request, org.analysis_mappings, org.fields):
            raise BackfillRefusedError(problems)

    async def forecast(self, org_id: str, request: BackfillRequest) -> Forecast:
        """What it would take. Raises BackfillRefusedError."""
        await self.check(org_id, request)
        org, app = await self._config.org(org_id), await self._config.linked_app(org_id)
        mappings = request.mappings(org.analysis_mappings)
        names = sorted({one.analysis_data_name for one in mappings})
        merging = sorted({m.analysis_data_name for m in mappings if m.update_mode is UpdateMode.MERGE})
        reach = await self._counting.reach(org_id, request, names, merging)
        if not mappings:
            reach = replace(reach, not_analysed=0, extract_characters=0)
        took = await self._counting.request_ms(org_id)
        rates = Rates(
            *(self._rate(use, took) for use in (ModelUse.MERGE, ModelUse.MEMORY, ModelUse.ANALYSIS))
        )
        return forecast(reach, rates, _brake(app, mappings, reach))

    def _rate(self, use: ModelUse, took: Mapping[tuple[str, str], float]) -> Rate | None:
        rate = self._rates.get(use)
        if rate is None:
            return None
        return replace(rate, request_ms=took.get((str(use), rate.engine), rate.request_ms))


def _brake(app: AppConfig | None, mappings: Sequence[AnalysisMapping], reach: Reach) -> str:
    """Whether the brake would stop the writes to the CRM that follow, in words; '' if none follow or it would not."""
    if app is None:
        return ""
    outbound = field_mappings(app.crm_config.get("outbound_sync_mappings") or ())
    written = {one.field_name for one in outbound} & {one.field_name for one in mappings}
    most = brake_limits(app.crm_config.get("brake")).of(BrakeKind.RECORDS_CHANGED).of(reach.known)
    if not written or most is None or reach.linked <= most:
        return ""
    return (
        f"Up to {reach.linked} records would be written ({', '.join(sorted(written))}); the brake lets {most} through."
        " It would stop and ask before they are pushed."
    )
