"""What a conversation does to a note (`merge`, `append`). Pure."""

from tieline.domain.analysed import Application
from tieline.domain.analysis_desk import Desk, is_note
from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.changeset import LedgerOutcome
from tieline.domain.facts import Contribution
from tieline.domain.fields import FieldSpec, Uncoercible
from tieline.domain.instants import date_in, from_epoch_ms
from tieline.domain.merging_facts import Merged, When, add_line
from tieline.domain.merging_notes import Answer, MergeNeeded, described, merge_note, needs_answer
from tieline.domain.statements import with_date
from tieline.domain.taking_back import take_back
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import Value, as_text


def plan_note(
    desk: Desk, mapping: AnalysisMapping, spec: FieldSpec, value: Value, earlier: Application | None
) -> None:
    """Puts the text into the note, in the place of what an earlier analysis of this conversation put there."""
    new, lines = as_text(value), mapping.update_mode is UpdateMode.APPEND
    before = (
        Contribution.from_json(earlier.contribution) if earlier and is_note(earlier.contribution) else None
    )
    if earlier is not None and before is not None and before.said == new:
        desk.remember(mapping, earlier.outcome, earlier.contribution)
        return
    others, cap = desk.notes(mapping), desk.rules.cap(mapping)
    old = as_text(desk.standing(spec.name))
    if before is not None:
        old = take_back(old, before, others, cap, lines=lines)
    when = _when(desk, spec)
    if lines:
        _write(desk, mapping, spec, add_line(old, new, when, cap, others), "append", Answer(engine=""))
        return
    need = MergeNeeded(spec.name, old, new, when, mapping.merge_strategy, cap)
    answer = desk.answers.get(need) if needs_answer(need) else Answer(engine="")
    if answer is None:
        desk.needs.append(need)
    else:
        _write(desk, mapping, spec, merge_note(need, answer, others), "merge", answer)


def _when(desk: Desk, spec: FieldSpec) -> When:
    source = desk.source(spec.name)
    undated = source.at_ms if source is not None and source.ref != desk.said.key else 0
    instant = from_epoch_ms(desk.said.ended_ms)
    day = None if instant is None else date_in(instant, desk.rules.time_zone)
    return When(desk.moment, "" if day is None else day.isoformat(), undated)


def _write(
    desk: Desk, mapping: AnalysisMapping, spec: FieldSpec, merged: Merged, mode: str, answer: Answer
) -> None:
    standing, new = as_text(desk.standing(spec.name)), merged.contribution
    told = described(merged, answer, mapping.merge_strategy)
    reason = ": ".join(word for word in (mode, answer.engine) if word)
    if merged.text != standing:
        desk.change(mapping, spec, merged.text or None, LedgerOutcome.SET, reason, told=told)
    elif new.left_out or new.yielded:
        # Nothing of the note changed, and what is not in it must be found somewhere.
        desk.change(mapping, spec, new.said, LedgerOutcome.OVERRULED, _why_not(new), told=told)
    _complain(desk, mapping, spec, new)
    desk.remember(mapping, "set" if new.added else "kept", new.as_json())


def _why_not(new: Contribution) -> str:
    if new.left_out:
        return "the note is full of what was said later"
    return "what was said later stands"


def _complain(desk: Desk, mapping: AnalysisMapping, spec: FieldSpec, new: Contribution) -> None:
    cap = desk.rules.cap(mapping)
    huge = [fact.statement for fact in new.left_out if len(with_date(fact.date, fact.statement)) > cap]
    if huge:
        desk.misfit(
            mapping,
            spec,
            Uncoercible(f"a statement is longer than the {cap} characters of the field", huge[0]),
        )
    if not new.contradicts:
        desk.board.close(desk.cause("contradiction", mapping))
        return
    told = "; ".join(f"{tie.statement!r} contradicts {tie.of.statement!r}" for tie in new.contradicts)
    desk.issue(
        mapping, "contradiction", "contradiction",
        f"in {spec.name}, {told}. Both were kept: accept takes the older one out, dismiss keeps both.",
        {
            "pairs": [
                {"statement": tie.statement, "of": tie.of.statement, "date": tie.of.date} for tie in new.contradicts
            ]
        },
    )  # fmt: skip
