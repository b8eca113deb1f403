"""Conversations as HubSpot activities: a call object for a call, a communication on the SMS channel for a
chat.

HubSpot has no key of ours to make a create idempotent, so the key is the body's last line, and a lost
activity is looked for through the contact's associations and a batch read: the search index lags and is never
asked. An update touches only what still holds what we wrote, as HubSpot showed it when we wrote it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tieline.connectors.hubspot import activity_keys, activity_text, paths, wire
from tieline.connectors.hubspot.types import write_value
from tieline.domain.activities import Activity, ConversationDirection, ConversationType
from tieline.ports.crm import ActivityRef, Operation, Request
from tieline.ports.errors import (
    MalformedAnswerError,
    RecordGoneError,
    RecordRejectedError,
    SchemaDriftError,
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How HubSpot keeps one kind of conversation. `association` is the type id from the activity to a
    contact."""

    object_type: str
    association: int
    body: str


_KINDS: Final[Mapping[ConversationType, _Kind]] = {
    ConversationType.CALL: _Kind("calls", 194, "hs_call_body"),
    ConversationType.CHAT: _Kind("communications", 81, "hs_communication_body"),
}

_DIRECTIONS: Final = {ConversationDirection.INBOUND: "INBOUND", ConversationDirection.OUTBOUND: "OUTBOUND"}

_STATUSES: Final[Mapping[str, str]] = {
    "dial_busy": "BUSY",
    "user_declined": "BUSY",
    "dial_no_answer": "NO_ANSWER",
    "dial_failed": "FAILED",
    "invalid_destination": "FAILED",
    "telephony_provider_permission_denied": "FAILED",
    "telephony_provider_unavailable": "FAILED",
    "sip_routing_error": "FAILED",
    "marked_as_spam": "FAILED",
    "concurrency_limit_reached": "FAILED",
    "no_valid_payment": "FAILED",
}

_NOT_ASSOCIATED = re.compile(r"associations are (?:not valid|invalid)", re.IGNORECASE)
_TIMES: Final = frozenset({"hs_timestamp"})
_BODIES: Final = frozenset(kind.body for kind in _KINDS.values())
_LEFT_OUT: Final = "HubSpot left out activities that it lists; they are looked for again later."
_NOT_UPDATED: Final = frozenset({"hs_communication_channel_type", "hs_communication_logged_from"})


def create_activity(
    contact_id: str, activity: Activity, key_field: str | None = None
) -> Operation[ActivityRef]:
    """Creates and associates in one request. A contact that is gone is `RecordGoneError`.

    With a key property, a create that is refused because the key is taken gives the activity that has it.
    """
    kind = _KINDS[activity.type]
    properties = _properties(activity)
    link = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind.association}
    keyed = {**properties, key_field: activity.key} if key_field else properties
    body = {"properties": keyed, "associations": [{"to": {"id": contact_id}, "types": [link]}]}
    try:
        response = yield Request("POST", paths.objects(kind.object_type), json=body, applies=True)
    except RecordGoneError as error:
        raise _contact_gone(contact_id, error.detail, error.code) from error
    except SchemaDriftError as error:
        if key_field is not None and error.field in (key_field, None):
            raise activity_keys.key_drift(key_field, error) from error
        raise
    except RecordRejectedError as error:
        if _NOT_ASSOCIATED.search(error.detail) or f"CONTACT={contact_id}" in error.detail:
            raise _contact_gone(contact_id, error.detail, error.code) from error
        # No source tells HubSpot's words for a taken unique value, so the key itself is asked for.
        found = (yield from _by_key(activity, key_field)) if key_field else None
        if found is None:
            raise
        return found
    created = _confirmed(wire.one_object, response)
    return ActivityRef(created.id, _as_shown(properties, created))


def _by_key(activity: Activity, key_field: str) -> Operation[ActivityRef | None]:
    names = list(_properties(activity))
    kind = _KINDS[activity.type]
    found = yield from activity_keys.find_by_key(kind.object_type, key_field, activity.key, names)
    return (
        None if found is None else ActivityRef(found.id, {name: found.properties.get(name) for name in names})
    )


def find_activity(
    contact_id: str, activity: Activity, key_field: str | None = None
) -> Operation[ActivityRef | None]:
    """The activity whose key property has this key, else the one with this key among those of the contact, newest
    first: it may have been logged before there was a key property.
    """
    if key_field:
        by_key = yield from _by_key(activity, key_field)
        if by_key is not None:
            return by_key
    kind = _KINDS[activity.type]
    ids = yield from _associated(contact_id, kind.object_type)
    names = list(_properties(activity))
    for start in range(0, len(ids), paths.BATCH_LIMIT):
        found, complete = yield from _with_key(
            kind, ids[start : start + paths.BATCH_LIMIT], names, activity.key
        )
        if found:
            return ActivityRef(found[0].id, {name: found[0].properties.get(name) for name in names})
        if not complete:
            raise MalformedAnswerError(_LEFT_OUT)
    return None


