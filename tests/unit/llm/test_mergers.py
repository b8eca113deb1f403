"""Merging two texts without a model."""

from tieline.llm.offline import OfflineMerger
from tieline.ports.llm import MergeRequest


async def test_without_a_model_the_new_statements_come_below_the_old_text() -> None:
    merger = OfflineMerger()
    request = MergeRequest("notes", "", "Likes tea.\nHas a dog.", "Has a DOG. Wants a demo.")
    assert await merger.merge(request) == "Likes tea.\nHas a dog.\nWants a demo."
    assert merger.engine == "no model"
