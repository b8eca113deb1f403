"""Merging without a model: deterministic, by comparing statements, and labelled as such. Never calls anything."""

from tieline.domain.comparing import ENGINE, compare
from tieline.ports.llm import (
    Classified,
    ClassifyRequest,
    LlmRefusedError,
    ModelUse,
    RewriteRequest,
    Rewritten,
    Usage,
)


class OfflineModel:
    """`MergeModel` for when no model is configured: the same words are the same fact, everything else is new."""

    @property
    def engine(self) -> str:
        """Said in runs and in the ledger, so that nobody takes it for a model's work."""
        return ENGINE

    @property
    def prompt_version(self) -> str:
        """None."""
        return ""

    async def classify(self, request: ClassifyRequest) -> Classified:
        """The instruction is not followed: that would take a model."""
        return Classified(compare(request.old, request.new), Usage(ModelUse.MERGE, ENGINE))

    async def rewrite(self, request: RewriteRequest) -> Rewritten:
        """Always LlmRefusedError: nothing is written without a model."""
        raise LlmRefusedError("No model is configured that could write the note.")
