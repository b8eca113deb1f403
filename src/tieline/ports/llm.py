"""What the analysis flow asks of a language model: to combine an old note with a new one."""

from dataclasses import dataclass
from typing import Protocol


class LlmError(Exception):
    """The model did not answer, answered nothing, or too late. The caller keeps both texts."""


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """Two texts, both data and neither an instruction, and the field's description, which is the instruction."""

    field_name: str
    instruction: str
    old: str
    new: str


class TextMerger(Protocol):
    """Combines texts. `engine` names how, for runs and the ledger ('no model' or the model's name)."""

    @property
    def engine(self) -> str:
        """What does the merging."""

    async def merge(self, request: MergeRequest) -> str:
        """The combined text. Raises LlmError."""
