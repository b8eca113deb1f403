"""The JSON Schema of the configuration file, and a check of data by it: the published schema is what is checked.

Only the words of JSON Schema that the schema below uses are understood. What needs more than a shape (does a field
exist, does the CRM have it) is checked elsewhere.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from tieline.domain import app_settings, configuration
from tieline.domain.analysis_mapping import DIRECTIONS
from tieline.domain.brake import BrakeKind
from tieline.domain.config_file import VERSION
from tieline.domain.facts import MergeStrategy
from tieline.domain.fields import Problem
from tieline.domain.pairs import Policy
from tieline.domain.quota import MAX_RESERVE_PERCENT
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import FieldType

_TEXT: Final = {"type": "string"}
_FLAG: Final = {"type": "boolean"}
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": app_settings.MAX_NAME}


def _nullable(shape: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [shape, {"type": "null"}]}


def _list(items: Mapping[str, Any], about: str, most: int | None = None) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "array", "description": about, "items": items}
    return shape if most is None else {**shape, "maxItems": most}


def _object(about: str, required: tuple[str, ...], members: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": about,
        "required": list(required),
        "additionalProperties": False,
        "properties": dict(members),
    }


def _one_of(values: Any) -> dict[str, Any]:
    return {"type": "string", "enum": [str(value) for value in values]}


def _whole(least: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most}


_FIELD = _object(
    "A custom field of contacts. Its type cannot be changed later.",
    ("name", "type"),
    {
        "name": _NAME,
        "type": _one_of(kind.value for kind in FieldType),
        "label": {"type": "string", "maxLength": configuration.MAX_LABEL},
        "description": {"type": "string", "maxLength": configuration.MAX_DESCRIPTION},
        "options": _list(_NAME, "The options of an enum.", configuration.MAX_OPTIONS),
    },
)
_LINE = _object(
    "One mapping between a field of the CRM and one of contacts.",
    ("external_field_name", "field_name"),
    {
        "external_field_name": _NAME,
        "field_name": _NAME,
        "policy": _nullable(_one_of(policy.value for policy in Policy)),
        "options": {
            "type": "object",
            "description": "Which option stands for which picklist value.",
            "additionalProperties": _TEXT,
        },
        "lossy_confirmed": _FLAG,
        "guard": _nullable(_one_of(["strict"])),
    },
)
_LIMIT = {
    "anyOf": [
        {"type": "boolean", "enum": [False]},
        _object(
            "The most that one run may do before a person must agree.",
            (),
            {
                "number": _nullable({"type": "integer", "minimum": 0}),
                "share": _nullable({"type": "number", "minimum": 0, "maximum": 1}),
            },
        ),
    ]
}
_CRM_CONFIG = _object(
    "How the app syncs. A member that is left out has its default.",
    (),
    {
        "inbound_sync_mappings": _list(_LINE, "From the CRM to contacts.", app_settings.MAX_SYNC_MAPPINGS),
        "outbound_sync_mappings": _list(_LINE, "From contacts to the CRM.", app_settings.MAX_SYNC_MAPPINGS),
        "fallback_phone_fields": _list(_NAME, "Further phone fields.", app_settings.MAX_FALLBACKS),
        "default_country": {"type": "string", "minLength": 2, "maxLength": 2},
        "time_zone": _NAME,
        "sync_conversation_activity": _FLAG,
        "sync_new_contacts": _FLAG,
        "new_contact_name": _NAME,
        "activity_key_field": _NAME,
        "sync_interval_minutes": _whole(1, app_settings.MAX_INTERVAL_MINUTES),
        "audit_interval_hours": _whole(0, app_settings.MAX_AUDIT_HOURS),
        "calculated_interval_hours": _whole(0, app_settings.MAX_AUDIT_HOURS),
        "api_reserve_percent": _whole(0, MAX_RESERVE_PERCENT),
        "brake": {
            "anyOf": [
                {"type": "boolean", "enum": [False]},
                _object("Limits by kind.", (), {kind.value: _LIMIT for kind in BrakeKind}),
            ]
        },
    },
)
_APP = _object(
    "A connection to a CRM, known by its name, or by its provider where it has none.",
    ("provider",),
    {
        "name": {"type": "string", "maxLength": app_settings.MAX_NAME},
        "provider": _NAME,
        "tenant_url": _nullable(_TEXT),
        "tenant_id": _nullable(_TEXT),
        "auth": {
            "type": "object",
            "description": (
                "Credentials. A secret is ${env:NAME}, ${file:PATH} or keep, never the secret itself. "
                "Left out: they stay as they are."
            ),
            "required": ["type"],
            "additionalProperties": _TEXT,
        },
        "crm_config": _CRM_CONFIG,
    },
)
_ANALYSIS_MAPPING = _object(
    "Lets a field of the analysis of conversations fill a field of contacts.",
    ("analysis_data_name", "field_name", "update_mode"),
    {
        "analysis_data_name": _NAME,
        "field_name": _NAME,
        "update_mode": _one_of(mode.value for mode in UpdateMode),
        "only_agents": _list(_NAME, "Only conversations of these agents."),
        "only_directions": _list(_one_of(DIRECTIONS), "Only conversations of these directions."),
        "only_if_successful": _FLAG,
        "min_confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "merge_strategy": _one_of(strategy.value for strategy in MergeStrategy),
        "max_characters": {"type": "integer", "minimum": 1},
    },
)
_ITEMS = _list({"type": "object"}, "What is to be found, in the shape of Retell's agents.")
_ANALYSIS = _object(
    "What is to be found in conversations of one agent, or of all that have nothing of their own.",
    (),
    {
        "agent_id": _NAME,
        "post_call_analysis_data": _ITEMS,
        "post_chat_analysis_data": _ITEMS,
        "time_zone": _NAME,
        "default_country": _NAME,
    },
)
_TAG = _object("A tag of contacts.", ("id", "label"), {"id": _NAME, "label": _NAME})

SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Configuration of a Tieline organisation",
    **_object(
        "A section that is left out stays as it is; one that is given is the whole of it.",
        ("version",),
        {
            "version": {"type": "integer", "enum": [VERSION]},
            "fields": _list(_FIELD, "Custom fields, in their order.", configuration.MAX_FIELDS),
            "apps": _list(_APP, "Connections to CRMs."),
            "linked_app": _nullable(_NAME),
            "analysis_mappings": _list(_ANALYSIS_MAPPING, "What analyses fill.", configuration.MAX_MAPPINGS),
            "analysis": _list(_ANALYSIS, "What is to be found in conversations."),
            "tags": _list(_TAG, "Tags of contacts.", configuration.MAX_TAGS),
            "columns": _list(_NAME, "The order of columns.", configuration.MAX_COLUMNS),
            "memory_enabled": _FLAG,
            "memory_prompt": _nullable({"type": "string", "maxLength": configuration.MAX_PROMPT}),
        },
    ),
}


def shape_problems(data: Any, shape: Mapping[str, Any] = SCHEMA, where: str = "") -> Iterator[Problem]:
    """Everything in which data differs from a schema, each with its place."""
    if "anyOf" in shape:
        yield from _any_problems(data, shape["anyOf"], where)
        return
    said = _own_problem(data, shape)
    if said is not None:
        yield Problem(where or "the file", said)
    elif isinstance(data, Mapping):
        yield from _member_problems(data, shape, where)
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from shape_problems(item, shape["items"], f"{where}[{index}]")


_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "a text (put quotes around it if it looks like a number)"),
    "boolean": ((bool,), "true or false"),
    "integer": ((int,), "a whole number"),
    "number": ((int, Decimal, float), "a number"),
    "array": ((list,), "a list"),
    "object": ((Mapping,), "an object"),
    "null": ((type(None),), "null"),
}


def _any_problems(data: Any, shapes: list[Mapping[str, Any]], where: str) -> Iterator[Problem]:
    found = [list(shape_problems(data, shape, where)) for shape in shapes]
    if all(found):
        # The alternative that fits best is the one whose problems lie deepest.
        yield from max(found, key=lambda problems: max(len(one.where) for one in problems))


def _own_problem(data: Any, shape: Mapping[str, Any]) -> str | None:
    classes, called = _TYPES[shape["type"]]
    if not isinstance(data, classes) or (isinstance(data, bool) and bool not in classes):
        return f"Give {called}."
    if "enum" in shape and data not in shape["enum"]:
        return (
            f"Give {'one of ' if len(shape['enum']) > 1 else ''}{', '.join(map(str, shape['enum'])).lower()}."
        )
    return _size_problem(data, shape)


def _size_problem(data: Any, shape: Mapping[str, Any]) -> str | None:
    if isinstance(data, str):
        least, most = shape.get("minLength", 0), shape.get("maxLength")
        if len(data) < least or (most is not None and len(data) > most):
            return f"Give a text of {least} to {most} characters."
    elif isinstance(data, int | float | Decimal) and not isinstance(data, bool):
        low, high = shape.get("minimum"), shape.get("maximum")
        if (low is not None and data < low) or (high is not None and data > high):
            return f"Give a number from {low}{'' if high is None else f' to {high}'}."
    elif isinstance(data, list) and len(data) > shape.get("maxItems", len(data)):
        return f"There can be at most {shape['maxItems']} entries."
    return None


def _member_problems(data: Mapping[Any, Any], shape: Mapping[str, Any], where: str) -> Iterator[Problem]:
    members, others = shape.get("properties", {}), shape.get("additionalProperties", True)
    inside = f"{where}." if where else ""
    for name in shape.get("required", ()):
        if name not in data:
            yield Problem(f"{inside}{name}", "This is missing.")
    for name, value in data.items():
        if name in members:
            yield from shape_problems(value, members[name], f"{inside}{name}")
        elif others is False or not isinstance(name, str):
            yield Problem(f"{inside}{name}", f"There is no such member; there are: {', '.join(members)}.")
        elif isinstance(others, Mapping):
            yield from shape_problems(value, others, f"{inside}{name}")