def activity_ids(contact_id: str, activity: Activity) -> Operation[Sequence[str]]:
    """Ids of all activities with this key among those of the contact, newest first."""
    kind = _KINDS[activity.type]
    ids = yield from _associated(contact_id, kind.object_type)
    with_key: list[str] = []
    for start in range(0, len(ids), paths.BATCH_LIMIT):
        batch = ids[start : start + paths.BATCH_LIMIT]
        found, complete = yield from _with_key(kind, batch, [kind.body], activity.key)
        if not complete:
            raise MalformedAnswerError(_LEFT_OUT)
        with_key += [one.id for one in found]
    return sorted(with_key, key=ids.index)


def _with_key(
    kind: _Kind, batch: Sequence[str], names: Sequence[str], key: str
) -> Operation[tuple[list[wire.CrmObject], bool]]:
    """Those of a batch that have the key, and whether HubSpot answered for all of it."""
    body = {"inputs": [{"id": one} for one in batch], "properties": list(names)}
    path = f"{paths.objects(kind.object_type)}/batch/read"
    answer = wire.batch_answer((yield Request("POST", path, json=body)))
    told = {one.id for one in answer.results} | {one for error in answer.errors for one in error.ids()}
    found = [
        one
        for one in answer.results
        if not one.archived and activity_text.has_key(_text(one.properties.get(kind.body)), key)
    ]
    return found, told.issuperset(batch)


def _associated(contact_id: str, object_type: str) -> Operation[list[str]]:
    ids: dict[str, None] = {}
    query = {"limit": str(paths.ASSOCIATIONS_LIMIT)}
    while True:
        path = paths.associations(contact_id, object_type)
        page = wire.association_page((yield Request("GET", path, query=query)))
        ids.update((str(one.toObjectId), None) for one in page.results)
        if page.after is None:
            return sorted(ids, key=lambda one: (len(one), one), reverse=True)
        query = {**query, "after": page.after}


def update_activity(
    activity_id: str, activity: Activity, written: Mapping[str, Any]
) -> Operation[ActivityRef]:
    """Reads the activity, then patches the properties that differ from what we want and still hold what we
    wrote. One that somebody changed keeps what we wrote in the result, so that it stays theirs next time too.
    """
    kind = _KINDS[activity.type]
    path = paths.one_object(kind.object_type, activity_id)
    wanted = {name: value for name, value in _properties(activity).items() if name not in _NOT_UPDATED}
    now = wire.one_object((yield Request("GET", path, query={"properties": ",".join(wanted)})))
    if now.archived:
        raise RecordGoneError("The activity was deleted in HubSpot.", external_id=activity_id)
    result: dict[str, Any] = dict(written)
    changes: dict[str, str] = {}
    for name, value in wanted.items():
        shown = now.properties.get(name)
        if _same(name, shown, written.get(name)) and not _same(name, shown, value):
            changes[name] = value
    if changes:
        response = yield Request("PATCH", path, json={"properties": changes}, applies=True)
        result.update(_as_shown(changes, _confirmed(wire.one_object, response)))
    return ActivityRef(activity_id, result)


def _properties(activity: Activity) -> dict[str, str]:
    kind = _KINDS[activity.type]
    shared = {"hs_timestamp": str(activity.started_ms), kind.body: activity_text.body(activity)}
    if activity.type is ConversationType.CHAT:
        return {
            **shared,
            "hs_communication_channel_type": "SMS",
            "hs_communication_logged_from": "CRM",
        }
    facts = {
        "hs_call_title": activity.subject,
        "hs_call_status": _status(activity.disconnection_reason),
        "hs_call_direction": _DIRECTIONS[activity.direction] if activity.direction else None,
        "hs_call_duration": write_value(activity.duration_ms),
        "hs_call_from_number": activity.from_number,
        "hs_call_to_number": activity.to_number,
    }
    return {**shared, **{name: value for name, value in facts.items() if value}}


def _status(reason: str | None) -> str:
    """HubSpot's word for how a call ended."""
    known = (reason or "").lower()
    return _STATUSES.get(known, "FAILED" if known.startswith("error") else "COMPLETED")


def _as_shown(sent: Mapping[str, str], answer: wire.CrmObject) -> dict[str, Any]:
    """What was written, in the form in which HubSpot gives it back where its answer has it."""
    return {name: answer.properties.get(name, value) for name, value in sent.items()}


def _same(name: str, one: Any, other: Any) -> bool:
    """Whether two values of a property mean the same, whatever HubSpot did to their spelling. Null and empty
    are one."""
    if name in _TIMES:
        return wire.epoch_ms(one) == wire.epoch_ms(other)
    if name in _BODIES:
        return activity_text.same_text(_text(one), _text(other))
    return _text(one).strip() == _text(other).strip()


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _confirmed(decoder: wire.Decoder[wire.CrmObject], response: Any) -> wire.CrmObject:
    try:
        return decoder(response)
    except MalformedAnswerError as problem:
        message = "HubSpot's answer was empty or cut off, so it is not known whether the activity was logged."
        raise MalformedAnswerError(message, maybe_applied=True, detail=problem.detail) from problem


def _contact_gone(contact_id: str, detail: str, code: str) -> RecordGoneError:
    message = "The contact is no longer in HubSpot under this id, so the conversation cannot be logged on it."
    return RecordGoneError(message, external_id=contact_id, detail=detail, code=code)
