"""Configuration as the flows read it: an app with its mappings and live schema, and an organisation's fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.crm_schema import CrmSchema
from tieline.domain.fields import FieldSpec
from tieline.domain.quota import RESERVE_PERCENT


@dataclass(frozen=True, slots=True)
class AppConfig:
    """One connection. `crm_config` has the API's shape, picklist options settled; credentials are not in here.

    `schema` is the CRM's contact object as last read, None before. `stopped_reason` says why no run may start.
    """

    org_id: str
    app_id: str
    type: str
    provider: str
    name: str = ""
    tenant_url: str | None = None
    tenant_sub_id: str | None = None
    auth_type: str | None = None
    auth_public: Mapping[str, str] = field(default_factory=dict)
    connection_status: str = "not_connected"
    status_reason: str | None = None
    tenant_id: str | None = None
    own_user_id: str | None = None
    time_zone: str | None = None
    crm_config: Mapping[str, Any] = field(default_factory=dict)
    schema: CrmSchema | None = None
    schema_at: datetime | None = None
    mappings_checked: bool = False
    sync_interval_s: int = 300
    next_sync_at: datetime | None = None
    stopped_reason: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def tenant_key(self) -> str:
        """The CRM tenant, unique over all providers; '' before the first authentication."""
        return f"{self.provider}:{self.tenant_id}" if self.tenant_id else ""

    @property
    def region(self) -> str:
        """The country by which national numbers are read (ISO 3166, two letters)."""
        return str(self.crm_config.get("default_country") or "US")

    @property
    def dates_zone(self) -> str:
        """The time zone in which datetimes become dates: the app's own setting, else the CRM's, else UTC."""
        return str(self.crm_config.get("time_zone") or self.time_zone or "UTC")

    @property
    def logs_activities(self) -> bool:
        """Whether conversations are logged in the CRM."""
        return bool(self.crm_config.get("sync_conversation_activity"))

    @property
    def activity_key_field(self) -> str | None:
        """The CRM's unique field that holds the keys of activities, where the administrator made one."""
        name = self.crm_config.get("activity_key_field")
        return name.strip() or None if isinstance(name, str) else None

    @property
    def creates_contacts(self) -> bool:
        """Whether a contact without a record gets one after a conversation."""
        return bool(self.crm_config.get("sync_new_contacts"))

    @property
    def new_contact_name(self) -> str | None:
        """The last name of a record that is created for somebody whose name nobody has told; None: the number."""
        name = self.crm_config.get("new_contact_name")
        return name.strip() or None if isinstance(name, str) else None

    @property
    def api_reserve_percent(self) -> int:
        """The share of the CRM's daily requests that is kept for the customer's other tools."""
        percent = self.crm_config.get("api_reserve_percent")
        return RESERVE_PERCENT if percent is None else int(percent)

    @property
    def may_run(self) -> bool:
        """Connected, with checked mappings, and not stopped."""
        return self.connection_status == "connected" and self.mappings_checked and self.stopped_reason is None


class OrgConfig(Protocol):
    """An organisation's contact fields and analysis mappings, and which app syncs its contacts."""

    @property
    def app_id(self) -> str | None:
        """The app that syncs contacts, if any."""

    @property
    def analysis_mappings(self) -> Sequence[AnalysisMapping]:
        """In their order."""

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """All contact fields by name, built-in ones included."""

    @property
    def contact_memory_enabled(self) -> bool:
        """Whether conversations add to their contact's memory when they end."""

    @property
    def contact_memory_update_prompt(self) -> str | None:
        """How the memory is to be kept; None: by the preset."""
