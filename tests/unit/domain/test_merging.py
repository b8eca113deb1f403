"""Laws of merging by statements, and the texts that a person would try first."""

import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tieline.domain.merging import merge3, statements, without
from tieline.domain.statements import compare_key, dated_keys, keys, pieces, render

# Few enough words that two texts often share a statement, with everything that can make a boundary uncertain.
_WORDS = st.sampled_from(
    [
        "Wants",
        "demo",
        "no",
        "Dr",
        "e.g",
        "3.5",
        "1",
        "J",
        "Acme",
        "Inc",
        "a@b.co",
        "x.io/a?b",
        "(so",
        "ok)",
        "元気",
        "-",
    ]
)
_MARKS = st.sampled_from(["", "", ".", ".", "!", "?", "...", '."', "。", "？」", ","])
_GAPS = st.sampled_from([" ", " ", " ", "  ", "\n", "\n\n", "\r\n", "\n  ", ""])
_SENTENCES = st.sampled_from(
    [
        "Wants a demo.",
        "wants  a DEMO.",
        "Has 3.5 seats.",
        "He said no.",
        "Call Dr. Lee!",
        "Budget?",
        "plain line",
        "元気。",
        "2026-11-01: Wants a demo.",
        "2026-11-02: Wants a demo.",
    ]
)
_LOOSE = st.lists(st.tuples(_WORDS, _MARKS, _GAPS), max_size=10).map(
    lambda parts: "".join("".join(part) for part in parts)
)
_TIDY = st.lists(st.tuples(_SENTENCES, _GAPS), max_size=6).map(
    lambda parts: "".join("".join(part) for part in parts)
)
texts = st.one_of(_LOOSE, _TIDY, st.text(max_size=30))

few = settings(max_examples=100)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        (" \n\t\n ", ()),
        ("One line without a mark", ("One line without a mark",)),
        ("One. Two! Three? Four", ("One.", "Two!", "Three?", "Four")),
        ("First line\nSecond. Third.\n\nFourth", ("First line", "Second.", "Third.", "Fourth")),
        ("Line\r\nbreaks\rof\u2028every kind", ("Line", "breaks", "of", "every kind")),
        ("Met Dr. Lee and Mrs. Ray.", ("Met Dr. Lee and Mrs. Ray.",)),
        ("Prefers e.g. mail, i.e. no calls.", ("Prefers e.g. mail, i.e. no calls.",)),
        ("J. R. Smith asked. He waits.", ("J. R. Smith asked.", "He waits.")),
        ("Works at Acme Inc. in Rome. Likes it.", ("Works at Acme Inc. in Rome.", "Likes it.")),
        ("He said no. Wants a call.", ("He said no.", "Wants a call.")),
        ("Call at 10 a.m. sharp. Not later.", ("Call at 10 a.m. sharp.", "Not later.")),
        ("Pays 3.5 million. Up to 1.250,75 EUR.", ("Pays 3.5 million.", "Up to 1.250,75 EUR.")),
        ("See https://x.io/a.b?c=d. Then call.", ("See https://x.io/a.b?c=d.", "Then call.")),
        ("Mail a.b@example.com. Thanks!", ("Mail a.b@example.com.", "Thanks!")),
        ("1. First point\n2. Second point", ("1. First point", "2. Second point")),
        ('She said "yes." Then she left.', ('She said "yes."', "Then she left.")),
        ("Hm... maybe. Really... No.", ("Hm... maybe.", "Really...", "No.")),
        ("interested in plan. wants demo.", ("interested in plan.", "wants demo.")),
        ("元気ですか？はい。「そうです。」以上", ("元気ですか？", "はい。", "「そうです。」", "以上")),
    ],
)
def test_a_statement_is_a_sentence_or_a_line(text: str, expected: tuple[str, ...]) -> None:
    assert statements(text) == expected


def test_a_date_at_the_begin_of_a_line_dates_its_statements_and_is_part_of_none() -> None:
    note = "Plain.\n2026-11-20: Wants a demo. Has 3.5 seats.\n  2026-11-21:  1. point\n2026-13-01: no date\n2026-11-22:"
    assert [(piece.date, piece.text) for piece in pieces(note)] == [
        ("", "Plain."), ("2026-11-20", "Wants a demo."), ("2026-11-20", "Has 3.5 seats."), ("2026-11-21", "1. point"),
        ("", "2026-13-01: no date"), ("", "2026-11-22:"),
    ]  # fmt: skip
    assert render(pieces(note), (0, 2, 3)) == "Plain.\n2026-11-20: Has 3.5 seats.\n  2026-11-21: 1. point"
    assert without(note, ["wants a demo."]).startswith("Plain.\n2026-11-20: Has 3.5 seats.")


