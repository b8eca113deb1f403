"""Transactions that change an app: with the organisation's configuration locked, and its workers fenced out.

Locks are taken in the order of every other unit: leases, configuration, app, links. Decides nothing.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import errors
from psycopg.types.json import Jsonb

from tieline.domain.changeset import IssueNote
from tieline.domain.mapping_changes import MappingChange
from tieline.ports.clock import Ids
from tieline.ports.config import AppConfig
from tieline.ports.crm import Identity, Token
from tieline.ports.errors import ConflictError
from tieline.ports.jobs import JobQueue, Wake, WakeKind
from tieline.ports.session import TokenStore
from tieline.store import mapping_changes
from tieline.store.apps import Apps, token_to_json
from tieline.store.config import Configs, CrmConfig
from tieline.store.pool import Connection, Pool, Queries
from tieline.store.tokens import AppTokens

_sql = Queries("apps")
_flows_sql = Queries("flows")
_mapping_sql = Queries("mapping_changes")


class PostgresAppChange:
    """Implements `ports.connections.AppChange` on one connection with an open transaction."""

    def __init__(
        self,
        connection: Connection,
        apps: Apps,
        ids: Ids,
        app_id: str,
        config: CrmConfig,
        app: AppConfig | None,
    ) -> None:
        self.app = app
        self.config = config
        self.left_ready = False
        self._connection = connection
        self._apps = apps
        self._ids = ids
        self._key = {"org_id": config.org_id, "app_id": app_id}

    async def apps(self) -> Sequence[AppConfig]:
        """All apps of the organisation, the oldest first."""
        rows = await self._run("list", self._key)
        return [self._apps.from_row(row) for row in rows]

    async def save(
        self, app: AppConfig, auth: Mapping[str, str] | None, token: Token | None, *, by_person: bool
    ) -> None:
        """Inserts or replaces the app."""
        await self._apps.save(self._connection, app, auth, by_person=by_person)
        self.left_ready = app.may_run
        if token is not None:
            await self._apps.save_token_on(self._connection, app.org_id, app.app_id, token_to_json(token))

    async def delete(self) -> None:
        """Out of use: unlinked, without credentials; its runs and its own issues are over. What is open about records
        waits for the next app of the tenant, since links and differences stay.
        """
        because = "the app was deleted"
        await self._run("unlink", self._key, rows=False)
        await self._run("end_runs", {**self._key, "reason": "The app was deleted."}, rows=False)
        await self._run("close_issues", {**self._key, "because": because}, rows=False)
        await self._connection.execute(_mapping_sql["forget_reads"], self._key)
        await self._apps.delete(self._connection, self._key["org_id"], self._key["app_id"])

    async def former_config(self, tenant_key: str) -> tuple[Mapping[str, Any], bool]:
        """By which `crm_config` another app kept this tenant's links last, and whether it still does."""
        values = {**self._key, "tenant_key": tenant_key}
        rows = await (await self._connection.execute(_mapping_sql["former_config"], values)).fetchall()
        return (rows[0]["crm_config"], rows[0]["keeps"]) if rows else ({}, False)

    async def take_over_issues(self, tenant_key: str) -> None:
        """What is open about the tenant's records, from apps that were deleted, is this app's from now on."""
        await self._connection.execute(_sql["take_over_issues"], {**self._key, "tenant_key": tenant_key})

    async def change_mappings(self, tenant_key: str, change: MappingChange, *, shared: bool) -> None:
        """See `store.mapping_changes.change_links`."""
        await mapping_changes.change_links(
            self._connection, self._key["org_id"], tenant_key, change, shared=shared
        )

    async def read_all_again(self) -> None:
        """See `store.mapping_changes.read_all_again`."""
        await mapping_changes.read_all_again(self._connection, **self._key, run_id=self._ids.new("run"))

    async def leave_tenant(self, tenant_key: str, *, close_links: bool) -> None:
        """See `store.mapping_changes.leave_tenant`."""
        await mapping_changes.leave_tenant(
            self._connection, **self._key, tenant_key=tenant_key, close_links=close_links
        )

    async def open_issue(self, note: IssueNote) -> None:
        """One issue per cause."""
        row = {
            "issue_id": self._ids.new("issue"), "cause": note.cause, "kind": note.kind, "severity": note.severity,
            "message": note.message, "external_id": note.external_id, "contact_id": note.contact_id,
            "field_name": note.field_name, "raw": note.raw,
        }  # fmt: skip
        values = {**self._key, "run_id": None, "rows": Jsonb([row])}
        await self._connection.execute(_flows_sql["open_issues"], values)

    async def close_issue(self, cause: str) -> None:
        """The cause is gone."""
        values = {"org_id": self._key["org_id"], "causes": [cause], "because": "the cause is gone"}
        await self._connection.execute(_flows_sql["close_issues"], values)

    async def _run(self, name: str, values: Mapping[str, Any], *, rows: bool = True) -> list[dict[str, Any]]:
        cursor = await self._connection.execute(_sql[name], values)
        return await cursor.fetchall() if rows else []


class PostgresAppStore:
    """Implements `ports.connections.AppStore`."""

    def __init__(self, pool: Pool, apps: Apps, configs: Configs, jobs: JobQueue, ids: Ids) -> None:
        self._pool = pool
        self._apps = apps
        self._configs = configs
        self._jobs = jobs
        self._ids = ids

    async def get(self, org_id: str, app_id: str) -> AppConfig:
        """One app. Raises UnknownAppError."""
        return await self._apps.get(org_id, app_id)

    async def of_organisation(self, org_id: str) -> Sequence[AppConfig]:
        """All apps of an organisation, the oldest first."""
        return await self._apps.of_organisation(org_id)

    async def credentials(self, org_id: str, app_id: str) -> Mapping[str, str]:
        """The members of auth_config."""
        return await self._apps.credentials(org_id, app_id)

    def tokens(self, org_id: str, app_id: str) -> TokenStore:
        """Where the app's access token lies."""
        return AppTokens(self._apps, org_id, app_id)

    async def claim_tenant(self, org_id: str, app_id: str, identity: Identity) -> str | None:
        """Records the tenant if none is; returns the one that is recorded then."""
        return await self._apps.claim_tenant(org_id, app_id, identity)

    @asynccontextmanager
    async def change(self, org_id: str, app_id: str, *, fence: bool) -> AsyncIterator[PostgresAppChange]:
        """One transaction. Raises ConflictError, UnknownOrganisationError."""
        key = {"org_id": org_id, "app_id": app_id}
        try:
            async with self._pool.connection() as connection, connection.transaction():
                if fence:
                    await connection.execute(_sql["revoke_lanes"], key)
                config = await self._configs.lock(connection, org_id)
                rows = await (await connection.execute(_sql["get_for_update"], key)).fetchall()
                app = self._apps.from_row(rows[0]) if rows else None
                change = PostgresAppChange(connection, self._apps, self._ids, app_id, config, app)
                yield change
                if fence and change.left_ready:
                    await self._jobs.enqueue(connection, _wakes(org_id, app_id))
        except (errors.UniqueViolation, errors.DeadlockDetected, errors.SerializationFailure) as error:
            raise ConflictError("another unit of work changed the same rows first") from error


def _wakes(org_id: str, app_id: str) -> list[Wake]:
    """Whoever lost its lane left work behind; a look too many costs nothing."""
    return [Wake(kind, org_id, app_id) for kind in (WakeKind.INBOUND, WakeKind.PUSH, WakeKind.ACTIVITY)]
