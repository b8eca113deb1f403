"""A look at the CRM before an app is saved: do the credentials work, whose are they, what does the schema say.

Within ten seconds, read-only. Whatever goes wrong comes back as a value. This module must never write to the store:
a token that the look has brought is handed back.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from tieline.domain.crm_schema import CrmSchema
from tieline.flows.tenancy import TenantMismatchError, mismatch
from tieline.ports.config import AppConfig
from tieline.ports.connections import SessionFactory
from tieline.ports.crm import Capability, CrmSession, Identity, Token
from tieline.ports.errors import CredentialsInvalidError, CrmError, PermissionMissingError
from tieline.ports.session import TokenStore

LOOK_FOR_S: Final = 10.0
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reached:
    """The CRM answered: who we are, and the live schema. `token` is one that has yet to be saved.

    `key_problem` is what is wrong with the field that the app names for the keys of activities.
    """

    identity: Identity
    schema: CrmSchema
    token: Token | None = None
    key_problem: str | None = None


@dataclass(frozen=True, slots=True)
class NotReached:
    """The CRM did not tell us what we need. `status` is what the app's connection_status becomes."""

    status: str
    reason: str
    identity: Identity | None = None
    token: Token | None = None


@dataclass(frozen=True, slots=True)
class OtherTenant:
    """The credentials are of another tenant than the app's."""

    reason: str


Outcome = Reached | NotReached | OtherTenant


class HeldToken:
    """A `TokenStore` for one look. With `behind`, tokens come from there and are saved there too.

    `fresh` makes an old token count as expired, so that a new one proves the credentials; its refresh token is kept.
    """

    def __init__(self, behind: TokenStore | None = None, *, fresh: bool = False) -> None:
        self.token: Token | None = None
        self._behind = behind
        self._fresh = fresh

    @property
    def unsaved(self) -> Token | None:
        """A token that lies nowhere else."""
        return self.token if self._behind is None else None

    async def load(self) -> Token | None:
        """The token to begin with."""
        if self.token is None and self._behind is not None:
            old = await self._behind.load()
            return replace(old, expires_at=_LONG_AGO) if old is not None and self._fresh else old
        return self.token

    async def save(self, token: Token) -> None:
        """Keeps a token."""
        self.token = token
        if self._behind is not None:
            await self._behind.save(token)

    async def clear(self) -> None:
        """Forgets it."""
        self.token = None
        if self._behind is not None:
            await self._behind.clear()


async def look(
    sessions: SessionFactory, app: AppConfig, auth: Mapping[str, str], tokens: HeldToken, timeout_s: float
) -> Outcome:
    """Authenticates and reads the schema. An app with a recorded tenant is compared with it before anything is read."""

    async def on_identity(identity: Identity) -> None:
        reason = mismatch(app, identity)
        if reason is not None:
            raise TenantMismatchError(reason)

    session = sessions(app, auth, tokens=tokens, on_identity=on_identity)
    try:
        async with asyncio.timeout(timeout_s):
            schema = await session.run(session.connector.describe())
            key_problem = await _key_problem(session, app)
    except TenantMismatchError as error:
        return OtherTenant(str(error))
    except TimeoutError:
        return _not_reached(
            session, "not_connected", f"The CRM did not answer within {timeout_s:g} s.", tokens
        )
    except CredentialsInvalidError as error:
        return _not_reached(session, "error", str(error), tokens)
    except PermissionMissingError as error:
        # A missing permission is no fault of the connection; only what needs it has to wait.
        status = "connected" if session.identity else "not_connected"
        return _not_reached(session, status, str(error), tokens)
    except CrmError as error:
        return _not_reached(session, "not_connected", str(error), tokens)
    assert session.identity is not None, "a session that has read something knows who it is"
    return Reached(session.identity, schema, tokens.unsaved, key_problem)


async def _key_problem(session: CrmSession, app: AppConfig) -> str | None:
    name, connector = app.activity_key_field, session.connector
    if name is None:
        return None
    if Capability.ACTIVITY_KEY not in connector.spec.capabilities:
        return f"{connector.spec.label} has no field for the keys of activities."
    return await session.run(connector.activity_key_problem(name))


def _not_reached(session: CrmSession, status: str, reason: str, tokens: HeldToken) -> NotReached:
    return NotReached(status, reason, session.identity, tokens.unsaved)
