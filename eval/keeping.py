"""Keeps figures beside the sets, so that the table in the docs shows engines that were measured at different times."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from eval.tables import Figures, tables

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DOCS = HERE.parent / "docs/evaluation.md"
_BETWEEN = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)


def keep(figures: Sequence[Figures], directory: Path = RESULTS) -> None:
    """One file for each engine and strategy; an earlier one is replaced."""
    directory.mkdir(exist_ok=True)
    for one in figures:
        name = re.sub(r"[^\w.-]+", "-", f"{one['engine']}-{one['strategy']}")
        (directory / f"{name}.json").write_text(json.dumps(one, indent=1) + "\n", encoding="utf-8")


def kept(directory: Path = RESULTS) -> list[Figures]:
    """All figures that were kept; without a model first."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(directory.glob("*.json"))]
    return sorted(found, key=lambda one: (one["engine"] != "no model", one["engine"], one["strategy"]))


def write_docs(figures: Sequence[Figures], path: Path = DOCS) -> None:
    """Puts the tables between the marks of the page. Raises ValueError if it has none."""
    text = path.read_text(encoding="utf-8")
    if not _BETWEEN.search(text):
        raise ValueError(f"{path.name} has no place for figures")
    path.write_text(_BETWEEN.sub(lambda _: f"\n{tables(figures)}\n\n", text), encoding="utf-8")
