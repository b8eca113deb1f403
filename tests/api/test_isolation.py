"""Two organisations and no way across: whatever one calls with the other's ids, it sees and changes nothing of it.

`CALLS` names every route; one that is missing there fails the last test.
"""

import json
from typing import Any

import httpx2
import pytest
from tests.support import START, World

from tieline.api.app import create_app
from tieline.api.webhooks import signature
from tieline.ports.clock import to_ms

MARK = "Zebulon"
PHONE = "+14155550123"
TAG = "d" * 32

# By method and path: the body or query with which to try it. {contact_id} and the like are the other organisation's.
CALLS: dict[tuple[str, str], dict[str, Any] | None] = {
    ("POST", "/create-contact"): {"phone_number": PHONE},
    ("GET", "/get-contact/{contact_id}"): None,
    ("GET", "/get-contact-by-phone/{phone_number}"): None,
    ("PATCH", "/update-contact/{contact_id}"): {"first_name": "Mallory", "contact_memory": "x"},
    ("DELETE", "/delete-contact/{contact_id}"): None,
    ("POST", "/list-contacts"): {"filter_criteria": {"phone_number": {"type": "string", "op": "eq", "value": PHONE}}},
    ("GET", "/list-contact-conversations/{contact_id}"): None,
    ("POST", "/merge-contacts"): {"survivor_id": "{contact_id}", "loser_id": "{contact_id}"},
    ("POST", "/unmerge-contact"): {"contact_id": "{contact_id}"},
    ("POST", "/undo-run/{run_id}"): {"clear_do_not_call": True},
    ("POST", "/undo-conversation/{conversation_id}"): {"clear_do_not_call": True},
    ("POST", "/undo-contact-field/{contact_id}/{field_name}"): {},
    ("POST", "/release-contact-field/{contact_id}/{field_name}"): None,
    ("GET", "/list-review-items"): None,
    ("POST", "/resolve-review-item/{issue_id}"): {"choice": "dismiss"},
    ("POST", "/replay-issues"): {"issue_ids": ["{issue_id}"]},
    ("GET", "/list-brakes"): None,
    ("GET", "/get-brake/{brake_id}"): None,
    ("POST", "/confirm-brake/{brake_id}"): {"note": "Mallory"},
    ("POST", "/reject-brake/{brake_id}"): {},
    ("GET", "/explain-contact-field/{contact_id}/{field_name}"): None,
    ("GET", "/get-crm-config"): None,
    ("POST", "/update-crm-config"): {"app_id": "{app_id}"},
    ("POST", "/preview-analysis-mappings"): {"conversation_id": "call_a"},
    ("GET", "/get-contact-dynamic-variables/{phone_number}"): None,
    ("POST", "/conversations"): {"conversation_id": "call_a", "platform": "retell", "type": "call", "status": "ended",
                                 "contact_id": "{contact_id}", "summary": "Mallory"},
    ("POST", "/webhooks/retell"): {"event": "call_analyzed", "call": {"call_id": "call_a", "transcript": "Mallory",
                                                                      "metadata": {"contact_id": "{contact_id}"}}},
    ("POST", "/webhooks/retell/inbound"): {"event": "chat_inbound", "chat_inbound": {
        "agent_id": "agent_a", "from_number": PHONE, "to_number": "+14155550199"}},
    ("POST", "/create-app"): {"type": "crm", "provider": "hubspot", "name": "Ours",
                              "auth_config": {"type": "api_key", "api_key": "pat-x"}},
    ("PATCH", "/update-app/{app_id}"): {"name": "Mallory"},
    ("GET", "/get-app/{app_id}"): None,
    ("GET", "/list-apps"): None,
    ("DELETE", "/delete-app/{app_id}"): None,
    ("GET", "/list-app-usages/{app_id}"): None,
    ("GET", "/get-app-quota/{app_id}"): None,
    ("POST", "/test-app-auth/{app_id}"): None,
    ("POST", "/check-app-mappings"): {"app_id": "{app_id}", "crm_config": {"default_country": "DE"}},
    ("POST", "/confirm-app-tenant-switch/{app_id}"): None,
    ("GET", "/get-crm-schema"): None,
    ("POST", "/run-sync-job"): None,
    ("GET", "/get-sync-job-status"): None,
    ("GET", "/list-runs"): None,
    ("GET", "/get-run/{run_id}"): None,
    ("POST", "/dry-run-sync"): {"app_id": "{app_id}"},
    ("GET", "/list-dry-runs"): None,
    ("GET", "/get-dry-run/{dry_run_id}"): None,
    ("GET", "/list-dry-run-lines/{dry_run_id}"): None,
    ("POST", "/run-audit-job"): None,
    ("GET", "/get-audit-job-status"): None,
    ("GET", "/get-analysis-config"): None,
    ("PUT", "/update-analysis-config"): {"agent_id": "agent_theirs", "post_call_analysis_data": []},
    ("PUT", "/rerun-call-analysis/{call_id}"): None,
    ("PUT", "/rerun-chat-analysis/{chat_id}"): None,
    ("POST", "/rerun-analysis"): {"conversation_ids": ["call_a", "chat_theirs"]},
    ("GET", "/v2/get-call/{call_id}"): None,
    ("GET", "/get-chat/{chat_id}"): None,
    ("GET", "/list-model-usage"): None,
    ("POST", "/backfill-contact-analysis-data"): {"backfill_attributes": ["contact_memory"]},
    ("POST", "/forecast-backfill-contact-analysis-data"): {"backfill_attributes": ["contact_memory"]},
    ("GET", "/get-backfill-contact-job-status"): None,
    ("GET", "/health"): None,
}  # fmt: skip


