"""A note made of statements: what a conversation says is put to what is there, by judgements, and rendered by code.

Each conversation has a dated line of its own at its place in time. A statement is taken over as it is or not at all,
and one that goes is named in the contribution. What is newer is never superseded by what is older. Pure.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieline.domain.facts import (
    Contribution,
    Fact,
    Judgement,
    Known,
    Moment,
    Relation,
    Said,
    Tie,
    checked,
    moments,
)
from tieline.domain.statements import Piece, compare_key, join, pieces, render, split_date, undated_statements
from tieline.domain.terms import adds_terms, is_relative


@dataclass(frozen=True, slots=True)
class When:
    """When the new text was said. `date`: the day of `moment` (ISO), where the organisation is.

    `undated_ms`: statements without a date may have been written up to then.
    """

    moment: Moment
    date: str
    undated_ms: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """Old and new statements. `exact`: for each new one, the old one with the same words, which no one need judge."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    exact: tuple[int | None, ...]

    @property
    def asked(self) -> tuple[str, ...]:
        """The new statements to be judged against the old ones."""
        if not self.old:
            return ()
        return tuple(text for text, same in zip(self.new, self.exact, strict=True) if same is None)

    def complete(self, judgements: Sequence[Judgement]) -> tuple[Judgement, ...]:
        """A judgement for each new statement, from those for the asked ones; without any they are all NEW."""
        given = iter(judgements)
        return tuple(
            next(given, Judgement(Relation.NEW)) if same is None else Judgement(Relation.SAME, (same,))
            for same in self.exact
        )


@dataclass(frozen=True, slots=True)
class Merged:
    """The note, and what the conversation did to it."""

    text: str
    contribution: Contribution


def question(old: str, new: str, date: str = "") -> Question:
    """What has to be judged. A statement that the new text says twice is one statement.

    `date` is the day of the new text: words that tell a time by the day are not the same as those of another day.
    """
    parts = pieces(old)
    said = {compare_key(text): text for text in reversed(undated_statements(new))}
    new_ones = tuple(reversed(said.values()))
    by_key = {part.key: index for index, part in reversed(list(enumerate(parts)))}
    by_date = {part.dated: index for index, part in reversed(list(enumerate(parts)))}
    return Question(
        tuple(part.text for part in parts),
        new_ones,
        tuple(_exact(text, date, parts, by_key, by_date) for text in new_ones),
    )


def merge_facts(
    old: str, new: str, judgements: Sequence[Judgement], when: When, cap: int, others: Sequence[Said] = ()
) -> Merged:
    """The note with what is new. `judgements`: one for each statement that `question` asks about, in order.

    `others` are the other conversations' contributions to this note, as far as they are known.
    """
    asked = question(old, new, when.date)
    merger = _Merger(old, when, moments(others))
    judged = checked(asked.complete(judgements), len(asked.old))
    for statement, judgement, exact in zip(asked.new, judged, asked.exact, strict=True):
        merger.take(statement, judgement, exact=exact is not None)
    return merger.finish(new, cap)


def add_line(old: str, line: str, when: When, cap: int, others: Sequence[Said] = ()) -> Merged:
    """The note with one more dated line, whatever it says already. Line breaks in it become blanks."""
    merger = _Merger(old, when, moments(others))
    merger.mine += undated_statements(" ".join(line.split()))
    return merger.finish(line, cap)


def place(text: str, facts: Sequence[Fact], known: Known, at: Moment) -> str:
    """The text with facts of one date at their place in time, in a line of their own."""
    if not facts:
        return text
    line = join((fact.statement for fact in facts), facts[0].date)
    parts = pieces(text)
    seen: Counter[tuple[str, str]] = Counter()
    for index, part in enumerate(parts):
        # Of lines with the same words the first is the first conversation's.
        if not facts[0].date or is_later(part, facts[0].date, at, known, seen[part.dated]):
            while not parts[index].opens:
                index -= 1
            start = parts[index].start
            return f"{text[:start]}{line}\n{text[start:]}"
        seen[part.dated] += 1
    if not text.strip():
        return line
    return text + line if text.endswith("\n") else f"{text}\n{line}"


def is_later(part: Piece, date: str, at: Moment, known: Known, nth: int = 0) -> bool:
    """Whether a dated statement was said after that. Of one day and an unknown hour, it counts as said before."""
    if part.date != date:
        return bool(part.date) and part.date > date
    said = known.get(part.dated, ())
    return nth < len(said) and said[nth] > at


