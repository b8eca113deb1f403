"""Field types and values, checked against a recorded describe and recorded formats."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.hands import Play, answer, body_of

from tieline.connectors.salesforce import CONNECTOR
from tieline.connectors.salesforce.types import decode_text, decode_value, encode_value
from tieline.domain.crm_schema import CrmField, CrmKind, CrmOption, CrmSchema
from tieline.domain.values import Value
from tieline.ports.errors import MalformedAnswerError, RecordRejectedError


def described(recordings: Path, name: str) -> tuple[CrmSchema, dict[str, Any]]:
    found = json.loads((recordings / "salesforce" / name).read_text())
    play = Play(CONNECTOR.describe(), body_of(found))
    assert play.request.path == "/services/data/v68.0/sobjects/Contact/describe"
    schema: CrmSchema = play.result
    return schema, {field["name"]: field for field in found["response"]["body"]["fields"]}


@pytest.fixture
def contact(recordings: Path) -> CrmSchema:
    return described(recordings, "get-sobjects-contact-describe-200-0.json")[0]


def test_every_recorded_field_but_compound_ones_is_in_the_schema(recordings: Path) -> None:
    for name in ("get-sobjects-contact-describe-200-0.json", "get-sobjects-lead-describe-200-0.json"):
        schema, fields = described(recordings, name)
        left_out = {field["type"] for name, field in fields.items() if schema.get(name) is None}
        assert left_out == {"address"}
        assert len(schema.fields) == len([field for field in fields.values() if field["type"] != "address"])


def test_recorded_fields_have_the_recorded_traits(contact: CrmSchema) -> None:
    phone, last, checkbox = (
        contact.fields["Phone"],
        contact.fields["LastName"],
        contact.fields["checkbox_field__c"],
    )
    assert (phone.kind, phone.is_phone, phone.max_length, phone.updateable) == (
        CrmKind.STRING,
        True,
        40,
        True,
    )
    assert (last.required, last.max_length, last.is_phone) == (True, 80, False)
    assert [field.name for field in contact if field.required] == ["LastName"]
    assert (checkbox.kind, checkbox.default, checkbox.required) == (CrmKind.BOOLEAN, False, False)
    assert (contact.fields["currency_field__c"].kind, contact.fields["currency_field__c"].scale) == (
        CrmKind.NUMBER,
        2,
    )
    assert contact.fields["number_field__c"].scale == 0
    assert contact.fields["date_field__c"].kind is CrmKind.DATE
    assert (contact.fields["datetime_field__c"].kind, contact.fields["datetime_field__c"].precision_ms) == (
        CrmKind.DATETIME,
        1000,
    )
    assert contact.fields["Description"].max_length == 32000
    for name in ("Id", "Name", "CreatedDate", "SystemModstamp", "MasterRecordId"):
        assert not contact.fields[name].updateable, name
    for name in ("OwnerId", "AccountId"):
        assert (contact.fields[name].kind, contact.fields[name].updateable) == (CrmKind.OTHER, False)
    assert {option.value for option in contact.fields["LeadSource"].options} >= {"Web", "Other"}
    assert not contact.fields["LeadSource"].restricted


def test_a_picklists_inactive_options_and_default_are_known() -> None:
    entries = [
        {"value": "A", "label": "Ay", "active": True, "defaultValue": False, "validFor": None},
        {"value": "B", "label": None, "active": True, "defaultValue": True, "validFor": None},
        {"value": "C", "label": "Sea", "active": False, "defaultValue": False, "validFor": None},
    ]
    field = {
        "name": "P__c",
        "label": "P",
        "type": "picklist",
        "restrictedPicklist": True,
        "picklistValues": entries,
    }
    play = Play(CONNECTOR.describe(), answer({"name": "Contact", "fields": [field]}))
    found = play.result.fields["P__c"]
    assert found.options == (CrmOption("A", "Ay"), CrmOption("B", "B"), CrmOption("C", "Sea", active=False))
    assert found.default == "B"
    assert found.restricted


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"name":"Contact","fields":[{"type":"string"}]}', b"<html>"]
)
def test_half_a_describe_is_no_success(body: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        Play(CONNECTOR.describe(), answer(body))


def field(kind: CrmKind) -> CrmField:
    return CrmField("F__c", "F", kind)


VALUES: list[tuple[CrmKind, Any, str, Value]] = [
    (CrmKind.STRING, "text", "text", "text"),
    (CrmKind.STRING, "", "", None),
    (CrmKind.STRING, None, "", None),
    (CrmKind.NUMBER, 42, "42", 42),
    (CrmKind.NUMBER, Decimal("42.0"), "42.0", 42),
    (CrmKind.NUMBER, Decimal("1.0E7"), "1.0E7", 10_000_000),
    (CrmKind.NUMBER, Decimal("-0.10"), "-0.10", Decimal("-0.1")),
    (CrmKind.NUMBER, Decimal("123456789012345.67"), "123456789012345.67", Decimal("123456789012345.67")),
    (CrmKind.BOOLEAN, True, "true", True),
    (CrmKind.BOOLEAN, False, "false", False),
    (CrmKind.DATE, "2026-02-28", "2026-02-28", "2026-02-28"),
    (CrmKind.DATETIME, "2026-05-01T07:25:37.000+0000", "2026-05-01T07:25:37.000Z", "2026-05-01T07:25:37Z"),
    (CrmKind.PICKLIST, "New", "New", "New"),
    (CrmKind.MULTI_PICKLIST, "Calls;Chat", "Calls;Chat", "Calls;Chat"),
    (CrmKind.OTHER, "0015e000003E8oo", "0015e000003E8oo", "0015e000003E8oo"),
    # What does not fit goes on as it is, for an issue to show.
    (CrmKind.NUMBER, "n/a", "n/a", "n/a"),
    (CrmKind.DATETIME, "soon", "soon", "soon"),
    (CrmKind.BOOLEAN, "maybe", "maybe", "maybe"),
]


@pytest.mark.parametrize(("kind", "json_value", "cell", "value"), VALUES)
def test_a_value_is_the_same_from_json_and_from_csv(
    kind: CrmKind, json_value: Any, cell: str, value: Value
) -> None:
    for decoded in (decode_value(json_value, field(kind)), decode_text(field(kind))(cell)):
        assert decoded == value
        assert type(decoded) is type(value)


@pytest.mark.parametrize(
    ("kind", "value", "sent"),
    [
        (CrmKind.STRING, "text", "text"),
        (CrmKind.STRING, 42, "42"),
        (CrmKind.STRING, None, None),
        (CrmKind.STRING, "", None),
        (CrmKind.NUMBER, 42, 42),
        (CrmKind.NUMBER, Decimal("0.10"), Decimal("0.10")),
        (CrmKind.BOOLEAN, True, True),
        (CrmKind.BOOLEAN, None, False),
        (CrmKind.DATE, "2026-02-28", "2026-02-28"),
        (CrmKind.DATE, None, None),
        (CrmKind.DATETIME, "2026-05-01T07:25:37Z", "2026-05-01T07:25:37.000+0000"),
        (CrmKind.DATETIME, "2026-05-01T09:25:37.125+02:00", "2026-05-01T07:25:37.125+0000"),
        (CrmKind.PICKLIST, "New", "New"),
        (CrmKind.MULTI_PICKLIST, "Calls;Chat", "Calls;Chat"),
    ],
)
def test_a_value_is_sent_in_salesforces_own_format(kind: CrmKind, value: Value, sent: object) -> None:
    assert encode_value(value, field(kind)) == sent
    assert type(encode_value(value, field(kind))) is type(sent)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (CrmKind.NUMBER, "42"),
        (CrmKind.NUMBER, True),
        (CrmKind.BOOLEAN, "true"),
        (CrmKind.BOOLEAN, 1),
        (CrmKind.DATE, "28.02.2026"),
        (CrmKind.DATE, "2026-02-30"),
        (CrmKind.DATETIME, "2026-05-01T07:25:37"),
        (CrmKind.DATETIME, "2026-05-01"),
        (CrmKind.OTHER, "x"),
    ],
)
def test_a_value_of_another_kind_is_refused_before_it_can_fail_a_whole_batch(
    kind: CrmKind, value: Value
) -> None:
    with pytest.raises(RecordRejectedError) as caught:
        encode_value(value, field(kind))
    assert caught.value.field == "F__c"
