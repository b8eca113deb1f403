"""The laws of configuration files: what is exported reads back, plans lead where they say, and secrets stay out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.configurations import documents, plain_json

from tieline.domain.config_file import KEEP, SECTIONS, AppFile, Document, as_data, completed
from tieline.domain.config_file_diff import changes
from tieline.domain.config_file_plan import (
    DeleteApp,
    Facts,
    SaveApp,
    SetFields,
    SetOrganisation,
    carried_out,
    steps,
)
from tieline.domain.config_file_reading import read_document
from tieline.domain.config_file_schema import SCHEMA
from tieline.domain.config_file_secrets import UnresolvedError, by_environment, resolved_app
from tieline.domain.fields import FieldSpec
from tieline.domain.values import FieldType
from tieline.flows.config_file import ConfigFileRefusedError
from tieline.flows.config_text import dump_yaml, load_yaml

DOCS = Path(__file__).resolve().parents[3] / "docs"
_published = jsonschema_rs.validator_for(json.loads((DOCS / "config.schema.json").read_text()))


@given(documents())
def test_what_is_exported_reads_back_the_same_and_obeys_the_published_schema(document: Document) -> None:
    text = dump_yaml(as_data(document))
    data = load_yaml(text)
    assert read_document(data) == document
    assert _published.is_valid(plain_json(data))


@given(documents())
def test_a_plan_of_what_stands_is_empty(document: Document) -> None:
    wanted = completed(document, document)
    assert wanted == document
    assert steps(document, wanted) == ()
    assert changes(document, wanted, Facts()) == []


@given(documents(), documents())
def test_carrying_out_a_plan_gives_what_is_wanted_and_the_next_plan_is_empty(
    present: Document, document: Document
) -> None:
    wanted = completed(document, present)
    todo = steps(present, wanted)
    assert carried_out(present, todo) == wanted
    assert completed(document, wanted) == wanted
    assert bool(todo) == bool(changes(present, wanted, Facts()))


@given(documents(), documents(), st.sets(st.sampled_from(SECTIONS)))
def test_a_section_that_is_left_out_stays(present: Document, document: Document, given_: set[str]) -> None:
    data = {name: value for name, value in as_data(document).items() if name in {*given_, "version"}}
    read = read_document(data)
    assert isinstance(read, Document)
    whole = completed(read, present)
    for name in set(SECTIONS) - given_ - {"linked_app"}:
        assert getattr(whole, name) == getattr(present, name)
    assert whole.linked_app in {None, document.linked_app, present.linked_app}


@given(documents(), documents())
def test_fields_come_before_the_mappings_that_name_them_and_go_after(
    present: Document, wanted: Document
) -> None:
    todo = steps(present, wanted)
    kinds = [
        type(step) for step in todo if isinstance(step, SetFields | DeleteApp | SaveApp | SetOrganisation)
    ]
    assert SetFields not in kinds[1:]
    assert SetOrganisation not in kinds[:-1]
    for step in todo:
        if isinstance(step, SetFields):
            names = {spec.name for spec in step.fields}
            assert names == {spec.name for spec in (*present.fields, *wanted.fields)}


@given(st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)), lambda inner: st.one_of(
    st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*SECTIONS, "version", "name", "provider"]), inner)
), max_leaves=8))  # fmt: skip
def test_whatever_stands_in_a_file_is_taken_or_refused_as_the_published_schema_says(data: Any) -> None:
    read = read_document(data)
    if isinstance(read, Document):
        assert _published.is_valid(data)
    else:
        assert read
        assert all(problem.message for problem in read)


def test_the_published_schema_is_the_one_that_is_checked() -> None:
    assert json.loads((DOCS / "config.schema.json").read_text()) == SCHEMA


def test_every_problem_is_named_at_its_place() -> None:
    found = read_document({
        "version": 1,
        "fields": [{"name": "plan", "type": "text"}],
        "apps": [{"provider": "hubspot", "crm_config": {"brake": {"contacts_changed": {"share": 7}}, "colour": 1}}],
        "colour": "red",
    })  # fmt: skip
    assert isinstance(found, list)
    assert [problem.where for problem in found] == [
        "fields[0].type",
        "apps[0].crm_config.brake.contacts_changed.share",
        "apps[0].crm_config.colour",
        "colour",
    ]


def test_a_secret_that_is_written_out_is_refused_without_being_repeated() -> None:
    auth = {"type": "api_key", "api_key": "pat-of-ours"}
    found = read_document({"version": 1, "apps": [{"provider": "hubspot", "auth": auth}]})
    assert isinstance(found, list)
    (problem,) = found
    assert problem.where == "apps[0].auth.api_key"
    assert "pat-of-ours" not in problem.message


def test_references_are_looked_up_and_a_secret_that_is_the_saved_one_changes_nothing() -> None:
    known = {"type": "api_key", "api_key": "old"}
    app = AppFile("hubspot", auth={"type": "api_key", "api_key": "${env:KEY}"})
    shown, clear = resolved_app(
        app, known, lambda kind, name: "old" if (kind, name) == ("env", "KEY") else None
    )
    assert (shown.auth, clear) == ({"type": "api_key", "api_key": KEEP}, None)
    shown, clear = resolved_app(app, known, lambda kind, name: "new")
    assert (shown.auth, clear) == (app.auth, {"type": "api_key", "api_key": "new"})
    with pytest.raises(UnresolvedError, match="set the environment variable KEY"):
        resolved_app(app, known, lambda kind, name: None)
    with pytest.raises(UnresolvedError, match="no api_key to keep"):
        resolved_app(replace(app, auth={"type": "api_key", "api_key": KEEP}), {}, lambda kind, name: "x")
    kept = replace(app, name="Prod EU", auth={"type": "api_key", "api_key": KEEP})
    (moved,) = by_environment(Document(apps=(kept,))).apps
    assert moved.auth == {"type": "api_key", "api_key": "${env:PROD_EU_API_KEY}"}


def test_options_that_were_settled_stay_unless_the_file_says_others() -> None:
    line = {"external_field_name": "Status", "field_name": "status"}
    settled = {**line, "options": {"new": "New", "won": "Won"}}
    present = Document(apps=(AppFile("hubspot", crm_config={"inbound_sync_mappings": [settled]}),))

    def wanted(**more: Any) -> Any:
        app = AppFile("hubspot", crm_config={"inbound_sync_mappings": [{**line, **more}]})
        (found,) = completed(Document(apps=(app,)), present).apps
        return found.crm_config["inbound_sync_mappings"][0].get("options")

    assert wanted() == wanted(options={"new": "New"}) == settled["options"]
    assert wanted(options={"new": "Open"}) == {"new": "Open"}


def test_a_plan_says_what_a_person_should_know() -> None:
    status = FieldSpec("status", FieldType.ENUM, options=("a", "b"))
    phone = {"external_field_name": "Phone", "field_name": "phone_number"}
    title = {"external_field_name": "Title", "field_name": "title"}
    present = Document(
        fields=(status, FieldSpec("plan", FieldType.STRING)),
        apps=(AppFile("hubspot", crm_config={"inbound_sync_mappings": [phone]}),),
    )
    wanted = Document(
        fields=(replace(status, options=("a", "c")), FieldSpec("title", FieldType.STRING)),
        apps=(
            AppFile("hubspot", crm_config={"inbound_sync_mappings": [phone, title], "default_country": "NO"}),
        ),
    )
    told = [
        (change.action, change.what, *change.details, *change.notes)
        for change in changes(present, wanted, Facts({"plan": 1200}))
    ]
    assert told == [
        ("change", "field status", "option added: c", "option removed: b",
         "Contacts that hold a removed option keep it until their value changes."),
        ("add", "field title (string)"),
        ("remove", "field plan (string)", "Removing it removes its values from 1,200 contacts."),
        ("change", "app hubspot", "+ inbound mapping Title -> title", "default_country: (none) -> NO",
         "All records are read again, because something is read that was not read before."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: 1\na: 2\n", "line 2"),
        ("a: [", "line 1"),
        ("a: !!python/object:os.system x", "line 1"),
        ("\x00", "the file"),
    ],
)
def test_text_that_is_no_yaml_of_ours_is_refused_with_its_place(text: str, where: str) -> None:
    with pytest.raises(ConfigFileRefusedError, match=where):
        load_yaml(text)


def test_only_what_every_reader_takes_for_a_number_is_one() -> None:
    text = "a: NO\nb: 012\nc: 12:30\nd: 2026-01-01\ne: 1.50\nf: yes\ng: 0x1F\nh: true\ni:\n"
    data = load_yaml(text)
    assert data == {
        "a": "NO", "b": 12, "c": "12:30", "d": "2026-01-01", "e": data["e"], "f": "yes", "g": "0x1F", "h": True,
        "i": None,
    }  # fmt: skip
    assert str(data["e"]) == "1.50"
