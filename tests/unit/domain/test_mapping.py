"""How values cross a pair, how they compare in it, and which mappings are refused."""

import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.domain.analysis_mapping import AnalysisMapping, analysis_mapping_problems, merge_fields
from tieline.domain.crm_schema import CrmField, CrmKind, CrmOption, CrmSchema
from tieline.domain.fields import BUILTIN_FIELDS, FieldSpec, Uncoercible, coerce
from tieline.domain.mapping import FieldMapping, MappingSet, Pair, Policy, Problem, build_mapping_set
from tieline.domain.picklists import settle_options
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import FieldType, Value

STRING, NUMBER, BOOLEAN = FieldType.STRING, FieldType.NUMBER, FieldType.BOOLEAN
DATE, DATETIME, ENUM = FieldType.DATE, FieldType.DATETIME, FieldType.ENUM


def picklist(*values: str, kind: CrmKind = CrmKind.PICKLIST, **more: Any) -> CrmField:
    options = tuple(CrmOption(value, value) for value in values)
    return CrmField("X__c", "X", kind, options=options, restricted=True, **more)


def pair(
    kind: FieldType,
    crm: CrmField,
    *,
    options: Mapping[str, str] | None = None,
    zone: str = "UTC",
    name: str = "x",
) -> Pair:
    field = FieldSpec(name, kind, options=tuple(options or {}))
    return Pair(field, crm, True, True, Policy.CRM_WINS, options or {}, zone)


def crm(kind: CrmKind, **more: Any) -> CrmField:
    return CrmField("X__c", "X", kind, **more)


def test_a_pair_is_known_by_its_two_fields() -> None:
    assert pair(STRING, crm(CrmKind.STRING)).key == "x|X__c"


_NEW_YORK = "America/New_York"
_STATUS = {"New": "01", "In work": "02"}


@pytest.mark.parametrize(
    ("joined", "local", "remote"),
    [
        (pair(STRING, crm(CrmKind.STRING)), "Text ", "Text "),
        (pair(STRING, crm(CrmKind.STRING)), None, None),
        (pair(NUMBER, crm(CrmKind.NUMBER, scale=2)), Decimal("2.5"), Decimal("2.5")),
        (pair(NUMBER, crm(CrmKind.STRING)), Decimal("2.5"), "2.5"),
        (pair(BOOLEAN, crm(CrmKind.BOOLEAN)), True, True),
        (pair(BOOLEAN, crm(CrmKind.STRING)), False, "false"),
        (pair(DATE, crm(CrmKind.DATE)), "2025-03-15", "2025-03-15"),
        (pair(DATE, crm(CrmKind.DATETIME), zone=_NEW_YORK), "2025-03-15", "2025-03-15T04:00:00Z"),
        (pair(DATETIME, crm(CrmKind.DATETIME)), "2025-03-15T10:30:00.123Z", "2025-03-15T10:30:00.123Z"),
        (pair(ENUM, picklist("01", "02"), options=_STATUS), "In work", "02"),
        (pair(ENUM, crm(CrmKind.STRING), options=_STATUS), "New", "New"),
        (pair(STRING, picklist("Hot", "Cold")), "Hot", "Hot"),
        (pair(STRING, picklist("a", "b", kind=CrmKind.MULTI_PICKLIST)), "a; b", "a;b"),
    ],
)
def test_a_value_crosses_both_ways(joined: Pair, local: Value, remote: Value) -> None:
    assert joined.to_remote(local) == remote
    assert joined.to_local(remote) == local
    assert joined.same(local, remote)


@pytest.mark.parametrize(
    ("joined", "remote", "local"),
    [
        (pair(STRING, crm(CrmKind.NUMBER)), Decimal("42.50"), "42.5"),
        (pair(STRING, crm(CrmKind.BOOLEAN)), True, "true"),
        (pair(NUMBER, crm(CrmKind.STRING)), " 42 ", 42),
        (pair(BOOLEAN, picklist("Yes", "No")), "Yes", True),
        (pair(DATE, crm(CrmKind.DATETIME), zone=_NEW_YORK), "2025-03-15T01:00:00Z", "2025-03-14"),
        (pair(DATE, crm(CrmKind.STRING)), "1741996800000", "2025-03-15"),
        (pair(STRING, crm(CrmKind.OTHER)), "1 Main St", "1 Main St"),
        (pair(STRING, picklist(kind=CrmKind.MULTI_PICKLIST)), "b;a;b;", "b; a"),
        (pair(STRING, picklist(kind=CrmKind.MULTI_PICKLIST)), ";", None),
        (pair(STRING, crm(CrmKind.STRING)), " ", None),
    ],
)
def test_a_crm_value_becomes_ours(joined: Pair, remote: Value, local: Value) -> None:
    assert joined.to_local(remote) == local
    assert joined.same(local, remote)


