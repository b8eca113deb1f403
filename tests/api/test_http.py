"""What holds for every route: who may call, how errors look, how large a request may be, what the documents say."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from tests.support import World, world_on

from tieline.api.app import create_app
from tieline.api.services import ApiLimits


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer key_wrong", "Basic key", "key_wrong", "Bearer key_\N{SNOWMAN}"],
)
async def test_without_a_good_key_nothing_is_answered(anyone: httpx2.AsyncClient, header: str | None) -> None:
    headers = {} if header is None else {b"authorization": header.encode()}
    answer = await anyone.get("/get-crm-config", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["status"] == "error"
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_key_is_asked_for_before_the_body_is_read(anyone: httpx2.AsyncClient) -> None:
    answer = await anyone.post("/create-contact", content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == 401


async def test_a_revoked_key_is_no_key(api: httpx2.AsyncClient, org: str, world: World) -> None:
    for key in await world.services.accounts.keys(org):
        await world.services.accounts.revoke_key(org, key.key_id)
    assert (await api.get("/get-crm-config")).status_code == 401


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[]", b'"x"', b"", b'{"phone_number": NaN}', b"[" * 100_000]
)
async def test_what_is_not_the_json_object_that_is_asked_for_is_refused(
    api: httpx2.AsyncClient, body: bytes
) -> None:
    answer = await api.post("/create-contact", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["status"] == "error"
    assert answer.json()["message"]


async def test_json_that_cannot_be_kept_is_refused(api: httpx2.AsyncClient) -> None:
    nul = await api.post("/create-contact", json={"phone_number": "+14155550100", "first_name": "a\0b"})
    assert (nul.status_code, "NUL" in nul.json()["message"]) == (422, True)
    huge = b'{"phone_number": "+14155550100", "custom_fields": {"a": 1e999999999}}'
    answer = await api.post("/create-contact", content=huge, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    deep = b'{"phone_number": "+14155550100", "custom_fields": {"a": ' + b"[" * 200 + b"]" * 200 + b"}}"
    answer = await api.post("/create-contact", content=deep, headers={"content-type": "application/json"})
    assert (answer.status_code, "deep" in answer.json()["message"]) == (422, True)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/create-contact", 405)]
)
async def test_unknown_routes_and_methods_have_the_same_error_body(
    api: httpx2.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await api.request(method, path)
    assert answer.status_code == status
    assert answer.json()["status"] == "error"


async def test_a_declared_length_over_the_limit_is_refused_unread(db_url: str) -> None:
    async with world_on(db_url, ApiLimits(body_bytes=1000)) as world:
        _, key = await world.org()
        transport = httpx2.ASGITransport(app=create_app(world.services))
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://tieline", headers=headers) as api:
            answer = await api.post("/list-contacts", content=b" " * 1001)
            assert answer.status_code == 413
            assert answer.json()["status"] == "error"
            assert (await api.post("/list-contacts", content=b" " * 998 + b"{}")).status_code == 200
            for path in ("/list-contacts", "/webhooks/retell?org_id=x", "/webhooks/retell/inbound?org_id=x"):
                answer = await api.post(path, content=_chunks(11))
                assert answer.status_code == 413, path
                assert answer.json()["status"] == "error"


async def _chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 100


async def test_a_database_that_is_away_is_said_so(api: httpx2.AsyncClient, world: World) -> None:
    assert (await api.get("/health")).json() == {"status": "ok"}
    await world.pool.close()
    answer = await api.get("/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "error"


async def test_the_documents_describe_every_route(anyone: httpx2.AsyncClient) -> None:
    document = (await anyone.get("/openapi.json")).json()
    assert document["info"]["title"] == "Tieline"
    for path in ("/create-contact", "/list-contacts", "/update-crm-config", "/webhooks/retell", "/health"):
        assert path in document["paths"]
    security = document["paths"]["/create-contact"]["post"]["security"]
    assert security == [{"HTTPBearer": []}]
    assert (await anyone.get("/docs")).status_code == 200
