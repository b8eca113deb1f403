"""The admin operations of the emulated Salesforce: what reps, administrators and time do to an organisation."""

from collections.abc import Callable
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from tieline.sandbox.kernel.errors import AdminError
from tieline.sandbox.kernel.faults import compile_pattern
from tieline.sandbox.kernel.values import (
    JsonObject,
    get_bool,
    get_int,
    get_number,
    get_object,
    get_optional_text,
    get_text,
    get_texts,
)
from tieline.sandbox.salesforce.errors import SalesforceError
from tieline.sandbox.salesforce.org import USERS, Organisation, OrgSettings, ValidationRule, derive
from tieline.sandbox.salesforce.schema import Field, ObjectSchema, parse_line, parse_option
from tieline.sandbox.salesforce.writes import Write, create, delete, merge, restore, update

_TYPES = {
    "string": (255, "Acufgsnp"),
    "phone": (40, "Acufgsnp"),
    "email": (80, "Acufgsnp"),
    "url": (255, "Acufgsnp"),
    "textarea": (32768, "cunp"),
    "picklist": (255, "Acufgsnp"),
    "multipicklist": (4099, "cufnp"),
    "boolean": (0, "cufgspd"),
    "double": (0, "Acufsnp"),
    "currency": (0, "Acufsnp"),
    "percent": (0, "Acufsnp"),
    "int": (0, "Acufgsnp"),
    "date": (0, "Acufgsnp"),
    "datetime": (0, "Acufsnp"),
}


class Admin:
    """Works on an organisation past its API: not counted, not logged, not subject to faults."""

    def __init__(self, org: Organisation) -> None:
        self._org = org

    def create(self, spec: JsonObject) -> JsonObject:
        """`{object?, fields, user?, stamp_seconds_ago?, created_seconds_ago?}`."""
        schema = self._schema(spec)
        write = self._write(spec)
        record_id = _done(lambda: create(write, schema, get_object(spec, "fields")))
        return self._shown(record_id)

    def edit(self, spec: JsonObject) -> JsonObject:
        """`{id, fields, user?, stamp_seconds_ago?}`; an older stamp is a transaction that commits late."""
        write, record_id = self._write(spec), get_text(spec, "id")
        self._present(record_id)
        return self._shown(_done(lambda: update(write, record_id, get_object(spec, "fields"))))

    def delete(self, spec: JsonObject) -> JsonObject:
        """`{id, purge?}`; purging leaves not even the recycle bin."""
        record_id = get_text(spec, "id")
        found = self._present(record_id)
        known = found[2]
        if not found[3]["IsDeleted"]:
            known = _done(lambda: delete(self._write(spec), record_id))
        if get_bool(spec, "purge"):
            self._org.tables[found[0].name].purge(known)
            return {"id": known, "purged": True}
        return self._shown(known)

    def restore(self, spec: JsonObject) -> JsonObject:
        record_id = get_text(spec, "id")
        self._present(record_id)
        return self._shown(_done(lambda: restore(self._write(spec), record_id)))

    def merge(self, spec: JsonObject) -> JsonObject:
        """`{winner, loser | losers, fields?, user?}`."""
        winner = get_text(spec, "winner")
        losers = get_texts(spec, "losers" if "losers" in spec else "loser")
        for record_id in (winner, *losers):
            self._present(record_id)
        write = self._write(spec)
        fields = get_object(spec, "fields")
        for loser in losers:
            _done(partial(merge, write, winner, loser, fields))
        return self._shown(winner)

    def change_schema(self, spec: JsonObject) -> JsonObject:
        """Any of `add`, `retype`, `remove`, `add_rule`, `remove_rule` for `object` (Contact by default)."""
        schema = self._schema(spec)
        now = self._org.now()
        if not set(spec) & {"add", "retype", "remove", "add_rule", "remove_rule"}:
            raise AdminError("schema takes add, retype, remove, add_rule or remove_rule")
        if "add" in spec:
            schema.put(_field(get_object(spec, "add")), now)
        if "retype" in spec:
            self._retype(schema, get_object(spec, "retype"), now)
        if "remove" in spec:
            schema.drop(self._field(schema, get_text(spec, "remove")).name, now)
        if "add_rule" in spec:
            self._add_rule(schema, get_object(spec, "add_rule"))
        if "remove_rule" in spec and self._org.rules.pop(get_text(spec, "remove_rule"), None) is None:
            raise AdminError(f"there is no rule {spec['remove_rule']!r}", 404)
        return {"object": schema.name, "fields": list(schema.fields), "rules": list(self._org.rules)}

    def settings(self, spec: JsonObject) -> JsonObject:
        """Sets what is named and answers all; secrets are shown, for this is a sandbox."""
        current = self._org.settings
        for name, value in spec.items():
            old = getattr(current, name, None)
            if old is None:
                raise AdminError(f"there is no setting {name!r}; known: {', '.join(_setting_names())}")
            setattr(current, name, _same_kind(name, value, old))
        if set(spec) & {"org_id", "time_zone", "username"}:
            self._org.put_identity()
        if "formula_threshold" in spec:
            self._recompute()
        if "task_key_field" in spec:
            self._put_task_key()
        return {name: getattr(current, name) for name in _setting_names()}

    def state(self) -> JsonObject:
        counts = {
            name: {"live": table.live_count(), "deleted": len(table.deleted)}
            for name, table in self._org.tables.items()
        }
        return {"objects": counts, "users": dict(USERS), "org_id": self._org.settings.org_id}

    def _retype(self, schema: ObjectSchema, spec: JsonObject, now: str) -> None:
        """Old values that the new type cannot hold are lost, as in Salesforce."""
        old = self._field(schema, get_text(spec, "name"))
        new = _field({"label": old.label, **spec})
        schema.put(replace(new, name=old.name), now)
        if old.type != new.type:
            for record in self._org.tables[schema.name].rows.values():
                record.pop(old.name, None)

    def _add_rule(self, schema: ObjectSchema, spec: JsonObject) -> None:
        pattern = get_optional_text(spec, "pattern")
        if pattern is not None:
            compile_pattern(pattern, "pattern")
        rule_id = get_optional_text(spec, "id") or f"rule{len(self._org.rules) + 1}"
        name = self._field(schema, get_text(spec, "field")).name
        self._org.rules[rule_id] = ValidationRule(
            rule_id, schema.name, name, get_text(spec, "message"), pattern, get_bool(spec, "at_field")
        )

    def _recompute(self) -> None:
        """A formula's new result moves no stamp."""
        for record in self._org.tables["Contact"].rows.values():
            derive("Contact", record, self._org.settings.formula_threshold)

    def _put_task_key(self) -> None:
        name, schema = self._org.settings.task_key_field, self._org.objects["Task"]
        if name and schema.find(name) is None:
            key = _field({"name": name, "type": "string", "unique": True, "external_id": True})
            schema.put(key, self._org.now())

    def _schema(self, spec: JsonObject) -> ObjectSchema:
        name = get_optional_text(spec, "object") or "Contact"
        schema = self._org.schema(name)
        if schema is None:
            raise AdminError(f"there is no object {name!r}; known: {', '.join(self._org.objects)}", 404)
        return schema

    def _field(self, schema: ObjectSchema, name: str) -> Field:
        item = schema.find(name)
        if item is None:
            raise AdminError(f"{schema.name} has no field {name!r}", 404)
        return item

    def _present(self, record_id: str) -> tuple[ObjectSchema, object, str, dict[str, object]]:
        found = self._org.locate(record_id)
        if found is None:
            raise AdminError(f"there is no record {record_id!r}", 404)
        return found

    def _write(self, spec: JsonObject) -> Write:
        user = get_optional_text(spec, "user") or "rep"
        if user not in USERS and user not in USERS.values():
            raise AdminError(f"there is no user {user!r}; known: {', '.join(USERS)}")
        stamp_at: datetime | None = None
        if "stamp_seconds_ago" in spec:
            stamp_at = self._org.clock.now() - timedelta(seconds=get_number(spec, "stamp_seconds_ago"))
        return Write(self._org, USERS.get(user, user), stamp_at=stamp_at, checked=False)

    def _shown(self, record_id: str) -> JsonObject:
        found = self._org.locate(record_id)
        assert found is not None
        return {"id": found[2], "object": found[0].name, "fields": dict(found[3])}