@pytest.mark.parametrize(
    ("joined", "remote"),
    [
        (pair(NUMBER, crm(CrmKind.STRING)), "42 EUR"),
        (pair(ENUM, picklist("01", "03"), options=_STATUS), "03"),
        (pair(ENUM, crm(CrmKind.STRING), options=_STATUS), "Old"),
        (pair(STRING, crm(CrmKind.STRING)), "x" * 32_769),
    ],
)
def test_a_crm_value_that_does_not_fit_is_refused_with_its_raw_value(joined: Pair, remote: Value) -> None:
    refused = joined.to_local(remote)
    assert isinstance(refused, Uncoercible)
    assert refused.raw == remote


@pytest.mark.parametrize(
    ("joined", "local", "word"),
    [
        (pair(STRING, crm(CrmKind.STRING, max_length=3)), "abcd", "at most 3"),
        (pair(STRING, crm(CrmKind.STRING, updateable=False)), "abc", "read-only"),
        (pair(STRING, crm(CrmKind.STRING, calculated=True)), None, "read-only"),
        (pair(STRING, crm(CrmKind.STRING, required=True)), None, "required"),
        (pair(STRING, picklist("Hot")), "hot", "no picklist value"),
        (pair(STRING, picklist("a", kind=CrmKind.MULTI_PICKLIST)), "a; c", "'c'"),
        (pair(ENUM, picklist("01"), options=_STATUS), "Gone", "no picklist value"),
        (pair(DATE, crm(CrmKind.DATETIME), zone="Asia/Tokyo"), "0001-01-01", "datetime"),
    ],
)
def test_what_the_crm_could_not_take_is_refused_and_never_cut(joined: Pair, local: Value, word: str) -> None:
    refused = joined.to_remote(local)
    assert isinstance(refused, Uncoercible)
    assert word in refused.reason


def test_values_are_sent_at_the_crm_fields_scale_and_precision() -> None:
    assert pair(NUMBER, crm(CrmKind.NUMBER, scale=2)).to_remote(Decimal("2.345")) == Decimal("2.35")
    assert pair(NUMBER, crm(CrmKind.NUMBER, scale=0)).to_remote(Decimal("2.5")) == 3
    seconds = pair(DATETIME, crm(CrmKind.DATETIME, precision_ms=1000))
    assert seconds.to_remote("2025-03-15T10:30:00.999Z") == "2025-03-15T10:30:00Z"
    dated = pair(DATETIME, crm(CrmKind.DATE), zone=_NEW_YORK)
    assert dated.to_remote("2025-03-15T01:00:00Z") == "2025-03-14"


def test_a_picklist_that_is_not_restricted_takes_other_text() -> None:
    free = crm(CrmKind.PICKLIST, options=(CrmOption("Hot", "Hot"),))
    assert pair(STRING, free).to_remote("Lukewarm") == "Lukewarm"


def test_a_checkbox_is_unchecked_and_never_empty() -> None:
    checkbox = pair(BOOLEAN, crm(CrmKind.BOOLEAN, default=False))
    assert checkbox.to_remote(None) is False
    assert checkbox.same(None, False)
    assert not pair(BOOLEAN, crm(CrmKind.BOOLEAN)).same(None, False)
    assert pair(BOOLEAN, crm(CrmKind.BOOLEAN), name="do_not_call").same(None, False)


_SECONDS = crm(CrmKind.DATETIME, precision_ms=1000)
_EMAIL = crm(CrmKind.STRING, vendor_type="email")
_MULTI = crm(CrmKind.MULTI_PICKLIST)


