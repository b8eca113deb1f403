"""The world that a connector is tested in: one CRM tenant that a test may change as its users and its network do.

A connector's tests implement `World` over a sandbox (or, opt-in, a live organisation) and give it as the fixture
`world`. Every verb is the CRM's, not ours: none may go through the connector that is being tested.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tieline.domain.crm_schema import CrmKind
from tieline.domain.values import Value
from tieline.ports.crm import CrmSession


class Fault(StrEnum):
    """What can go wrong with the next requests that a session sends for its operations."""

    TOKEN_EXPIRED = "token_expired"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    DROPPED_BEFORE = "dropped_before"
    DROPPED_AFTER = "dropped_after"


@dataclass(frozen=True, slots=True)
class WorldFields:
    """The CRM's names of writable contact fields, one of each kind that it has, and values that they can hold.

    `long_text` takes at least 5,000 characters; `date_time` is written and read at `date_time_value`'s precision.
    `first_name` can be refused by `World.refuse`. `phone_spellings` are ways to write +14155550123 that the CRM takes.
    """

    phone: str
    first_name: str
    last_name: str
    long_text: str
    number: str
    boolean: str
    date: str
    picklist: str
    picklist_values: tuple[str, str]
    date_time: str | None = None
    date_time_value: str = "2026-03-15T10:30:00Z"
    multi_picklist: str | None = None
    multi_picklist_values: tuple[str, str] = ("", "")
    phone_spellings: tuple[str, ...] = (
        "(415) 555-0123",
        "+1 415.555.0123",
        "4155550123",
        "1-415-555-0123 ext. 9",
    )

    def kinds(self) -> dict[str, CrmKind]:
        """The kind of each of them."""
        texts = (self.phone, self.first_name, self.last_name, self.long_text)
        found: dict[str | None, CrmKind] = dict.fromkeys(texts, CrmKind.STRING)
        found |= {
            self.number: CrmKind.NUMBER,
            self.boolean: CrmKind.BOOLEAN,
            self.date: CrmKind.DATE,
            self.picklist: CrmKind.PICKLIST,
            self.date_time: CrmKind.DATETIME,
            self.multi_picklist: CrmKind.MULTI_PICKLIST,
        }
        return {name: kind for name, kind in found.items() if name is not None}

    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self.kinds())


@dataclass(frozen=True, slots=True)
class SeenActivity:
    """An activity as the CRM holds it: the records it hangs on and all of its text."""

    activity_id: str
    contact_ids: tuple[str, ...]
    text: str


class World(Protocol):
    """Values are in canonical form (`domain.values`), by the CRM's field names."""

    @property
    def fields(self) -> WorldFields:
        """The fields to test with."""
        ...

    @property
    def secrets(self) -> Sequence[str]:
        """What must never appear in an error: the credentials, and tokens as far as they are known."""
        ...

    @property
    def renewable(self) -> bool:
        """Whether the credentials can give a new token; False for a static one."""
        ...

    @property
    def self_hosted(self) -> bool:
        """Whether customers run this CRM under addresses of their own, so that any https origin may be one."""
        ...

    def session(self) -> CrmSession:
        """A new session with nothing in memory, as a new process would have it; it may share a stored token."""
        ...

    async def create(self, values: Mapping[str, Value]) -> str:
        """A user creates a record; gives its id."""
        ...

    async def edit(
        self, external_id: str, values: Mapping[str, Value], *, stamped_s_ago: float = 0.0
    ) -> None:
        """A user edits a record; with a stamp of some seconds ago, as a slow transaction's commit has it."""
        ...

    async def delete(self, external_id: str) -> None:
        """A user deletes a record."""
        ...

    async def merge(self, winner: str, loser: str) -> str:
        """A user merges two records; gives the id of the survivor, which may be a third one."""
        ...

    async def look(self, external_id: str) -> Mapping[str, Value]:
        """What the CRM holds in `fields` of a live record, by its public API or its own memory."""
        ...

    async def activities(self) -> Sequence[SeenActivity]:
        """Every activity in the tenant."""
        ...

    async def rewrite_activity(self, activity_id: str, text: str) -> None:
        """A user replaces the activity's long text."""
        ...

    async def make_activity_key(self) -> str:
        """An administrator makes a unique field for the keys of activities; gives its name. Asked only of a CRM whose
        connector declares ACTIVITY_KEY.
        """
        ...

    async def fail(self, fault: Fault, *, times: int | None = 1) -> None:
        """Lets the next `times` requests other than those of authentication fail so; None: all until `heal`."""
        ...

    async def heal(self) -> None:
        """Ends all faults, hidden fields and refusals."""
        ...

    async def hide(self, field: str) -> None:
        """An administrator takes a contact field away from our user."""
        ...

    async def refuse(self, external_id: str, text: str) -> None:
        """A rule of the tenant refuses our writes to this record, and says `text`."""
        ...

    async def settle(self) -> None:
        """Lets time pass until everything done so far is to be seen by every way of reading, without a real wait."""
        ...

    async def lose_cursors(self) -> bool:
        """The CRM forgets all places within reads that it keeps; False if it keeps none."""
        ...
