"""What a person or an API caller wants changed on one contact, planned as a changeset.

Nothing is written for a value that is already there. This module must never let an edit move a contact's
number: that is its identity.
"""

from collections.abc import Mapping

from tieline.domain.changeset import Changeset, ContactChange, ContactState, FieldChange, NewContact, Source
from tieline.domain.fields import PHONE_NUMBER, FieldSpec
from tieline.domain.values import Value


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
