"""The official client, with nothing but its base_url changed, against the API on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import retell
import uvicorn
from retell import Retell
from tests.support import World

from tieline.api.app import create_app


@pytest.fixture
async def client(world: World, org: str) -> AsyncIterator[Retell]:
    key = await world.services.accounts.create_key(org, "sdk")
    config = uvicorn.Config(create_app(world.services), log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        port = listener.getsockname()[1]
        with Retell(api_key=key.text, base_url=f"http://127.0.0.1:{port}", max_retries=0) as client:
            yield client
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def test_contacts_and_configuration_work_through_the_official_client(client: Retell, org: str) -> None:
    # The client is synchronous, and the server runs in this loop.
    await asyncio.to_thread(_walk, client, org)


def _walk(client: Retell, org: str) -> None:
    config = client.crm.update_config(
        custom_fields=[
            {"name": "lead_status", "type": "enum", "options": ["New", "Qualified"], "label": "Lead status"},
            {"name": "score", "type": "number"},
        ],
        crm_analysis_data_mappings=[
            {"analysis_data_name": "status", "field_name": "lead_status", "update_mode": "overwrite"}
        ],
        contact_tags=[{"id": "a" * 32, "label": "VIP"}],
    )
    assert config.org_id == org
    assert config.custom_fields is not None
    assert [field.name for field in config.custom_fields] == ["lead_status", "score"]
    assert client.crm.get_config() == config
    assert client.crm.update_config(contact_tags=None).contact_tags == []
    client.crm.update_config(contact_tags=[{"id": "a" * 32, "label": "VIP"}])

    created = client.contact.create(
        phone_number="+14155550100",
        first_name="Alice",
        custom_fields={"lead_status": "New", "score": 4.5},
        contact_tag_ids=["a" * 32],
        do_not_call=False,
    )
    assert created.contact_tags is not None
    assert [tag.label for tag in created.contact_tags] == ["VIP"]
    assert created.custom_fields == {"lead_status": "New", "score": 4.5}
    updated = client.contact.update(created.contact_id, last_name="Smith", custom_fields={"score": None})
    assert (updated.first_name, updated.last_name) == ("Alice", "Smith")
    assert updated.custom_fields == {"lead_status": "New"}
    assert client.contact.get(created.contact_id) == updated
    assert client.contact.get_by_phone("+14155550100") == updated

    for n in range(3):
        client.contact.create(phone_number=f"+1415555011{n}")
    page = client.contact.list(limit=3, sort_order="asc")
    assert (page.total, page.has_more) == (4, True)
    assert page.items[0] == updated
    rest = client.contact.list(limit=3, sort_order="asc", pagination_key=page.pagination_key or "")
    assert ([item.phone_number for item in rest.items], rest.has_more) == (["+14155550112"], False)
    found = client.contact.list(
        filter_criteria={
            "custom_fields": [{"type": "enum", "op": "in", "key": "lead_status", "value": ["New"]}],
            "last_conversation_timestamp": {"type": "number", "op": "ne", "value": 1.0},
        }
    )
    assert [item.contact_id for item in found.items] == [created.contact_id]
    conversations = client.contact.list_conversations(created.contact_id, limit=5)
    assert (conversations.items, conversations.has_more) == ([], False)

    with pytest.raises(retell.BadRequestError, match="already exists"):
        client.contact.create(phone_number="+14155550100")
    with pytest.raises(retell.UnprocessableEntityError, match="lead_status"):
        client.contact.update(created.contact_id, custom_fields={"lead_status": "Lost"})
    client.contact.delete(created.contact_id)
    with pytest.raises(retell.NotFoundError):
        client.contact.get(created.contact_id)
    with pytest.raises(retell.AuthenticationError):
        client.with_options(api_key="key_wrong").contact.list()


async def test_reads_and_reruns_of_calls_and_chats_work_through_the_official_client(
    client: Retell, world: World, org: str
) -> None:
    for kind, number in (("call", "+14155550100"), ("chat", None)):
        await world.run(
            "insert into conversation (org_id, platform, conversation_id, type, status, direction, has_number,"
            " from_number, to_number, agent_id, agent_version, transcript, analysis) values"
            " (%s, 'retell', %s, %s, 'analyzed', 'inbound', %s, %s, '+14155550199', 'agent_1', '3', 'User: Hi.',"
            " '{\"user_sentiment\": \"Positive\", \"budget\": 5}')",
            org, f"{kind}_1", kind, number is not None, number,
        )  # fmt: skip
    await asyncio.to_thread(_reruns, client)


def _reruns(client: Retell) -> None:
    with pytest.raises(retell.BadRequestError, match="Nothing is defined"):
        client.call.rerun_analysis("call_1")
    fields = [{"type": "string", "name": "notes", "description": "What they want."}]
    config = {"post_call_analysis_data": fields, "post_chat_analysis_data": fields}
    client.put("/update-analysis-config", cast_to=object, body=config)
    call = client.call.rerun_analysis("call_1")
    assert call.call_type == "phone_call"
    assert (call.call_id, call.from_number, call.agent_version) == ("call_1", "+14155550100", 3)
    assert call.call_analysis is not None
    assert call.call_analysis.user_sentiment == "Positive"
    assert call.call_analysis.custom_analysis_data == {"budget": 5}
    assert client.call.retrieve("call_1") == call
    chat = client.chat.rerun_analysis("chat_1")
    assert (chat.chat_id, chat.chat_status, chat.version) == ("chat_1", "ended", 3)
    assert client.chat.retrieve("chat_1") == chat
    with pytest.raises(retell.NotFoundError):
        client.call.rerun_analysis("nobody")


async def test_backfills_work_through_the_official_client(client: Retell, world: World, org: str) -> None:
    await asyncio.to_thread(_backfills, client)
    (row,) = await world.rows("select request from backfill")
    assert row["request"] == {
        "fields": ["lead_status", "contact_memory"], "agents": [{"agent_id": "agent_1", "version": ["3"]}],
        "since_ms": 1_000, "until_ms": 2_000, "not_ms": None,
    }  # fmt: skip


def _backfills(client: Retell) -> None:
    assert client.contact.get_backfill_job_status().status == "idle"
    with pytest.raises(retell.UnprocessableEntityError, match="There is no contact field lead_status"):
        client.contact.backfill_analysis_data(backfill_attributes=["lead_status"])
    client.crm.update_config(custom_fields=[{"name": "lead_status", "type": "string"}])
    with pytest.raises(retell.UnprocessableEntityError, match="No analysis data is mapped to lead_status"):
        client.contact.backfill_analysis_data(backfill_attributes=["lead_status"])
    client.crm.update_config(
        crm_analysis_data_mappings=[
            {"analysis_data_name": "status", "field_name": "lead_status", "update_mode": "overwrite"}
        ]
    )
    job = client.contact.backfill_analysis_data(
        backfill_attributes=["lead_status", "contact_memory"],
        backfill_call_filter={
            "agent": [{"agent_id": "agent_1", "version": [3]}],
            "start_timestamp": {"type": "range", "op": "bt", "value": [1000, 2000]},
        },
    )
    assert (job.status, job.triggered_by, job.succeeded, job.failed) == ("queued", "manual", 0, 0)
    assert client.contact.get_backfill_job_status().to_dict() == job.to_dict()
    with pytest.raises(retell.BadRequestError, match=r"A backfill job is already running\."):
        client.contact.backfill_analysis_data(backfill_attributes=["contact_memory"])
