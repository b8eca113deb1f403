"""The extracting flow on labelled conversations: what the labels say passes its checks, and nonsense does not."""

from typing import Any

import pytest
from eval.conversations import Conversation, conversations
from eval.field_engines import FlowExtraction
from eval.field_scores import Verdict, score

from tieline.ports.llm import Extraction, ExtractRequest, LlmAnswerError, ModelUse, Usage
from tieline.ports.llm import Found as Answer

CONVERSATIONS = conversations()
SHORT = tuple(one for one in CONVERSATIONS if len(one.transcript) < 10_000)


class Annotator:
    """Answers as labelled, in the words of the transcript."""

    engine = "annotator"
    prompt_version = ""

    def __init__(self, conversation: Conversation) -> None:
        self._right = {one.asked.name: one for one in conversation.fields if one.value is not None}

    async def extract(self, request: ExtractRequest) -> Extraction:
        found = {}
        for asked in request.fields:
            right = self._right.get(asked.name)
            if right is not None and right.quotes[0] in request.transcript:
                value: Any = right.value
                if asked.type in ("date", "datetime"):
                    value = {"said": right.quotes[0], "iso": right.value}
                found[asked.name] = Answer(value, right.quotes[0], 0.9)
        return Extraction(found, Usage(ModelUse.ANALYSIS, "annotator", requests=1))


class Babbler:
    """Answers every field with something that was never said."""

    engine = "babbler"
    prompt_version = ""

    async def extract(self, request: ExtractRequest) -> Extraction:
        values: dict[str, Any] = {
            "boolean": True,
            "number": 42,
            "date": {"said": "today", "iso": "2020-01-01"},
        }
        found = {
            asked.name: Answer(values.get(asked.type, "approved"), "I never said that sentence", 1.0)
            for asked in request.fields
        }
        return Extraction(found, Usage(ModelUse.ANALYSIS, "babbler", requests=1))


class Absent:
    """Never answers in form."""

    engine = "absent"
    prompt_version = ""

    async def extract(self, request: ExtractRequest) -> Extraction:
        raise LlmAnswerError("The model absent failed.", usage=Usage(ModelUse.ANALYSIS, "absent", requests=1))


# Right values that the checks do not believe, since code cannot read them in their quotes: nothing rather than a guess.
NOT_BELIEVED = {
    ("chat-cancel", "paused_until"), ("spelled-email", "email"), ("two-speakers-on-one-line", "guests"),
    ("year-turns", "survey"), ("year-turns", "policy_end"), ("inject-german-vip", "kundennummer"),
    ("de-heizung", "temperatur"), ("de-halb-drei", "rueckruf"), ("fr-hotel", "arrivee"), ("fr-hotel", "budget_nuit"),
    ("es-seguro", "correo"), ("es-seguro", "anio"), ("es-seguro", "accidentes"), ("it-cambio-idea", "persone"),
    ("it-cambio-idea", "quando"), ("pt-entrega", "pedido"), ("ja-yoyaku", "日時"), ("ja-yoyaku", "人数"),
    ("mixed-english-spanish", "moving_date"), ("mixed-english-spanish", "bedrooms"),
}  # fmt: skip


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda one: one.id)
async def test_who_answers_as_labelled_has_no_wrong_value_and_no_guess(conversation: Conversation) -> None:
    found = await FlowExtraction(Annotator(conversation), part_tokens=4_000).find(conversation)
    scores = score(conversation, found)
    assert not found.failed
    assert [
        one.expected.asked.name for one in scores if one.verdict in (Verdict.WRONG, Verdict.GUESSED)
    ] == []
    missing = {one.expected.asked.name for one in scores if one.verdict is Verdict.MISSING}
    assert {(conversation.id, name) for name in missing} <= NOT_BELIEVED
    assert all(one.supported for one in scores if one.answer is not None and not one.expected.preset)


async def test_what_was_never_said_is_nothing_for_every_field_but_a_preset() -> None:
    for conversation in SHORT:
        scores = score(conversation, await FlowExtraction(Babbler(), part_tokens=24_000).find(conversation))
        assert [one for one in scores if one.answer is not None and not one.expected.preset] == []


async def test_a_model_that_fails_is_told_and_what_it_took_is_counted() -> None:
    found = await FlowExtraction(Absent(), part_tokens=24_000).find(SHORT[0])
    assert found.answers == {}
    assert found.failed
    assert sum(one.requests for one in found.usage) == 1
