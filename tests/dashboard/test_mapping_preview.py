"""The mappings page: suggestions, and the live preview beside the editor."""

from collections.abc import Iterator

import pytest
from tests.dashboard.conftest import Rooms, db_url, pg_server, rooms, template_url
from tests.integration.connecting_support import HUBSPOT

from tieline.domain.fields import FieldSpec
from tieline.domain.values import FieldType
from tieline.flows.connecting import AppInput
from tieline.sandbox import hubspot
from tieline.sandbox.kernel.app import make_app
from tieline.sandbox.kernel.server import LoopbackServer
from tieline.store.config import ConfigUpdate

__all__ = ["db_url", "pg_server", "rooms", "template_url"]


@pytest.fixture
def crm() -> Iterator[str]:
    made = hubspot.create({"rate_limits": False})
    made.seed({"contacts": 3, "seed": 5})
    with LoopbackServer(make_app(made)) as server:
        yield server.url


async def test_the_editor_shows_what_a_mapping_makes_of_live_records(rooms: Rooms, crm: str) -> None:
    fields = [FieldSpec("plan", FieldType.STRING), FieldSpec("score", FieldType.NUMBER)]
    await rooms.tieline.configs.update(rooms.org, ConfigUpdate(custom_fields=fields))
    members = {"type": "crm", "provider": "hubspot", "tenant_url": crm, "auth_config": HUBSPOT.auth,
               "crm_config": HUBSPOT.mappings()}  # fmt: skip
    app = await rooms.tieline.connecting.create(rooms.org, AppInput(members))
    editor = await rooms.visitor("editor@acme.example")
    page = await editor.get(f"/mappings?app={app.app_id}")
    assert "plan → plan" in page.text
    assert "/mappings/preview" in page.text

    asked = f"/mappings/preview?app={app.app_id}&way=in&ours="
    fits = await editor.get(f"{asked}first_name&theirs=firstname")
    assert fits.text.count("<tr>") == 4
    assert "<html" not in fits.text
    wrong = await editor.get(f"{asked}score&theirs=nothing")
    assert "could not be saved like this" in wrong.text
    assert await rooms.tieline.connecting.get(rooms.org, app.app_id) == app

    viewer = await rooms.visitor("viewer@acme.example")
    assert (await viewer.get(f"{asked}first_name&theirs=firstname")).status_code == 403
    stranger = await rooms.visitor("owner@other.example")
    assert (await stranger.get(f"{asked}first_name&theirs=firstname")).status_code == 404
