"""A quote is the transcript's own words in their order, and nothing else passes for one."""

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tieline.domain.extraction.transcript import MAX_QUOTE_WORDS, Transcript, words

TEXT = "Agent: Hello!\nUser: I’d like the “Enterprise” plan – for $5,000, or €4.500.  Café, 日本語です 👍\n"


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("I'd like the Enterprise plan", "I’d like the “Enterprise” plan"),
        ('"i’d LIKE the enterprise plan"', "I’d like the “Enterprise” plan"),
        ("for $5,000", "for $5,000,"),
        ("5,000", "$5,000,"),
        ("hello user: I'd", "Hello!\nUser: I’d"),
        (unicodedata.normalize("NFD", "café"), "Café,"),
        ("日本", "日本"),
        ("👍", "👍"),
    ],
)
def test_capitals_blanks_and_punctuation_do_not_matter(quote: str, text: str) -> None:
    span = Transcript(TEXT).find(quote)
    assert span is not None
    assert span.text == TEXT[span.start : span.end] == text


@pytest.mark.parametrize(
    "quote",
    [
        "",
        "  ",
        "...",
        "I would like the Enterprise plan",
        "like Enterprise plan",
        "Enterpris",
        "plan the",
        "5,0000",
        "👎",
        "!",
    ],
)
def test_no_word_is_added_left_out_replaced_or_cut(quote: str) -> None:
    assert Transcript(TEXT).find(quote) is None


def test_who_quotes_everything_quotes_nothing() -> None:
    long = "word " * (MAX_QUOTE_WORDS + 1)
    assert Transcript(long).find(long) is None
    assert Transcript(long).find("word " * MAX_QUOTE_WORDS) is not None


SPOKEN = st.text(st.sampled_from("abc dEé'’,.!?\n -–5$"), max_size=60)


@given(SPOKEN, st.data())
def test_every_run_of_words_is_found_where_it_stands(text: str, data: st.DataObject) -> None:
    said = words(text)
    assume(said)
    first = data.draw(st.integers(0, len(said) - 1))
    last = data.draw(st.integers(first + 1, len(said)))
    span = Transcript(text).find(" ".join(said[first:last]))
    assert span is not None
    assert words(span.text) == said[first:last]
    assert text[span.start : span.end] == span.text


@given(SPOKEN, st.lists(st.sampled_from(["a", "b", "invented", "5"]), min_size=1, max_size=4))
def test_what_is_found_was_said_word_for_word(text: str, quote: list[str]) -> None:
    span = Transcript(text).find(" ".join(quote))
    said = words(text)
    stands = any(said[n : n + len(quote)] == quote for n in range(len(said)))
    assert (span is not None) == stands
