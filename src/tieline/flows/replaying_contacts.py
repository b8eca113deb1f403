"""Saves what conversations contribute to one contact, several at once: planned, merged by models outside of any
transaction, planned again, and written in one.
"""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tieline.domain.board import Board, Known
from tieline.domain.changeset import ContactState
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
        try:
            for _ in range(_TRIES):
                await self._answered(job, contact_id, turns, answers, usage, engines)
                try:
                    if await self._written(job, contact_id, turns, answers):
                        return engines
                except ConflictError:
                    continue
        finally:
            if usage:
                async with self._store.transaction() as uow:
                    await uow.work.record_usage(job.org_id, usage)
        raise ConflictError(f"contact {contact_id}: its fields kept changing while they were merged")

    async def _answered(
        self, job: Job, contact_id: str, turns: Sequence[tuple[ConversationKey, Turn]],
        answers: dict[MergeNeeded, Answer], usage: list[UsageRow], engines: set[str],
    ) -> None:  # fmt: skip
        """Asks all that the plan needs as things stand, round by round, with no transaction open."""
        async with self._store.transaction() as uow:
            held = await self._held(uow, job, contact_id, lock=False)
        while held is not None:
            _, plan = _planned(held, turns, answers)
            if not plan.needs:
                return
            await self._ask(job, contact_id, plan.needs, answers, usage, engines)

    async def _written(
        self, job: Job, contact_id: str, turns: Sequence[tuple[ConversationKey, Turn]],
        answers: Mapping[MergeNeeded, Answer],
    ) -> bool:  # fmt: skip
        """One transaction. False: something moved, and what came of it has to be asked about."""
        async with self._store.transaction(job.lease) as uow:
            held = await self._held(uow, job, contact_id, lock=True)
            if held is None:
                await job.done(uow, 0)
                return True
            board, plan = _planned(held, turns, answers)
            if plan.needs:
                return False
            changes = board.changeset()
            changed = [
                replace(one, mark_dirty=any(c.field_name != CONTACT_MEMORY for c in one.changes))
                for one in changes.contact_changes
            ]
            await uow.apply(job.org_id, replace(changes, contact_changes=changed), job.origin)
            for key, turn in turns:
                if made := plan.applications.get(turn.key):
                    await uow.work.save_applications(key, made)
            await job.done(uow, len(changed))
            return True

    async def _held(self, uow: UnitOfWork, job: Job, contact_id: str, *, lock: bool) -> "_Held | None":
        contact = (await uow.contacts(job.org_id, [contact_id], lock=lock)).get(contact_id)
        if contact is None:
            return None
        causes = await uow.open_causes(job.org_id, "", [], [contact.contact_id])
        past = await job.look(uow, contact.contact_id)
        return _Held(await with_memory(uow, job.org_id, contact), causes, past)

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


@dataclass(frozen=True, slots=True)
class _Held:
    """What a plan is made from."""

    contact: ContactState
    causes: Collection[str]
    past: Past


def _planned(
    held: _Held, turns: Sequence[tuple[ConversationKey, Turn]], answers: Mapping[MergeNeeded, Answer]
) -> tuple[Board, Replayed]:
    contact_id = held.contact.contact_id
    board = Board(Known(contacts={contact_id: held.contact}, open_causes=held.causes), "", str)
    informed = [_informed(turn, held.past) for _, turn in turns]
    return board, replay(board, contact_id, informed, held.past.known, answers)


def _rows(usage: Sequence[Usage], contact_id: str) -> list[UsageRow]:
    return [UsageRow(one, None, contact_id) for one in usage if one.requests]


def _informed(turn: Turn, past: Past) -> Turn:
    def informed(part: tuple[Analysed, AnalysisRules]) -> tuple[Analysed, AnalysisRules]:
        return part[0], replace(part[1], set_by_others=past.set_by_others)

    return Turn([informed(part) for part in turn.parts])
