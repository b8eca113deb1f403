"""What the integration user may not do, field by field, in sentences that say what to ask for."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.crm_schema import CrmField, CrmKind, CrmSchema
from tieline.domain.permissions import Needs, field_permission_problems, needs_of


def line(theirs: str, ours: str) -> dict[str, str]:
    return {"external_field_name": theirs, "field_name": ours}


CONFIG = {
    "inbound_sync_mappings": [line("Phone", "phone_number"), line("Plan", "plan"), line("Status", "status")],
    "outbound_sync_mappings": [line("Status", "status"), line("Score", "score"), line("Total", "total")],
}


def crm(name: str, **more: bool) -> CrmField:
    return replace(CrmField(name, name, CrmKind.STRING), **more)  # type: ignore[arg-type]


def test_each_field_is_told_once_with_what_to_ask_for() -> None:
    fields = (
        crm("Phone", createable=False), crm("Status", updateable=False), crm("Score", createable=False),
        crm("Total", calculated=True, updateable=False, createable=False),
    )  # fmt: skip
    schema = CrmSchema({one.name: one for one in fields})
    edit = "ask for edit permission on it for the integration user."
    told = [
        "Cannot see Plan: ask for read permission on it for the integration user, if it still exists.",
        f"Cannot edit Status: {edit}",
        "Cannot edit Total: the CRM calculates it. Map it inbound only.",
    ]
    assert field_permission_problems(CONFIG, schema) == told
    creating = [f"Cannot set Score on new records: {edit}", f"Cannot set Phone on new records: {edit}"]
    assert field_permission_problems({**CONFIG, "sync_new_contacts": True}, schema) == [*told, *creating]


@given(st.sets(st.sampled_from(["Phone", "Plan", "Status", "Score", "Total", "Other"])))
def test_a_user_who_may_do_everything_with_all_that_is_mapped_misses_nothing(shown: set[str]) -> None:
    found = field_permission_problems(CONFIG, CrmSchema({name: crm(name) for name in shown}))
    hidden = {"Phone", "Plan", "Status", "Score", "Total"} - shown
    assert {text.split()[2].rstrip(":") for text in found} == hidden
    assert all(text.startswith("Cannot see ") for text in found)


def test_needs_are_what_the_configuration_asks_for() -> None:
    assert needs_of({}) == Needs()
    config = {"sync_conversation_activity": True, "outbound_sync_mappings": [line("Score", "score")]}
    assert needs_of(config) == Needs(edits=True, logs=True)
