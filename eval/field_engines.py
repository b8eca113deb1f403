"""The extraction as it is built into its flow, on one conversation and in memory."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from eval.conversations import Conversation as Labelled
from eval.conversations import Expected
from eval.field_scores import Answer, Found
from tieline.domain.activities import ConversationDirection, ConversationType
from tieline.domain.changeset import Changeset
from tieline.domain.extraction.definition import AnalysisDefinition, AnalysisField, AnalysisType
from tieline.flows.extracting import ExtractingFlow
from tieline.ports.extracting import ExtractedAnalysis, ExtractionTask, Place
from tieline.ports.llm import Extractor, Usage
from tieline.ports.store import UnitOfWork
from tieline.ports.work import Conversation, ConversationKey, UsageRow

COUNTRY = "US"


class FlowExtraction:
    """The extracting flow with a model. Only the labelled fields are asked, presets among them."""

    def __init__(self, extractor: Extractor, *, part_tokens: int) -> None:
        self._extractor = extractor
        self._part_tokens = part_tokens

    async def find(self, conversation: Labelled) -> Found:
        """What came of it. A failure that the flow would try again later is one here."""
        shelf = _Shelf(conversation)
        flow = ExtractingFlow(
            cast(Any, shelf), self._extractor, _Clock(conversation), _Ids(), part_tokens=self._part_tokens
        )
        await flow.run("org")
        return shelf.found()


def definition_of(conversation: Labelled) -> AnalysisDefinition:
    """What the labels ask, as a configuration would."""
    fields = tuple(_field(one) for one in conversation.fields)
    return _Labelled(call_fields=fields, chat_fields=fields)


def _field(one: Expected) -> AnalysisField:
    asked = one.asked
    return AnalysisField(
        asked.name,
        AnalysisType(asked.type),
        asked.description,
        tuple(asked.examples),
        tuple(asked.choices),
        asked.required,
        asked.condition,
        one.preset,
    )


class _Labelled(AnalysisDefinition):
    """A definition without the presets that nobody labelled."""

    def fields_of(self, kind: str) -> tuple[AnalysisField, ...] | None:
        return self.call_fields if kind == "call" else self.chat_fields


@dataclass
class _Unit:
    """Takes what a unit of work is given; it commits nowhere."""

    usage: list[Usage] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    @property
    def work(self) -> "_Unit":
        return self

    async def apply(self, org_id: str, changes: Changeset, origin: Any) -> None:
        self.messages += [issue.message for issue in changes.issues]

    async def wake(self, wake: Any) -> None:
        return None

    async def record_usage(self, org_id: str, rows: list[UsageRow]) -> None:
        self.usage += [row.usage for row in rows]


class _Shelf:
    """An `ExtractionStore` with one conversation in it."""

    def __init__(self, labelled: Labelled) -> None:
        self._labelled = labelled
        self._unit = _Unit()
        self._made: ExtractedAnalysis | None = None
        self._again = False

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[UnitOfWork]:
            yield cast(UnitOfWork, self._unit)

        return opened()

    async def claim(self, *_: Any) -> list[ExtractionTask]:
        started = self._labelled.started_at
        conversation = Conversation(
            ConversationKey("org", "eval", self._labelled.id),
            ConversationType(self._labelled.channel),
            "ended",
            started,
            direction=ConversationDirection(self._labelled.direction),
            started_at=started,
            ended_at=started + timedelta(hours=3),
        )
        return [ExtractionTask(conversation, self._labelled.transcript, 1)]

    async def keep(self, *_: Any) -> bool:
        return True

    async def save(self, unit: Any, task: Any, token: str, made: ExtractedAnalysis, now: datetime) -> bool:
        self._made = made
        return True

    async def finish(self, unit: Any, task: Any, token: str, again_at: datetime | None) -> None:
        self._again = again_at is not None

    async def definition(self, *_: Any) -> AnalysisDefinition:
        return definition_of(self._labelled)

    async def place(self, org_id: str) -> Place:
        return Place(str(self._labelled.started_at.tzinfo), COUNTRY)

    def found(self) -> Found:
        usage = tuple(self._unit.usage)
        if self._made is None:
            later = "It would be tried again later." if self._again else "It was given up."
            return Found({}, usage, " ".join([*self._unit.messages, later]))
        evidence = self._made.evidence
        return Found(
            {
                name: Answer(value, str(evidence.get(name, {}).get("quote", "")))
                for name, value in self._made.analysis.items()
            },
            usage,
        )


class _Ids:
    def new(self, kind: str) -> str:
        return kind


class _Clock:
    def __init__(self, labelled: Labelled) -> None:
        self._now = labelled.started_at.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError("nothing is waited for here")
