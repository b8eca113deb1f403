"""Definitions in Retell's shape, with every problem named."""

from typing import Any

import pytest

from tieline.domain.extraction.definition import (
    AnalysisDefinition,
    AnalysisType,
    field_json,
    place_problems,
    read_fields,
)

GIVEN: list[dict[str, Any]] = [
    {
        "type": "string",
        "name": "notes",
        "description": "What they want.",
        "examples": ["Wants a demo"],
        "required": False,
    },
    {
        "type": "enum",
        "name": "status",
        "description": "Where they stand.",
        "choices": ["New", "Hot"],
        "required": True,
    },
    {
        "type": "boolean",
        "name": "demo",
        "description": "Wants a demo.",
        "conditional_prompt": "only if asked",
    },
    {"type": "number", "name": "budget", "description": "In USD."},
    *(
        {"type": kind, "name": f"a_{kind}", "description": ""}
        for kind in ("date", "datetime", "email", "phone")
    ),
    {"type": "system-presets", "name": "call_summary", "description": "One line."},
]


def test_a_definition_is_read_and_shown_as_it_was_given() -> None:
    fields, problems = read_fields("call", "post_call_analysis_data", GIVEN)
    assert problems == []
    shown = [field_json(field) for field in fields]
    plain = [{k: v for k, v in item.items() if v not in (False, "")} for item in GIVEN]
    assert shown == plain


def test_presets_are_always_looked_for_worded_anew_where_the_list_says_so() -> None:
    fields, _ = read_fields("call", "x", GIVEN)
    asked = AnalysisDefinition(call_fields=fields).fields_of("call") or ()
    names = [field.name for field in asked]
    assert names[:4] == ["call_summary", "call_successful", "user_sentiment", "in_voicemail"]
    assert names[4:] == [item["name"] for item in GIVEN[:-1]]
    assert asked[0].description == "One line."
    assert asked[0].type is AnalysisType.STRING
    assert AnalysisDefinition(call_fields=fields).fields_of("chat") is None
    chat = AnalysisDefinition(chat_fields=()).fields_of("chat") or ()
    assert [field.name for field in chat] == ["chat_summary", "chat_successful", "user_sentiment"]


def test_every_problem_is_named_with_its_place() -> None:
    wrong: list[Any] = [
        7,
        {"type": "colour", "name": ""},
        {"type": "enum", "name": "e"},
        {"type": "enum", "name": "f", "choices": ["A", "a "]},
        {"type": "number", "name": "n", "choices": ["1"], "required": "yes", "color": 1},
        {"type": "system-presets", "name": "chat_summary"},
        {"type": "string", "name": "call_summary"},
        {"type": "string", "name": "twice"},
        {"type": "string", "name": "twice"},
        {"type": "string", "name": "x" * 101, "description": 5},
    ]
    _, problems = read_fields("call", "post_call_analysis_data", wrong)
    places = [problem.where.removeprefix("post_call_analysis_data") for problem in problems]
    assert places == [
        "[0]", "[1].name", "[1].type", "[2].choices", "[3].choices", "[4].choices", "[4].required", "[4].color",
        "[5].name", "[9].name", "[9].description", "", "",
    ]  # fmt: skip
    assert all(problem.message.endswith(".") for problem in problems)


@pytest.mark.parametrize(
    ("zone", "country", "wrong"), [(None, None, 0), ("Europe/Berlin", "DE", 0), ("Mars", "XX", 2)]
)
def test_where_people_live_is_checked(zone: str | None, country: str | None, wrong: int) -> None:
    assert len(place_problems(zone, country)) == wrong
