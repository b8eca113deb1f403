"""Unique fields and the duplicate rule."""

from collections.abc import Mapping

from tieline.sandbox.kernel.values import JsonObject
from tieline.sandbox.salesforce.errors import SalesforceError
from tieline.sandbox.salesforce.org import Organisation
from tieline.sandbox.salesforce.schema import ObjectSchema
from tieline.sandbox.salesforce.store import Record

RULE = "Standard_Contact_Duplicate_Rule"


def keep_unique(org: Organisation, sobject: str, record: Record) -> None:
    """Enters a record's unique values; deleted records hold none."""
    for name in org.objects[sobject].unique:
        value = record.get(name)
        if isinstance(value, str) and not record["IsDeleted"]:
            org.unique.setdefault((sobject, name), {})[value.casefold()] = str(record["Id"])


def forget_unique(org: Organisation, sobject: str, record: Record) -> None:
    for name in org.objects[sobject].unique:
        value = record.get(name)
        held = org.unique.get((sobject, name), {})
        if isinstance(value, str) and held.get(value.casefold()) == record["Id"]:
            del held[value.casefold()]


def check_unique(
    org: Organisation, schema: ObjectSchema, record_id: str | None, values: Mapping[str, object]
) -> None:
    for name in schema.unique:
        value = values.get(name)
        if not isinstance(value, str):
            continue
        holder = org.unique.get((schema.name, name), {}).get(value.casefold())
        if holder is not None and holder != record_id:
            raise SalesforceError(
                "DUPLICATE_VALUE",
                f"duplicate value found: {name} duplicates value on record with id: {holder[:15]}",
                fields=[],
            )


def check_duplicates(
    org: Organisation, schema: ObjectSchema, record_id: str | None, values: Mapping[str, object]
) -> None:
    """The duplicate rule over the fields that the settings name; it looks at what is being written only."""
    if schema.name != "Contact":
        return
    asked = {
        name: str(value).casefold()
        for name in org.settings.duplicate_fields
        if (value := values.get(name)) is not None
    }
    if not asked:
        return
    matches = [
        found_id
        for found_id, record in org.tables[schema.name].rows.items()
        if found_id != record_id
        and not record["IsDeleted"]
        and any(str(record.get(name, "")).casefold() == text for name, text in asked.items())
    ]
    if matches:
        raise _detected(org, schema.name, matches)


def _detected(org: Organisation, sobject: str, ids: list[str]) -> SalesforceError:
    records = [_match_record(sobject, found_id) for found_id in ids[:5]]
    match = {
        "entityType": sobject,
        "errors": [],
        "matchEngine": "ExactMatchEngine",
        "matchRecords": records,
        "rule": "Standard_Contact_Match_Rule_v1_1",
        "size": len(records),
        "success": True,
    }
    message = "You're creating a duplicate record. We recommend you use an existing record instead."
    result = {
        "allowSave": org.settings.duplicate_allow_save,
        "duplicateRule": RULE,
        "duplicateRuleEntityType": sobject,
        "errorMessage": message,
        "matchResults": [match],
    }
    return SalesforceError("DUPLICATES_DETECTED", message, fields=[], extra={"duplicateResult": result})


def _match_record(sobject: str, record_id: str) -> JsonObject:
    url = f"/services/data/v68.0/sobjects/{sobject}/{record_id}"
    return {
        "additionalInformation": [],
        "fieldDiffs": [],
        "matchConfidence": 100.0,
        "record": {"attributes": {"type": sobject, "url": url}, "Id": record_id},
    }
