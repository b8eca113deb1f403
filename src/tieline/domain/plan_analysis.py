"""What a conversation's analysis changes on its contact: mappings, update modes, and the rule that a conversation's
values count as of its end. Pure.

A plan may need texts merged that only a model can merge; it then says which, and is made again with the answers. If the
old text moved meanwhile, the answer no longer fits and is asked for again.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tieline.domain.analysed import ACCEPTED as ACCEPTED
from tieline.domain.analysed import REVIEW as REVIEW
from tieline.domain.analysed import UNDONE as UNDONE
from tieline.domain.analysed import WHOLE as WHOLE
from tieline.domain.analysed import Analysed as Analysed
from tieline.domain.analysed import AnalysisPlan as AnalysisPlan
from tieline.domain.analysed import AnalysisRules as AnalysisRules
from tieline.domain.analysed import Application as Application
from tieline.domain.analysed import Contributed as Contributed
from tieline.domain.analysis_desk import Desk
from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.board import Board
from tieline.domain.changeset import IssueNote, LedgerOutcome, SourceKind
from tieline.domain.fields import DO_NOT_CALL, FieldSpec, Uncoercible, coerce
from tieline.domain.merging_notes import Answer as Answer
from tieline.domain.merging_notes import MergeNeeded as MergeNeeded
from tieline.domain.plan_combined import plan_combined
from tieline.domain.plan_notes import plan_note
from tieline.domain.update_modes import COMBINING, NOTE_MODES, UpdateMode, replaces
from tieline.domain.values import Value, is_empty


def plan_analysis(
    board: Board,
    contact_id: str,
    said: Analysed,
    rules: AnalysisRules,
    earlier: Collection[Application],
    answers: Mapping[MergeNeeded, Answer],
    others: Sequence[Contributed] = (),
) -> AnalysisPlan:
    """Puts the conversation's contribution on the board. With unmet `needs` the board must be thrown away.

    `earlier` is what this conversation did before, `others` what the contact's other conversations did.
    """
    desk = Desk(board, contact_id, said, rules, earlier, others, answers)
    if undone_whole(earlier):
        return AnalysisPlan((), ())
    for mapping in rules.mappings:
        _take(desk, mapping)
    return AnalysisPlan(tuple(desk.applications), tuple(desk.needs))


def undone_whole(earlier: Collection[Application]) -> bool:
    """Whether a person undid the conversation: then also a mapping that came later leaves it out."""
    return any(one.field_name == WHOLE and one.outcome == UNDONE for one in earlier)


def _take(desk: Desk, mapping: AnalysisMapping) -> None:
    said, spec = desk.said, desk.rules.fields.get(mapping.field_name)
    raw = said.analysis.get(mapping.analysis_data_name)
    earlier = desk.earlier.get((mapping.analysis_data_name, mapping.field_name))
    if earlier is not None and earlier.outcome == UNDONE:
        return
    same_version = earlier is not None and earlier.analysis_version == said.analysis_version
    accepted = earlier is not None and earlier.outcome == ACCEPTED and same_version
    if earlier is not None and accepted:
        raw = earlier.contribution["value"]
    elif same_version or not mapping.is_for(said.agent_id, said.direction, said.successful):
        return
    if earlier is not None and earlier.outcome in (REVIEW, ACCEPTED):
        earlier = _before_review(earlier)
    if spec is None or raw is None:
        return
    value = coerce(raw, spec, time_zone=desk.rules.time_zone)
    if isinstance(value, Uncoercible):
        desk.misfit(mapping, spec, value)
        _skip(desk, mapping, earlier, value.raw)
        return
    desk.board.close(desk.cause("analysis", mapping))
    if is_empty(value):
        return
    if not accepted and _unsure(desk, mapping):
        _review(desk, mapping, value, earlier)
        return
    desk.board.close(desk.cause("confidence", mapping))
    _apply(desk, mapping, spec, value, earlier)


def _apply(
    desk: Desk, mapping: AnalysisMapping, spec: FieldSpec, value: Value, earlier: Application | None
) -> None:
    if spec.name == DO_NOT_CALL:
        _do_not_call(desk, mapping, spec, value)
    elif mapping.update_mode in NOTE_MODES:
        plan_note(desk, mapping, spec, value, earlier)
    elif mapping.update_mode in COMBINING:
        plan_combined(desk, mapping, spec, value, earlier)
    else:
        _replace(desk, mapping, spec, value, earlier)


def _replace(
    desk: Desk, mapping: AnalysisMapping, spec: FieldSpec, value: Value, earlier: Application | None
) -> None:
    """`overwrite` and `fill_if_empty`. What this conversation's earlier analysis put there counts as not there."""
    source = desk.source(spec.name)
    own = source is not None and source.kind is SourceKind.CONVERSATION and source.ref == desk.said.key
    mine = own and earlier is not None and earlier.outcome == "set"
    mine = mine or (mapping.update_mode is UpdateMode.FILL_IF_EMPTY and desk.filled_too_soon(mapping))
    if not replaces(mapping.update_mode, None if mine else desk.standing(spec.name), value):
        desk.remember(mapping, "kept", value)
        return
    # Who cleared a field after a past conversation wants it empty; a live one fills it as it finds it.
    by_others = source is not None and source.kind is not SourceKind.CONVERSATION
    ranks = mapping.update_mode is UpdateMode.OVERWRITE or (desk.rules.replay and by_others)
    overruled_by = (desk.newer(spec.name) or desk.repeated_later(mapping)) if ranks else ""
    outcome = LedgerOutcome.OVERRULED if overruled_by else LedgerOutcome.SET
    desk.change(mapping, spec, value, outcome, overruled_by or mapping.update_mode.value)
    desk.remember(mapping, outcome.value, value)


