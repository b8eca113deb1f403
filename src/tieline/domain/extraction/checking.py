"""What of a model's answers may be believed: only what was asked for, of the right type, with words that say it.

Whatever else an answer holds is not even looked at, so a caller who talks the model into something changes nothing but,
at worst, the values of the fields that were asked for, and those only within these checks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from tieline.domain.evidence import Evidence
from tieline.domain.extraction.definition import AnalysisField, AnalysisType
from tieline.domain.extraction.moments import Setting, date_value, moment_value
from tieline.domain.extraction.support import (
    SpokenNumbers,
    boolean_value,
    email_value,
    enum_value,
    number_value,
    phone_value,
)
from tieline.domain.extraction.transcript import Span, Transcript

MAX_VALUE: Final = 4_000


class Answer(Protocol):
    """One answer of a model; `ports.llm.Found` is one."""

    @property
    def value(self) -> Any:
        """As JSON, unchecked."""

    @property
    def quote(self) -> str:
        """The words that it is said to rest on."""

    @property
    def confidence(self) -> float | None:
        """How sure the model says it is."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A value that stands. Presets have no evidence, since no one sentence says them."""

    value: Any
    confidence: float | None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class CheckedPart:
    """The values of a transcript, or a part of one, by name; and why others were dropped, by name."""

    values: Mapping[str, Checked] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)


class Checker:
    """Checks answers about one transcript. `offset`: where it begins in the whole, for the evidence."""

    def __init__(self, text: str, setting: Setting, *, offset: int = 0) -> None:
        self._transcript = Transcript(text)
        self._numbers = SpokenNumbers(text)
        self._setting = setting
        self._offset = offset

    def check(self, fields: Sequence[AnalysisField], answers: Mapping[str, Answer]) -> CheckedPart:
        """What stands. A field without an answer, or with null or a blank text for one, was not found: not dropped."""
        values: dict[str, Checked] = {}
        dropped: dict[str, str] = {}
        for asked in fields:
            answer = answers.get(asked.name)
            if answer is None or answer.value is None or answer.value == "":
                continue
            checked = self._preset(asked, answer) if asked.preset else self._stated(asked, answer)
            if isinstance(checked, str):
                dropped[asked.name] = checked
            else:
                values[asked.name] = checked
        return CheckedPart(values, dropped)

    def _preset(self, asked: AnalysisField, answer: Answer) -> Checked | str:
        value = self._value(asked, answer.value, None)
        return _NO_VALUE.format(asked.type) if value is None else Checked(value, sure(answer.confidence))

    def _stated(self, asked: AnalysisField, answer: Answer) -> Checked | str:
        span = self._transcript.find(answer.quote)
        if span is None:
            return "its quote is not in the transcript"
        value = self._value(asked, answer.value, span)
        if value is None:
            return _NO_VALUE.format(asked.type)
        confidence = sure(answer.confidence)
        start, end = span.start + self._offset, span.end + self._offset
        return Checked(value, confidence, Evidence(span.text, start, end, confidence))

    def _value(self, asked: AnalysisField, claimed: Any, span: Span | None) -> Any:
        text = span.text if span else ""
        match asked.type:
            case AnalysisType.STRING:
                return self._string(claimed, span)
            case AnalysisType.ENUM:
                return enum_value(claimed, asked.choices)
            case AnalysisType.BOOLEAN:
                return boolean_value(claimed)
            case AnalysisType.NUMBER:
                return number_value(claimed, text)
            case AnalysisType.DATE:
                return date_value(claimed, text, self._setting)
            case AnalysisType.DATETIME:
                return moment_value(claimed, text, self._setting)
            case AnalysisType.EMAIL:
                return email_value(claimed, text)
            case AnalysisType.PHONE:
                return phone_value(claimed, text, self._setting.region)

    def _string(self, claimed: Any, span: Span | None) -> str | None:
        if not isinstance(claimed, str):
            return None
        value = claimed.replace("\0", "").strip()
        if not value or len(value) > MAX_VALUE:
            return None
        # The wording is the model's; numbers and addresses must be somebody's words.
        return value if span is None or self._numbers.has_all_of(value) else None


_NO_VALUE: Final = "its value is no {}, or the quote does not say it"


def sure(confidence: Any) -> float | None:
    """A confidence from 0 to 1, or None for what is none."""
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float)):
        return None
    return round(min(max(float(confidence), 0.0), 1.0), 3) if math.isfinite(confidence) else None
