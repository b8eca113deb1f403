"""`make eval` as it is called: its tables, its exit, what it shows and what it keeps."""

import sys
from pathlib import Path

import pytest
from eval.__main__ import main
from eval.conversations import Conversation, conversations
from eval.field_scores import Answer, Found
from eval.keeping import keep, kept, write_docs
from eval.merge_cases import merge_cases
from eval.merge_engines import MergeEngine
from eval.running import Report, Sets, run_fields, run_merges
from eval.showing import shown
from eval.tables import tables

from tieline.domain.facts import MergeStrategy
from tieline.llm.offline import OfflineModel

PAGE = "# Title\n<!-- figures -->\nold\n<!-- end of figures -->\nThe end.\n"


class Oracle:
    """Answers as labelled, but for one field."""

    async def find(self, conversation: Conversation) -> Found:
        right = {
            one.asked.name: Answer(one.value, one.quotes[0]) for one in conversation.fields if one.quotes
        }
        if conversation.id == "roofing-budget":
            right["email"] = Answer("x@example.com", "hey sam")
        return Found(right)


def quiet(_: str) -> None:
    """No progress."""


async def _report() -> Report:
    report = Report("no model", "facts")
    await run_merges(
        report, MergeEngine(OfflineModel(), MergeStrategy.FACTS), Sets(merge_cases()[:12]), quiet
    )
    await run_fields(report, Oracle(), Sets(conversations=conversations()), quiet)
    return report


async def test_a_perfect_extraction_has_perfect_figures_but_for_what_it_guessed() -> None:
    figures = (await _report()).figures()["fields"]["all"]
    assert (figures["wrong"], figures["missing"], figures["guessed"]) == (0, 0, 1)
    assert figures["exact_supported"] == figures["exact_with_quote"] == figures["quoted"] - 1
    assert figures["exact_with_quote"] < figures["exact"]


async def test_what_is_wrong_is_shown_and_what_is_right_is_not() -> None:
    report = await _report()
    text = "\n".join(shown(report, "wrong"))
    assert "roofing-budget.email: guessed: 'x@example.com' for 'hey sam', right is nothing" in text
    assert "roofing-budget.budget" not in text
    assert "roofing-budget.budget: exact" in "\n".join(shown(report, "roofing-budget"))


async def test_figures_are_kept_and_put_between_the_marks_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    figures = (await _report()).figures()
    keep([figures], tmp_path / "kept")
    assert kept(tmp_path / "kept") == [figures]
    write_docs(kept(tmp_path / "kept"), page)
    write_docs(kept(tmp_path / "kept"), page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Title\n<!-- figures -->\n\n### Merging\n")
    assert text.endswith("\n<!-- end of figures -->\nThe end.\n")
    assert "old" not in text
    assert text.count("### Merging\n") == 1
    page.write_text("# Title\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no place for figures"):
        write_docs([figures], page)


def test_what_cannot_extract_is_told_to_be_not_available() -> None:
    report = Report("no model", "facts", no_fields=True)
    assert "| no model | not available without a model |" in tables([report.figures()])


def _called(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str | int | None:
    monkeypatch.setattr(sys, "argv", ["eval", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_the_command_measures_and_ends_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        _called(monkeypatch, "--engine", "none", "--every", "10", "--part", "merges", "--show", "wrong")
        is None
    )
    assert "| no model | facts | 10 |" in capsys.readouterr().out


def test_a_configured_model_must_be_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TIELINE_MODEL", "TIELINE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert "set TIELINE_MODEL" in str(_called(monkeypatch, "--engine", "configured"))
