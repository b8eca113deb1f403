"""Takes in what platforms report of calls and chats: one row per conversation, however often and in whatever order.

When a conversation has ended, its row is due and the analysis flow is woken in the same transaction; all
further work is that flow's. This module must never call a CRM or a model, nor touch a contact: a platform is
waiting for the answer.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from tieline.domain.fields import Problem
from tieline.domain.intake import Announcement, Report, merge, with_numbers
from tieline.ports.clock import Clock
from tieline.ports.errors import ConflictError
from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.store import UnitOfWork

_ATTEMPTS = 5


class IntakeRefusedError(ValueError):
    """The report cannot be taken in; `problems` says why, and nothing was stored."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.where}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


class IntakeStore(Protocol):
    """The rows of conversations and announcements, within a unit of work."""

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Opens a unit of work."""

    async def known(
        self, unit: UnitOfWork, org_id: str, platform: str, conversation_id: str
    ) -> Report | None:
        """What is known of a conversation. Locked until the unit ends, also when nothing is known yet."""

    async def save(
        self, unit: UnitOfWork, org_id: str, report: Report, raw: Mapping[str, Any], due_at: datetime | None
    ) -> None:
        """Inserts or replaces what is known. `due_at` None leaves the row as due as it was."""

    async def announce(self, org_id: str, announcement: Announcement, at: datetime) -> None:
        """Remembers an announcement."""

    async def consume_announcement(
        self, unit: UnitOfWork, org_id: str, agent_id: str, began: datetime, conversation_id: str
    ) -> Announcement | None:
        """The latest unconsumed announcement of that agent in the ten minutes before, which is then consumed."""

    async def contact_exists(self, unit: UnitOfWork, org_id: str, contact_id: str) -> bool:
        """Whether there is such a contact."""


class Intake:
    """The flow. One instance serves all organisations."""

    def __init__(self, store: IntakeStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def take(
        self, org_id: str, report: Report, raw: Mapping[str, Any], *, announced: bool = False
    ) -> Report:
        """Takes one report in; returns what is known now. A repeated report changes nothing.

        `announced` allows to look for the numbers in an announcement. Raises IntakeRefusedError.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return await self._once(org_id, report, raw, announced)
            except ConflictError:
                if attempt + 1 == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    async def announce(self, org_id: str, announcement: Announcement) -> None:
        """Remembers that a chat with that number is about to begin."""
        await self._store.announce(org_id, announcement, self._clock.now())

    async def _once(self, org_id: str, report: Report, raw: Mapping[str, Any], announced: bool) -> Report:
        async with self._store.transaction() as unit:
            known = await self._store.known(unit, org_id, report.platform, report.conversation_id)
            if known is not None and known.type != report.type:
                said = f"{report.conversation_id!r} is the id of a {known.type}."
                raise IntakeRefusedError([Problem("conversation_id", said)])
            if report.contact_id is not None and (known is None or known.contact_id != report.contact_id):
                await self._check_contact(unit, org_id, report.contact_id)
            if announced and not report.has_number and (known is None or not known.has_number):
                report = await self._with_announced(unit, org_id, report)
            merged = report if known is None else merge(known, report)
            if merged == known:
                return merged
            due_at = self._clock.now() if merged.ended else None
            await self._store.save(unit, org_id, merged, raw, due_at)
            if due_at is not None:
                await unit.wake(Wake(WakeKind.ANALYSIS, org_id))
            return merged

    async def _check_contact(self, unit: UnitOfWork, org_id: str, contact_id: str) -> None:
        if not await self._store.contact_exists(unit, org_id, contact_id):
            raise IntakeRefusedError([Problem("contact_id", f"There is no contact {contact_id!r}.")])

    async def _with_announced(self, unit: UnitOfWork, org_id: str, report: Report) -> Report:
        if report.agent_id is None:
            return report
        began = report.started_at or self._clock.now()
        found = await self._store.consume_announcement(
            unit, org_id, report.agent_id, began, report.conversation_id
        )
        if found is None:
            return report
        inbound = replace(report, direction="inbound")
        return with_numbers(inbound, found.from_number, found.to_number, "US")
