"""A unique field of Task that the administrator made for the keys of activities: is it fit, and what if it is gone.

Tasks are not upserted by it. An upsert that names TaskSubtype is refused once the Task exists, and it would write over
what people changed in it; two at once end in DUPLICATE_VALUE all the same. With a unique field a plain create
is as safe: the second one is refused, and the Task that has the key is looked up.
"""

from typing import Final

from tieline.connectors.salesforce.types import ObjectDescription
from tieline.connectors.salesforce.wire import CORE, sobject_path
from tieline.connectors.spec import decode_as, is_identifier
from tieline.ports.crm import Operation, Request
from tieline.ports.errors import CrmError, PermissionMissingError, RecordRejectedError, SchemaDriftError

# `domain.activities.activity_key` gives no longer one.
KEY_LENGTH: Final = 255


def key_problem(key_field: str) -> Operation[str | None]:
    """What is wrong with a key field of Task, or None. Custom fields of Task are defined on Activity."""
    if not is_identifier(key_field):
        return f"{key_field!r} is no name of a Salesforce field."
    request = Request("GET", f"{sobject_path('Task')}/describe", bucket=CORE)
    try:
        response = yield request
    except PermissionMissingError as error:
        return f"Salesforce does not show the fields of Task: {error}"
    described = {field.name: field for field in decode_as(request, response, ObjectDescription).fields}
    field = described.get(key_field)
    if field is None:
        return (
            f"Salesforce's Task has no field {key_field} that the connected user may see. Make a text field of "
            f"{KEY_LENGTH} characters on Activity, tick Unique and External ID, and give the user access."
        )
    if not field.unique:
        return (
            f"The field {key_field} of Salesforce's Task is not unique: tick Unique at the field on Activity."
        )
    if field.type != "string" or field.length < KEY_LENGTH:
        return f"The field {key_field} of Salesforce's Task must be a text of {KEY_LENGTH} characters."
    if not field.createable:
        return f"The connected user may not write {key_field} of Salesforce's Task: give it edit access."
    return None


def key_drift(key_field: str | None, error: SchemaDriftError) -> CrmError:
    """A key field that is gone is no news of the contacts' schema: the administrator must restore it."""
    if key_field is None or error.field not in (key_field, None):
        return error
    return RecordRejectedError(
        f"The field {key_field}, which holds the keys of activities, is not in Salesforce's Task any more or hidden "
        "from the connected user. Restore it, or take activity_key_field out of the app's configuration.",
        field=key_field,
        detail=error.detail,
        code=error.code,
    )
