"""Who gets in, who does not, and what a session and its forms are worth."""

import pytest
from starlette.routing import Route
from tests.dashboard.conftest import PASSWORD, Rooms

from tieline.dashboard.app import ROUTES
from tieline.dashboard.visit import BASE
from tieline.store.members import MemberError, Role


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(rooms: Rooms) -> None:
    visitor = await rooms.visitor()
    answers = [
        await visitor.client.post(f"{BASE}/sign-in", data={"email": email, "password": "wrong password"})
        for email in ("owner@acme.example", "nobody@acme.example")
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].text.replace("owner@", "nobody@") == answers[1].text


async def test_whoever_has_not_signed_in_is_led_to_the_door_and_back_again(rooms: Rooms) -> None:
    visitor = await rooms.visitor()
    away = await visitor.get("/contacts?q=alice")
    assert away.status_code == 303
    assert away.headers["location"].startswith(f"{BASE}/sign-in?next=")
    form = {"email": "viewer@acme.example", "password": PASSWORD, "next": f"{BASE}/contacts?q=alice"}
    back = await visitor.client.post(f"{BASE}/sign-in", data=form)
    assert back.headers["location"] == f"{BASE}/contacts?q=alice"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", f"{BASE}//evil.example", "\\evil"]
)
async def test_signing_in_leads_nowhere_else(rooms: Rooms, target: str) -> None:
    visitor = await rooms.visitor()
    form = {"email": "viewer@acme.example", "password": PASSWORD, "next": target}
    answer = await visitor.client.post(f"{BASE}/sign-in", data=form)
    assert answer.headers["location"] == f"{BASE}/"


async def test_ten_failures_lock_the_door_also_for_the_right_password(rooms: Rooms) -> None:
    for _ in range(10):
        assert await rooms.tieline.members.sign_in("owner@acme.example", "wrong password") is None
    assert await rooms.tieline.members.sign_in("owner@acme.example", PASSWORD) is None
    assert await rooms.tieline.members.sign_in("editor@acme.example", PASSWORD) is not None


async def test_signing_out_ends_the_session(rooms: Rooms) -> None:
    visitor = await rooms.visitor("viewer@acme.example")
    cookies = dict(visitor.client.cookies)
    assert (await visitor.post("/sign-out")).status_code == 303
    visitor.client.cookies.update(cookies)
    assert (await visitor.get("/contacts")).status_code == 303


async def test_a_form_without_the_sessions_token_changes_nothing(rooms: Rooms) -> None:
    editor = await rooms.visitor("editor@acme.example")
    other = await rooms.visitor("owner@acme.example")
    for token in ("", other.csrf):
        editor_form = {"_csrf": token, "phone_number": "+14155550100"}
        answer = await editor.client.post(f"{BASE}/contacts/new", data=editor_form)
        assert answer.status_code == 403
    evil = {"origin": "https://evil.example"}
    form = {"_csrf": editor.csrf, "phone_number": "+14155550100"}
    assert (await editor.client.post(f"{BASE}/contacts/new", data=form, headers=evil)).status_code == 403
    assert await rooms.tieline.contacts.by_phone(rooms.org, "+14155550100") is None


async def test_a_viewer_sees_and_changes_nothing_and_only_an_owner_sees_the_settings(rooms: Rooms) -> None:
    viewer = await rooms.visitor("viewer@acme.example")
    assert (await viewer.get("/contacts")).status_code == 200
    assert (await viewer.post("/contacts/new", phone_number="+14155550100")).status_code == 403
    assert (await viewer.get("/settings")).status_code == 403
    editor = await rooms.visitor("editor@acme.example")
    assert (await editor.post("/contacts/new", phone_number="+14155550100")).status_code == 303
    assert (await editor.post("/settings/keys", name="mine")).status_code == 403
    assert await rooms.tieline.accounts.keys(rooms.org) == []


async def test_no_page_but_the_door_answers_a_stranger(rooms: Rooms) -> None:
    visitor = await rooms.visitor()
    paths = {route.path for route in ROUTES if isinstance(route, Route) and "GET" in (route.methods or ())}
    assert len(paths) > 10
    for path in paths - {"/sign-in"}:
        answer = await visitor.get(
            path.replace("{conversation_id:path}", "x").replace("{", "").replace("}", "")
        )
        assert answer.status_code == 303, path
        assert "/sign-in" in answer.headers["location"]


async def test_the_last_owner_stays(rooms: Rooms) -> None:
    owner = next(m for m in await rooms.tieline.members.all(rooms.org) if m.role is Role.OWNER)
    with pytest.raises(MemberError, match="last owner"):
        await rooms.tieline.members.remove(rooms.org, owner.member_id)
    with pytest.raises(MemberError, match="last owner"):
        await rooms.tieline.members.set_role(rooms.org, owner.member_id, Role.VIEWER)


async def test_every_answer_forbids_what_is_not_ours(rooms: Rooms) -> None:
    visitor = await rooms.visitor("viewer@acme.example")
    for path in ("/", "/sign-in", "/static/tieline.css", "/nowhere"):
        answer = await visitor.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    page = (await visitor.get("/")).text
    assert "http://" not in page
    assert "https://" not in page
    assert " style=" not in page
    assert "<script>" not in page
