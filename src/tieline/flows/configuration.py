"""An app's saved mappings as what a run works with. Also says which of them the live schema no longer carries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tieline.domain.crm_schema import CrmField, CrmSchema
from tieline.domain.mapping import FieldMapping, MappingSet, Policy, build_mapping_set
from tieline.domain.update_modes import UpdateMode
from tieline.ports.config import AppConfig, OrgConfig


class ConfigurationError(Exception):
    """The app's configuration does not allow a run; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Effective:
    """The mappings that can work on this schema, and the CRM fields of those that cannot (schema drift)."""

    mapping: MappingSet
    drifted: frozenset[str]

    def crm_fields(self, schema: CrmSchema) -> list[CrmField]:
        """The fields to ask for."""
        found = (schema.get(name) for name in self.mapping.crm_fields)
        return [field for field in found if field is not None]


def field_mappings(lines: Iterable[Mapping[str, Any]]) -> list[FieldMapping]:
    """The API's mapping objects as the domain's."""
    return [
        FieldMapping(
            external_field_name=line["external_field_name"],
            field_name=line["field_name"],
            policy=Policy(line["policy"]) if line.get("policy") else None,
            options=dict(line.get("options") or {}),
            lossy_confirmed=bool(line.get("lossy_confirmed")),
            guard=line.get("guard"),
        )
        for line in lines
    ]


def merge_fields(org: OrgConfig) -> frozenset[str]:
    """Contact fields that an analysis mapping fills with `merge`."""
    return frozenset(m.field_name for m in org.analysis_mappings if m.update_mode is UpdateMode.MERGE)


def effective(app: AppConfig, org: OrgConfig, schema: CrmSchema) -> Effective:
    """What a run works with. Raises ConfigurationError when the phone mapping is gone or the rest is wrong."""
    inbound = field_mappings(app.crm_config.get("inbound_sync_mappings") or ())
    outbound = field_mappings(app.crm_config.get("outbound_sync_mappings") or ())
    gone = frozenset(m.external_field_name for m in (*inbound, *outbound) if not _carries(schema, m, app))
    built = build_mapping_set(
        [m for m in inbound if m.external_field_name not in gone],
        [m for m in outbound if m.external_field_name not in gone],
        org.fields,
        schema,
        time_zone=app.dates_zone,
        analysis_merge_fields=merge_fields(org),
        fallback_phone_fields=[n for n in app.crm_config.get("fallback_phone_fields") or () if schema.get(n)],
    )
    if isinstance(built, MappingSet):
        return Effective(built, gone)
    problems = " ".join(f"{p.where}: {p.message}" for p in built)
    if gone:
        problems = f"{problems} No longer in the CRM's schema, or of another type: {', '.join(sorted(gone))}."
    raise ConfigurationError(f"The mappings of app {app.name or app.app_id} cannot be used: {problems}")


def _carries(schema: CrmSchema, mapping: FieldMapping, app: AppConfig) -> bool:
    """Whether the live field is there and still of the kind that it had when the mapping was checked."""
    live = schema.get(mapping.external_field_name)
    if live is None:
        return False
    checked = app.schema.get(mapping.external_field_name) if app.schema else None
    return checked is None or checked.kind is live.kind
