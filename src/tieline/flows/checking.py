"""What saving an app would come to, found out without saving it: its form, its mappings, and its CRM's own word.

Asks the CRM, read-only. This module must never write to the store, but for a token that a saved app had to renew.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, TypeVar

from tieline.domain.crm_schema import CrmSchema
from tieline.domain.fields import Problem
from tieline.domain.permissions import field_permission_problems, needs_of
from tieline.flows.app_checks import AppRefusedError, judged
from tieline.flows.app_forms import AppInput, form_problems, with_members
from tieline.flows.tenancy import Tenancy, TenantMismatchError
from tieline.flows.trial import HeldToken, NotReached, Outcome, look
from tieline.ports.clock import Clock, Ids
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.connections import AppStore, Connectors, SessionFactory
from tieline.ports.crm import CrmSession, Identity
from tieline.ports.errors import CrmError, TransientError

T = TypeVar("T")
NO_CREDENTIALS: Final = "No credentials were given yet; set auth_config."


@dataclass(frozen=True, slots=True)
class AppChecking:
    """The look before saving. `look_for_s` is how long a CRM may take to answer, in seconds."""

    apps: AppStore
    connectors: Connectors
    sessions: SessionFactory
    clock: Clock
    ids: Ids
    tenancy: Tenancy
    sandbox_mode: bool
    look_for_s: float

    async def check(
        self, org_id: str, app_id: str | None, given: AppInput, org: OrgConfig
    ) -> tuple[AppConfig, Outcome]:
        """What the app would become (None: a new one) with these contact fields, and what its CRM said.

        Raises AppRefusedError, LookupError.
        """
        members = given.members
        if app_id is None:
            kind, provider = str(members.get("type")), str(members.get("provider"))
            present = AppConfig(org_id, self.ids.new("app"), kind, provider)
        else:
            present = await self.apps.get(org_id, app_id)
        problems = form_problems(
            members, present.provider, present.type, self.connectors, sandbox_mode=self.sandbox_mode, new=app_id is None
        )  # fmt: skip
        if problems:
            raise AppRefusedError(problems)
        outcome = await self._look(present, with_members(present, members), given, saved=app_id is not None)
        return judged(with_members(present, members), org, outcome, self.clock.now()), outcome

    async def open(self, org_id: str, app_id: str) -> tuple[AppConfig, CrmSession]:
        """A saved app and a connection to its CRM. Raises AppRefusedError without credentials, LookupError."""
        app = await self.apps.get(org_id, app_id)
        auth = await self.apps.credentials(org_id, app_id)
        if not auth:
            raise AppRefusedError([Problem("auth_config", NO_CREDENTIALS)])
        tokens = HeldToken(self.apps.tokens(org_id, app_id))
        guard = self.tenancy.guard(org_id, app_id) if app.tenant_id else _anybody
        return app, self.sessions(app, auth, tokens=tokens, on_identity=guard)

    async def in_time(self, asked: Awaitable[T]) -> T:
        """What a CRM answers, if it does so in time. Raises TransientError else."""
        try:
            async with asyncio.timeout(self.look_for_s):
                return await asked
        except TimeoutError:
            raise TransientError(f"The CRM did not answer within {self.look_for_s:g} s.") from None

    async def missing_permissions(self, app: AppConfig, schema: CrmSchema) -> tuple[str, ...]:
        """What the connected user may not do though the app's configuration asks for it, as sentences."""
        of_fields = field_permission_problems(app.crm_config, schema)
        _, session = await self.open(app.org_id, app.app_id)
        asked = session.connector.permission_problems(needs_of(app.crm_config))
        try:
            of_objects = await self.in_time(session.run(asked))
        except (CrmError, TenantMismatchError):
            of_objects = ()  # the look itself has told what is wrong with the connection
        return (*of_objects, *of_fields)

    async def _look(self, present: AppConfig, app: AppConfig, given: AppInput, *, saved: bool) -> Outcome:
        auth = given.members.get("auth_config")
        tokens = HeldToken()
        if auth is None and saved:
            auth = await self.apps.credentials(app.org_id, app.app_id)
            if present.tenant_url == app.tenant_url:
                tokens = HeldToken(self.apps.tokens(app.org_id, app.app_id))
        if not auth:
            return NotReached("not_connected", NO_CREDENTIALS)
        return await look(self.sessions, app, auth, tokens, self.look_for_s)


async def _anybody(identity: Identity) -> None:
    """Before the first authentication of a saved app any tenant will do for a look."""
