"""Houses on both CRMs, with the mappings of the walk-through."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.integration.flows.house import APP, ORG, House, house

from tieline.sandbox.hubspot import DEFAULT_TOKEN
from tieline.sandbox.hubspot import create as create_hubspot
from tieline.sandbox.salesforce import create as create_salesforce

FIELDS: list[tuple[str, str, list[str]]] = [
    ("lead_status", "enum", ["New", "Contacted", "Qualified", "Unqualified", "Nurturing"]),
    ("interaction_summary", "string", []),
    ("email", "string", []),
    ("score", "number", []),
    ("vip", "boolean", []),
    ("renewal_date", "date", []),
    ("last_demo", "datetime", []),
    ("plan", "string", []),
]
NAMES = {
    "salesforce": {
        "phone_number": "Phone", "first_name": "FirstName", "last_name": "LastName", "lead_status": "Lead_Status__c",
        "interaction_summary": "Notes__c", "score": "Score__c", "vip": "VIP__c", "renewal_date": "Renewal_Date__c",
        "last_demo": "Last_Demo__c", "plan": "Plan__c",
    },
    "hubspot": {
        "phone_number": "phone", "first_name": "firstname", "last_name": "lastname", "lead_status": "lead_status",
        "interaction_summary": "notes", "score": "score", "vip": "vip", "renewal_date": "renewal_date",
        "last_demo": "last_demo", "plan": "plan",
    },
}  # fmt: skip
ANALYSIS = [
    ("lead_qualification_status", "lead_status", "overwrite"),
    ("customer_notes", "interaction_summary", "merge"),
    ("email", "email", "fill_if_empty"),
]


@pytest.fixture(params=["salesforce", "hubspot"])
async def home(db_url: str, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """A house with the walk-through's fields and mappings, and nobody in the CRM yet."""
    provider: str = request.param
    if provider == "salesforce":
        crm: Any = create_salesforce({})
        auth = {"type": "oauth2", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    else:
        crm = create_hubspot({"rate_limits": False})
        auth = {"type": "api_key", "api_key": DEFAULT_TOKEN}
    async with house(db_url, provider, crm, auth) as made:
        await furnish(made, provider)
        yield made


async def furnish(home: House, provider: str) -> None:
    """Fields, mappings, and the app's identity and schema."""
    for position, (name, kind, options) in enumerate(FIELDS):
        await home.sql(
            "insert into custom_field (org_id, field_id, name, type, options, position)"
            " values (%s, %s, %s, %s, to_jsonb(%s::text[]), %s)", ORG, f"field_{name}", name, kind, options, position,
        )  # fmt: skip
    for position, mapping in enumerate(ANALYSIS):
        await home.sql(
            "insert into analysis_mapping (org_id, analysis_data_name, field_name, update_mode, position)"
            " values (%s, %s, %s, %s, %s)", ORG, *mapping, position,
        )  # fmt: skip
    names = NAMES[provider]
    lines = [{"external_field_name": crm, "field_name": ours} for ours, crm in names.items()]
    for line in lines:
        if line["field_name"] == "interaction_summary":
            line["policy"] = "merge"
    outbound = [line for line in lines if line["field_name"] in ("lead_status", "interaction_summary")]
    session = await home.session()
    schema = await session.run(session.connector.describe())
    identity = session.identity
    assert identity is not None
    app = replace(
        await home.apps.get(ORG, APP), tenant_id=identity.tenant_id, own_user_id=identity.user_id, schema=schema,
        mappings_checked=True, crm_config={
            "inbound_sync_mappings": lines, "outbound_sync_mappings": outbound, "sync_conversation_activity": True,
        },
    )  # fmt: skip
    async with home.pool.connection() as connection:
        await home.apps.save(connection, app, None)


async def map_both_ways(home: House, *names: str, policy: str | None = None) -> None:
    """Also writes these fields to the CRM."""
    app = await home.app()
    config = dict(app.crm_config)
    kept = [line for line in config["outbound_sync_mappings"] if line["field_name"] not in names]
    more: list[dict[str, Any]] = [
        {"external_field_name": NAMES[home.provider][name], "field_name": name, "lossy_confirmed": True}
        for name in names
    ]
    for line in more:
        if policy:
            line["policy"] = policy
    inbound = [
        {**line, "policy": policy} if policy and line["field_name"] in names else line
        for line in config["inbound_sync_mappings"]
    ]
    config |= {"inbound_sync_mappings": inbound, "outbound_sync_mappings": [*kept, *more]}
    async with home.pool.connection() as connection:
        await home.apps.save(connection, replace(app, crm_config=config), None)


def crm_fields(home: House, **ours: Any) -> dict[str, Any]:
    """Values by our field names, by the CRM's."""
    return {NAMES[home.provider][name]: value for name, value in ours.items()}


async def in_crm(home: House, external_id: str) -> dict[str, Any]:
    """The record's values by our field names, read back through the CRM's public API."""
    session = await home.session()
    schema = await session.run(session.connector.describe())
    names = NAMES[home.provider]
    fields = [f for f in (schema.get(name) for name in names.values()) if f is not None]
    page = await session.run(session.connector.read_by_ids(fields, [external_id]))
    values = page.records[0].values
    return {ours: values.get(crm) for ours, crm in names.items()}


async def alice(home: House, **more: Any) -> str:
    """The walk-through's contact, in the CRM."""
    person: dict[str, Any] = {
        "phone_number": "+14155550100", "first_name": "Alice", "last_name": "Smith", "lead_status": "New",
        "interaction_summary": "Asked for a brochure.", **more,
    }  # fmt: skip
    made = await home.admin("create", fields=crm_fields(home, **person))
    return str(made["id"])
