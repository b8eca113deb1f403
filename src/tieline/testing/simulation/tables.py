"""The rows of the in-memory store, and the unique indexes that guard them.

Rows are immutable, so a transaction is undone by putting the former dictionaries back. What a row means is said in
`store/schema.sql`; this module must never accept what an index there would refuse.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, TypeAlias

from tieline.domain.audit import Finding
from tieline.domain.brake import Brake, BrakeKind
from tieline.domain.changeset import ContactState, FieldChange, IssueNote, LinkState, LinkStatus
from tieline.domain.intake import Report
from tieline.domain.plan_analysis import Application
from tieline.ports.creating import CreationRow
from tieline.ports.errors import ConflictError
from tieline.ports.jobs import Wake
from tieline.ports.store import ReadState
from tieline.ports.work import ActivityRow

ContactKey: TypeAlias = tuple[str, str]
LinkKey: TypeAlias = tuple[str, str, str]
ConversationId: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A row of `contact`."""

    state: ContactState
    merged_into: str | None = None
    conversations: int = 0
    last_conversation_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A row of `link`. `state.dirty` says no more than `dirty_at`."""

    state: LinkState
    dirty_at: datetime | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A row of `conversation`; `revision` is its `updated_at`."""

    report: Report
    created_at: datetime
    revision: datetime
    contact_id: str | None = None
    counted: bool = False
    due_at: datetime | None = None
    attempts: int = 0
    claim_token: str | None = None
    claim_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row of `ledger`."""

    org_id: str
    contact_id: str
    change: FieldChange
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class IssueRow:
    """An open row of `issue`."""

    note: IssueNote
    app_id: str | None
    occurrences: int = 1


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A row of `audit_record`: a record that an audit came across, and what it found about it."""

    finding: Finding | None = None
    settled: bool = False


@dataclass(slots=True)
class Tables:
    """Everything that the store holds."""

    contacts: dict[ContactKey, ContactRow] = field(default_factory=dict)
    aliases: dict[tuple[str, str, str], str] = field(default_factory=dict)
    links: dict[LinkKey, LinkRow] = field(default_factory=dict)
    ledger: dict[int, LedgerRow] = field(default_factory=dict)
    conversations: dict[ConversationId, ConversationRow] = field(default_factory=dict)
    applications: dict[ConversationId, Mapping[tuple[str, str], Application]] = field(default_factory=dict)
    activities: dict[tuple[str, str, str, str], ActivityRow] = field(default_factory=dict)
    read_states: dict[tuple[str, str, str], tuple[str, ReadState]] = field(default_factory=dict)
    creations: dict[tuple[str, str, str], CreationRow] = field(default_factory=dict)
    issues: dict[tuple[str, str], IssueRow] = field(default_factory=dict)
    counts: dict[tuple[str, str], Mapping[str, int]] = field(default_factory=dict)
    wakes: dict[int, Wake] = field(default_factory=dict)
    brakes: dict[tuple[str, str], Brake] = field(default_factory=dict)
    effects: dict[tuple[str, str, str], Mapping[BrakeKind, int]] = field(default_factory=dict)
    tenants_read: dict[tuple[str, str], datetime] = field(default_factory=dict)
    audit_records: dict[tuple[str, str, str], AuditRecord] = field(default_factory=dict)

    def copy(self) -> "Tables":
        """What to go back to."""
        return Tables(*(dict(getattr(self, one.name)) for one in fields(self)))

    def restore(self, former: "Tables") -> None:
        """Goes back."""
        for one in fields(self):
            setattr(self, one.name, getattr(former, one.name))

    def of_organisation(self, org_id: str) -> dict[str, Any]:
        """All that belongs to one organisation, to compare."""
        keyed = (
            "contacts",
            "aliases",
            "links",
            "conversations",
            "activities",
            "read_states",
            "creations",
            "issues",
            "brakes",
        )
        found: dict[str, Any] = {
            name: {key: row for key, row in getattr(self, name).items() if key[0] == org_id} for name in keyed
        }
        found["ledger"] = [row for row in self.ledger.values() if row.org_id == org_id]
        return found

    def put_contact(self, key: ContactKey, row: ContactRow) -> None:
        """Inserts or replaces; refuses a second living contact of one number (`contact_phone`)."""
        if row.merged_into is None:
            for other, held in self.contacts.items():
                same = held.merged_into is None and held.state.phone_number == row.state.phone_number
                if same and other != key and other[0] == key[0]:
                    raise ConflictError(f"contact_phone: {row.state.phone_number} is {other[1]}'s")
        self.contacts[key] = row

    def put_link(self, key: LinkKey, row: LinkRow) -> None:
        """Inserts or replaces; refuses a second open link of one contact and tenant (`link_open`)."""
        if row.state.status is LinkStatus.OPEN and row.state.contact_id is not None:
            for other, held in self.links.items():
                same = held.state.status is LinkStatus.OPEN and held.state.contact_id == row.state.contact_id
                if same and other != key and other[:2] == key[:2]:
                    raise ConflictError(f"link_open: {row.state.contact_id} has {other[2]}")
        self.links[key] = row
