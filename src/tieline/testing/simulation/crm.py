"""What a simulated world asks of the CRM it is given: an application to send requests to, and hands to steer it with.

The caller implements it, usually over a sandbox; the world itself knows no CRM. Values are by our field names (the keys
of `names`), text as the CRM keeps it, None for empty; `do_not_call` is a boolean.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
AsgiApp: TypeAlias = Callable[
    [Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]
Fields: TypeAlias = Mapping[str, Any]


class RefusedByCrmError(Exception):
    """The CRM does not let its user do this (a deleted record, a value taken, nothing to restore)."""


@dataclass(frozen=True, slots=True)
class LoggedActivity:
    """An activity in the CRM: the records it hangs on and all its text."""

    activity_id: str
    record_ids: tuple[str, ...]
    text: str


class SimulatedCrm(Protocol):
    """One CRM tenant, empty at first."""

    @property
    def provider(self) -> str: ...
    @property
    def auth(self) -> Mapping[str, str]:
        """The members of `auth_config` that open it."""

    @property
    def names(self) -> Mapping[str, str]:
        """The CRM's names of our fields."""

    @property
    def app(self) -> AsgiApp:
        """Answers its public API in process."""

    @property
    def longest_late_s(self) -> int:
        """How late a transaction may become visible at most, behind its own stamp."""

    def set_time(self, at: datetime) -> None:
        """Its clock."""

    def set_lag(self, seconds: float) -> None:
        """How far its search index is behind."""

    def fail(self, fault: str, record_id: str | None = None) -> None:
        """The next request fails so: unauthorized, forbidden, rate_limited, unavailable; or the next write of that
        record: rejected, locked."""

    def hide(self, field_name: str) -> None:
        """An administrator takes a field away from our user."""

    def heal(self) -> None:
        """Ends all faults."""

    def create(self, values: Fields) -> str:
        """A user creates a record."""

    def edit(self, record_id: str, values: Fields, late_s: int = 0) -> None:
        """A user edits a record, perhaps in a transaction that began some seconds ago."""

    def delete(self, record_id: str) -> None: ...
    def restore(self, record_id: str) -> None: ...
    def merge(self, winner: str, loser: str) -> str:
        """Gives the survivor's id, which may be a third one."""

    def records(self) -> Mapping[str, Fields]:
        """The living records; `_stamp` is the time of the last change."""

    def activities(self) -> Sequence[LoggedActivity]:
        """All living activities."""
