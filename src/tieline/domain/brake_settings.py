"""What a person may write into an app's `crm_config.brake`, and what is wrong with it. Pure."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from tieline.domain.brake import BrakeKind

MAX_NUMBER: Final = 100_000_000


def brake_problem(value: Any) -> str | None:
    """What is wrong with a setting of the brake, as one sentence or several, or None."""
    if value is False:
        return None
    if not isinstance(value, Mapping):
        return "Give false for no brake at all, or an object of limits by kind."
    return " ".join(_problems(value)) or None


def _problems(value: Mapping[str, Any]) -> Iterator[str]:
    kinds = [kind.value for kind in BrakeKind]
    for name, limit in value.items():
        if name not in kinds:
            yield f"There is no kind {name}; there are: {', '.join(kinds)}."
        elif limit is False:
            continue
        elif not isinstance(limit, Mapping) or not limit or not set(limit) <= {"number", "share"}:
            yield f"{name}: give false for no limit, or an object with number, share or both."
        else:
            if not _whole(limit.get("number")):
                yield f"{name}.number: give a whole number from 0 to {MAX_NUMBER}, or null for any number."
            if not _share(limit.get("share")):
                yield f"{name}.share: give a share of the linked contacts from 0 to 1, or null for any share."


def _number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _whole(value: Any) -> bool:
    return value is None or (_number(value) and 0 <= value <= MAX_NUMBER and value == int(value))


def _share(value: Any) -> bool:
    return value is None or (_number(value) and 0 <= value <= 1)
