"""Activities by a unique property that the administrator made for their keys.

A look by a unique property reads the live objects and not the search index, so it finds what was logged a
moment ago. A unique value makes a plain create as safe as an upsert, which takes no associations and writes
over what people changed.
"""

from collections.abc import Sequence
from typing import Final

from tieline.connectors.hubspot import paths, wire
from tieline.ports.crm import Operation, Request
from tieline.ports.errors import FatalError, PermissionMissingError, RecordRejectedError, SchemaDriftError

OBJECTS: Final = ("calls", "communications")


def find_by_key(
    object_type: str, key_field: str, key: str, names: Sequence[str]
) -> Operation[wire.CrmObject | None]:
    """The object whose key property holds this key, or None."""
    body = {"idProperty": key_field, "inputs": [{"id": key}], "properties": [*names, key_field]}
    request = Request("POST", f"{paths.objects(object_type)}/batch/read", json=body)
    try:
        answer = wire.batch_answer((yield request))
    except (FatalError, SchemaDriftError) as error:
        # What is not unique, or not there, cannot be asked for.
        raise key_drift(key_field, error) from error
    return next((found for found in answer.results if not found.archived), None)


def key_problem(key_field: str) -> Operation[str | None]:
    """What is wrong with a key property of calls and communications, or None."""
    for object_type in OBJECTS:
        try:
            found = wire.property_list((yield Request("GET", paths.properties(object_type))))
        except PermissionMissingError as error:
            return f"HubSpot does not show the properties of {object_type}: {error}"
        known = next((one for one in found.results if one.name == key_field), None)
        if known is None:
            return (
                f"HubSpot's {object_type} have no property {key_field}. Make a single-line text property of that "
                f"name on {' and '.join(OBJECTS)} that requires unique values."
            )
        if not known.hasUniqueValue:
            return f"The property {key_field} of HubSpot's {object_type} does not require unique values."
        read_only = known.modificationMetadata is not None and known.modificationMetadata.readOnlyValue
        if known.type != "string" or known.calculated or read_only:
            return f"The property {key_field} of HubSpot's {object_type} must be a text that can be written."
    return None


def key_drift(key_field: str, error: FatalError | SchemaDriftError) -> RecordRejectedError:
    """A key property that is gone is no news of the contacts' schema: the administrator must restore it."""
    return RecordRejectedError(
        f"The property {key_field}, which holds the keys of activities, is not there any more or no longer unique. "
        "Restore it in HubSpot, or take activity_key_field out of the app's configuration.",
        field=key_field,
        detail=error.detail,
        code=error.code,
    )
