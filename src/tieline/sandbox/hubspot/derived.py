"""Values that HubSpot computes itself: on creation, and whenever a property changes that they depend on."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from tieline.sandbox.hubspot import phones
from tieline.sandbox.hubspot.records import Actor
from tieline.sandbox.hubspot.schema import ObjectType

_PREVIEW = 200
_BODIES = ("hs_call_body", "hs_communication_body", "hs_note_body")


def recomputed(kind: ObjectType, props: Mapping[str, str], changed: Mapping[str, str]) -> dict[str, str]:
    """The computed properties that depend on `changed`, from the new `props`; "" where there is no value."""
    if kind.name != "contacts":
        return _preview(props, changed)
    values: dict[str, str] = {}
    if "phone" in changed:
        values |= phones.calculated(props.get("phone", ""), "phone")
    if "mobilephone" in changed:
        values |= phones.calculated(props.get("mobilephone", ""), "mobile")
    if "email" in changed:
        values["hs_email_domain"] = props.get("email", "").rpartition("@")[2]
    if changed.keys() & {"email", "firstname", "lastname"}:
        name = f"{props.get('firstname', '')} {props.get('lastname', '')}".strip()
        values["hs_full_name_or_email"] = name or props.get("email", "")
    if "score" in changed:
        values["weighted_score"] = _weighted(props.get("score", ""))
    return values


def at_creation(
    kind: ObjectType, record_id: int, props: Mapping[str, str], actor: Actor, at: str
) -> dict[str, str]:
    """What a new record has although nobody set it."""
    values = {
        "hs_object_source": actor.source_type,
        "hs_object_source_id": actor.source_id,
        "hs_object_source_label": actor.source_type,
        "hs_created_by_user_id": str(actor.user_id),
        "hs_updated_by_user_id": str(actor.user_id),
    }
    if kind.name != "contacts":
        return values
    stage = props.get("lifecyclestage") or "lead"
    return values | {
        "hs_all_contact_vids": str(record_id),
        "hs_is_contact": "true",
        "hs_is_unworked": "true",
        f"hs_lifecyclestage_{stage}_date": at,
        "hs_marketable_status": "false",
        "hs_marketable_until_renewal": "false",
        "hs_pipeline": "contacts-lifecycle-pipeline",
        "lifecyclestage": stage,
    }


def _preview(props: Mapping[str, str], changed: Mapping[str, str]) -> dict[str, str]:
    for name in _BODIES:
        if name in changed:
            text = props.get(name, "")
            cut = "true" if len(text) > _PREVIEW else "false"
            return {"hs_body_preview": text[:_PREVIEW], "hs_body_preview_is_truncated": cut}
    return {}


def _weighted(score: str) -> str:
    try:
        weighted = Decimal(score) * 10
    except InvalidOperation:
        return ""
    return format(weighted.normalize(), "f")
