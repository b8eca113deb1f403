"""Apps, which are connections to CRM tenants: their configuration, sealed credentials, tokens and standing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from tieline.domain.app_settings import PUBLIC_AUTH
from tieline.domain.crm_schema import CrmField, CrmKind, CrmOption, CrmSchema
from tieline.ports.config import AppConfig
from tieline.ports.crm import Identity, Token
from tieline.store.json_text import dump_json, load_json
from tieline.store.pool import Connection, Pool, Queries
from tieline.store.secrets import Secrets

_sql = Queries("apps")


class UnknownAppError(LookupError):
    """There is no such app in this organisation."""


class Apps:
    """The apps of all organisations. Credentials leave only through `credentials`."""

    def __init__(self, pool: Pool, secrets: Secrets) -> None:
        self._pool = pool
        self._secrets = secrets

    async def get(self, org_id: str, app_id: str) -> AppConfig:
        """One app. Raises UnknownAppError."""
        found = await self._rows("get", org_id=org_id, app_id=app_id)
        if not found:
            raise UnknownAppError(f"There is no app {app_id}.")
        return self.from_row(found[0])

    async def of_organisation(self, org_id: str) -> list[AppConfig]:
        """All apps of an organisation, the oldest first."""
        return [self.from_row(row) for row in await self._rows("list", org_id=org_id)]

    async def credentials(self, org_id: str, app_id: str) -> dict[str, str]:
        """The members of auth_config. Raises UnknownAppError."""
        found = await self._rows("get", org_id=org_id, app_id=app_id)
        if not found:
            raise UnknownAppError(f"There is no app {app_id}.")
        sealed = found[0]["auth_ciphertext"]
        return {} if sealed is None else dict(self._open(sealed, org_id, app_id, "auth"))

    async def save(
        self,
        connection: Connection,
        app: AppConfig,
        auth: Mapping[str, str] | None,
        *,
        by_person: bool = True,
    ) -> None:
        """Inserts or replaces an app; `auth` None keeps the credentials that are there.

        New credentials or another tenant URL make the token that is there useless, so it goes.
        """
        sealed = None if auth is None else self._seal(dict(auth), app.org_id, app.app_id, "auth")
        values = {
            "org_id": app.org_id, "app_id": app.app_id, "type": app.type, "provider": app.provider, "name": app.name,
            "tenant_url": app.tenant_url, "tenant_sub_id": app.tenant_sub_id, "auth_type": app.auth_type,
            "auth_ciphertext": sealed, "connection_status": app.connection_status,
            "status_reason": app.status_reason, "tenant_id": app.tenant_id, "own_user_id": app.own_user_id,
            "time_zone": app.time_zone, "crm_config": Jsonb(dict(app.crm_config)),
            "schema": None if app.schema is None else Jsonb(schema_to_json(app.schema)), "schema_at": app.schema_at,
            "mappings_checked": app.mappings_checked, "sync_interval_s": app.sync_interval_s,
            "next_sync_at": app.next_sync_at, "stopped_reason": app.stopped_reason, "new_auth": auth is not None,
            "by_person": by_person,
        }  # fmt: skip
        await connection.execute(_sql["save"], values)

    async def delete(self, connection: Connection, org_id: str, app_id: str) -> None:
        """Marks an app deleted and forgets its credentials. Contacts, links and history stay."""
        await connection.execute(_sql["delete"], {"org_id": org_id, "app_id": app_id})

    async def set_status(self, org_id: str, app_id: str, status: str, reason: str | None) -> None:
        """Changes the connection's standing (`connected`, `error`, `not_connected`)."""
        await self._run("set_status", org_id=org_id, app_id=app_id, status=status, reason=reason)

    async def stop(self, org_id: str, app_id: str, reason: str | None) -> None:
        """Lets no run start until a person acts; None lets them start again."""
        await self._run("stop", org_id=org_id, app_id=app_id, reason=reason)

    async def claim_tenant(self, org_id: str, app_id: str, identity: Identity) -> str | None:
        """Records whom the CRM said we are, unless another tenant is recorded.

        Returns the tenant that is recorded then, None for no such app.
        """
        found = await self._rows(
            "claim_tenant", org_id=org_id, app_id=app_id, tenant_id=identity.tenant_id, user_id=identity.user_id,
            zone=identity.time_zone,
        )  # fmt: skip
        return found[0]["tenant_id"] if found else None

    async def set_schema(self, org_id: str, app_id: str, schema: CrmSchema, at: datetime) -> None:
        """Keeps the live schema."""
        await self._run(
            "set_schema", org_id=org_id, app_id=app_id, schema=Jsonb(schema_to_json(schema)), at=at
        )

    async def load_token(self, org_id: str, app_id: str) -> Mapping[str, Any] | None:
        """The access token that was saved last."""
        found = await self._rows("token", org_id=org_id, app_id=app_id)
        sealed = found[0]["token_ciphertext"] if found else None
        return None if sealed is None else self._open(sealed, org_id, app_id, "token")

    async def save_token(self, org_id: str, app_id: str, token: Mapping[str, Any] | None) -> None:
        """Keeps an access token, or forgets it."""
        async with self._pool.connection() as connection:
            await self.save_token_on(connection, org_id, app_id, token)

    async def save_token_on(
        self, connection: Connection, org_id: str, app_id: str, token: Mapping[str, Any] | None
    ) -> None:
        """The same on a connection's own transaction."""
        sealed = None if token is None else self._seal(dict(token), org_id, app_id, "token")
        await connection.execute(_sql["save_token"], {"org_id": org_id, "app_id": app_id, "token": sealed})

    def _seal(self, value: dict[str, Any], org_id: str, app_id: str, part: str) -> bytes:
        return self._secrets.seal(dump_json(value).decode(), row_id=f"app:{org_id}:{app_id}:{part}")

    def _open(self, sealed: bytes, org_id: str, app_id: str, part: str) -> dict[str, Any]:
        opened: dict[str, Any] = load_json(self._secrets.open(sealed, row_id=f"app:{org_id}:{app_id}:{part}"))
        return opened

    def from_row(self, row: Mapping[str, Any]) -> AppConfig:
        """A row of the table as an app; of its credentials only what is no secret."""
        sealed = row["auth_ciphertext"]
        auth = {} if sealed is None else self._open(sealed, row["org_id"], row["app_id"], "auth")
        kept = {
            name: row[name] for name in AppConfig.__dataclass_fields__ if name in row and name != "schema"
        }
        schema = None if row["schema"] is None else schema_from_json(row["schema"])
        public = {name: value for name, value in auth.items() if name in PUBLIC_AUTH}
        return AppConfig(**kept, schema=schema, auth_public=public)

    async def _rows(self, name: str, **values: Any) -> list[dict[str, Any]]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(_sql[name], values)).fetchall()

    async def _run(self, name: str, **values: Any) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(_sql[name], values)


