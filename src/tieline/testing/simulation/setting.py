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
POLICIES: Final = ("crm_wins", "tieline_wins", "newest_wins", "review")


@dataclass(frozen=True, slots=True)
class Mode:
    """How a field is mapped."""

    inbound: bool
    outbound: bool
    policy: str | None

    def __str__(self) -> str:
        ways = [name for name, way in (("inbound", self.inbound), ("outbound", self.outbound)) if way]
        return f"{' and '.join(ways) or 'nowhere'}, {self.policy or 'no policy'}"


MODES: Final[Mapping[str, Mode]] = {
    "first_name": Mode(True, True, "crm_wins"), "plan": Mode(True, True, "tieline_wins"),
    "title": Mode(True, True, "newest_wins"), "city": Mode(True, True, "review"), "notes": Mode(True, True, "merge"),
    "do_not_call": Mode(True, True, None), "department": Mode(False, True, None),
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
    contact_memory_enabled: bool = False
    contact_memory_update_prompt: str | None = None


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
    lists = mapping_lists(names, MODES)
    return {**lists, "sync_conversation_activity": True, "sync_new_contacts": creates}


def mapping_lists(names: Mapping[str, str], modes: Mapping[str, Mode]) -> dict[str, object]:
    """The members of a `crm_config` that map fields so."""
    phone = {"external_field_name": names["phone_number"], "field_name": "phone_number"}
    read = [_line(names, field_name, mode.policy) for field_name, mode in modes.items() if mode.inbound]
    written = [_line(names, field_name, mode.policy) for field_name, mode in modes.items() if mode.outbound]
    return {"inbound_sync_mappings": [phone, *read], "outbound_sync_mappings": written}


def _line(names: Mapping[str, str], field_name: str, policy: str | None) -> dict[str, object]:
    """Fields may be shorter in the CRM than here; what does not fit is refused when it is written."""
    line = {"external_field_name": names[field_name], "field_name": field_name, "lossy_confirmed": True}
    return line if policy is None else {**line, "policy": policy}
