"""What planning an analysis works with: one contact on the board, one conversation, and what is known of the others.

Finds things and notes things down; which value wins is decided elsewhere.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tieline.domain.analysed import (
    UNDONE,
    Analysed,
    AnalysisRules,
    Application,
    Contributed,
)
from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.board import Board
from tieline.domain.changeset import FieldChange, IssueNote, LedgerOutcome, Source, SourceKind
from tieline.domain.facts import Contribution, Moment, Said
from tieline.domain.fields import FieldSpec, Uncoercible
from tieline.domain.mapping import Policy
from tieline.domain.merging_notes import Answer, MergeNeeded
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import Value


class Desk:
    """Mutable for the length of one plan."""

    def __init__(
        self, board: Board, contact_id: str, said: Analysed, rules: AnalysisRules,
        earlier: Collection[Application], others: Sequence[Contributed], answers: Mapping[MergeNeeded, Answer],
    ) -> None:  # fmt: skip
        self.board, self.contact_id, self.said, self.rules, self.answers = (
            board,
            contact_id,
            said,
            rules,
            answers,
        )
        self.earlier = {(one.analysis_data_name, one.field_name): one for one in earlier}
        self._others = others
        self.applications: list[Application] = []
        self.needs: list[MergeNeeded] = []

    @property
    def moment(self) -> Moment:
        """As of when this conversation's values count."""
        return Moment(self.said.ended_ms, self.said.key)

    @property
    def own(self) -> Source:
        """This conversation as a source."""
        return Source(SourceKind.CONVERSATION, self.said.ended_ms, self.said.key)

    def standing(self, field_name: str) -> Value:
        """What the contact holds."""
        return self.board.value(self.contact_id, field_name)

    def source(self, field_name: str) -> Source | None:
        """Where that is from."""
        return self.board.contacts[self.contact_id].sources.get(field_name)

    def others(self, mapping: AnalysisMapping) -> list[tuple[Moment, Application]]:
        """What others contributed to the field: other conversations, and this one by its other mappings."""
        found = [
            (Moment(one.ended_ms, one.ref), one.application)
            for one in self._others
            if one.application.field_name == mapping.field_name
            and one.ref != self.said.key
            and one.application.outcome != UNDONE
        ]
        mine = {
            **self.earlier,
            **{(one.analysis_data_name, one.field_name): one for one in self.applications},
        }
        found += [
            (self.moment, one)
            for (name, field_name), one in mine.items()
            if field_name == mapping.field_name
            and name != mapping.analysis_data_name
            and one.outcome != UNDONE
        ]
        return found

    def notes(self, mapping: AnalysisMapping) -> list[Said]:
        """The others' contributions to a note."""
        return [
            Said(moment, Contribution.from_json(one.contribution))
            for moment, one in self.others(mapping)
            if is_note(one.contribution)
        ]

    def newer(self, field_name: str) -> str:
        """Why the standing value outranks this conversation's, or '' if it does not."""
        source = self.source(field_name)
        return "" if source is None else self.outranked_by(source, field_name)

    def outranked_by(self, source: Source, field_name: str) -> str:
        """Why what that source said of the field outranks this conversation, or '' if it does not."""
        if source.ref == self.said.key or source.at_ms < self.said.ended_ms:
            return ""
        if source.at_ms == self.said.ended_ms:
            # Of conversations that ended together the order is theirs, whichever is taken up first.
            by_name = self.rules.replay and source.kind is SourceKind.CONVERSATION
            if not by_name or source.ref < self.said.key:
                return ""
        if source.kind is not SourceKind.CRM:
            return f"set after the conversation ended, by {source.kind.value} {source.ref}".rstrip()
        if source.from_ms is not None and source.from_ms >= self.said.ended_ms:
            return "changed in the CRM after the conversation ended"
        if self.rules.inbound_policies.get(field_name, Policy.CRM_WINS) is Policy.TIELINE_WINS:
            return ""
        return "changed in the CRM at about the time of the conversation; the policy prefers the CRM"

    def repeated_later(self, mapping: AnalysisMapping) -> str:
        """In a replay: which later conversation said what stood already, so that its source is still an older one."""
        if not self.rules.replay or mapping.update_mode is not UpdateMode.OVERWRITE:
            return ""
        later = [
            moment.ref
            for moment, one in self.others(mapping)
            if one.analysis_data_name == mapping.analysis_data_name
            and one.outcome in ("set", "kept")
            and moment > self.moment
        ]
        return f"set after the conversation ended, by conversation {later[-1]}" if later else ""

    def filled_too_soon(self, mapping: AnalysisMapping) -> bool:
        """In a replay: whether the field was filled by a later conversation only because this one was not taken up."""
        source, field_name = self.source(mapping.field_name), mapping.field_name
        if not self.rules.replay or source is None or source.kind is not SourceKind.CONVERSATION:
            return False
        since = self.rules.set_by_others.get(field_name, -1)
        filling = {
            one.analysis_data_name
            for one in self.rules.mappings
            if one.field_name == field_name and one.update_mode is UpdateMode.FILL_IF_EMPTY
        }
        filled = [
            moment
            for moment, one in self.others(mapping)
            if one.outcome == "set" and one.analysis_data_name in filling and moment.ms > since
        ]
        known = any(moment.ref == source.ref for moment in filled)
        return known and since < self.said.ended_ms and all(moment > self.moment for moment in filled)

    def cause(self, kind: str, mapping: AnalysisMapping) -> str:
        """What makes two issues about this value the same one."""
        return f"{kind}:{self.said.key}:{mapping.analysis_data_name}:{mapping.field_name}"

    def change(
        self, mapping: AnalysisMapping, spec: FieldSpec, new: Value, outcome: LedgerOutcome, reason: str,
        *, source: Source | None = None, told: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Notes a change of the field, or a value that did not stand, with all that it rests on."""
        old = self.standing(spec.name)
        if outcome is LedgerOutcome.SET and old == new and type(old) is type(new):
            return
        evidence = {**self._evidence(mapping), **(told or {})}
        entry = FieldChange(
            spec.name, old, new, source or self.own, outcome, reason, spec.field_id, evidence or None
        )
        self.board.change_field(self.contact_id, entry)

    def remember(self, mapping: AnalysisMapping, outcome: str, contribution: Any) -> None:
        """What this conversation did to the field."""
        name, version = mapping.analysis_data_name, self.said.analysis_version
        self.applications.append(Application(name, mapping.field_name, version, outcome, contribution))

    def misfit(self, mapping: AnalysisMapping, spec: FieldSpec, problem: Uncoercible) -> None:
        """An issue about a value that does not fit."""
        self.issue(
            mapping, "analysis", "analysis_value",
            f"{mapping.analysis_data_name} does not fit {spec.name} ({spec.type.value}): {problem.reason}. The field "
            "was left as it was.", problem.raw,
        )  # fmt: skip

    def issue(
        self,
        mapping: AnalysisMapping,
        cause: str,
        kind: str,
        message: str,
        raw: Any,
        severity: str = "warning",
    ) -> None:
        """Something about this value that needs a person."""
        self.board.issue(
            IssueNote(
                cause=self.cause(cause, mapping),
                kind=kind,
                message=f"Conversation {self.said.key}: {message}",
                contact_id=self.contact_id,
                field_name=mapping.field_name,
                raw=raw,
                severity=severity,
            )
        )

    def _evidence(self, mapping: AnalysisMapping) -> dict[str, Any]:
        quoted = self.said.evidence.get(mapping.analysis_data_name)
        told = {} if quoted is None else quoted.as_json()
        if self.said.extracted_by:
            told["extracted_by"] = dict(self.said.extracted_by)
        return {name: value for name, value in told.items() if value is not None}


def is_note(contribution: Any) -> bool:
    """Whether it is a `Contribution` as JSON."""
    return isinstance(contribution, Mapping) and "said" in contribution
