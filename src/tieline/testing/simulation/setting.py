"""The organisation that a simulated world is about: its fields, mappings and app. Always the same, so that histories
can be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.configuration import ContactTag
from tieline.domain.crm_schema import CrmSchema
from tieline.domain.fields import BUILTIN_FIELDS, FieldSpec
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import FieldType
from tieline.ports.config import AppConfig
from tieline.ports.crm import Identity

ORG: Final = "org_1"
OTHER_ORG: Final = "org_2"
APP: Final = "app_1"
URL: Final = "http://127.0.0.1:9"
"""Never dialled: the network hands requests to the CRM directly."""

TEXTS: Final = ("first_name", "plan", "notes", "title", "city", "department")
"""Text fields, all mapped: two-way `first_name` by crm_wins, `plan` by tieline_wins, `title` by newest_wins, `city` by
review, `notes` by merge; `department` outbound only."""

MERGED: Final = "notes"
_POLICIES: Final = {
    "first_name": "crm_wins", "plan": "tieline_wins", "title": "newest_wins", "city": "review", "notes": "merge",
    "do_not_call": None,
}  # fmt: skip
ANALYSIS: Final = (
    AnalysisMapping("customer_plan", "plan", UpdateMode.OVERWRITE),
    AnalysisMapping("customer_notes", "notes", UpdateMode.MERGE),
    AnalysisMapping("customer_title", "title", UpdateMode.FILL_IF_EMPTY),
    AnalysisMapping("wants_no_calls", "do_not_call", UpdateMode.OVERWRITE),
)


@dataclass(frozen=True, slots=True)
class Organisation:
    """Implements what the flows want to know of an organisation."""

    app_id: str | None
    analysis_mappings: Sequence[AnalysisMapping]
    fields: Mapping[str, FieldSpec]
    contact_tags: Sequence[ContactTag] = ()
    default_country: str = "US"


def organisation() -> Organisation:
    """The organisation's configuration."""
    custom = [name for name in TEXTS if name not in BUILTIN_FIELDS]
    specs = {name: FieldSpec(name, FieldType.STRING, field_id=f"field_{name}") for name in custom}
    return Organisation(APP, ANALYSIS, {**BUILTIN_FIELDS, **specs})


def app_config(
    provider: str, names: Mapping[str, str], identity: Identity, schema: CrmSchema, *, creates: bool = False
) -> AppConfig:
    """The app, connected and checked."""
    return AppConfig(
        ORG, APP, "crm", provider, tenant_url=URL, connection_status="connected", tenant_id=identity.tenant_id,
        own_user_id=identity.user_id, schema=schema, mappings_checked=True,
        crm_config=crm_config(names, creates=creates),
    )  # fmt: skip


def crm_config(names: Mapping[str, str], *, creates: bool = False) -> dict[str, object]:
    """What is mapped, as the API takes it."""
    inbound: list[dict[str, object]] = [
        {"external_field_name": names["phone_number"], "field_name": "phone_number"}
    ]
    inbound += [_line(names, field_name, policy) for field_name, policy in _POLICIES.items()]
    outbound = [_line(names, field_name, policy) for field_name, policy in _POLICIES.items()]
    outbound.append(_line(names, "department", None))
    return {
        "inbound_sync_mappings": inbound, "outbound_sync_mappings": outbound,
        "sync_conversation_activity": True, "sync_new_contacts": creates,
    }  # fmt: skip


def _line(names: Mapping[str, str], field_name: str, policy: str | None) -> dict[str, object]:
    """Fields may be shorter in the CRM than here; what does not fit is refused when it is written."""
    line = {"external_field_name": names[field_name], "field_name": field_name, "lossy_confirmed": True}
    return line if policy is None else {**line, "policy": policy}
