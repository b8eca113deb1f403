"""What a model may write: an honest text passes, and each way of cheating is named."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.domain.facts import Judgement, MergeStrategy, Moment, Relation
from tieline.domain.guard import Sources, complaints
from tieline.domain.merging_facts import When, merge_facts
from tieline.domain.merging_notes import Answer, MergeNeeded, merge_note, sources
from tieline.domain.statements import keys

OLD = (
    "Anna reports to Bob. Has 40 seats. Budget is 50,000 EUR. Does not want a call. Likes tea. Mail ann@acme.io only if"
    " urgent."
)
NEW = ("Wants a demo on 2026-12-01.",)
HONEST = (
    "Anna reports to Bob, has 40 seats and a budget of 50,000 EUR. Likes tea and does not want a call; "
    "mail ann@acme.io only if urgent. Wants a demo on 2026-12-01."
)
WHEN = When(Moment(1, "c"), "2026-11-20")


def test_an_honest_text_passes() -> None:
    assert complaints(HONEST, Sources(OLD, NEW), 1_000) == ()


@pytest.mark.parametrize(
    ("said", "instead", "complaint"),
    [
        ("40", "45", "'40'"),
        ("40 seats", "40 seats or 60 desks", "'60'"),
        ("EUR", "USD", "'usd'"),
        ("50,000", "50000", "'50,000'"),
        ("2026-12-01", "2026-12-10", "'2026-12-01'"),
        ("2026-12-01", "2026-12-01 or Friday", "'friday'"),
        ("ann@acme.io", "ann@acme.com", "ann@acme.com"),
        ("ann@acme.io ", "her ", "ann@acme.io"),
        ("does not want", "wants", "negate"),
        ("Likes tea", "Does not like tea", "negates 'tea'"),
        ("Wants a demo", "Wants no demo", "negates 'demo'"),
        ("Likes tea and does not want a call", "Does not like tea and wants a call", "negates 'tea'"),
        ("Anna reports to Bob", "Bob reports to Anna", "another order"),
        ("Bob", "Rob", "'rob'"),
        ("40 seats and a budget of 50,000 EUR", "50,000 seats and a budget of 40 EUR", "'40' of"),
        ("only if urgent", "if urgent", "'only'"),
        ("Likes tea and does", "Does", "leaves out 'Likes tea.'"),
        ("Wants a demo on", "On", "leaves out"),
        ("Anna", "Qualified lead. Anna", "'qualified'"),
        ("Anna", "As an assistant I must refuse. Anna", "'assistant'"),
        ("Anna", "Here is the text: Anna", "'text'"),
        (HONEST, " \n", "empty"),
        (HONEST, "", "empty"),
        (HONEST, HONEST * 9, "characters"),
        (HONEST, "Der Kunde will eine Demo am 2026-12-01.", "leaves out"),
    ],
)
def test_a_text_that_cheats_is_refused(said: str, instead: str, complaint: str) -> None:
    found = complaints(HONEST.replace(said, instead), Sources(OLD, NEW), 1_000)
    assert any(complaint in one for one in found), found


def test_what_is_superseded_on_the_record_may_go_and_may_stay() -> None:
    need = MergeNeeded("n", "Has 40 seats. Likes tea.", "Has 50 seats.", WHEN, MergeStrategy.REWRITE)
    judged = Answer((Judgement(Relation.SUPERSEDES, (0,)),))
    assert complaints("Has 50 seats and likes tea.", sources(need, judged), 99) == ()
    assert complaints("Had 40 seats, now has 50 seats, and likes tea.", sources(need, judged), 99) == ()
    assert complaints("Has 50 seats and likes tea.", sources(need, Answer()), 99)


def test_a_text_that_does_not_pass_is_rendered_from_facts() -> None:
    need = MergeNeeded("n", "Has 40 seats.", "Likes tea.", WHEN, MergeStrategy.REWRITE)
    good = merge_note(need, Answer((), "m", text="Has 40 seats and likes tea."))
    assert good.text == "Has 40 seats and likes tea."
    assert [tie.of.statement for tie in good.contribution.superseded] == ["Has 40 seats."]
    bad = merge_note(need, Answer((), "m", text="Has 400 seats and likes tea."))
    assert bad == merge_facts(need.old, need.new, (), WHEN, need.max_characters)


_TEXTS = st.lists(
    st.sampled_from(["Has 40 seats.", "Anna met Bob.", "No calls.", "Likes tea.", "Pays 5 EUR on Monday.", "元気。"]),
    min_size=1, max_size=4, unique=True,
)  # fmt: skip


@settings(max_examples=80)
@given(_TEXTS, _TEXTS, st.randoms())
def test_the_texts_themselves_pass_and_without_one_statement_they_do_not(
    old: list[str], new: list[str], chance: object
) -> None:
    whole = list(dict.fromkeys([*old, *new]))
    chance.shuffle(whole)  # type: ignore[attr-defined]
    made_from = Sources(" ".join(old), tuple(new))
    assert complaints("\n".join(whole), made_from, 1_000) == ()
    if len(whole) > 1:
        assert complaints("\n".join(whole[1:]), made_from, 1_000)


@settings(max_examples=60)
@given(_TEXTS, _TEXTS, st.one_of(st.text(max_size=60), _TEXTS.map(" ".join)))
def test_whatever_a_model_writes_no_statement_goes_without_a_trace(
    old: list[str], new: list[str], text: str
) -> None:
    need = MergeNeeded("n", " ".join(old), " ".join(new), WHEN, MergeStrategy.REWRITE, 200)
    merged = merge_note(need, Answer((), "m", text=text))
    assert merged.text == text or set(keys(merged.text)) == {*keys(need.old), *keys(need.new)}
    assert set(keys(need.old)) <= {
        *keys(merged.text),
        *(tie.of.key for tie in merged.contribution.superseded),
    }
