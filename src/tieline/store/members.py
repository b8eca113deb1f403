"""Who may sign in to the dashboard, and their sessions.

Passwords are kept as scrypt hashes and a session's token as its hash, so that neither can be read from the database.
This module must never say whether an address exists: a wrong address and a wrong password are one answer.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from tieline.ports.clock import Clock, Ids
from tieline.store.pool import Pool, Queries

SHORTEST_PASSWORD: Final = 10
SESSION_LASTS: Final = timedelta(days=7)
SESSION_IDLES: Final = timedelta(hours=12)
_ATTEMPTS: Final = 10
_LOCKED_FOR: Final = timedelta(minutes=5)
_SEEN_EVERY: Final = timedelta(minutes=1)
# 32 MiB a try: OWASP's figures for scrypt ask for at least N=2^15 with r=8 and p=3.
COST: Final = 2**15
_R, _P = 8, 3


class MemberError(Exception):
    """What was asked cannot be done; the message says why."""


class Role(StrEnum):
    """`viewer` sees, `editor` also changes contacts and configuration, `owner` also keys, members and settings."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"

    def may(self, needed: "Role") -> bool:
        """Whether this role includes the needed one."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Member:
    """A person of an organisation."""

    org_id: str
    member_id: str
    email: str
    name: str
    role: Role
    created_at: datetime

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Member":
        """From a row that has these members and perhaps more."""
        role = Role(row["role"])
        return cls(row["org_id"], row["member_id"], row["email"], row["name"], role, row["created_at"])


class Members:
    """Adds, finds and removes members, and opens and closes their sessions. `cost` is scrypt's N."""

    def __init__(self, pool: Pool, clock: Clock, ids: Ids, *, cost: int = COST) -> None:
        self._pool = pool
        self._clock = clock
        self._ids = ids
        self._sql = Queries("members")
        self._cost = cost
        # Compared with when there is no such member; no password has this hash.
        self._nobody = f"scrypt${cost}${_R}${_P}${_text(b'nobody' * 3)}${_text(b'0' * 32)}"

    async def add(self, org_id: str, email: str, password: str, role: Role, name: str = "") -> Member:
        """A new member. Raises MemberError for a taken address or a password that is too short."""
        row = {
            "org_id": org_id,
            "member_id": self._ids.new("member"),
            "email": _checked_email(email),
            "name": name.strip(),
            "role": role.value,
            "password_hash": await asyncio.to_thread(_hash_password, _checked_password(password), self._cost),
            "now": self._clock.now(),
        }
        rows = await self._rows("add", row)
        if not rows:
            raise MemberError(f"There is a member with the address {row['email']} already.")
        return Member.of(rows[0])

    async def all(self, org_id: str) -> list[Member]:
        """An organisation's members, oldest first."""
        return [Member.of(row) for row in await self._rows("all", {"org_id": org_id})]

    async def any(self) -> bool:
        """Whether anybody at all can sign in."""
        return bool((await self._rows("any", {}))[0]["found"])

    async def set_role(self, org_id: str, member_id: str, role: Role) -> None:
        """Changes a role. Raises MemberError for an unknown member or the last owner."""
        values = {"org_id": org_id, "member_id": member_id, "role": role.value}
        await self._change("set_role", values, keeps_owner=role is Role.OWNER)

    async def remove(self, org_id: str, member_id: str) -> None:
        """Removes a member and ends their sessions. Raises MemberError for an unknown member or the last owner."""
        await self._change("remove", {"org_id": org_id, "member_id": member_id, "now": self._clock.now()})
        await self._rows("close_sessions", {"org_id": org_id, "member_id": member_id})

    async def set_password(self, org_id: str, member_id: str, password: str) -> None:
        """Sets a password and ends all sessions. Raises MemberError."""
        digest = await asyncio.to_thread(_hash_password, _checked_password(password), self._cost)
        values = {"org_id": org_id, "member_id": member_id, "password_hash": digest}
        await self._change("set_password", values, keeps_owner=True)
        await self._rows("close_sessions", values)

    async def sign_in(self, email: str, password: str) -> str | None:
        """A new session's token, or None: wrong, unknown, or locked after too many failures."""
        now = self._clock.now()
        rows = await self._rows("by_email", {"email": email.strip()})
        row = rows[0] if rows else None
        # An unknown address costs the same time as a known one.
        right = await asyncio.to_thread(_verify, password, row["password_hash"] if row else self._nobody)
        if row is None or (row["locked_until"] is not None and row["locked_until"] > now):
            return None
        key = {"org_id": row["org_id"], "member_id": row["member_id"]}
        if not right:
            await self._rows("failed", {**key, "allowed": _ATTEMPTS, "until": now + _LOCKED_FOR})
            return None
        token = secrets.token_urlsafe(32)
        await self._rows("succeeded", key)
        await self._rows("forget_old", {"now": now, "idle_since": now - SESSION_IDLES})
        session = {
            "session_id": self._ids.new("session"), "token_hash": _digest(token), "now": now,
            "expires_at": now + SESSION_LASTS,
        }  # fmt: skip
        await self._rows("open_session", {**key, **session})
        return token

    async def of_session(self, token: str) -> Member | None:
        """Whose session it is, unless it has ended."""
        now = self._clock.now()
        values = {"token_hash": _digest(token), "now": now, "idle_since": now - SESSION_IDLES}
        rows = await self._rows("session", values)
        if not rows:
            return None
        if now - rows[0]["seen_at"] > _SEEN_EVERY:
            await self._rows("seen", values)
        return Member.of(rows[0])

    async def sign_out(self, token: str) -> None:
        """Ends a session."""
        await self._rows("close_session", {"token_hash": _digest(token)})

    async def _change(self, query: str, values: dict[str, Any], *, keeps_owner: bool = False) -> None:
        async with self._pool.connection() as conn, conn.transaction():
            owners = await (await conn.execute(self._sql["lock_owners"], values)).fetchall()
            if not keeps_owner and [row["member_id"] for row in owners] == [values["member_id"]]:
                raise MemberError("The last owner stays: make somebody else an owner first.")
            if await (await conn.execute(self._sql[query], values)).fetchone() is None:
                raise MemberError(f"There is no member {values['member_id']}.")

    async def _rows(self, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        async with self._pool.connection() as conn:
            cursor = await conn.execute(self._sql[query], values)
            return await cursor.fetchall() if cursor.description else []


def csrf_of(token: str) -> str:
    """What every form of a session carries; it tells nothing of the token."""
    return hashlib.sha256(b"csrf:" + token.encode()).hexdigest()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _checked_email(email: str) -> str:
    text = email.strip()
    name, at, host = text.partition("@")
    if not (name and at and host) or any(c.isspace() for c in text) or len(text) > 250:
        raise MemberError(f"{text!r} is no e-mail address.")
    return text


def _checked_password(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= 1000:
        raise MemberError(f"A password needs at least {SHORTEST_PASSWORD} characters.")
    return password


def _hash_password(password: str, cost: int) -> str:
    salt = secrets.token_bytes(16)
    return f"scrypt${cost}${_R}${_P}${_text(salt)}${_text(_scrypt(password, salt, cost, _R, _P))}"


def _verify(password: str, kept: str) -> bool:
    _, n, r, p, salt, digest = kept.split("$")
    made = _scrypt(password, base64.b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(made, base64.b64decode(digest))


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
