"""What only Salesforce has, over real HTTP against its sandbox: sign-in flows, fallbacks, limits, duplicates."""

from datetime import UTC, datetime
from email.utils import format_datetime

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from starlette.types import Message, Receive, Scope, Send
from tests.connectors.salesforce.world import CLIENT_ID, SalesforceWorld

from tieline.domain.records import Patch
from tieline.ports.crm import Credentials, Limits, Refused
from tieline.ports.errors import (
    CredentialsInvalidError,
    DuplicateRecordError,
    RateLimitedError,
    SchemaDriftError,
    TransientError,
)
from tieline.sandbox.kernel.app import make_app
from tieline.sandbox.salesforce import create
from tieline.testing.crm_steps import changes, failing, fields_of, full_read, live, person
from tieline.testing.sessions import MemoryGate


async def test_the_session_knows_tenant_user_and_time_zone(world: SalesforceWorld) -> None:
    session = world.session()
    one = await world.create(person(world, 1))
    fields = await fields_of(session, world)
    identity = session.identity
    assert identity is not None
    assert (identity.tenant_id[:3], len(identity.tenant_id)) == ("00D", 18)
    assert (
        identity.time_zone
        == (await world.public("GET", "/query", q="SELECT TimeZoneSidKey FROM Organization"))["records"][0][
            "TimeZoneSidKey"
        ]
    )
    await session.run(session.connector.update_contacts([Patch(one, {"FirstName": "Ours"})], fields))
    assert (await live(session, fields, one)).modified_by == identity.user_id


async def test_a_jwt_signs_in_as_its_user(world: SalesforceWorld) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    await world.admin("settings", {"jwt_public_key": public})
    auth = {
        "type": "oauth2",
        "client_id": CLIENT_ID,
        "username": "integration@example.com",
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    }
    session = world.session(Credentials(world.url, auth))
    assert world.fields.phone in (await session.run(session.connector.describe())).fields
    world.store.token = None
    stranger = world.session(Credentials(world.url, {**auth, "username": "nobody@example.com"}))
    await failing(CredentialsInvalidError, stranger.run(stranger.connector.describe()))


async def test_a_wrong_secret_is_the_credentials_fault_and_is_not_shown(world: SalesforceWorld) -> None:
    auth = {"type": "oauth2", "client_id": CLIENT_ID, "client_secret": "a-wrong-secret"}
    session = world.session(Credentials(world.url, auth))
    error = await failing(CredentialsInvalidError, session.run(session.connector.describe()))
    assert "a-wrong-secret" not in f"{error} {error!r}"


async def test_without_the_bulk_api_the_full_read_goes_on_by_soql(world: SalesforceWorld) -> None:
    ids = [await world.create(person(world, n)) for n in range(5)]
    session = world.session()
    fields = list((await fields_of(session, world)).values())
    match = {"path": "/jobs/query"}
    refusal = {"kind": "status", "status": 403, "name": "API_DISABLED_FOR_ORG", "match": match, "times": None}
    await world.admin("faults", refusal)
    records, watermark = await full_read(session, fields, 2)
    assert sorted(record.external_id for record in records) == sorted(ids)
    await world.heal()
    again, _ = await changes(session, fields, watermark, 2)
    assert {record.external_id for record in again} == set(ids)


async def test_a_slow_job_is_waited_for(world: SalesforceWorld) -> None:
    await world.create(person(world, 1))
    await world.admin("settings", {"bulk_seconds": 60})
    session = world.session()
    fields = list((await fields_of(session, world)).values())
    page = await session.run(session.connector.read_all(fields, None, 100))
    page = await session.run(session.connector.read_all(fields, page.cursor, 100))
    assert (list(page.records), page.wait_s > 0) == ([], True)
    await world.admin("clock", {"advance": 61})
    page = await session.run(session.connector.read_all(fields, page.cursor, 100))
    assert (len(page.records), page.cursor) == (1, None)


