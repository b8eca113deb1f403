"""A connection to a CRM that only reads: what would be written is written down instead, and taken for confirmed.

Reads are real. A write goes as far as the first request that would change something; that one is never sent.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Generic, TypeVar, cast

from tieline.domain.activities import Activity
from tieline.domain.crm_schema import CrmField
from tieline.domain.dry_run import Action, Entry, Line, Side
from tieline.domain.records import Patch, RemoteRecord
from tieline.domain.values import Value
from tieline.ports.clock import Clock
from tieline.ports.crm import (
    ActivityRef,
    Capability,
    Connector,
    CrmSession,
    Identity,
    Operation,
    Page,
    WriteOutcome,
    Written,
)
from tieline.ports.errors import CrmError

T = TypeVar("T")
Told = Callable[[Sequence[Line]], Awaitable[None]]
# The ids of records and activities that were not created.
NOT_CREATED: Final = "not-created:"


class WouldWriteError(Exception):
    """A dry run was about to change something in the CRM. It was not sent, and this is a fault of Tieline."""


@dataclass(frozen=True, slots=True)
class _Ended(Generic[T]):
    result: T


def _until_write(operation: Operation[T]) -> Operation[_Ended[T] | None]:
    """Up to the first request that would change something: None if it came to that, else what it returned."""
    try:
        request = next(operation)
        while not request.applies:
            try:
                response = yield request
            except CrmError as error:
                request = operation.throw(error)
            else:
                request = operation.send(response)
    except StopIteration as stop:
        return _Ended(stop.value)
    finally:
        operation.close()
    return None


def _only_reading(operation: Operation[T]) -> Operation[T]:
    ended = yield from _until_write(operation)
    if ended is None:
        raise WouldWriteError("A dry run was about to change something in the CRM. Please report this.")
    return ended.result


class ReadingSession:
    """Implements `CrmSession` on another one. `told` hears what would have been written."""

    def __init__(self, session: CrmSession, clock: Clock, told: Told) -> None:
        self._session = session
        self._told = told
        self._stopping = _StoppingConnector(session.connector, clock)

    @property
    def connector(self) -> Connector:
        """The connector, whose writes are stopped."""
        return cast(Connector, self._stopping)

    @property
    def identity(self) -> Identity | None:
        """Whom the CRM said we are."""
        return self._session.identity

    @property
    def requests_sent(self) -> int:
        """Requests sent, all of which read."""
        return self._session.requests_sent

    @property
    def writes(self) -> int:
        """Requests that were not sent, as they would have changed something."""
        return self._stopping.writes

    async def run(self, operation: Operation[T], *, send_by: datetime | None = None) -> T:
        """As `CrmSession.run`. Raises WouldWriteError for a write that was not stopped before."""
        result = await self._session.run(_only_reading(operation), send_by=send_by)
        lines = self._stopping.take_lines()
        if lines:
            await self._told(lines)
        return result


class _StoppingConnector:
    """A connector whose writes end where they would leave."""

    def __init__(self, connector: Connector, clock: Clock) -> None:
        # What was overwritten is looked up after a write; nothing was written.
        capabilities = connector.spec.capabilities - {Capability.FIELD_HISTORY}
        self.spec = replace(connector.spec, capabilities=capabilities)
        self.writes = 0
        self._connector = connector
        self._clock = clock
        self._lines: list[Line] = []
        self._read: dict[str, RemoteRecord] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def take_lines(self) -> list[Line]:
        """The lines since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def read_by_ids(self, fields: Sequence[CrmField], ids: Sequence[str]) -> Operation[Page]:
        """Live values, which are remembered: they are what a write would replace."""
        real = [one for one in ids if not one.startswith(NOT_CREATED)]
        if ids and not real:
            return Page((), None, None, self._clock.now())
        page = yield from self._connector.read_by_ids(fields, real)
        self._read = {record.external_id: record for record in page.records}
        return page

    def update_contacts(
        self, patches: Sequence[Patch], fields: Mapping[str, CrmField]
    ) -> Operation[Sequence[WriteOutcome]]:
        """What is refused before it is sent is refused; everything else is taken for confirmed."""
        whole = yield from _until_write(self._connector.update_contacts(patches, fields))
        if whole is not None:
            return whole.result
        self.writes += 1
        outcomes: list[WriteOutcome] = []
        for patch in patches:
            alone = yield from _until_write(self._connector.update_contacts([patch], fields))
            if alone is None:
                self._lines.append(self._update(patch))
            outcomes.append(Written(patch.external_id) if alone is None else alone.result[0])
        return outcomes

    def _update(self, patch: Patch) -> Line:
        record = self._read.get(patch.external_id)
        before = {} if record is None else record.values
        entries = tuple(Entry(name, before.get(name), value) for name, value in patch.values.items())
        return Line(Action.CHANGED, Side.CRM, external_id=patch.external_id, entries=entries)

    def create_contact(
        self, values: Mapping[str, Value], fields: Mapping[str, CrmField]
    ) -> Operation[Written]:
        """A record that nobody has created."""
        ended = yield from _until_write(self._connector.create_contact(values, fields))
        if ended is not None:
            return ended.result
        self.writes += 1
        entries = tuple(Entry(name, None, value) for name, value in values.items())
        self._lines.append(Line(Action.CREATED, Side.CRM, entries=entries))
        return Written(f"{NOT_CREATED}{self.writes}")

    def create_activity(
        self, contact_id: str, activity: Activity, key_field: str | None = None
    ) -> Operation[ActivityRef]:
        """An activity that nobody has logged."""
        if not contact_id.startswith(NOT_CREATED):
            keyed = {"key_field": key_field} if key_field else {}
            ended = yield from _until_write(self._connector.create_activity(contact_id, activity, **keyed))
            if ended is not None:
                return ended.result
        self.writes += 1
        self._lines.append(_logged(activity, contact_id, "It would be logged."))
        return ActivityRef(f"{NOT_CREATED}{self.writes}", {})

    def update_activity(
        self, activity_id: str, activity: Activity, written: Mapping[str, Any]
    ) -> Operation[ActivityRef]:
        """An activity that stays as it is."""
        if not activity_id.startswith(NOT_CREATED):
            ended = yield from _until_write(self._connector.update_activity(activity_id, activity, written))
            if ended is not None:
                return ended.result
            self.writes += 1
            why = f"The activity {activity_id} would be brought up to date."
            self._lines.append(_logged(activity, None, why))
        return ActivityRef(activity_id, written)


def _logged(activity: Activity, external_id: str | None, why: str) -> Line:
    told = {
        "conversation_id": activity.conversation_id, "type": activity.type.value, "summary": activity.summary,
    }  # fmt: skip
    entries = tuple(Entry(name, None, value) for name, value in told.items())
    return Line(Action.LOGGED, Side.CRM, external_id=external_id, entries=entries, why=why)
