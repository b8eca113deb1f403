"""What a run would take, from what its dry run took: requests against the day's budget, models, minutes. Pure.

What is not known is None, and never guessed.
"""

from dataclasses import dataclass
from typing import Any, Final

from tieline.domain.quota import Standing, ceiling

NOT_FORECAST: Final = (
    "What only the CRM can refuse: validation rules, duplicate rules, automations, and permissions on single records.",
    "What its automations change after a write.",
    "What anybody changes there or here between this dry run and the run.",
)


@dataclass(frozen=True, slots=True)
class Effort:
    """What the dry run took, or saw coming. `reads` were sent, `writes` were not; `items` were looked at.

    `model_requests` were sent and their answers kept, at `model_cost_usd`; `to_merge` texts wait to be merged.
    """

    lane: str
    reads: int = 0
    writes: int = 0
    items: int = 0
    seconds: float = 0.0
    model_requests: int = 0
    model_cost_usd: float = 0.0
    to_merge: int = 0


def forecast(
    effort: Effort, budget: Standing | None, items_per_s: float | None, cost_of_merge_usd: float | None
) -> dict[str, Any]:
    """`{"api_calls": {...}, "models": {...}, "minutes": n, "minutes_from": ..., "not_forecast": [...]}`.

    `items_per_s` is the pace of earlier runs; without it the dry run's own time is told.
    """
    seconds = effort.items / items_per_s if items_per_s else effort.seconds
    return {
        "api_calls": _api_calls(effort, budget),
        "models": _models(effort, cost_of_merge_usd),
        "minutes": round(seconds / 60, 1),
        "minutes_from": "earlier runs" if items_per_s else "this dry run",
        "not_forecast": list(NOT_FORECAST),
    }


def _api_calls(effort: Effort, budget: Standing | None) -> dict[str, Any]:
    """`left_today` is what the lane may still spend of the day; `fits_today` whether the run fits into that."""
    total = effort.reads + effort.writes
    left = None
    if budget is not None and budget.budget.allowed > 0:
        most = ceiling(effort.lane, budget.budget.allowed, budget.rules.reserve_percent)
        left = max(0, most - budget.used)
    return {
        "reads": effort.reads, "writes": effort.writes, "total": total, "lane": effort.lane,
        "left_today": left, "fits_today": None if left is None else total <= left,
    }  # fmt: skip


def _models(effort: Effort, cost_of_merge_usd: float | None) -> dict[str, Any]:
    """What was asked already costs nothing again. `cost_usd` is of what would yet be asked."""
    known = effort.to_merge == 0 or cost_of_merge_usd is not None
    cost = round(effort.to_merge * (cost_of_merge_usd or 0.0), 6) if known else None
    return {
        "asked": effort.model_requests, "spent_usd": round(effort.model_cost_usd, 6),
        "to_merge": effort.to_merge, "cost_usd": cost,
    }  # fmt: skip
