"""Which mappings become pairs, by which policy, and which are refused."""

from collections.abc import Sequence
from typing import Any

import pytest

from tieline.domain.crm_schema import CrmField, CrmKind, CrmOption, CrmSchema
from tieline.domain.fields import BUILTIN_FIELDS, FieldSpec
from tieline.domain.mapping import FieldMapping, MappingSet, Policy, Problem, build_mapping_set
from tieline.domain.values import FieldType

STRING, NUMBER, BOOLEAN = FieldType.STRING, FieldType.NUMBER, FieldType.BOOLEAN
DATE, DATETIME, ENUM = FieldType.DATE, FieldType.DATETIME, FieldType.ENUM
_NEW_YORK = "America/New_York"

STATUS_FIELD = FieldSpec("lead_status", ENUM, options=("New", "Qualified", "Lost"))
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
