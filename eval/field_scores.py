"""What an extraction found in a conversation, against what is right. Decided by code, told in docs/evaluation.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from eval.conversations import Conversation, Expected
from tieline.domain.statements import compare_key
from tieline.ports.llm import Usage

_OUTER = " .,;:!?\"'()"


class Verdict(StrEnum):
    """How a field came out. GUESSED: a value where nothing was said."""

    EXACT = "exact"
    WRONG = "wrong"
    MISSING = "missing"
    NOTHING = "nothing"
    GUESSED = "guessed"


@dataclass(frozen=True, slots=True)
class Answer:
    """A value and the sentence it is said to rest on."""

    value: Any
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What came of one conversation. `failed` if the engine gave up on it, in a sentence."""

    answers: Mapping[str, Answer]
    usage: tuple[Usage, ...] = ()
    failed: str = ""


@dataclass(frozen=True, slots=True)
class FieldScore:
    """One field of one conversation. `quoted`: its quote stands in the transcript; `supported`: where it is said."""

    conversation: Conversation
    expected: Expected
    answer: Answer | None
    verdict: Verdict
    quoted: bool
    supported: bool

    @property
    def right(self) -> bool:
        """Whether nothing is to be said against it."""
        return self.verdict in (Verdict.EXACT, Verdict.NOTHING)


def score(conversation: Conversation, found: Found) -> tuple[FieldScore, ...]:
    """One score for each field that was asked."""
    return tuple(
        _one(conversation, expected, found.answers.get(expected.asked.name))
        for expected in conversation.fields
    )


def agrees(kind: str, given: Any, right: Any, zone: tzinfo | None) -> bool:
    """Whether two values of a field's type are the same value."""
    if given is None or isinstance(given, bool) != isinstance(right, bool):
        return False
    match kind:
        case "boolean":
            return bool(given is right)
        case "number":
            return _number(given) is not None and _number(given) == _number(right)
        case "datetime":
            return _instant(given, zone) is not None and _instant(given, zone) == _instant(right, zone)
        case "phone":
            return _digits(given) == _digits(right)
        case _:
            return compare_key(str(given)).strip(_OUTER) == compare_key(str(right)).strip(_OUTER)


def _one(conversation: Conversation, expected: Expected, answer: Answer | None) -> FieldScore:
    quoted = answer is not None and _stands(answer.quote, conversation.transcript)
    supported = (
        quoted and answer is not None and any(_overlaps(answer.quote, quote) for quote in expected.quotes)
    )
    return FieldScore(
        conversation, expected, answer, _verdict(conversation, expected, answer), quoted, supported
    )


def _verdict(conversation: Conversation, expected: Expected, answer: Answer | None) -> Verdict:
    if answer is None or answer.value is None:
        return Verdict.NOTHING if expected.value is None else Verdict.MISSING
    zone = conversation.started_at.tzinfo
    right = [value for value in (expected.value, *expected.accept) if value is not None]
    if any(agrees(expected.asked.type, answer.value, value, zone) for value in right):
        return Verdict.EXACT
    return Verdict.GUESSED if expected.value is None else Verdict.WRONG


def _stands(quote: str, transcript: str) -> bool:
    return bool(quote.strip()) and compare_key(quote) in compare_key(transcript)


def _overlaps(quote: str, right: str) -> bool:
    """One holds the other, or they share at least half of the shorter one's words in a row."""
    given, wanted = compare_key(quote).strip(_OUTER), compare_key(right).strip(_OUTER)
    if given in wanted or wanted in given:
        return bool(given)
    words, others = given.split(), f" {wanted} "
    need = max(2, (min(len(words), len(wanted.split())) + 1) // 2)
    return any(f" {' '.join(words[i : i + need])} " in others for i in range(len(words) - need + 1))


def _number(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value).strip())
    except InvalidOperation:
        return None


def _instant(value: Any, zone: tzinfo | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _digits(value: Any) -> str:
    return "".join(character for character in str(value) if character.isdigit())
