"""Finding a quote in a transcript: the same words in the same order, whatever their capitals and punctuation.

No word may be added, left out or replaced. What is handed on is always the transcript's own text, never the quote that
was claimed, so that everything after this looks at what was really said.
"""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

MAX_QUOTE_WORDS: Final = 120
"""A longer one is no evidence: whoever quotes everything has quoted nothing."""

# Scripts that write no blanks between words: each of their characters is a word here.
_UNSPACED: Final = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD: Final = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w|[\u0300-\u036f])+")


@dataclass(frozen=True, slots=True)
class Span:
    """The characters [start, end) of a transcript, and their text."""

    start: int
    end: int
    text: str


def words(text: str) -> list[str]:
    """The words of a text, in composed form and without capitals."""
    return [_plain(match.group()) for match in _WORD.finditer(text)]


class Transcript:
    """A transcript that quotes are looked up in."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._spans: list[tuple[int, int]] = []
        self._places: list[int] = []
        plain: list[str] = []
        place = 1
        for match in _WORD.finditer(text):
            word = _plain(match.group())
            self._spans.append(match.span())
            self._places.append(place)
            plain.append(word)
            place += len(word) + 1
        self._joined = f" {' '.join(plain)} "

    def find(self, quote: str) -> Span | None:
        """Where the quote stands first; None if it does not, or is none. Symbols alone are looked up as they are."""
        wanted = words(quote)
        if len(wanted) > MAX_QUOTE_WORDS:
            return None
        if not wanted:
            return self._literal(quote.strip())
        at = self._joined.find(f" {' '.join(wanted)} ")
        if at < 0:
            return None
        first = bisect_right(self._places, at + 1) - 1
        return self._span(self._spans[first][0], self._spans[first + len(wanted) - 1][1])

    def _literal(self, symbols: str) -> Span | None:
        # A stop or a bracket alone says nothing; a sign such as a thumb does.
        if not any(unicodedata.category(character).startswith("S") for character in symbols):
            return None
        at = self.text.find(symbols)
        return None if at < 0 else Span(at, at + len(symbols), symbols)

    def _span(self, start: int, end: int) -> Span:
        """With the signs that touch its ends: a dollar sign, a percent sign, a full stop."""
        while start > 0 and _is_sign(self.text[start - 1]):
            start -= 1
        while end < len(self.text) and _is_sign(self.text[end]):
            end += 1
        return Span(start, end, self.text[start:end])


def _is_sign(character: str) -> bool:
    return not character.isspace() and not _WORD.match(character)


def _plain(word: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", word).casefold())
