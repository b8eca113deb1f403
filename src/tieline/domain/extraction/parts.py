"""Long transcripts: taken apart between turns, with some overlap, and what was found in the parts put together.

No model decides between parts: the value that was said last stands, and that others were said lowers its confidence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from tieline.domain.extraction.checking import Checked, CheckedPart
from tieline.domain.extraction.definition import AnalysisField

MAX_PARTS: Final = 60
OVERLAP: Final = 0.05
# Where parts disagree, whoever reads the value should look at it.
CONFLICT: Final = 0.5
_CHARACTERS_A_TOKEN: Final = 3.5


class TooLongError(ValueError):
    """A transcript would need more parts than are ever asked for."""


@dataclass(frozen=True, slots=True)
class Part:
    """The characters [start, end) of a transcript."""

    start: int
    end: int


def tokens_in(text: str) -> int:
    """About how many tokens a text has, rather too many: 3.5 characters each, other scripts one each."""
    plain = sum(character.isascii() for character in text)
    return int(plain / _CHARACTERS_A_TOKEN) + len(text) - plain + 1


def split(text: str, budget: int) -> list[Part]:
    """Parts of at most `budget` tokens that together cover the text, each beginning a little before the last one ended.

    Cut between turns (lines); a turn that is too long by itself is cut between words. Raises TooLongError.
    """
    if tokens_in(text) <= budget:
        return [Part(0, len(text))]
    pieces = list(_pieces(text, max(int(budget * OVERLAP), 1)))
    parts: list[Part] = []
    first, size = 0, 0
    for place, (_, _, tokens) in enumerate(pieces):
        if size + tokens > budget and place > first:
            parts.append(Part(pieces[first][0], pieces[place - 1][1]))
            if len(parts) >= MAX_PARTS:
                raise TooLongError(f"The transcript needs more than {MAX_PARTS} parts of {budget} tokens.")
            first = _overlapping(pieces, first, place, budget)
            size = sum(tokens for _, _, tokens in pieces[first:place])
        size += tokens
    return [*parts, Part(pieces[first][0], len(text))]


def _overlapping(pieces: Sequence[tuple[int, int, int]], first: int, place: int, budget: int) -> int:
    """The piece from which the next part begins: as far back as the overlap reaches, and always further on."""
    start, size = place, 0
    room = min(int(budget * OVERLAP), budget - pieces[place][2])
    while start - 1 > first and size + pieces[start - 1][2] <= room:
        start -= 1
        size += pieces[start][2]
    return start


def _pieces(text: str, most: int) -> Iterable[tuple[int, int, int]]:
    """Lines with their ends, as (start, end, tokens); lines longer than `most` tokens in pieces between words."""
    start = 0
    for line in text.splitlines(keepends=True):
        end = start + len(line)
        # No more than 3.5 characters a token: whether a line is too long shows in its beginning.
        while tokens_in(text[start : min(end, start + 4 * most)]) > most:
            cut = _cut(text, start, end, most)
            yield start, cut, tokens_in(text[start:cut])
            start = cut
        if start < end:
            yield start, end, tokens_in(text[start:end])
        start = end


def _cut(text: str, start: int, end: int, most: int) -> int:
    width = max(most - 1, 1)
    cut = min(start + width, end)
    blank = text.rfind(" ", start + 1, cut)
    return blank + 1 if blank > start else cut


def combine(fields: Sequence[AnalysisField], parts: Sequence[CheckedPart]) -> CheckedPart:
    """What stands over all parts of a transcript, in their order."""
    values: dict[str, Checked] = {}
    dropped: dict[str, str] = {}
    for asked in fields:
        found = [part.values[asked.name] for part in parts if asked.name in part.values]
        if found:
            values[asked.name] = _last(found)
        reasons = [part.dropped[asked.name] for part in parts if asked.name in part.dropped]
        if reasons and not found:
            dropped[asked.name] = reasons[-1]
    return CheckedPart(values, dropped)


def _last(found: Sequence[Checked]) -> Checked:
    stands = max(found, key=lambda one: one.evidence.start if one.evidence else -1)
    if all(one.value == stands.value for one in found):
        known = [one.confidence for one in found if one.confidence is not None]
        return _with_confidence(stands, max(known, default=None))
    return _with_confidence(stands, CONFLICT * (1.0 if stands.confidence is None else stands.confidence))


def _with_confidence(checked: Checked, confidence: float | None) -> Checked:
    evidence = checked.evidence and replace(checked.evidence, confidence=confidence)
    return replace(checked, confidence=confidence, evidence=evidence)


@dataclass(frozen=True, slots=True)
class Outcome:
    """An analysis as it is kept: the values by name, what they rest on, and why others were dropped."""

    analysis: Mapping[str, object]
    evidence: Mapping[str, object]
    dropped: Mapping[str, str]


def outcome(
    kind: str,
    fields: Sequence[AnalysisField],
    checked: CheckedPart,
    told: Mapping[str, object] = MappingProxyType({}),
) -> Outcome:
    """The analysis of a `call` or a `chat`. Where a required field was not found, it was not successful.

    `told`: what the platform said itself, which goes before what was found.
    """
    analysis = {f.name: checked.values[f.name].value for f in fields if f.name in checked.values} | dict(told)
    missing = [f.name for f in fields if f.required and not f.preset and f.name not in analysis]
    if missing:
        analysis[f"{kind}_successful"] = False
    evidence = {
        name: one.evidence.as_json()
        for name, one in checked.values.items()
        if one.evidence is not None and name not in told
    }
    return Outcome(analysis, evidence, checked.dropped)
