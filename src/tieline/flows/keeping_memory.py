"""At the end of a conversation: what it adds to its contact's memory, where memories are kept."""

from tieline.domain.contact_memory import CONTACT_MEMORY
from tieline.domain.replaying import Turn
from tieline.flows.mapping_analysis import analysed, analysis_rules
from tieline.flows.remembering import Remembering, memory_prompt
from tieline.flows.replaying_contacts import ContactSaving, Job, Past
from tieline.flows.tally import PassTally
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.store import Store, UnitOfWork
from tieline.ports.work import Conversation, ConversationKey, UsageRow


class MemoryKeeping:
    """Adds single conversations as they come; a late one takes its place in time."""

    def __init__(self, store: Store, remembering: Remembering, saving: ContactSaving) -> None:
        self._store = store
        self._remembering = remembering
        self._saving = saving

    async def keep(
        self,
        org: OrgConfig,
        app: AppConfig | None,
        conversation: Conversation,
        contact_id: str,
        tally: PassTally,
    ) -> None:
        """Adds it, once for each version of what it is made from. Raises LlmError, ConflictError."""
        if not org.contact_memory_enabled:
            return
        org_id, said, rules = conversation.key.org_id, analysed(conversation), analysis_rules(org, app)
        async with self._store.transaction() as uow:
            contact = (await uow.contacts(org_id, [contact_id], lock=False)).get(contact_id)
            earlier = await uow.work.applications(conversation.key)
        if contact is None:
            return
        told = await self._remembering.told(conversation, said, rules, memory_prompt(org, contact), earlier)
        if rows := [UsageRow(use, conversation.key, contact_id) for use in told.usage if use.requests]:
            async with self._store.transaction() as uow:
                await uow.work.record_usage(org_id, rows)
        if told.part is None:
            return

        async def look(uow: UnitOfWork, at: str) -> Past:
            return Past(await uow.work.contributions(ConversationKey(org_id, "", ""), at, [CONTACT_MEMORY]))

        async def done(uow: UnitOfWork, changed: int) -> None:
            tally.add(changed=changed)

        job = Job(org, org_id, look, tally.origin(), done)
        tally.engines |= await self._saving.save(job, contact_id, [(conversation.key, Turn([told.part]))])
