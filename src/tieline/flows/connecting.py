"""Connecting a CRM: an app is created, changed, tried, checked again, switched to another tenant, deleted.

Saving with credentials looks at the CRM first, outside of any transaction; then everything is saved in one, or
nothing is. This module must never save mappings that it knows to be wrong, nor return or log a credential.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tieline.domain.changeset import IssueNote
from tieline.domain.crm_schema import CrmSchema
from tieline.domain.mapping_changes import compare
from tieline.flows.app_checks import AppRefusedError, judged, judged_again
from tieline.flows.app_forms import AppInput as AppInput
from tieline.flows.app_forms import form_problems, same_connection, with_members
from tieline.flows.checking import NO_CREDENTIALS, AppChecking
from tieline.flows.tenancy import Tenancy, over_tenant, tenant_cause, tenant_issue
from tieline.flows.trial import LOOK_FOR_S, HeldToken, NotReached, OtherTenant, Outcome, Reached, look
from tieline.ports.clock import Clock, Ids
from tieline.ports.config import AppConfig
from tieline.ports.connections import AppChange, AppStore, Connectors, SessionFactory
from tieline.ports.crm import Token
from tieline.ports.errors import ConflictError

MAX_APPS_PER_PROVIDER: Final = 20
_TRIES: Final = 3


class TooManyAppsError(Exception):
    """The organisation has as many apps of this provider as it may have."""


@dataclass(frozen=True, slots=True)
class AuthTest:
    """Whether the credentials work now, and if not, why. `permissions` is what the connected user may not do."""

    success: bool
    message: str = ""
    permissions: tuple[str, ...] = ()


class Connecting:
    """The flow. One instance serves all organisations."""

    def __init__(
        self,
        apps: AppStore,
        connectors: Connectors,
        sessions: SessionFactory,
        clock: Clock,
        ids: Ids,
        *,
        sandbox_mode: bool,
        look_for_s: float = LOOK_FOR_S,
    ) -> None:
        self.tenancy = Tenancy(apps)
        self.checking = AppChecking(
            apps,
            connectors,
            sessions,
            clock,
            ids,
            self.tenancy,
            sandbox_mode=sandbox_mode,
            look_for_s=look_for_s,
        )
        self._apps = apps
        self._connectors = connectors
        self._sessions = sessions
        self._clock = clock
        self._ids = ids
        self._sandbox_mode = sandbox_mode
        self._look_for_s = look_for_s

    async def get(self, org_id: str, app_id: str) -> AppConfig:
        """One app. Raises LookupError."""
        return await self._apps.get(org_id, app_id)

    async def apps(self, org_id: str) -> list[AppConfig]:
        """All apps of an organisation, the oldest first."""
        return list(await self._apps.of_organisation(org_id))

    async def create(self, org_id: str, given: AppInput) -> AppConfig:
        """A new app, which syncs nothing before it is linked. Raises AppRefusedError, TooManyAppsError."""
        kind, provider = str(given.members.get("type")), str(given.members.get("provider"))
        self._refuse_form(given.members, provider, kind, new=True)
        app = with_members(AppConfig(org_id, self._ids.new("app"), kind, provider), given.members)
        _refuse_too_many(app, await self.apps(org_id))
        return await self._checked_and_saved(None, app, given.members.get("auth_config"))

    async def update(self, org_id: str, app_id: str, given: AppInput) -> AppConfig:
        """The app after a partial update. New credentials or another tenant URL make a new token be fetched.

        Raises AppRefusedError, ConflictError when others go on changing it, LookupError.
        """
        for attempt in range(_TRIES):
            present = await self._apps.get(org_id, app_id)
            self._refuse_form(given.members, present.provider, present.type, new=False)
            app = with_members(present, given.members)
            auth = given.members.get("auth_config")
            try:
                if auth is None and same_connection(present, app):
                    return await self._saved(present, app, None, None)
                return await self._checked_and_saved(present, app, auth)
            except ConflictError:
                if attempt + 1 == _TRIES:
                    raise
        raise AssertionError("unreachable")

    async def delete(self, org_id: str, app_id: str) -> None:
        """Takes an app out of use. Contacts, links and history stay. Raises LookupError."""
        await self._apps.get(org_id, app_id)
        async with self._apps.change(org_id, app_id, fence=True) as change:
            if change.app is not None:
                await change.delete()

    async def test_auth(self, org_id: str, app_id: str) -> AuthTest:
        """Authenticates anew, and completes what saving had to leave unchecked. Raises LookupError."""
        app, outcome = await self._look_again(org_id, app_id, fresh=True)
        match outcome:
            case None:
                return AuthTest(False, NO_CREDENTIALS)
            case Reached(schema=schema):
                # Mappings that turn out wrong are no fault of the credentials, nor is a permission that is missing.
                missing = await self.checking.missing_permissions(app, schema)
                return AuthTest(True, " ".join([app.status_reason or "", *missing]).strip(), missing)
            case NotReached(status="connected"):
                return AuthTest(True, app.status_reason or "")
            case NotReached(reason=reason) | OtherTenant(reason):
                return AuthTest(False, reason)

    async def recheck(self, org_id: str, app_id: str) -> AppConfig:
        """Completes an app that was saved while its CRM could not be reached; else changes nothing.

        Raises LookupError.
        """
        app = await self._apps.get(org_id, app_id)
        if app.may_run or over_tenant(app):
            return app
        checked, _ = await self._look_again(org_id, app_id)
        return checked

    async def confirm_tenant_switch(self, org_id: str, app_id: str) -> AppConfig:
        """Gives up the former tenant and connects to the one of the credentials.

        Raises NoSwitchError, LookupError.
        """
        await self.tenancy.leave(org_id, app_id)
        return await self.recheck(org_id, app_id)

    async def read_schema(self, org_id: str, app_id: str) -> tuple[AppConfig, CrmSchema]:
        """The live schema. Raises the errors of ports.errors, TenantMismatchError, AppRefusedError, LookupError."""
        app, session = await self.checking.open(org_id, app_id)
        return app, await self.checking.in_time(session.run(session.connector.describe()))

    def _refuse_form(self, members: Mapping[str, Any], provider: str, kind: str, *, new: bool) -> None:
        problems = form_problems(
            members, provider, kind, self._connectors, sandbox_mode=self._sandbox_mode, new=new
        )
        if problems:
            raise AppRefusedError(problems)

    # Looking and saving

    async def _checked_and_saved(
        self, present: AppConfig | None, app: AppConfig, auth: Mapping[str, str] | None
    ) -> AppConfig:
        """Looks at the CRM where there are credentials, and saves what the app becomes by it."""
        same_credentials = present is not None and auth is None and present.tenant_url == app.tenant_url
        if present is not None and not same_credentials and app.connection_status == "error":
            app = replace(app, stopped_reason=None)
        known = auth
        if present is not None and auth is None:
            known = await self._apps.credentials(app.org_id, app.app_id)
        outcome: Outcome = NotReached("not_connected", NO_CREDENTIALS)
        if known:
            tokens = HeldToken(self._apps.tokens(app.org_id, app.app_id) if same_credentials else None)
            outcome = await look(self._sessions, app, known, tokens, self._look_for_s)
        return await self._saved(present, app, auth, outcome)

    async def _saved(
        self,
        present: AppConfig | None,
        wanted: AppConfig,
        auth: Mapping[str, str] | None,
        outcome: Outcome | None,
    ) -> AppConfig:
        """One transaction; ConflictError if the app is not as it was when this began."""
        fence = present is not None and outcome is not None
        async with self._apps.change(wanted.org_id, wanted.app_id, fence=fence) as change:
            _refuse_overtaken(present, change.app)
            if present is None:
                _refuse_too_many(wanted, await change.apps())
            app = wanted
            if outcome is not None:
                app = judged(wanted, change.config, outcome, self._clock.now())
            token = outcome.token if isinstance(outcome, Reached | NotReached) else None
            await self._write(change, present, app, auth, token, by_person=True)
        return await self._apps.get(app.org_id, app.app_id)

    async def _look_again(
        self, org_id: str, app_id: str, *, fresh: bool = False
    ) -> tuple[AppConfig, Outcome | None]:
        """Tries a saved app's credentials, and checks its mappings where that is still to be done."""
        app = await self._apps.get(org_id, app_id)
        auth = await self._apps.credentials(org_id, app_id)
        if not auth:
            return app, None
        tokens = HeldToken(self._apps.tokens(org_id, app_id), fresh=fresh)
        outcome = await look(self._sessions, app, auth, tokens, self._look_for_s)
        fence = isinstance(outcome, OtherTenant) or not app.may_run
        async with self._apps.change(org_id, app_id, fence=fence) as change:
            if change.app is None or not _unchanged(app, change.app):
                # Whoever changed it meanwhile has looked as well.
                return change.app or app, outcome
            found, problems = judged_again(app, change.config, outcome, self._clock.now())
            if found != change.app:
                await self._write(change, app, found, None, None, by_person=False)
            if problems:
                await change.open_issue(_mapping_issue(app, problems))
        return await self._apps.get(org_id, app_id), outcome

    async def _write(
        self,
        change: AppChange,
        before: AppConfig | None,
        app: AppConfig,
        auth: Mapping[str, str] | None,
        token: Token | None,
        *,
        by_person: bool,
    ) -> None:
        """Saves the app and what its new mappings mean for links and reads."""
        await change.save(app, auth, token, by_person=by_person)
        if over_tenant(app) and app.stopped_reason is not None:
            await change.open_issue(tenant_issue(app, app.stopped_reason))
        else:
            await change.close_issue(tenant_cause(app.app_id))
        if app.mappings_checked:
            await change.close_issue(_mapping_cause(app))
        if not app.tenant_key:
            return
        await change.take_over_issues(app.tenant_key)
        former, shared = await change.former_config(app.tenant_key)
        if before is not None and before.tenant_key == app.tenant_key:
            former = before.crm_config
        linked = change.config.app_id == app.app_id
        difference = compare(former, app.crm_config)
        if difference:
            await change.change_mappings(app.tenant_key, difference, shared=shared and not linked)
        became_ready = before is None or not before.mappings_checked
        if linked and app.may_run and (difference.must_read or became_ready):
            await change.read_all_again()


def _refuse_too_many(app: AppConfig, present: Sequence[AppConfig]) -> None:
    if sum(other.provider == app.provider for other in present) >= MAX_APPS_PER_PROVIDER:
        raise TooManyAppsError(
            f"There are {MAX_APPS_PER_PROVIDER} {app.provider} apps already; delete one that is not needed."
        )


def _unchanged(before: AppConfig, now: AppConfig) -> bool:
    """The schedule moves an app's next sync at any time; that is no change."""
    return replace(before, next_sync_at=None) == replace(now, next_sync_at=None)


def _refuse_overtaken(before: AppConfig | None, now: AppConfig | None) -> None:
    if before is None and now is None:
        return
    if before is None or now is None or not _unchanged(before, now):
        raise ConflictError("the app was changed meanwhile")


def _mapping_cause(app: AppConfig) -> str:
    return f"mappings:{app.app_id}"


def _mapping_issue(app: AppConfig, said: str) -> IssueNote:
    return IssueNote(_mapping_cause(app), "mappings_refused", said, severity="error")
