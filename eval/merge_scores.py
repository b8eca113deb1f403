"""What a merge did to a case, as figures. The same questions to every engine; how each is decided is told in
docs/evaluation.md.

In a note made of statements a fact is there if one of the case's statements that say it stands there, unchanged. In a
rewritten note it is there if its terms are. Must use no code of the guard or of an engine: it would measure itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from eval.merge_cases import Fact, MergeCase
from eval.text import bare_words, holds, names, numbers, says
from tieline.domain.facts import Judgement, Relation
from tieline.domain.statements import compare_key, pieces
from tieline.domain.terms import is_relative
from tieline.ports.llm import Usage

Strategy = Literal["facts", "rewrite"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an engine made of a note and a value.

    `strategy` is how the note came about in the end, `fell_back` why not as asked. `record` are the statements that the
    engine names as gone from the note or not taken into it. `judged`: by the key of a new statement.
    """

    text: str
    strategy: Strategy
    record: tuple[str, ...] = ()
    judged: Mapping[str, Judgement] = field(default_factory=dict)
    usage: tuple[Usage, ...] = ()
    fell_back: str = ""


@dataclass(frozen=True, slots=True)
class MergeScore:
    """The figures of one case. `missing` are required facts that are not in the note; those of them that are not on the
    record either are `lost`. `stale`: superseded facts that the note still says."""

    case: MergeCase
    outcome: Outcome
    missing: tuple[str, ...]
    lost: tuple[str, ...]
    stale: tuple[str, ...]
    invented: tuple[str, ...]
    duplicates: int
    judged_right: int
    judged_wrong: tuple[str, ...]

    @property
    def perfect(self) -> bool:
        """Whether nothing is to be said against the note."""
        return not (self.missing or self.lost or self.stale or self.invented or self.duplicates)

    @property
    def length(self) -> float:
        """The note's length over that of both texts together, without the dates that code puts before lines."""
        return undated_length(self.outcome.text) / max(1, len(self.case.old) + len(self.case.new))


def score(case: MergeCase, outcome: Outcome) -> MergeScore:
    """The figures of an outcome."""
    look = Look(outcome)
    missing = [fact for fact in case.required if not look.states(fact, case)]
    stale = [fact for fact in case.superseded if look.states(fact, case)]
    gone = [*missing, *(fact for fact in case.superseded if fact not in stale)]
    lost = [fact for fact in gone if not look.records(fact, case)]
    right, wrong = _judgements(case, outcome)
    return MergeScore(
        case,
        outcome,
        tuple(map(_told, missing)),
        tuple(map(_told, lost)),
        tuple(map(_told, stale)),
        (*look.inventions((case.old, case.new), case.on), *look.claims(case.forbidden)),
        _duplicates(case, look),
        right,
        wrong,
    )


class Look:
    """A look at a note: which facts it states, by the rule of its strategy."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.by_statement = outcome.strategy == "facts"
        self.keys = [piece.key for piece in pieces(outcome.text)]
        # "Call again tomorrow." said on two days is two facts: such words count with their day.
        self.said = [piece.dated if is_relative(piece.text) else piece.key for piece in pieces(outcome.text)]
        self.dated = {piece.dated for piece in pieces(outcome.text)}
        self._record = {compare_key(text) for text in outcome.record}

    def states(self, fact: Fact, case: MergeCase) -> bool:
        """Whether the note says the fact. A superseded one must be said in one statement to count as said.

        Old words that mean another day now ("tomorrow") must stand under that day.
        """
        if self.by_statement:
            if _means_its_own_day(fact, case):
                return (case.on.isoformat(), compare_key(case.new_statements[fact.index])) in self.dated
            return bool(_stating(fact, case) & set(self.keys))
        if fact in case.superseded:
            return says(self.outcome.text, fact.terms) > 0
        return holds(self.outcome.text, fact.terms)

    def records(self, fact: Fact, case: MergeCase) -> bool:
        """Whether the engine names a statement of the fact as gone or not taken."""
        return bool(_stating(fact, case) & self._record)

    def inventions(self, sources: Iterable[str], on: date) -> tuple[str, ...]:
        """What the note says and no source does: whole statements, or in a rewritten note numbers and names."""
        texts = tuple(sources)
        if self.by_statement:
            known = {piece.key for text in texts for piece in pieces(text)}
            return tuple(key for key in self.keys if key not in known)
        source = "\n".join(texts)
        own_dates = numbers(f"{on.isoformat()} {on.year} {on.month} {on.day} {on.month:02} {on.day:02}")
        made_up = numbers(self.outcome.text) - numbers(source) - own_dates
        return tuple(sorted(made_up | (names(self.outcome.text) - bare_words(source))))

    def claims(self, forbidden: Iterable[str]) -> tuple[str, ...]:
        """Those of the claims that the note makes."""
        return tuple(terms for terms in forbidden if says(self.outcome.text, terms))

    def times(self, statement_keys: set[str], terms: str) -> int:
        """In how many different statements the note says it."""
        if self.by_statement:
            return len(statement_keys & set(self.keys))
        return sum(says(key, terms) for key in set(self.keys))


def undated_length(text: str) -> int:
    """The length of a note's statements alone."""
    return sum(len(piece.key) + 1 for piece in pieces(text))


