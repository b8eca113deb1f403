"""Reading contacts for the API, and the few changes of theirs that are no field changes (those are changesets).

Every query carries its organisation. This module must never decide what an edit means: `flows.editing` does.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from tieline.domain.fields import FieldSpec, Problem
from tieline.domain.values import Value, as_text, is_empty
from tieline.ports.clock import Clock
from tieline.ports.store import UnitOfWork
from tieline.store.filters import Condition, ContactFilter, compile_filter
from tieline.store.json_text import JsonError, dump_json, load_json
from tieline.store.pool import Connection, Pool, Queries
from tieline.store.unit_of_work import PostgresStore, PostgresUnitOfWork


class BadPaginationKeyError(ValueError):
    """The key is none that an earlier answer gave for this list and order."""


class FilterRefusedError(ValueError):
    """A filter does not fit the organisation's fields; `problems` is everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.where}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


class ContactLockedError(Exception):
    """The contact cannot be deleted while its CRM record is synced."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact as the API shows it. `contact_tags` are {id, label} of the assigned tags that still exist."""

    org_id: str
    contact_id: str
    phone_number: str
    first_name: str | None
    last_name: str | None
    do_not_call: bool | None
    custom_fields: Mapping[str, Value]
    contact_tag_ids: Sequence[str]
    contact_memory: str | None
    conversation_count: int
    last_conversation_at: datetime | None
    user_modified_at: datetime | None
    created_at: datetime
    external_id: str | None
    contact_tags: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class ConversationItem:
    """One line of a contact's conversations."""

    platform: str
    conversation_id: str
    type: str
    direction: str | None
    started_at: datetime | None
    created_at: datetime
    duration_ms: int | None
    disconnection_reason: str | None
    sentiment: str | None
    successful: bool | None
    summary: str | None


@dataclass(frozen=True, slots=True)
class ContactQuery:
    """Which contacts, in which order, and which part of them. Counting all that match takes its time with many."""

    filter: ContactFilter = field(default_factory=ContactFilter)
    limit: int = 50
    skip: int = 0
    newest_first: bool = True
    pagination_key: str | None = None
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. `next_key` is set where there is more; `total` counts all that match."""

    items: Sequence[Any]
    next_key: str | None
    total: int | None = None


class Contacts:
    """The contacts of all organisations."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._sql = Queries("contacts")

    async def get(self, org_id: str, contact_id: str) -> Contact | None:
        """The contact of that id; an id that was merged away is answered with its survivor."""
        return await self._one("by_id", {"org_id": org_id, "contact_id": contact_id})

    async def by_phone(self, org_id: str, phone_number: str) -> Contact | None:
        """The contact with that E.164 number, else the only one that has it as an alias."""
        return await self._one("by_phone", {"org_id": org_id, "phone_number": phone_number})

    async def list(self, org_id: str, query: ContactQuery, fields: Mapping[str, FieldSpec]) -> Page:
        """A page of contacts by creation time. Raises FilterRefusedError, BadPaginationKeyError."""
        condition = compile_filter(query.filter, fields)
        if isinstance(condition, list):
            raise FilterRefusedError(condition)
        after, key_values = _keyset(query)
        order = sql.SQL("desc" if query.newest_first else "asc")
        tail = sql.SQL("order by c.created_at {0}, c.contact_id {0} limit %(limit)s offset %(skip)s").format(
            order
        )
        values = {"org_id": org_id, **condition.values, "limit": query.limit + 1, "skip": query.skip}
        async with self._pool.connection() as connection:
            text = sql.SQL("({}) and ({})").format(condition.text, after)
            select = self._sql["select"].format(condition=text, tail=tail)
            rows = await (await connection.execute(select, {**values, **key_values})).fetchall()
            total = await self._count(connection, condition, values) if query.counted else None
        items = [Contact(**row) for row in rows[: query.limit]]
        more = len(rows) > query.limit and items
        next_key = _key([items[-1].created_at.isoformat(), items[-1].contact_id]) if more else None
        return Page(items, next_key, total)

    async def conversations(
        self, org_id: str, contact_id: str, limit: int, pagination_key: str | None
    ) -> Page | None:
        """The contact's calls and chats, newest first; None if there is no such contact."""
        contact = await self.get(org_id, contact_id)
        if contact is None:
            return None
        after = _parse_key(pagination_key, 3) if pagination_key else [None, None, None]
        values = {
            "org_id": org_id,
            "contact_id": contact.contact_id,
            "after_at": _time(after[0]) if after[0] else None,
            "after_platform": after[1],
            "after_id": after[2],
            "limit": limit + 1,
        }
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(self._sql["conversations"], values)).fetchall()
        items = [ConversationItem(**row) for row in rows[:limit]]
        if len(rows) <= limit:
            return Page(items, None)
        last = items[-1]
        at = (last.started_at or last.created_at).isoformat()
        return Page(items, _key([at, last.platform, last.conversation_id]))

    async def variables_by_phone(self, org_id: str, phone_number: str) -> dict[str, str]:
        """A contact's fields as a conversation's dynamic variables: all text, empty fields absent.

        {} if unknown.
        """
        condition = self._sql["by_phone"]
        values = {"org_id": org_id, "phone_number": phone_number}
        async with self._pool.connection() as connection:
            found = await connection.execute(self._sql["variables"].format(condition=condition), values)
            row = await found.fetchone()
        if row is None:
            return {}
        built_in = {name: row[name] for name in ("first_name", "last_name", "do_not_call", "contact_memory")}
        variables = {**built_in, **row["custom_fields"]}
        return {name: as_text(value) for name, value in variables.items() if not is_empty(value)}

    async def delete(self, org_id: str, contact_id: str) -> bool:
        """Deletes a contact. False if there is none. Raises ContactLockedError while its record is synced."""
        contact = await self.get(org_id, contact_id)
        if contact is None:
            return False
        key = {"org_id": org_id, "contact_id": contact.contact_id, "now": self._clock.now()}
        async with self._pool.connection() as connection, connection.transaction():
            links = await (await connection.execute(self._sql["lock_for_delete"], key)).fetchall()
            for link in links:
                if link["app_id"] is not None:
                    raise ContactLockedError(
                        f"This contact is linked to record {link['external_id']} of {link['name'] or link['provider']}"
                        " and cannot be deleted while two-way sync is active. Unlink the CRM app first, otherwise the"
                        " next sync would recreate it."
                    )
            deleted = await connection.execute(self._sql["delete"], key)
            return await deleted.fetchone() is not None

    async def _one(self, condition: str, values: Mapping[str, Any]) -> Contact | None:
        query = self._sql["select"].format(condition=self._sql[condition], tail=sql.SQL(""))
        async with self._pool.connection() as connection:
            row = await (await connection.execute(query, values)).fetchone()
        return Contact(**row) if row else None

    async def _count(self, connection: Connection, condition: Condition, values: Mapping[str, Any]) -> int:
        query = self._sql["count"].format(condition=condition.text)
        row = await (await connection.execute(query, values)).fetchone()
        assert row is not None
        return int(row["total"])


