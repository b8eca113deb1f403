"""Saves what conversations contribute to one contact, several at once: planned, merged by models outside of any
transaction, planned again, and written in one.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tieline.domain.board import Board, Known
from tieline.domain.comparing import ENGINE
from tieline.domain.contact_memory import CONTACT_MEMORY
from tieline.domain.merging_notes import Answer, MergeNeeded
from tieline.domain.plan_analysis import Analysed, AnalysisRules, Contributed
from tieline.domain.replaying import Replayed, Turn, replay
from tieline.flows.kept_answers import KeptAnswers
from tieline.flows.merging import NoteMerging
from tieline.flows.remembering import memory_prompt, with_memory
from tieline.ports.answers import Answers
from tieline.ports.config import OrgConfig
from tieline.ports.errors import ConflictError, TransientError
from tieline.ports.llm import (
    Classified,
    ClassifyRequest,
    LlmRefusedError,
    LlmUnavailableError,
    MergeModel,
    RewriteRequest,
    Rewritten,
    Usage,
)
from tieline.ports.store import Lease, Origin, Store, UnitOfWork
from tieline.ports.work import ConversationKey, UsageRow

# A long history of texts takes a round for each that has to be merged.
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a contact: what its conversations did, and when others changed its fields."""

    known: Sequence[Contributed]
    set_by_others: Mapping[str, int] = field(default_factory=dict)


Look = Callable[[UnitOfWork, str], Awaitable[Past]]
"""Reads a contact's past in a unit of work, by the contact's id."""


@dataclass(frozen=True, slots=True)
class Job:
    """Whose work it is. `done` is told the changed contacts (0 or 1) within the transaction that saves."""

    org: OrgConfig
    org_id: str
    look: Look
    origin: Origin
    done: Callable[[UnitOfWork, int], Awaitable[None]]
    lease: Lease | None = None


class Insisting:
    """`MergeModel` for work that can wait: where a single conversation keeps both texts because the endpoint is away,
    thousands had better wait until it is back. Raises TransientError for that.
    """

    def __init__(self, model: MergeModel) -> None:
        self._model = model

    @property
    def engine(self) -> str:
        """The model's."""
        return self._model.engine

    @property
    def prompt_version(self) -> str:
        """The model's."""
        return self._model.prompt_version

    async def classify(self, request: ClassifyRequest) -> Classified:
        """As the model judges."""
        with _insisted():
            return await self._model.classify(request)

    async def rewrite(self, request: RewriteRequest) -> Rewritten:
        """As the model writes; without one that is refused for good, and facts do."""
        if self.engine == ENGINE:
            return await self._model.rewrite(request)
        with _insisted():
            return await self._model.rewrite(request)


@contextmanager
def _insisted() -> Iterator[None]:
    try:
        yield
    except (LlmUnavailableError, LlmRefusedError) as error:
        raise TransientError(f"The model for merging: {error}") from error


class ContactSaving:
    """The engine. `memory` is the model for memories, which may be another than the one for fields."""

    def __init__(
        self, store: Store, merger: MergeModel, memory: MergeModel, answers: Answers | None = None
    ) -> None:
        self._store = store
        self._merger = merger
        self._memory = memory
        self._answers = answers

    async def save(
        self, job: Job, contact_id: str, turns: Sequence[tuple[ConversationKey, Turn]]
    ) -> set[str]:
        """Writes what the turns contribute; returns which engines merged. Raises ConflictError if it never rests."""
        answers: dict[MergeNeeded, Answer] = {}
        usage: list[UsageRow] = []
        engines: set[str] = set()
        conflicts = 0
        try:
            while True:
                try:
                    plan = await self._attempt(job, contact_id, turns, answers)
                except ConflictError:
                    conflicts += 1
                    if conflicts == _TRIES:
                        raise
                    continue
                if plan is None or not plan.needs:
                    return engines
                await self._ask(job, contact_id, plan.needs, answers, usage, engines)
        finally:
            if usage:
                async with self._store.transaction() as uow:
                    await uow.work.record_usage(job.org_id, usage)

    async def _attempt(
        self, job: Job, contact_id: str, turns: Sequence[tuple[ConversationKey, Turn]],
        answers: Mapping[MergeNeeded, Answer],
    ) -> Replayed | None:  # fmt: skip
        """One transaction. None: the contact is gone."""
        org_id = job.org_id
        async with self._store.transaction(job.lease) as uow:
            contact = (await uow.contacts(org_id, [contact_id], lock=True)).get(contact_id)
            if contact is None:
                await job.done(uow, 0)
                return None
            contact = await with_memory(uow, org_id, contact)
            causes = await uow.open_causes(org_id, "", [], [contact.contact_id])
            past = await job.look(uow, contact.contact_id)
            board = Board(Known(contacts={contact.contact_id: contact}, open_causes=causes), "", str)
            plan = replay(
                board, contact.contact_id, [_informed(turn, past) for _, turn in turns], past.known, answers
            )
            if plan.needs:
                return plan
            changes = board.changeset()
            changed = [
                replace(one, mark_dirty=any(c.field_name != CONTACT_MEMORY for c in one.changes))
                for one in changes.contact_changes
            ]
            await uow.apply(org_id, replace(changes, contact_changes=changed), job.origin)
            for key, turn in turns:
                if made := plan.applications.get(turn.key):
                    await uow.work.save_applications(key, made)
            await job.done(uow, len(changed))
            return plan

    async def _ask(
        self, job: Job, contact_id: str, needs: Sequence[MergeNeeded], answers: dict[MergeNeeded, Answer],
        usage: list[UsageRow], engines: set[str],
    ) -> None:  # fmt: skip
        for need in needs:
            memory = need.field_name == CONTACT_MEMORY
            model = self._memory if memory else self._merger
            if self._answers is not None:
                model = KeptAnswers(model, self._answers, job.org_id)
            if job.lease is not None:
                model = Insisting(model)
            guide = (
                await self._prompt(job, contact_id) if memory else job.org.fields[need.field_name].description
            )
            answered = await NoteMerging(model).answer(need, guide)
            answers[need] = answered.answer
            engines.add(model.engine)
            usage += _rows(answered.usage, contact_id)

    async def _prompt(self, job: Job, contact_id: str) -> str:
        async with self._store.transaction() as uow:
            contact = (await uow.contacts(job.org_id, [contact_id], lock=False)).get(contact_id)
        return "" if contact is None else memory_prompt(job.org, contact)


def _rows(usage: Sequence[Usage], contact_id: str) -> list[UsageRow]:
    return [UsageRow(one, None, contact_id) for one in usage if one.requests]


def _informed(turn: Turn, past: Past) -> Turn:
    def informed(part: tuple[Analysed, AnalysisRules]) -> tuple[Analysed, AnalysisRules]:
        return part[0], replace(part[1], set_by_others=past.set_by_others)

    return Turn([informed(part) for part in turn.parts])
