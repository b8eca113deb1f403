"""Merging two texts by letting a model write the new one. Nothing checks what it writes.

Must never be called inside a database transaction.
"""

from tieline.llm.merge_model import ModelMerges, merge_model
from tieline.llm.models import ModelSpec
from tieline.ports.llm import MergeRequest, ModelUse, RewriteRequest

MAX_CHARACTERS = 4_000


class ModelMerger:
    """`TextMerger` by a model."""

    def __init__(self, model: ModelMerges) -> None:
        self._model = model

    @property
    def engine(self) -> str:
        """The model's name."""
        return self._model.engine

    async def merge(self, request: MergeRequest) -> str:
        """The model's text. Raises LlmError."""
        whole = RewriteRequest(
            request.field_name, request.instruction, request.old, request.new, MAX_CHARACTERS
        )
        return (await self._model.rewrite(whole)).text


def openai_merger(
    model: str, *, base_url: str | None = None, api_key: str | None = None, timeout_s: float = 30.0
) -> ModelMerger:
    """A merger at an OpenAI-compatible endpoint (default: OpenAI's own). Raises LlmError."""
    spec = ModelSpec(ModelUse.MERGE, model, base_url=base_url, api_key=api_key or "none", timeout_s=timeout_s)
    return ModelMerger(merge_model(spec))
