"""What a conversation's analysis changes on its contact: mappings, update modes, and the rule that a conversation's
values count as of its end. Pure.

A plan may need texts merged that only a model can merge; it then says which, and is made again with the answers. If the
old text moved meanwhile, the answer no longer fits and is asked for again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.board import Board
from tieline.domain.changeset import FieldChange, IssueNote, LedgerOutcome, Source, SourceKind
from tieline.domain.fields import DO_NOT_CALL, MAX_TEXT, FieldSpec, Uncoercible, coerce
from tieline.domain.mapping import Policy
from tieline.domain.merging import without
from tieline.domain.statements import compare_key, statements
from tieline.domain.update_modes import Keep, NeedsMerge, Set, UpdateMode, apply
from tieline.domain.values import Value, as_text, is_empty


@dataclass(frozen=True, slots=True)
class Application:
    """What a conversation did to one mapped field. `contribution` is its value, or the statements that it added.

    A model may reword what was there: then it is the whole text before and after, since no statement is only ours.
    """

    analysis_data_name: str
    field_name: str
    analysis_version: str
    outcome: str
    contribution: Any = None


@dataclass(frozen=True, slots=True)
class Analysed:
    """A conversation with its analysis. `key` names it in sources; `ended_ms` is as of when its values count."""

    key: str
    ended_ms: int
    analysis_version: str
    analysis: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MergeNeeded:
    """Two texts of a field to be combined. Equal needs have equal answers."""

    field_name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A combined text, and what combined it (for the ledger)."""

    text: str
    engine: str


