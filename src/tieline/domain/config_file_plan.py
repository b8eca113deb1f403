"""From one configuration to another: the steps in their order, and what they do in the words of a diff.

Steps are values and lose nothing, so that carrying them out gives the wanted configuration exactly. Fields come before
the mappings that name them, and mappings go before their fields. This module must never hide a step from the diff.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.config_file import AppFile, Document
from tieline.domain.configuration import ContactTag
from tieline.domain.extraction.definition import AnalysisDefinition
from tieline.domain.fields import FieldSpec


@dataclass(frozen=True, slots=True)
class SetFields:
    """The custom fields are these; none of those that a mapping may still name is gone yet."""

    fields: tuple[FieldSpec, ...]


@dataclass(frozen=True, slots=True)
class DeleteApp:
    """An app is taken out of use."""

    key: str


@dataclass(frozen=True, slots=True)
class SaveApp:
    """An app is created or becomes this."""

    app: AppFile


@dataclass(frozen=True, slots=True)
class SetOrganisation:
    """All that belongs to the organisation itself, in one update. Fields that are not in it are removed."""

    fields: tuple[FieldSpec, ...]
    analysis_mappings: tuple[AnalysisMapping, ...]
    tags: tuple[ContactTag, ...]
    columns: tuple[str, ...]
    memory_enabled: bool
    memory_prompt: str | None
    linked_app: str | None


@dataclass(frozen=True, slots=True)
class SetDefinition:
    """What is to be found in conversations of an agent; one without lists takes the definition away."""

    definition: AnalysisDefinition


Step: TypeAlias = SetFields | DeleteApp | SaveApp | SetOrganisation | SetDefinition


def steps(present: Document, wanted: Document) -> tuple[Step, ...]:
    """What leads from one whole configuration to another, in the order in which it must be done."""
    found: list[Step] = []
    between = _fields_between(present.fields, wanted.fields)
    if between != present.fields:
        found.append(SetFields(between))
    found += [DeleteApp(app.key) for app in present.apps if wanted.app(app.key) is None]
    for app in wanted.apps:
        before = present.app(app.key)
        if before is not None and before.provider != app.provider:
            found.append(DeleteApp(app.key))
        if before != app:
            found.append(SaveApp(app))
    present = carried_out(present, found)
    if _organisation(present) != _organisation(wanted):
        found.append(_organisation(wanted))
    by_agent = {definition.agent_id: definition for definition in wanted.analysis}
    for gone in present.analysis:
        if gone.agent_id not in by_agent:
            found.append(SetDefinition(AnalysisDefinition(gone.agent_id)))
    found += [SetDefinition(one) for one in wanted.analysis if one not in present.analysis]
    return tuple(found)


def carried_out(present: Document, todo: Sequence[Step]) -> Document:
    """The configuration after the steps."""
    for step in todo:
        present = _after(present, step)
    return present


def _after(present: Document, step: Step) -> Document:
    match step:
        case SetFields(fields):
            return replace(present, fields=fields)
        case DeleteApp(key):
            linked = None if present.linked_app == key else present.linked_app
            return replace(
                present, apps=tuple(app for app in present.apps if app.key != key), linked_app=linked
            )
        case SaveApp(app):
            others = tuple(one for one in present.apps if one.key != app.key)
            return replace(present, apps=(*others, app))
        case SetOrganisation():
            members = {name: getattr(step, name) for name in SetOrganisation.__dataclass_fields__}
            return replace(present, **members)
        case SetDefinition(definition):
            kept = [one for one in present.analysis if one.agent_id != definition.agent_id]
            says = definition.call_fields is not None or definition.chat_fields is not None
            return replace(present, analysis=(*kept, *([definition] if says else [])))


def _fields_between(present: Sequence[FieldSpec], wanted: Sequence[FieldSpec]) -> tuple[FieldSpec, ...]:
    """Those that stay as they will be, those that go as they are, then the new ones."""
    by_name = {spec.name: spec for spec in wanted}
    known = {spec.name for spec in present}
    new = [spec for spec in wanted if spec.name not in known]
    return (*(by_name.get(spec.name, spec) for spec in present), *new)


def _organisation(document: Document) -> SetOrganisation:
    names = SetOrganisation.__dataclass_fields__
    return SetOrganisation(**{name: getattr(document, name) for name in names})


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a diff. `action` is add, change or remove; `details` say what becomes what, `notes` what follows."""

    action: str
    what: str
    details: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Its members."""
        return {
            "action": self.action,
            "what": self.what,
            "details": list(self.details),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """What only the store knows: by field name, how many contacts hold a value."""

    holders: Mapping[str, int] = field(default_factory=dict)
