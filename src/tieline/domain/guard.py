"""What a model wrote, checked against the texts it was given: nothing of weight may be missing, and nothing may be new.

The check goes by the form of words and understands none of them. It would rather refuse a good text than let a wrong
one pass: what is refused is rendered from facts instead. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tieline.domain.statements import pieces, statements
from tieline.domain.terms import addresses, clauses, is_negation, names, numbers, qualifiers, words

_MOST = 8
"""So many complaints are told at once."""
_NEGATED = 2
"""So many words after a negation are what it negates."""
_GLUE_WORDS: Final = """
    a an the this that these those it its he she they them their his her him i you we our my your who which what whose
    is are am was were be been being has have had having do does did doing will would shall should can could of in on at
    to for from by with about into over under as than then so and or but also too both while when where because since
    however again still already now currently previously formerly earlier later before after until there here up out off
    very more most some any all each other another such same own per via within during between against through
    customer caller client contact prospect note notes said says mentioned mentions noted notes reported reports stated
    states added adds additionally furthermore wants wanted want like likes
"""
_GLUE: Final = frozenset(_GLUE_WORDS.split())


@dataclass(frozen=True, slots=True)
class Sources:
    """What a rewritten note is made from. `superseded`: statements of either that may go, since it is on the record."""

    old: str
    new: Sequence[str]
    superseded: Sequence[str] = ()

    @property
    def allowed(self) -> tuple[str, ...]:
        """Everything that may be in the note."""
        dates = (part.date for part in pieces(self.old) if part.date)
        return (*statements(self.old), *self.new, *dict.fromkeys(dates))

    @property
    def required(self) -> tuple[str, ...]:
        """Everything that must be."""
        gone = set(self.superseded)
        return tuple(text for text in (*statements(self.old), *self.new) if text not in gone)


def complaints(text: str, sources: Sources, cap: int) -> tuple[str, ...]:
    """What is wrong with the text, for the model and for the ledger; nothing if it may stand."""
    found: list[str] = []
    if not text.strip():
        return ("It is empty.",)
    if len(text) > cap:
        found.append(f"It has {len(text)} characters; {cap} is the most.")
    found += _missing(text, sources.required)
    found += _invented(text, sources.allowed)
    return tuple(dict.fromkeys(found))[:_MOST]


def _missing(text: str, required: Sequence[str]) -> Iterator[str]:
    written = _Akin(words(text))
    there = {*words(text), *numbers(text), *addresses(text)}
    pairs, negated, said = _number_pairs([text]), _Akin(_negated([text])), statements(text)
    for statement in required:
        for term in (*numbers(statement), *addresses(statement), *names(statement), *qualifiers(statement)):
            if term not in there:
                yield f"It leaves out {term!r} of {statement!r}."
        for number, beside in _number_pairs([statement]):
            if (number, beside) not in pairs and number in there:
                yield f"It does not say {number!r} of {beside!r}, as {statement!r} does."
        for word in _negated([statement]):
            if word not in negated:
                yield f"It does not negate {word!r}, as {statement!r} does."
        if not _in_order(_named(statement), said):
            yield f"It has the names of {statement!r} in another order."
        weighty = [word for word in words(statement) if word not in _GLUE]
        if weighty and sum(word in written for word in weighty) * 2 <= len(weighty):
            yield f"It leaves out {statement!r}."


def _invented(text: str, allowed: Sequence[str]) -> Iterator[str]:
    source = "\n".join(allowed)
    known, there = _Akin(words(source)), {*words(source), *numbers(source), *addresses(source)}
    negated, pairs = _Akin(_negated(allowed)), _number_pairs(allowed)
    hard = {*numbers(text), *addresses(text), *(name for one in statements(text) for name in names(one))}
    for term in sorted(hard - there):
        yield f"It says {term!r}, which neither text says."
    for number, beside in sorted(_number_pairs([text]) - pairs):
        if number in there:
            yield f"It says {number!r} of {beside!r}, which neither text does."
    for word in dict.fromkeys(_negated([text])):
        if word not in negated:
            yield f"It negates {word!r}, which neither text does."
    for word in dict.fromkeys(words(text)):
        if word not in _GLUE and word not in known and word not in hard:
            yield f"It says {word!r}, which neither text says."


def _number_pairs(texts: Iterable[str]) -> set[tuple[str, str]]:
    """Each number with the word of weight that follows it in its clause, else with the one before."""
    found = set()
    for text in texts:
        for clause in clauses(text):
            for index, word in enumerate(clause):
                if not word[0].isdigit():
                    continue
                after = [w for w in clause[index + 1 :] if w not in _GLUE and not w[0].isdigit()][:1]
                before = [w for w in clause[:index] if w not in _GLUE and not w[0].isdigit()][-1:]
                found |= {(word, _root(beside)) for beside in after or before}
    return found


def _negated(texts: Iterable[str]) -> list[str]:
    """The words of weight that follow a negation in its clause."""
    found = []
    for text in texts:
        for clause in clauses(text):
            for index, word in enumerate(clause):
                if is_negation(word):
                    found += [w for w in clause[index + 1 :] if w not in _GLUE and not is_negation(w)][
                        :_NEGATED
                    ] or [word]
    return found


def _named(statement: str) -> list[str]:
    """The names of a statement that has some, with its first word, which may be one too."""
    found, first = names(statement), words(statement)[:1]
    return [*(word for word in first if word not in _GLUE and word not in found), *found] if found else []


def _in_order(wanted: Sequence[str], said: Sequence[str]) -> bool:
    """Whether some statement has two or more names in that order, or there is no order to keep."""
    if len(set(wanted)) < 2:
        return True
    for statement in said:
        rest = iter(words(statement))
        if all(name in rest for name in wanted):
            return True
    return False


def _root(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


class _Akin:
    """Words that count as there also in another form: alike but for up to three letters at the end."""

    def __init__(self, known: Iterable[str]) -> None:
        self._exact = frozenset(known)
        self._alike: dict[str, list[str]] = {}
        for word in self._exact:
            self._alike.setdefault(word[:4], []).append(word)

    def __contains__(self, word: object) -> bool:
        if word in self._exact or not isinstance(word, str):
            return word in self._exact
        if len(word) < 4 or word[0].isdigit():
            return _root(word) in self._exact
        return any(_alike(word, other) for other in self._alike.get(word[:4], ()))


def _alike(one: str, other: str) -> bool:
    same = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        same += 1
    return len(one) - same <= 3 and len(other) - same <= 3
