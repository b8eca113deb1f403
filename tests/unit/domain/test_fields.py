"""The table of types and coercion, and its laws."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.domain.contact_input import check_contact_input
from tieline.domain.decimals import at_scale, canonical_number
from tieline.domain.fields import (
    MAX_TEXT,
    FieldSpec,
    Uncoercible,
    check_value,
    coerce,
    field_name_problem,
)
from tieline.domain.values import FieldType, Value

_OPTIONS = ("New", "Qualified", "1", "true")


def spec(kind: FieldType) -> FieldSpec:
    return FieldSpec("f", kind, options=_OPTIONS if kind is FieldType.ENUM else ())


_MOMENTS = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(max_size=20),
    st.sampled_from(
        [*_OPTIONS, " Yes ", "0", "-0.0", "1e5", "2025-03-15", "1742083200000", "2025-03-15T10:30Z"]
    ),
    st.integers(-(10**13), 10**14),
    st.dates().map(str),
    _MOMENTS,
)
_ZONES = st.sampled_from(["UTC", "America/Los_Angeles", "Pacific/Auckland", "Asia/Kathmandu"])


@settings(max_examples=400)
@given(st.sampled_from(FieldType), _SCALARS, _ZONES)
def test_coercing_a_coerced_value_changes_nothing(kind: FieldType, raw: Any, zone: str) -> None:
    once = coerce(raw, spec(kind), time_zone=zone)
    if not isinstance(once, Uncoercible):
        again = coerce(once, spec(kind), time_zone=zone)
        assert again == once
        assert type(again) is type(once)
        assert not isinstance(once, float)


@settings(max_examples=200)
@given(st.sampled_from(FieldType), _SCALARS)
def test_the_api_accepts_every_canonical_value_as_it_is(kind: FieldType, raw: Any) -> None:
    value = coerce(raw, spec(kind))
    if not isinstance(value, Uncoercible):
        assert check_value(value, spec(kind)) == value


@settings(max_examples=200)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=9))
def test_numbers_are_exact(number: Decimal) -> None:
    assert coerce(str(number) if "E" not in str(number) else number, spec(FieldType.NUMBER)) == number
    assert canonical_number(number) == number


@settings(max_examples=100)
@given(
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
)
def test_an_offset_moves_the_clock_and_not_the_instant(moment: datetime, minutes: int) -> None:
    whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    sign = "-" if minutes < 0 else "+"
    offset = f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    text = (whole + timedelta(minutes=minutes)).isoformat(timespec="milliseconds") + offset
    canonical = coerce(text, spec(FieldType.DATETIME))
    assert isinstance(canonical, str)
    assert canonical.endswith("Z")
    assert datetime.fromisoformat(canonical) == whole.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (FieldType.STRING, "text ", "text "),
        (FieldType.STRING, 42.0, "42"),
        (FieldType.STRING, 42, "42"),
        (FieldType.STRING, Decimal("99.50"), "99.5"),
        (FieldType.STRING, 1e22, "10000000000000000000000"),
        (FieldType.STRING, 1e-7, "0.0000001"),
        (FieldType.STRING, True, "true"),
        (FieldType.STRING, " \n", None),
        (FieldType.NUMBER, 42, 42),
        (FieldType.NUMBER, 0.1, Decimal("0.1")),
        (FieldType.NUMBER, " 42.50 ", Decimal("42.5")),
        (FieldType.NUMBER, "-1.5e3", -1500),
        (FieldType.NUMBER, "-0", 0),
        (FieldType.NUMBER, "12345678901234567890.12", Decimal("12345678901234567890.12")),
        (FieldType.NUMBER, "", None),
        (FieldType.BOOLEAN, True, True),
        (FieldType.BOOLEAN, "TRUE", True),
        (FieldType.BOOLEAN, " Yes", True),
        (FieldType.BOOLEAN, "1", True),
        (FieldType.BOOLEAN, "no", False),
        (FieldType.BOOLEAN, "0", False),
        (FieldType.DATE, "2025-03-15", "2025-03-15"),
        (FieldType.DATE, "2025-03-15T01:30:00Z", "2025-03-14"),
        (FieldType.DATE, "2025-03-15T01:30:00", "2025-03-15"),
        (FieldType.DATE, "1741996800000", "2025-03-15"),
        (FieldType.DATE, 1741996800000, "2025-03-15"),
        (FieldType.DATE, 0, "1970-01-01"),
        (FieldType.DATE, 1742002200000, "2025-03-14"),
        (FieldType.DATETIME, "2025-03-15T10:30:00Z", "2025-03-15T10:30:00Z"),
        (FieldType.DATETIME, "2025-03-15T10:30:00.000+0000", "2025-03-15T10:30:00Z"),
        (FieldType.DATETIME, "2025-03-15T10:30+02", "2025-03-15T08:30:00Z"),
        (FieldType.DATETIME, "2025-03-15 10:30:00.1234567-07:00", "2025-03-15T17:30:00.123Z"),
        (FieldType.DATETIME, 1714608475945, "2024-05-02T00:07:55.945Z"),
        (FieldType.DATETIME, "1714608475945", "2024-05-02T00:07:55.945Z"),
        (FieldType.ENUM, "Qualified", "Qualified"),
        (FieldType.ENUM, " New ", "New"),
        (FieldType.ENUM, 1, "1"),
    ],
)
def test_what_fits_becomes_the_canonical_value(kind: FieldType, raw: Any, expected: Value) -> None:
    value = coerce(raw, spec(kind), time_zone="America/Los_Angeles")
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize("kind", FieldType)
@pytest.mark.parametrize("raw", [None, "", "  "])
def test_empty_is_empty_for_every_type(kind: FieldType, raw: Any) -> None:
    assert coerce(raw, spec(kind)) is None


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (FieldType.STRING, ["a", "b"]),
        (FieldType.STRING, {"a": 1}),
        (FieldType.STRING, float("nan")),
        (FieldType.STRING, "nul\x00"),
        (FieldType.STRING, "\ud83d"),
        (FieldType.STRING, "x" * (MAX_TEXT + 1)),
        (FieldType.NUMBER, True),
        (FieldType.NUMBER, "$5"),
        (FieldType.NUMBER, "1,000"),
        (FieldType.NUMBER, "1.000,5"),
        (FieldType.NUMBER, "five"),
        (FieldType.NUMBER, "+5"),
        (FieldType.NUMBER, "007"),
        (FieldType.NUMBER, "\u0665"),
        (FieldType.NUMBER, float("inf")),
        (FieldType.NUMBER, "1e999999999"),
        (FieldType.NUMBER, "1e-999999999"),
        (FieldType.BOOLEAN, "maybe"),
        (FieldType.BOOLEAN, 1),
        (FieldType.DATE, "15/03/2025"),
        (FieldType.DATE, "2025-02-30"),
        (FieldType.DATE, "20250315"),
        (FieldType.DATE, "2025"),
        (FieldType.DATE, 2025),
        (FieldType.DATE, "tomorrow"),
        (FieldType.DATE, True),
        (FieldType.DATETIME, "2025-03-15T10:30:00"),
        (FieldType.DATETIME, "2025-03-15"),
        (FieldType.DATETIME, "2025-03-15T25:00:00Z"),
        (FieldType.DATETIME, "9999-12-31T23:59:59-10:00"),
        (FieldType.DATETIME, 10**15),
        (FieldType.DATETIME, 1714608475945.5),
        (FieldType.ENUM, "new"),
        (FieldType.ENUM, "Lost"),
    ],
)
def test_what_needs_a_guess_is_refused_with_its_raw_value(kind: FieldType, raw: Any) -> None:
    refused = coerce(raw, spec(kind))
    assert isinstance(refused, Uncoercible)
    assert refused.reason
    assert refused.raw is not None


def test_an_unknown_time_zone_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="time zone"):
        coerce("2025-03-15T01:30:00Z", spec(FieldType.DATE), time_zone="Mars/Base")


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (FieldType.STRING, 42),
        (FieldType.STRING, True),
        (FieldType.NUMBER, "42"),
        (FieldType.NUMBER, True),
        (FieldType.BOOLEAN, "true"),
        (FieldType.BOOLEAN, 1),
        (FieldType.DATE, 1741996800000),
        (FieldType.DATE, "2025-03-15T10:30:00Z"),
        (FieldType.DATE, " 2025-03-15"),
        (FieldType.DATETIME, 1714608475945),
        (FieldType.DATETIME, "2025-03-15T10:30:00"),
        (FieldType.ENUM, " New"),
        (FieldType.ENUM, "Lost"),
        (FieldType.ENUM, ["New"]),
    ],
)
def test_the_api_takes_only_the_fields_own_json_type(kind: FieldType, raw: Any) -> None:
    assert isinstance(check_value(raw, spec(kind)), Uncoercible)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("lead_status", True),
        ("a1_", True),
        ("Lead", False),
        ("1st", False),
        ("_x", False),
        ("lead-status", False),
        ("lead\n", False),
        ("", False),
        ("\u00e9t\u00e9", False),
        ("first_name", False),
        ("phone_number", False),
        ("contact_kind", False),
        ("externalid", False),
        ("a" * 101, False),
    ],
)
def test_a_custom_field_has_a_name_by_the_rules(name: str, fits: bool) -> None:
    assert (field_name_problem(name) is None) is fits


@pytest.mark.parametrize(
    ("number", "scale", "expected"),
    [
        ("2.5", 0, 3),
        ("-2.5", 0, -3),
        ("2.345", 2, "2.35"),
        ("2.344", 2, "2.34"),
        ("0.004", 2, 0),
        ("2.5", None, "2.5"),
    ],
)
def test_halves_are_rounded_away_from_zero(number: str, scale: int | None, expected: int | str) -> None:
    assert at_scale(Decimal(number), scale) == Decimal(expected)


_CUSTOM = {
    "seats": FieldSpec("seats", FieldType.NUMBER),
    "status": FieldSpec("status", FieldType.ENUM, options=("New", "Lost")),
    "met_on": FieldSpec("met_on", FieldType.DATE),
}


def test_a_right_contact_becomes_values_and_null_clears() -> None:
    body = {
        "first_name": "Alice",
        "last_name": None,
        "do_not_call": True,
        "custom_fields": {"seats": 40.0, "status": "New", "met_on": None},
    }
    assert check_contact_input(body, _CUSTOM) == {
        "first_name": "Alice",
        "last_name": None,
        "do_not_call": True,
        "seats": 40,
        "status": "New",
        "met_on": None,
    }
    assert check_contact_input({}, _CUSTOM) == {}
    assert check_contact_input({"custom_fields": None}, _CUSTOM) == {}


def test_a_wrong_contact_is_every_problem_at_once() -> None:
    body = {
        "first_name": 5,
        "phone_number": "+14155550100",
        "do_not_call": "yes",
        "nickname": "Al",
        "custom_fields": {
            "seats": "40",
            "status": "Hot",
            "met_on": "15.03.2025",
            "colour": "red",
            "first_name": "A",
        },
    }
    problems = check_contact_input(body, _CUSTOM)
    assert isinstance(problems, list)
    assert {problem.where for problem in problems} == {
        "first_name",
        "phone_number",
        "do_not_call",
        "nickname",
        "custom_fields.seats",
        "custom_fields.status",
        "custom_fields.met_on",
        "custom_fields.colour",
        "custom_fields.first_name",
    }
    assert all(problem.message.startswith(problem.where) for problem in problems)
    status = next(problem for problem in problems if problem.where == "custom_fields.status")
    assert "'Hot'" in status.message
    assert "New, Lost" in status.message


def test_custom_fields_must_be_an_object_and_texts_have_a_limit() -> None:
    problems = check_contact_input({"custom_fields": ["seats"], "last_name": "x" * 40_000}, _CUSTOM)
    assert isinstance(problems, list)
    assert {problem.where for problem in problems} == {"custom_fields", "last_name"}
    assert all(len(problem.message) < 300 for problem in problems)
    assert check_contact_input({"last_name": "x" * MAX_TEXT}, {}) == {"last_name": "x" * MAX_TEXT}
