"""What an app's mappings would make of some records of its CRM, read now. Saves nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tieline.domain.crm_schema import CrmSchema
from tieline.domain.fields import Problem, Uncoercible
from tieline.domain.mapping import Direction, MappingSet
from tieline.domain.plan_inbound import numbers_of
from tieline.domain.records import RemoteRecord
from tieline.domain.suggestions import Suggestion, suggestions
from tieline.domain.values import Value
from tieline.flows.app_checks import AppRefusedError, built_mappings, placed
from tieline.flows.app_forms import form_problems, with_members
from tieline.flows.checking import AppChecking
from tieline.flows.configuration import ConfigurationError, effective, field_mappings
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.crm import CrmSession

MAX_SAMPLE: Final = 100


@dataclass(frozen=True, slots=True)
class SampledValue:
    """A value of a record: as the CRM has it, and what it becomes, or why it does not fit."""

    external_field_name: str
    field_name: str
    raw: Value
    value: Value = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SampledRecord:
    """A record. `phone_problem` says why it would be skipped."""

    external_id: str
    phone_number: str | None
    phone_problem: str
    values: tuple[SampledValue, ...]


@dataclass(frozen=True, slots=True)
class MappingCheck:
    """Everything that is wrong with the mappings; records by those that can work; what else could be mapped."""

    problems: tuple[Problem, ...]
    records: tuple[SampledRecord, ...]
    suggested_inbound: tuple[Suggestion, ...]
    suggested_outbound: tuple[Suggestion, ...]


async def check_mappings(
    checking: AppChecking,
    org: OrgConfig,
    org_id: str,
    app_id: str,
    config: Mapping[str, Any] | None = None,
    number: int = 10,
) -> MappingCheck:
    """Holds an app's mappings, or those that are tried in `config` (members of a `crm_config`), against the live CRM.

    Raises the errors of ports.errors, TenantMismatchError, AppRefusedError for a wrong form, LookupError.
    """
    app, session = await checking.open(org_id, app_id)
    if config is not None:
        members = {"crm_config": config}
        problems = form_problems(
            members,
            app.provider,
            app.type,
            checking.connectors,
            sandbox_mode=checking.sandbox_mode,
            new=False,
        )
        if problems:
            raise AppRefusedError(problems)
        app = with_members(app, members)
    return await checking.in_time(_check(session, app, org, min(number, MAX_SAMPLE)))


async def _check(session: CrmSession, app: AppConfig, org: OrgConfig, number: int) -> MappingCheck:
    schema = await session.run(session.connector.describe())
    built = built_mappings(app, org, schema)
    problems = [] if isinstance(built, MappingSet) else placed(built)
    records: Sequence[RemoteRecord] = ()
    mapping = None
    try:
        how = effective(app, org, schema)
    except ConfigurationError:
        pass  # the phone mapping cannot work, so no record can; `problems` says why
    else:
        mapping = how.mapping
        if number > 0:
            page = await session.run(session.connector.read_sample(how.crm_fields(schema), number))
            records = page.records
    return MappingCheck(
        tuple(problems),
        tuple(_sampled(record, mapping, app.region) for record in records if mapping is not None),
        _suggested(Direction.INBOUND, app, org, schema),
        _suggested(Direction.OUTBOUND, app, org, schema),
    )


def _sampled(record: RemoteRecord, mapping: MappingSet, region: str) -> SampledRecord:
    numbers = numbers_of(record, mapping, region)
    values = []
    for pair in mapping.pairs:
        if not pair.inbound or pair.crm.name not in record.values:
            continue
        raw = record.values[pair.crm.name]
        made = pair.to_local(raw)
        if isinstance(made, Uncoercible):
            said = f"{pair.crm.name} {made.reason}."
            values.append(SampledValue(pair.crm.name, pair.field.name, raw, None, said))
        else:
            values.append(SampledValue(pair.crm.name, pair.field.name, raw, made))
    usable = numbers.usable[0] if numbers.usable else None
    problem = "" if usable else f"The record would be skipped: its number {numbers.problem or 'is empty'}."
    return SampledRecord(record.external_id, usable, problem, tuple(values))


def _suggested(
    direction: Direction, app: AppConfig, org: OrgConfig, schema: CrmSchema
) -> tuple[Suggestion, ...]:
    mapped = field_mappings(app.crm_config.get(f"{direction.value}_sync_mappings") or ())
    return tuple(suggestions(direction, mapped, org.fields, schema))