async def _theirs(world: World, client: httpx2.AsyncClient) -> tuple[str, dict[str, str]]:
    """An organisation with one of everything, all of it marked, and the ids in it."""
    org_id, key = await world.org(MARK)
    headers = {"authorization": f"Bearer {key}"}
    app_id = await world.app(org_id, default_country="US")
    mapping = {"analysis_data_name": MARK, "field_name": "note", "update_mode": "merge"}
    config = {"custom_fields": [{"name": "note", "type": "string", "description": MARK}],
              "crm_analysis_data_mappings": [mapping],
              "contact_tags": [{"id": TAG, "label": MARK}]}  # fmt: skip
    assert (await client.post("/update-crm-config", json=config, headers=headers)).status_code == 200
    body = {
        "phone_number": PHONE,
        "first_name": MARK,
        "custom_fields": {"note": MARK},
        "contact_tag_ids": [TAG],
    }
    contact = (await client.post("/create-contact", json=body, headers=headers)).json()
    await world.link(org_id, contact["contact_id"], MARK)
    call = {"conversation_id": "call_a", "platform": "retell", "type": "call", "status": "ended", "summary": MARK,
            "contact_id": contact["contact_id"]}  # fmt: skip
    assert (await client.post("/conversations", json=call, headers=headers)).status_code == 201
    await world.services.accounts.add_webhook_secret(org_id, "retell", "key_theirs")
    await world.run(
        "insert into issue (org_id, issue_id, cause, kind, message, app_id, external_id, contact_id)"
        " values (%s, 'issue_theirs', 'c', 'push_refused', %s, %s, %s, %s)",
        org_id, MARK, app_id, MARK, contact["contact_id"],
    )  # fmt: skip
    await world.run(
        "insert into run (org_id, run_id, app_id, kind, status, triggered_by, reason)"
        " values (%s, 'run_theirs', %s, 'outbound', 'failed', 'event', %s)",
        org_id, app_id, MARK,
    )  # fmt: skip
    await world.run(
        "insert into dry_run (org_id, dry_run_id, app_id, kind, status, reason)"
        " values (%s, 'dry_run_theirs', %s, 'inbound', 'failed', %s)",
        org_id, app_id, MARK,
    )  # fmt: skip
    await world.run(
        "insert into dry_run_line (org_id, dry_run_id, position, action, side, line)"
        " values (%s, 'dry_run_theirs', 1, 'changed', 'tieline', to_jsonb(%s::text))",
        org_id, MARK,
    )  # fmt: skip
    await world.run(
        "insert into brake (org_id, brake_id, app_id, flow, status, shown, known, stopped_at, seen_at, note)"
        " values (%s, 'brake_theirs', %s, 'changes', 'stopped', '{}', 5, now(), now(), %s)",
        org_id, app_id, MARK,
    )  # fmt: skip
    await world.run(
        "insert into conversation (org_id, platform, conversation_id, type, status, agent_id, transcript)"
        " values (%s, 'acme', 'chat_theirs', 'chat', 'ended', 'agent_theirs', %s)",
        org_id, MARK,
    )  # fmt: skip
    fields = f'[{{"type": "string", "name": "{MARK}"}}]'
    await world.run(
        "insert into analysis_definition (org_id, agent_id, call_fields, chat_fields)"
        " values (%s, 'agent_theirs', %s, %s)",
        org_id, fields, fields,
    )  # fmt: skip
    await world.run(
        "insert into llm_usage (org_id, platform, conversation_id, use, engine, prompt_version, requests, input_tokens,"
        " output_tokens, cost_micro_usd, duration_ms) values (%s, 'retell', 'call_a', 'merge', %s, '1', 1, 1, 1, 1, 1)",
        org_id, MARK,
    )  # fmt: skip
    return org_id, {
        "{call_id}": "call_a",
        "{conversation_id}": "call_a",
        "{chat_id}": "chat_theirs",
        "{brake_id}": "brake_theirs",
        "{dry_run_id}": "dry_run_theirs",
        "{issue_id}": "issue_theirs",
        "{run_id}": "run_theirs",
        "{contact_id}": contact["contact_id"],
        "{app_id}": app_id,
        "{phone_number}": PHONE,
        "{field_name}": "note",
    }


