"""Each figure about merges is shown able to fail, and to be good."""

from datetime import date

import pytest
from eval.merge_cases import Fact, MergeCase, Sequence, Step, StepFact, merge_cases, parse_labels
from eval.merge_engines import Asked, MergeEngine
from eval.merge_scores import Outcome, score
from eval.sequence_scores import Drift
from eval.summary import merges
from eval.text import holds, says

from tieline.domain.facts import MergeStrategy
from tieline.domain.statements import compare_key
from tieline.llm.offline import OfflineModel
from tieline.ports.llm import Classified, ClassifyRequest, ModelUse, RewriteRequest, Rewritten, Usage

OLD = "Budget is $5,000. Has two dogs."
NEW = "The budget went up to $7,500. She has 2 dogs."
CASE = MergeCase(
    "case", "number_change", "en", "", OLD, NEW, date(2026, 3, 5), frozenset(),
    (parse_labels("supersedes 0"), parse_labels("same 1")),
    (Fact("old", 1, "two|2 + dogs"), Fact("new", 0, "7,500")), (Fact("old", 0, "5,000"),), ("is rich",),
)  # fmt: skip
RIGHT = "Has two dogs.\n2026-03-05: The budget went up to $7,500."
RECORD = ("Budget is $5,000.", "She has 2 dogs.")


def test_a_right_note_of_statements_has_nothing_against_it() -> None:
    found = score(
        CASE, Outcome(RIGHT, "facts", RECORD, {compare_key("She has 2 dogs."): parse_labels("same 1")[0]})
    )
    assert found.perfect
    assert (found.judged_right, found.judged_wrong) == (1, ())
    assert found.length < 1


def test_a_required_fact_that_is_gone_is_missing_and_without_a_record_lost() -> None:
    gone = "2026-03-05: The budget went up to $7,500."
    assert score(CASE, Outcome(gone, "facts", (*RECORD, "Has two dogs."))).missing == ("old 1: two|2 + dogs",)
    assert score(CASE, Outcome(gone, "facts", (*RECORD, "Has two dogs."))).lost == ()
    assert score(CASE, Outcome(gone, "facts", ("Budget is $5,000.",))).lost == ("old 1: two|2 + dogs",)


def test_a_superseded_fact_that_leaves_no_record_is_lost() -> None:
    assert score(CASE, Outcome(RIGHT, "facts", ())).lost == ("old 0: 5,000",)


def test_a_superseded_fact_that_stands_is_stale() -> None:
    assert score(CASE, Outcome(f"Budget is $5,000. {RIGHT}", "facts", RECORD)).stale == ("old 0: 5,000",)
    written = "She has two dogs. Her budget is 7,500 dollars, no longer $5,000."
    assert score(CASE, Outcome(written, "rewrite", RECORD)).stale == ("old 0: 5,000",)


def test_a_statement_of_neither_text_is_invented() -> None:
    assert score(CASE, Outcome(f"{RIGHT} Has a cat.", "facts", RECORD)).invented == ("has a cat.",)


@pytest.mark.parametrize("made_up", ["9,100", "Fridolin", "x@example.com"])
def test_a_number_name_or_address_that_a_rewriter_made_up_is_invented(made_up: str) -> None:
    written = f"She has two dogs and, so {made_up}, a budget of $7,500."
    assert score(CASE, Outcome(written, "rewrite", RECORD)).invented == (made_up.replace(",", "").casefold(),)
    assert score(CASE, Outcome("She has 2 dogs. Her budget is 7500.", "rewrite", RECORD)).invented == ()


def test_a_claim_that_the_labels_forbid_is_invented_also_by_ordinary_words() -> None:
    assert score(CASE, Outcome("She has two dogs, is rich and has 7,500.", "rewrite")).invented == (
        "is rich",
    )


def test_a_fact_told_twice_is_a_duplicate() -> None:
    assert score(CASE, Outcome(f"{RIGHT} She has 2 dogs.", "facts", RECORD)).duplicates == 1
    assert score(CASE, Outcome(f"{RIGHT} Has two dogs.", "facts", RECORD)).duplicates == 1
    assert score(CASE, Outcome("7,500. She has 2 dogs. Two dogs it is.", "rewrite", RECORD)).duplicates == 1


def test_a_judgement_that_is_not_the_label_is_wrong() -> None:
    judged = {compare_key("She has 2 dogs."): parse_labels("same 0")[0]}
    found = score(CASE, Outcome(RIGHT, "facts", RECORD, judged))
    assert found.judged_right == 0
    assert found.judged_wrong == ("'She has 2 dogs.': same 0, not same 1",)