@pytest.mark.parametrize(
    ("joined", "local", "remote", "same"),
    [
        (pair(STRING, crm(CrmKind.STRING)), "a\nb", " a\r\nb\n", True),
        (pair(STRING, crm(CrmKind.STRING)), "caf\u00e9", "cafe\u0301", True),
        (pair(STRING, crm(CrmKind.STRING)), "a b", "a  b", False),
        (pair(STRING, crm(CrmKind.STRING)), "Alice@Example.com", "alice@example.com", False),
        (pair(STRING, _EMAIL), "Alice@Example.com", "alice@example.com", True),
        (pair(STRING, _EMAIL), "A@b, C@d", "a@b, c@d", False),
        (pair(NUMBER, crm(CrmKind.NUMBER, scale=2)), Decimal("2.345"), Decimal("2.35"), True),
        (pair(NUMBER, crm(CrmKind.NUMBER, scale=2)), Decimal("2.34"), Decimal("2.35"), False),
        (pair(NUMBER, crm(CrmKind.NUMBER)), 42, Decimal("42.0"), True),
        (pair(NUMBER, crm(CrmKind.STRING)), 42, "42.00", True),
        (pair(NUMBER, crm(CrmKind.STRING)), 42, "forty", False),
        (pair(DATETIME, _SECONDS), "2025-03-15T10:30:00.7Z", "2025-03-15T10:30:00Z", True),
        (pair(DATETIME, _SECONDS), "2025-03-15T10:30:01Z", "2025-03-15T10:30:00Z", False),
        (pair(DATE, crm(CrmKind.DATETIME), zone=_NEW_YORK), "2025-03-14", "2025-03-15T01:00:00Z", True),
        (pair(STRING, _MULTI), "a; b", "b;a", True),
        (pair(STRING, _MULTI), "a", "a;b", False),
        (pair(ENUM, picklist("01", "02"), options=_STATUS), "New", "01", True),
        (pair(ENUM, picklist("01", "02"), options=_STATUS), "New", "02", False),
        (pair(ENUM, picklist("New", "02"), options={"In work": "02"}), "New", "New", False),
        (pair(STRING, crm(CrmKind.STRING)), None, "", True),
        (pair(STRING, crm(CrmKind.STRING)), None, "x", False),
        (pair(BOOLEAN, crm(CrmKind.BOOLEAN)), None, False, False),
    ],
)
def test_the_two_sides_compare_in_the_pairs_form(
    joined: Pair, local: Value, remote: Value, same: bool
) -> None:
    assert joined.same(local, remote) is same


_PAIRS = [
    pair(STRING, crm(CrmKind.STRING)),
    pair(STRING, _EMAIL),
    pair(STRING, _MULTI),
    pair(STRING, crm(CrmKind.PICKLIST)),
    pair(NUMBER, crm(CrmKind.NUMBER)),
    pair(NUMBER, crm(CrmKind.NUMBER, scale=2)),
    pair(NUMBER, crm(CrmKind.STRING)),
    pair(BOOLEAN, crm(CrmKind.BOOLEAN)),
    pair(BOOLEAN, crm(CrmKind.STRING)),
    pair(DATE, crm(CrmKind.DATE)),
    pair(DATE, crm(CrmKind.STRING)),
    pair(DATE, crm(CrmKind.DATETIME), zone="Pacific/Auckland"),
    pair(DATETIME, crm(CrmKind.DATETIME)),
    pair(DATETIME, _SECONDS),
    pair(DATETIME, crm(CrmKind.DATE), zone=_NEW_YORK),
    pair(DATETIME, crm(CrmKind.STRING)),
    pair(ENUM, picklist("01", "02"), options=_STATUS),
    pair(ENUM, crm(CrmKind.STRING), options=_STATUS),
]
_RAW: dict[FieldType, st.SearchStrategy[Any]] = {
    STRING: st.one_of(st.text(max_size=20), st.text("ab;@ A\n", max_size=12)),
    NUMBER: st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4),
    BOOLEAN: st.booleans(),
    DATE: st.dates().map(str),
    DATETIME: st.integers(-(10**13), 10**14),
    ENUM: st.sampled_from(sorted(_STATUS)),
}


@st.composite
def _local_values(draw: st.DrawFn) -> tuple[Pair, Value]:
    joined = draw(st.sampled_from(_PAIRS))
    value = coerce(draw(st.none() | _RAW[joined.field.type]), joined.field)
    return joined, None if isinstance(value, Uncoercible) else value


@settings(max_examples=400)
@given(_local_values())
def test_what_was_sent_is_the_same_when_it_is_read_back(case: tuple[Pair, Value]) -> None:
    joined, local = case
    remote = joined.to_remote(local)
    if isinstance(remote, Uncoercible):
        return
    assert joined.same(local, remote)
    if joined.field.type is DATETIME and joined.crm.kind is CrmKind.DATE:
        return  # only ever written: a date is not read into a datetime
    back = joined.to_local(remote)
    assert not isinstance(back, Uncoercible)
    assert joined.local_form(back) == joined.local_form(local)
    assert joined.to_remote(back) == remote


