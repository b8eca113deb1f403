"""Signing in: which addresses are Salesforce's, what is sent there, and where a token may go."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.connectors.hands import NOW, Play, answer

from tieline.connectors.salesforce import CONNECTOR
from tieline.connectors.salesforce.wire import full_id
from tieline.ports.crm import Credentials, Identity, Token
from tieline.ports.errors import (
    CredentialsInvalidError,
    MalformedAnswerError,
    PermissionMissingError,
    SchemaDriftError,
    TransientError,
)

URL = "https://acme.my.salesforce.com"
FORMAT = "Tenant URL must be in the format https://<domain>.my.salesforce.com"
CLIENT = Credentials(URL, {"type": "oauth2", "client_id": "3MVG9", "client_secret": "s3cret&="})
TOKEN: dict[str, Any] = {
    "access_token": "00D5e000001N20Q!AQ4",
    "instance_url": URL,
    "id": "https://login.salesforce.com/id/00D5e000001N20Q/0055e000003E8ooAAC",
    "token_type": "Bearer",
    "issued_at": "1699999999999",
    "signature": "x",
}


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://acme--dev.sandbox.my.salesforce.com",
        "https://acme-dev-ed.develop.my.salesforce.com",
        "https://a1.my.salesforce.com",
    ],
)
def test_a_my_domain_address_is_taken(url: str) -> None:
    assert CONNECTOR.check_tenant_url(url, sandbox=False) is None


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "acme.my.salesforce.com",
        "http://acme.my.salesforce.com",
        f"{URL}/",
        f"{URL}/lightning",
        f"{URL}?x=1",
        f"{URL}:443",
        "https://ACME.my.salesforce.com",
        "https://acme.lightning.force.com",
        "https://login.salesforce.com",
        "https://my.salesforce.com",
        "https://.my.salesforce.com",
        "https://acme.my.salesforce.com.evil.example",
        "https://evil.example/.my.salesforce.com",
        "https://evil.example#.my.salesforce.com",
        "https://u:p@acme.my.salesforce.com",
        "https://acme.my.salesforce.com\n",
        "https://ac me.my.salesforce.com",
        "https://äcme.my.salesforce.com",
        "http://127.0.0.1:8801",
    ],
)
def test_any_other_address_is_refused_with_the_format(url: str | None) -> None:
    assert CONNECTOR.check_tenant_url(url, sandbox=False) == FORMAT
    if url != "http://127.0.0.1:8801":
        assert CONNECTOR.check_tenant_url(url, sandbox=True) == FORMAT


def test_client_credentials_are_posted_to_the_my_domain_host() -> None:
    assert CONNECTOR.base_url(CLIENT) == URL
    play = Play(CONNECTOR.authenticate(CLIENT, NOW), answer(TOKEN))
    request = play.request
    assert (request.method, request.path) == ("POST", "/services/oauth2/token")
    assert request.form == {
        "grant_type": "client_credentials",
        "client_id": "3MVG9",
        "client_secret": "s3cret&=",
    }
    assert not request.authenticated
    assert "s3cret" not in repr(request)
    assert play.result == Token("00D5e000001N20Q!AQ4", URL, None, "00D5e000001N20QEAS", "0055e000003E8ooAAC")


def test_the_last_three_letters_of_an_id_carry_its_case() -> None:
    """The pairs are from recorded answers."""
    for long in ("0034S000005YJVlQAO", "0014S000007NeKxQAK", "00Q4S000002sSacUAE", "003ak00000luKU1AAM"):
        assert full_id(long[:15]) == long
        assert full_id(long) == long


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize(
    ("url", "audience"),
    [
        (URL, "https://login.salesforce.com"),
        ("https://acme--dev.sandbox.my.salesforce.com", "https://test.salesforce.com"),
        ("http://127.0.0.1:8801", "https://login.salesforce.com"),
    ],
)
def test_a_jwt_assertion_says_who_we_are_for_three_minutes(
    key: rsa.RSAPrivateKey, url: str, audience: str
) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    auth = {"type": "oauth2", "client_id": "3MVG9", "username": "bot@acme.example", "private_key": pem}
    play = Play(CONNECTOR.authenticate(Credentials(url, auth), NOW), answer({**TOKEN, "instance_url": url}))
    form = play.request.form
    assert form is not None
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert set(form) == {"grant_type", "assertion"}
    claims = jwt.decode(
        form["assertion"],
        key.public_key(),
        algorithms=["RS256"],
        audience=audience,
        options={"verify_exp": False},
    )
    assert claims["iss"] == "3MVG9"
    assert claims["sub"] == "bot@acme.example"
    assert 0 < claims["exp"] - NOW.timestamp() <= 180


def test_a_key_that_cannot_be_read_is_not_quoted() -> None:
    auth = {"type": "oauth2", "client_id": "c", "username": "u", "private_key": "-----BEGIN secret"}
    with pytest.raises(CredentialsInvalidError) as caught:
        Play(CONNECTOR.authenticate(Credentials(URL, auth), NOW))
    assert "secret" not in f"{caught.value}"


@pytest.mark.parametrize(
    ("tenant", "instance"),
    [
        (URL, "https://evil.example"),
        (URL, "http://acme.my.salesforce.com"),
        (URL, "https://acme.my.salesforce.com.evil.example"),
        (URL, "https://acme.my.salesforce.com@evil.example"),
        (URL, "http://127.0.0.1:8801"),
        ("http://127.0.0.1:8801", "http://127.0.0.1:8802"),
        ("http://127.0.0.1:8801", URL),
        ("http://127.0.0.1:8801", "http://localhost:8801"),
    ],
)
def test_a_token_is_not_taken_for_any_other_address(tenant: str, instance: str) -> None:
    operation = CONNECTOR.authenticate(Credentials(tenant, CLIENT.auth), NOW)
    with pytest.raises(CredentialsInvalidError) as caught:
        Play(operation, answer({**TOKEN, "instance_url": instance}))
    assert TOKEN["access_token"] not in f"{caught.value}"


def test_another_instance_of_salesforces_own_is_taken() -> None:
    moved = "https://acme-corp.my.salesforce.com"
    play = Play(CONNECTOR.authenticate(CLIENT, NOW), answer({**TOKEN, "instance_url": moved}))
    assert play.result.base_url == moved


@pytest.mark.parametrize("missing", ["access_token", "instance_url", "id"])
def test_half_a_token_answer_is_no_success(missing: str) -> None:
    body = {name: value for name, value in TOKEN.items() if name != missing}
    with pytest.raises(MalformedAnswerError):
        Play(CONNECTOR.authenticate(CLIENT, NOW), answer(body))


def test_an_address_that_is_not_salesforces_is_never_signed_in_at() -> None:
    with pytest.raises(CredentialsInvalidError):
        Play(CONNECTOR.authenticate(Credentials("https://evil.example", CLIENT.auth), NOW))


def test_identity_is_the_tokens_and_the_time_zone_the_organisations() -> None:
    token = Token("t", URL, None, "00D5e000001N20QEAS", "0055e000003E8ooAAC")
    rows = {"totalSize": 1, "done": True, "records": [{"attributes": {}, "TimeZoneSidKey": "Europe/Berlin"}]}
    play = Play(CONNECTOR.identify(token), answer(rows))
    assert play.result == Identity("00D5e000001N20QEAS", "0055e000003E8ooAAC", "Europe/Berlin")
    for error in (PermissionMissingError("no"), SchemaDriftError("no")):
        assert Play(CONNECTOR.identify(token), error).result.time_zone is None
    with pytest.raises(TransientError):
        Play(CONNECTOR.identify(token), TransientError("later"))