def _done(operation: Callable[[], str]) -> str:
    try:
        return operation()
    except SalesforceError as error:
        raise AdminError(str(error)) from error


def _setting_names() -> list[str]:
    return [item.name for item in dataclass_fields(OrgSettings)]


def _same_kind(name: str, value: object, old: object) -> object:
    if isinstance(old, bool):
        return get_bool({name: value}, name)
    if isinstance(old, int):
        return get_int({name: value}, name)
    if isinstance(old, float):
        return get_number({name: value}, name)
    return get_texts({name: value}, name) if isinstance(old, list) else get_text({name: value}, name)


def _field(spec: JsonObject) -> Field:
    """`{name, label?, type?, length?, precision?, scale?, values?, restricted?, unique?, external_id?, required?,
    read_only?}`; values are `value` or `value:label`, a `*` at the end marks the default."""
    kind = get_optional_text(spec, "type") or "string"
    if kind not in _TYPES:
        raise AdminError(f"unknown field type {kind!r}; known: {', '.join(_TYPES)}")
    length, letters = _TYPES[kind]
    name = get_text(spec, "name")
    numeric = kind in ("double", "currency", "percent")
    options = tuple(parse_option(text) for text in get_texts(spec, "values")) if "values" in spec else ()
    base = parse_line(f"{name} | {get_optional_text(spec, 'label') or name} | {kind} | {letters}")
    on = set(base.on) | ({"custom"} if name.endswith("__c") else set())
    for member, flag in (("restricted", "restrictedPicklist"), ("unique", "unique")):
        if get_bool(spec, member):
            on.add(flag)
    if get_bool(spec, "external_id"):
        on |= {"externalId", "idLookup"}
    if get_bool(spec, "required"):
        on.discard("nillable")
    if get_bool(spec, "read_only"):
        on -= {"createable", "updateable"}
    return replace(
        base,
        on=frozenset(on),
        options=options,
        length=get_int(spec, "length", length),
        precision=get_int(spec, "precision", 18 if numeric else 0),
        scale=get_int(spec, "scale", 0),
    )
