"""What an app becomes once its CRM was looked at: connected with checked mappings, waiting, stopped, or refused.

Values in, values out. This module must never let mappings count as checked that were not held against a live schema.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from tieline.domain.analysis_mapping import merge_fields
from tieline.domain.app_settings import MAPPING_LISTS
from tieline.domain.crm_schema import CrmSchema
from tieline.domain.fields import PHONE_NUMBER, Problem
from tieline.domain.mapping import Direction, FieldMapping, MappingSet, build_mapping_set
from tieline.domain.mapping_checks import (
    agreement_problems,
    cycle_problems,
    line_problems,
    lines,
    target_problems,
)
from tieline.flows.configuration import field_mappings
from tieline.flows.tenancy import stopped
from tieline.flows.trial import NotReached, OtherTenant, Outcome, Reached
from tieline.ports.config import AppConfig, OrgConfig

LOOK_AGAIN_AFTER: Final = timedelta(minutes=1)


class AppRefusedError(ValueError):
    """An app was refused as a whole, and nothing was saved; `problems` is everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.where}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


def judged(app: AppConfig, org: OrgConfig, outcome: Outcome, now: datetime) -> AppConfig:
    """The app to save. Raises AppRefusedError for mappings that cannot work."""
    match outcome:
        case OtherTenant(reason):
            _refuse_structure(app, org)
            return replace(stopped(app, reason), mappings_checked=False)
        case NotReached(status, reason, identity):
            _refuse_structure(app, org)
            tenant = app if identity is None else _of_tenant(app, outcome)
            return replace(
                tenant, connection_status=status, status_reason=reason, mappings_checked=False,
                next_sync_at=now + LOOK_AGAIN_AFTER,
            )  # fmt: skip
        case Reached():
            return _connected(app, org, outcome, now)


def judged_again(app: AppConfig, org: OrgConfig, outcome: Outcome, now: datetime) -> tuple[AppConfig, str]:
    """What a saved app becomes by a further look, and what is wrong with its mappings.

    Mappings that are known to be good are not judged again: their drift is the runs' to tell.
    """
    match outcome:
        case OtherTenant(reason):
            return replace(stopped(app, reason), mappings_checked=False), ""
        case NotReached(status="error", reason=reason) if app.mappings_checked:
            return replace(app, connection_status="error", status_reason=reason), ""
        case NotReached() if app.mappings_checked:
            # A moment without an answer says nothing about an app that was connected.
            return app, ""
        case Reached() if app.mappings_checked:
            stop = app.stopped_reason if app.connection_status == "connected" else None
            return replace(
                app, connection_status="connected", status_reason=outcome.key_problem, stopped_reason=stop
            ), ""
    try:
        return judged(app, org, outcome, now), ""
    except AppRefusedError as error:
        said = f"The mappings cannot be used: {error}"
        status = "connected" if isinstance(outcome, Reached) else app.connection_status
        return replace(app, connection_status=status, status_reason=said), said


def _connected(app: AppConfig, org: OrgConfig, reached: Reached, now: datetime) -> AppConfig:
    stays_stopped = app.stopped_reason is not None and app.connection_status == "connected"
    found = replace(
        _of_tenant(app, reached), connection_status="connected", status_reason=None,
        stopped_reason=app.stopped_reason if stays_stopped else None, schema=reached.schema, schema_at=now,
    )  # fmt: skip
    if not has_mappings(app):
        return replace(found, mappings_checked=False, next_sync_at=None)
    built = built_mappings(found, org, reached.schema)
    unfit = [Problem("activity_key_field", reached.key_problem)] if reached.key_problem else []
    if not isinstance(built, MappingSet):
        raise AppRefusedError(placed([*built, *unfit]))
    if unfit:
        raise AppRefusedError(placed(unfit))
    due = (found.next_sync_at or now) if org.app_id == app.app_id else None
    return replace(found, mappings_checked=True, crm_config=_settled(app.crm_config, built), next_sync_at=due)


def has_mappings(app: AppConfig) -> bool:
    """Whether anything is to be synced at all. An app may be saved without a `crm_config`, but not with half of one."""
    return bool(app.crm_config)


def structure_problems(app: AppConfig, org: OrgConfig) -> list[Problem]:
    """What is wrong with the mappings whatever the CRM's schema says."""
    if not has_mappings(app):
        return []
    inbound, outbound = _mappings(app)
    nothing = CrmSchema()
    reading = lines(Direction.INBOUND, inbound, org.fields, nothing)
    writing = lines(Direction.OUTBOUND, outbound, org.fields, nothing)
    problems = [*target_problems([*reading, *writing]), *cycle_problems([*reading, *writing])]
    if not any(line.mapping.field_name == PHONE_NUMBER for line in reading):
        said = f"No inbound mapping fills {PHONE_NUMBER}, which is how contacts are matched."
        problems.append(Problem(MAPPING_LISTS[0], said))
    by_key = {line.key: line for line in reading}
    for line in (*reading, *writing):
        unknown_there = f"{line.name} names the CRM field "
        found = line_problems(line, two_way=line.key in by_key, lossy_confirmed=True)
        problems += [problem for problem in found if not problem.message.startswith(unknown_there)]
    for line in writing:
        if line.key in by_key:
            problems += agreement_problems(line, by_key[line.key])
    return placed(problems)


def _refuse_structure(app: AppConfig, org: OrgConfig) -> None:
    problems = structure_problems(app, org)
    if problems:
        raise AppRefusedError(problems)


def _of_tenant(app: AppConfig, outcome: Reached | NotReached) -> AppConfig:
    identity = outcome.identity
    assert identity is not None
    return replace(
        app, tenant_id=identity.tenant_id, own_user_id=identity.user_id or app.own_user_id,
        time_zone=identity.time_zone or app.time_zone,
    )  # fmt: skip


def built_mappings(app: AppConfig, org: OrgConfig, schema: CrmSchema) -> MappingSet | list[Problem]:
    """An app's mappings on that schema, or everything that is wrong with them."""
    inbound, outbound = _mappings(app)
    return build_mapping_set(
        inbound,
        outbound,
        org.fields,
        schema,
        time_zone=app.dates_zone,
        analysis_merge_fields=merge_fields(org.analysis_mappings),
        fallback_phone_fields=app.crm_config.get("fallback_phone_fields") or (),
    )


def _mappings(app: AppConfig) -> tuple[list[FieldMapping], list[FieldMapping]]:
    inbound, outbound = (field_mappings(app.crm_config.get(name) or ()) for name in MAPPING_LISTS)
    return inbound, outbound


def _settled(config: Mapping[str, Any], built: MappingSet) -> dict[str, Any]:
    """The `crm_config` with the settled options in its lines, everything else as it was given."""
    stored = dict(config)
    for name, mappings in zip(MAPPING_LISTS, (built.inbound, built.outbound), strict=True):
        if name in config:
            given = zip(config[name], mappings, strict=True)
            stored[name] = [
                {**line, "options": dict(mapping.options)} if mapping.options else dict(line)
                for line, mapping in given
            ]
    return stored


def placed(problems: Sequence[Problem]) -> list[Problem]:
    """Problems of mappings at their places in an app."""
    return [Problem(f"crm_config.{problem.where}", problem.message) for problem in problems]
