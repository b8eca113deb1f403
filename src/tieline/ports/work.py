"""Conversations and activities as rows of work. Claims expire, so that a worker that dies gives its work back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from tieline.domain.activities import Activity, ConversationDirection, ConversationType, activity_key
from tieline.domain.evidence import Evidence
from tieline.domain.plan_analysis import Application, Contributed
from tieline.ports.llm import Usage


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """A conversation's identity: unique per organisation and platform."""

    org_id: str
    platform: str
    conversation_id: str

    @property
    def ref(self) -> str:
        """How sources and issues name it."""
        return f"{self.platform}:{self.conversation_id}"


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as the flows see it. `revision` changes with every update of the row.

    `evidence` is what values of an analysis of our own rest on, by name, and `analysis_origin` who found them
    (`engine`, `prompt_version`); a platform gives neither.
    """

    key: ConversationKey
    type: ConversationType
    status: str
    revision: datetime
    direction: ConversationDirection | None = None
    has_number: bool = True
    from_number: str | None = None
    to_number: str | None = None
    contact_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_ms: int | None = None
    disconnection_reason: str | None = None
    summary: str | None = None
    analysis: Mapping[str, Any] = field(default_factory=dict)
    analysis_version: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    counted: bool = False
    attempts: int = 0
    created_at: datetime | None = None
    agent_id: str | None = None
    successful: bool | None = None
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    analysis_origin: Mapping[str, str] = field(default_factory=dict)
    transcript: str | None = None

    @property
    def other_number(self) -> str | None:
        """The contact's number: the caller's on inbound, the dialled one on outbound."""
        if not self.has_number:
            return None
        return self.from_number if self.direction is ConversationDirection.INBOUND else self.to_number

    @property
    def counts_as_of(self) -> datetime:
        """As of when its values count: its end."""
        return self.ended_at or self.started_at or self.created_at or self.revision

    def activity(self) -> Activity:
        """The conversation as it is to be logged."""
        began = self.started_at or self.counts_as_of
        return Activity(
            key=activity_key(self.key.org_id, self.key.platform, self.key.conversation_id),
            type=self.type,
            conversation_id=self.key.conversation_id,
            direction=self.direction,
            started_ms=int(began.timestamp() * 1000),
            ended_ms=int(self.ended_at.timestamp() * 1000) if self.ended_at else None,
            duration_ms=self.duration_ms if self.type is ConversationType.CALL else None,
            from_number=self.from_number,
            to_number=self.to_number,
            summary=self.summary,
            disconnection_reason=self.disconnection_reason,
        )


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What a use of a model took, and what it was for."""

    usage: Usage
    conversation: ConversationKey | None = None
    contact_id: str | None = None


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One conversation's activity in one tenant. `intent_at`: a create was sent then and its answer is not known."""

    key: ConversationKey
    tenant_key: str
    contact_id: str
    external_id: str
    status: str
    activity_id: str | None = None
    wanted_hash: str = ""
    written_hash: str = ""
    written: Mapping[str, Any] | None = None
    intent_at: datetime | None = None
    due_at: datetime | None = None
    attempts: int = 0


class Work(Protocol):
    """The rows of work within a unit of work."""

    async def claim_conversations(
        self, org_id: str, token: str, limit: int, now: datetime, until: datetime
    ) -> Sequence[Conversation]:
        """Due conversations, the one that ended first in front; nobody else gets them before `until`."""

    async def conversation(self, key: ConversationKey, *, lock: bool) -> Conversation | None:
        """One conversation as it is now."""

    async def attach(
        self, key: ConversationKey, contact_id: str, counts_as_of: datetime, *, count: bool
    ) -> None:
        """Ties a conversation to its contact; the first time it also counts."""

    async def finish_conversation(
        self, key: ConversationKey, token: str, revision: datetime, *, again_at: datetime | None
    ) -> None:
        """Ends a claim. Work is left over if the row changed since `revision`, or `again_at` says so."""

    async def applications(self, key: ConversationKey) -> Sequence[Application]:
        """What this conversation did to each mapped field so far."""

    async def memory(self, org_id: str, contact_id: str) -> str | None:
        """The contact's memory, which is no part of `ContactState`: most flows have nothing to do with it."""

    async def due_again(self, key: ConversationKey) -> None:
        """Has the analysis flow look at the conversation again, also if a worker is at it."""

    async def contributions(
        self, key: ConversationKey, contact_id: str, field_names: Collection[str]
    ) -> Sequence[Contributed]:
        """What the contact's conversations, but for this one, did to these fields; in the order of their ends."""

    async def save_applications(self, key: ConversationKey, applications: Sequence[Application]) -> None:
        """Remembers it."""

    async def record_usage(self, org_id: str, uses: Sequence[UsageRow]) -> None:
        """Keeps what uses of models took. Those without a request cost nothing and are not kept."""

    async def want_activity(self, row: ActivityRow) -> None:
        """Says that a conversation is to be logged, or logged anew when `wanted_hash` differs from what is there."""

    async def due_activities(
        self, org_id: str, tenant_key: str, limit: int, now: datetime
    ) -> Sequence[ActivityRow]:
        """Activities with something to do, longest waiting first."""

    async def activities_of(self, key: ConversationKey) -> Sequence[ActivityRow]:
        """A conversation's activities, one per tenant."""

    async def save_activity(self, row: ActivityRow) -> None:
        """Replaces an activity's row; keeps it due if its wanted content changed meanwhile."""
