"""What a person is told of a schema that has changed under mappings that still work."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.crm_schema import CrmField, CrmKind, CrmOption, CrmSchema
from tieline.domain.fields import FieldSpec
from tieline.domain.pairs import Pair, Policy
from tieline.domain.schema_watch import schema_changes
from tieline.domain.values import FieldType

STATUS = FieldSpec("status", FieldType.ENUM, options=("new", "won"))
NOTES = FieldSpec("notes", FieldType.STRING)
PICKLIST = CrmField(
    "Status__c", "Status", CrmKind.PICKLIST, options=(CrmOption("New", "New"), CrmOption("Won", "Won"))
)
TEXT = CrmField("Notes__c", "Notes", CrmKind.STRING, max_length=255)


def told(field: FieldSpec, before: CrmField, live: CrmField, **options: str) -> list[tuple[str, str]]:
    pair = Pair(field, live, True, True, Policy.CRM_WINS, options)
    found = schema_changes([pair], CrmSchema({before.name: before}))
    return [(one.about, one.message) for one in found]


def test_a_new_picklist_value_is_told_until_it_stands_for_an_option_or_is_gone_again() -> None:
    more = replace(PICKLIST, options=(*PICKLIST.options, CrmOption("Lost", "Lost")))
    settled = {"new": "New", "won": "Won"}
    ((about, message),) = told(STATUS, PICKLIST, more, **settled)
    assert (about, "'Lost'" in message) == ("options", True)
    assert told(STATUS, PICKLIST, more, new="New", won="Lost") == []
    assert told(STATUS, PICKLIST, PICKLIST, **settled) == []
    retired = replace(more, options=(*PICKLIST.options, CrmOption("Lost", "Lost", active=False)))
    assert told(STATUS, PICKLIST, retired, **settled) == []


def test_a_field_that_holds_less_and_one_that_became_required_are_told() -> None:
    assert [about for about, _ in told(NOTES, TEXT, replace(TEXT, max_length=80))] == ["length"]
    assert told(NOTES, TEXT, replace(TEXT, max_length=500)) == []
    assert [about for about, _ in told(NOTES, TEXT, replace(TEXT, required=True))] == ["required"]


FIELDS = st.builds(
    replace,
    st.sampled_from([PICKLIST, TEXT]),
    required=st.booleans(),
    max_length=st.sampled_from([None, 80, 255]),
)


@given(st.sampled_from([STATUS, NOTES]), FIELDS)
def test_what_stood_there_when_the_mapping_was_saved_is_no_change(field: FieldSpec, live: CrmField) -> None:
    assert told(field, live, live) == []
    assert schema_changes([Pair(field, live, True, True, Policy.CRM_WINS)], None) == []
