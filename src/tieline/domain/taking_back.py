"""A conversation's contribution taken out of a note again: because it was analysed anew, or is undone.

Its statements go, also when others came after them; what they had superseded or pushed out comes back to its place.
What another conversation said as well stays. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tieline.domain.facts import Contribution, Fact, Known, Moment, Said, moments
from tieline.domain.merging_facts import fit, place
from tieline.domain.statements import Piece, compare_key, pieces, render


@dataclass(frozen=True, slots=True)
class _Support:
    """A fact as the first of the other conversations said it."""

    moment: Moment
    fact: Fact


def take_back(text: str, mine: Contribution, others: Sequence[Said], cap: int, *, lines: bool = False) -> str:
    """The note without it. `others`: what the other conversations contributed that still stand.

    `lines`: each conversation has a line whatever the others say, so that none of them stands for this one's.
    """
    parts = pieces(text)
    gone: set[int] = set()
    back: list[_Support] = []
    line = _line(parts, mine.added) if lines else None
    if line is not None:
        gone |= line
    for fact in mine.added if line is None else ():
        index = _find(parts, fact, gone)
        support = None if lines else _first_to_say(fact, others)
        if index is None or (support is not None and support.fact.dated == parts[index].dated):
            continue
        gone.add(index)
        back += [support] if support else []
    back += _suppressed(mine, others)
    gone |= {i for one in back for i in _said_later(parts, one.fact)}
    rest = render(parts, [i for i in range(len(parts)) if i not in gone]) if gone else text
    restored = _placed(rest, back, others)
    return restored if restored == text else fit(restored, cap)[0]


def _line(parts: Sequence[Piece], facts: Sequence[Fact]) -> set[int] | None:
    """Where all of them stand one behind the other: others of that day may have said the same, each in its line."""
    wanted = [fact.dated for fact in facts]
    for start in range(len(parts) - len(wanted) + 1):
        if [part.dated for part in parts[start : start + len(wanted)]] == wanted:
            return set(range(start, start + len(wanted)))
    return None


def _find(parts: Sequence[Piece], fact: Fact, gone: set[int]) -> int | None:
    """Where it stands: under its date, else under another, which a person or an earlier conversation gave it."""
    left = [i for i in range(len(parts)) if i not in gone and parts[i].key == fact.key]
    return next((i for i in left if parts[i].date == fact.date), left[0] if left else None)


def _said_later(parts: Sequence[Piece], fact: Fact) -> Iterator[int]:
    """Where a fact stands that comes back with an earlier date: it is one fact, from when it was first said."""
    for index, part in enumerate(parts):
        later = part.date and (not fact.date or part.date > fact.date)
        if later and Fact(part.text, part.date).identity == fact.identity:
            yield index


def _first_to_say(fact: Fact, others: Sequence[Said]) -> _Support | None:
    return min(_who_say(fact, others), key=lambda one: one.moment, default=None)


def _who_say(wanted: Fact, others: Sequence[Said]) -> Iterator[_Support]:
    for other in others:
        said = other.contribution
        for fact in said.added:
            if fact.identity == wanted.identity:
                yield _Support(other.moment, fact)
        for tie in said.same:
            fact = Fact(tie.statement, said.date)
            if wanted.identity in (tie.of.identity, fact.identity):
                yield _Support(other.moment, fact)


def _suppressed(mine: Contribution, others: Sequence[Said]) -> Iterator[_Support]:
    """What is not in the note because of it, and of nobody else."""
    known = moments(others)
    theirs = [other.contribution for other in others]
    superseded = {tie.of.key for one in theirs for tie in one.superseded}
    for tie in mine.superseded:
        # If a later conversation superseded what superseded it, it is out of date all the same.
        if tie.of.key not in superseded and compare_key(tie.statement) not in superseded:
            yield _Support(_first(known, tie.of), tie.of)
    overflowed = {fact.dated for one in theirs for fact in one.overflowed}
    for fact in mine.overflowed:
        if fact.dated not in overflowed:
            yield _Support(_first(known, fact), fact)
    said = {fact.key for fact in mine.added}
    for other in others:
        for tie in other.contribution.yielded:
            if tie.of.key in said:
                yield _Support(other.moment, Fact(tie.statement, other.contribution.date))


def _first(known: Known, fact: Fact) -> Moment:
    return next(iter(known.get(fact.dated, ())), Moment(0))


def _placed(text: str, back: Iterable[_Support], others: Sequence[Said]) -> str:
    known = moments(others)
    there = {Fact(piece.text, piece.date).identity for piece in pieces(text)}
    missing: dict[tuple[str, str], _Support] = {}
    for one in back:
        if one.fact.identity not in there:
            missing.setdefault(one.fact.identity, one)
    by_line = groupby(missing.values(), key=lambda one: (one.fact.date, one.moment))
    # Statements without a date go on top, where the oldest are: the last of them first.
    for (_, moment), found in sorted(((at, list(some)) for at, some in by_line), key=_last_undated_first):
        text = place(text, [one.fact for one in found], known, moment)
    return text


def _last_undated_first(line: tuple[tuple[str, Moment], list[_Support]]) -> tuple[bool, tuple[str, Moment]]:
    (date, moment), _ = line
    return (not date, (date, moment))
