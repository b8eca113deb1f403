"""An organisation's configuration as one document: what a file says, and what stands in the store, in the same form.

A document is a value. Secrets are never in it: where one belongs stands a reference to it, or `KEEP`. This module must
never let two documents that mean the same differ, else a plan that changes nothing would not be empty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.app_settings import MAPPING_LISTS
from tieline.domain.configuration import ContactTag
from tieline.domain.extraction.definition import AnalysisDefinition, field_json
from tieline.domain.fields import FieldSpec
from tieline.domain.values import FieldType

VERSION: Final = 1
KEEP: Final = "keep"
"""Stands for a secret that is to stay as it is."""
SECTIONS: Final = (
    "fields",
    "apps",
    "linked_app",
    "analysis_mappings",
    "analysis",
    "tags",
    "columns",
    "memory_enabled",
    "memory_prompt",
)


@dataclass(frozen=True, slots=True)
class AppFile:
    """One app. `auth` None: its credentials stay; `crm_config` has the API's shape, without null members."""

    provider: str
    name: str = ""
    tenant_url: str | None = None
    tenant_id: str | None = None
    auth: Mapping[str, str] | None = None
    crm_config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What a document knows an app by, since ids differ from one installation to the next."""
        return self.name or self.provider


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration. A section that is not `given` says nothing: it stays as it is.

    Apps are in the order of their keys and analysis definitions in that of their agents; all other lists are as given.
    """

    fields: tuple[FieldSpec, ...] = ()
    apps: tuple[AppFile, ...] = ()
    linked_app: str | None = None
    analysis_mappings: tuple[AnalysisMapping, ...] = ()
    analysis: tuple[AnalysisDefinition, ...] = ()
    tags: tuple[ContactTag, ...] = ()
    columns: tuple[str, ...] = ()
    memory_enabled: bool = False
    memory_prompt: str | None = None
    given: frozenset[str] = frozenset(SECTIONS)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", tuple(_bare(spec) for spec in self.fields))
        apps = (replace(app, crm_config=plain_config(app.crm_config)) for app in self.apps)
        object.__setattr__(self, "apps", tuple(sorted(apps, key=lambda app: app.key)))
        by_agent = sorted(self.analysis, key=lambda definition: definition.agent_id)
        object.__setattr__(self, "analysis", tuple(by_agent))

    def app(self, key: str) -> AppFile | None:
        """The app of that key."""
        return next((app for app in self.apps if app.key == key), None)


def completed(wanted: Document, present: Document) -> Document:
    """The whole configuration that a document leads to: what it does not say is as it stands.

    Options that were settled when a mapping was saved stay, unless the document says others.
    """
    members: dict[str, Any] = {
        name: getattr(wanted if name in wanted.given else present, name) for name in SECTIONS
    }
    if "apps" in wanted.given:
        members["apps"] = tuple(_completed_app(app, present.app(app.key)) for app in wanted.apps)
    if "linked_app" not in wanted.given and members["linked_app"] not in {app.key for app in members["apps"]}:
        members["linked_app"] = None
    return Document(**members)


def plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A `crm_config` without what says nothing: null members and empty lists of mappings."""
    plain = {name: plain_value(value) for name, value in config.items() if value is not None}
    for name in MAPPING_LISTS:
        plain[name] = [_plain_line(line) for line in plain.get(name) or ()]
    empty = [name for name in (*MAPPING_LISTS, "fallback_phone_fields") if not plain.get(name)]
    return {name: value for name, value in plain.items() if name not in empty}


def plain_value(value: Any) -> Any:
    """JSON whose numbers are `int`, or `Decimal` where they are not whole."""
    match value:
        case bool():
            return value
        case float() | Decimal():
            number = Decimal(repr(value)) if isinstance(value, float) else value
            return int(number) if number == number.to_integral_value() else number.normalize()
        case Mapping():
            return {str(name): plain_value(item) for name, item in value.items()}
        case list() | tuple():
            return [plain_value(item) for item in value]
        case _:
            return value


def as_data(document: Document) -> dict[str, Any]:
    """The document as plain data, in the shape of the file: the inverse of reading it."""
    sections: dict[str, Any] = {
        "fields": [_field_data(spec) for spec in document.fields],
        "apps": [_app_data(app) for app in document.apps],
        "linked_app": document.linked_app,
        "analysis_mappings": [
            {
                "analysis_data_name": mapping.analysis_data_name,
                "field_name": mapping.field_name,
                "update_mode": mapping.update_mode.value,
                **plain_value(mapping.options()),
            }
            for mapping in document.analysis_mappings
        ],
        "analysis": [_definition_data(definition) for definition in document.analysis],
        "tags": [{"id": tag.id, "label": tag.label} for tag in document.tags],
        "columns": list(document.columns),
        "memory_enabled": document.memory_enabled,
        "memory_prompt": document.memory_prompt,
    }
    return {"version": VERSION, **{name: sections[name] for name in SECTIONS if name in document.given}}


def line_key(line: Mapping[str, Any]) -> tuple[str, str]:
    """By which two mappings of one direction are the same one."""
    return str(line["external_field_name"]), str(line["field_name"])


def _bare(spec: FieldSpec) -> FieldSpec:
    return replace(spec, field_id="", options=spec.options if spec.type is FieldType.ENUM else ())


def _plain_line(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if value not in (None, False, {})}


def _completed_app(app: AppFile, present: AppFile | None) -> AppFile:
    if present is None or present.provider != app.provider:
        return app
    config = dict(app.crm_config)
    for name in MAPPING_LISTS:
        if name in config:
            settled = {line_key(line): line for line in present.crm_config.get(name) or ()}
            config[name] = [_settled_line(line, settled.get(line_key(line))) for line in config[name]]
    return replace(app, crm_config=config, auth=present.auth if app.auth is None else app.auth)


def _settled_line(line: Mapping[str, Any], present: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if present is None or "options" not in present:
        return line
    said, settled = line.get("options") or {}, present["options"]
    agrees = all(settled.get(option) == value for option, value in said.items())
    return {**line, "options": settled} if agrees else line


def _field_data(spec: FieldSpec) -> dict[str, Any]:
    data: dict[str, Any] = {"name": spec.name, "type": spec.type.value}
    if spec.label:
        data["label"] = spec.label
    if spec.description:
        data["description"] = spec.description
    if spec.options:
        data["options"] = list(spec.options)
    return data


def _app_data(app: AppFile) -> dict[str, Any]:
    data: dict[str, Any] = {"name": app.name} if app.name else {}
    data["provider"] = app.provider
    for name in ("tenant_url", "tenant_id"):
        if getattr(app, name) is not None:
            data[name] = getattr(app, name)
    if app.auth is not None:
        data["auth"] = dict(app.auth)
    return {**data, "crm_config": plain_value(app.crm_config)}


def _definition_data(definition: AnalysisDefinition) -> dict[str, Any]:
    lists: Sequence[tuple[str, Any]] = (
        ("post_call_analysis_data", definition.call_fields),
        ("post_chat_analysis_data", definition.chat_fields),
    )
    data: dict[str, Any] = {"agent_id": definition.agent_id} if definition.agent_id else {}
    data |= {name: [field_json(one) for one in fields] for name, fields in lists if fields is not None}
    if definition.time_zone is not None:
        data["time_zone"] = definition.time_zone
    if definition.default_country is not None:
        data["default_country"] = definition.default_country
    return data
