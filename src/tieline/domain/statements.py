"""Text as statements: a statement is a sentence, or a non-blank line that holds no more than one.

Where a sentence ends is decided from the sentence itself and the character that follows, never from what
stood before it, so that a text put together from statements falls into the same statements again. Before a statement
there may be a date (`2026-11-20: Wants a demo. Has 40 seats.`): it dates the statements from there to the end of the
line and is part of none. This module must never change a character of a statement.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_DATED = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])):\s+(?=\S)")
_ANY_DAY: Final = "2000-01-01"
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
    """One statement in its place: its text, the blanks before it, what it compares as, and its date or ''.

    `start`: where in the text it begins, with its date if that stands right before it (`headed`). `opens`: it is the
    first of its line.
    """

    text: str
    before: str
    key: str
    date: str = ""
    start: int = 0
    opens: bool = True
    headed: bool = False

    @property
    def dated(self) -> tuple[str, str]:
        """What it compares as when also the dates must agree."""
        return self.date, self.key


def compare_key(statement: str) -> str:
    """What a statement compares as: NFC, case-folded, every run of blanks one space."""
    folded = unicodedata.normalize("NFC", statement).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def split_date(text: str) -> tuple[str, str]:
    """The date that a line begins with (ISO), or '', and the rest."""
    head = _DATED.match(text)
    return (head[1], text[head.end() :]) if head else ("", text)


def with_date(date: str, statement: str) -> str:
    """A line of that date; as it is if there is none."""
    return f"{date}: {statement}" if date else statement


def statements(text: str) -> tuple[str, ...]:
    """The statements of a text, in order, each without outer blanks and without its line's date."""
    return tuple(piece.text for piece in pieces(text))


def undated_statements(text: str) -> tuple[str, ...]:
    """The statements of what is not a note: a date at the begin of a line is part of its statement."""
    return tuple(text[span.start : span.end] for span in _spans(text, dated=False))


def keys(text: str) -> tuple[str, ...]:
    """What the statements of a text compare as, in order."""
    return tuple(piece.key for piece in pieces(text))


def dated_keys(text: str) -> tuple[tuple[str, str], ...]:
    """What the statements of a note compare as together with their dates, in order."""
    return tuple(piece.dated for piece in pieces(text))


def pieces(text: str) -> tuple[Piece, ...]:
    """The statements of a note with the blanks between them."""
    found: list[Piece] = []
    done = 0
    for span in _spans(text, dated=True):
        statement = text[span.start : span.end]
        before = text[done : span.outer]
        headed = span.outer < span.start
        found.append(
            Piece(statement, before, compare_key(statement), span.date, span.outer, span.opens, headed)
        )
        done = span.end
    return tuple(found)


def render(parts: tuple[Piece, ...], kept: Iterable[int]) -> str:
    """The pieces of those indexes as text, in the lines they had; neighbours stay apart, and each has its date."""
    out: list[str] = []
    previous: int | None = None
    for index in kept:
        gap = "" if previous is None else _gap(parts, previous, index)
        part = parts[index]
        same_line = previous is not None and _LINE_BREAK.search(gap) is None
        dated = same_line and previous is not None and parts[previous].date == part.date and not part.headed
        out += [gap, part.text if dated else with_date(part.date, part.text)]
        previous = index
    return "".join(out)


def join(statements_: Iterable[str], date: str) -> str:
    """The statements as lines of that date; on one line as far as they stay apart there."""
    lines: list[str] = []
    last = ""
    for statement in statements_:
        if lines and stay_apart(last, statement):
            lines[-1] += f" {statement}"
        else:
            lines.append(with_date(date, statement))
        last = statement
    return "\n".join(lines)


def stay_apart(left: str, right: str) -> bool:
    """Whether two statements on one line are read as these two again."""
    line = with_date(_ANY_DAY, f"{left} {right}")
    return [(part.date, part.text) for part in pieces(line)] == [(_ANY_DAY, left), (_ANY_DAY, right)]


@dataclass(frozen=True, slots=True)
class _Span:
    """A statement at [start, end); `outer` is where a date right before it begins, else `start`."""

    start: int
    end: int
    outer: int
    date: str
    opens: bool


def _spans(text: str, *, dated: bool) -> Iterable[_Span]:
    line_start = 0
    breaks = [(match.start(), match.end()) for match in _LINE_BREAK.finditer(text)]
    for line_end, next_start in [*breaks, (len(text), len(text))]:
        yield from _spans_of_line(text, line_start, line_end, dated=dated)
        line_start = next_start


def _spans_of_line(text: str, line_start: int, line_end: int, *, dated: bool) -> Iterable[_Span]:
    outer = _skip_blanks(text, line_start, line_end)
    start, date = _after_date(text, outer, line_end, "") if dated else (outer, "")
    opens = True
    for match in _END.finditer(text, start, line_end):
        following = text[match.end() : line_end].lstrip()[:1]
        if match.start() >= start and _ends_sentence(text[start : match.end()], following):
            yield _Span(start, match.end(), outer, date, opens)
            outer = start = _skip_blanks(text, match.end(), line_end)
            if dated:
                start, date = _after_date(text, outer, line_end, date)
            opens = False
    last = text[start:line_end].rstrip()
    if last:
        yield _Span(start, start + len(last), outer, date, opens)


def _after_date(text: str, start: int, end: int, date: str) -> tuple[int, str]:
    """Where the statement begins, and its date: the one that stands there, else that of the line so far."""
    head = _DATED.match(text, start, end)
    return (head.end(), head[1]) if head else (start, date)


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
    return " " if stay_apart(parts[left].text, parts[right].text) else "\n"
