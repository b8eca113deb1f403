"""An app's saved mappings as what a run works with. Also says which of them the live schema no longer carries."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieline.domain.analysis_mapping import merge_fields
from tieline.domain.changeset import IssueNote
from tieline.domain.crm_schema import CrmField, CrmSchema
from tieline.domain.mapping import FieldMapping, MappingSet, Policy, Problem, build_mapping_set
from tieline.domain.schema_watch import schema_changes
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.errors import CrmError, RateLimitedError, TransientError


class ConfigurationError(Exception):
    """The app's configuration does not allow a run; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Effective:
    """The mappings that can work on this schema, and the CRM fields of those that cannot (schema drift), with why."""

    mapping: MappingSet
    drifted: frozenset[str]
    reasons: Mapping[str, str] = field(default_factory=dict)

    def crm_fields(self, schema: CrmSchema) -> list[CrmField]:
        """The fields to ask for."""
        found = (schema.get(name) for name in self.mapping.crm_fields)
        return [one for one in found if one is not None]


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


def effective(app: AppConfig, org: OrgConfig, schema: CrmSchema) -> Effective:
    """What a run works with: every pair that the live schema still carries. The others rest, each by itself.

    Raises ConfigurationError when the phone mapping cannot work, or what is wrong is not one mapping's.
    """
    inbound = field_mappings(app.crm_config.get("inbound_sync_mappings") or ())
    outbound = field_mappings(app.crm_config.get("outbound_sync_mappings") or ())
    fallbacks = [n for n in app.crm_config.get("fallback_phone_fields") or () if schema.get(n)]
    resting = {_key(m): _GONE for m in (*inbound, *outbound) if not _carries(schema, m, app)}
    while True:
        reading = [m for m in inbound if _key(m) not in resting]
        writing = [m for m in outbound if _key(m) not in resting]
        built = build_mapping_set(
            reading,
            writing,
            org.fields,
            schema,
            time_zone=app.dates_zone,
            analysis_merge_fields=merge_fields(org.analysis_mappings),
            fallback_phone_fields=fallbacks,
        )
        if isinstance(built, MappingSet):
            return Effective(built, frozenset(crm for _, crm in resting), _by_field(resting))
        more = {
            _key(mapping): problem.message
            for problem in built
            if (mapping := _at_fault(problem, reading, writing)) is not None
        }
        usable = [
            n
            for i, n in enumerate(fallbacks)
            if not any(p.where == f"fallback_phone_fields[{i}]" for p in built)
        ]
        if not more and usable == fallbacks:
            break
        resting |= more
        fallbacks = usable
    problems = " ".join([*(f"{p.where}: {p.message}" for p in built), *_by_field(resting).values()])
    raise ConfigurationError(f"The mappings of app {app.name or app.app_id} cannot be used: {problems}")


_GONE = "The field is no longer there, no longer readable for the connected user, or of another type."
_PLACE = re.compile(r"(inbound|outbound)_sync_mappings\[(\d+)\]")


def _key(mapping: FieldMapping) -> tuple[str, str]:
    """The pair that a mapping belongs to: both directions of it rest together."""
    return mapping.field_name, mapping.external_field_name


def _at_fault(
    problem: Problem, reading: Sequence[FieldMapping], writing: Sequence[FieldMapping]
) -> FieldMapping | None:
    place = _PLACE.fullmatch(problem.where)
    if place is None:
        return None
    return (reading if place[1] == "inbound" else writing)[int(place[2])]


def _by_field(resting: Mapping[tuple[str, str], str]) -> dict[str, str]:
    return {crm: why for (_, crm), why in resting.items()}


def _carries(schema: CrmSchema, mapping: FieldMapping, app: AppConfig) -> bool:
    """Whether the live field is there and still of the kind that it had when the mapping was checked."""
    live = schema.get(mapping.external_field_name)
    if live is None:
        return False
    checked = app.schema.get(mapping.external_field_name) if app.schema else None
    return checked is None or checked.kind is live.kind


def failed_cause(app: AppConfig, what: str) -> str:
    """The cause of the issue about a flow of an app (`what`: push, activity) that the CRM refuses as a whole."""
    return f"failed:{app.app_id}:{what}"


def failed_note(app: AppConfig, what: str, error: CrmError) -> IssueNote | None:
    """What a person must see of an error, or None when time alone may cure it."""
    if isinstance(error, TransientError | RateLimitedError):
        return None
    return IssueNote(failed_cause(app, what), f"{what}_failed", str(error), severity="error")


def drift_cause(app: AppConfig, name: str) -> str:
    """The cause of the issue about a CRM field whose mapping rests."""
    return f"drift:{app.app_id}:{name}"


def drift_notes(app: AppConfig, how: Effective) -> list[IssueNote]:
    """One issue for each CRM field whose mapping rests."""
    return notes_of_drift(app, {name: how.reasons.get(name, _GONE) for name in how.drifted})


def change_causes(app: AppConfig) -> str:
    """How the causes of issues about changes of the schema begin."""
    return f"schema:{app.app_id}:"


def change_notes(app: AppConfig, how: Effective) -> list[IssueNote]:
    """One issue for each change of the schema that lets the mappings work on."""
    return [
        IssueNote(
            cause=f"{change_causes(app)}{one.external_field_name}:{one.field_name}:{one.about}",
            kind="schema_changed",
            message=one.message,
            field_name=one.field_name,
        )
        for one in schema_changes(how.mapping.pairs, app.schema)
    ]


def absent_notes(app: AppConfig, crm_names: Iterable[str]) -> list[IssueNote]:
    """Issues about CRM fields that an answer lacked, though the schema has them."""
    return notes_of_drift(app, dict.fromkeys(crm_names, "The CRM's answers do not contain it."))


def notes_of_drift(app: AppConfig, reasons: Mapping[str, str]) -> list[IssueNote]:
    """The same by field name, with why."""
    return [
        IssueNote(
            cause=drift_cause(app, name),
            kind="schema_drift",
            message=f"The CRM field {name}, mapped in app {app.name or app.app_id}, cannot be used as it is now: {why} "
            "Its mapping rests and no value is changed. Put it right in the CRM, or change the mapping.",
            severity="error",
        )
        for name, why in sorted(reasons.items())
    ]
