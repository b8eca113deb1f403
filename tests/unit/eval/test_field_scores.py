"""Each figure about fields is shown able to fail, and to be good."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from eval.conversations import Conversation, Expected
from eval.field_scores import Answer, Found, Verdict, agrees, score
from eval.summary import cost, fields

from tieline.ports.llm import AskedField, ModelUse, Usage

ZONE = ZoneInfo("Europe/London")
QUOTE = "next tuesday like half past ten"
CONVERSATION = Conversation(
    "talk", "call", "en", ("relative_date",), "inbound", datetime(2026, 3, 5, 14, 20, tzinfo=ZONE),
    f"Agent: When?\nUser: uh {QUOTE} in the morning\nAgent: Fine, goodbye.",
    (
        Expected(AskedField("at", "datetime"), "2026-03-10T10:30:00+00:00", (), (QUOTE,)),
        Expected(AskedField("budget", "number"), None, (), ()),
    ),
)  # fmt: skip


def _verdicts(**answers: Answer) -> list[tuple[Verdict, bool, bool]]:
    return [(one.verdict, one.quoted, one.supported) for one in score(CONVERSATION, Found(answers))]


def test_a_right_value_with_its_quote_is_exact_and_supported() -> None:
    good = Answer("2026-03-10T10:30:00Z", QUOTE.upper())
    assert _verdicts(at=good) == [(Verdict.EXACT, True, True), (Verdict.NOTHING, False, False)]


def test_another_value_is_wrong_and_none_is_missing() -> None:
    assert _verdicts(at=Answer("2026-03-10T22:30:00Z", QUOTE))[0][0] is Verdict.WRONG
    assert _verdicts(at=Answer("soon", QUOTE))[0][0] is Verdict.WRONG
    assert _verdicts()[0][0] is Verdict.MISSING
    assert _verdicts(at=Answer(None, QUOTE))[0][0] is Verdict.MISSING


def test_a_value_where_nothing_was_said_is_guessed() -> None:
    assert _verdicts(budget=Answer(500, "goodbye"))[1] == (Verdict.GUESSED, True, False)


def test_a_quote_that_was_not_said_is_not_quoted_and_one_of_elsewhere_does_not_support() -> None:
    at = "2026-03-10T10:30:00Z"
    assert _verdicts(at=Answer(at, "tuesday at half past ten"))[0][1:] == (False, False)
    assert _verdicts(at=Answer(at, "Fine, goodbye."))[0][1:] == (True, False)
    assert _verdicts(at=Answer(at, ""))[0][1:] == (False, False)
    assert _verdicts(at=Answer(at, "half past ten in the morning"))[0][1:] == (True, True)


@pytest.mark.parametrize(
    ("kind", "given", "right", "same"),
    [
        ("string", " aoife  BRENNAN.", "Aoife Brennan", True),
        ("string", "Aoife", "Aoife Brennan", False),
        ("number", "34", 34, True),
        ("number", 34.5, 34, False),
        ("number", True, 1, False),
        ("boolean", True, True, True),
        ("boolean", False, True, False),
        ("boolean", "true", True, False),
        ("date", "2026-03-10", "2026-03-10", True),
        ("date", "2026-03-11", "2026-03-10", False),
        ("datetime", "2026-03-10T10:30", "2026-03-10T10:30:00+00:00", True),
        ("datetime", "2026-03-10T10:30+01:00", "2026-03-10T10:30:00+00:00", False),
        ("email", "A@b.example", "a@B.example", True),
        ("phone", "+1 617-555-0142", "+16175550142", True),
        ("phone", "6175550142", "+16175550142", False),
        ("enum", "gas", "oil", False),
    ],
)
def test_values_are_compared_by_their_type(kind: str, given: Any, right: Any, same: bool) -> None:
    assert agrees(kind, given, right, ZONE) is same


def test_the_summary_counts_each_verdict_and_what_it_took() -> None:
    used = Usage(ModelUse.ANALYSIS, "m", "", 1, 100, 20, 7, 400)
    found = Found({"at": Answer("2026-03-10T10:30:00Z", QUOTE), "budget": Answer(5, "")}, (used,))
    figures = fields(score(CONVERSATION, found), [found, Found({}, (used,), "too late")])
    assert figures["all"] == {
        "asked": 2, "exact": 1, "wrong": 0, "missing": 0, "nothing": 0, "guessed": 1,
        "given": 2, "with_quote": 2, "quoted": 1, "exact_with_quote": 1, "exact_supported": 1,
    }  # fmt: skip
    assert figures["failed"] == 1
    assert figures["cost"] == {
        "requests": 2, "input_tokens": 200, "output_tokens": 40, "cost_micro_usd": 14, "per_case_ms": 400,
    }  # fmt: skip
    assert cost([]).per_case_ms == 0