@settings(max_examples=200)
@given(st.text(max_size=20), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["NFC", "NFD"]))
def test_a_reformatted_text_is_the_same(text: str, line_end: str, form: Any) -> None:
    joined = pair(STRING, crm(CrmKind.STRING))
    theirs = unicodedata.normalize(form, text.replace("\r", "\n").replace("\n", line_end)) + line_end
    assert joined.same(text, f"  {theirs} ")


STATUS_FIELD = FieldSpec("lead_status", ENUM, options=("New", "Qualified", "Lost"))


@pytest.mark.parametrize(
    ("options", "entries", "by_hand", "expected"),
    [
        (("New", "Lost"), [("New", "Neu"), ("Lost", "Verloren")], {}, {"New": "New", "Lost": "Lost"}),
        (("New", "Lost"), [("NEW", "a"), ("lost", "b")], {}, {"New": "NEW", "Lost": "lost"}),
        (("New", "Lost"), [("1", "New"), ("2", "LOST")], {}, {"New": "1", "Lost": "2"}),
        (("New", "new"), [("new", "x"), ("New", "y")], {}, {"New": "New", "new": "new"}),
        (("New", "Lost"), [("a", "A"), ("Lost", "L")], {"New": "a"}, {"New": "a", "Lost": "Lost"}),
        (("A", "B"), [("A", "A"), ("B", "B")], {"A": "B", "B": "A"}, {"A": "B", "B": "A"}),
    ],
)
def test_options_are_settled_exactly_then_by_case_then_by_label_or_by_hand(
    options: tuple[str, ...],
    entries: list[tuple[str, str]],
    by_hand: Mapping[str, str],
    expected: Mapping[str, str],
) -> None:
    field = FieldSpec("f", ENUM, options=options)
    target = crm(CrmKind.PICKLIST, restricted=True, options=tuple(CrmOption(*entry) for entry in entries))
    settlement = settle_options(field, target, by_hand, outbound=True)
    assert settlement.problems == ()
    assert settlement.options == expected


@pytest.mark.parametrize(
    ("options", "values", "by_hand", "named"),
    [
        (("New",), ("NEW", "new"), {}, ["'NEW'", "'new'", "'New'"]),
        (("NEW", "new"), ("New",), {}, ["'NEW'", "'new'", "'New'"]),
        (("New", "Hot"), ("New",), {}, ["'Hot'", "no active picklist value"]),
        (("New", "Hot"), ("New",), {"Hot": "New"}, ["'New'"]),
        (("A", "B"), ("x", "y"), {"A": "x", "B": "x"}, ["'A', 'B'", "'x'"]),
        (("A",), ("x",), {"A": "z"}, ["'z'"]),
        (("A",), ("A",), {"B": "A"}, ["'B'"]),
    ],
)
def test_a_clash_of_options_is_refused_and_named(
    options: tuple[str, ...], values: tuple[str, ...], by_hand: Mapping[str, str], named: list[str]
) -> None:
    settlement = settle_options(
        FieldSpec("f", ENUM, options=options), picklist(*values), by_hand, outbound=True
    )
    assert settlement.problems
    assert all(name in " ".join(settlement.problems) for name in named)


def test_inbound_only_an_option_needs_no_value_and_an_inactive_value_still_counts() -> None:
    target = crm(CrmKind.PICKLIST, options=(CrmOption("New", "New"), CrmOption("Lost", "Lost", active=False)))
    settlement = settle_options(STATUS_FIELD, target, {}, outbound=False)
    assert settlement.problems == ()
    assert settlement.options == {"New": "New", "Lost": "Lost"}
    assert settle_options(STATUS_FIELD, picklist("Hot"), {}, outbound=False).problems
    assert "Lost" in settle_options(STATUS_FIELD, target, {}, outbound=True).problems[0]


