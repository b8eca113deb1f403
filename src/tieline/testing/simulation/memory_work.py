"""Conversations and activities of the in-memory store: `ports.work.Work`, as `store/queries/work` has it."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from tieline.domain.activities import ConversationDirection, ConversationType
from tieline.domain.contact_memory import CONTACT_MEMORY
from tieline.domain.plan_analysis import Application, Contributed
from tieline.ports.clock import Clock, to_ms
from tieline.ports.work import ActivityRow, Conversation, ConversationKey, UsageRow
from tieline.testing.simulation.tables import ConversationId, ConversationRow, Tables


class MemoryWork:
    """The rows of work within an open transaction."""

    def __init__(self, tables: Tables, clock: Clock, point: Callable[[str], Awaitable[None]]) -> None:
        self._tables = tables
        self._clock = clock
        self._point = point

    async def claim_conversations(
        self, org_id: str, token: str, limit: int, now: datetime, until: datetime
    ) -> Sequence[Conversation]:
        """Due conversations, the one that ended first in front."""
        await self._point("claim_conversations")
        due = [
            (conversation_of(key, row), row)
            for key, row in self._tables.conversations.items()
            if key[0] == org_id
            and row.due_at is not None
            and row.due_at <= now
            and (row.claim_until is None or row.claim_until <= now)
        ]
        due.sort(key=lambda one: (one[0].counts_as_of, one[0].key.ref))
        claimed = []
        for conversation, row in due[:limit]:
            taken = replace(row, claim_token=token, claim_until=until, attempts=row.attempts + 1)
            self._tables.conversations[id_of(conversation.key)] = taken
            claimed.append(replace(conversation, attempts=taken.attempts))
        return claimed

    async def conversation(self, key: ConversationKey, *, lock: bool) -> Conversation | None:
        """One conversation as it is now."""
        await self._point("conversation")
        row = self._tables.conversations.get(id_of(key))
        return None if row is None else conversation_of(id_of(key), row)

    async def attach(
        self, key: ConversationKey, contact_id: str, counts_as_of: datetime, *, count: bool
    ) -> None:
        """Ties a conversation to its contact; the first time it also counts."""
        await self._point("attach")
        row = self._tables.conversations[id_of(key)]
        self._tables.conversations[id_of(key)] = replace(row, contact_id=contact_id, counted=True)
        if count:
            contact = self._tables.contacts[key.org_id, contact_id]
            latest = max(counts_as_of, contact.last_conversation_at or counts_as_of)
            counted = replace(contact, conversations=contact.conversations + 1, last_conversation_at=latest)
            self._tables.contacts[key.org_id, contact_id] = counted

    async def finish_conversation(
        self, key: ConversationKey, token: str, revision: datetime, *, again_at: datetime | None
    ) -> None:
        """Ends a claim."""
        await self._point("finish_conversation")
        row = self._tables.conversations[id_of(key)]
        if row.claim_token != token:
            return
        due_at = again_at
        if row.revision != revision:
            now = self._clock.now()
            due_at = min(row.due_at, now) if row.due_at is not None else now
        attempts = 0 if again_at is None else row.attempts
        self._tables.conversations[id_of(key)] = replace(
            row, due_at=due_at, attempts=attempts, claim_token=None, claim_until=None
        )

    async def applications(self, key: ConversationKey) -> Sequence[Application]:
        """What this conversation did so far."""
        await self._point("applications")
        return list(self._tables.applications.get(id_of(key), {}).values())

    async def memory(self, org_id: str, contact_id: str) -> str | None:
        """The contact's memory."""
        await self._point("memory")
        value = self._tables.contacts[org_id, contact_id].state.values.get(CONTACT_MEMORY)
        return value if isinstance(value, str) else None

    async def due_again(self, key: ConversationKey) -> None:
        """Has the analysis flow look at the conversation again."""
        await self._point("due_again")
        row, now = self._tables.conversations[id_of(key)], self._clock.now()
        self._tables.conversations[id_of(key)] = replace(row, due_at=now, attempts=0, revision=now)

    async def contributions(
        self, key: ConversationKey, contact_id: str, field_names: Collection[str]
    ) -> Sequence[Contributed]:
        """What the contact's other conversations did to these fields."""
        await self._point("contributions")
        own = [
            conversation_of(other, row)
            for other, row in self._tables.conversations.items()
            if other != id_of(key) and other[0] == key.org_id and row.contact_id == contact_id
        ]
        return [
            Contributed(one.key.ref, to_ms(one.counts_as_of), application)
            for one in sorted(own, key=lambda one: (one.counts_as_of, one.key.ref))
            for application in self._tables.applications.get(id_of(one.key), {}).values()
            if application.field_name in field_names
        ]

    async def save_applications(self, key: ConversationKey, applications: Sequence[Application]) -> None:
        """Remembers it."""
        await self._point("save_applications")
        known = dict(self._tables.applications.get(id_of(key), {}))
        known.update(((one.analysis_data_name, one.field_name), one) for one in applications)
        self._tables.applications[id_of(key)] = known

    async def record_usage(self, org_id: str, uses: Sequence[UsageRow]) -> None:
        """Nothing: what a model took is of no consequence here."""
        await self._point("record_usage")

    async def want_activity(self, row: ActivityRow) -> None:
        """Says that a conversation is to be logged, or logged anew."""
        await self._point("want_activity")
        place = (row.key.org_id, row.tenant_key, row.key.platform, row.key.conversation_id)
        old = self._tables.activities.get(place)
        if old is None:
            new = ActivityRow(
                row.key, row.tenant_key, row.contact_id, row.external_id, "due",
                wanted_hash=row.wanted_hash, due_at=row.due_at,
            )  # fmt: skip
        elif old.written_hash == row.wanted_hash:
            new = replace(old, wanted_hash=row.wanted_hash)
        else:
            new = replace(old, wanted_hash=row.wanted_hash, status="due", due_at=old.due_at or row.due_at)
        self._tables.activities[place] = new

    async def due_activities(
        self, org_id: str, tenant_key: str, limit: int, now: datetime
    ) -> Sequence[ActivityRow]:
        """Activities with something to do, longest waiting first."""
        await self._point("due_activities")
        due = [
            (row.due_at, key, row)
            for key, row in self._tables.activities.items()
            if key[:2] == (org_id, tenant_key) and row.due_at is not None and row.due_at <= now
        ]
        return [row for _, _, row in sorted(due, key=lambda one: one[:2])[:limit]]

    async def activities_of(self, key: ConversationKey) -> Sequence[ActivityRow]:
        """A conversation's activities, one per tenant."""
        await self._point("activities_of")
        return [row for row in self._tables.activities.values() if row.key == key]

    async def save_activity(self, row: ActivityRow) -> None:
        """Replaces an activity's row; keeps it due if its wanted content changed since the row was taken up."""
        await self._point("save_activity")
        place = (row.key.org_id, row.tenant_key, row.key.platform, row.key.conversation_id)
        old = self._tables.activities.get(place)
        if old is None:
            return
        again = row.status == "done" and old.wanted_hash != row.wanted_hash
        self._tables.activities[place] = replace(
            row,
            wanted_hash=old.wanted_hash,
            status="due" if again else row.status,
            due_at=self._clock.now() if again else row.due_at,
        )


def id_of(key: ConversationKey) -> ConversationId:
    """The key of its row."""
    return (key.org_id, key.platform, key.conversation_id)


def conversation_of(key: ConversationId, row: ConversationRow) -> Conversation:
    """The row as the flows see it."""
    report = row.report
    return Conversation(
        key=ConversationKey(*key),
        type=ConversationType(report.type),
        status=report.status,
        revision=row.revision,
        direction=None if report.direction is None else ConversationDirection(report.direction),
        has_number=report.has_number,
        from_number=report.from_number,
        to_number=report.to_number,
        contact_id=row.contact_id,
        started_at=report.started_at,
        ended_at=report.ended_at,
        duration_ms=report.duration_ms,
        disconnection_reason=report.disconnection_reason,
        summary=report.summary,
        analysis=report.analysis or {},
        analysis_version=report.analysis_version,
        metadata=report.metadata or {},
        counted=row.counted,
        attempts=row.attempts,
        created_at=row.created_at,
        agent_id=report.agent_id,
        successful=report.successful,
        transcript=report.transcript,
    )