class ContactEdits:
    """What `flows.editing` asks of the store: units of work, and the tags of a contact."""

    def __init__(self, store: PostgresStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._sql = Queries("contacts")

    def transaction(self) -> AbstractAsyncContextManager[PostgresUnitOfWork]:
        """Opens a unit of work."""
        return self._store.transaction()

    async def tag_ids(self, unit: UnitOfWork, org_id: str, contact_id: str) -> Sequence[str]:
        """The tag ids that the contact bears."""
        key = {"org_id": org_id, "contact_id": contact_id}
        row = await (await _connection(unit).execute(self._sql["tag_ids"], key)).fetchone()
        return row["contact_tag_ids"] if row else ()

    async def set_tags(self, unit: UnitOfWork, org_id: str, contact_id: str, tag_ids: Sequence[str]) -> None:
        """Replaces the contact's tags in the unit's transaction."""
        values = {
            "org_id": org_id, "contact_id": contact_id, "tag_ids": Jsonb(list(tag_ids)), "now": self._clock.now(),
        }  # fmt: skip
        await _connection(unit).execute(self._sql["set_tags"], values)


def _connection(unit: UnitOfWork) -> Connection:
    assert isinstance(unit, PostgresUnitOfWork)
    return unit.connection


def _keyset(query: ContactQuery) -> tuple[sql.Composable, dict[str, Any]]:
    """The condition that continues behind the pagination key, and its parameters."""
    if query.pagination_key is None:
        return sql.SQL("true"), {}
    at, contact_id = _parse_key(query.pagination_key, 2)
    beyond = sql.SQL("<" if query.newest_first else ">")
    condition = sql.SQL("(c.created_at, c.contact_id) {} (%(key_at)s, %(key_id)s)").format(beyond)
    return condition, {"key_at": _time(at), "key_id": contact_id}


def _key(parts: Sequence[str]) -> str:
    return base64.urlsafe_b64encode(dump_json(list(parts))).decode().rstrip("=")


def _parse_key(key: str, length: int) -> list[str]:
    try:
        parts = load_json(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))
    except (binascii.Error, JsonError, ValueError) as error:
        raise BadPaginationKeyError("pagination_key is none that an earlier answer gave.") from error
    good = isinstance(parts, list) and len(parts) == length
    if not good or not all(isinstance(part, str) and "\0" not in part for part in parts):
        raise BadPaginationKeyError("pagination_key is none that an earlier answer gave.")
    return list(parts)


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min
    if at.tzinfo is None:
        raise BadPaginationKeyError("pagination_key is none that an earlier answer gave.")
    return at