async def test_a_transaction_of_minutes_is_not_lost(world: SalesforceWorld) -> None:
    one = await world.create(person(world, 1))
    session = world.session()
    fields = list((await fields_of(session, world)).values())
    _, watermark = await full_read(session, fields, 100)
    _, watermark = await changes(session, fields, watermark, 100)
    await world.edit(one, {"FirstName": "Slow"}, stamped_s_ago=9 * 60)
    records, _ = await changes(session, fields, watermark, 100)
    assert [record.values["FirstName"] for record in records if record.external_id == one] == ["Slow"]


async def test_a_field_that_goes_away_between_reads_is_named(world: SalesforceWorld) -> None:
    await world.create(person(world, 1))
    session = world.session()
    fields = list((await fields_of(session, world)).values())
    _, watermark = await full_read(session, fields, 100)
    await world.hide("Score__c")
    for operation in (
        session.connector.read_all(fields, None, 100),
        session.connector.read_changes(fields, watermark, None, 100),
        session.connector.find_by_phone(fields, "+14155550001", ["Phone"]),
    ):
        assert (await failing(SchemaDriftError, session.run(operation))).field == "Score__c"


async def test_a_locked_record_may_be_tried_again_and_its_batch_succeeds(world: SalesforceWorld) -> None:
    ids = [await world.create(person(world, n)) for n in range(3)]
    session = world.session()
    fields = await fields_of(session, world)
    await world.admin("faults", {"kind": "lock", "record_ids": [ids[1]]})
    patches = [Patch(one, {"FirstName": "New"}) for one in ids]
    outcomes = await session.run(session.connector.update_contacts(patches, fields))
    assert [type(outcome).__name__ for outcome in outcomes] == ["Written", "Refused", "Written"]
    locked = outcomes[1]
    assert isinstance(locked, Refused)
    assert isinstance(locked.error, TransientError)
    assert not locked.error.maybe_applied


async def test_a_duplicate_is_named(world: SalesforceWorld) -> None:
    one = await world.create(person(world, 1) | {"Email": "ada@example.com"})
    await world.admin("settings", {"duplicate_fields": ["Email"]})
    session = world.session()
    schema = await session.run(session.connector.describe())
    create = session.connector.create_contact(
        {"LastName": "Other", "Email": "ada@example.com"}, schema.fields
    )
    error = await failing(DuplicateRecordError, session.run(create))
    assert error.existing_ids == (one,)


async def test_the_days_limit_is_reported_and_ends_in_a_pause(world: SalesforceWorld) -> None:
    session = world.session()
    await fields_of(session, world)
    gate = session._gate
    assert isinstance(gate, MemoryGate)
    assert gate.reports[-1] == Limits("core", 100_000, len(gate.reports), 86_400.0)
    await world.admin("settings", {"api_used": 100_000})
    error = await failing(RateLimitedError, session.run(session.connector.describe()))
    assert error.daily
    assert gate.pauses["core"] == error.until > datetime.now(UTC)


@pytest.mark.parametrize("seconds", [-7200, 7200, 86_400])
async def test_a_crm_whose_clock_is_not_ours_loses_nothing(seconds: int) -> None:
    """Salesforce's Date header and its stamps are of one clock, so here the header is the sandbox clock's too."""
    crm = create()
    crm.clock.advance(seconds)
    app = make_app(crm)

    async def dated(scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(crm.clock.now(), usegmt=True).encode()
                message["headers"] = [*message["headers"], (b"date", date)]
            await send(message)

        await app(scope, receive, answer)

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(dated)) as http:
        world = SalesforceWorld("http://127.0.0.1", http)
        await world.sign_in()
        await world.create(person(world, 0))
        session = world.session()
        fields = list((await fields_of(session, world)).values())
        _, watermark = await full_read(session, fields, 100)
        ids = {await world.create(person(world, n)) for n in range(7)}
        records, watermark = await changes(session, fields, watermark, 2)
        assert ids <= {record.external_id for record in records}
        one = min(ids)
        await world.edit(one, {"FirstName": "Later"})
        records, _ = await changes(session, fields, watermark, 2)
        assert "Later" in [record.values["FirstName"] for record in records if record.external_id == one]
        crm.clock.advance(3600)
        _, watermark = await changes(session, fields, watermark, 2)
        again, _ = await changes(session, fields, watermark, 2)
        assert again == [], "an hour later nothing has to be read again"
