"""Laws of a note made of statements: nothing invented, nothing lost, whatever is judged, and taken back again."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.domain.comparing import compare
from tieline.domain.facts import Contribution, Judgement, Moment, Relation, Said
from tieline.domain.merging_facts import Merged, When, add_line, merge_facts, question
from tieline.domain.statements import compare_key, dated_keys, keys, pieces, statements, undated_statements
from tieline.domain.taking_back import take_back

NEW, SAME, SUPERSEDES, CONTRADICTS = Relation
DAYS = ["2026-11-01", "2026-11-02", "2026-11-20"]
_SAYINGS = st.sampled_from(
    ["Wants a demo.", "Call tomorrow.", "wants  a DEMO.", "Has 40 seats.", "Has 50 seats.", "No calls.", "Met Dr. Lee!",
     "- a point",
     "2026-12-01: demo.", "Budget?", "元気。", "plain line", "3.5", "x" * 30]
)  # fmt: skip
_GAPS = st.sampled_from([" ", "  ", "\n", "\n\n", "\r\n", "\n  "])
_LOOSE = st.lists(st.tuples(_SAYINGS, _GAPS), max_size=5).map(lambda parts: "".join(map("".join, parts)))
_LINES = st.lists(st.tuples(st.sampled_from(["", *(f"{day}: " for day in DAYS)]), _SAYINGS), max_size=5).map(
    lambda lines: "\n".join(map("".join, lines))
)
texts = st.one_of(_LOOSE, _LINES, st.text(max_size=20))
spoken = st.one_of(_LOOSE, st.text(max_size=20))
"""What quotes no line of a note: a quotation depends on what is there to be quoted."""
judgements = st.lists(
    st.builds(Judgement, st.sampled_from(Relation), st.lists(st.integers(-1, 6), max_size=3).map(tuple)),
    max_size=6,
)
whens = st.builds(
    When, st.builds(Moment, st.integers(0, 9), st.just("me")), st.sampled_from(DAYS), st.integers(0, 9)
)
caps = st.sampled_from([0, 12, 40, 80, 10_000])
few = settings(max_examples=80, deadline=None)


def day(index: int, ref: str = "") -> When:
    return When(Moment(index, ref or str(index)), DAYS[index])


def named(contribution: Contribution) -> set[str]:
    """The statements that the record names as gone from the note, or as not put there."""
    ties = (*contribution.superseded, *contribution.yielded, *contribution.same)
    facts = (*contribution.overflowed, *contribution.left_out)
    return (
        {tie.of.statement for tie in contribution.superseded}
        | {text for tie in ties for text in (tie.statement, tie.of.statement)}
        | {fact.statement for fact in facts}
    )


@few
@given(texts, texts, judgements, whens, caps)
def test_every_statement_is_in_the_note_or_named_and_none_is_invented(
    old: str, new: str, judged: Sequence[Judgement], when: When, cap: int
) -> None:
    merged = merge_facts(old, new, judged, when, cap)
    said = (*statements(old), *undated_statements(new))
    assert set(statements(merged.text)) <= set(said)
    there = set(keys(merged.text)) | {compare_key(text) for text in named(merged.contribution)}
    assert {compare_key(text) for text in said} <= there
    assert len(merged.text) <= max(cap, len(old) if merged.text == old else 0)


@few
@given(texts, texts, judgements, whens)
def test_a_statement_goes_only_where_it_was_judged_to_be_superseded(
    old: str, new: str, judged: Sequence[Judgement], when: When
) -> None:
    blameless = [one for one in judged if one.relation is not SUPERSEDES]
    merged = merge_facts(old, new, blameless, when, 10_000)
    assert set(keys(old)) <= set(keys(merged.text))


@few
@given(texts, texts, judgements, whens, caps)
def test_merging_again_changes_nothing(
    old: str, new: str, judged: Sequence[Judgement], when: When, cap: int
) -> None:
    once = merge_facts(old, new, judged, when, 10_000)
    again = question(once.text, new, when.date)
    assert set(again.asked) <= named(once.contribution)
    kept = [Judgement(SAME, (0,)) for _ in again.asked]
    if not again.asked:
        assert merge_facts(once.text, new, kept, when, cap).text == once.text


@few
@given(texts, st.lists(spoken, min_size=1, max_size=4), st.randoms())
def test_without_supersession_the_order_of_arrival_does_not_matter(
    by_people: str, said: list[str], chance: object
) -> None:
    undated = "\n".join(statements(by_people))
    arrivals = list(enumerate(said))
    results = []
    for _ in range(2):
        note, known = undated, list[Said]()
        for index, text in arrivals:
            when = When(Moment(index // 2, f"c{index}"), DAYS[index // 2])
            merged = merge_facts(note, text, [], when, 10_000, known)
            note, known = merged.text, [*known, Said(when.moment, merged.contribution)]
        results.append(dated_keys(note))
        chance.shuffle(arrivals)  # type: ignore[attr-defined]
    assert results[0] == results[1]


@few
@given(spoken, spoken, spoken, judgements, judgements)
def test_what_a_conversation_did_can_be_taken_back_also_when_others_came_after_it(
    old: str, first: str, second: str, judged: Sequence[Judgement], later: Sequence[Judgement]
) -> None:
    before = merge_facts("", old, [], When(Moment(0, "old"), DAYS[0]), 10_000)
    known = [Said(Moment(0, "old"), before.contribution)]
    one = merge_facts(before.text, first, judged, day(1), 10_000, known)
    assert set(dated_keys(take_back(one.text, one.contribution, known, 10_000))) == set(
        dated_keys(before.text)
    )
    by_one = Said(day(1).moment, one.contribution)
    blameless = [judgement for judgement in later if judgement.relation in (NEW, CONTRADICTS)]
    two = merge_facts(one.text, second, blameless, day(2), 10_000, [*known, by_one])
    alone = merge_facts(before.text, second, [], day(2), 10_000, known)
    by_two = Said(day(2).moment, two.contribution)
    left = take_back(two.text, one.contribution, [*known, by_two], 10_000)
    assert set(dated_keys(left)) == set(dated_keys(alone.text))


def conversations(*said: tuple[int, str, Sequence[Judgement]], note: str = "", cap: int = 10_000) -> Merged:
    merged = Merged(note, Contribution("", ""))
    for index, text, judged in said:
        merged = merge_facts(merged.text, text, judged, day(index), cap)
    return merged


def test_a_note_has_a_dated_line_for_each_conversation_in_the_order_of_time() -> None:
    late = conversations(
        (1, "Wants a demo. Has 40 seats.", []), (0, "Uses Excel\n- two offices", []), note="VIP.\n\nCall Ann."
    )
    assert late.text == (
        "VIP.\n\nCall Ann.\n2026-11-01: Uses Excel\n2026-11-01: - two offices\n2026-11-02: Wants a demo. Has 40 seats."
    )
    assert late.contribution.as_json() == {
        "said": "Uses Excel\n- two offices", "date": "2026-11-01",
        "added": [
            {"statement": "Uses Excel", "date": "2026-11-01"}, {"statement": "- two offices", "date": "2026-11-01"},
        ],
    }  # fmt: skip
    assert Contribution.from_json(late.contribution.as_json()) == late.contribution


def test_what_is_superseded_goes_and_is_named() -> None:
    merged = conversations(
        (0, "Has 40 seats. Likes tea.", []), (1, "Has 50 seats.", [Judgement(SUPERSEDES, (0,))])
    )
    assert merged.text == "2026-11-01: Likes tea.\n2026-11-02: Has 50 seats."
    (tie,) = merged.contribution.superseded
    assert (tie.statement, tie.of.statement, tie.of.date) == ("Has 50 seats.", "Has 40 seats.", "2026-11-01")


def test_what_is_older_never_supersedes_what_is_newer() -> None:
    merged = conversations((1, "Has 50 seats.", []), (0, "Has 40 seats.", [Judgement(SUPERSEDES, (0,))]))
    assert merged.text == "2026-11-02: Has 50 seats."
    assert [tie.statement for tie in merged.contribution.yielded] == ["Has 40 seats."]


def test_what_a_person_wrote_after_the_conversation_is_kept_beside_it() -> None:
    when = When(Moment(5, "me"), DAYS[0], undated_ms=6)
    merged = merge_facts("Has 50 seats.", "Has 40 seats.", [Judgement(SUPERSEDES, (0,))], when, 1_000)
    assert merged.text == "Has 50 seats.\n2026-11-01: Has 40 seats."
    assert merged.contribution.contradicts


def test_a_contradiction_keeps_both() -> None:
    merged = conversations((0, "Owns a dog.", []), (1, "Owns no dog.", [Judgement(CONTRADICTS, (0,))]))
    assert merged.text == "2026-11-01: Owns a dog.\n2026-11-02: Owns no dog."


@pytest.mark.parametrize(
    "said", ["Has 50 seats.", "Has no 40 seats.", "Ann has 40 seats for Bob.", "Has 40 EUR."]
)
def test_a_model_that_takes_another_number_name_or_negation_for_the_same_is_not_believed(said: str) -> None:
    merged = conversations((0, "Has 40 seats.", []), (1, said, [Judgement(SAME, (0,))]))
    assert said in statements(merged.text)


def test_the_newest_is_kept_when_the_note_overflows() -> None:
    merged = conversations(
        (0, "One is old.", []), (1, "Two is newer.", []), (2, "Three is newest.", []), cap=60
    )
    assert merged.text == "2026-11-02: Two is newer.\n2026-11-20: Three is newest."
    assert [fact.statement for fact in merged.contribution.overflowed] == ["One is old."]
    full = conversations(
        (1, "Two is newer.", []), (2, "Three is newest.", []), (0, "One is old.", []), cap=60
    )
    assert full.text == merged.text
    assert [fact.statement for fact in full.contribution.left_out] == ["One is old."]


@pytest.mark.parametrize(
    "edit",
    [
        lambda note: note.replace("\n", "\r\n"),
        lambda note: f"  {note}\n\n",
        lambda note: note.replace(": ", ":  "),
        lambda note: note.upper(),
    ],
)
def test_a_note_survives_a_text_area(edit: object) -> None:
    note = conversations((0, "Wants a demo. Has 40 seats.", []), (1, "Budget is 5 EUR", [])).text
    edited = edit(note)  # type: ignore[operator]
    assert dated_keys(edited) == dated_keys(note)
    merged = merge_facts(edited, "Has 40 seats. Budget is 5 eur", [], day(2), 1_000)
    assert merged.text == edited


def test_an_analysis_that_repeats_the_note_adds_nothing() -> None:
    note = conversations((0, "Wants a demo. Has 40 seats.", []), (1, "Uses Excel", [])).text
    assert merge_facts(note, "2026-11-01: Wants a demo. Has 40 seats.", [], day(2), 1_000).text == note


@pytest.mark.parametrize(
    "said",
    [
        "Call again tomorrow.",
        "Wants to meet next week",
        "Ruf morgen an.",
        "Free on Friday",
        "Moved two days ago",
    ],
)
def test_the_same_words_mean_another_day_on_another_day(said: str) -> None:
    twice = conversations((0, said, []), (1, said, []), (1, said, [Judgement(SAME, (0, 1))]))
    assert twice.text == f"2026-11-01: {said}\n2026-11-02: {said}"


def test_a_date_that_is_content_is_not_taken_for_the_day_of_the_note() -> None:
    merged = conversations((0, "2026-12-01: demo", []), (1, "2026-12-05: demo", []))
    assert merged.text == "2026-11-01: 2026-12-01: demo\n2026-11-02: 2026-12-05: demo"


def test_what_another_conversation_said_as_well_stays_with_its_date() -> None:
    one = merge_facts("", "Wants a demo. Has a dog.", [], day(0), 1_000)
    two = merge_facts(one.text, "wants a demo.", [], day(1), 1_000, [Said(day(0).moment, one.contribution)])
    assert two.text == one.text
    left = take_back(two.text, one.contribution, [Said(day(1).moment, two.contribution)], 1_000)
    assert left == "2026-11-02: wants a demo."


def test_what_yielded_comes_back_when_the_newer_statement_is_taken_back() -> None:
    newer = merge_facts("", "Has 50 seats.", [], day(1), 1_000)
    late = merge_facts(newer.text, "Has 40 seats.", [Judgement(SUPERSEDES, (0,))], day(0), 1_000)
    left = take_back(late.text, newer.contribution, [Said(day(0).moment, late.contribution)], 1_000)
    assert left == "2026-11-01: Has 40 seats."


def test_lines_are_appended_whatever_is_there() -> None:
    one = add_line("", "Called.", day(0), 1_000)
    two = add_line(one.text, "Called.\nAgain.", day(0, "b"), 1_000, [Said(day(0).moment, one.contribution)])
    assert two.text == "2026-11-01: Called.\n2026-11-01: Called. Again."
    others = [Said(day(0).moment, one.contribution)]
    assert take_back(two.text, two.contribution, others, 1_000, lines=True) == one.text


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("Wants a demo.", "The customer wants the demo", True),
        ("Is interested in plan B.", "interested in plan B", True),
        ("Wants a demo.", "Wants a paid demo.", False),
        ("Anna reports to Bob.", "Bob reports to Anna.", False),
        ("Has 40 seats.", "Has 50 seats.", False),
        ("Has 40 seats.", "Has no 40 seats.", False),
        ("Wants a demo.", "Wants a demo?", False),
        ("Happy 😀", "Happy 😡", False),
        ("Uses C", "Uses C++", False),
        ("कि", "की", False),
        ("Might buy.", "Buy.", False),
        ("He has 3 kids.", "She has 3 kids.", False),
        ("!!!", "???", False),
    ],
)
def test_without_a_model_only_the_same_words_are_the_same_fact(old: str, new: str, same: bool) -> None:
    assert (compare([old], [new])[0].relation is SAME) is same


@few
@given(st.lists(_SAYINGS, max_size=4), st.lists(_SAYINGS, max_size=4))
def test_without_a_model_nothing_is_superseded(old: list[str], new: list[str]) -> None:
    found = compare(old, new)
    assert len(found) == len(new)
    assert {one.relation for one in found} <= {NEW, SAME}
    assert all(index < len(old) for one in found for index in one.of)


def test_the_statements_of_a_long_hostile_text_are_found_in_time() -> None:
    note = "\n".join(f"2026-11-01: item {index}" for index in itertools.islice(itertools.count(), 1_500))
    merged = merge_facts(note, note.replace("item", "thing"), [], day(2), 32_768)
    assert len(merged.text) <= 32_768
    assert pieces(merged.text)[-1].text == "2026-11-01: thing 1499"
