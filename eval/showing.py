"""What went wrong, case by case, for `--show`."""

from collections.abc import Iterator

from eval.field_scores import FieldScore
from eval.merge_scores import MergeScore
from eval.running import Report


def shown(report: Report, what: str) -> Iterator[str]:
    """`wrong`: everything that has something against it; `all`: everything; else the case of that name."""
    for score in report.merges:
        if what in ("all", score.case.id) or (
            what == "wrong" and not (score.perfect and not score.judged_wrong)
        ):
            yield _merge(report, score)
    for name, points in report.drift.items():
        last = points[-1]
        if what in ("all", name) or (what == "wrong" and (last.missing or last.stale or last.duplicates)):
            yield (
                f"[{report.engine}, {report.strategy}] {name}: missing {', '.join(last.missing) or 'nothing'};"
                f" stale {', '.join(last.stale) or 'nothing'}; {last.duplicates} duplicates"
            )
    for field in report.fields or ():
        if what in ("all", field.conversation.id) or (what == "wrong" and not field.right):
            yield _field(report, field)
    for conversation, found in zip(_conversations(report), report.found, strict=True):
        if found.failed and what in ("all", "wrong", conversation):
            yield f"[{report.engine}] {conversation}: {found.failed}"


def _merge(report: Report, score: MergeScore) -> str:
    lines = [f"[{report.engine}, {report.strategy}] {score.case.id} ({score.case.category})"]
    for name, found in (
        ("missing", score.missing), ("lost", score.lost), ("stale", score.stale), ("invented", score.invented),
        ("judged", score.judged_wrong),
    ):  # fmt: skip
        lines += [f"  {name}: {one}" for one in found]
    if score.duplicates:
        lines.append(f"  duplicates: {score.duplicates}")
    if score.outcome.fell_back:
        lines.append(f"  remark: {score.outcome.fell_back}")
    return "\n".join([*lines, *(f"  | {line}" for line in score.outcome.text.splitlines())])


def _field(report: Report, score: FieldScore) -> str:
    given = "nothing" if score.answer is None else f"{score.answer.value!r} for {score.answer.quote!r}"
    right = "nothing" if score.expected.value is None else repr(score.expected.value)
    return (
        f"[{report.engine}] {score.conversation.id}.{score.expected.asked.name}: {score.verdict}:"
        f" {given}, right is {right}"
    )


def _conversations(report: Report) -> list[str]:
    return list(dict.fromkeys(field.conversation.id for field in report.fields or ()))