SCHEMA = CrmSchema(
    {
        field.name: field
        for field in (
            CrmField("Phone", "Phone", CrmKind.STRING, "phone", is_phone=True, max_length=40),
            CrmField("MobilePhone", "Mobile", CrmKind.STRING, "phone", is_phone=True, max_length=40),
            CrmField("FirstName", "First Name", CrmKind.STRING, max_length=40),
            CrmField(
                "Lead_Status__c",
                "Lead Status",
                CrmKind.PICKLIST,
                restricted=True,
                options=tuple(CrmOption(value, value) for value in STATUS_FIELD.options),
            ),
            CrmField("Notes__c", "Notes", CrmKind.STRING, "textarea", max_length=32_768),
            CrmField("More__c", "More", CrmKind.STRING, "textarea", max_length=32_768),
            CrmField("Code__c", "Code", CrmKind.STRING, max_length=4),
            CrmField("Seats__c", "Seats", CrmKind.NUMBER, scale=0),
            CrmField("Amount__c", "Amount", CrmKind.NUMBER, scale=2),
            CrmField("Met__c", "Met", CrmKind.DATETIME, precision_ms=1000),
            CrmField("Birthdate", "Birthdate", CrmKind.DATE),
            CrmField("DoNotCall", "Do Not Call", CrmKind.BOOLEAN, default=False),
            CrmField("Tags__c", "Tags", CrmKind.MULTI_PICKLIST),
            CrmField("Name", "Name", CrmKind.STRING, updateable=False),
            CrmField("Score__c", "Score", CrmKind.NUMBER, calculated=True),
        )
    }
)
FIELDS = dict(BUILTIN_FIELDS) | {
    field.name: field
    for field in (
        STATUS_FIELD,
        FieldSpec("qualification_status", ENUM, options=STATUS_FIELD.options),
        FieldSpec("interaction_summary", STRING),
        FieldSpec("notes", STRING),
        FieldSpec("seats", NUMBER),
        FieldSpec("met_on", DATE),
        FieldSpec("met_at", DATETIME),
        FieldSpec("happy", BOOLEAN),
    )
}
PHONE = FieldMapping("Phone", "phone_number")


def build(
    inbound: Sequence[FieldMapping] = (),
    outbound: Sequence[FieldMapping] = (),
    *,
    phone: bool = True,
    **more: Any,
) -> MappingSet | list[Problem]:
    return build_mapping_set(
        [PHONE, *inbound] if phone else list(inbound), list(outbound), FIELDS, SCHEMA, **more
    )


def accepted(
    inbound: Sequence[FieldMapping] = (), outbound: Sequence[FieldMapping] = (), **more: Any
) -> MappingSet:
    answer = build(inbound, outbound, **more)
    assert isinstance(answer, MappingSet), answer
    return answer


def refused(
    inbound: Sequence[FieldMapping] = (), outbound: Sequence[FieldMapping] = (), **more: Any
) -> list[Problem]:
    answer = build(inbound, outbound, **more)
    assert isinstance(answer, list), answer
    return answer


def test_the_walk_throughs_mappings_are_accepted() -> None:
    notes = FieldMapping("Notes__c", "interaction_summary", policy=Policy.MERGE)
    status = FieldMapping("Lead_Status__c", "lead_status")
    first = FieldMapping("FirstName", "first_name")
    mapped = accepted(
        [first, status, notes], [status, notes], time_zone=_NEW_YORK, fallback_phone_fields=["MobilePhone"]
    )
    assert mapped.phone_field == "Phone"
    assert mapped.crm_fields == ("Phone", "MobilePhone", "FirstName", "Lead_Status__c", "Notes__c")
    by_name = {pair.field.name: pair for pair in mapped.pairs}
    assert set(by_name) == {"first_name", "lead_status", "interaction_summary"}
    assert not by_name["first_name"].outbound
    assert by_name["lead_status"].two_way
    assert by_name["lead_status"].policy is Policy.CRM_WINS
    assert by_name["lead_status"].time_zone == _NEW_YORK
    assert by_name["interaction_summary"].policy is Policy.MERGE
    settled = {"New": "New", "Qualified": "Qualified", "Lost": "Lost"}
    assert by_name["lead_status"].options == settled
    assert mapped.inbound[2].options == mapped.outbound[0].options == settled


def test_saving_what_was_stored_again_gives_the_same_pairs() -> None:
    status = FieldMapping("Lead_Status__c", "lead_status")
    once = accepted([status], [status])
    again = build_mapping_set(once.inbound, once.outbound, FIELDS, SCHEMA)
    assert again == once


