"""What a person or an API caller wants changed on one contact: checked whole, then planned as a changeset.

Nothing is written for a value that is already there. This module must never let an edit move a contact's
number: that is its identity.
"""

from collections.abc import Mapping
from typing import Any

from tieline.domain.changeset import Changeset, ContactChange, ContactState, FieldChange, NewContact, Source
from tieline.domain.fields import PHONE_NUMBER, FieldSpec, Problem, Uncoercible, check_value
from tieline.domain.values import Value


def check_values(
    given: Mapping[str, Any], fields: Mapping[str, FieldSpec], *, custom: bool
) -> tuple[dict[str, Value], list[Problem]]:
    """Canonical values of what was given, and everything that is wrong with it.

    `fields` are all fields by name. With `custom`, `given` is the member `custom_fields`, in which a built-in
    field has no place.
    """
    values: dict[str, Value] = {}
    problems: list[Problem] = []
    for name, raw in given.items():
        where = f"custom_fields.{name}" if custom else name
        spec = fields.get(name)
        if spec is None or (custom and not spec.field_id):
            problems.append(Problem(where, "There is no such custom field."))
            continue
        value = check_value(raw, spec)
        if isinstance(value, Uncoercible):
            problems.append(Problem(where, f"The value {_sentence_end(value, spec)}"))
        else:
            values[name] = value
    return values, problems


def plan_create(
    contact_id: str,
    phone_number: str,
    values: Mapping[str, Value],
    fields: Mapping[str, FieldSpec],
    source: Source,
) -> Changeset:
    """A new contact with those values."""
    nobody = ContactState(contact_id, phone_number)
    changes = _changes(nobody, values, fields, source)
    return Changeset(new_contacts=(NewContact(contact_id, phone_number, changes, by_person=True),))


def plan_edit(
    contact: ContactState, values: Mapping[str, Value], fields: Mapping[str, FieldSpec], source: Source
) -> Changeset:
    """Those values on an existing contact; an empty changeset when it has them all.

    Its links become dirty.
    """
    changes = _changes(contact, values, fields, source)
    if not changes:
        return Changeset()
    return Changeset(contact_changes=(ContactChange(contact.contact_id, changes, by_person=True),))


def _changes(
    contact: ContactState, values: Mapping[str, Value], fields: Mapping[str, FieldSpec], source: Source
) -> tuple[FieldChange, ...]:
    assert PHONE_NUMBER not in values
    return tuple(
        FieldChange(name, contact.values.get(name), value, source, field_id=fields[name].field_id)
        for name, value in values.items()
        if not _same(contact.values.get(name), value)
    )


def _same(one: Value, other: Value) -> bool:
    # True == 1 in Python, and a field's type cannot change, but its stored value may be older than that rule.
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _sentence_end(refused: Uncoercible, spec: FieldSpec) -> str:
    allowed = f": {', '.join(spec.options)}" if spec.options and "options" in refused.reason else ""
    return f"{refused.reason}{allowed}."
