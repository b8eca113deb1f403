"""What the connected Salesforce user may do with contacts and tasks, by the objects' describes.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_describe.htm
"""

from collections.abc import Sequence
from typing import Final

from tieline.connectors.salesforce.types import ObjectDescription
from tieline.connectors.salesforce.wire import CORE, sobject_path
from tieline.connectors.spec import decode_as
from tieline.domain.permissions import Needs
from tieline.ports.crm import Operation, Request
from tieline.ports.errors import PermissionMissingError

_ASK: Final = "ask for that object permission in a permission set of the integration user."


def permission_problems(needs: Needs) -> Operation[Sequence[str]]:
    """Sentences about the objects Contact and Task, as far as they are needed."""
    found = []
    if needs.edits or needs.creates:
        contact = yield from _described("Contact")
        if needs.edits and not (contact and contact.updateable):
            found.append(f"Cannot edit any Contact: {_ASK}")
        if needs.creates and not (contact and contact.createable):
            found.append(f"Cannot create a Contact, which sync_new_contacts does: {_ASK}")
    if needs.logs:
        task = yield from _described("Task")
        if not (task and task.createable):
            found.append(f"Cannot create a Task, which logging conversations does: {_ASK}")
    return found


def _described(name: str) -> Operation[ObjectDescription | None]:
    """The object, or None if the user may not even see it."""
    request = Request("GET", f"{sobject_path(name)}/describe", bucket=CORE)
    try:
        response = yield request
    except PermissionMissingError:
        return None
    return decode_as(request, response, ObjectDescription)
