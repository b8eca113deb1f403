"""Tokens, the account's identity, and where a connection may point."""

from datetime import timedelta

import pytest
from tests.connectors.hubspot.driving import NOW, Script, answer, drive, error_body

from tieline.connectors.hubspot import CONNECTOR
from tieline.ports.crm import Credentials, Token
from tieline.ports.errors import CredentialsInvalidError, MalformedAnswerError, PermissionMissingError

OAUTH = {"type": "oauth2", "client_id": "c", "client_secret": "s", "refresh_token": "r1"}
TOKEN = Token("t", "https://api.hubapi.com")


@pytest.mark.parametrize("kind", ["api_key", "access_token"])
def test_a_static_token_needs_no_request(kind: str) -> None:
    token = drive(CONNECTOR.authenticate(Credentials(None, {"type": kind, kind: " pat-x "}), NOW), Script())
    assert token == Token("pat-x", "https://api.hubapi.com")


@pytest.mark.parametrize(
    "auth", [{"type": "api_key"}, {"type": "magic"}, {"type": "oauth2", "client_id": "c"}]
)
def test_incomplete_credentials_are_refused_without_a_request(auth: dict[str, str]) -> None:
    with pytest.raises(CredentialsInvalidError):
        drive(CONNECTOR.authenticate(Credentials(None, auth), NOW), Script())


def test_oauth_refreshes_with_everything_in_the_body() -> None:
    script = Script(
        answer(200, {"access_token": "a", "expires_in": 1800, "refresh_token": "r2", "hub_id": 4})
    )
    token = drive(CONNECTOR.authenticate(Credentials(None, OAUTH), NOW), script)
    (request,) = script.requests
    assert (request.path, request.authenticated) == ("/oauth/2026-03/token", False)
    assert request.form == {
        "grant_type": "refresh_token",
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "r1",
    }
    assert token.expires_at == NOW + timedelta(seconds=1800)
    assert (token.tenant_id, token.refresh_token) == ("4", "r2")


def test_a_refused_refresh_token_needs_a_person_and_is_not_shown() -> None:
    script = Script(
        answer(400, {"status": "BAD_REFRESH_TOKEN", "message": "missing or unknown refresh token"})
    )
    with pytest.raises(CredentialsInvalidError, match="Connect the HubSpot account again") as raised:
        drive(CONNECTOR.authenticate(Credentials(None, OAUTH), NOW), script)
    assert "r1" not in str(raised.value)


def test_an_empty_token_answer_is_malformed() -> None:
    with pytest.raises(MalformedAnswerError):
        drive(CONNECTOR.authenticate(Credentials(None, OAUTH), NOW), Script(answer(200, {})))


def test_the_account_tells_its_id_and_its_zone_by_its_present_name() -> None:
    script = Script(answer(200, {"portalId": 123, "timeZone": "US/Eastern", "accountType": "STANDARD"}))
    identity = drive(CONNECTOR.identify(TOKEN), script)
    assert (identity.tenant_id, identity.time_zone) == ("123", "America/New_York")
    assert script.requests[0].path == "/account-info/2026-09/details"


def test_the_older_account_call_is_asked_where_the_new_one_is_not_to_be_had() -> None:
    script = Script(answer(404, b""), answer(200, {"portalId": 9, "timeZone": "Europe/Berlin"}))
    assert drive(CONNECTOR.identify(TOKEN), script).tenant_id == "9"


def test_the_token_answer_is_enough_when_the_account_may_not_be_read() -> None:
    script = Script(answer(403, error_body("MISSING_SCOPES")), answer(403, error_body("MISSING_SCOPES")))
    token = Token("t", "https://api.hubapi.com", tenant_id="4")
    assert drive(CONNECTOR.identify(token), script).tenant_id == "4"


def test_an_account_nobody_names_is_an_error() -> None:
    script = Script(answer(403, error_body("MISSING_SCOPES")), answer(403, error_body("MISSING_SCOPES")))
    with pytest.raises(PermissionMissingError):
        drive(CONNECTOR.identify(TOKEN), script)


@pytest.mark.parametrize(
    ("url", "sandbox", "good"),
    [
        (None, False, True),
        ("", False, True),
        ("https://api.hubapi.com", False, True),
        ("https://api.hubapi.com/", False, True),
        ("http://127.0.0.1:8802", False, False),
        ("http://127.0.0.1:8802", True, True),
        ("http://localhost:1", True, True),
        ("http://[::1]:1", True, True),
        ("https://127.0.0.1:8802", True, False),
        ("http://127.0.0.1:8802/x", True, False),
        ("http://u@127.0.0.1:8802", True, False),
        ("http://127.0.0.1.evil.example", True, False),
        ("http://10.0.0.1", True, False),
        ("http://127.0.0.1:port", True, False),
        ("https://api.hubapi.com.evil.example", True, False),
    ],
)
def test_a_connection_points_only_to_hubspot_or_to_a_loopback_sandbox(
    url: str | None, sandbox: bool, good: bool
) -> None:
    assert (CONNECTOR.check_tenant_url(url, sandbox=sandbox) is None) is good


def test_limits_are_read_from_the_headers() -> None:
    headers = {
        "x-hubspot-ratelimit-max": "110",
        "x-hubspot-ratelimit-remaining": "100",
        "x-hubspot-ratelimit-interval-milliseconds": "10000",
        "x-hubspot-ratelimit-daily": "250000",
        "x-hubspot-ratelimit-daily-remaining": "249999",
    }
    core, daily = CONNECTOR.limits(answer(200, {}, headers))
    assert (core.bucket, core.allowed, core.used, core.window_s) == ("core", 110, 10, 10.0)
    assert (daily.bucket, daily.allowed, daily.used) == ("daily", 250_000, 1)
    assert CONNECTOR.limits(answer(200, {})) == []
