"""Merging without a model: deterministic, by statements, and labelled as such. Never calls anything."""

from tieline.domain.merging import append_new
from tieline.ports.llm import MergeRequest


class OfflineMerger:
    """`TextMerger` for when no model is configured: the old text, and below it what is new in the new one."""

    @property
    def engine(self) -> str:
        """Said in runs and in the ledger, so that nobody takes it for a model's work."""
        return "no model"

    async def merge(self, request: MergeRequest) -> str:
        """The instruction is not followed: that would take a model."""
        return append_new(request.old, request.new)