def _means_its_own_day(fact: Fact, case: MergeCase) -> bool:
    """Whether a new statement has an old one's words, and the labels say that it is not the same."""
    if fact.of == "old" or any(one.relation is Relation.SAME for one in case.labels[fact.index]):
        return False
    return compare_key(case.new_statements[fact.index]) in map(compare_key, case.old_statements)


def _stating(fact: Fact, case: MergeCase) -> set[str]:
    """The keys of the case's statements that say the fact: its own, and those that hold its terms.

    A superseded fact is said by its own statement only.
    """
    texts = case.old_statements if fact.of == "old" else case.new_statements
    own = {piece.key for piece in pieces(texts[fact.index])}
    if fact in case.superseded:
        return own
    both = (*case.old_statements, *case.new_statements)
    return own | {piece.key for text in both if holds(text, fact.terms) for piece in pieces(text)}


def _duplicates(case: MergeCase, look: Look) -> int:
    """How many statements too many there are: repeated ones, and repetitions of what the labels call the same."""
    extra = len(look.said) - len(set(look.said))
    for index, label in enumerate(case.labels):
        if any(not one.of for one in label):
            continue
        relations = {one.relation for one in label}
        # What is the same, or at most takes the other's place, cannot stand beside it.
        if Relation.SAME not in relations or relations - {Relation.SAME, Relation.SUPERSEDES}:
            continue
        of = set.intersection(*(set(one.of) for one in label))
        mine = {piece.key for piece in pieces(case.new_statements[index])}
        theirs = {piece.key for old in of for piece in pieces(case.old_statements[old])}
        terms = [fact.terms for fact in case.required if fact.of == "old" and fact.index in of]
        if mine != theirs and terms:
            extra += max(0, look.times(mine | theirs, terms[0]) - 1)
    return extra


def _judgements(case: MergeCase, outcome: Outcome) -> tuple[int, tuple[str, ...]]:
    """How many judgements are as labelled, and what was said instead. Without judgements none is either."""
    right, wrong = 0, []
    for statement, label in zip(case.new_statements, case.labels, strict=True):
        judged = outcome.judged.get(pieces(statement)[0].key)
        if judged is None:
            continue
        if any(_agrees(judged, one) for one in label):
            right += 1
        else:
            wrong.append(f"{statement!r}: {_say(judged)}, not {' or '.join(map(_say, label))}")
    return right, tuple(wrong)


def _agrees(judged: Judgement, label: Judgement) -> bool:
    return judged.relation is label.relation and (not label.of or bool(set(judged.of) & set(label.of)))


def _say(judgement: Judgement) -> str:
    return " ".join((judgement.relation.value, *map(str, judgement.of)))


def _told(fact: Fact) -> str:
    return f"{fact.of} {fact.index}: {fact.terms}"
