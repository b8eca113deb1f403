"""Conversations from which an analysis is to be extracted, and what is to be found in them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from tieline.domain.extraction.definition import AnalysisDefinition, presets
from tieline.ports.store import UnitOfWork
from tieline.ports.work import Conversation, ConversationKey


@dataclass(frozen=True, slots=True)
class ExtractionTask:
    """A claimed conversation. `rerun`: a person asked for it, so an analysis of the platform's is replaced as well.

    `platform_analysis` is what the platform told, under its own version; `revision` is the claim's.
    """

    conversation: Conversation
    transcript: str
    revision: int
    rerun: bool = False
    attempts: int = 1
    platform_analysis: Mapping[str, Any] | None = None
    platform_version: str | None = None

    @property
    def key(self) -> ConversationKey:
        """Whose it is."""
        return self.conversation.key

    @property
    def kind(self) -> str:
        """`call` or `chat`."""
        return str(self.conversation.type)

    @property
    def told_by_platform(self) -> bool:
        """Whether the platform extracted anything itself; presets alone, which Retell always tells, are nothing."""
        return bool(set(self.platform_analysis or ()) - {one.name for one in presets(self.kind)})


@dataclass(frozen=True, slots=True)
class ExtractedAnalysis:
    """An analysis of our own as it is kept. `origin` says by what it was made."""

    analysis: Mapping[str, Any]
    evidence: Mapping[str, Any]
    origin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the people of a conversation live, as far as the configuration says."""

    time_zone: str
    country: str


class ExtractionStore(Protocol):
    """The rows of extractions, within a unit of work."""

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Opens a unit of work."""

    async def waiting(self, unit: UnitOfWork, org_id: str, now: datetime, cause: str) -> tuple[int, bool]:
        """How many are due, and whether an issue of that cause is open."""

    async def claim(
        self, unit: UnitOfWork, org_id: str, token: str, limit: int, now: datetime, until: datetime
    ) -> Sequence[ExtractionTask]:
        """Due conversations; nobody else gets them before `until`."""

    async def keep(self, unit: UnitOfWork, key: ConversationKey, token: str, until: datetime) -> bool:
        """Prolongs a claim; False if it is somebody else's by now."""

    async def save(
        self, unit: UnitOfWork, task: ExtractionTask, token: str, made: ExtractedAnalysis, now: datetime
    ) -> bool:
        """Makes it the conversation's analysis, which is due to be mapped then.

        False, and nothing is kept, if the claim is lost, the transcript is another one by now, or the platform has told
        an analysis meanwhile.
        """

    async def finish(
        self, unit: UnitOfWork, task: ExtractionTask, token: str, again_at: datetime | None
    ) -> None:
        """Ends a claim; what was wanted anew meanwhile stays due."""

    async def definition(self, org_id: str, agent_id: str | None, kind: str) -> AnalysisDefinition | None:
        """What counts for that agent's calls or chats: its own, else the one for all agents."""

    async def place(self, org_id: str) -> Place:
        """Where the organisation's people live."""
