"""What Salesforce checks before it saves a record: locks, references, rules, uniqueness, duplicates."""

import re
from collections.abc import Mapping

from tieline.sandbox.kernel.exchange import Exchange
from tieline.sandbox.salesforce import errors
from tieline.sandbox.salesforce.coercion import Value
from tieline.sandbox.salesforce.duplicates import check_unique
from tieline.sandbox.salesforce.errors import SalesforceError
from tieline.sandbox.salesforce.objects import READ_ONLY
from tieline.sandbox.salesforce.org import Organisation
from tieline.sandbox.salesforce.schema import ObjectSchema
from tieline.sandbox.salesforce.store import Record

_FOREIGN_PREFIXES = {
    "Account": "001",
    "Group": "00G",
    "Opportunity": "006",
    "Case": "500",
    "Campaign": "701",
    "Asset": "02i",
    "Contract": "800",
    "Order": "801",
    "Product2": "01t",
    "Individual": "0PK",
    "DandBCompany": "06E",
}


def check_required(schema: ObjectSchema, record: Record) -> None:
    missing = [name for name, item in schema.fields.items() if item.required and record.get(name) is None]
    if missing:
        raise SalesforceError(
            "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", fields=missing
        )


def check_type(schema: ObjectSchema, operation: str) -> None:
    if schema.name in READ_ONLY:
        message = f"entity type {schema.name} does not support {operation}"
        raise SalesforceError("INVALID_TYPE_FOR_OPERATION", message, fields=[])


def check_lock(org: Organisation, exchange: Exchange | None, record_id: str | None) -> None:
    """Raises UNABLE_TO_LOCK_ROW while a `lock` fault holds the record."""
    if org.faults.take_record("lock", _spellings(record_id), exchange) is not None:
        raise errors.row_locked(record_id)


def check_save(
    org: Organisation,
    exchange: Exchange | None,
    schema: ObjectSchema,
    record_id: str | None,
    values: Mapping[str, Value],
) -> None:
    """Everything but the duplicate rule, in the order in which the first failure is reported; None is a new record."""
    check_lock(org, exchange, record_id)
    _check_rejection(org, exchange, record_id)
    record = org.tables[schema.name].rows.get(record_id) if record_id is not None else None
    if record is not None and record.get("IsConverted"):
        raise SalesforceError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", fields=[])
    _check_references(org, schema, values)
    _check_rules(org, schema, values)
    check_unique(org, schema, record_id, values)


def _spellings(record_id: str | None) -> list[str]:
    return [record_id, record_id[:15]] if record_id else []


def _check_rejection(org: Organisation, exchange: Exchange | None, record_id: str | None) -> None:
    rule = org.faults.take_record("reject", _spellings(record_id), exchange)
    if rule is None:
        return
    arguments, named = rule.arguments, rule.arguments.get("fields")
    raise SalesforceError(
        str(arguments.get("code") or "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        str(arguments.get("message") or "rejected by the sandbox"),
        fields=[str(name) for name in named] if isinstance(named, list) else [],
    )


def _check_references(org: Organisation, schema: ObjectSchema, values: Mapping[str, Value]) -> None:
    for name, value in values.items():
        targets = schema.fields[name].targets
        if not isinstance(value, str) or not targets:
            continue
        if not any(value.startswith(prefix) for prefix in _prefixes(org, targets)):
            raise SalesforceError(
                "MALFORMED_ID",
                f"{schema.fields[name].label}: id value of incorrect type: {value}",
                fields=[name],
            )
        target = org.object_of(value)
        if target is None:
            continue
        record = org.tables[target].rows.get(value)
        if record is None:
            raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[name])
        if record["IsDeleted"]:
            raise SalesforceError("ENTITY_IS_DELETED", "entity is deleted", fields=[])
        if record.get("IsConverted"):
            raise SalesforceError(
                "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", fields=[]
            )


def _prefixes(org: Organisation, targets: tuple[str, ...]) -> list[str]:
    return [org.objects[name].prefix if name in org.objects else _FOREIGN_PREFIXES[name] for name in targets]


def _check_rules(org: Organisation, schema: ObjectSchema, values: Mapping[str, Value]) -> None:
    for rule in org.validation_rules(schema.name):
        value = values.get(rule.field)
        if value is None or (rule.pattern is not None and not re.search(rule.pattern, str(value))):
            continue
        raise SalesforceError(
            "FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, fields=[rule.field] if rule.at_field else []
        )
