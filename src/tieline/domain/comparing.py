"""Judging statements without a model: the same words are the same fact, and nothing else is.

Two statements are the same if their words are, in the same order, without articles, forms of `to be` and a subject that
only says who the note is about; and if their numbers, addresses, names, negations and qualifiers are equal. So nothing
is ever superseded or contradicted here: that takes understanding. Pure.
"""

import unicodedata
from collections.abc import Sequence
from typing import Final

from tieline.domain.facts import Judgement, Relation
from tieline.domain.statements import compare_key
from tieline.domain.terms import hard_terms

ENGINE: Final = "no model"

_FILLER = frozenset("a an the is are am be been being that this really also then so and please".split())
_SUBJECTS = frozenset("customer caller client contact prospect".split())


def compare(old: Sequence[str], new: Sequence[str]) -> tuple[Judgement, ...]:
    """One judgement for each new statement: SAME as the first old one that says it, else NEW."""
    known: dict[object, int] = {}
    for index, statement in enumerate(old):
        known.setdefault(_form(statement), index)
    found = [known.get(_form(statement)) for statement in new]
    return tuple(
        Judgement(Relation.NEW) if index is None else Judgement(Relation.SAME, (index,)) for index in found
    )


def _form(statement: str) -> object:
    """What near-duplicates have in common. A statement without words is only like itself."""
    tokens = [_bare(token) for token in compare_key(statement).replace("\u2019", "'").split()]
    said = [token for token in tokens if token and token not in _FILLER]
    while len(said) > 1 and said[0] in _SUBJECTS:
        said.pop(0)
    return (tuple(said), "?" in statement, hard_terms(statement)) if said else statement


def _bare(token: str) -> str:
    """Without the punctuation around it; symbols and what is inside stay."""
    start, end = 0, len(token)
    while start < end and unicodedata.category(token[start]).startswith("P"):
        start += 1
    while start < end and unicodedata.category(token[end - 1]).startswith("P"):
        end -= 1
    return token[start:end]