def token_to_json(token: Token) -> dict[str, Any]:
    """A token's members, the time as text."""
    return {
        "access_token": token.access_token,
        "base_url": token.base_url,
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
        "tenant_id": token.tenant_id,
        "user_id": token.user_id,
        "refresh_token": token.refresh_token,
    }


def schema_to_json(schema: CrmSchema) -> list[dict[str, Any]]:
    """A schema as a list of its fields, what is default left out."""
    plain = CrmField("", "", CrmKind.OTHER)
    out = []
    for crm in schema:
        entry: dict[str, Any] = {"name": crm.name, "label": crm.label, "kind": crm.kind.value}
        for name in CrmField.__dataclass_fields__:
            value = getattr(crm, name)
            if name not in entry and value != getattr(plain, name):
                entry[name] = value
        if crm.options:
            entry["options"] = [[o.value, o.label, o.active] for o in crm.options]
        out.append(entry)
    return out


def schema_from_json(data: list[dict[str, Any]]) -> CrmSchema:
    """The reverse of `schema_to_json`."""
    fields = {}
    for entry in data:
        options = tuple(CrmOption(*option) for option in entry.get("options", ()))
        fields[entry["name"]] = CrmField(**{**entry, "kind": CrmKind(entry["kind"]), "options": options})
    return CrmSchema(fields)
