"""Organisations, the API keys that speak for them, and the secrets with which their platforms sign webhooks.

An API key is kept as a hash and shown once; a webhook secret must be read again, so it is kept encrypted.
This module must never return the one or log the other.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from psycopg.errors import ForeignKeyViolation

from tieline.ports.clock import Clock, Ids
from tieline.store.pool import Pool, Queries
from tieline.store.secrets import Secrets

KEY_PREFIX = "key_"


class AccountError(Exception):
    """What was asked cannot be done; the message says why."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """One tenant of ours."""

    org_id: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secret part."""

    org_id: str
    key_id: str
    name: str
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """An API key at the one moment when its text is known."""

    key: ApiKey
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """A webhook secret without its text."""

    org_id: str
    secret_id: str
    name: str
    created_at: datetime


class Accounts:
    """Who there is, and who may speak for whom."""

    def __init__(self, pool: Pool, sealer: Secrets, clock: Clock, ids: Ids) -> None:
        self._pool = pool
        self._sealer = sealer
        self._clock = clock
        self._ids = ids
        self._sql = Queries("accounts")
        self._nobody = sealer.seal(secrets.token_urlsafe(32), row_id="nobody")

    async def create_organisation(self, name: str, org_id: str | None = None) -> Organisation:
        """A new organisation; `org_id` only where somebody needs a known one.

        Raises AccountError if it is taken.
        """
        row = {"org_id": org_id or self._ids.new("org"), "name": name, "now": self._clock.now()}
        rows = await self._rows("create_organisation", row)
        if not rows:
            raise AccountError(f"There is an organisation {row['org_id']} already.")
        return Organisation(**rows[0])

    async def organisation(self, org_id: str) -> Organisation | None:
        """The organisation of that id."""
        rows = await self._rows("organisation", {"org_id": org_id})
        return Organisation(**rows[0]) if rows else None

    async def organisations(self) -> list[Organisation]:
        """All of them, oldest first."""
        return [Organisation(**row) for row in await self._rows("organisations", {})]

    async def create_key(self, org_id: str, name: str) -> NewApiKey:
        """A new key, whose text is in the answer and nowhere else.

        Raises AccountError for an unknown organisation.
        """
        text = KEY_PREFIX + secrets.token_urlsafe(32)
        row = {
            "org_id": org_id,
            "key_id": self._ids.new("apikey"),
            "name": name,
            "key_hash": _hash(text),
            "now": self._clock.now(),
        }
        rows = await self._rows("create_key", row)
        return NewApiKey(ApiKey(**rows[0]), text)

    async def key_of(self, text: str) -> ApiKey | None:
        """The key with that text, unless it is revoked or never was."""
        digest = _hash(text)
        for row in await self._rows("key_by_hash", {"key_hash": digest}):
            if hmac.compare_digest(bytes(row.pop("key_hash")), digest):
                return ApiKey(**row)
        return None

    async def keys(self, org_id: str) -> list[ApiKey]:
        """An organisation's keys, revoked ones included."""
        return [ApiKey(**row) for row in await self._rows("keys", {"org_id": org_id})]

    async def revoke_key(self, org_id: str, key_id: str) -> bool:
        """Makes a key useless at once. False if there is no such key in use."""
        values = {"org_id": org_id, "key_id": key_id, "now": self._clock.now()}
        return bool(await self._rows("revoke_key", values))

    async def add_webhook_secret(self, org_id: str, name: str, text: str) -> WebhookSecret:
        """Keeps one more secret that may sign this organisation's webhooks. Raises AccountError."""
        if not text.strip():
            raise AccountError("A webhook secret cannot be empty.")
        secret_id = self._ids.new("whsec")
        row = {
            "org_id": org_id,
            "secret_id": secret_id,
            "name": name,
            "ciphertext": self._sealer.seal(text.strip(), row_id=_secret_row(org_id, secret_id)),
            "now": self._clock.now(),
        }
        return WebhookSecret(**(await self._rows("add_webhook_secret", row))[0])

    async def webhook_secrets(self, org_id: str) -> list[WebhookSecret]:
        """What secrets there are, without their texts."""
        rows = await self._rows("webhook_secrets", {"org_id": org_id})
        return [
            WebhookSecret(row["org_id"], row["secret_id"], row["name"], row["created_at"]) for row in rows
        ]

    async def remove_webhook_secret(self, org_id: str, secret_id: str) -> bool:
        """Forgets a secret. False if there is none."""
        return bool(await self._rows("remove_webhook_secret", {"org_id": org_id, "secret_id": secret_id}))

    async def signing_secrets(self, org_id: str) -> list[str]:
        """The texts to check a signature with.

        Where there is none, one that nobody knows, so that the same work is done.
        """
        rows = await self._rows("webhook_secrets", {"org_id": org_id})
        sealed = [(row["ciphertext"], _secret_row(org_id, row["secret_id"])) for row in rows]
        return [
            self._sealer.open(bytes(text), row_id=row_id)
            for text, row_id in sealed or [(self._nobody, "nobody")]
        ]

    async def _rows(self, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        async with self._pool.connection() as connection:
            try:
                return await (await connection.execute(self._sql[query], values)).fetchall()
            except ForeignKeyViolation:
                raise AccountError(f"There is no organisation {values.get('org_id')}.") from None


def _hash(text: str) -> bytes:
    return sha256(text.encode()).digest()


def _secret_row(org_id: str, secret_id: str) -> str:
    return f"webhook_secret:{org_id}:{secret_id}"
