"""A conversation's analysis and what it did to a contact, as values. Pure; decides nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.evidence import Evidence
from tieline.domain.fields import MAX_TEXT, FieldSpec
from tieline.domain.mapping import Policy
from tieline.domain.merging_notes import MergeNeeded

REVIEW: Final = "review"
"""The outcome of a value that waits for a person. Its contribution: `{"value", "before"}`."""
ACCEPTED: Final = "accepted"
"""The outcome of a value that a person let pass the review: it is applied as if its confidence were high."""
UNDONE: Final = "undone"
"""The outcome of what a person undid: it counts for nothing, and is never applied again. Its contribution stays."""
WHOLE: Final = ""
"""The analysis and field name of the application by which a conversation is undone as a whole, whatever is mapped."""


@dataclass(frozen=True, slots=True)
class Application:
    """What a conversation did to one mapped field. `outcome`: set, kept, overruled, skipped or one of the above.

    `contribution` is its value; for modes that combine, what has to be known to take it back: a `Contribution` as JSON
    for notes, `{"value", "floor"}` for the others.
    """

    analysis_data_name: str
    field_name: str
    analysis_version: str
    outcome: str
    contribution: Any = None


@dataclass(frozen=True, slots=True)
class Contributed:
    """What another conversation did to a field of the same contact, and as of when it counts."""

    ref: str
    ended_ms: int
    application: Application


@dataclass(frozen=True, slots=True)
class Analysed:
    """A conversation with its analysis. `key` names it in sources; `ended_ms` is as of when its values count.

    `evidence` is what values rest on, by analysis name, and `extracted_by` who found them; a platform gives neither.
    """

    key: str
    ended_ms: int
    analysis_version: str
    analysis: Mapping[str, Any]
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    extracted_by: Mapping[str, str] = field(default_factory=dict)
    agent_id: str | None = None
    direction: str | None = None
    successful: bool | None = None


@dataclass(frozen=True, slots=True)
class AnalysisRules:
    """The settings: mappings, fields by name, the time zone for dates, policies of fields that come from the CRM, and
    the most characters that the CRM takes in a field that is written to it.

    `replay`: past conversations are taken up in their order, as if their mappings had always been there;
    `set_by_others` is then when (epoch ms) somebody else than a conversation last changed each field.
    """

    mappings: Sequence[AnalysisMapping]
    fields: Mapping[str, FieldSpec]
    time_zone: str = "UTC"
    inbound_policies: Mapping[str, Policy] = field(default_factory=dict)
    caps: Mapping[str, int] = field(default_factory=dict)
    replay: bool = False
    set_by_others: Mapping[str, int] = field(default_factory=dict)

    def cap(self, mapping: AnalysisMapping) -> int:
        """The most characters of a text that this mapping writes."""
        return min(mapping.max_characters or MAX_TEXT, self.caps.get(mapping.field_name, MAX_TEXT), MAX_TEXT)


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """What was decided on the board, what to remember of it, and what must be merged before it can be carried out."""

    applications: Sequence[Application]
    needs: Sequence[MergeNeeded]
