"""Reads a database into the rows that the in-memory store has, so that the same checks look at both.

Also who was tied to whom at any time: triggers write it down while a history goes on, and it is told to `Ties`
afterwards, transaction by transaction. Reads only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from tieline.domain.changeset import FieldChange, IssueNote, LedgerOutcome, LinkStatus, Source, SourceKind
from tieline.domain.intake import Report
from tieline.ports.creating import CreationRow
from tieline.ports.work import ActivityRow, ConversationKey
from tieline.store.rows import contact_from_row, link_from_row
from tieline.testing.simulation.scene import Scene
from tieline.testing.simulation.tables import (
    ContactRow,
    ConversationRow,
    IssueRow,
    LedgerRow,
    LinkRow,
    Tables,
)
from tieline.testing.simulation.ties import Ties

WITNESSES: Final[tuple[LiteralString, ...]] = (
    """create table witness (id bigint generated always as identity, tx xid8 default pg_current_xact_id(),
       at timestamptz default clock_timestamp(), kind text, org_id text, tenant_key text, ref text, status text,
       contact_id text)""",
    """create function witness_link() returns trigger language plpgsql as $$ begin
       insert into witness (kind, org_id, tenant_key, ref, status, contact_id)
       values ('link', new.org_id, new.tenant_key, new.external_id, new.status, new.contact_id);
       return null; end $$""",
    """create trigger witness after insert or update of status, contact_id on link
       for each row execute function witness_link()""",
    """create function witness_talk() returns trigger language plpgsql as $$ begin
       if new.contact_id is not null then
           insert into witness (kind, org_id, ref, contact_id)
           values ('talk', new.org_id, new.conversation_id, new.contact_id);
       end if;
       return null; end $$""",
    """create trigger witness after insert or update of contact_id on conversation
       for each row execute function witness_talk()""",
)

_REPORT = tuple(one.name for one in fields(Report))
_ACTIVITY = (
    "tenant_key", "contact_id", "external_id", "status", "activity_id", "wanted_hash", "written_hash", "written",
    "intent_at", "due_at", "attempts",
)  # fmt: skip
_CREATION = tuple(one.name for one in fields(CreationRow))


async def read_tables(eyes: AsyncConnection[DictRow]) -> Tables:
    """Everything that a check looks at, as of one moment."""
    tables = Tables()
    async with eyes.transaction():
        await eyes.execute("set transaction isolation level repeatable read, read only")
        for row in await _rows(eyes, "select * from contact where deleted_at is null"):
            tables.contacts[row["org_id"], row["contact_id"]] = _contact(row)
        links = "select *, (extract(epoch from confirmed_write_at) * 1000)::bigint as confirmed_write_ms from link"
        for row in await _rows(eyes, links):
            state = link_from_row({**row, "dirty": row["dirty_at"] is not None})
            made = LinkRow(state, row["dirty_at"], row["push_not_before"])
            tables.links[row["org_id"], row["tenant_key"], row["external_id"]] = made
        for row in await _rows(eyes, "select * from ledger order by entry_id"):
            tables.ledger[row["entry_id"]] = _ledger(row)
        for row in await _rows(eyes, "select * from conversation order by created_at"):
            tables.conversations[row["org_id"], row["platform"], row["conversation_id"]] = _conversation(row)
        for row in await _rows(eyes, "select * from activity order by created_at"):
            key = ConversationKey(row["org_id"], row["platform"], row["conversation_id"])
            activity = ActivityRow(key, **{name: row[name] for name in _ACTIVITY})
            tables.activities[key.org_id, row["tenant_key"], key.platform, key.conversation_id] = activity
        for row in await _rows(eyes, "select * from record_creation"):
            creation = CreationRow(**{name: row[name] for name in _CREATION})
            tables.creations[row["org_id"], row["tenant_key"], row["contact_id"]] = creation
        for row in await _rows(eyes, "select * from issue where closed_at is null"):
            tables.issues[row["org_id"], row["cause"]] = _issue(row)
        for row in await _rows(eyes, "select * from contact_alias"):
            tables.aliases[row["org_id"], row["phone_number"], row["contact_id"]] = row["origin"]
    return tables


async def _rows(eyes: AsyncConnection[DictRow], query: LiteralString) -> list[dict[str, Any]]:
    return await (await eyes.execute(query)).fetchall()


def _contact(row: Mapping[str, Any]) -> ContactRow:
    state = contact_from_row(row)
    return ContactRow(state, row["merged_into"], row["conversation_count"], row["last_conversation_at"])


def _ledger(row: Mapping[str, Any]) -> LedgerRow:
    kind = SourceKind(row["source_kind"])
    # Whoever edits in these histories is a person who uses the API.
    kind = SourceKind.PERSON if kind is SourceKind.API else kind
    change = FieldChange(
        row["field_name"], row["old_value"], row["new_value"],
        Source(kind, row["effective_ms"], row["source_ref"]),
        LedgerOutcome(row["outcome"]), row["reason"], row["field_id"], row["evidence"],
    )  # fmt: skip
    return LedgerRow(row["org_id"], row["contact_id"], change, row["recorded_at"])


def _conversation(row: Mapping[str, Any]) -> ConversationRow:
    report = Report(**{name: row[name] for name in _REPORT})
    return ConversationRow(
        report, row["created_at"], row["updated_at"], row["contact_id"], row["counted"], row["due_at"],
        row["attempts"], row["claim_token"], row["claim_until"],
    )  # fmt: skip


def _issue(row: Mapping[str, Any]) -> IssueRow:
    note = IssueNote(
        row["cause"], row["kind"], row["message"], row["external_id"], row["contact_id"], row["field_name"],
        row["raw"], row["severity"],
    )  # fmt: skip
    return IssueRow(note, row["app_id"], row["occurrences"])


# Who was tied to whom


@dataclass
class _Past:
    """A scene as it was, as far as `Ties` asks."""

    tables: Tables
    at: datetime

    def now(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        raise AssertionError("the past is over")


@dataclass
class _Replay:
    """A scene whose links and conversations are those of the past, and whose contacts are those of now."""

    scene: Scene
    past: _Past
    watchers: list[Any] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.scene, name)

    @property
    def memory(self) -> _Past:
        return self.past

    @property
    def clock(self) -> _Past:
        return self.past


async def ties_of(scene: Scene, eyes: AsyncConnection[DictRow], died: set[str]) -> Ties:
    """Who was ever tied to whom. `died`: records that left the CRM at some time."""
    seen = await _rows(eyes, "select * from witness order by id")
    past = _Past(Tables(), scene.clock.now())
    replay = _Replay(scene, past)
    ties = Ties(replay)  # what it lacks, it takes from the scene
    for moment in _transactions(seen):
        past.at = moment[0]["at"]
        for row in moment:
            if row["kind"] == "link":
                now = scene.memory.tables.links[row["org_id"], row["tenant_key"], row["ref"]]
                then = replace(now.state, status=LinkStatus(row["status"]), contact_id=row["contact_id"])
                past.tables.links[row["org_id"], row["tenant_key"], row["ref"]] = replace(now, state=then)
            else:
                ties.first_home.setdefault(row["ref"], row["contact_id"])
        past.tables.contacts = scene.memory.tables.contacts
        ties.note()
    past.at = scene.clock.now()
    ties.died |= died
    return ties


def _transactions(seen: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The last row of each thing in each transaction, transactions in the order of their ends as far as rows tell."""
    last: dict[Any, list[dict[str, Any]]] = {}
    for row in seen:
        # A transaction's place is that of its last row: rows that two share are ordered by their locks.
        rows = last.pop(row["tx"], [])
        last[row["tx"]] = [*(one for one in rows if one["ref"] != row["ref"]), row]
    yield from last.values()
