"""The labels of the transcripts agree with what is said in them."""

from collections import Counter
from datetime import date, datetime
from pathlib import Path

import pytest
from eval.conversations import CATEGORIES, Conversation, conversations
from eval.merge_cases import LabelError

from tieline.domain.statements import compare_key

CONVERSATIONS = conversations()
each = pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda one: one.id)
TYPES = {
    "string": str, "enum": str, "email": str, "phone": str, "boolean": bool, "number": int | float,
    "date": str, "datetime": str,
}  # fmt: skip


def test_there_are_at_least_forty_with_different_names_in_every_category() -> None:
    assert len(CONVERSATIONS) >= 40
    assert len({one.id for one in CONVERSATIONS}) == len(CONVERSATIONS)
    counts = Counter(category for one in CONVERSATIONS for category in one.categories)
    assert set(counts) == CATEGORIES
    assert min(counts.values()) >= 2
    assert len({one.language for one in CONVERSATIONS}) >= 6
    assert {one.channel for one in CONVERSATIONS} == {"call", "chat"}
    fields = [field for one in CONVERSATIONS for field in one.fields]
    assert {field.asked.type for field in fields} == set(TYPES)
    assert sum(field.value is None for field in fields) >= 30


def test_one_is_as_long_as_a_call_of_three_hours() -> None:
    assert max(len(one.transcript) for one in CONVERSATIONS) > 80_000


@each
def test_every_quote_is_said_and_everything_that_is_right_has_one(conversation: Conversation) -> None:
    said = compare_key(conversation.transcript)
    for field in conversation.fields:
        assert bool(field.quotes) == (field.value is not None), field.asked.name
        for quote in field.quotes:
            assert compare_key(quote) in said, quote


@each
def test_every_right_value_is_of_its_type_and_one_of_its_choices(conversation: Conversation) -> None:
    for field in conversation.fields:
        for value in (field.value, *field.accept):
            if value is None:
                continue
            kind = field.asked.type
            assert isinstance(value, TYPES[kind])
            assert isinstance(value, bool) == (kind == "boolean")
            if kind == "enum":
                assert value in field.asked.choices
            if kind == "date":
                date.fromisoformat(str(value))
            if kind == "datetime":
                offset = datetime.fromisoformat(str(value)).utcoffset()
                local = datetime.fromisoformat(str(value)).replace(tzinfo=conversation.started_at.tzinfo)
                assert offset == local.utcoffset(), "the offset is the zone's on that day"
            if kind == "phone":
                assert str(value).startswith("+")
    assert len({field.asked.name for field in conversation.fields}) == len(conversation.fields)


def test_a_field_without_a_decision_is_refused(tmp_path: Path) -> None:
    head = (
        '[[conversation]]\nid = "x"\ncategories = []\nstarted_at = 2026-01-01T00:00:00\ntime_zone = "UTC"\n'
    )
    (tmp_path / "x.toml").write_text(
        head + 'transcript = ""\nfields = [{ name = "a", type = "string" }]\n', encoding="utf-8"
    )
    with pytest.raises(LabelError, match="either expected, or nothing"):
        conversations(tmp_path)
