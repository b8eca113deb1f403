"""What may stand in an app's `crm_config` and `auth_config`; every problem is told at once, and no secret ever."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.app_settings import auth_problems, config_problems, interval_s, merged_config
from tieline.domain.pairs import Policy

GOOD: dict[str, Any] = {
    "inbound_sync_mappings": [{"external_field_name": "Phone", "field_name": "phone_number"}],
    "outbound_sync_mappings": [
        {
            "external_field_name": "S", "field_name": "s", "policy": "merge", "options": {"a": "A"},
            "lossy_confirmed": True, "guard": "strict",
        }
    ],
    "sync_conversation_activity": True,
    "sync_new_contacts": False,
    "default_country": "DE",
    "time_zone": "Europe/Berlin",
    "fallback_phone_fields": ["MobilePhone"],
    "sync_interval_minutes": 1,
}  # fmt: skip
SCHEMES = [
    ("oauth2", ("client_id", "client_secret"), ()),
    ("oauth2", ("client_id", "username", "private_key"), ("audience",)),
    ("api_key", ("api_key",), ()),
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)


def wheres(problems: Any) -> list[str]:
    return [problem.where for problem in problems]


def test_a_full_config_is_right_and_so_is_one_whose_members_are_null() -> None:
    assert config_problems(GOOD) == []
    assert config_problems(dict.fromkeys(GOOD)) == []
    assert config_problems({}) == []


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("sync_conversation_activity", "yes"),
        ("default_country", "us"),
        ("default_country", "XX"),
        ("default_country", 49),
        ("time_zone", "Berlin"),
        ("time_zone", 1),
        ("fallback_phone_fields", "Phone"),
        ("fallback_phone_fields", [""]),
        ("fallback_phone_fields", ["F"] * 21),
        ("sync_interval_minutes", 0),
        ("sync_interval_minutes", Decimal("1.5")),
        ("sync_interval_minutes", True),
        ("sync_interval_minutes", "5"),
        ("inbound_sync_mappings", {}),
        ("inbound_sync_mappings", [{}] * 501),
        ("unheard_of", None),
    ],
)
def test_a_wrong_member_is_named(member: str, value: Any) -> None:
    assert wheres(config_problems({**GOOD, member: value})) == [f"crm_config.{member}"]


@pytest.mark.parametrize(
    ("line", "members"),
    [
        ({}, ["external_field_name", "field_name"]),
        ({"external_field_name": "", "field_name": 1}, ["external_field_name", "field_name"]),
        ({"external_field_name": "A", "field_name": "a", "policy": "loudest_wins"}, ["policy"]),
        ({"external_field_name": "A", "field_name": "a", "policy": ["merge"]}, ["policy"]),
        ({"external_field_name": "A", "field_name": "a", "options": {"a": 1}}, ["options"]),
        (
            {"external_field_name": "A", "field_name": "a", "lossy_confirmed": 1, "colour": 2},
            ["lossy_confirmed", "colour"],
        ),
    ],
)
def test_a_wrong_line_is_named_by_its_place_and_member(line: dict[str, Any], members: list[str]) -> None:
    lines = [*GOOD["inbound_sync_mappings"], line]
    found = wheres(config_problems({**GOOD, "inbound_sync_mappings": lines}))
    assert found == [f"crm_config.inbound_sync_mappings[1].{member}" for member in members]


@given(JSON)
def test_no_json_makes_the_check_fail(value: Any) -> None:
    config_problems(value)
    config_problems(dict.fromkeys(GOOD, value))
    config_problems(
        {"inbound_sync_mappings": [value, {"external_field_name": value, "policy": value, "options": value}]}
    )
    auth_problems(value, SCHEMES)


@given(st.sampled_from(list(Policy)))
def test_every_policy_can_be_given(policy: Policy) -> None:
    line = {"external_field_name": "A", "field_name": "a", "policy": policy.value}
    assert config_problems({"inbound_sync_mappings": [line]}) == []


def test_what_is_not_sent_stays_and_null_takes_away() -> None:
    merged = merged_config(GOOD, {"default_country": None, "sync_interval_minutes": Decimal(30)})
    assert merged == {
        **{name: value for name, value in GOOD.items() if name != "default_country"},
        "sync_interval_minutes": 30,
    }
    assert (interval_s(merged), interval_s({})) == (1800, 300)


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "oauth2", "client_id": "i", "client_secret": "s"},
        {"type": "oauth2", "client_id": "i", "username": "u", "private_key": "k"},
        {"type": "oauth2", "client_id": "i", "username": "u", "private_key": "k", "audience": "a"},
        {"type": "api_key", "api_key": "k"},
    ],
)
def test_every_scheme_is_accepted(auth: dict[str, str]) -> None:
    assert auth_problems(auth, SCHEMES) == []


@pytest.mark.parametrize(
    ("auth", "where"),
    [
        ({"type": "basic", "password": "topsecret"}, ["auth_config.type"]),
        ({"password": "topsecret"}, ["auth_config.type"]),
        ({"type": "api_key"}, ["auth_config"]),
        ({"type": "api_key", "api_key": " "}, ["auth_config.api_key"]),
        ({"type": "api_key", "api_key": 5}, ["auth_config.api_key"]),
        ({"type": "oauth2", "client_id": "topsecret"}, ["auth_config"]),
        (
            {"type": "api_key", "api_key": "topsecret", "more": "topsecret"},
            ["auth_config.more", "auth_config"],
        ),
        (
            {"type": "oauth2", "client_id": "i", "client_secret": "topsecret", "username": "u"},
            ["auth_config"],
        ),
        ([], ["auth_config"]),
    ],
)
def test_other_credentials_are_refused_without_repeating_them(auth: Any, where: list[str]) -> None:
    problems = auth_problems(auth, SCHEMES)
    assert wheres(problems) == where
    assert "topsecret" not in " ".join(problem.message for problem in problems)
