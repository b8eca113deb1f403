"""Text as statements: a statement is a sentence, or a non-blank line that holds no more than one.

Where a sentence ends is decided from the sentence itself and the character that follows, never from what
stood before it, so that a text put together from statements falls into the same statements again. This module
must never change a character of a statement.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_LINE_BREAK = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")

# Quotation marks and brackets that may close a sentence after its end mark, also full-width and CJK ones.
_CLOSERS = "\"')]}*_" + "\u201d\u2019\u00bb" + "\uff09\uff3d" + "\u300d\u300f\u3011\u300b"
_WIDE_MARKS = "\u3002\uff01\uff1f\uff61"
_ARABIC_MARKS = "\u061f\u06d4\u0964"
_MARKS = f".!?\u2026{_ARABIC_MARKS}"
# A mark of a script without spaces ends a sentence whatever follows; any other only before a blank. Possessive, and
# begun only where a run of marks begins, so that a long run in a hostile text costs no more than its length.
_END = re.compile(
    rf"[{_WIDE_MARKS}]++[{re.escape(_CLOSERS)}]*+|(?<![{_MARKS}])[{_MARKS}]++[{re.escape(_CLOSERS)}]*+(?=\s)"
)

_TITLE_WORDS = """
    mr mrs ms mx dr prof st mt hr fr frau rev hon gen capt lt col sgt vs e.g i.e cf viz
"""
_SHORT_WORDS = """
    no nr etc inc ltd co corp llc approx est dept ext tel fig vol p pp min max hrs mins avg incl excl misc ref
    jr sr al a.m p.m jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs
    fri sat sun bzw ca usw ggf z.b d.h
"""
# Before a dot, titles never end a sentence, and short words do only if a capital letter follows.
_TITLES: Final = frozenset(_TITLE_WORDS.split())
_SHORTENED: Final = frozenset(_SHORT_WORDS.split())
_OPENERS = re.compile("[(\\[{\"'\u201c\u2018\u00ab]")
_INITIAL = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_LIST_MARK = re.compile(r"[\W_]*(?:\d{1,3}|[^\W\d_])[.)]*")


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement in its place: its text, the blanks before it, and what it compares as."""

    text: str
    before: str
    key: str


def compare_key(statement: str) -> str:
    """What a statement compares as: NFC, case-folded, every run of blanks one space."""
    folded = unicodedata.normalize("NFC", statement).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def statements(text: str) -> tuple[str, ...]:
    """The statements of a text, in order, each without outer blanks."""
    return tuple(piece.text for piece in pieces(text))


def keys(text: str) -> tuple[str, ...]:
    """What the statements of a text compare as, in order."""
    return tuple(piece.key for piece in pieces(text))


def pieces(text: str) -> tuple[Piece, ...]:
    """The statements of a text with the blanks between them."""
    found: list[Piece] = []
    done = 0
    for start, end in _spans(text):
        statement = text[start:end]
        found.append(Piece(statement, text[done:start], compare_key(statement)))
        done = end
    return tuple(found)


def render(parts: tuple[Piece, ...], kept: Iterable[int]) -> str:
    """The pieces of those indexes as text, in the lines they had; neighbours stay apart."""
    out: list[str] = []
    previous: int | None = None
    for index in kept:
        out.append("" if previous is None else _gap(parts, previous, index))
        out.append(parts[index].text)
        previous = index
    return "".join(out)


def _spans(text: str) -> Iterable[tuple[int, int]]:
    """Start and end of each statement."""
    line_start = 0
    breaks = [(match.start(), match.end()) for match in _LINE_BREAK.finditer(text)]
    for line_end, next_start in [*breaks, (len(text), len(text))]:
        start = _skip_blanks(text, line_start, line_end)
        for match in _END.finditer(text, line_start, line_end):
            if match.start() >= start and _ends_sentence(
                text[start : match.end()], text[match.end() : line_end].lstrip()[:1]
            ):
                yield start, match.end()
                start = _skip_blanks(text, match.end(), line_end)
        last = text[start:line_end].rstrip()
        if last:
            yield start, start + len(last)
        line_start = next_start


def _skip_blanks(text: str, start: int, end: int) -> int:
    while start < end and text[start].isspace():
        start += 1
    return start


def _ends_sentence(sentence: str, following: str) -> bool:
    """Whether a sentence that ends in an end mark ends there, before that next visible character."""
    if not following:
        return True
    if _LIST_MARK.fullmatch(sentence):
        return False
    body = sentence.rstrip(_CLOSERS)
    if body.endswith(("..", "\u2026")):
        return not following.islower()
    if not body.endswith("."):
        return True
    last = _last_word(body[:-1]).lower()
    if last in _TITLES:
        return False
    if last in _SHORTENED:
        return following.isupper()
    return _INITIAL.fullmatch(last) is None


def _last_word(text: str) -> str:
    """What stands between the last blank or opening bracket and the end."""
    if not text or text[-1].isspace():
        return ""
    return _OPENERS.split(text.rsplit(None, 1)[-1])[-1]


def _gap(parts: tuple[Piece, ...], left: int, right: int) -> str:
    """The blanks to put between two kept pieces."""
    own = parts[right].before
    if right == left + 1:
        return own
    breaks = max(len(_LINE_BREAK.findall(parts[index].before)) for index in range(left + 1, right + 1))
    if breaks:
        indent = _LINE_BREAK.split(own)[-1] if _LINE_BREAK.search(own) else ""
        return "\n" * min(breaks, 2) + indent
    joined = f"{parts[left].text} {parts[right].text}"
    apart = statements(joined) == (parts[left].text, parts[right].text)
    return " " if apart else "\n"
