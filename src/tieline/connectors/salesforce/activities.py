"""Conversations as Tasks. `CallObject` carries the conversation's key, for calls and for chats.

A Task must never be looked for by its contact: a merge in Salesforce moves it to another.
https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_task.ht
https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_task.htm
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from tieline.connectors.salesforce.activity_keys import key_drift
from tieline.connectors.salesforce.wire import CORE, Row, full_id, literal, names, select_all, sobject_path
from tieline.connectors.salesforce.writing import created_id
from tieline.domain import instants
from tieline.domain.activities import Activity, ConversationDirection, ConversationType
from tieline.ports.crm import ActivityRef, Json, Operation, Request
from tieline.ports.errors import DuplicateRecordError, RecordGoneError, SchemaDriftError

_SHORT: Final = 255
_DESCRIPTION: Final = 32_000
_CUT: Final = "\n[shortened]"

# What an update may bring up to date. TaskSubtype can only be set when a Task is created.
_UPDATEABLE: Final = (
    "Subject",
    "ActivityDate",
    "CallType",
    "CallDurationInSeconds",
    "CallDisposition",
    "Description",
)
_SELECT: Final = f"SELECT Id, WhoId, CallObject, {', '.join(_UPDATEABLE)} FROM Task"


def create_activity(
    contact_id: str, activity: Activity, key_field: str | None = None
) -> Operation[ActivityRef]:
    """A completed Task on the contact; with a unique key field, the one that has the key already."""
    written = _rendered(activity)
    body = {
        **written,
        "WhoId": contact_id,
        "Status": "Completed",
        "Priority": "Normal",
        "TaskSubtype": "Call" if activity.type is ConversationType.CALL else "Task",
        "CallObject": activity.key,
        **({key_field: activity.key} if key_field else {}),
    }
    request = Request("POST", sobject_path("Task"), json=_without_empty(body), applies=True, bucket=CORE)
    try:
        response = yield request
    except DuplicateRecordError:
        found = (yield from find_activity(activity, key_field)) if key_field else None
        if found is None:
            raise
        return found
    except SchemaDriftError as error:
        raise key_drift(key_field, error) from error
    return ActivityRef(created_id(request, response), written)


def find_activity(activity: Activity, key_field: str | None = None) -> Operation[ActivityRef | None]:
    """The oldest Task with the key, archived ones included; deleted ones do not count.

    One that was logged before there was a key field has the key in `CallObject` only.
    """
    try:
        rows = yield from _with_key(activity, key_field)
    except SchemaDriftError as error:
        raise key_drift(key_field, error) from error
    if not rows:
        return None
    return ActivityRef(full_id(str(rows[0]["Id"])), {name: rows[0].get(name) for name in _UPDATEABLE})


def activity_ids(activity: Activity) -> Operation[Sequence[str]]:
    """Ids of all Tasks with the key, the oldest first."""
    rows = yield from _with_key(activity)
    return [full_id(str(row["Id"])) for row in rows]


def _with_key(activity: Activity, key_field: str | None = None) -> Operation[Sequence[Row]]:
    key = literal(activity.key)
    condition = f"CallObject = {key}"
    if key_field:
        condition = f"({names([key_field])} = {key} OR {condition})"
    soql = f"{_SELECT} WHERE {condition} AND IsDeleted = false ORDER BY CreatedDate, Id"
    rows, _ = yield from select_all(soql, deleted=True)
    return rows


def update_activity(
    activity_id: str, activity: Activity, written: Mapping[str, Any]
) -> Operation[ActivityRef]:
    """Writes what is new into the fields that still hold what we wrote; what others changed stays theirs."""
    soql = f"{_SELECT} WHERE Id = {literal(activity_id)} AND IsDeleted = false"
    rows, _ = yield from select_all(soql, deleted=True)
    if not rows:
        raise RecordGoneError("The activity was deleted in Salesforce.", external_id=activity_id)
    current, wanted = rows[0], _rendered(activity)
    body = {
        name: wanted[name]
        for name in _UPDATEABLE
        if not _same(wanted[name], current.get(name)) and _same(current.get(name), written.get(name))
    }
    if body:
        yield Request("PATCH", sobject_path("Task", activity_id), json=body, applies=True, bucket=CORE)
    return ActivityRef(activity_id, {name: body.get(name, written.get(name)) for name in _UPDATEABLE})


def activity_path(activity_id: str) -> str:
    """Where a person sees the Task."""
    return f"/lightning/r/Task/{activity_id}/view"


def _rendered(activity: Activity) -> Json:
    """The updateable fields of an activity's Task; an empty one is None. Chats have no call fields but the
    key.
    """
    is_call = activity.type is ConversationType.CALL
    seconds = round(activity.duration_ms / 1000) if is_call and activity.duration_ms is not None else None
    return {
        "Subject": _fitting(activity.subject, _SHORT),
        "ActivityDate": _day(activity.started_ms),
        "CallType": _call_type(activity.direction) if is_call else None,
        "CallDurationInSeconds": seconds,
        "CallDisposition": _fitting(activity.disconnection_reason, _SHORT) if is_call else None,
        "Description": _fitting(activity.description(), _DESCRIPTION),
    }


def _call_type(direction: ConversationDirection | None) -> str | None:
    match direction:
        case ConversationDirection.INBOUND:
            return "Inbound"
        case ConversationDirection.OUTBOUND:
            return "Outbound"
        case None:
            return None


def _day(milliseconds: int) -> str:
    """The UTC day of the start: a Task has no time of day."""
    instant = instants.from_epoch_ms(milliseconds)
    return (instant.date() if instant else date(1970, 1, 1)).isoformat()


def _fitting(text: str | None, length: int) -> str | None:
    """The text, marked where it had to be shortened."""
    if not text:
        return None
    return text if len(text) <= length else text[: length - len(_CUT)] + _CUT


def _without_empty(body: Json) -> Json:
    return {name: value for name, value in body.items() if value is not None}


def _same(one: object, other: object) -> bool:
    """Equal but for what Salesforce does to text when it stores it: line ends, and blanks around it."""
    return _stored(one) == _stored(other)


def _stored(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n").strip() or None
    return value
