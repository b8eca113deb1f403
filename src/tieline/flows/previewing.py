"""Shows what a conversation would write, without writing it: the same plan as a run's, on the contact as it is now."""

from collections.abc import Sequence

from tieline.domain.analysis_mapping import AnalysisMapping, analysis_mapping_problems
from tieline.domain.changeset import ContactState
from tieline.domain.fields import Problem
from tieline.domain.phones import Unusable, normalise
from tieline.flows.analysis import OrgReader
from tieline.flows.mapping_analysis import AnalysisMapper, Preview
from tieline.ports.answers import Answers
from tieline.ports.config import AppConfig
from tieline.ports.llm import MergeModel
from tieline.ports.store import Store
from tieline.ports.work import Conversation, ConversationKey


class UnknownConversationError(LookupError):
    """There is no such conversation."""


class PreviewRefusedError(ValueError):
    """The mappings to be tried are wrong; `problems` is everything."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.where}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


class Previewing:
    """The flow. What a model answers is kept, so that the run has the same answer."""

    def __init__(self, store: Store, config: OrgReader, model: MergeModel, answers: Answers) -> None:
        self._store = store
        self._config = config
        self._mapper = AnalysisMapper(store, model, answers)

    async def preview(
        self, key: ConversationKey, mappings: Sequence[AnalysisMapping] | None = None, *, ask: bool = True
    ) -> Preview:
        """What would be written. With `ask` False no model is asked, and merges are shown as to be merged.

        Raises UnknownConversationError, and PreviewRefusedError for mappings that could not be saved.
        """
        org, app = await self._config.org(key.org_id), await self._config.linked_app(key.org_id)
        if mappings is not None and (problems := analysis_mapping_problems(mappings, org.fields)):
            raise PreviewRefusedError(problems)
        async with self._store.transaction() as uow:
            conversation = await uow.work.conversation(key, lock=False)
        if conversation is None:
            raise UnknownConversationError(f"There is no conversation {key.ref}.")
        contact = await self._contact(conversation, app)
        return await self._mapper.preview(org, app, conversation, contact, mappings=mappings, ask=ask)

    async def _contact(self, conversation: Conversation, app: AppConfig | None) -> ContactState:
        """The conversation's contact as it is, or one that has nothing yet."""
        org_id = conversation.key.org_id
        number = normalise(conversation.other_number or "", app.region if app else "US")
        async with self._store.transaction() as uow:
            if conversation.contact_id is not None:
                found = await uow.contacts(org_id, [conversation.contact_id], lock=False)
                if conversation.contact_id in found:
                    return found[conversation.contact_id]
            if isinstance(number, Unusable):
                return ContactState("", "")
            by_phone = await uow.contacts_by_phone(org_id, [number], lock=False)
        return by_phone.get(number) or ContactState("", number)
