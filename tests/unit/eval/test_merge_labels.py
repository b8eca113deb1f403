"""The labels of the merges agree with their texts and with each other."""

from collections import Counter

import pytest
from eval.merge_cases import CATEGORIES, Fact, MergeCase, Sequence, merge_cases, said_again, sequences
from eval.text import holds

from tieline.domain.facts import Judgement, Relation

CASES = merge_cases()
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
each_sequence = pytest.mark.parametrize("sequence", sequences(), ids=lambda sequence: sequence.id)


def _statement(case: MergeCase, fact: Fact) -> str:
    return (case.old_statements if fact.of == "old" else case.new_statements)[fact.index]


def _always(case: MergeCase, relation: Relation) -> set[int]:
    """Old statements of which every accepted judgement of some new one says this."""
    found: set[int] = set()
    for label in case.labels:
        if all(one.relation is relation for one in label):
            found |= set.intersection(*(set(one.of) for one in label))
    return found


def _ever(case: MergeCase, relation: Relation) -> set[int]:
    return {index for label in case.labels for one in label if one.relation is relation for index in one.of}


def test_there_are_at_least_sixty_cases_with_different_names_in_every_category() -> None:
    assert len(CASES) >= 60
    assert len({case.id for case in CASES}) == len(CASES)
    counts = Counter(case.category for case in CASES)
    assert set(counts) == CATEGORIES
    assert min(counts.values()) >= 5
    assert len({case.language for case in CASES}) >= 6
    assert sum(bool(case.human) for case in CASES) >= 5


@each_case
def test_every_new_statement_is_labelled_with_old_statements_that_exist(case: MergeCase) -> None:
    assert len(case.labels) == len(case.new_statements)
    for label in case.labels:
        for one in label:
            assert all(0 <= index < len(case.old_statements) for index in one.of)
            if one.relation is Relation.NEW:
                assert one.of == ()
            elif case.id != "duplicate-within-new" and case.id != "emoji-only-difference":
                assert one.of


@each_case
def test_every_fact_is_in_its_own_statement(case: MergeCase) -> None:
    for fact in (*case.required, *case.superseded):
        statement = _statement(case, fact)
        assert holds(statement, fact.terms), (statement, fact.terms)


@each_case
def test_a_statement_is_required_exactly_when_its_labels_leave_no_doubt(case: MergeCase) -> None:
    required_old = {fact.index for fact in case.required if fact.of == "old"}
    superseded = {fact.index for fact in case.superseded}
    gone, doubtful = _always(case, Relation.SUPERSEDES), _ever(case, Relation.SUPERSEDES)
    said_again = {index for index in required_old & doubtful if _said_again(case, index)}
    assert required_old - said_again == set(range(len(case.old_statements))) - doubtful
    assert superseded <= gone
    assert not required_old & superseded
    required_new = {fact.index for fact in case.required if fact.of == "new"}
    for index, label in enumerate(case.labels):
        if case.category != "injection" and not any(one.relation is Relation.SAME for one in label):
            assert index in required_new


def _said_again(case: MergeCase, index: int) -> bool:
    """Whether the new text, which may replace that statement, says its facts as well."""
    facts = [fact for fact in case.required if fact.of == "old" and fact.index == index]
    return all(holds(case.new, fact.terms) for fact in facts)


@each_case
def test_a_superseded_or_forbidden_fact_is_not_what_a_right_note_says(case: MergeCase) -> None:
    right = [_statement(case, fact) for fact in case.required]
    for terms in (*(fact.terms for fact in case.superseded), *case.forbidden):
        assert not any(holds(statement, terms) for statement in right), terms


@each_case
def test_what_a_person_wrote_is_named_by_indexes_that_exist(case: MergeCase) -> None:
    assert all(0 <= index < len(case.old_statements) for index in case.human)
    assert (case.category == "human_edit") == bool(case.human)


@each_sequence
def test_a_sequence_is_fifty_merges_of_facts_that_are_known_when_they_end(sequence: Sequence) -> None:
    assert len(sequence.steps) >= 50
    known = {fact.id for fact in sequence.start_facts}
    ended: set[str] = set()
    for step in sequence.steps:
        for fact in step.facts:
            if fact.repeats:
                assert fact.repeats in known - ended, step.says
                continue
            assert fact.id not in known
            assert set(fact.ends) <= known - ended, step.says
            assert holds(step.says, fact.terms), step.says
            known.add(fact.id)
            ended |= set(fact.ends)
    assert len(ended) >= 10


def test_what_is_said_again_is_known_from_the_begin_and_never_ends() -> None:
    sequence = said_again(CASES)
    assert len(sequence.steps) == 50
    assert len({step.says for step in sequence.steps}) >= 10
    known = {fact.id: fact.terms for fact in sequence.start_facts}
    for step in sequence.steps:
        assert step.facts
        for fact in step.facts:
            assert holds(step.says, known[fact.repeats]), step.says


def test_a_label_with_a_relation_that_is_none_is_refused() -> None:
    from eval.merge_cases import parse_labels

    assert parse_labels("supersedes 0 2 | new") == (
        Judgement(Relation.SUPERSEDES, (0, 2)),
        Judgement(Relation.NEW),
    )
    with pytest.raises(ValueError, match="replaces"):
        parse_labels("replaces 0")