@dataclass(frozen=True, slots=True)
class AnalysisRules:
    """The settings: mappings, fields by name, the time zone for dates, and policies of fields that come from
    the CRM.
    """

    mappings: Sequence[AnalysisMapping]
    fields: Mapping[str, FieldSpec]
    time_zone: str = "UTC"
    inbound_policies: Mapping[str, Policy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """What was decided on the board, what to remember of it, and what must be merged before it can be carried out."""

    applications: Sequence[Application]
    needs: Sequence[MergeNeeded]


def plan_analysis(
    board: Board,
    contact_id: str,
    said: Analysed,
    rules: AnalysisRules,
    earlier: Collection[Application],
    answers: Mapping[MergeNeeded, Answer],
) -> AnalysisPlan:
    """Puts the conversation's contribution on the board. With unmet `needs` the board must be thrown away."""
    before = {(a.analysis_data_name, a.field_name): a for a in earlier}
    planner = _Planner(board, contact_id, said, rules, answers)
    for mapping in rules.mappings:
        planner.take(mapping, before.get((mapping.analysis_data_name, mapping.field_name)))
    return AnalysisPlan(tuple(planner.applications), tuple(planner.needs))


class _Planner:
    def __init__(
        self,
        board: Board,
        contact_id: str,
        said: Analysed,
        rules: AnalysisRules,
        answers: Mapping[MergeNeeded, Answer],
    ) -> None:
        self.board, self.contact_id, self.said, self.rules, self.answers = (
            board,
            contact_id,
            said,
            rules,
            answers,
        )
        self.applications: list[Application] = []
        self.needs: list[MergeNeeded] = []

    def take(self, mapping: AnalysisMapping, earlier: Application | None) -> None:
        spec = self.rules.fields.get(mapping.field_name)
        raw = self.said.analysis.get(mapping.analysis_data_name)
        if spec is None or raw is None:
            return
        if earlier is not None and earlier.analysis_version == self.said.analysis_version:
            return
        value = coerce(raw, spec, time_zone=self.rules.time_zone)
        cause = self._cause(mapping, spec)
        if isinstance(value, Uncoercible):
            self.board.issue(self._misfit(cause, mapping, spec, value))
            self._skip(mapping, earlier, value.raw)
            return
        self.board.close(cause)
        if is_empty(value):
            return
        if spec.name == DO_NOT_CALL:
            self._do_not_call(mapping, spec, value)
        else:
            self._update(mapping, spec, value, earlier)

    def _cause(self, mapping: AnalysisMapping, spec: FieldSpec) -> str:
        return f"analysis:{self.said.key}:{mapping.analysis_data_name}:{spec.name}"

    def _update(
        self, mapping: AnalysisMapping, spec: FieldSpec, value: Value, earlier: Application | None
    ) -> None:
        standing = self.board.value(self.contact_id, spec.name)
        old = self._without_own(mapping, spec, standing, earlier)
        match apply(mapping.update_mode, old, value):
            case Keep() if mapping.update_mode is UpdateMode.MERGE and old != standing:
                # All that the new analysis says was there without the earlier one, whose statements go.
                self._change(spec, standing, old, LedgerOutcome.SET, "merge: replaces an earlier analysis")
                self._remember(mapping, "set", [])
            case Keep():
                self._remember(mapping, "kept", value)
            case NeedsMerge(old_text, new_text):
                need = MergeNeeded(spec.name, old_text, new_text)
                self._merge(mapping, spec, standing, need, earlier)
            case Set(new):
                self._set(mapping, spec, standing, new)

    def _set(self, mapping: AnalysisMapping, spec: FieldSpec, standing: Value, new: Value) -> None:
        overruled_by = self._newer(spec.name) if mapping.update_mode is UpdateMode.OVERWRITE else ""
        if overruled_by:
            self._change(spec, standing, new, LedgerOutcome.OVERRULED, overruled_by)
            self._remember(mapping, "overruled", new)
            return
        self._change(spec, standing, new, LedgerOutcome.SET, mapping.update_mode.value)
        contribution = list(statements(as_text(new))) if mapping.update_mode is UpdateMode.MERGE else new
        self._remember(mapping, "set", contribution)

    def _skip(self, mapping: AnalysisMapping, earlier: Application | None, raw: Value) -> None:
        """Nothing is applied. What an earlier analysis contributed stands, and stays known as this conversation's."""
        if earlier is not None and earlier.outcome == "set":
            self._remember(mapping, "set", earlier.contribution)
        else:
            self._remember(mapping, "skipped", raw)

    def _merge(
        self,
        mapping: AnalysisMapping,
        spec: FieldSpec,
        standing: Value,
        need: MergeNeeded,
        earlier: Application | None,
    ) -> None:
        answer = self.answers.get(need)
        if answer is None:
            self.needs.append(need)
            return
        merged = answer.text
        if len(merged) > MAX_TEXT:
            problem = Uncoercible(
                f"together with what is there it would have {len(merged)} characters", need.new
            )
            cause = self._cause(mapping, spec)
            self.board.issue(self._misfit(cause, mapping, spec, problem))
            self._skip(mapping, earlier, need.new)
            return
        self._change(spec, standing, merged, LedgerOutcome.SET, f"merge: {answer.engine}")
        had = {compare_key(s) for s in statements(need.old)}
        has = {compare_key(s) for s in statements(merged)}
        added = [s for s in statements(merged) if compare_key(s) not in had]
        reworded = {"before": need.old, "after": merged}
        self._remember(mapping, "set", added if had <= has else reworded)

    def _without_own(
        self, mapping: AnalysisMapping, spec: FieldSpec, standing: Value, earlier: Application | None
    ) -> Value:
        """The field as if this conversation's earlier analysis had not contributed, where that still stands."""
        if earlier is None or earlier.outcome != "set":
            return standing
        if mapping.update_mode is UpdateMode.MERGE and isinstance(earlier.contribution, Mapping):
            untouched = standing == earlier.contribution.get("after")
            return earlier.contribution.get("before") if untouched else standing
        if mapping.update_mode is UpdateMode.MERGE:
            mine = [s for s in earlier.contribution or () if isinstance(s, str)]
            return without(as_text(standing), mine) if standing is not None else None
        source = self.board.contacts[self.contact_id].sources.get(spec.name)
        own = source is not None and source.kind is SourceKind.CONVERSATION and source.ref == self.said.key
        return None if own else standing

    def _newer(self, field_name: str) -> str:
        """Why the standing value outranks this conversation's, or '' if it does not."""
        contact = self.board.contacts[self.contact_id]
        source = contact.sources.get(field_name)
        if source is None or source.ref == self.said.key or source.at_ms <= self.said.ended_ms:
            return ""
        if source.kind is not SourceKind.CRM:
            return f"set after the conversation ended, by {source.kind.value} {source.ref}".rstrip()
        if source.from_ms is not None and source.from_ms >= self.said.ended_ms:
            return "changed in the CRM after the conversation ended"
        if self.rules.inbound_policies.get(field_name, Policy.CRM_WINS) is Policy.TIELINE_WINS:
            return ""
        return "changed in the CRM at about the time of the conversation; the policy prefers the CRM"

    def _do_not_call(self, mapping: AnalysisMapping, spec: FieldSpec, value: Value) -> None:
        standing = self.board.value(self.contact_id, spec.name)
        if value is True and standing is not True:
            self._change(spec, standing, True, LedgerOutcome.SET, mapping.update_mode.value)
            self._remember(mapping, "set", True)
            return
        if value is False and standing is True:
            self.board.issue(
                IssueNote(
                    cause=f"do_not_call:{self.said.key}",
                    kind="conflict",
                    message=f"Conversation {self.said.key} says that contact {self.contact_id} may be called; the "
                    "contact says do-not-call, and stays so. Clear it on the contact if that is meant.",
                    contact_id=self.contact_id,
                    field_name=spec.name,
                    raw=False,
                )
            )
        self._remember(mapping, "kept", value)

    def _change(self, spec: FieldSpec, old: Value, new: Value, outcome: LedgerOutcome, reason: str) -> None:
        if outcome is LedgerOutcome.SET and old == new and type(old) is type(new):
            return
        source = Source(SourceKind.CONVERSATION, self.said.ended_ms, self.said.key)
        change = FieldChange(spec.name, old, new, source, outcome, reason, spec.field_id)
        self.board.change_field(self.contact_id, change)

    def _remember(self, mapping: AnalysisMapping, outcome: str, contribution: Any) -> None:
        self.applications.append(
            Application(
                mapping.analysis_data_name,
                mapping.field_name,
                self.said.analysis_version,
                outcome,
                contribution,
            )
        )

    def _misfit(
        self, cause: str, mapping: AnalysisMapping, spec: FieldSpec, problem: Uncoercible
    ) -> IssueNote:
        return IssueNote(
            cause=cause,
            kind="analysis_value",
            message=f"Conversation {self.said.key}: {mapping.analysis_data_name} does not fit {spec.name} "
            f"({spec.type.value}): {problem.reason}. The field was left as it was.",
            contact_id=self.contact_id,
            field_name=spec.name,
            raw=problem.raw,
        )
