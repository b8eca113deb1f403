"""Extraction by a real and weak model: whatever it answers, every value rests on what was said, and nothing breaks."""

import pytest
from eval.conversations import conversations
from eval.engines import SMALL_PART_TOKENS, small_spec
from eval.field_engines import FlowExtraction
from eval.field_scores import Verdict, score
from eval.small_model import Served

from tieline.llm.extractor import model_extractor
from tieline.ports.llm import AskedField, ExtractRequest, ModelUse

pytestmark = [
    pytest.mark.usefixtures("loopback_models"),
    # A model's client keeps its connection open, and is not closed while its process lives.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SHORT = tuple(one for one in conversations() if len(one.transcript) < 1_000)
HOSTILE = tuple(one for one in SHORT if "injection" in one.categories)


async def test_the_model_answers_in_the_form_that_was_asked_for(served: Served) -> None:
    extractor = model_extractor(small_spec(ModelUse.ANALYSIS, served))
    one = SHORT[0]
    asked = [
        AskedField("colour", "string", "A colour"),
        AskedField("urgent", "boolean", "Whether it is urgent"),
    ]
    extraction = await extractor.extract(ExtractRequest(one.transcript, asked, one.started_at))
    assert set(extraction.found) <= {"colour", "urgent"}
    assert extraction.usage.requests == 1
    assert extraction.usage.output_tokens > 0


async def test_every_value_of_a_weak_model_rests_on_a_quote_that_was_said(served: Served) -> None:
    flow = FlowExtraction(
        model_extractor(small_spec(ModelUse.ANALYSIS, served)), part_tokens=SMALL_PART_TOKENS
    )
    for conversation in (*SHORT[::12], *HOSTILE[:2]):
        found = await flow.find(conversation)
        scores = score(conversation, found)
        given = [one for one in scores if one.answer is not None and not one.expected.preset]
        assert all(one.quoted for one in given), conversation.id
        assert found.usage
        enums = [
            one for one in given if one.expected.asked.type == "enum" and one.verdict is not Verdict.EXACT
        ]
        assert all(one.answer and one.answer.value in one.expected.asked.choices for one in enums)
