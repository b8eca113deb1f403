"""What flows ask of a language model. Every answer comes with what it cost. Texts are data, never instructions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from tieline.domain.facts import Judgement


class ModelUse(StrEnum):
    """What a model is used for; each use has its own model, time limit, price and prompt version in the settings."""

    ANALYSIS = "analysis"
    MERGE = "merge"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one or more requests to a model took. `cost_micro_usd` by the prices in the settings; 0 for no model."""

    use: ModelUse
    engine: str
    prompt_version: str = ""
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micro_usd: int = 0
    duration_ms: int = 0


class LlmError(Exception):
    """The model did not answer, answered nothing, too late, or not in the form asked for. Nothing of it may be used.

    `usage` is what the failure took, if that is known: an answer that cannot be used has to be paid as well.
    """

    def __init__(self, message: str, *, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.usage = usage


class LlmUnavailableError(LlmError):
    """May succeed unchanged later: a rate limit, a failing or silent endpoint. `retry_after_s` if the endpoint said."""

    def __init__(
        self, message: str, *, usage: Usage | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, usage=usage)
        self.retry_after_s = retry_after_s


class LlmRefusedError(LlmError):
    """The endpoint refuses us, whatever the request: a wrong key or model, no credit. A person must act."""


class LlmAnswerError(LlmError):
    """An answer came and cannot be used, or this request cannot be answered. Another try may give a better one."""


@dataclass(frozen=True, slots=True)
class ClassifyRequest:
    """Old and new statements of one field; each new one is to be judged against the old ones."""

    field_name: str
    instruction: str
    old: Sequence[str]
    new: Sequence[str]


@dataclass(frozen=True, slots=True)
class Classified:
    """One judgement for each new statement, in order; their number and indexes have been checked."""

    judgements: tuple[Judgement, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class RewriteRequest:
    """A note to be written anew from both texts, within `max_characters`. `complaint` says what was wrong with the
    answer before."""

    field_name: str
    instruction: str
    old: str
    new: str
    max_characters: int
    complaint: str = ""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The model's text, unchecked."""

    text: str
    usage: Usage


class MergeModel(Protocol):
    """Judges statements and rewrites notes. `engine` is 'no model' or the model's name, for runs and the ledger."""

    @property
    def engine(self) -> str:
        """What does the judging."""

    @property
    def prompt_version(self) -> str:
        """Which prompt it is given; '' without a model."""

    async def classify(self, request: ClassifyRequest) -> Classified:
        """Judges each new statement. Raises LlmError."""

    async def rewrite(self, request: RewriteRequest) -> Rewritten:
        """Writes the note anew. Raises LlmError; always so without a model."""


@dataclass(frozen=True, slots=True)
class AskedField:
    """One thing to find in a transcript. `type`: string, enum, boolean, number, date, datetime, email or phone.

    `preset`: it is about the conversation as a whole, so no quote is asked for.
    """

    name: str
    type: str
    description: str = ""
    examples: Sequence[str] = ()
    choices: Sequence[str] = ()
    required: bool = False
    condition: str = ""
    preset: bool = False


@dataclass(frozen=True, slots=True)
class ExtractRequest:
    """A transcript (or a part of a long one) and what to find. `started_at` is in the conversation's time zone.

    `part`: which of how many; (0, n): the text is the summaries of n parts.
    """

    transcript: str
    fields: Sequence[AskedField]
    started_at: datetime
    direction: str = ""
    part: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class Found:
    """One answer, unchecked: the value as JSON, the sentence that it is said to rest on, and how sure the model is.

    Of a date or datetime the value is `{"said": the words, "iso": what they come to}`, or the ISO text alone.
    """

    value: Any
    quote: str = ""
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """Answers by field name; a field without one was not found."""

    found: Mapping[str, Found]
    usage: Usage = field(default_factory=lambda: Usage(ModelUse.ANALYSIS, "no model"))


class Extractor(Protocol):
    """Finds structured data in a transcript by one structured-output request."""

    @property
    def engine(self) -> str:
        """The model's name."""

    @property
    def prompt_version(self) -> str:
        """Which prompt it is given."""

    async def extract(self, request: ExtractRequest) -> Extraction:
        """What the transcript says. Raises LlmError."""
