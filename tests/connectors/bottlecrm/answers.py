"""Answers as BottleCRM 1.35 gives them, cut to what matters, with made-up people."""

from typing import Any

from tests.connectors.hands import answer

from tieline.connectors.bottlecrm.types import BUILT_IN, Definition, country, custom
from tieline.domain.crm_schema import CrmField
from tieline.ports.crm import Response

ONE = "48b1ac25-960b-4778-8c79-95fddacc6818"
OTHER = "ddaaad2d-172a-4a3b-9505-372f743e2f57"
DEFINED = (
    Definition("notes", "Notes", "textarea"),
    Definition("score", "Score", "number"),
    Definition("status", "Status", "dropdown", [{"value": "New", "label": "New lead"}, {"value": "Won"}]),
    Definition("renewal", "Renewal", "date"),
    Definition("vip", "VIP", "checkbox"),
)  # fmt: skip
FIELDS: dict[str, CrmField] = {
    field.name: field
    for field in (*BUILT_IN, country([["DE", "Germany"]]), *(custom(one) for one in DEFINED))
}
UPDATED = {"error": False, "message": "Contact Updated Successfully"}


def contact(external_id: str = ONE, **members: Any) -> dict[str, Any]:
    """A contact as the list and the detail show it."""
    return {
        "id": external_id, "first_name": "Ada", "last_name": "Lovelace", "email": None, "phone": "(415) 555-0123",
        "phone_e164": "", "source": "", "title": None, "do_not_call": False, "description": None, "is_active": True,
        "created_at": "2026-11-23T14:58:19.360377Z", "updated_at": "2026-11-23T15:58:19.360390Z",
        "custom_fields": {}, **members,
    }  # fmt: skip


def listed(*contacts: dict[str, Any]) -> Response:
    """A page of the list."""
    return answer({"count": 99, "results": list(contacts), "countries": [["DE", "Germany"]]})


def definitions(*defined: Definition) -> Response:
    """The organisation's own fields."""
    return answer({"definitions": _shown(defined), "totals": None})


def detail(one: dict[str, Any], *defined: Definition) -> Response:
    """One contact and, beside it, the organisation's own fields."""
    return answer({"contact_obj": one, "custom_field_definitions": _shown(defined)})


def _shown(defined: tuple[Definition, ...]) -> list[dict[str, Any]]:
    return [
        {
            "key": one.key, "label": one.label, "field_type": one.field_type, "options": one.options,
            "is_required": one.is_required, "is_active": one.is_active, "target_model": "Contact",
        }
        for one in defined
    ]  # fmt: skip


def fields(*names: str) -> list[CrmField]:
    """Fields by our names of them."""
    return [FIELDS[name] for name in names]
