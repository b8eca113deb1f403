"""Tokens, scopes, OAuth grants and rate limits."""

import pytest
from starlette.testclient import TestClient
from tests.sandbox.hubspot.support import CONTACTS, Json, admin, make_contact

from tieline.sandbox.hubspot import DEFAULT_TOKEN, HubSpotCrm
from tieline.sandbox.hubspot.tokens import AUTHORIZATION_CODE, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN

REFRESH = {
    "grant_type": "refresh_token",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "refresh_token": REFRESH_TOKEN,
}
DETAILS = "/account-info/2026-09/details"


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("header", ["", "Bearer wrong", f"Basic {DEFAULT_TOKEN}"])
def test_a_request_without_a_known_token_is_a_401(client: TestClient, header: str) -> None:
    answer = client.get(CONTACTS, headers={"Authorization": header})
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")
    assert not [name for name in answer.headers if "ratelimit" in name]


def test_a_token_without_the_scope_is_a_403_that_names_it(client: TestClient) -> None:
    admin(client, "settings", access_tokens=[{"token": "t", "scopes": ["crm.objects.contacts.read"]}])
    assert client.get(CONTACTS, headers=_bearer("t")).status_code == 200
    refused = client.post(CONTACTS, headers=_bearer("t"), json={"properties": {"firstname": "A"}})
    assert (refused.status_code, refused.json()["category"]) == (403, "MISSING_SCOPES")
    assert refused.json()["errors"][0]["context"] == {
        "requiredGranularScopes": ["crm.objects.contacts.write"]
    }
    assert client.get("/crm/properties/2026-09/contacts", headers=_bearer("t")).status_code == 403


@pytest.mark.parametrize("version", ["v1", "v3", "2026-03", "2026-09"])
def test_a_refresh_token_gives_an_access_token_of_half_an_hour(
    client: TestClient, crm: HubSpotCrm, version: str
) -> None:
    granted = client.post(f"/oauth/{version}/token", data=REFRESH).json()
    assert (granted["expires_in"], granted["token_type"]) == (1800, "bearer")
    assert (granted["hub_id"], granted["refresh_token"]) == (24681012, REFRESH_TOKEN)
    headers = _bearer(granted["access_token"])
    assert client.get(CONTACTS, headers=headers).status_code == 200
    crm.clock.advance(1801)
    expired = client.get(CONTACTS, headers=headers)
    assert (expired.status_code, expired.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")


def test_an_authorization_code_works_once(client: TestClient) -> None:
    form = {
        **REFRESH,
        "grant_type": "authorization_code",
        "code": AUTHORIZATION_CODE,
        "redirect_uri": "http://x",
    }
    first, second = (client.post("/oauth/v3/token", data=form) for _ in range(2))
    assert first.status_code == 200
    assert client.get(CONTACTS, headers=_bearer(first.json()["access_token"])).status_code == 200
    assert (second.status_code, second.json()["status"]) == (400, "BAD_AUTH_CODE")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"refresh_token": "gone"}, "BAD_REFRESH_TOKEN"),
        ({"client_secret": "wrong"}, "BAD_CLIENT_ID"),
        ({"grant_type": "password"}, "BAD_GRANT_TYPE"),
    ],
)
def test_a_bad_grant_is_a_400_with_its_own_status(client: TestClient, change: Json, status: str) -> None:
    answer = client.post("/oauth/v3/token", data={**REFRESH, **change})
    assert (answer.status_code, answer.json()["status"]) == (400, status)


def test_token_requests_are_logged_without_their_body(client: TestClient) -> None:
    client.post("/oauth/v3/token", data=REFRESH)
    entry = client.get("/__sandbox__/requests").json()["requests"][-1]
    assert (entry["operation"], entry["body"]) == ("oauth.token", None)