def _skip(desk: Desk, mapping: AnalysisMapping, earlier: Application | None, raw: Any) -> None:
    """Nothing is applied. What an earlier analysis contributed stands, and stays known as this conversation's."""
    if earlier is not None and earlier.outcome in ("set", "kept"):
        desk.remember(mapping, earlier.outcome, earlier.contribution)
    else:
        desk.remember(mapping, "skipped", raw)


def _unsure(desk: Desk, mapping: AnalysisMapping) -> bool:
    evidence = desk.said.evidence.get(mapping.analysis_data_name)
    if mapping.min_confidence is None or evidence is None or evidence.confidence is None:
        return False
    return evidence.confidence < mapping.min_confidence


def _review(desk: Desk, mapping: AnalysisMapping, value: Value, earlier: Application | None) -> None:
    """A person decides. Until then, and if they dismiss it, what was there stands."""
    evidence = desk.said.evidence[mapping.analysis_data_name]
    desk.issue(
        mapping, "confidence", "low_confidence",
        f"{mapping.analysis_data_name} would put {value!r} into {mapping.field_name}, with a confidence of "
        f"{evidence.confidence:g}, below {mapping.min_confidence:g}. Accept it, edit it, or dismiss it.",
        {
            "value": value, "conversation": desk.said.key, "analysis_data_name": mapping.analysis_data_name,
            "analysis_version": desk.said.analysis_version, **evidence.as_json(),
        }, "info",
    )  # fmt: skip
    before = None if earlier is None else {"outcome": earlier.outcome, "contribution": earlier.contribution}
    desk.remember(mapping, REVIEW, {"value": value, "before": before})


def _before_review(reviewed: Application) -> Application | None:
    """What an earlier analysis had done, before the one that a person looked at."""
    before = reviewed.contribution.get("before")
    if before is None:
        return None
    return Application(
        reviewed.analysis_data_name, reviewed.field_name, "", before["outcome"], before["contribution"]
    )


def _do_not_call(desk: Desk, mapping: AnalysisMapping, spec: FieldSpec, value: Value) -> None:
    standing = desk.standing(spec.name)
    if value is True and desk.rules.replay and (cleared := desk.newer(spec.name)):
        desk.change(mapping, spec, True, LedgerOutcome.OVERRULED, cleared)
        desk.remember(mapping, "overruled", True)
        return
    if value is True and standing is not True:
        desk.change(mapping, spec, True, LedgerOutcome.SET, mapping.update_mode.value)
        desk.remember(mapping, "set", True)
        return
    if value is False and standing is True:
        desk.board.issue(
            IssueNote(
                cause=f"do_not_call:{desk.said.key}",
                kind="conflict",
                message=f"Conversation {desk.said.key} says that contact {desk.contact_id} may be called; the "
                "contact says do-not-call, and stays so. Clear it on the contact if that is meant.",
                contact_id=desk.contact_id,
                field_name=spec.name,
                raw=False,
            )
        )
    desk.remember(mapping, "kept", value)
