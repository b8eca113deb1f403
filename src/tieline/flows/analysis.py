"""After a conversation: its contact is found or made, its analysis is mapped to fields, and its activity becomes due.

A model is never called inside a transaction. Everything that one conversation changes is committed at once, so that a
worker that dies leaves it either done or to be done.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from tieline.domain.analysis_mapping import merge_fields
from tieline.domain.changeset import Changeset, ContactState, IssueNote, NewContact
from tieline.domain.phones import Unusable, normalise
from tieline.flows.configuration import field_mappings
from tieline.flows.keeping_memory import MemoryKeeping
from tieline.flows.mapping_analysis import AnalysisMapper
from tieline.flows.tally import PassTally
from tieline.ports.answers import Answers
from tieline.ports.clock import Clock, Ids
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.errors import ConflictError
from tieline.ports.jobs import Wake, WakeKind
from tieline.ports.llm import MergeModel
from tieline.ports.store import Store, UnitOfWork
from tieline.ports.work import ActivityRow, Conversation

# Long enough for a batch with a model; a worker that dies keeps its few conversations waiting no longer than this.
CLAIM_LASTS = timedelta(seconds=60)
REMOTE_ANSWERS_WITHIN_S = 5.0
MAX_ATTEMPTS = 8
_TRIES = 5
_BATCH = 10

FreshRead = Callable[[AppConfig, Sequence[str]], Awaitable[None]]
"""Reads records of the app's CRM by id and takes what they say; may raise any CrmError."""


class OrgReader(Protocol):
    """Reads configuration for the analysis flow."""

    async def org(self, org_id: str) -> OrgConfig:
        """The organisation's fields and mappings."""

    async def linked_app(self, org_id: str) -> AppConfig | None:
        """The app that syncs contacts, connected or not."""


@dataclass(frozen=True, slots=True)
class _Context:
    org: OrgConfig
    app: AppConfig | None
    token: str
    tally: PassTally


