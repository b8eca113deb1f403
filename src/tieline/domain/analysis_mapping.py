"""Analysis mappings: which field of a conversation's analysis fills which contact field, and how.

This module must never let one through that would fill the phone number or merge what is not text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tieline.domain.fields import PHONE_NUMBER, FieldSpec, Problem
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import FieldType


@dataclass(frozen=True, slots=True)
class AnalysisMapping:
    """One line of the organisation's analysis mappings; `analysis_data_name` is custom data or a preset."""

    analysis_data_name: str
    field_name: str
    update_mode: UpdateMode


def analysis_mapping_problems(
    mappings: Sequence[AnalysisMapping], fields: Mapping[str, FieldSpec]
) -> list[Problem]:
    """Everything that is wrong with the mappings. `fields` are all contact fields by name, built-in ones included."""
    problems: list[Problem] = []
    for index, mapping in enumerate(mappings):
        where = f"crm_analysis_data_mappings[{index}]"
        problems += [
            Problem(where, f"The mapping {mapping.analysis_data_name} -> {mapping.field_name} {rest}")
            for rest in _problems_of(mapping, mappings[:index], fields)
        ]
    return problems


def merge_fields(mappings: Sequence[AnalysisMapping]) -> frozenset[str]:
    """The contact fields that some mapping fills with `merge`."""
    return frozenset(item.field_name for item in mappings if item.update_mode is UpdateMode.MERGE)


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
    elif mapping.update_mode is UpdateMode.MERGE and field.type is not FieldType.STRING:
        yield f"has the mode merge, which is for strings only; {field.name} is a {field.type}: choose another mode."
    if any(_target(other) == _target(mapping) for other in earlier):
        yield "is given twice: remove one of the two."


def _target(mapping: AnalysisMapping) -> tuple[str, str]:
    return (mapping.analysis_data_name, mapping.field_name)
