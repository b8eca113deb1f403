"""Figures as Markdown tables, the same in the terminal and in docs/evaluation.md."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]


def tables(reports: Sequence[Figures]) -> str:
    """Everything that is known of these engines."""
    parts = [
        ("Merging", _merging([one for one in reports if "merges" in one])),
        (
            "Merging, by category: cases with nothing against them",
            _categories(reports, "merges", "cases", "perfect"),
        ),
        ("Fifty merges in a row", _drift([one for one in reports if "drift" in one])),
        ("Fields", _fields([one for one in reports if "fields" in one])),
        ("Fields, by category: right of those asked", _field_categories(reports, "categories")),
        ("Fields, by type: right of those asked", _field_categories(reports, "types")),
    ]
    return "\n\n".join(f"### {title}\n\n{body}" for title, body in parts if body)


def _merging(reports: Sequence[Figures]) -> str:
    head = (
        "engine", "strategy", "cases", "nothing against", "facts kept", "lost", "superseded", "invented", "duplicates",
        "judged as labelled", "length", "rewritten", "fell back", *_COST,
    )  # fmt: skip
    return _table(head, [_merging_row(one) for one in reports])


def _merging_row(one: Figures) -> tuple[Any, ...]:
    all_, cost = one["merges"]["all"], one["merges"]["cost"]
    return (
        one["engine"], one["strategy"], all_["cases"], _of(all_["perfect"], all_["cases"]),
        _of(all_["kept"], all_["required"]), all_["lost"], _of(all_["superseded"], all_["to_supersede"]),
        all_["invented"], all_["duplicates"], _of(all_["judged_right"], all_["judged"]), f"{all_['length']:.2f}",
        all_["rewritten"], all_["fell_back"], *_cost(cost, all_["cases"]),
    )  # fmt: skip


def _drift(reports: Sequence[Figures]) -> str:
    head = (
        "engine", "strategy", "sequence", "merges", "true facts kept", "lost", "ended facts gone", "invented",
        "duplicates", "length",
    )  # fmt: skip
    rows = [
        (
            one["engine"], one["strategy"], name, point["merges"], _of(point["kept"], point["true"]), point["lost"],
            _of(point["ended"] - point["stale"], point["ended"]), point["invented"], point["duplicates"],
            f"{point['length']:.2f}",
        )
        for one in reports
        for name, points in one["drift"].items()
        for point in points
    ]  # fmt: skip
    return _table(head, rows)


def _fields(reports: Sequence[Figures]) -> str:
    head = (
        "engine", "conversations", "given up", "fields", "exact", "wrong", "missing", "rightly nothing", "guessed",
        "quote was said", "quote says it", *_COST,
    )  # fmt: skip
    return _table(head, [_fields_row(one, len(head)) for one in reports])


def _fields_row(one: Figures, columns: int) -> tuple[Any, ...]:
    figures = one["fields"]
    if figures is None:
        return (one["engine"], "not available without a model", *[""] * (columns - 2))
    all_ = figures["all"]
    there, nothing = all_["exact"] + all_["wrong"] + all_["missing"], all_["nothing"] + all_["guessed"]
    return (
        one["engine"], figures["conversations"], figures["failed"], all_["asked"], _of(all_["exact"], there),
        all_["wrong"], all_["missing"], _of(all_["nothing"], nothing), all_["guessed"],
        _of(all_["quoted"], all_["with_quote"]), _of(all_["exact_supported"], all_["exact_with_quote"]),
        *_cost(figures["cost"], figures["conversations"]),
    )  # fmt: skip


def _categories(reports: Sequence[Figures], part: str, of: str, good: str) -> str:
    known = [one for one in reports if one.get(part)]
    names = sorted({name for one in known for name in one[part]["categories"]})
    rows = []
    for name in names:
        found = [one[part]["categories"].get(name) for one in known]
        rows.append((name.replace("_", " "), *(_of(one[good], one[of]) if one else "" for one in found)))
    return _table(("category", *(_name(one) for one in known)), rows)


def _field_categories(reports: Sequence[Figures], by: str) -> str:
    known = [one for one in reports if one.get("fields")]
    names = sorted({name for one in known for name in one["fields"][by]})
    rows = []
    for name in names:
        found = [one["fields"][by].get(name) for one in known]
        right = (_of(one["exact"] + one["nothing"], one["asked"]) if one else "" for one in found)
        rows.append((name.replace("_", " "), *right))
    return _table(
        (by.removesuffix("s").replace("categorie", "category"), *(one["engine"] for one in known)), rows
    )


_COST = ("ms each", "tokens in", "tokens out", "USD per 1,000")


def _cost(cost: Mapping[str, int], cases: int) -> tuple[str, ...]:
    if not cost["requests"]:
        return ("", "", "", "0")
    per_thousand = cost["cost_micro_usd"] / 1e6 / max(1, cases) * 1000
    return (
        f"{cost['per_case_ms']:,}", f"{cost['input_tokens']:,}", f"{cost['output_tokens']:,}", f"{per_thousand:.2f}",
    )  # fmt: skip


def _name(one: Figures) -> str:
    return f"{one['engine']}, {one['strategy']}"


def _of(part: int, whole: int) -> str:
    return f"{part}/{whole} ({part / whole:.0%})" if whole else "-"


def _table(head: Iterable[str], rows: Sequence[Iterable[Any]]) -> str:
    if not rows:
        return ""
    titles = list(head)
    lines = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines)
