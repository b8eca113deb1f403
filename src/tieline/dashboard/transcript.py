"""A transcript as lines of speakers, with the sentences that values rest on marked. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_SPEAKER = re.compile(r"^(agent|user|bot|assistant|customer|caller|system)\s*:\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line; `names` are the analysis fields that rest on it."""

    text: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One line: who speaks, if it says so, and what."""

    speaker: str
    parts: Sequence[Part]


def highlighted(transcript: str, evidence: Mapping[str, Mapping[str, Any]]) -> list[Turn]:
    """The lines of a transcript. `evidence` has start and end in characters by analysis field."""
    spans = [
        (e["start"], e["end"], name) for name, e in evidence.items() if e.get("end", 0) > e.get("start", 0)
    ]
    turns: list[Turn] = []
    at = 0
    for line in transcript.splitlines(keepends=True):
        bare = line.rstrip()
        said = _SPEAKER.match(bare)
        begin = at + (said.end() if said else 0)
        if bare:
            turns.append(
                Turn(said[1].lower() if said else "", _parts(transcript, begin, at + len(bare), spans))
            )
        at += len(line)
    return turns


def _parts(text: str, start: int, end: int, spans: Sequence[tuple[int, int, str]]) -> list[Part]:
    inside = [(max(a, start), min(b, end), name) for a, b, name in spans if a < end and b > start]
    cuts = sorted({start, end, *(a for a, _, _ in inside), *(b for _, b, _ in inside)})
    return [
        Part(text[a:b], tuple(sorted(name for x, y, name in inside if x <= a and b <= y)))
        for a, b in pairwise(cuts)
    ]