def test_tokens_are_introspected_and_revoked(client: TestClient) -> None:
    granted = client.post("/oauth/2026-03/token", data=REFRESH).json()["access_token"]
    form = {"token": granted, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    shown = client.post("/oauth/2026-03/token/introspect", data=form).json()
    assert (shown["active"], shown["hub_id"]) == (True, 24681012)
    assert client.get(f"/oauth/v1/access-tokens/{granted}").json()["hub_id"] == 24681012
    assert client.post("/oauth/2026-03/token/revoke", data=form).status_code == 204
    assert client.post("/oauth/2026-03/token/introspect", data=form).json() == {"active": False}


@pytest.mark.parametrize("path", ["/account-info/v3/details", "/account-info/2026-03/details", DETAILS])
def test_the_account_tells_which_portal_it_is(client: TestClient, path: str) -> None:
    admin(client, "settings", portal_id=777)
    body = client.get(path).json()
    assert (body["portalId"], body["timeZone"], body["utcOffset"]) == (777, "US/Eastern", "-05:00")


class TestRateLimits:
    def test_normal_answers_count_down(self, client: TestClient) -> None:
        admin(client, "settings", rate_limits=True)
        headers = client.get(CONTACTS).headers
        shown = {
            name.removeprefix("x-hubspot-ratelimit-"): headers[name]
            for name in headers
            if "ratelimit" in name
        }
        assert shown == {
            "daily": "250000",
            "daily-remaining": "249999",
            "interval-milliseconds": "10000",
            "max": "100",
            "remaining": "99",
            "secondly": "10",
            "secondly-remaining": "9",
        }

    def test_the_tenth_second_limit_is_a_429_until_the_window_rolls_on(
        self, client: TestClient, crm: HubSpotCrm
    ) -> None:
        admin(client, "settings", rate_limits=True, ten_secondly_limit=3)
        statuses = [client.get(CONTACTS).status_code for _ in range(3)]
        refused = client.get(CONTACTS)
        assert [*statuses, refused.status_code] == [200, 200, 200, 429]
        body = refused.json()
        assert body["message"] == "You have reached your ten_secondly_rolling limit."
        assert (body["policyName"], body["errorType"]) == ("TEN_SECONDLY_ROLLING", "RATE_LIMIT")
        assert refused.headers["x-hubspot-ratelimit-remaining"] == "0"
        crm.clock.advance(10)
        assert client.get(CONTACTS).status_code == 200

    def test_the_sixth_search_of_a_second_is_refused_without_ten_second_headers(
        self, client: TestClient, crm: HubSpotCrm
    ) -> None:
        admin(client, "settings", rate_limits=True)
        answers = [client.post(f"{CONTACTS}/search", json={}) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert answers[5].json()["message"] == "You have reached your secondly limit."
        assert answers[5].json()["category"] == "RATE_LIMITS"
        for answer in answers:
            names = {name for name in answer.headers if "ratelimit" in name}
            assert names == {"x-hubspot-ratelimit-daily", "x-hubspot-ratelimit-daily-remaining"}
        crm.clock.advance(1)
        assert client.post(f"{CONTACTS}/search", json={}).status_code == 200

    def test_the_daily_limit_ends_at_midnight_of_the_account(
        self, client: TestClient, crm: HubSpotCrm
    ) -> None:
        admin(client, "settings", rate_limits=True, daily_limit=1)
        assert client.get(CONTACTS).status_code == 200
        refused = client.get(CONTACTS)
        assert (refused.status_code, refused.json()["policyName"]) == (429, "DAILY")
        crm.clock.advance(16 * 3600)
        assert client.get(CONTACTS).status_code == 429
        crm.clock.advance(3600)
        assert client.get(CONTACTS).status_code == 200

    def test_what_other_tools_used_counts(self, client: TestClient) -> None:
        admin(client, "settings", rate_limits=True, daily_limit=100, daily_used=99)
        assert client.get(CONTACTS).headers["x-hubspot-ratelimit-daily-remaining"] == "0"
        assert client.get(CONTACTS).json()["policyName"] == "DAILY"
        assert admin(client, "settings", daily_used=0)["daily_used"] == 0
        assert client.get(CONTACTS).status_code == 200

    def test_an_oauth_connection_has_no_daily_limit_and_no_daily_headers(self, client: TestClient) -> None:
        admin(client, "settings", rate_limits=True, daily_limit=0)
        granted = client.post("/oauth/v3/token", data=REFRESH).json()["access_token"]
        headers = client.get(CONTACTS, headers=_bearer(granted)).headers
        assert "x-hubspot-ratelimit-daily" not in headers
        assert headers["x-hubspot-ratelimit-max"] == "110"

    @pytest.mark.parametrize("promised", [True, False])
    def test_whether_a_429_says_when_to_come_back_is_a_setting(
        self, client: TestClient, promised: bool
    ) -> None:
        admin(client, "settings", rate_limits=True, ten_secondly_limit=0, retry_after_on_429=promised)
        answer = client.get(CONTACTS)
        assert (answer.status_code, "retry-after" in answer.headers) == (429, promised)

    def test_limits_can_be_switched_off(self, client: TestClient) -> None:
        admin(client, "settings", rate_limits=False, ten_secondly_limit=1, search_secondly_limit=1)
        make_contact(client)
        assert client.get(CONTACTS).status_code == 200
        assert [client.post(f"{CONTACTS}/search", json={}).status_code for _ in range(3)] == [200] * 3
