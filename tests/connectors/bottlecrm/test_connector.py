"""What the connector declares, who we are, the schema, and the search by number."""

import pytest
from tests.connectors.bottlecrm.answers import (
    DEFINED,
    FIELDS,
    ONE,
    OTHER,
    contact,
    definitions,
    detail,
    fields,
    listed,
)
from tests.connectors.hands import NOW, Play, answer

from tieline.connectors.bottlecrm import CONNECTOR
from tieline.connectors.bottlecrm.phones import find_by_phone, spellings
from tieline.connectors.bottlecrm.types import Definition
from tieline.domain import app_settings
from tieline.domain.crm_schema import CrmKind
from tieline.ports.crm import Capability, Credentials, Identity, Response, Token
from tieline.ports.errors import CredentialsInvalidError, FatalError, MalformedAnswerError

URL = "https://crm-api.example.com"
TOKEN = "bcrm_pat_secret"


def test_what_bottlecrm_cannot_do_is_not_declared_and_refused() -> None:
    assert not CONNECTOR.spec.capabilities & {
        Capability.CHANGES,
        Capability.REMOVALS,
        Capability.ACTIVITY_KEY,
        Capability.FIELD_HISTORY,
    }
    for operation in (
        CONNECTOR.read_changes([], "2026-01-01T00:00:00Z", None, 10),
        CONNECTOR.read_removals(None, None),
        CONNECTOR.activity_key_problem("key"),
    ):
        with pytest.raises(FatalError, match="BottleCRM has no"):
            next(operation)
    assert not hasattr(CONNECTOR, "read_history")


@pytest.mark.parametrize(
    ("url", "sandbox", "good"),
    [
        (URL, False, True),
        ("https://crm-api.example.com:8443", False, True),
        ("http://127.0.0.1:8000", True, True),
        ("http://127.0.0.1:8000", False, False),
        ("https://127.0.0.1", False, False),
        ("https://169.254.169.254", True, False),
        ("http://crm-api.example.com", True, False),
        ("https://crm-api.example.com/api", False, False),
        ("https://me@crm-api.example.com", False, False),
        ("https://crm.localhost", False, False),
        (None, True, False),
    ],
)
def test_the_token_goes_to_a_named_https_origin_only(url: str | None, sandbox: bool, good: bool) -> None:
    assert (CONNECTOR.check_tenant_url(url, sandbox=sandbox) is None) == good


def test_a_personal_access_token_is_the_token() -> None:
    auth = {"type": "access_token", "access_token": TOKEN}
    with pytest.raises(StopIteration) as stopped:
        next(CONNECTOR.authenticate(Credentials(URL, auth), NOW))
    assert stopped.value.value == Token(TOKEN, URL)
    with pytest.raises(CredentialsInvalidError):
        next(CONNECTOR.authenticate(Credentials(URL, {"type": "password"}), NOW))
    with pytest.raises(CredentialsInvalidError):
        CONNECTOR.base_url(Credentials(None, auth))


def test_the_form_of_an_app_asks_for_the_token() -> None:
    schemes = [(s.type, s.required, s.optional) for s in CONNECTOR.spec.auth_schemes]
    assert app_settings.auth_problems({"type": "access_token", "access_token": TOKEN}, schemes) == []
    (problem,) = app_settings.auth_problems({"type": "oauth2"}, schemes)
    assert "access_token" in problem.message


def test_the_tenant_is_the_organisation() -> None:
    told = answer({"id": "00002651-9b60-4e2c-a628-6aa3cce66694", "name": "Acme", "timezone": "Asia/Kolkata"})
    identity = Play(CONNECTOR.identify(Token(TOKEN, URL)), told).result
    assert identity == Identity("00002651-9b60-4e2c-a628-6aa3cce66694", time_zone="Asia/Kolkata")
    with pytest.raises(MalformedAnswerError):
        Play(CONNECTOR.identify(Token(TOKEN, URL)), answer({"name": "Acme"}))


def test_the_schema_has_built_in_and_own_fields_and_leaves_out_what_is_not_in_force() -> None:
    gone = Definition("gone", "Gone", "text", is_active=False)
    strange = Definition("geo", "Place", "map")
    play = Play(CONNECTOR.describe(), listed(contact()), definitions(*DEFINED, gone, strange))
    found = play.result.fields
    assert "cf_gone" not in found
    assert {
        name: found[name].kind for name in ("cf_score", "cf_renewal", "cf_vip", "cf_status", "cf_geo")
    } == {
        "cf_score": CrmKind.NUMBER,
        "cf_renewal": CrmKind.DATE,
        "cf_vip": CrmKind.BOOLEAN,
        "cf_status": CrmKind.PICKLIST,
        "cf_geo": CrmKind.OTHER,
    }
    assert not found["cf_geo"].updateable
    assert [(one.value, one.label) for one in found["cf_status"].options] == [
        ("New", "New lead"),
        ("Won", "Won"),
    ]
    assert [one.value for one in found["country"].options] == ["DE"]
    assert found["phone"].is_phone
    assert not found["phone_e164"].updateable
    assert CONNECTOR.spec.default_phone_field in found
    assert all(name in found for name in CONNECTOR.spec.name_fields)


def hits(*ids: str) -> Response:
    return answer({"duplicates": [{"id": one, "matched_on": ["phone"]} for one in ids]})


def test_a_number_is_searched_in_each_form_that_the_crm_tells_apart() -> None:
    play = Play(
        find_by_phone(fields("phone"), "+14155550123", ["phone"]), hits(ONE, OTHER), detail(contact()),
        detail(contact(OTHER)),
    )  # fmt: skip
    assert play.requests[0].json == {"phone": "+14155550123"}
    assert play.requests[0].bucket != play.requests[1].bucket
    assert not play.requests[0].applies
    assert [one.external_id for one in play.result.records] == [ONE, OTHER]
    norwegian = Play(find_by_phone(fields("phone"), "+4721234567", ["phone"]), hits(), hits())
    assert [request.json["phone"] for request in norwegian.requests] == ["+4721234567", "21 23 45 67"]


def test_a_number_in_a_field_of_the_organisations_own_is_searched_in_its_usual_spellings() -> None:
    found = [listed(contact()) if one == "(415) 555-0123" else listed() for one in spellings("+14155550123")]
    play = Play(
        find_by_phone([FIELDS["cf_notes"]], "+14155550123", ["phone", "cf_notes"]),
        hits(), *found, detail(contact(), *DEFINED),
    )  # fmt: skip
    assert [request.query.get("cf_notes") for request in play.requests[1:-1]] == spellings("+14155550123")
    assert [one.external_id for one in play.result.records] == [ONE]