class AnalysisFlow:
    """Works off the due conversations of an organisation, in the order in which they ended."""

    def __init__(
        self,
        store: Store,
        config: OrgReader,
        merger: MergeModel,
        clock: Clock,
        ids: Ids,
        fresh_read: FreshRead,
        answers: Answers | None = None,
        memory: MemoryKeeping | None = None,
    ) -> None:
        self._store = store
        self._config = config
        self._mapper = AnalysisMapper(store, merger, answers)
        self._memory = memory
        self._clock = clock
        self._ids = ids
        self._fresh_read = fresh_read

    async def run(self, org_id: str, tally: PassTally | None = None) -> int:
        """One batch; returns how many conversations were due. A conversation that fails does not hold up the others."""
        now = self._clock.now()
        context = _Context(
            await self._config.org(org_id), await self._config.linked_app(org_id), self._ids.new("claim"),
            tally or PassTally(),
        )  # fmt: skip
        async with self._store.transaction() as uow:
            due = await uow.work.claim_conversations(org_id, context.token, _BATCH, now, now + CLAIM_LASTS)
            if due:
                await context.tally.begin(uow, org_id, context.app.app_id if context.app else None)
        for conversation in due:
            await self._one(context, conversation)
        return len(due)

    async def _one(self, context: _Context, conversation: Conversation) -> None:
        context.tally.add(looked=1)
        try:
            await self._process(context, conversation)
        except Exception as error:
            context.tally.failed(error)
            await self._failed(context, conversation, error)
            return
        async with self._store.transaction() as uow:
            done = Changeset(closed_causes=[_failed_cause(conversation)])
            await uow.apply(conversation.key.org_id, done, context.tally.origin())
            await uow.work.finish_conversation(
                conversation.key, context.token, conversation.revision, again_at=None
            )

    async def _process(self, context: _Context, conversation: Conversation) -> None:
        contact = await self._contact(context, conversation)
        if contact is None:
            return
        if conversation.analysis and conversation.analysis_version is not None:
            await self._look_at_crm_first(context, contact)
            await self._mapper.apply(
                context.org, context.app, conversation, contact.contact_id, context.tally
            )
        await self._want_activity(context, conversation, contact.contact_id)
        if self._memory is not None:
            await self._memory.keep(context.org, context.app, conversation, contact.contact_id, context.tally)

    # the contact

    async def _contact(self, context: _Context, conversation: Conversation) -> ContactState | None:
        """Finds or makes the conversation's contact, and counts the conversation once."""
        for attempt in range(_TRIES):
            try:
                async with self._store.transaction() as uow:
                    current = await uow.work.conversation(conversation.key, lock=True)
                    if current is None:
                        return None
                    contact = await self._find(uow, context, current) or await self._make(
                        uow, context, current
                    )
                    if contact is not None:
                        await uow.work.attach(
                            current.key, contact.contact_id, current.counts_as_of, count=not current.counted
                        )
                    return contact
            except ConflictError:
                if attempt + 1 == _TRIES:
                    raise
        return None

    async def _find(
        self, uow: UnitOfWork, context: _Context, conversation: Conversation
    ) -> ContactState | None:
        org_id = conversation.key.org_id
        named = conversation.contact_id or conversation.metadata.get("contact_id")
        if isinstance(named, str):
            found = await uow.contacts(org_id, [named], lock=True)
            if named in found:
                return found[named]
        external = conversation.metadata.get("external_id")
        if isinstance(external, str) and context.app is not None and context.app.tenant_key:
            links = await uow.links(org_id, context.app.tenant_key, [external], lock=False)
            tied = links[external].contact_id if external in links else None
            if tied is not None:
                return (await uow.contacts(org_id, [tied], lock=True)).get(tied)
        number = self._number(context, conversation)
        if number is None:
            return None
        return (await uow.contacts_by_phone(org_id, [number], lock=True)).get(number)

    async def _make(
        self, uow: UnitOfWork, context: _Context, conversation: Conversation
    ) -> ContactState | None:
        number = self._number(context, conversation)
        if number is None or not conversation.has_number:
            return None
        contact = NewContact(self._ids.new("contact"), number)
        await uow.apply(conversation.key.org_id, Changeset(new_contacts=[contact]), context.tally.origin())
        context.tally.add(created=1)
        return ContactState(contact.contact_id, number)

    def _number(self, context: _Context, conversation: Conversation) -> str | None:
        raw = conversation.other_number or conversation.metadata.get("phone_number")
        if not isinstance(raw, str):
            return None
        number = normalise(raw, context.app.region if context.app else "US")
        return None if isinstance(number, Unusable) else number

    async def _look_at_crm_first(self, context: _Context, contact: ContactState) -> None:
        """What a person added in the CRM is an input to a merge; if the CRM is slow, the push's own look merges it."""
        app = context.app
        if app is None or not app.may_run or not _merges_outbound(app, context.org):
            return
        async with self._store.transaction() as uow:
            links = await uow.open_links(app.org_id, app.tenant_key, [contact.contact_id])
        if links:
            try:
                async with asyncio.timeout(REMOTE_ANSWERS_WITHIN_S):
                    await self._fresh_read(app, [link.external_id for link in links.values()])
            except Exception as error:
                self._crm_was_silent(error)

    def _crm_was_silent(self, error: Exception) -> None:
        """Nothing to do: the push reads again before it writes, and goes through the table."""

    # the activity

    async def _want_activity(self, context: _Context, conversation: Conversation, contact_id: str) -> None:
        """Makes the activity due on the primary record, or on what turns out to be it in the first read.

        Where contacts without a record get one, that becomes due, and the activity waits for it.
        """
        app = context.app
        if app is None or not app.tenant_key or not (app.logs_activities or app.creates_contacts):
            return
        async with self._store.transaction() as uow:
            full = await uow.read_state(app.org_id, app.app_id, "full", app.tenant_key)
            current = await uow.work.conversation(conversation.key, lock=True) or conversation
            contact = (await uow.contacts(app.org_id, [contact_id], lock=False))[contact_id]
            links = await uow.open_links(app.org_id, app.tenant_key, [contact.contact_id])
            link = links.get(contact.contact_id)
            creates = link is None and app.creates_contacts
            if creates:
                await uow.creations.want(app.org_id, app.tenant_key, contact.contact_id, self._clock.now())
            elif link is None and full.completed_at is not None:
                return
            if app.logs_activities:
                row = ActivityRow(
                    conversation.key, app.tenant_key, contact.contact_id, link.external_id if link else "", "due",
                    wanted_hash=activity_hash(current), due_at=None if creates else self._clock.now(),
                )  # fmt: skip
                await uow.work.want_activity(row)
            await uow.wake(Wake(WakeKind.ACTIVITY, app.org_id, app.app_id))

    async def _failed(self, context: _Context, conversation: Conversation, error: Exception) -> None:
        """Comes back later; after the last attempt it stays as an issue, and nothing is lost."""
        last = conversation.attempts >= MAX_ATTEMPTS
        context.tally.add(**{"refused" if last else "waiting": 1})
        wait = timedelta(seconds=min(2.0 ** min(conversation.attempts, 9), 600.0))
        again_at = None if last else self._clock.now() + wait
        async with self._store.transaction() as uow:
            if last:
                note = IssueNote(
                    cause=_failed_cause(conversation),
                    kind="conversation_failed",
                    message=f"Conversation {conversation.key.ref} could not be applied after {MAX_ATTEMPTS} attempts: "
                    f"{type(error).__name__}: {error}. Send its event again, or replay this issue.",
                    contact_id=conversation.contact_id,
                    severity="error",
                )
                await uow.apply(conversation.key.org_id, Changeset(issues=[note]), context.tally.origin())
            await uow.work.finish_conversation(
                conversation.key, context.token, conversation.revision, again_at=again_at
            )


def _failed_cause(conversation: Conversation) -> str:
    return f"conversation:{conversation.key.ref}"


def activity_hash(conversation: Conversation) -> str:
    """Equal for conversations that would be logged with the same words."""
    return hashlib.sha256(repr(conversation.activity()).encode()).hexdigest()


def _merges_outbound(app: AppConfig, org: OrgConfig) -> bool:
    merged = merge_fields(org.analysis_mappings)
    outbound = field_mappings(app.crm_config.get("outbound_sync_mappings") or ())
    return any(m.field_name in merged for m in outbound)
