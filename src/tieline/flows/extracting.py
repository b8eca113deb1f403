"""For conversations whose platform told no analysis: a model finds what was asked for, and code checks it.

What stands becomes the conversation's analysis, and is mapped like any other. A model is never called inside a
transaction. What it took is kept with what came of it, also when nothing did. Without a model nothing is extracted and
nothing fails: the conversations wait, and one notice says so.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tieline.domain.changeset import Changeset, IssueNote
from tieline.domain.extraction.definition import AnalysisDefinition
from tieline.domain.extraction.moments import Setting
from tieline.domain.extraction.parts import TooLongError, outcome
from tieline.domain.instants import zone
from tieline.flows.transcripts import TranscriptReader
from tieline.ports.clock import Clock, Ids
from tieline.ports.extracting import ExtractedAnalysis, ExtractionStore, ExtractionTask
from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.llm import Extractor, LlmRefusedError, LlmUnavailableError, Usage
from tieline.ports.store import Origin
from tieline.ports.work import UsageRow

# Longer than a model may take for one request; prolonged from part to part.
CLAIM_LASTS = timedelta(minutes=10)
MAX_ATTEMPTS = 8
MAX_BAD_ANSWERS = 3
REFUSED_AGAIN = timedelta(minutes=10)
_TOGETHER = 4
_NO_MODEL = "extraction:no_model"
_REFUSED = "extraction:refused"


@dataclass(slots=True)
class _Work:
    """One conversation's extraction, and what models took for it so far."""

    task: ExtractionTask
    token: str
    uses: list[Usage] = field(default_factory=list)

    @property
    def rows(self) -> list[UsageRow]:
        return [UsageRow(one, self.task.key, self.task.conversation.contact_id) for one in self.uses]


class _ClaimLostError(Exception):
    """Somebody else works on it; nothing more may be written."""


