"""What a value of an analysis rests on: the sentence in the transcript, and how sure its finder was. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Evidence:
    """A quote that stands word for word in the transcript at [start, end) characters; confidence 0 to 1 if known."""

    quote: str
    start: int
    end: int
    confidence: float | None = None

    def as_json(self) -> dict[str, Any]:
        """As it is kept beside a value: `{"quote", "start", "end", "confidence"}`."""
        return {"quote": self.quote, "start": self.start, "end": self.end, "confidence": self.confidence}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Evidence":
        """The inverse of `as_json`."""
        return cls(raw["quote"], raw["start"], raw["end"], raw.get("confidence"))