def fit(text: str, cap: int) -> tuple[str, tuple[Fact, ...]]:
    """The text within the cap, and what had to go: what can never fit, then from the top, which is the oldest."""
    if len(text) <= cap:
        return text, ()
    parts = pieces(text)
    huge = [i for i, part in enumerate(parts) if len(render((part,), (0,))) > cap]
    order = [*huge, *(i for i in range(len(parts)) if i not in set(huge))]
    low, high = 1, len(order)
    while low < high:
        middle = (low + high) // 2
        if len(render(parts, sorted(order[middle:]))) <= cap:
            high = middle
        else:
            low = middle + 1
    gone = tuple(Fact(parts[i].text, parts[i].date) for i in sorted(order[:low]))
    return render(parts, sorted(order[low:])), gone


def _exact(
    text: str,
    day: str,
    parts: Sequence[Piece],
    by_key: Mapping[str, int],
    by_date: Mapping[tuple[str, str], int],
) -> int | None:
    """The old statement with the same words: that of the same day first, else a quoted line of the note."""
    key = compare_key(text)
    found = by_date.get((day, key), by_key.get(key))
    if found is not None:
        other_day = is_relative(text) and parts[found].date not in ("", day)
        return None if other_day else found
    date, rest = split_date(text)
    return by_date.get((date, compare_key(rest))) if date else None


@dataclass
class _Merger:
    """One merge, statement by statement."""

    old: str
    when: When
    known: Known
    mine: list[str] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    ties: dict[str, list[Tie]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parts = pieces(self.old)

    def take(self, statement: str, judgement: Judgement, *, exact: bool) -> None:
        standing = [i for i in judgement.of if i not in self.gone]
        match judgement.relation if standing else Relation.NEW:
            case Relation.SAME if exact or not self._vetoed(statement, standing):
                self._same(statement, standing[0])
            case Relation.SUPERSEDES:
                self._supersede(statement, standing)
            case Relation.CONTRADICTS:
                self._contradict(statement, standing)
            case _:
                self.mine.append(statement)

    def finish(self, said: str, cap: int) -> Merged:
        kept = [i for i in range(len(self.parts)) if i not in self.gone]
        text = render(self.parts, kept) if self.gone else self.old
        facts = [Fact(statement, self.when.date) for statement in self.mine]
        if not facts and not self.gone:
            return Merged(self.old, self._contribution(said, (), (), ()))
        placed = place(text, facts, self.known, self.when.moment)
        fitted, out = fit(placed, cap)
        # Facts of one key and date can come from two conversations of a day only when each has a line (`add_line`).
        mine = {fact.dated for fact in facts}
        own = tuple(fact for fact in out if fact.dated in mine)
        added = tuple(fact for fact in facts if fact not in own)
        overflowed = tuple(fact for fact in out if fact.dated not in mine)
        return Merged(fitted, self._contribution(said, added, own, overflowed))

    def _vetoed(self, statement: str, of: Sequence[int]) -> bool:
        """Another number or name is not the same, and neither is `tomorrow` on another day."""
        old = [self.parts[i] for i in of]
        if is_relative(statement) and not any(part.date in ("", self.when.date) for part in old):
            return True
        return adds_terms(statement, [part.text for part in old])

    def _same(self, statement: str, of: int) -> None:
        part = self.parts[of]
        self._tie("same", statement, of)
        same_words = compare_key(statement) == part.key
        if same_words and is_later(part, self.when.date, self.when.moment, self.known):
            # It was said earlier than was known: it stands where it was first said.
            self.gone.add(of)
            self.mine.append(statement)

    def _supersede(self, statement: str, of: Sequence[int]) -> None:
        newer = [i for i in of if is_later(self.parts[i], self.when.date, self.when.moment, self.known)]
        if newer:
            for index in newer:
                self._tie("yielded", statement, index)
        elif self.when.moment.ms < self.when.undated_ms and any(not self.parts[i].date for i in of):
            # A person may have written it after the conversation; only a person can tell.
            self._contradict(statement, of)
        else:
            for index in of:
                self._tie("superseded", statement, index)
                self.gone.add(index)
            self.mine.append(statement)

    def _contradict(self, statement: str, of: Sequence[int]) -> None:
        for index in of:
            self._tie("contradicts", statement, index)
        self.mine.append(statement)

    def _tie(self, kind: str, statement: str, of: int) -> None:
        part = self.parts[of]
        self.ties.setdefault(kind, []).append(Tie(statement, Fact(part.text, part.date)))

    def _contribution(
        self, said: str, added: tuple[Fact, ...], left_out: tuple[Fact, ...], overflowed: tuple[Fact, ...]
    ) -> Contribution:
        ties = {kind: tuple(found) for kind, found in self.ties.items()}
        return Contribution(
            said, self.when.date, added=added, left_out=left_out, overflowed=overflowed, **ties
        )