class ExtractingFlow:
    """Works off the conversations of an organisation from which something is to be extracted."""

    def __init__(
        self,
        store: ExtractionStore,
        extractor: Extractor | None,
        clock: Clock,
        ids: Ids,
        *,
        part_tokens: int = 24_000,
    ) -> None:
        self._store = store
        self._extractor = extractor
        self._clock = clock
        self._ids = ids
        self._part_tokens = part_tokens

    async def run(self, org_id: str) -> int:
        """One batch, its conversations side by side; returns how many there were."""
        if self._extractor is None:
            await self._say_that_there_is_no_model(org_id)
            return 0
        now, token = self._clock.now(), self._ids.new("claim")
        async with self._store.transaction() as uow:
            tasks = await self._store.claim(uow, org_id, token, _TOGETHER, now, now + CLAIM_LASTS)
            if tasks:
                await uow.apply(org_id, Changeset(closed_causes=[_NO_MODEL]), Origin())
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(self._one(_Work(task, token), self._extractor))
        return len(tasks)

    async def _say_that_there_is_no_model(self, org_id: str) -> None:
        async with self._store.transaction() as uow:
            number, told = await self._store.waiting(uow, org_id, self._clock.now(), _NO_MODEL)
            if number and not told:
                message = (
                    f"{number} conversations wait to be analysed, and no model is configured for that. Set"
                    " TIELINE_MODEL (docs/analysis.md says which models there are); they are analysed then."
                )
                note = IssueNote(_NO_MODEL, "model_missing", message, severity="warning")
                await uow.apply(org_id, Changeset(issues=[note]), Origin())

    async def _one(self, work: _Work, extractor: Extractor) -> None:
        try:
            made = await self._extracted(work, extractor)
        except _ClaimLostError:
            async with self._store.transaction() as uow:
                await uow.work.record_usage(work.task.key.org_id, work.rows)
        except Exception as error:
            await self._failed(work, error)
        else:
            await self._succeeded(work, made)

    async def _succeeded(self, work: _Work, made: ExtractedAnalysis | None) -> None:
        org_id = work.task.key.org_id
        async with self._store.transaction() as uow:
            if made is not None and await self._store.save(
                uow, work.task, work.token, made, self._clock.now()
            ):
                await uow.wake(Wake(WakeKind.ANALYSIS, org_id))
            await uow.work.record_usage(org_id, work.rows)
            closed = [_cause(work.task), *([_REFUSED] if work.uses else [])]
            await uow.apply(org_id, Changeset(closed_causes=closed), Origin())
            await self._store.finish(uow, work.task, work.token, None)

    # the extraction

    async def _extracted(self, work: _Work, extractor: Extractor) -> ExtractedAnalysis | None:
        """The analysis, or None if there is nothing to do. Raises LlmError, TooLongError."""
        task = work.task
        if task.told_by_platform and not task.rerun:
            return None
        key = task.key
        definition = await self._store.definition(key.org_id, task.conversation.agent_id, task.kind)
        fields = definition.fields_of(task.kind) if definition else None
        if definition is None or fields is None:
            return None
        setting = await self._setting(task, definition)
        reader = TranscriptReader(
            extractor, setting, self._part_tokens, str(task.conversation.direction or ""),
            lambda: self._keep(work), work.uses,
        )  # fmt: skip
        checked = await reader.read(task.transcript, fields)
        # What the platform did tell stays; a person who asks for another run wants ours.
        found = outcome(task.kind, fields, checked, {} if task.rerun else task.platform_analysis or {})
        origin = {
            "engine": extractor.engine,
            "prompt_version": extractor.prompt_version,
            "dropped": dict(found.dropped),
        }
        return ExtractedAnalysis(found.analysis, found.evidence, origin)

    async def _setting(self, task: ExtractionTask, definition: AnalysisDefinition) -> Setting:
        place = await self._store.place(task.key.org_id)
        began = task.conversation.started_at or task.conversation.counts_as_of
        where = zone(definition.time_zone or place.time_zone)
        return Setting(began.astimezone(where), definition.default_country or place.country)

    async def _keep(self, work: _Work) -> None:
        """Holds on to the claim while a long transcript is read. Raises _ClaimLostError."""
        async with self._store.transaction() as uow:
            until = self._clock.now() + CLAIM_LASTS
            if not await self._store.keep(uow, work.task.key, work.token, until):
                raise _ClaimLostError

    # failures

    async def _failed(self, work: _Work, error: Exception) -> None:
        """Comes back later if that can help, and else stays as an issue that can be replayed."""
        task, now = work.task, self._clock.now()
        again_at = _again_at(error, task.attempts, now)
        notes = []
        if isinstance(error, LlmRefusedError):
            message = (
                f"Conversations cannot be analysed: {error} They wait, and are tried again every ten minutes."
            )
            notes.append(IssueNote(_REFUSED, "model_refused", message, severity="error"))
        if again_at is None:
            message = (
                f"Conversation {task.key.ref} could not be analysed after {task.attempts} attempts: {error}"
                " Its other data is in place. Replay this issue, or run its analysis again."
            )
            contact_id = task.conversation.contact_id
            note = IssueNote(
                _cause(task), "extraction_failed", message, contact_id=contact_id, severity="error"
            )
            notes.append(note)
        async with self._store.transaction() as uow:
            await uow.work.record_usage(task.key.org_id, work.rows)
            await uow.apply(task.key.org_id, Changeset(issues=notes), Origin())
            await self._store.finish(uow, task, work.token, again_at)


def _again_at(error: Exception, attempts: int, now: datetime) -> datetime | None:
    """When to try again after the `attempts`-th try; None if that would not help."""
    match error:
        case LlmRefusedError():
            return now + REFUSED_AGAIN if attempts < MAX_ATTEMPTS else None
        case LlmUnavailableError() if attempts < MAX_ATTEMPTS:
            wait = min(2.0 ** min(attempts, 9), 600.0)
            return now + timedelta(seconds=max(wait, min(error.retry_after_s or 0.0, 3600.0)))
        case LlmUnavailableError() | TooLongError():
            return None
        case _:
            return now + timedelta(seconds=2.0**attempts) if attempts < MAX_BAD_ANSWERS else None


def _cause(task: ExtractionTask) -> str:
    return f"extraction:{task.key.ref}"
