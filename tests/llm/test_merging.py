"""Merging by a real and weak model: whatever it answers, nothing is lost, nothing invented, and nothing breaks."""

import pytest
from eval.engines import small_spec
from eval.merge_cases import MergeCase, merge_cases
from eval.merge_engines import Asked, MergeEngine
from eval.merge_scores import MergeScore, score
from eval.small_model import Served

from tieline.domain.facts import MergeStrategy
from tieline.llm.merge_model import merge_model
from tieline.ports.llm import ClassifyRequest, LlmAnswerError, ModelUse, RewriteRequest

pytestmark = [
    pytest.mark.usefixtures("loopback_models"),
    # A model's client keeps its connection open, and is not closed while its process lives.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# One of each kind of trouble; all of them are in `make eval`.
CASES = tuple(case for case in merge_cases() if case.category not in ("very_long",))[::14]
HOSTILE = tuple(case for case in merge_cases() if case.category == "injection")[:4]


def engine(served: Served, strategy: MergeStrategy) -> MergeEngine:
    return MergeEngine(merge_model(small_spec(ModelUse.MERGE, served)), strategy)


async def merged(engine: MergeEngine, case: MergeCase) -> MergeScore:
    outcome, _ = await engine.merge(Asked(case.old, case.new, case.instruction, case.on))
    return score(case, outcome)


async def test_the_model_judges_in_the_form_that_was_asked_for_or_is_told_that_it_did_not(
    served: Served,
) -> None:
    model = merge_model(small_spec(ModelUse.MERGE, served))
    judged = 0
    for said in ("Lives in Rome.", "Has a cat.", "The dog is called Rex.", "Has no dog any more."):
        try:
            classified = await model.classify(ClassifyRequest("notes", "", ("Has a dog.",), (said,)))
        except LlmAnswerError as error:
            usage = error.usage
        else:
            judged += len(classified.judgements)
            usage = classified.usage
        assert usage is not None
        assert (usage.engine, usage.requests) == (served.model, 1)
        assert usage.input_tokens > 100
        assert usage.output_tokens > 5
    assert judged >= 1


async def test_the_model_writes(served: Served) -> None:
    model = merge_model(small_spec(ModelUse.MERGE, served))
    written = await model.rewrite(RewriteRequest("notes", "", "Has a dog.", "Lives in Rome.", 200))
    assert written.text
    assert written.usage.output_tokens > 0


@pytest.mark.parametrize("strategy", MergeStrategy)
async def test_a_weak_model_loses_and_invents_nothing(served: Served, strategy: MergeStrategy) -> None:
    by = engine(served, strategy)
    scores = [await merged(by, case) for case in (*CASES, *HOSTILE)]
    assert [(one.case.id, one.lost, one.invented) for one in scores if one.lost or one.invented] == []
    assert any(one.outcome.judged for one in scores)
    # What it wrote was let pass by the guard, or it is said why it was not used.
    assert all(
        one.outcome.fell_back or one.outcome.strategy == strategy or not one.outcome.usage for one in scores
    )


async def test_a_text_that_does_not_fit_the_model_is_kept_whole(served: Served) -> None:
    long = "\n".join(f"Device {number} stands in room {number + 7}." for number in range(900))
    outcome, _ = await engine(served, MergeStrategy.FACTS).merge(
        Asked(long, "Moved to Bonn.", "", CASES[0].on)
    )
    assert "Both texts were kept." in outcome.fell_back
    assert "Device 899 stands in room 906." in outcome.text
    assert "Moved to Bonn." in outcome.text
