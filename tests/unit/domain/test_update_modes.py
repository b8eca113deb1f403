"""What an analysis may do to a field, by update mode."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.domain.facts import Moment
from tieline.domain.update_modes import COMBINING, Candidate, UpdateMode, combine, items, replaces
from tieline.domain.values import Value

OVERWRITE, FILL = UpdateMode.OVERWRITE, UpdateMode.FILL_IF_EMPTY


@pytest.mark.parametrize(
    ("mode", "old", "new", "changes"),
    [
        (OVERWRITE, "New", "Qualified", True),
        (OVERWRITE, "New", "New", False),
        (OVERWRITE, None, "New", True),
        (OVERWRITE, True, False, True),
        (OVERWRITE, 3, 0, True),
        (OVERWRITE, 42, Decimal("42.0"), False),
        (FILL, None, "a@b.co", True),
        (FILL, " \n", "a@b.co", True),
        (FILL, "old@b.co", "a@b.co", False),
        (FILL, False, True, False),
        (FILL, 0, 5, False),
    ],
)
def test_the_mode_decides(mode: UpdateMode, old: Value, new: Value, changes: bool) -> None:
    assert replaces(mode, old, new) is changes


@pytest.mark.parametrize("mode", [OVERWRITE, FILL])
@pytest.mark.parametrize("new", [None, "", " \n"])
def test_an_analysis_that_found_nothing_changes_nothing(mode: UpdateMode, new: Value) -> None:
    assert not replaces(mode, "old", new)
    assert not replaces(mode, None, new)


def _combined(mode: UpdateMode, *values: Value) -> Value:
    return combine(mode, [Candidate(value, Moment(index)) for index, value in enumerate(values)]).value


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        (UpdateMode.MAX, (3, Decimal("10.5"), 9), Decimal("10.5")),
        (UpdateMode.MIN, (3, Decimal("-1"), 9), -1),
        (UpdateMode.MAX, (None, 0), 0),
        (UpdateMode.MAX, ("2026-09-01", "2026-10-01"), "2026-10-01"),
        (UpdateMode.MAX, ("2026-09-01T10:00:00Z", "2026-09-01T10:00:00.500Z"), "2026-09-01T10:00:00.500Z"),
        (UpdateMode.MIN, ("2026-09-01", "2026-10-01"), "2026-09-01"),
        (UpdateMode.LATEST, ("a", "b", None), "b"),
        (UpdateMode.UNION, ("Tea; milk", "MILK, coffee\nTea"), "Tea; milk; coffee"),
        (UpdateMode.UNION, ("1,000 EUR", ";;"), "1,000 EUR"),
    ],
)
def test_what_is_made_of_several_values(mode: UpdateMode, values: Any, expected: Value) -> None:
    assert _combined(mode, *values) == expected


_MOMENTS = st.builds(Moment, st.integers(0, 2), st.sampled_from("abc"))
_CANDIDATES = st.lists(
    st.builds(Candidate, st.sampled_from(["a; b", "B, c", "2026-01-01", "x"]), _MOMENTS), min_size=1, max_size=5,
    unique_by=lambda one: one.moment,
)  # fmt: skip


@settings(max_examples=60)
@given(st.sampled_from(sorted(COMBINING)), _CANDIDATES, st.randoms())
def test_what_is_combined_is_the_same_in_any_order_and_when_repeated(
    mode: UpdateMode, candidates: list[Candidate], chance: Any
) -> None:
    once = combine(mode, candidates)
    chance.shuffle(candidates)
    assert combine(mode, [*candidates, candidates[0]]) == once
    if mode is UpdateMode.UNION:
        assert set(map(str.casefold, items(once.value))) == {
            item.casefold() for one in candidates for item in items(one.value)
        }
