"""Suggestions of mappings: what is alike and fits, and never what could not be saved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.compatibility import can_read, can_write
from tieline.domain.crm_schema import CrmField, CrmKind, CrmOption, CrmSchema
from tieline.domain.fields import BUILTIN_FIELDS, FieldSpec
from tieline.domain.mapping import Direction, FieldMapping
from tieline.domain.suggestions import suggestions
from tieline.domain.values import FieldType

IN, OUT = Direction.INBOUND, Direction.OUTBOUND
NAMES = [
    "lead_status",
    "LeadStatus",
    "Lead_Status__c",
    "status",
    "Status",
    "email",
    "EMail",
    "score",
    "Score__c",
    "x",
]


def schema(*fields: CrmField) -> CrmSchema:
    return CrmSchema({crm.name: crm for crm in fields})


def crm(name: str, kind: CrmKind = CrmKind.STRING, label: str = "", **more: object) -> CrmField:
    return CrmField(name, label, kind, **more)  # type: ignore[arg-type]


def found(direction: Direction, field: FieldSpec, *fields: CrmField) -> list[str]:
    made = suggestions(direction, [], {field.name: field}, schema(*fields))
    return [one.external_field_name for one in made]


@pytest.mark.parametrize(
    ("ours", "theirs", "label"),
    [
        ("lead_status", "Lead_Status__c", ""),
        ("lead_status", "leadstatus", ""),
        ("lead_status", "X1__c", "Lead status"),
        ("job_title", "Title_of_Job__c", ""),
        ("company", "account_name", ""),
        ("first_name", "FirstName", ""),
        ("do_not_call", "DoNotCall", ""),
    ],
)
def test_names_and_labels_that_mean_the_same_are_found(ours: str, theirs: str, label: str) -> None:
    assert found(IN, FieldSpec(ours, FieldType.STRING), crm(theirs, label=label), crm("Other")) == [theirs]


def test_names_that_have_nothing_in_common_are_not() -> None:
    assert found(IN, FieldSpec("notes", FieldType.STRING), crm("Fax"), crm("Name"), crm("hs_name")) == []


def test_the_same_name_goes_before_a_like_one_and_a_field_is_named_once() -> None:
    fields = {n: FieldSpec(n, FieldType.STRING) for n in ("status", "lead_status")}
    made = suggestions(IN, [], fields, schema(crm("Lead_Status__c"), crm("Status")))
    assert [(one.external_field_name, one.field_name) for one in made] == [
        ("Lead_Status__c", "lead_status"), ("Status", "status"),
    ]  # fmt: skip


def test_what_is_mapped_already_is_not_suggested() -> None:
    mapped = [FieldMapping("Status", "other")]
    fields = {"status": FieldSpec("status", FieldType.STRING)}
    assert suggestions(IN, mapped, fields, schema(crm("Status"))) == []


def test_options_must_fit_too() -> None:
    status = FieldSpec("status", FieldType.ENUM, options=("New", "Won"))
    fits = crm("Status", CrmKind.PICKLIST, options=(CrmOption("new", "New"), CrmOption("won", "Won")))
    other = crm("Status", CrmKind.PICKLIST, options=(CrmOption("red", "Red"),))
    assert found(OUT, status, fits) == ["Status"]
    assert found(OUT, status, other) == found(IN, status, other) == []


def test_nothing_is_suggested_to_be_written_that_is_read_only_and_no_number_either() -> None:
    plan = FieldSpec("plan", FieldType.STRING)
    assert (
        found(OUT, plan, crm("Plan__c", updateable=False))
        == found(OUT, plan, crm("Plan__c", calculated=True))
        == []
    )
    phone = BUILTIN_FIELDS["phone_number"]
    assert found(OUT, phone, crm("Phone", is_phone=True)) == []
    assert found(IN, phone, crm("Phone", is_phone=True)) == ["Phone"]


FIELDS = st.builds(
    FieldSpec, st.sampled_from(NAMES), st.sampled_from([t for t in FieldType if t is not FieldType.ENUM])
)
CRM = st.builds(
    crm, st.sampled_from(NAMES), st.sampled_from(CrmKind), st.sampled_from(NAMES), updateable=st.booleans()
)


@given(st.lists(FIELDS, max_size=5), st.lists(CRM, max_size=5), st.sampled_from(Direction))
def test_every_suggestion_could_be_saved_and_names_a_field_once(
    ours: list[FieldSpec], theirs: list[CrmField], direction: Direction
) -> None:
    fields, live = {spec.name: spec for spec in ours}, schema(*theirs)
    made = suggestions(direction, [], fields, live)
    assert (
        len({one.field_name for one in made}) == len({one.external_field_name for one in made}) == len(made)
    )
    assert [one.score for one in made] == sorted((one.score for one in made), reverse=True)
    for one in made:
        spec, found = fields[one.field_name], live.fields[one.external_field_name]
        assert can_read(spec, found) if direction is IN else (can_write(spec, found) and found.updateable)
        assert 0 < one.score <= 1
