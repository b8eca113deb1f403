"""Two texts of a note combined, whichever strategy: what is to be asked, and what comes of the answer. Pure.

A model's answer is judgements, and perhaps a text; the text counts only if the guard has nothing to say against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tieline.domain.comparing import ENGINE
from tieline.domain.facts import Fact, Judgement, MergeStrategy, Said, Tie
from tieline.domain.fields import MAX_TEXT
from tieline.domain.guard import Sources, complaints
from tieline.domain.merging_facts import Merged, When, merge_facts, question
from tieline.domain.statements import pieces


@dataclass(frozen=True, slots=True)
class MergeNeeded:
    """Two texts of a field to be combined, and when the new one was said. Equal needs have equal answers."""

    field_name: str
    old: str
    new: str
    when: When
    strategy: MergeStrategy = MergeStrategy.FACTS
    max_characters: int = MAX_TEXT


@dataclass(frozen=True, slots=True)
class Answer:
    """How the new statements stand to the old ones, who judged so, and for `rewrite` the text.

    `judgements` are about the statements that `question(old, new)` asks about, in order; none: all are new, so that
    both texts are kept. `remark` says what went otherwise than configured, in a whole sentence.
    """

    judgements: tuple[Judgement, ...] = ()
    engine: str = ENGINE
    prompt_version: str = ""
    text: str | None = None
    remark: str = ""


def needs_answer(need: MergeNeeded) -> bool:
    """Whether somebody has to be asked: not if there is nothing to judge and nothing to rewrite."""
    asked = question(need.old, need.new, need.when.date)
    if not asked.new or all(same is not None for same in asked.exact):
        return False
    return bool(asked.asked) or need.strategy is MergeStrategy.REWRITE


def merge_note(need: MergeNeeded, answer: Answer, others: Sequence[Said] = ()) -> Merged:
    """The note that comes of an answer. `others`: what other conversations are known to have contributed."""
    facts = merge_facts(need.old, need.new, answer.judgements, need.when, need.max_characters, others)
    if answer.text is None or complaints(answer.text, sources(need, answer), need.max_characters):
        return facts
    return _rewritten(need.old, answer.text, facts)


def sources(need: MergeNeeded, answer: Answer) -> Sources:
    """What a rewritten text must hold: all statements but those that another takes the place of."""
    no_cap = len(need.old) + 2 * len(need.new) + MAX_TEXT
    made = merge_facts(need.old, need.new, answer.judgements, need.when, no_cap).contribution
    gone = [tie.of.statement for tie in made.superseded]
    gone += [tie.statement for tie in (*made.yielded, *made.same)]
    return Sources(need.old, question(need.old, need.new, need.when.date).new, tuple(gone))


def described(merged: Merged, answer: Answer, strategy: MergeStrategy) -> dict[str, Any]:
    """For the ledger: who merged, how, and everything that is not in the note any more or was not put there."""
    raw = merged.contribution.as_json()
    told = {name: raw[name] for name in raw if name not in ("said", "date", "added")}
    members = {
        "strategy": strategy.value, "engine": answer.engine, "prompt_version": answer.prompt_version,
        "remark": answer.remark,
    }  # fmt: skip
    return {name: value for name, value in members.items() if value} | told


def _rewritten(old: str, text: str, facts: Merged) -> Merged:
    """What a model wrote, with its sentences as what was added and those that it replaced as superseded."""
    before = [Fact(part.text, part.date) for part in pieces(old)]
    after = [Fact(part.text, part.date) for part in pieces(text)]
    kept, had = {fact.dated for fact in after}, {fact.dated for fact in before}
    added = tuple(fact for fact in after if fact.dated not in had)
    by = added[0].statement if added else ""
    replaced = tuple(Tie(by, fact) for fact in before if fact.dated not in kept)
    return Merged(
        text,
        replace(facts.contribution, added=added, superseded=replaced, left_out=(), overflowed=()),
    )
