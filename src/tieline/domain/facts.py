"""How each statement of a new text stands to the statements of a note. Whoever judges (a comparison, a model), code
renders: a judgement can add, drop or keep a whole statement and nothing else, so nothing can be invented. Pure.
"""

from dataclasses import dataclass
from enum import StrEnum


class Relation(StrEnum):
    """What a new statement is to the old ones."""

    NEW = "new"
    SAME = "same"
    SUPERSEDES = "supersedes"
    CONTRADICTS = "contradicts"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One new statement's relation, and the indexes (from 0) of the old statements that it is the same as, supersedes
    or contradicts; none for NEW."""

    relation: Relation
    of: tuple[int, ...] = ()
