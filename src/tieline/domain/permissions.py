"""What the connected user of an app may not do though its configuration asks for it, from the live schema.

This module must never take silence for a permission: a field that the CRM does not show is one that cannot be used.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieline.domain.crm_schema import CrmSchema


@dataclass(frozen=True, slots=True)
class Needs:
    """What an app does in its CRM beside reading contacts."""

    edits: bool = False
    creates: bool = False
    logs: bool = False


def needs_of(config: Mapping[str, Any]) -> Needs:
    """What a `crm_config` asks for."""
    return Needs(
        edits=bool(config.get("outbound_sync_mappings")),
        creates=bool(config.get("sync_new_contacts")),
        logs=bool(config.get("sync_conversation_activity")),
    )


def field_permission_problems(config: Mapping[str, Any], schema: CrmSchema) -> list[str]:
    """Sentences about fields, each once: what cannot be done with it, and what to ask the administrator for."""
    reading, writing = _mapped(config, "inbound_sync_mappings"), _mapped(config, "outbound_sync_mappings")
    reading = [*reading, *(config.get("fallback_phone_fields") or ())]
    found = [*_hidden([*reading, *writing], schema), *_not_editable(writing, schema)]
    if config.get("sync_new_contacts"):
        phone = _mapped(config, "inbound_sync_mappings", of="phone_number")
        found += _not_createable([*writing, *phone], schema)
    return list(dict.fromkeys(found))


def _mapped(config: Mapping[str, Any], name: str, of: str | None = None) -> list[str]:
    lines = config.get(name) or ()
    return [line["external_field_name"] for line in lines if of in (None, line["field_name"])]


def _hidden(names: Sequence[str], schema: CrmSchema) -> Iterator[str]:
    for name in names:
        if schema.get(name) is None:
            yield f"Cannot see {name}: ask for read permission on it for the integration user, if it still exists."


def _not_editable(names: Sequence[str], schema: CrmSchema) -> Iterator[str]:
    for name in names:
        crm = schema.get(name)
        if crm is not None and crm.calculated:
            yield f"Cannot edit {name}: the CRM calculates it. Map it inbound only."
        elif crm is not None and not crm.updateable:
            yield f"Cannot edit {name}: ask for edit permission on it for the integration user."


def _not_createable(names: Sequence[str], schema: CrmSchema) -> Iterator[str]:
    for name in names:
        crm = schema.get(name)
        if crm is not None and not crm.calculated and crm.updateable and not crm.createable:
            yield f"Cannot set {name} on new records: ask for edit permission on it for the integration user."