def test_another_field_may_be_pushed_to_a_crm_field_that_is_read() -> None:
    mapped = accepted(
        [FieldMapping("Lead_Status__c", "lead_status")],
        [FieldMapping("Lead_Status__c", "qualification_status")],
    )
    assert [(pair.field.name, pair.inbound, pair.outbound, pair.policy) for pair in mapped.pairs] == [
        ("lead_status", True, False, Policy.CRM_WINS),
        ("qualification_status", False, True, Policy.TIELINE_WINS),
    ]


def test_a_field_that_an_analysis_merges_and_that_is_pushed_is_merged_by_default() -> None:
    notes = FieldMapping("Notes__c", "interaction_summary")
    merges = frozenset({"interaction_summary", "seats"})
    assert accepted([notes], [notes], analysis_merge_fields=merges).pairs[0].policy is Policy.MERGE
    assert accepted([], [notes], analysis_merge_fields=merges).pairs[0].policy is Policy.MERGE
    assert accepted([notes], [], analysis_merge_fields=merges).pairs[0].policy is Policy.CRM_WINS
    chosen = FieldMapping("Notes__c", "interaction_summary", policy=Policy.REVIEW)
    assert accepted([chosen], [notes], analysis_merge_fields=merges).pairs[0].policy is Policy.REVIEW
    code = FieldMapping("Amount__c", "seats")
    assert accepted([code], [code], analysis_merge_fields=merges).pairs[0].policy is Policy.CRM_WINS


_TWO_WAY_REFUSED = [
    (FieldMapping("Met__c", "met_on"), "time of day"),
    (FieldMapping("Seats__c", "seats"), "whole numbers"),
    (FieldMapping("FirstName", "first_name"), "40 characters"),
]


@pytest.mark.parametrize(("mapping", "words"), _TWO_WAY_REFUSED)
def test_a_lossy_pair_is_allowed_inbound_and_must_be_confirmed_both_ways(
    mapping: FieldMapping, words: str
) -> None:
    accepted([mapping], [])
    (problem,) = refused([mapping], [mapping])
    assert words in problem.message
    assert "lossy_confirmed" in problem.message
    confirmed = FieldMapping(mapping.external_field_name, mapping.field_name, lossy_confirmed=True)
    accepted([mapping], [confirmed])


def test_text_that_is_only_pushed_needs_no_confirmation_since_it_is_never_cut() -> None:
    accepted([], [FieldMapping("FirstName", "first_name")])
    refused([], [FieldMapping("Birthdate", "met_at")])


@pytest.mark.parametrize(
    ("inbound", "outbound", "where", "words"),
    [
        ([FieldMapping("Nope__c", "notes")], [], "inbound_sync_mappings[1]", "Nope__c"),
        ([FieldMapping("notes__c", "notes")], [], "inbound_sync_mappings[1]", "does not exist"),
        ([FieldMapping("Notes__c", "nope")], [], "inbound_sync_mappings[1]", "create the custom field"),
        ([FieldMapping("Tags__c", "lead_status")], [], "inbound_sync_mappings[1]", "does not become"),
        ([FieldMapping("Birthdate", "met_at")], [], "inbound_sync_mappings[1]", "does not become"),
        ([FieldMapping("Seats__c", "happy")], [], "inbound_sync_mappings[1]", "does not become"),
        ([FieldMapping("MobilePhone", "phone_number")], [], "inbound_sync_mappings[1]", "writes already"),
        (
            [FieldMapping("Notes__c", "notes"), FieldMapping("More__c", "notes")],
            [],
            "inbound_sync_mappings[2]",
            "inbound_sync_mappings[1]",
        ),
        ([], [FieldMapping("Name", "notes")], "outbound_sync_mappings[0]", "read-only"),
        ([], [FieldMapping("Score__c", "seats")], "outbound_sync_mappings[0]", "calculates"),
        ([], [FieldMapping("Seats__c", "notes")], "outbound_sync_mappings[0]", "does not become"),
        ([], [FieldMapping("Phone", "phone_number")], "outbound_sync_mappings[0]", "never written back"),
        ([], [FieldMapping("Code__c", "lead_status")], "outbound_sync_mappings[0]", "'Qualified'"),
        (
            [],
            [FieldMapping("Notes__c", "notes"), FieldMapping("Notes__c", "interaction_summary")],
            "outbound_sync_mappings[1]",
            "the CRM field Notes__c",
        ),
        ([FieldMapping("Seats__c", "seats", policy=Policy.MERGE)], [], "inbound_sync_mappings[1]", "merge"),
        (
            [FieldMapping("DoNotCall", "do_not_call", policy=Policy.REVIEW)],
            [],
            "inbound_sync_mappings[1]",
            "policy",
        ),
        ([FieldMapping("Notes__c", "notes", guard="strict")], [], "inbound_sync_mappings[1]", "guard"),
        ([], [FieldMapping("Notes__c", "notes", guard="loose")], "outbound_sync_mappings[0]", "'loose'"),
        (
            [FieldMapping("Notes__c", "notes", options={"a": "b"})],
            [],
            "inbound_sync_mappings[1]",
            "`options`",
        ),
        (
            [FieldMapping("Notes__c", "notes", policy=Policy.REVIEW)],
            [FieldMapping("Notes__c", "notes", policy=Policy.MERGE)],
            "outbound_sync_mappings[0]",
            "give one for both",
        ),
    ],
)
def test_a_wrong_mapping_is_refused_where_it_is(
    inbound: list[FieldMapping], outbound: list[FieldMapping], where: str, words: str
) -> None:
    (problem,) = refused(inbound, outbound)
    assert problem.where == where
    assert words in problem.message
    mapping = (outbound or inbound)[-1]
    assert mapping.field_name in problem.message
    assert mapping.external_field_name in problem.message


