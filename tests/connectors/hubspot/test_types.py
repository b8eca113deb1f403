"""Property definitions become fields, and values survive in both directions."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.hubspot.driving import Script, answer, drive

from tieline.connectors.hubspot import CONNECTOR
from tieline.connectors.hubspot.types import canonical_datetime, read_value, write_field, write_value
from tieline.domain.crm_schema import CrmField, CrmKind, CrmOption
from tieline.domain.values import Value
from tieline.ports.errors import MalformedAnswerError


def described(**definition: Any) -> CrmField:
    script = Script(answer(200, {"results": [{"name": "p", "label": "P", **definition}]}))
    field = drive(CONNECTOR.describe(), script).get("p")
    assert field is not None
    return field


@pytest.mark.parametrize(
    ("type_", "field_type", "kind"),
    [
        ("string", "text", CrmKind.STRING),
        ("string", "textarea", CrmKind.STRING),
        ("phone_number", "phonenumber", CrmKind.STRING),
        ("number", "number", CrmKind.NUMBER),
        ("bool", "booleancheckbox", CrmKind.BOOLEAN),
        ("date", "date", CrmKind.DATE),
        ("datetime", "date", CrmKind.DATETIME),
        ("enumeration", "select", CrmKind.PICKLIST),
        ("enumeration", "radio", CrmKind.PICKLIST),
        ("enumeration", "checkbox", CrmKind.MULTI_PICKLIST),
        ("json", "text", CrmKind.OTHER),
        ("object_coordinates", "text", CrmKind.OTHER),
        ("something_new", "", CrmKind.OTHER),
    ],
)
def test_each_type_has_its_kind(type_: str, field_type: str, kind: CrmKind) -> None:
    assert described(type=type_, fieldType=field_type).kind is kind


def test_an_enumeration_of_true_and_false_is_a_boolean() -> None:
    options = [{"label": "Yes", "value": "true"}, {"label": "No", "value": "false"}]
    assert described(type="enumeration", fieldType="booleancheckbox", options=options).kind is CrmKind.BOOLEAN


def test_hidden_options_are_not_active() -> None:
    options = [{"label": "A", "value": "a"}, {"label": "", "value": "b", "hidden": True}]
    field = described(type="enumeration", fieldType="select", options=options)
    assert field.options == (CrmOption("a", "A"), CrmOption("b", "b", active=False))
    assert field.restricted


@pytest.mark.parametrize(
    "definition",
    [{"calculated": True}, {"modificationMetadata": {"readOnlyValue": True}}, {"type": "json"}],
)
def test_what_nobody_may_set_is_not_writable(definition: dict[str, Any]) -> None:
    field = described(**definition)
    assert (field.updateable, field.createable) == (False, False)


def test_a_plain_property_is_writable_and_text_has_a_length() -> None:
    field = described(type="string", fieldType="text", hasUniqueValue=True)
    assert (field.updateable, field.createable, field.unique, field.max_length) == (True, True, True, 65_536)


def test_an_empty_schema_is_never_believed() -> None:
    with pytest.raises(MalformedAnswerError):
        drive(CONNECTOR.describe(), Script(answer(200, {"results": []})))


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (CrmKind.STRING, None, None),
        (CrmKind.STRING, "", None),
        (CrmKind.STRING, " a\nb ", " a\nb "),
        (CrmKind.STRING, "42.0", "42.0"),
        (CrmKind.NUMBER, "17", 17),
        (CrmKind.NUMBER, "-0.10", Decimal("-0.1")),
        (CrmKind.NUMBER, "1E+3", Decimal(1000)),
        (CrmKind.NUMBER, "NaN", "NaN"),
        (CrmKind.NUMBER, "a lot", "a lot"),
        (CrmKind.NUMBER, 1.5, Decimal("1.5")),
        (CrmKind.BOOLEAN, "true", True),
        (CrmKind.BOOLEAN, "False", False),
        (CrmKind.BOOLEAN, "maybe", "maybe"),
        (CrmKind.BOOLEAN, True, True),
        (CrmKind.DATE, "2026-02-28", "2026-02-28"),
        (CrmKind.DATE, "1772236800000", "2026-02-28"),
        (CrmKind.DATE, "2026-02-28T00:00:00Z", "2026-02-28"),
        (CrmKind.DATE, "soon", "soon"),
        (CrmKind.DATE, "9" * 30, "9" * 30),
        (CrmKind.DATETIME, "2026-05-01T07:25:37.120Z", "2026-05-01T07:25:37.120Z"),
        (CrmKind.DATETIME, "2026-05-01T09:25:37+02:00", "2026-05-01T07:25:37Z"),
        (CrmKind.DATETIME, "1777620337000", "2026-05-01T07:25:37Z"),
        (CrmKind.MULTI_PICKLIST, "a;b", "a;b"),
        (CrmKind.MULTI_PICKLIST, ";", None),
        (CrmKind.PICKLIST, "tier_1", "tier_1"),
    ],
)
def test_a_wire_value_becomes_canonical(kind: CrmKind, raw: Any, expected: Value) -> None:
    value = read_value(raw, CrmField("p", "P", kind))
    assert value == expected
    assert type(value) is type(expected)


def test_a_clear_is_the_empty_string() -> None:
    assert write_value(None) == ""


def test_a_multi_select_is_replaced_and_never_appended_to() -> None:
    assert write_field(";a;b", CrmField("p", "P", CrmKind.MULTI_PICKLIST)) == "a;b"


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=6))
def test_numbers_survive_the_round_trip(number: Decimal) -> None:
    assert read_value(write_value(number), CrmField("p", "P", CrmKind.NUMBER)) == number


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)))
def test_moments_survive_the_round_trip_at_their_precision(moment: datetime) -> None:
    text = canonical_datetime(moment.replace(tzinfo=UTC))
    assert read_value(write_value(text), CrmField("p", "P", CrmKind.DATETIME)) == text
    assert text.endswith("Z")
