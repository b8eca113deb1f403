"""Creating, updating, deleting, restoring and merging records, with everything that Salesforce checks on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tieline.sandbox.kernel.exchange import Exchange
from tieline.sandbox.salesforce import errors
from tieline.sandbox.salesforce.checks import check_lock, check_required, check_save, check_type
from tieline.sandbox.salesforce.coercion import Source, Value, coerce
from tieline.sandbox.salesforce.duplicates import check_duplicates, forget_unique, keep_unique
from tieline.sandbox.salesforce.errors import SalesforceError
from tieline.sandbox.salesforce.org import Organisation, derive
from tieline.sandbox.salesforce.schema import Field, ObjectSchema
from tieline.sandbox.salesforce.store import Record

_NOT_FIELDS = frozenset({"attributes", "type"})


@dataclass(slots=True)
class Write:
    """Who writes, when, and under which request; the undo journal of an all-or-none request."""

    org: Organisation
    user_id: str
    exchange: Exchange | None = None
    stamp_at: datetime | None = None
    body: bytes = b""
    allow_duplicates: bool = False
    checked: bool = True
    journal: list[tuple[str, str, Record | None]] = field(default_factory=list)

    @property
    def stamp(self) -> str:
        at = self.stamp_at or (self.exchange.stamp if self.exchange is not None else None)
        return self.org.now(at)

    def undo(self) -> None:
        """Puts every record back as it was before this write."""
        for sobject, record_id, before in reversed(self.journal):
            table = self.org.tables[sobject]
            after = table.rows[record_id]
            forget_unique(self.org, sobject, after)
            if before is None:
                table.purge(record_id)
            else:
                table.put(record_id, before)
                keep_unique(self.org, sobject, before)
            if sobject == "Task":
                _rehang(self.org, record_id, after, before)
        self.journal.clear()


def create(write: Write, schema: ObjectSchema, payload: Mapping[str, object]) -> str:
    """The new record's id; raises `SalesforceError`."""
    check_type(schema, "create")
    values = _values(write, schema, payload, creating=True)
    record: Record = dict(_defaults(schema, write))
    record.update(values)
    check_required(schema, record)
    record_id = write.org.tables[schema.name].ids.take()
    record["Id"] = record_id
    record["CreatedDate"], record["CreatedById"] = write.stamp, write.user_id
    _check(write, schema, None, values)
    _put(write, schema, record_id, record)
    return record_id


def update(write: Write, record_id: str, payload: Mapping[str, object]) -> str:
    """The record's 18-character id; raises `SalesforceError`, 404 when there is none."""
    schema, old, known = find_live(write.org, record_id)
    check_type(schema, "update")
    values = _values(write, schema, payload, creating=False)
    record = {**old, **values}
    check_required(schema, record)
    _check(write, schema, known, values)
    same = all(_same(old.get(name), value) for name, value in values.items())
    if not same or write.org.settings.identical_update_moves_stamp:
        _put(write, schema, known, record)
    return known


def delete(write: Write, record_id: str) -> str:
    """Moves a record to the recycle bin, and what hangs on it with it."""
    schema, old, known = find_live(write.org, record_id)
    check_type(schema, "delete")
    if write.checked:
        check_lock(write.org, write.exchange, known)
    _put(write, schema, known, {**old, "IsDeleted": True})
    if schema.name != "Task":
        for task_id in sorted(write.org.children.get(known, ())):
            task = write.org.tables["Task"].rows.get(task_id)
            if task is not None and not task["IsDeleted"]:
                _put(write, write.org.objects["Task"], task_id, {**task, "IsDeleted": True})
    return known


def restore(write: Write, record_id: str) -> str:
    """Takes a record out of the recycle bin; a merged one cannot be taken out."""
    found = write.org.locate(record_id)
    if found is None:
        raise errors.not_found()
    schema, _, known, old = found
    if not old["IsDeleted"] or old.get("MasterRecordId"):
        raise SalesforceError("UNDELETE_FAILED", "Entity is not in the recycle bin", fields=[])
    _put(write, schema, known, {**old, "IsDeleted": False})
    for task_id in sorted(write.org.children.get(known, ())):
        task = write.org.tables["Task"].rows.get(task_id)
        if task is not None and task["IsDeleted"]:
            _put(write, write.org.objects["Task"], task_id, {**task, "IsDeleted": False})
    return known


