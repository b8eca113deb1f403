"""What is known of a conversation only gets richer, in whatever order its reports come."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.intake import STAGES, Report, merge, with_numbers, with_other_number

AT = datetime(2026, 11, 20, tzinfo=UTC)
BASE = Report("retell", "c", "call", "ongoing")

reports = st.builds(
    Report,
    st.just("retell"),
    st.just("c"),
    st.just("call"),
    st.sampled_from(sorted(STAGES)),
    duration_ms=st.none() | st.integers(0, 3),
    summary=st.none() | st.sampled_from(["a", "b"]),
    contact_id=st.none() | st.sampled_from(["x", "y"]),
    successful=st.none() | st.booleans(),
)


@given(reports, reports)
def test_nothing_that_is_known_gets_lost(known: Report, report: Report) -> None:
    merged = merge(known, report)
    for name in ("duration_ms", "summary", "contact_id", "successful"):
        values = {getattr(known, name), getattr(report, name)}
        assert getattr(merged, name) in values
        assert getattr(merged, name) is not None or values == {None}
    assert STAGES[merged.status] == max(STAGES[known.status], STAGES[report.status])


@given(reports, reports)
def test_a_repeat_changes_nothing(known: Report, report: Report) -> None:
    merged = merge(known, report)
    assert merge(merged, report) == merged


@given(reports)
def test_a_report_adds_nothing_to_itself(report: Report) -> None:
    assert merge(report, report) == report


def test_every_order_of_a_calls_events_ends_in_the_same() -> None:
    started = replace(BASE, started_at=AT, direction="inbound", has_number=True, from_number="+14155550100")
    ended = replace(started, status="ended", ended_at=AT, duration_ms=7)
    analysed = replace(ended, status="analyzed", analysis={"a": 1}, analysis_version="v")
    for order in itertools.permutations([started, ended, analysed]):
        known = order[0]
        for report in order[1:]:
            known = merge(known, report)
        assert known == analysed


def test_a_late_report_does_not_bring_old_values_back() -> None:
    known = replace(BASE, status="analyzed", summary="new", analysis={"a": 2}, analysis_version="2")
    late = replace(
        BASE, status="ended", summary="old", analysis={"a": 1}, analysis_version="1", transcript="t"
    )
    assert merge(known, late) == replace(known, transcript="t")


def test_who_took_part_is_taken_whole_from_the_first_report_that_knows() -> None:
    nobody = replace(BASE, from_number="anonymous", direction="inbound")
    somebody = replace(BASE, has_number=True, direction="outbound", from_number="+1", to_number="+2")
    other = replace(somebody, from_number="+3", to_number="+4")
    assert merge(merge(nobody, somebody), other) == somebody


@pytest.mark.parametrize(
    ("direction", "from_number", "to_number", "has_number"),
    [
        ("inbound", "+14155550100", None, True),
        ("inbound", "(415) 555-0100", "x", True),
        ("inbound", "anonymous", "+14155550100", False),
        ("outbound", "anonymous", "+14155550100", True),
        ("outbound", "+14155550100", "", False),
        (None, "+14155550100", None, False),
    ],
)
def test_whether_there_is_a_number_is_about_the_contacts_side(
    direction: str | None, from_number: str, to_number: str | None, has_number: bool
) -> None:
    report = with_numbers(replace(BASE, direction=direction), from_number, to_number, "US")
    assert report.has_number is has_number
    if has_number:
        assert report.other_number == "+14155550100"


@pytest.mark.parametrize("direction", ["inbound", "outbound", None])
def test_a_named_number_is_the_contacts(direction: str | None) -> None:
    report = with_other_number(replace(BASE, direction=direction), "415 555 0100", "US")
    assert report.other_number == "+14155550100"
    assert report.has_number
