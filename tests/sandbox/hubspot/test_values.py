"""What HubSpot stores for a value that was sent, and what it refuses."""

import pytest

from tieline.sandbox.hubspot.schema import CONTACTS, Schema
from tieline.sandbox.hubspot.values import as_text, store_form
from tieline.sandbox.hubspot.wire import PropertyFault

SCHEMA = Schema.load(CONTACTS).properties


@pytest.mark.parametrize(
    ("name", "sent", "stored"),
    [
        ("email", "  Alice@Example.COM ", "alice@example.com"),
        ("score", "17.50", "17.50"),
        ("vip", "TRUE", "true"),
        ("renewal_date", "2026-11-23", "2026-11-23"),
        ("renewal_date", "1795392000000", "2026-11-23"),
        ("last_demo", "2026-11-23T10:00:00+01:00", "2026-11-23T09:00:00Z"),
        ("last_demo", "1795435200123", "2026-11-23T12:00:00.123Z"),
        ("priority_tier", "tier_2", "tier_2"),
        ("interests", "calls;chat", "calls;chat"),
        ("phone", "call me", "call me"),
        ("hubspot_owner_id", "1234", "1234"),
        ("notes", "x" * 65_536, "x" * 65_536),
    ],
)
def test_a_good_value_is_stored_in_hubspots_form(name: str, sent: str, stored: str) -> None:
    assert store_form(SCHEMA[name], sent, "") == stored


@pytest.mark.parametrize(
    ("name", "sent", "code"),
    [
        ("email", "alice", "INVALID_EMAIL"),
        ("score", "many", "INVALID_LONG"),
        ("score", "NaN", "INVALID_LONG"),
        ("renewal_date", "2026-11-23T10:00:00Z", "INVALID_LONG"),
        ("renewal_date", "1795392000001", "INVALID_DATE"),
        ("last_demo", "tomorrow", "INVALID_LONG"),
        ("priority_tier", "Silver", "INVALID_OPTION"),
        ("lead_status", "new", "INVALID_OPTION"),
        ("interests", "calls;golf", "INVALID_OPTION"),
        ("vip", "maybe", "INVALID_OPTION"),
        ("hubspot_owner_id", "Bob", "INVALID_OPTION"),
        ("notes", "x" * 65_537, "VALUE_TOO_LONG"),
    ],
)
def test_a_bad_value_is_refused_with_its_code(name: str, sent: str, code: str) -> None:
    refused = store_form(SCHEMA[name], sent, "")
    assert isinstance(refused, PropertyFault)
    assert (refused.code, refused.name) == (code, name)


def test_a_leading_semicolon_appends_to_a_multi_select() -> None:
    assert store_form(SCHEMA["interests"], ";chat;api", "calls;chat") == "calls;chat;api"


def test_empty_text_clears_every_type() -> None:
    assert {store_form(item, "", "old") for item in SCHEMA.values()} == {""}


def test_json_scalars_are_read_as_text() -> None:
    assert [as_text(value) for value in (True, 3, 2.5, None)] == ["true", "3", "2.5", ""]