def test_statements_compare_without_case_blanks_and_composition() -> None:
    assert compare_key("Café  au\tLAIT") == compare_key(unicodedata.normalize("NFD", " cafÉ au lait "))
    assert compare_key("one") != compare_key("two")


@few
@given(texts)
def test_no_visible_character_of_a_text_is_outside_its_statements(text: str) -> None:
    shown = (f"{piece.date}:{piece.text}" if piece.headed else piece.text for piece in pieces(text))
    assert "".join("".join(shown).split()) == "".join(text.split())


@few
@given(texts, texts)
def test_taking_statements_out_touches_no_other(text: str, removed: str) -> None:
    left = without(text, [removed])
    assert keys(left) == tuple(key for key in keys(text) if key not in keys(removed))
    assert without(left, [removed]) == left
    if not set(keys(text)) & set(keys(removed)):
        assert left == text


def test_a_statement_is_taken_out_also_when_later_ones_were_added() -> None:
    text = "Uses Excel. Wants demo. Has 40 seats.\n\nCalls at noon."
    assert without(text, ["wants demo."]) == "Uses Excel. Has 40 seats.\n\nCalls at noon."
    assert without(text, ["Uses Excel. Wants demo. Has 40 seats."]) == "Calls at noon."


@few
@given(texts, texts)
def test_a_change_of_one_side_alone_is_the_result(base: str, changed: str) -> None:
    assert merge3(base, base, base) == base
    assert merge3(base, changed, base) == changed
    assert merge3(base, base, changed) == changed
    assert merge3(base, changed, changed) == changed


@few
@given(texts, texts, texts)
def test_the_merge_is_the_same_set_of_statements_whichever_side_is_whose(
    base: str, crm: str, ours: str
) -> None:
    in_base, in_crm, in_ours = (set(dated_keys(text)) for text in (base, crm, ours))
    wanted = (in_base & in_crm & in_ours) | (in_crm - in_base) | (in_ours - in_base)
    assert set(dated_keys(merge3(base, crm, ours))) == wanted
    assert set(dated_keys(merge3(base, ours, crm))) == wanted


@few
@given(texts, texts, texts)
def test_merging_again_changes_nothing(base: str, crm: str, ours: str) -> None:
    merged = merge3(base, crm, ours)
    assert merge3(base, crm, merged) == merged
    assert merge3(merged, merged, merged) == merged
    assert merge3(crm, crm, merged) == merged


@few
@given(texts, texts, texts)
def test_a_real_merge_has_base_then_crm_then_ours_and_each_statement_once(
    base: str, crm: str, ours: str
) -> None:
    assume(len({dated_keys(base), dated_keys(crm), dated_keys(ours)}) == 3)
    in_base, in_crm, in_ours = (set(dated_keys(text)) for text in (base, crm, ours))
    blocks = [
        *(key for key in dated_keys(base) if key in in_crm and key in in_ours),
        *(key for key in dated_keys(crm) if key not in in_base),
        *(key for key in dated_keys(ours) if key not in in_base),
    ]
    assert dated_keys(merge3(base, crm, ours)) == tuple(dict.fromkeys(blocks))


@pytest.mark.parametrize(
    ("base", "crm", "ours", "expected"),
    [
        ("A one.", "A one. B two.", "A one.\nC three.", "A one.\nB two.\nC three."),
        ("A one. B two.", "A one.", "A one. B two. C three.", "A one.\nC three."),
        ("A one. B two.", "B two. C three.", "A one. D four.", "C three.\nD four."),
        ("A one.", "A uno.", "A eins.", "A uno.\nA eins."),
        # A rep's log has the same words on several days; a day that one side corrected is its change.
        (
            "D",
            "D\n2026-11-01: Called.\n2026-11-08: Called.",
            "D\nE",
            "D\n2026-11-01: Called.\n2026-11-08: Called.\nE",
        ),
        (
            "2026-11-01: Called. Won.",
            "2026-11-02: Called. Won.",
            "2026-11-01: Called. Won.\n2026-11-03: Paid.",
            "2026-11-02: Called. Won.\n2026-11-03: Paid.",
        ),
        ("", "From CRM.", "From us. From crm.", "From CRM.\nFrom us."),
        ("A one.", "", "A one. B two.", "B two."),
        (
            "A one. B two. C three.",
            "A one. C three. X.",
            "A one. B two. C three. Y.",
            "A one. C three.\nX.\nY.",
        ),
    ],
)
def test_both_sides_changes_survive(base: str, crm: str, ours: str, expected: str) -> None:
    assert merge3(base, crm, ours) == expected
