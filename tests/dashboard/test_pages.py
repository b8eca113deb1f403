"""What the pages show and do, read as a browser without scripts reads them."""

from tests.dashboard.conftest import Rooms

from tieline.domain.changeset import SourceKind
from tieline.domain.fields import FieldSpec
from tieline.domain.values import FieldType
from tieline.flows.editing import Edit, Editor
from tieline.store.config import ConfigUpdate

HOSTILE = "<script>alert(1)</script>"


async def test_every_page_of_an_empty_installation_says_what_to_do(rooms: Rooms) -> None:
    owner = await rooms.visitor("owner@acme.example")
    expected = {
        "/": "Connect a CRM", "/contacts": "No contacts yet", "/conversations": "No conversations yet",
        "/connections": "No CRM is connected yet", "/mappings": "Connect a CRM first", "/runs": "No runs yet",
        "/review": "Nothing needs you", "/brakes": "Nothing was stopped", "/settings": "No key yet",
        "/fields": "New field",
        "/connections/new/salesforce": "External Client App Manager", "/connections/new/hubspot": "access token",
    }  # fmt: skip
    for path, words in expected.items():
        page = await owner.get(path)
        assert page.status_code == 200, path
        assert words in page.text, path


async def test_another_organisations_things_are_not_there(rooms: Rooms) -> None:
    theirs = await rooms.contact("+14155550177", rooms.other, first_name="Secret")
    owner = await rooms.visitor("owner@acme.example")
    assert "Secret" not in (await owner.get("/contacts")).text
    assert (await owner.get("/palette?q=Secret")).json() == []
    for path in (f"/contacts/{theirs}", f"/contacts/{theirs}/edit", f"/contacts/{theirs}/fields/first_name"):
        assert (await owner.get(path)).status_code == 404
    assert (await owner.post(f"/contacts/{theirs}/edit", **{"is:first_name": "x"})).status_code == 404


async def test_what_somebody_called_themselves_is_text_and_never_markup(rooms: Rooms) -> None:
    contact = await rooms.contact("+14155550100", first_name=HOSTILE)
    owner = await rooms.visitor("owner@acme.example")
    for path in ("/contacts", f"/contacts/{contact}", f"/contacts/{contact}/edit", f"/contacts?q={HOSTILE}"):
        page = (await owner.get(path)).text
        assert HOSTILE not in page, path


async def test_the_list_pages_by_key_and_searches(rooms: Rooms) -> None:
    for place in range(55):
        await rooms.contact(f"+141555501{place:02}", first_name=f"Person{place:02}")
    viewer = await rooms.visitor("viewer@acme.example")
    first = (await viewer.get("/contacts")).text
    following = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].removeprefix("/dashboard")
    second = (await viewer.get(following.replace("&amp;", "&"))).text
    seen = [f"Person{place:02}" for place in range(55) if f">Person{place:02}<" in first + second]
    assert len(seen) == 55
    found = (await viewer.get("/contacts?q=Person07", **{"hx-request": "true"})).text
    assert found.count("<tr data-href") == 1
    assert "<html" not in found


async def test_an_edit_changes_what_was_changed_and_the_page_says_who_did_it(rooms: Rooms) -> None:
    plan = FieldSpec("plan", FieldType.STRING, "Plan")
    seats = FieldSpec("seats", FieldType.NUMBER, "Seats")
    await rooms.tieline.configs.update(rooms.org, ConfigUpdate(custom_fields=[plan, seats]))
    contact = await rooms.contact("+14155550100", first_name="Alice")
    editor = await rooms.visitor("editor@acme.example")
    form = {"was:first_name": "Alice", "is:first_name": "Alice", "was:plan": "", "is:plan": "Pro", "was:seats": "",
            "is:seats": "12.5"}  # fmt: skip
    # Meanwhile somebody else calls her Alicia: what the form did not change must not put it back.
    config = await rooms.tieline.configs.get(rooms.org)
    other = Editor(SourceKind.API, "key")
    await rooms.tieline.editing.update(rooms.org, config, contact, Edit({"first_name": "Alicia"}), other)
    assert (await editor.post(f"/contacts/{contact}/edit", **form)).status_code == 303
    kept = await rooms.tieline.contacts.get(rooms.org, contact)
    assert kept is not None
    assert (kept.first_name, dict(kept.custom_fields)) == ("Alicia", {"plan": "Pro", "seats": 12.5})
    page = (await editor.get(f"/contacts/{contact}/fields/plan")).text
    assert "an edit by editor@acme.example" in page