async def _everything(world: World, org_id: str) -> dict[str, Any]:
    """All rows of an organisation in all tables."""
    tables = await world.rows(
        "select table_name from information_schema.columns where column_name = 'org_id' and table_schema = 'public'"
    )
    return {
        row["table_name"]: sorted(
            repr(r) for r in await world.rows(f"select * from {row['table_name']} where org_id = %s", org_id)
        )
        for row in tables
    }


def _filled(text: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        text = text.replace(name, value)
    return text


@pytest.mark.parametrize(("method", "path"), CALLS, ids=lambda part: str(part))
async def test_there_is_no_way_to_another_organisation(
    anyone: httpx2.AsyncClient, world: World, method: str, path: str
) -> None:
    theirs, ids = await _theirs(world, anyone)
    ours, key = await world.org("Ours")
    await world.services.accounts.add_webhook_secret(ours, "retell", "key_ours")
    before = await _everything(world, theirs)
    assert any(MARK in row for rows in before.values() for row in rows)

    body = CALLS[method, path]
    content = b"" if body is None else _filled(json.dumps(body), ids).encode()
    headers = {
        "authorization": f"Bearer {key}",
        "content-type": "application/json",
        "x-retell-signature": signature.sign(content, "key_ours", to_ms(START)),
    }
    answer = await anyone.request(
        method,
        _filled(path, ids),
        content=content,
        headers=headers,
        params={"org_id": ours, "app_id": ids["{app_id}"], "force_delete": "true"},
    )
    assert answer.status_code < 500, answer.text
    assert MARK not in answer.text
    assert await _everything(world, theirs) == before
    if "webhooks" in path:
        answer = await anyone.request(
            method, path, content=content, headers=headers, params={"org_id": theirs}
        )
        assert answer.status_code == 401
        assert await _everything(world, theirs) == before


async def test_every_route_that_needs_a_key_refuses_without_one(anyone: httpx2.AsyncClient) -> None:
    for method, path in CALLS:
        answer = await anyone.request(method, path, params={"org_id": "org_x"}, content=b"{}")
        assert answer.status_code == (200 if path == "/health" else 401), path


async def test_every_route_is_tried(world: World) -> None:
    routes = create_app(world.services).openapi()["paths"]
    assert {(method.upper(), path) for path, methods in routes.items() for method in methods} == set(CALLS)
