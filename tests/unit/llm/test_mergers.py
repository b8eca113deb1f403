"""Judging statements without a model."""

import pytest

from tieline.domain.facts import Judgement, Relation
from tieline.llm.offline import OfflineModel
from tieline.ports.llm import ClassifyRequest, LlmError, RewriteRequest


async def test_without_a_model_the_same_words_are_the_same_fact_and_nothing_is_written() -> None:
    model = OfflineModel()
    request = ClassifyRequest(
        "notes", "", ["Likes tea.", "Has a dog."], ["The customer has a dog", "Wants a demo."]
    )
    classified = await model.classify(request)
    assert classified.judgements == (Judgement(Relation.SAME, (1,)), Judgement(Relation.NEW))
    assert (model.engine, classified.usage.engine, classified.usage.requests) == ("no model", "no model", 0)
    with pytest.raises(LlmError):
        await model.rewrite(RewriteRequest("notes", "", "Old.", "New.", 100))