def merge(write: Write, winner_id: str, loser_id: str, values: Mapping[str, object]) -> str:
    """The loser goes to the recycle bin with `MasterRecordId` set and its tasks move to the winner."""
    schema, winner, winner_known = find_live(write.org, winner_id)
    loser_schema, loser, loser_known = find_live(write.org, loser_id)
    if schema is not loser_schema or winner_known == loser_known or not schema.mergeable:
        raise SalesforceError("INVALID_ARGUMENT", "merge needs two different records of one mergeable object")
    kept = {**winner, **_values(write, schema, values, creating=False)}
    _put(write, schema, loser_known, {**loser, "IsDeleted": True, "MasterRecordId": winner_known})
    _put(write, schema, winner_known, kept)
    for task_id in sorted(write.org.children.get(loser_known, ())):
        task = write.org.tables["Task"].rows[task_id]
        _put(write, write.org.objects["Task"], task_id, {**task, "WhoId": winner_known})
    return winner_known


def find_live(org: Organisation, record_id: str) -> tuple[ObjectSchema, Record, str]:
    """A record that is not deleted; raises what a write to it would get."""
    found = org.locate(record_id)
    if found is None:
        raise errors.not_found()
    schema, _, known, record = found
    if record["IsDeleted"]:
        raise errors.is_deleted()
    return schema, record, known


def _values(
    write: Write, schema: ObjectSchema, payload: Mapping[str, object], *, creating: bool
) -> dict[str, Value]:
    """The payload in wire form; unchecked writes (seeds) may also set what the API keeps to itself."""
    hidden = write.org.hidden(schema.name)
    flag = "createable" if creating else "updateable"
    chosen: list[tuple[Field, object]] = []
    closed: list[str] = []
    for name, value in payload.items():
        if name in _NOT_FIELDS or name.casefold() == "id":
            continue
        item = schema.find(name)
        if item is None or item.name in hidden:
            raise errors.no_such_column(name, schema.name)
        if write.checked and not item.is_on(flag):
            closed.append(item.name)
        chosen.append((item, value))
    if closed:
        raise errors.not_writable(closed)
    source = Source(write.body)
    return {item.name: coerce(item, value, source) for item, value in chosen}


def _defaults(schema: ObjectSchema, write: Write) -> dict[str, object]:
    defaults: dict[str, object] = {
        name: item.default
        for name, item in schema.fields.items()
        if item.default is not None and item.type != "boolean"
    }
    if schema.name == "Task":
        defaults["TaskSubtype"] = "Task"
    return {**defaults, "OwnerId": write.user_id, "IsDeleted": False}


def _check(write: Write, schema: ObjectSchema, record_id: str | None, values: dict[str, Value]) -> None:
    if not write.checked:
        return
    check_save(write.org, write.exchange, schema, record_id, values)
    if not (write.allow_duplicates and write.org.settings.duplicate_allow_save):
        check_duplicates(write.org, schema, record_id, values)


def _put(write: Write, schema: ObjectSchema, record_id: str, record: Record) -> None:
    org, table = write.org, write.org.tables[schema.name]
    before = table.rows.get(record_id)
    write.journal.append((schema.name, record_id, before))
    now = write.stamp
    record.update(SystemModstamp=now, LastModifiedDate=now, LastModifiedById=write.user_id)
    derive(schema.name, record, org.settings.formula_threshold)
    kept = {name: value for name, value in record.items() if value is not None and value is not False}
    kept["IsDeleted"] = bool(record["IsDeleted"])
    if before is not None:
        forget_unique(org, schema.name, before)
    table.put(record_id, kept)
    keep_unique(org, schema.name, kept)
    if schema.name == "Task":
        _hang_on(org, record_id, before, kept)
    if write.exchange is not None:
        write.exchange.record_ids.append(record_id)


def _hang_on(org: Organisation, task_id: str, before: Record | None, task: Record) -> None:
    """Keeps the list of a person's tasks and, without moving any stamp, the day of the last one."""
    _rehang(org, task_id, before, task)
    new = task.get("WhoId")
    if not isinstance(new, str):
        return
    day, found = task.get("ActivityDate"), org.locate(new)
    if found is not None and isinstance(day, str) and task.get("IsClosed"):
        person = found[3]
        person["LastActivityDate"] = max(day, str(person.get("LastActivityDate") or ""))


def _rehang(org: Organisation, task_id: str, before: Record | None, after: Record | None) -> None:
    old, new = (record.get("WhoId") if record else None for record in (before, after))
    if isinstance(old, str):
        org.children.get(old, set()).discard(task_id)
    if isinstance(new, str):
        org.children.setdefault(new, set()).add(task_id)


def _same(old: object, new: object) -> bool:
    return (old or None) == (new or None) if not isinstance(new, bool) else bool(old) is new
