"""Conversations as BottleCRM interactions: a call is a `call`, a chat an `sms`, for there is no kind for a chat.

BottleCRM has a unique id for what connectors write, but lets nobody set it through the API. So the key is the body's
last line, and an activity is looked for in its contact's timeline, which is no index and shows what was logged a moment
ago. One interaction cannot be read by its id: an update reads the timeline as well, and so `written` has the contact.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tieline.connectors.bottlecrm import paths, wire
from tieline.connectors.spec import decode_object, malformed
from tieline.domain import instants
from tieline.domain.activities import Activity, ConversationType
from tieline.ports.crm import ActivityRef, Json, Operation, Request, Response
from tieline.ports.errors import RecordGoneError, TransientError

SUBJECT_LENGTH: Final = 200
BODY_LENGTH: Final = 10_000
REFERENCE: Final = "Ref: "
_CUT: Final = "\n[The rest of the summary does not fit into BottleCRM and was left out.]"
_CONTACT: Final = "contact"

_KINDS: Final[Mapping[ConversationType, str]] = {ConversationType.CALL: "call", ConversationType.CHAT: "sms"}

_OUTCOMES: Final[Mapping[str, str]] = {
    "voicemail_reached": "voicemail",
    "dial_busy": "busy",
    "user_declined": "busy",
    "dial_no_answer": "no_answer",
    "invalid_destination": "wrong_number",
}
_CONNECTED: Final = frozenset({"user_hangup", "agent_hangup", "call_transfer", "inactivity"})


def create_activity(contact_id: str, activity: Activity) -> Operation[ActivityRef]:
    """Logs it on the contact. One that is gone is RecordGoneError."""
    sent = {**_fields(activity), "kind": _KINDS[activity.type], _CONTACT: contact_id}
    request = Request("POST", paths.INTERACTIONS, json=sent, applies=True)
    try:
        response = yield request
    except RecordGoneError as error:
        raise RecordGoneError(
            "The contact is no longer in BottleCRM under this id, so the conversation cannot be logged on it.",
            external_id=contact_id,
            detail=error.detail,
            code=error.code,
        ) from error
    return _ref(_interaction(request, response, decode_object(request, response)), _fields(activity))


def find_activity(contact_id: str, activity: Activity) -> Operation[ActivityRef | None]:
    """The activity with this key among those of the contact, the newest first."""
    for one in (yield from _timeline(contact_id)):
        if has_key(one, activity):
            return _ref(one, _fields(activity))
    return None


def activity_ids(contact_id: str, activity: Activity) -> Operation[Sequence[str]]:
    """All activities with the key among those of the contact, the newest first."""
    timeline = yield from _timeline(contact_id)
    return [str(one["id"]) for one in timeline if has_key(one, activity)]


def update_activity(
    activity_id: str, activity: Activity, written: Mapping[str, Any]
) -> Operation[ActivityRef]:
    """Writes only fields that still hold what we wrote. A field that somebody changed keeps what we wrote in the
    result, so that it stays theirs next time too.
    """
    timeline = yield from _timeline(str(written.get(_CONTACT, "")))
    now = next((one for one in timeline if one["id"] == activity_id), None)
    if now is None:
        raise RecordGoneError("The activity is no longer in BottleCRM.", external_id=activity_id)
    wanted = _fields(activity)
    changes = {
        name: value
        for name, value in wanted.items()
        if _same(name, now.get(name), written.get(name)) and not _same(name, now.get(name), value)
    }
    if not changes:
        return ActivityRef(activity_id, dict(written))
    request = Request("PATCH", paths.interaction(activity_id), json=changes, applies=True)
    response = yield request
    shown = _interaction(request, response, decode_object(request, response))
    return ActivityRef(activity_id, {**written, **{name: shown.get(name) for name in changes}})


def has_key(one: Mapping[str, Any], activity: Activity) -> bool:
    """Whether an interaction was written for the activity: its last reference is the activity's. What somebody added
    below does not hide it, and a reference that was spoken in the conversation stands above it.
    """
    lines = [line.strip() for line in str(one.get("body") or "").splitlines()]
    references = [line for line in lines if line.startswith(REFERENCE)]
    return bool(references) and references[-1] == (REFERENCE + activity.key).strip()


def body(activity: Activity) -> str:
    """The description with the key as its last line, which is never cut."""
    text, ending = activity.description(), f"\n\n{REFERENCE}{activity.key}"
    if len(text) + len(ending) > BODY_LENGTH:
        text = text[: BODY_LENGTH - len(ending) - len(_CUT)] + _CUT
    return text + ending


def _fields(activity: Activity) -> Json:
    started = instants.from_epoch_ms(activity.started_ms)
    found: Json = {
        "occurred_at": instants.instant_text(started) if started else None,
        "subject": activity.subject[:SUBJECT_LENGTH],
        "body": body(activity),
        "direction": activity.direction.value if activity.direction else None,
    }
    if activity.type is ConversationType.CALL:
        known = (activity.disconnection_reason or "").lower()
        if activity.duration_ms is not None:
            found["duration_seconds"] = round(activity.duration_ms / 1000)
        found["outcome"] = _OUTCOMES.get(known, "connected" if known in _CONNECTED else None)
    return {name: value for name, value in found.items() if value is not None}


def _timeline(contact_id: str) -> Operation[list[Mapping[str, Any]]]:
    """All interactions of a contact, each once. Raises TransientError when the timeline changed while it was read."""
    found: dict[str, Mapping[str, Any]] = {}
    count = offset = 0
    while True:
        query = {_CONTACT: contact_id, "limit": str(paths.INTERACTIONS_LIMIT), "offset": str(offset)}
        request = Request("GET", paths.INTERACTIONS, query=query)
        response = yield request
        answer = decode_object(request, response)
        page, count = answer.get("interactions"), answer.get("count", 0)
        if not isinstance(page, list) or not isinstance(count, int):
            raise malformed(request, response, "it has no list of interactions")
        found |= {str(one["id"]): one for one in (_interaction(request, response, one) for one in page)}
        offset += len(page)
        if not page or offset >= count:
            break
    if len(found) < count:
        raise TransientError(
            "The contact's timeline in BottleCRM changed while it was read; it is read again."
        )
    return list(found.values())


def _interaction(request: Request, response: Response, one: Any) -> Mapping[str, Any]:
    if not isinstance(one, dict) or not isinstance(one.get("id"), str):
        raise malformed(request, response, "an interaction in it has no id")
    return one


def _ref(one: Mapping[str, Any], fields: Mapping[str, Any]) -> ActivityRef:
    """The fields as BottleCRM shows them, which is not always how they were sent."""
    return ActivityRef(str(one["id"]), {name: one.get(name) for name in (*fields, _CONTACT)})


def _same(name: str, one: Any, other: Any) -> bool:
    """Whether two values mean the same, whatever BottleCRM did to their spelling. Null and empty are one."""
    if name == "occurred_at":
        return wire.epoch_ms(one) == wire.epoch_ms(other)
    if isinstance(one, str) and isinstance(other, str):
        return one.strip() == other.strip()
    return (one or None) == (other or None) and isinstance(one, bool) == isinstance(other, bool)
