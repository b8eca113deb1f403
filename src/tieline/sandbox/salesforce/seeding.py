"""Fills an organisation with made-up people."""

from datetime import timedelta

from tieline.sandbox.kernel.errors import AdminError
from tieline.sandbox.kernel.people import Person, generate_people
from tieline.sandbox.kernel.values import JsonObject, get_int
from tieline.sandbox.salesforce.duplicates import keep_unique
from tieline.sandbox.salesforce.formats import stamp
from tieline.sandbox.salesforce.org import USERS, Organisation, derive
from tieline.sandbox.salesforce.store import Record

_LEAD_STATUS = ("New", "Contacted", "Qualified", "Unqualified", "Nurturing")
_SPREAD_SECONDS = 30 * 24 * 3600
_LIMIT = 2_000_000


def seed(org: Organisation, spec: JsonObject) -> JsonObject:
    """`{contacts, seed?, spread_seconds?}`: contacts last changed evenly over the past `spread_seconds` (30 days).

    A spread of 0 gives them all one stamp, which is the hardest case for a reader.
    """
    count, number = get_int(spec, "contacts"), get_int(spec, "seed", 1)
    spread = get_int(spec, "spread_seconds", _SPREAD_SECONDS)
    if not 0 <= count <= _LIMIT:
        raise AdminError(f"contacts must be 0 to {_LIMIT}")
    start = org.clock.now() - timedelta(seconds=spread)
    table = org.tables["Contact"]
    records: dict[str, Record] = {}
    stamps: dict[int, str] = {}
    for person in generate_people(count, number):
        second = person.index * spread // max(count, 1)
        at = stamps.get(second)
        if at is None:
            at = stamps[second] = stamp(start + timedelta(seconds=second))
        record = _contact(person, table.ids.take(), at)
        derive("Contact", record, org.settings.formula_threshold)
        records[str(record["Id"])] = record
    table.load(records)
    for record in records.values():
        keep_unique(org, "Contact", record)
    return {
        "contacts": count,
        "first_id": next(iter(records), None),
        "last_id": next(reversed(records), None),
    }


def _contact(person: Person, record_id: str, at: str) -> Record:
    """Text is trimmed, as Salesforce does on every save."""
    user = USERS["rep"]
    record: Record = {
        "Id": record_id,
        "IsDeleted": False,
        "LastName": person.last_name.strip(),
        "FirstName": person.first_name.strip() or None,
        "Phone": person.phone.strip() or None,
        "Email": person.email or None,
        "Lead_Status__c": _LEAD_STATUS[person.lead_status],
        "Notes__c": person.note or None,
        "Score__c": person.score,
        "VIP__c": person.vip or None,
        "Renewal_Date__c": person.renewal_date.isoformat(),
        "Last_Demo__c": stamp(person.last_demo),
        "Plan__c": person.plan,
        "Interests__c": ";".join(person.interests) or None,
        "Employees__c": float(person.employees),
        "OwnerId": user,
        "CreatedDate": at,
        "CreatedById": user,
        "LastModifiedDate": at,
        "LastModifiedById": user,
        "SystemModstamp": at,
    }
    return {name: value for name, value in record.items() if value is not None}