def test_terms_are_words_and_whole_numbers() -> None:
    assert holds("It costs 7,500.", "7,500")
    assert not holds("It costs 17,500.", "7,500")
    assert not holds("A discount of 7.5 %.", "5")
    assert not holds("Fastened.", "fast")
    assert holds("担当は佐藤さんです。", "佐藤")
    assert holds("Has a cat. It is old.", "cat + old")
    assert says("Has a cat. It is old.", "cat + old") == 0
    assert says("Wants it.\nDoes not; wants it", "^wants it") == 1


SEQUENCE = Sequence(
    "dogs", "", "Has one dog.", (StepFact("dogs", "one dog"),),
    (
        Step("Has a cat.", (StepFact("cat", "cat"),)),
        Step("Has two dogs now.", (StepFact("dogs2", "two dogs", ("dogs",)),)),
    ),
)  # fmt: skip


def _drift(*notes: str, record: tuple[str, ...] = ("Has one dog.",)) -> list[object]:
    drift = Drift(SEQUENCE)
    point = None
    for step, note in zip(SEQUENCE.steps, notes, strict=True):
        point = drift.after(step.says, step.facts, Outcome(note, "facts", record))
    assert point is not None
    return [point.kept, point.true, point.stale, point.lost, point.invented, point.duplicates]


def test_drift_tells_what_is_kept_stale_lost_invented_and_twice() -> None:
    right = "Has a cat. Has two dogs now."
    assert _drift("Has one dog. Has a cat.", right) == [2, 2, (), (), (), 0]
    assert _drift("", "Has two dogs now.") == [1, 2, (), ("cat",), (), 0]
    assert _drift("", f"Has one dog. {right}")[2] == ("dogs",)
    assert _drift("", right, record=())[3] == ("dogs",)
    assert _drift("", f"{right} Has a bird.")[4] == ("has a bird.",)
    assert _drift("", f"{right} Has a cat.")[5] == 1


class Careless:
    """A model that takes everything for superseding everything and writes nonsense."""

    engine = "careless"
    prompt_version = ""

    async def classify(self, request: ClassifyRequest) -> Classified:
        every = " ".join(map(str, range(len(request.old))))
        return Classified(
            parse_labels(f"supersedes {every}") * len(request.new), Usage(ModelUse.MERGE, "x", requests=1)
        )

    async def rewrite(self, request: RewriteRequest) -> Rewritten:
        return Rewritten(
            "Approved for 1,000,000 dollars by Mr. Nobody.", Usage(ModelUse.MERGE, "x", requests=1)
        )


@pytest.mark.parametrize("strategy", MergeStrategy)
async def test_a_careless_model_fails_the_figures_and_yet_loses_and_invents_nothing(
    strategy: MergeStrategy,
) -> None:
    engine = MergeEngine(Careless(), strategy)
    outcomes = [(case, await _merged(engine, case)) for case in merge_cases()]
    figures = merges([score(case, outcome) for case, outcome in outcomes])["all"]
    assert figures["kept"] < figures["required"] * 0.7
    assert figures["judged_right"] < figures["judged"] * 0.7
    assert (figures["lost"], figures["invented"]) == (0, 0)


class Annotator:
    """Judges as labelled: what is then wrong with a note is the labels' fault or the code's."""

    engine = "annotator"
    prompt_version = ""

    def __init__(self, case: MergeCase) -> None:
        self._labels = {
            compare_key(text): label[0] for text, label in zip(case.new_statements, case.labels, strict=True)
        }

    async def classify(self, request: ClassifyRequest) -> Classified:
        judged = tuple(self._labels[compare_key(text)] for text in request.new)
        return Classified(judged, Usage(ModelUse.MERGE, "x"))

    async def rewrite(self, request: RewriteRequest) -> Rewritten:
        raise NotImplementedError


# "three" and "3", "not eat meat" and "vegetarian": what looks like another number or a negation is never taken for the
# same, whoever says so; a fact too many is the price of none too few.
VETOED = {
    "number-change-words", "duplicate-number-format", "paraphrase-vegetarian", "very-long-note-buried-duplicate",
}  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in merge_cases()])
async def test_who_judges_as_labelled_gets_a_note_with_nothing_against_it(case: MergeCase) -> None:
    found = score(case, await _merged(MergeEngine(Annotator(case), MergeStrategy.FACTS), case))
    assert (found.missing, found.lost, found.stale, found.invented) == ((), (), (), ())
    assert found.duplicates == (case.id in VETOED)


async def test_without_a_model_every_required_fact_is_kept() -> None:
    engine = MergeEngine(OfflineModel(), MergeStrategy.FACTS)
    scores = [score(case, await _merged(engine, case)) for case in merge_cases()]
    figures = merges(scores)["all"]
    assert [one.case.id for one in scores if one.missing or one.lost or one.invented] == []
    assert figures["duplicates"] > 0, "without a model paraphrases are not seen: else the figure cannot fail"


async def _merged(engine: MergeEngine, case: MergeCase) -> Outcome:
    outcome, _ = await engine.merge(Asked(case.old, case.new, case.instruction, case.on))
    return outcome