def test_every_problem_is_named_at_once() -> None:
    problems = refused(
        [FieldMapping("Nope__c", "nope"), FieldMapping("Tags__c", "seats")],
        [FieldMapping("Score__c", "seats"), FieldMapping("Phone", "phone_number")],
        phone=False,
        time_zone="Mars/Base",
        fallback_phone_fields=["Nope", "DoNotCall", "MobilePhone", "MobilePhone"],
    )
    assert sorted({problem.where for problem in problems}) == [
        "fallback_phone_fields[0]",
        "fallback_phone_fields[1]",
        "fallback_phone_fields[3]",
        "inbound_sync_mappings",
        "inbound_sync_mappings[0]",
        "inbound_sync_mappings[1]",
        "outbound_sync_mappings[0]",
        "outbound_sync_mappings[1]",
        "time_zone",
    ]
    assert len([problem for problem in problems if problem.where == "inbound_sync_mappings[0]"]) == 2


def test_a_circle_through_different_pairs_is_refused_and_a_two_way_pair_is_not() -> None:
    notes, summary = FieldMapping("Notes__c", "notes"), FieldMapping("More__c", "interaction_summary")
    accepted([notes, summary], [notes, summary])
    (problem,) = refused(
        [notes, summary], [FieldMapping("More__c", "notes"), FieldMapping("Notes__c", "interaction_summary")]
    )
    assert "circle" in problem.message
    assert all(name in problem.message for name in ("notes", "interaction_summary", "Notes__c", "More__c"))


def test_a_chain_through_different_pairs_is_no_circle() -> None:
    accepted(
        [FieldMapping("Notes__c", "notes"), FieldMapping("More__c", "interaction_summary")],
        [FieldMapping("More__c", "notes")],
    )


def test_analysis_mappings_are_checked_against_the_fields() -> None:
    right = [
        AnalysisMapping("lead_qualification_status", "lead_status", UpdateMode.OVERWRITE),
        AnalysisMapping("customer_notes", "interaction_summary", UpdateMode.MERGE),
        AnalysisMapping("call_summary", "interaction_summary", UpdateMode.MERGE),
        AnalysisMapping("wants_no_calls", "do_not_call", UpdateMode.OVERWRITE),
    ]
    assert analysis_mapping_problems(right, FIELDS) == []
    assert merge_fields(right) == {"interaction_summary"}
    wrong = [
        AnalysisMapping("number", "phone_number", UpdateMode.OVERWRITE),
        AnalysisMapping("budget", "seats", UpdateMode.MERGE),
        AnalysisMapping(" ", "notes", UpdateMode.OVERWRITE),
        AnalysisMapping("x", "nope", UpdateMode.OVERWRITE),
        AnalysisMapping("customer_notes", "notes", UpdateMode.MERGE),
        AnalysisMapping("customer_notes", "notes", UpdateMode.OVERWRITE),
    ]
    problems = analysis_mapping_problems(wrong, FIELDS)
    assert [problem.where for problem in problems] == [
        f"crm_analysis_data_mappings[{index}]" for index in (0, 1, 2, 3, 5)
    ]
