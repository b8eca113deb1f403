"""The token endpoint and sessions."""

import base64
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.sandbox.salesforce.support import Client, error_of

from tieline.sandbox.salesforce import SalesforceCrm, create
from tieline.sandbox.salesforce.org import USERS

TOKEN = "/services/oauth2/token"
CREDENTIALS = {
    "grant_type": "client_credentials",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
}


async def test_a_token_answer_names_instance_organisation_and_user(client: Client) -> None:
    answer = await client.http.post(TOKEN, data=CREDENTIALS)
    token = answer.json()
    assert set(token) == {
        "access_token",
        "signature",
        "scope",
        "instance_url",
        "id",
        "token_type",
        "issued_at",
    }
    assert token["instance_url"] == "http://sandbox.local"
    assert token["id"] == f"https://login.salesforce.com/id/00Dal0000000001EAA/{USERS['integration']}"
    assert token["token_type"] == "Bearer"
    assert token["issued_at"] == "1777636800000"
    assert token["access_token"].startswith("00Dal0000000001!")


async def test_credentials_may_come_by_basic_authentication(client: Client) -> None:
    encoded = base64.b64encode(b"sandbox-client:sandbox-secret").decode()
    headers = {"authorization": f"Basic {encoded}"}
    answer = await client.http.post(TOKEN, data={"grant_type": "client_credentials"}, headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("form", "error", "description"),
    [
        ({**CREDENTIALS, "client_id": "other"}, "invalid_client_id", "client identifier invalid"),
        ({**CREDENTIALS, "client_secret": "wrong"}, "invalid_client", "invalid client credentials"),
        ({"grant_type": "magic"}, "unsupported_grant_type", "grant type not supported"),
        ({"grant_type": "password"}, "invalid_grant", "authentication failure"),
        (
            {**CREDENTIALS, "grant_type": "refresh_token", "refresh_token": "x"},
            "invalid_grant",
            "expired access/refresh token",
        ),
    ],
)
async def test_a_refused_grant_is_a_400_object(
    client: Client, form: dict[str, str], error: str, description: str
) -> None:
    answer = await client.http.post(TOKEN, data=form)
    assert answer.status_code == 400
    assert answer.json() == {"error": error, "error_description": description}


async def test_client_credentials_can_be_switched_off_for_the_app(client: Client) -> None:
    await client.admin("settings", client_credentials_enabled=False)
    answer = await client.http.post(TOKEN, data=CREDENTIALS)
    assert answer.json()["error_description"] == "no client credentials user enabled"


async def test_a_session_lasts_two_hours_from_its_last_use(client: Client, crm: SalesforceCrm) -> None:
    for _ in range(3):
        crm.clock.advance(3600)
        assert (await client.send("GET", "/limits")).status_code == 200
    crm.clock.advance(7201)
    answer = await client.send("GET", "/limits")
    assert answer.status_code == 401
    assert answer.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    await client.login()
    assert (await client.send("GET", "/limits")).status_code == 200
    await client.admin("settings", expire_sessions=True)
    assert error_of(await client.send("GET", "/limits")) == (401, "INVALID_SESSION_ID")


async def test_a_revoked_token_is_dead_and_no_token_is_401(client: Client) -> None:
    token = client.http.headers["authorization"].removeprefix("Bearer ")
    assert (await client.http.post("/services/oauth2/revoke", data={"token": token})).status_code == 200
    assert (await client.send("GET", "/limits")).status_code == 401
    del client.http.headers["authorization"]
    assert (await client.send("GET", "/limits")).status_code == 401


async def test_a_refresh_token_gives_new_access(client: Client, crm: SalesforceCrm) -> None:
    refresh = crm.sessions.offer_refresh(USERS["integration"])
    form = {"grant_type": "refresh_token", "client_id": "sandbox-client", "refresh_token": refresh}
    token = (await client.http.post(TOKEN, data=form)).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    assert (await client.send("GET", "/limits", headers=headers)).status_code == 200


async def test_a_signed_assertion_is_checked_in_every_part(client: Client, crm: SalesforceCrm) -> None:
    key, other = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    await client.admin("settings", jwt_public_key=public.decode())
    good = {
        "iss": "sandbox-client",
        "sub": "integration@example.com",
        "aud": "https://login.salesforce.com",
        "exp": int((crm.clock.now() + timedelta(minutes=2)).timestamp()),
    }

    async def description(claims: dict[str, object], signer: rsa.RSAPrivateKey = key) -> str:
        assertion = jwt.encode(claims, signer, algorithm="RS256")
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        answer = await client.http.post(TOKEN, data={"grant_type": grant, "assertion": assertion})
        return "ok" if answer.status_code == 200 else str(answer.json()["error_description"])

    assert await description(good) == "ok"
    assert await description(good, other) == "invalid assertion"
    assert await description({**good, "iss": "other"}) == "client identifier invalid"
    assert await description({**good, "aud": "https://example.com"}) == "audience is invalid"
    assert await description({**good, "sub": "x@example.com"}) == "user hasn't approved this consumer"
    now = int(crm.clock.now().timestamp())
    for wrong in (now - 1, now + 600):
        assert await description({**good, "exp": wrong}) == "expired authorization code"


async def test_an_injected_oauth_error_is_an_object_too(client: Client) -> None:
    await client.admin(
        "faults", kind="status", status=400, name="inactive_user", match={"operation": "oauth.token"}
    )
    answer = await client.http.post(TOKEN, data=CREDENTIALS)
    assert answer.status_code == 400
    assert answer.json() == {"error": "inactive_user", "error_description": "user is inactive"}
    assert (await client.http.post(TOKEN, data=CREDENTIALS)).status_code == 200


async def test_secrets_are_not_logged(client: Client, crm: SalesforceCrm) -> None:
    await client.http.post(TOKEN, data=CREDENTIALS)
    assert [entry.as_json()["body"] for entry in crm.log.entries(operation="oauth.token")] == [None, None]


def test_an_organisation_can_be_another_tenant() -> None:
    assert create({"org_id": "00Dzz0000000001EAA"}).org.settings.org_id == "00Dzz0000000001EAA"
