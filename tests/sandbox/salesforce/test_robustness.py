"""Whatever a client sends, it gets Salesforce's answer: never a crash, and never a value kept in a wrong form."""

import contextlib
import math

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sandbox.salesforce.test_soql import organisation

from tieline.sandbox.kernel.clock import SandboxClock
from tieline.sandbox.kernel.faults import Faults
from tieline.sandbox.salesforce.coercion import Source, coerce
from tieline.sandbox.salesforce.errors import SalesforceError
from tieline.sandbox.salesforce.formats import parse_date, parse_moment, stamp
from tieline.sandbox.salesforce.ids import checksum, normalise_id, number_to_id
from tieline.sandbox.salesforce.org import USERS, Organisation, OrgSettings
from tieline.sandbox.salesforce.querying import run_query
from tieline.sandbox.salesforce.schema import NUMBER_TYPES, STRING_TYPES, Field
from tieline.sandbox.salesforce.writes import Write, create, update

ORG = organisation([{"LastName": "Smith", "Score__c": 1.0}])
CONTACT = ORG.objects["Contact"]
FIELDS = sorted(CONTACT.fields.values(), key=lambda item: item.name)

words = st.sampled_from(
    "SELECT FROM WHERE AND OR NOT IN LIKE ORDER BY LIMIT OFFSET NULLS FIRST COUNT() Id LastName Score__c VIP__c "
    "Notes__c SystemModstamp Contact Task ( ) , = != < >= 'a' '%' '\\\\' 1 -2.5 null true 2026-01-01 "
    "2026-01-01T00:00:00Z 2026-99-99T99:99:99Z ' \" ; é".split()
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(["1e400", "NaN", "2026-02-30", "2026-02-28T25:00:00Z", "a;b", "New", "a@b.co", "003"]),
)
values = st.one_of(
    scalars, st.lists(scalars, max_size=2), st.dictionaries(st.text(max_size=3), scalars, max_size=2)
)


@settings(max_examples=400, deadline=None)
@given(st.lists(words, max_size=14))
def test_any_sequence_of_words_is_a_query_or_refused(sequence: list[str]) -> None:
    with contextlib.suppress(SalesforceError):
        run_query(ORG, " ".join(sequence), deleted=False)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_can_be_asked_for_when_it_is_escaped(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    org = organisation([{"LastName": text}, {"LastName": text + "x"}])
    _, selection = run_query(org, f"SELECT Id FROM Contact WHERE LastName = '{escaped}'", deleted=False)
    assert selection.ids[0] == number_to_id("003al", 1)
    pattern = escaped.replace("%", "\\%").replace("_", "\\_")
    _, selection = run_query(org, f"SELECT Id FROM Contact WHERE LastName LIKE '{pattern}%'", deleted=False)
    assert len(selection.ids) == 2


@settings(max_examples=500, deadline=None)
@given(field=st.sampled_from(FIELDS), value=values)
def test_a_value_is_kept_in_its_fields_form_or_refused(field: Field, value: object) -> None:
    try:
        kept = coerce(field, value, Source(b""))
    except SalesforceError:
        return
    if kept is None:
        return
    if field.type in STRING_TYPES:
        assert isinstance(kept, str)
        assert kept == kept.strip()
        assert not field.length or len(kept) <= field.length
    elif field.type in NUMBER_TYPES:
        assert isinstance(kept, float)
        assert math.isfinite(kept)
    elif field.type == "boolean":
        assert isinstance(kept, bool)
    elif field.type == "date":
        assert parse_date(str(kept)) == kept
    elif field.type == "datetime":
        moment = parse_moment(str(kept))
        assert moment is not None
        assert stamp(moment) == kept
    assert coerce(field, kept, Source(b"")) == kept


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([item.name for item in FIELDS if item.is_on("updateable")]), values, max_size=4
    )
)
def test_a_write_that_is_refused_changes_nothing(payload: dict[str, object]) -> None:
    org = Organisation(SandboxClock(), Faults(), OrgSettings())
    record_id = create(Write(org, USERS["rep"]), org.objects["Contact"], {"LastName": "Smith"})
    before = dict(org.tables["Contact"].rows[record_id])
    write = Write(org, USERS["integration"])
    try:
        update(write, record_id, payload)
    except SalesforceError:
        assert org.tables["Contact"].rows[record_id] == before
    write.undo()
    assert org.tables["Contact"].rows[record_id] == before


@given(st.integers(0, 62**10 - 1), st.integers(0, 62**10 - 1))
def test_ids_sort_as_their_numbers_and_survive_shortening(first: int, second: int) -> None:
    one, other = number_to_id("003al", first), number_to_id("003al", second)
    assert (one < other) == (first < second)
    assert normalise_id(one) == normalise_id(one[:15]) == one
    assert one[15:] == checksum(one[:15])


def test_the_checksum_is_the_real_ones() -> None:
    """Ids of recorded answers."""
    for known in ("0034S000005YJVlQAO", "003ak00000luKU1AAM", "0054S000000JFmhQAG", "750ak000009AVi5AAG"):
        assert normalise_id(known[:15]) == known
    assert normalise_id("0034S000005YJVlQAA") is None
