"""Figures of many cases as one: plain numbers that can be kept as JSON, for the table and for a later comparison."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eval.field_scores import FieldScore, Found, Verdict
from eval.merge_scores import MergeScore
from eval.sequence_scores import DriftPoint
from tieline.ports.llm import Usage

DRIFT_AT = (10, 25, 50)


@dataclass(frozen=True, slots=True)
class Cost:
    """What it took in all. `per_case_ms` is the mean wall time of a case with a model's requests in it."""

    requests: int
    input_tokens: int
    output_tokens: int
    cost_micro_usd: int
    per_case_ms: int


def cost(usages: Sequence[tuple[Usage, ...]]) -> Cost:
    """The sum over cases."""
    flat = [usage for one in usages for usage in one]
    spent = sum(usage.duration_ms for usage in flat)
    return Cost(
        sum(usage.requests for usage in flat),
        sum(usage.input_tokens for usage in flat),
        sum(usage.output_tokens for usage in flat),
        sum(usage.cost_micro_usd for usage in flat),
        round(spent / len(usages)) if usages else 0,
    )


def merges(scores: Sequence[MergeScore]) -> dict[str, Any]:
    """All cases, and each category."""
    categories = sorted({score.case.category for score in scores})
    return {
        "all": _merges(scores),
        "categories": {
            name: _merges([score for score in scores if score.case.category == name]) for name in categories
        },
        "cost": asdict(cost([score.outcome.usage for score in scores])),
    }


def _merges(scores: Sequence[MergeScore]) -> dict[str, Any]:
    required, missing = _sum(scores, lambda s: len(s.case.required)), _sum(scores, lambda s: len(s.missing))
    ended, stale = _sum(scores, lambda s: len(s.case.superseded)), _sum(scores, lambda s: len(s.stale))
    right = _sum(scores, lambda s: s.judged_right)
    return {
        "cases": len(scores),
        "perfect": sum(score.perfect for score in scores),
        "required": required,
        "kept": required - missing,
        "lost": _sum(scores, lambda s: len(s.lost)),
        "to_supersede": ended,
        "superseded": ended - stale,
        "invented": _sum(scores, lambda s: len(s.invented)),
        "duplicates": _sum(scores, lambda s: s.duplicates),
        "judged": _sum(scores, lambda s: len(s.case.labels)),
        "judged_right": right,
        "length": round(_mean([score.length for score in scores]), 3),
        "rewritten": sum(score.outcome.strategy == "rewrite" for score in scores),
        "fell_back": sum(bool(score.outcome.fell_back) for score in scores),
    }


def drift(points: Sequence[DriftPoint]) -> list[dict[str, Any]]:
    """The note after 10, 25 and 50 merges."""
    return [
        {
            "merges": point.merges, "true": point.true, "kept": point.kept, "ended": point.ended,
            "stale": len(point.stale), "lost": len(point.lost), "invented": len(point.invented),
            "duplicates": point.duplicates, "length": round(point.length, 3),
        }
        for point in points
        if point.merges in DRIFT_AT
    ]  # fmt: skip


def fields(scores: Sequence[FieldScore], found: Sequence[Found]) -> dict[str, Any]:
    """All fields, each category of conversations, and each type."""
    categories = sorted({name for score in scores for name in score.conversation.categories})
    types = sorted({score.expected.asked.type for score in scores})
    return {
        "conversations": len(found),
        "failed": sum(bool(one.failed) for one in found),
        "all": _fields(scores),
        "categories": {
            name: _fields([score for score in scores if name in score.conversation.categories])
            for name in categories
        },
        "types": {
            name: _fields([score for score in scores if score.expected.asked.type == name]) for name in types
        },
        "cost": asdict(cost([one.usage for one in found])),
    }


def _fields(scores: Sequence[FieldScore]) -> dict[str, int]:
    given = [score for score in scores if score.answer is not None and score.answer.value is not None]
    resting = [score for score in given if not score.expected.preset]
    return {
        "asked": len(scores),
        **{verdict.value: sum(score.verdict is verdict for score in scores) for verdict in Verdict},
        "given": len(given),
        "with_quote": len(resting),
        "quoted": sum(score.quoted for score in resting),
        "exact_with_quote": sum(score.verdict is Verdict.EXACT for score in resting),
        "exact_supported": sum(score.supported for score in resting if score.verdict is Verdict.EXACT),
    }


def _sum(scores: Iterable[MergeScore], of: Callable[[MergeScore], int]) -> int:
    return sum(map(of, scores))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