async def test_an_edit_that_does_not_fit_is_refused_whole_and_loses_nothing(rooms: Rooms) -> None:
    seats = FieldSpec("seats", FieldType.NUMBER, "Seats")
    await rooms.tieline.configs.update(rooms.org, ConfigUpdate(custom_fields=[seats]))
    contact = await rooms.contact("+14155550100", first_name="Alice")
    editor = await rooms.visitor("editor@acme.example")
    form = {"was:first_name": "Alice", "is:first_name": "Bob", "was:seats": "", "is:seats": "a dozen"}
    answer = await editor.post(f"/contacts/{contact}/edit", **form)
    assert answer.status_code == 422
    assert "seats" in answer.text
    assert 'value="a dozen"' in answer.text
    assert 'value="Bob"' in answer.text
    kept = await rooms.tieline.contacts.get(rooms.org, contact)
    assert kept is not None
    assert kept.first_name == "Alice"


async def test_a_keys_text_is_shown_once(rooms: Rooms) -> None:
    owner = await rooms.visitor("owner@acme.example")
    made = (await owner.post("/settings/keys", name="robot")).text
    text = made.split('id="new-key">')[1].split("<")[0]
    key = await rooms.tieline.accounts.key_of(text)
    assert key is not None
    assert key.org_id == rooms.org
    again = (await owner.get("/settings")).text
    assert "robot" in again
    assert text not in again


async def test_fields_are_made_changed_and_removed(rooms: Rooms) -> None:
    editor = await rooms.visitor("editor@acme.example")
    await editor.post("/fields", name="stage", type="enum", label="Stage", options="New\nWon", description="")
    assert (await editor.post("/fields", name="Bad Name", type="string")).status_code == 422
    await editor.post("/fields", do="change", name="stage", label="Phase", options="New\nWon\nLost")
    (stage,) = (await rooms.tieline.configs.get(rooms.org)).custom_fields
    assert (stage.label, stage.options) == ("Phase", ("New", "Won", "Lost"))
    await editor.post("/fields/remove", name="stage")
    assert (await rooms.tieline.configs.get(rooms.org)).custom_fields == ()


async def test_every_kind_of_issue_can_be_read_and_decided(rooms: Rooms) -> None:
    contact = await rooms.contact("+14155550100", first_name="Alice")
    kinds = (
        "conflict",
        "shared_number",
        "merge_proposed",
        "low_confidence",
        "contradiction",
        "brake",
        "write_refused",
    )
    async with rooms.tieline.pool.connection() as connection:
        for kind in kinds:
            await connection.execute(
                "insert into issue (org_id, issue_id, cause, kind, message, contact_id, field_name, raw)"
                " values (%s, %s, %s, %s, 'What happened.', %s, 'first_name', '\"Alicia\"')",
                (rooms.org, f"issue_{kind}", kind, kind, contact),
            )
    editor = await rooms.visitor("editor@acme.example")
    assert (await editor.get("/review")).text.count("What happened.") == len(kinds)
    for kind in kinds:
        page = (await editor.get(f"/review/issue_{kind}")).text
        assert "Leave it as it is" in page, kind
        gone = await editor.post(f"/review/issue_{kind}", choice="dismiss")
        assert gone.status_code == 303, kind
    assert await rooms.tieline.issues.counts(rooms.org) == {}
    refused = await editor.post("/review/issue_conflict", choice="nonsense")
    assert refused.status_code == 422


async def test_a_change_is_undone_after_a_look_at_what_would_come_of_it(rooms: Rooms) -> None:
    contact = await rooms.contact("+14155550100", first_name="Alice")
    editor = await rooms.visitor("editor@acme.example")
    await editor.post(f"/contacts/{contact}/edit", **{"was:first_name": "Alice", "is:first_name": "Alicia"})
    assert "/undo?contact=" in (await editor.get(f"/contacts/{contact}/fields/first_name")).text
    shown = (await editor.get(f"/undo?contact={contact}&field=first_name")).text
    assert "Alicia" in shown
    assert ">Alice<" in shown
    kept = await rooms.tieline.contacts.get(rooms.org, contact)
    assert kept is not None
    assert kept.first_name == "Alicia"
    done = await editor.post("/undo", contact=contact, field="first_name")
    assert done.status_code == 303, done.text
    kept = await rooms.tieline.contacts.get(rooms.org, contact)
    assert kept is not None
    assert kept.first_name == "Alice"
    viewer = await rooms.visitor("viewer@acme.example")
    assert (await viewer.post("/undo", contact=contact, field="first_name")).status_code == 403
    assert (await editor.get("/undo?run=run_nowhere")).status_code == 409
    assert (await editor.get("/undo")).status_code == 422
