"""The walk-through's organisation: its fields, its mappings on each CRM, and the credentials of the sandbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tieline.sandbox.hubspot import DEFAULT_TOKEN

Provider = Literal["salesforce", "hubspot"]
PROVIDERS: Sequence[Provider] = ("salesforce", "hubspot")
TITLES: Mapping[str, str] = {"salesforce": "Salesforce", "hubspot": "HubSpot"}

NUMBER = "+14155550100"
STATUSES = ["New", "Contacted", "Qualified", "Unqualified", "Nurturing"]
CUSTOM_FIELDS: Sequence[dict[str, Any]] = (
    {"name": "lead_status", "type": "enum", "label": "Lead status", "options": STATUSES},
    {"name": "interaction_summary", "type": "string", "label": "Interaction summary",
     "description": "What was said so far. Keep every fact."},
    {"name": "email", "type": "string", "label": "E-mail"},
    {"name": "plan", "type": "string", "label": "Plan"},
    {"name": "score", "type": "number", "label": "Score"},
    {"name": "vip", "type": "boolean", "label": "VIP"},
    {"name": "renewal_date", "type": "date", "label": "Renewal date"},
    {"name": "last_demo", "type": "datetime", "label": "Last demo"},
)  # fmt: skip
ANALYSIS_MAPPINGS: Sequence[dict[str, str]] = (
    {"analysis_data_name": "lead_qualification_status", "field_name": "lead_status", "update_mode": "overwrite"},
    {"analysis_data_name": "customer_notes", "field_name": "interaction_summary", "update_mode": "merge"},
    {"analysis_data_name": "email", "field_name": "email", "update_mode": "fill_if_empty"},
)  # fmt: skip

ANALYSIS_FIELDS: Sequence[dict[str, Any]] = (
    {"type": "enum", "name": "lead_qualification_status", "description": "How far the lead has come.",
     "choices": STATUSES},
    {"type": "string", "name": "customer_notes", "description": "What the agent should know next time.",
     "examples": ["Send the invoice to the warehouse"]},
    {"type": "email", "name": "email", "description": "Their address."},
)  # fmt: skip

CRM_NAMES: Mapping[str, Mapping[str, str]] = {
    "salesforce": {
        "phone_number": "Phone", "first_name": "FirstName", "last_name": "LastName", "lead_status": "Lead_Status__c",
        "interaction_summary": "Notes__c", "plan": "Plan__c", "score": "Score__c", "vip": "VIP__c",
        "renewal_date": "Renewal_Date__c", "last_demo": "Last_Demo__c",
    },
    "hubspot": {
        "phone_number": "phone", "first_name": "firstname", "last_name": "lastname", "lead_status": "lead_status",
        "interaction_summary": "notes", "plan": "plan", "score": "score", "vip": "vip",
        "renewal_date": "renewal_date", "last_demo": "last_demo",
    },
}  # fmt: skip
OUTBOUND = ("lead_status", "interaction_summary")
CREDENTIALS: Mapping[str, Mapping[str, str]] = {
    "salesforce": {"type": "oauth2", "client_id": "sandbox-client", "client_secret": "sandbox-secret"},
    "hubspot": {"type": "api_key", "api_key": DEFAULT_TOKEN},
}
# A second private app's token in the same portal.
OTHER_HUBSPOT_TOKEN = f"{DEFAULT_TOKEN}-other"
# The request by which each connector writes contacts, as the sandbox names it.
WRITE_OPERATION: Mapping[str, str] = {"salesforce": "collections.update", "hubspot": "contacts.batch_update"}


@dataclass(frozen=True)
class Account:
    """An organisation of the demo, as its administrator knows it."""

    provider: Provider
    org_id: str
    api_key: str
    webhook_secret: str
    crm_url: str

    @property
    def title(self) -> str:
        """The CRM's name."""
        return TITLES[self.provider]


def sync_mappings(provider: str) -> dict[str, Any]:
    """The app's `crm_config`: all fields in, status and notes also out, and conversations logged."""
    lines = [{"external_field_name": crm, "field_name": ours} for ours, crm in CRM_NAMES[provider].items()]
    for line in lines:
        if line["field_name"] == "interaction_summary":
            line["policy"] = "merge"
    return {
        "inbound_sync_mappings": lines,
        "outbound_sync_mappings": [line for line in lines if line["field_name"] in OUTBOUND],
        "sync_conversation_activity": True,
    }
