"""Undo through the API: tried first, done, and itself undone."""

import httpx2


async def _alicia(api: httpx2.AsyncClient) -> str:
    made = await api.post("/create-contact", json={"phone_number": "+14155550123", "first_name": "Alice"})
    contact_id = str(made.json()["contact_id"])
    await api.patch(f"/update-contact/{contact_id}", json={"first_name": "Alicia", "do_not_call": True})
    return contact_id


async def test_the_newest_change_of_a_field_is_tried_undone_and_undone_again(api: httpx2.AsyncClient) -> None:
    contact_id = await _alicia(api)
    path = f"/undo-contact-field/{contact_id}/first_name"
    shown = (await api.post(path, json={"dry_run": True})).json()
    assert shown["run_id"] is None
    assert [(one["was"], one["now"]) for one in shown["undone"]] == [("Alicia", "Alice")]
    assert (await api.get(f"/get-contact/{contact_id}")).json()["first_name"] == "Alicia"
    done = (await api.post(path, json={})).json()
    assert (done["undone"], done["kept"]) == (shown["undone"], [])
    assert (await api.get(f"/get-contact/{contact_id}")).json()["first_name"] == "Alice"
    told = (await api.get(f"/explain-contact-field/{contact_id}/first_name")).json()["entries"][0]
    assert (told["value"], told["reason"]) == ("Alice", "undo of first_name")
    run = (await api.get(f"/get-run/{done['run_id']}")).json()
    assert (run["kind"], run["status"]) == ("undo", "succeeded")
    assert (await api.post(f"/undo-run/{done['run_id']}", json={})).json()["undone_count"] == 1
    assert (await api.get(f"/get-contact/{contact_id}")).json()["first_name"] == "Alicia"


async def test_do_not_call_is_cleared_only_where_that_is_asked_for(api: httpx2.AsyncClient) -> None:
    contact_id = await _alicia(api)
    path = f"/undo-contact-field/{contact_id}/do_not_call"
    left = (await api.post(path, json={})).json()
    assert (left["undone"], left["kept"][0]["field_name"]) == ([], "do_not_call")
    assert "clear_do_not_call" in left["kept"][0]["why"]
    assert (await api.post(path, json={"clear_do_not_call": True})).json()["undone_count"] == 1
    assert not (await api.get(f"/get-contact/{contact_id}")).json().get("do_not_call")


async def test_what_is_not_there_or_changed_nothing_is_refused(api: httpx2.AsyncClient) -> None:
    contact_id = await _alicia(api)
    for path, status in (
        ("/undo-run/run_x", 404),
        ("/undo-conversation/call_x", 404),
        ("/undo-contact-field/contact_x/first_name", 404),
        (f"/undo-contact-field/{contact_id}/last_name", 400),
        (f"/release-contact-field/{contact_id}/first_name", 400),
    ):
        assert (await api.post(path, json={})).status_code == status, path
