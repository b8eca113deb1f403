"""What answers look like, for the OpenAPI document only: answers are written as plain JSON, not through these."""

from typing import Any, Literal

from pydantic import BaseModel

from tieline.api.models import FieldTypeName, UpdateModeName


class ErrorOut(BaseModel):
    """Every answer that is no success."""

    status: Literal["error"]
    message: str


class TagOut(BaseModel):
    """A tag."""

    id: str
    label: str


class ContactOut(BaseModel):
    """A contact. What has no value is left out. Times are epoch milliseconds."""

    contact_id: str
    org_id: str
    phone_number: str
    created_timestamp: int
    conversation_count: int
    custom_fields: dict[str, str | float | bool]
    contact_tags: list[TagOut]
    first_name: str = ""
    last_name: str = ""
    do_not_call: bool = False
    external_id: str = ""
    contact_memory: str = ""
    last_conversation_timestamp: int = 0
    user_modified_timestamp: int = 0


class ContactPageOut(BaseModel):
    """A page of contacts."""

    items: list[ContactOut]
    total: int
    has_more: bool
    pagination_key: str = ""


class ConversationItemOut(BaseModel):
    """A call (`call_id`) or a chat (`chat_id`)."""

    type: Literal["call", "chat"]
    call_id: str = ""
    chat_id: str = ""
    direction: Literal["inbound", "outbound"] = "inbound"
    start_timestamp: int = 0
    duration_ms: int = 0
    disconnection_reason: str = ""
    sentiment: str = ""
    successful: bool = False
    summary: str = ""


class ConversationPageOut(BaseModel):
    """A page of a contact's conversations, newest first."""

    items: list[ConversationItemOut]
    has_more: bool
    pagination_key: str = ""


class CustomFieldOut(BaseModel):
    """A custom field."""

    name: str
    type: FieldTypeName
    label: str = ""
    description: str = ""
    options: list[str] = []


class AnalysisMappingOut(BaseModel):
    """An analysis mapping. The members after `update_mode` are ours, and there only where they are set."""

    analysis_data_name: str
    field_name: str
    update_mode: UpdateModeName
    only_agents: list[str] = []
    only_directions: list[str] = []
    only_if_successful: bool = False
    min_confidence: float = 0
    merge_strategy: Literal["facts", "rewrite"] = "facts"
    max_characters: int = 0


class ContactMemoryConfigOut(BaseModel):
    """Whether conversations add to their contact's memory when they end."""

    enable_update: bool


class CrmConfigOut(BaseModel):
    """An organisation's configuration."""

    org_id: str
    custom_fields: list[CustomFieldOut]
    crm_analysis_data_mappings: list[AnalysisMappingOut]
    contact_columns_order: list[str]
    contact_tags: list[TagOut]
    default_contact_memory_update_prompt: str
    contact_memory_update_prompt: str | None
    contact_memory_config: ContactMemoryConfigOut
    app_id: str = ""
    last_sync_timestamp: int = 0


class VariablesOut(BaseModel):
    """Dynamic variables: contact fields by name, all text."""

    model_config = {"extra": "allow"}


class ConversationOut(BaseModel):
    """A conversation that was taken in."""

    conversation_id: str
    platform: str
    type: Literal["call", "chat"]
    status: str
    contact_id: str = ""


class HealthOut(BaseModel):
    """The server answers, and so does its database."""

    status: Literal["ok"]


class ExplanationEntryOut(BaseModel):
    """One change of a field, or one that did not stand. Times are epoch milliseconds."""

    entry_id: int
    outcome: Literal["set", "overruled", "withdrawn"]
    value: Any
    replaced: Any
    source: str
    source_kind: str
    effective_timestamp: int
    recorded_timestamp: int
    source_ref: str | None = None
    reason: str | None = None
    run_id: str | None = None
    evidence: Any = None


class ExplanationOut(BaseModel):
    """Where a field's value came from, the newest entry first."""

    contact_id: str
    field_name: str
    value: Any
    entries: list[ExplanationEntryOut]


def documented(model: Any, status: int = 200, *errors: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: its success and the errors it can have."""
    described: dict[int | str, dict[str, Any]] = {
        code: {"model": ErrorOut} for code in (401, *errors, 413, 422, 500, 503)
    }
    return {status: {"model": model} if model else {"description": "Done"}, **described}
