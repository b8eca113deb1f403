"""The dashboard on a database of the test's own, and visitors who sign in to it like browsers do."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.integration.conftest import db_url, pg_server, template_url
from tests.support import RecordedQueue

from tieline.bootstrap import Tieline, wire
from tieline.config import Settings
from tieline.dashboard.app import create_dashboard
from tieline.dashboard.visit import BASE
from tieline.domain.changeset import SourceKind
from tieline.flows.editing import Edit, Editor
from tieline.store.members import Members, Role
from tieline.store.pool import make_pool
from tieline.store.secrets import Secrets, new_key

__all__ = ["db_url", "pg_server", "template_url"]
PASSWORD = "correct horse battery"


@dataclass
class Visitor:
    """A browser without scripts: it keeps cookies, reads the form's token off the page, and follows nothing."""

    client: httpx2.AsyncClient
    csrf: str = field(default="", repr=False)

    async def sign_in(self, email: str) -> None:
        """Signs in, and learns the token of the session's forms."""
        form = {"email": email, "password": PASSWORD}
        answer = await self.client.post(f"{BASE}/sign-in", data=form)
        assert answer.status_code == 303, answer.text
        page = await self.get("/contacts")
        self.csrf = re.findall(r'name="_csrf" value="(\w+)"', page.text)[0]

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        """A page."""
        return await self.client.get(BASE + path, headers=headers)

    async def post(self, path: str, **form: str) -> httpx2.Response:
        """A form of ours, sent."""
        return await self.client.post(BASE + path, data={"_csrf": self.csrf, **form})


@dataclass
class Rooms:
    """A Tieline with two organisations, and visitors of both."""

    tieline: Tieline
    org: str
    other: str
    app: Starlette

    async def visitor(self, email: str | None = None) -> Visitor:
        """Somebody with a browser of their own, signed in if an address is given."""
        transport = httpx2.ASGITransport(app=self.app)
        visitor = Visitor(httpx2.AsyncClient(transport=transport, base_url="http://tieline"))
        if email:
            await visitor.sign_in(email)
        return visitor

    async def contact(self, number: str, org: str | None = None, **values: str) -> str:
        """A contact, made by a person."""
        org_id = org or self.org
        config = await self.tieline.configs.get(org_id)
        editor = Editor(SourceKind.PERSON, "somebody")
        return await self.tieline.editing.create(org_id, config, number, Edit(values), editor)


@pytest.fixture
async def rooms(db_url: str) -> AsyncIterator[Rooms]:
    async with make_pool(db_url, max_size=4) as pool, httpx2.AsyncClient() as http:
        async with pool.connection() as connection:
            await connection.execute("create table test_wakes (wake jsonb)")
        settings = Settings(sandbox_mode=True)
        wired = wire(settings, db_url, pool, http, Secrets.from_text(new_key()), RecordedQueue())
        # A password costs nothing here, or it would be most of what these tests do.
        tieline = replace(wired, members=Members(pool, wired.clock, wired.ids, cost=2**4))
        org = (await tieline.accounts.create_organisation("Acme")).org_id
        other = (await tieline.accounts.create_organisation("Other")).org_id
        for role in Role:
            await tieline.members.add(org, f"{role.value}@acme.example", PASSWORD, role)
        await tieline.members.add(other, "owner@other.example", PASSWORD, Role.OWNER)
        app = Starlette(routes=[Mount(BASE, create_dashboard(tieline))])
        yield Rooms(tieline, org, other, app)
