"""Long transcripts in parts."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.evidence import Evidence
from tieline.domain.extraction.checking import Checked, CheckedPart
from tieline.domain.extraction.definition import AnalysisField, AnalysisType
from tieline.domain.extraction.parts import MAX_PARTS, Part, TooLongError, combine, split, tokens_in

FIELD = AnalysisField("budget", AnalysisType.NUMBER)
TURNS = st.lists(st.text(st.sampled_from("ab é日"), max_size=80), max_size=40).map("\n".join)


@given(TURNS, st.integers(60, 400))
def test_parts_cover_the_text_fit_the_budget_and_overlap(text: str, budget: int) -> None:
    parts = split(text, budget)
    assert parts[0].start == 0
    assert parts[-1].end == len(text)
    for part in parts:
        # Each piece is counted for itself, so the whole may be a few tokens less.
        assert tokens_in(text[part.start : part.end]) <= budget
    for one, following in pairwise(parts):
        assert one.start < following.start <= one.end < following.end


def test_what_fits_is_one_part_and_turns_stay_whole() -> None:
    text = "".join(f"User: turn number {n} of a talk\n" for n in range(200))
    assert split(text, 100_000) == [Part(0, len(text))]
    parts = split(text, 600)
    assert 3 <= len(parts) <= 6
    assert all(text[part.start : part.end].startswith("User: ") for part in parts)


def test_three_hours_of_talk_are_a_few_parts() -> None:
    text = "User: and then we talked about the plan again\n" * 3_750  # some 30,000 words
    assert len(split(text, 24_000)) == 3


def test_what_would_take_too_many_parts_is_refused() -> None:
    with pytest.raises(TooLongError, match=str(MAX_PARTS)):
        split("word " * 100_000, 100)


def part(value: Any, start: int, confidence: float | None = 0.8) -> CheckedPart:
    evidence = Evidence("words", start, start + 5, confidence)
    return CheckedPart({"budget": Checked(value, confidence, evidence)})


def test_the_value_that_was_said_last_stands_and_a_conflict_lowers_its_confidence() -> None:
    found = combine([FIELD], [part(5, 10), part(7, 900), CheckedPart(dropped={"budget": "x"})]).values[
        "budget"
    ]
    assert (found.value, found.confidence) == (7, 0.4)
    assert found.evidence == Evidence("words", 900, 905, 0.4)
    assert combine([FIELD], [part(5, 10), part(7, 900, None)]).values["budget"].confidence == 0.5


def test_parts_that_agree_keep_the_best_confidence() -> None:
    found = combine([FIELD], [part(5, 10, 0.9), part(5, 900, 0.3)])
    assert (found.values["budget"].value, found.values["budget"].confidence) == (5, 0.9)


def test_why_something_was_dropped_is_told_only_if_no_part_has_it() -> None:
    nothing = CheckedPart(dropped={"budget": "no quote"})
    assert combine([FIELD], [nothing, CheckedPart()]).dropped == {"budget": "no quote"}
    assert combine([FIELD], [nothing, part(5, 10)]).dropped == {}
