"""Analysis mappings: which field of a conversation's analysis fills which contact field, and how.

This module must never let one through that would fill the phone number or merge what is not text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tieline.domain.facts import MergeStrategy
from tieline.domain.fields import MAX_TEXT, PHONE_NUMBER, FieldSpec, Problem
from tieline.domain.update_modes import NOTE_MODES, UpdateMode, types_of
from tieline.domain.values import FieldType

SHORTEST_NOTE: Final = 50
"""A cap below that leaves no room for a dated sentence."""
DIRECTIONS: Final = ("inbound", "outbound")


@dataclass(frozen=True, slots=True)
class AnalysisMapping:
    """One line of the organisation's analysis mappings; `analysis_data_name` is custom data or a preset.

    The others are conditions and limits beyond Retell. Empty `only_agents` and `only_directions`: of all. A value whose
    confidence is below `min_confidence` (0 to 1) goes to review; one of unknown confidence does not.
    """

    analysis_data_name: str
    field_name: str
    update_mode: UpdateMode
    only_agents: tuple[str, ...] = ()
    only_directions: tuple[str, ...] = ()
    only_if_successful: bool = False
    min_confidence: float | None = None
    merge_strategy: MergeStrategy = MergeStrategy.FACTS
    max_characters: int | None = None

    def options(self) -> dict[str, Any]:
        """The members beyond Retell's three that are set, as JSON."""
        members: dict[str, Any] = {
            "only_agents": list(self.only_agents),
            "only_directions": list(self.only_directions),
            "only_if_successful": self.only_if_successful,
            "min_confidence": self.min_confidence,
            "max_characters": self.max_characters,
        }
        if self.merge_strategy is not MergeStrategy.FACTS:
            members["merge_strategy"] = self.merge_strategy.value
        return {name: value for name, value in members.items() if value not in (None, False, [])}

    @classmethod
    def from_parts(
        cls, name: str, field_name: str, mode: str, options: Mapping[str, Any]
    ) -> "AnalysisMapping":
        """The inverse of `options`; members that are None count as not given."""
        sure, most = options.get("min_confidence"), options.get("max_characters")
        return cls(
            name,
            field_name,
            UpdateMode(mode),
            only_agents=tuple(options.get("only_agents") or ()),
            only_directions=tuple(options.get("only_directions") or ()),
            only_if_successful=bool(options.get("only_if_successful")),
            min_confidence=None if sure is None else float(sure),
            merge_strategy=MergeStrategy(options.get("merge_strategy") or MergeStrategy.FACTS),
            max_characters=None if most is None else int(most),
        )

    def is_for(self, agent_id: str | None, direction: str | None, successful: bool | None) -> bool:
        """Whether the mapping is for such a conversation. What is not known meets no condition."""
        return (
            (not self.only_agents or agent_id in self.only_agents)
            and (not self.only_directions or direction in self.only_directions)
            and (not self.only_if_successful or successful is True)
        )


def analysis_mapping_problems(
    mappings: Sequence[AnalysisMapping], fields: Mapping[str, FieldSpec]
) -> list[Problem]:
    """Everything that is wrong with the mappings. `fields` are all contact fields by name, built-in ones included."""
    problems: list[Problem] = []
    for index, mapping in enumerate(mappings):
        where = f"crm_analysis_data_mappings[{index}]"
        problems += [
            Problem(where, f"The mapping {mapping.analysis_data_name} -> {mapping.field_name} {rest}")
            for rest in (*_problems_of(mapping, mappings[:index], fields), *_option_problems(mapping))
        ]
    return problems


def merge_fields(mappings: Sequence[AnalysisMapping]) -> frozenset[str]:
    """The contact fields that some mapping fills with `merge` or `append`: notes that people add to as well."""
    return frozenset(item.field_name for item in mappings if item.update_mode in NOTE_MODES)


def _problems_of(
    mapping: AnalysisMapping, earlier: Sequence[AnalysisMapping], fields: Mapping[str, FieldSpec]
) -> Iterator[str]:
    if not mapping.analysis_data_name.strip():
        yield "names no analysis field: give the name of a custom analysis field or of a preset."
    if mapping.field_name == PHONE_NUMBER:
        yield f"is refused, because {PHONE_NUMBER} is the contact's identity: choose another field."
        return
    field = fields.get(mapping.field_name)
    if field is None:
        yield f"names the contact field {mapping.field_name}, which does not exist: create the custom field first."
    elif field.type not in types_of(mapping.update_mode):
        suited = " or ".join(_plural(one) for one in types_of(mapping.update_mode))
        yield (
            f"has the mode {mapping.update_mode.value}, which is for {suited} only; {field.name} is a {field.type}: "
            "choose another mode."
        )
    if any(_target(other) == _target(mapping) for other in earlier):
        yield "is given twice: remove one of the two."


def _option_problems(mapping: AnalysisMapping) -> Iterator[str]:
    if unknown := [one for one in mapping.only_directions if one not in DIRECTIONS]:
        yield f"has the direction {unknown[0]!r}: only_directions are among {', '.join(DIRECTIONS)}."
    if any(not agent.strip() for agent in mapping.only_agents):
        yield "has an agent without a name in only_agents: give agent ids, or leave it out for all agents."
    if mapping.min_confidence is not None and not 0 <= mapping.min_confidence <= 1:
        yield f"has min_confidence {mapping.min_confidence:g}: it is a number from 0 to 1."
    if mapping.merge_strategy is not MergeStrategy.FACTS and mapping.update_mode is not UpdateMode.MERGE:
        yield f"has a merge_strategy, but the mode {mapping.update_mode.value} does not merge: leave it out."
    if mapping.max_characters is not None:
        if mapping.update_mode not in NOTE_MODES:
            yield f"has max_characters, but the mode {mapping.update_mode.value} writes no note: leave it out."
        elif not SHORTEST_NOTE <= mapping.max_characters <= MAX_TEXT:
            yield f"has max_characters {mapping.max_characters}: it is from {SHORTEST_NOTE} to {MAX_TEXT}."


def _plural(kind: FieldType) -> str:
    return {FieldType.STRING: "strings", FieldType.NUMBER: "numbers", FieldType.DATE: "dates"}.get(
        kind, "datetimes"
    )


def _target(mapping: AnalysisMapping) -> tuple[str, str]:
    return (mapping.analysis_data_name, mapping.field_name)
