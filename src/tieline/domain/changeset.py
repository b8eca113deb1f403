"""What a plan wants done to our own data, as values. Every flow and every edit ends in one `Changeset`.

The store applies a changeset in one transaction and with one statement per kind of row, never per record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tieline.domain.changes import PairState
from tieline.domain.values import Value


class SourceKind(StrEnum):
    """Who set a value."""

    CRM = "crm"
    CONVERSATION = "conversation"
    PERSON = "person"
    API = "api"
    IMPORT = "import"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value came from and as of when it counts (epoch ms).

    `ref` names the record, conversation or person. For a CRM's change `from_ms` is the start of the interval in which
    it happened (the last read without it); `at_ms` is its end.
    """

    kind: SourceKind
    at_ms: int
    ref: str = ""
    from_ms: int | None = None


class LedgerOutcome(StrEnum):
    """`overruled`: the new value did not stand. `withdrawn`: taken back because its source no longer belongs here."""

    SET = "set"
    OVERRULED = "overruled"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One change of one field of a contact, or the record of one that did not stand."""

    field_name: str
    old: Value
    new: Value
    source: Source
    outcome: LedgerOutcome = LedgerOutcome.SET
    reason: str = ""
    field_id: str = ""
    evidence: Mapping[str, Any] | None = None
    stands: Source | None = None

    @property
    def standing(self) -> Source:
        """By whom the value stands from then on: an undo makes what stood before stand as it did."""
        return self.stands or self.source


@dataclass(frozen=True, slots=True)
class ContactState:
    """A contact as a plan sees it. `values` has every field with a value but the number; `sources` where each
    is from.
    """

    contact_id: str
    phone_number: str
    values: Mapping[str, Value] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    version: int = 0


class LinkStatus(StrEnum):
    """See the link table: `open` is the contact's primary record; every other status gives no values."""

    OPEN = "open"
    SHARED = "shared"
    SKIPPED = "skipped"
    CLOSED = "closed"
    DELETED = "deleted"
    MERGED = "merged"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class LinkState:
    """A record of the tenant as we know it, and its tie to a contact. Times in epoch ms."""

    external_id: str
    contact_id: str | None
    status: LinkStatus
    phones: tuple[str, ...] = ()
    raw_phone: str | None = None
    created_ms: int = 0
    stamp_ms: int = 0
    read_ms: int = 0
    confirmed_write_ms: int = 0
    pairs: Mapping[str, PairState] = field(default_factory=dict)
    pinned: bool = False
    needs_read: bool = False
    dirty: bool = False
    merged_into: str | None = None
    blocked: Mapping[str, Any] = field(default_factory=dict)
    push_attempts: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class ContactChange:
    """Field changes of an existing contact, in order; `phone_number` when its number changes.

    `mark_dirty`: its open links may have something to push (the store marks them). A plan that rewrites the link itself
    says so there instead.
    """

    contact_id: str
    changes: tuple[FieldChange, ...] = ()
    phone_number: str | None = None
    mark_dirty: bool = True
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class NewContact:
    """A contact to be created with its values, all of which are in `changes`."""

    contact_id: str
    phone_number: str
    changes: tuple[FieldChange, ...] = ()
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class ContactMerge:
    """`loser_id` becomes part of `survivor_id`: conversations, aliases and pending work move, its id keeps
    resolving.

    `filled` are the fields that take the loser's value, with what the survivor had in them: an undo needs it.
    """

    survivor_id: str
    loser_id: str
    filled: Mapping[str, Value] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ContactUnmerge:
    """`loser_id` is a contact of its own again: what moved by its merge and is still there goes back.

    `numbers` are the loser's own: conversations with them that came since the merge go with it. `dropped` are aliases
    that the survivor has by the merge only.
    """

    survivor_id: str
    loser_id: str
    numbers: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alias:
    """Another number of a contact. `origin`: record, former or merged."""

    contact_id: str
    phone_number: str
    origin: str


@dataclass(frozen=True, slots=True)
class IssueNote:
    """Something that needs a person. Two notes with one `cause` are one issue."""

    cause: str
    kind: str
    message: str
    external_id: str | None = None
    contact_id: str | None = None
    field_name: str | None = None
    raw: Any = None
    severity: str = "warning"


@dataclass(frozen=True, slots=True)
class Changeset:
    """Everything one unit of work does to our data. `links` are whole rows, inserted or replaced by external id.

    `dropped_aliases` are (contact id, number) of aliases that came from a record which is not the contact's any more.
    `moved` are external ids of links that speak for one contact and from now on for another.
    `opened` are contacts that a record of the tenant speaks for from now on: recent conversations become due
    to be logged.
    """

    tenant_key: str = ""
    new_contacts: Sequence[NewContact] = ()
    contact_changes: Sequence[ContactChange] = ()
    contact_merges: Sequence[ContactMerge] = ()
    contact_unmerges: Sequence[ContactUnmerge] = ()
    links: Sequence[LinkState] = ()
    moved: Sequence[str] = ()
    aliases: Sequence[Alias] = ()
    dropped_aliases: Sequence[tuple[str, str]] = ()
    issues: Sequence[IssueNote] = ()
    closed_causes: Sequence[str] = ()
    opened: Sequence[str] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(
            self.new_contacts
            or self.contact_changes
            or self.contact_merges
            or self.contact_unmerges
            or self.links
            or self.aliases
            or self.dropped_aliases
            or self.issues
            or self.closed_causes
        )
