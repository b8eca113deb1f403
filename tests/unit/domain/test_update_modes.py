"""What an analysis may do to a field, by update mode."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.domain.merging import append_new
from tieline.domain.update_modes import Keep, NeedsMerge, Set, Update, UpdateMode, apply
from tieline.domain.values import Value, is_empty

OVERWRITE, FILL, MERGE = UpdateMode.OVERWRITE, UpdateMode.FILL_IF_EMPTY, UpdateMode.MERGE


@pytest.mark.parametrize(
    ("mode", "old", "new", "expected"),
    [
        (OVERWRITE, "New", "Qualified", Set("Qualified")),
        (OVERWRITE, "New", "New", Keep()),
        (OVERWRITE, None, "New", Set("New")),
        (OVERWRITE, True, False, Set(False)),
        (OVERWRITE, 3, 0, Set(0)),
        (OVERWRITE, 42, Decimal("42.0"), Keep()),
        (FILL, None, "a@b.co", Set("a@b.co")),
        (FILL, " \n", "a@b.co", Set("a@b.co")),
        (FILL, "old@b.co", "a@b.co", Keep()),
        (FILL, False, True, Keep()),
        (FILL, 0, 5, Keep()),
        (MERGE, None, "First.", Set("First.")),
        (MERGE, "First.", "Second.", NeedsMerge("First.", "Second.")),
        (MERGE, "First. Second.", "second.", Keep()),
    ],
)
def test_the_mode_decides(mode: UpdateMode, old: Value, new: Value, expected: Update) -> None:
    assert apply(mode, old, new) == expected


@pytest.mark.parametrize("mode", UpdateMode)
@pytest.mark.parametrize("new", [None, "", " \n"])
def test_an_analysis_that_found_nothing_changes_nothing(mode: UpdateMode, new: Value) -> None:
    assert apply(mode, "old", new) == Keep()
    assert apply(mode, None, new) == Keep()


_texts = st.one_of(st.none(), st.text(max_size=20))


@settings(max_examples=60)
@given(st.sampled_from(UpdateMode), _texts, _texts)
def test_applying_the_same_value_again_changes_nothing(mode: UpdateMode, old: Value, new: Value) -> None:
    match apply(mode, old, new):
        case Keep():
            after = old
        case Set(value):
            assert not is_empty(value)
            after = value
        case NeedsMerge(first, second):
            after = append_new(first, second)
    assert apply(mode, after, new) == Keep()
