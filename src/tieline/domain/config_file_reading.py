"""Plain data of a configuration file as a document, or everything that is wrong with it.

Checks what can be told from the file alone. This module must never take a secret that is written out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.config_file import SECTIONS, AppFile, Document, plain_value
from tieline.domain.config_file_schema import shape_problems
from tieline.domain.config_file_secrets import auth_reference_problems, reference_problem
from tieline.domain.configuration import ContactTag
from tieline.domain.extraction.definition import AnalysisDefinition, place_problems, read_fields
from tieline.domain.fields import FieldSpec, Problem
from tieline.domain.values import FieldType

_LISTS: Final = (("call", "post_call_analysis_data"), ("chat", "post_chat_analysis_data"))


def read_document(data: Any) -> Document | list[Problem]:
    """The document, or every problem of it at once, by its place in the file."""
    plain = plain_value(data)
    problems = list(shape_problems(plain))
    if problems:
        return problems
    problems = [
        *_twice("apps", (str(app.get("name") or app["provider"]) for app in plain.get("apps") or ())),
        *_twice("analysis", (str(one.get("agent_id") or "") for one in plain.get("analysis") or ())),
        *_mapped_twice(plain.get("analysis_mappings") or ()),
    ]
    for index, app in enumerate(plain.get("apps") or ()):
        problems += _app_problems(f"apps[{index}]", app)
    definitions = []
    for index, item in enumerate(plain.get("analysis") or ()):
        definition, wrong = _definition(f"analysis[{index}]", item)
        definitions.append(definition)
        problems += wrong
    return problems or _document(plain, definitions)


def _document(data: Mapping[str, Any], definitions: Sequence[AnalysisDefinition]) -> Document:
    return Document(
        fields=tuple(_field(item) for item in data.get("fields") or ()),
        apps=tuple(_app(item) for item in data.get("apps") or ()),
        linked_app=data.get("linked_app"),
        analysis_mappings=tuple(
            AnalysisMapping.from_parts(
                item["analysis_data_name"], item["field_name"], item["update_mode"], item
            )
            for item in data.get("analysis_mappings") or ()
        ),
        analysis=tuple(definitions),
        tags=tuple(ContactTag(item["id"].lower(), item["label"].strip()) for item in data.get("tags") or ()),
        columns=tuple(data.get("columns") or ()),
        memory_enabled=data.get("memory_enabled", False),
        memory_prompt=data.get("memory_prompt"),
        given=frozenset(name for name in SECTIONS if name in data),
    )


def _field(item: Mapping[str, Any]) -> FieldSpec:
    return FieldSpec(
        item["name"],
        FieldType(item["type"]),
        item.get("label", ""),
        item.get("description", ""),
        tuple(item.get("options") or ()),
    )


def _app(item: Mapping[str, Any]) -> AppFile:
    return AppFile(
        item["provider"],
        item.get("name", ""),
        item.get("tenant_url"),
        item.get("tenant_id"),
        item.get("auth"),
        item.get("crm_config") or {},
    )


def _app_problems(where: str, app: Mapping[str, Any]) -> Iterator[Problem]:
    for name in ("tenant_url", "tenant_id"):
        if said := reference_problem(app.get(name) or ""):
            yield Problem(f"{where}.{name}", said)
    yield from auth_reference_problems(f"{where}.auth", app.get("auth") or {})
    for name in ("inbound_sync_mappings", "outbound_sync_mappings"):
        lines = (app.get("crm_config") or {}).get(name) or ()
        pairs = (f"{line['external_field_name']} and {line['field_name']}" for line in lines)
        yield from _twice(f"{where}.crm_config.{name}", pairs)


def _definition(where: str, item: Mapping[str, Any]) -> tuple[AnalysisDefinition, list[Problem]]:
    problems = [
        Problem(f"{where}.{one.where}", one.message)
        for one in place_problems(item.get("time_zone"), item.get("default_country"))
    ]
    found: list[Any] = []
    for kind, name in _LISTS:
        fields = None
        if name in item:
            fields, wrong = read_fields(kind, f"{where}.{name}", item[name])
            problems += wrong
        found.append(fields)
    if found == [None, None]:
        names = " or ".join(name for _, name in _LISTS)
        problems.append(Problem(where, f"This says nothing about what is to be found: give {names}."))
    calls, chats = found
    place = item.get("time_zone"), item.get("default_country")
    return AnalysisDefinition(item.get("agent_id", ""), calls, chats, *place), problems


def _mapped_twice(mappings: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    pairs = (f"{item['analysis_data_name']} and {item['field_name']}" for item in mappings)
    yield from _twice("analysis_mappings", pairs)


def _twice(where: str, names: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            called = repr(name) if name else "an entry for all agents"
            yield Problem(f"{where}[{index}]", f"{called} is there twice: remove one, or name it otherwise.")
        seen.add(name)
