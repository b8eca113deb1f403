"""The tenant check: an app belongs to the CRM tenant that it was first authenticated with.

A token of another tenant stops the app before anything is read or written, until a person confirms the switch. This
module must never let a session go on whose tenant is not the recorded one.
"""

from dataclasses import replace
from typing import Final

from tieline.domain.changeset import IssueNote
from tieline.ports.config import AppConfig
from tieline.ports.connections import AppStore
from tieline.ports.crm import Identity
from tieline.ports.session import OnIdentity

STOPPED_OVER_TENANT: Final = "Another CRM tenant: "
"""How the stopped_reason of an app begins that waits for the switch to be confirmed or undone."""


class TenantMismatchError(Exception):
    """The credentials are of another CRM tenant than the app's. Nothing was read or written; only a person helps."""


class NoSwitchError(Exception):
    """There is no switch of tenants to confirm."""


def tenant_cause(app_id: str) -> str:
    """What makes two issues about an app's tenant the same one."""
    return f"tenant:{app_id}"


def mismatch(app: AppConfig, identity: Identity) -> str | None:
    """Why this identity must not be used for the app, or None."""
    if app.tenant_id is None or app.tenant_id == identity.tenant_id:
        return None
    return (
        f"{STOPPED_OVER_TENANT}the credentials are of {identity.tenant_id}, but this app has been connected to"
        f" {app.tenant_id}. Nothing is read or written. Give credentials of {app.tenant_id}, or confirm the switch,"
        " which closes all links to the former tenant."
    )


def stopped(app: AppConfig, reason: str) -> AppConfig:
    """The app as it waits for a person."""
    return replace(app, connection_status="error", status_reason=reason, stopped_reason=reason)


def tenant_issue(app: AppConfig, reason: str) -> IssueNote:
    """The one issue about it."""
    return IssueNote(tenant_cause(app.app_id), "tenant_mismatch", reason, severity="error")


def over_tenant(app: AppConfig) -> bool:
    """Whether the app was stopped because of another tenant."""
    return app.stopped_reason is not None and app.stopped_reason.startswith(STOPPED_OVER_TENANT)


class Tenancy:
    """Guards sessions, and switches tenants when a person says so."""

    def __init__(self, apps: AppStore) -> None:
        self._apps = apps

    def guard(self, org_id: str, app_id: str) -> OnIdentity:
        """What a session tells whose token it has. Raises TenantMismatchError for another tenant's."""

        async def on_identity(identity: Identity) -> None:
            await self.check(org_id, app_id, identity)

        return on_identity

    async def check(self, org_id: str, app_id: str, identity: Identity) -> None:
        """Records the first identity; stops the app at one of another tenant and raises TenantMismatchError."""
        recorded = await self._apps.claim_tenant(org_id, app_id, identity)
        if recorded == identity.tenant_id:
            return
        reason: str | None = f"The app {app_id} was deleted; nothing is read or written for it."
        async with self._apps.change(org_id, app_id, fence=True) as change:
            if change.app is not None and (reason := mismatch(change.app, identity)) is not None:
                await change.save(stopped(change.app, reason), None, None, by_person=False)
                await change.open_issue(tenant_issue(change.app, reason))
        if reason is not None:
            raise TenantMismatchError(reason)

    async def leave(self, org_id: str, app_id: str) -> AppConfig:
        """Gives up the recorded tenant: its links close, its reads are forgotten. The app is not connected then.

        Raises NoSwitchError unless the app was stopped over its tenant, LookupError for no app.
        """
        await self._apps.get(org_id, app_id)
        async with self._apps.change(org_id, app_id, fence=True) as change:
            app = change.app
            if app is None or app.tenant_id is None or not over_tenant(app):
                raise NoSwitchError(
                    "This app's credentials are not of another tenant; there is nothing to confirm."
                )
            _, kept = await change.former_config(app.tenant_key)
            await change.leave_tenant(app.tenant_key, close_links=not kept)
            await change.close_issue(tenant_cause(app_id))
            left = replace(
                app, tenant_id=None, own_user_id=None, time_zone=None, schema=None, schema_at=None,
                stopped_reason=None, connection_status="not_connected", mappings_checked=False,
                status_reason="The switch to another tenant was confirmed; it has not been connected to yet.",
            )  # fmt: skip
            await change.save(left, None, None, by_person=True)
        return left
