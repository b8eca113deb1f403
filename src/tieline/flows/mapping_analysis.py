"""A conversation's analysis on its contact: planned, merged by a model outside of any transaction, planned again, and
written; or only shown. A preview and a run make the same plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.board import Board, Known
from tieline.domain.changeset import Changeset, ContactState
from tieline.domain.mapping import Policy
from tieline.domain.merging_notes import Answer, MergeNeeded
from tieline.domain.plan_analysis import (
    Analysed,
    AnalysisPlan,
    AnalysisRules,
    Application,
    Contributed,
    plan_analysis,
)
from tieline.domain.update_modes import COMBINING, NOTE_MODES
from tieline.flows.configuration import field_mappings
from tieline.flows.kept_answers import KeptAnswers
from tieline.flows.merging import NoteMerging
from tieline.flows.tally import PassTally
from tieline.ports.answers import Answers
from tieline.ports.clock import to_ms
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.errors import ConflictError
from tieline.ports.llm import MergeModel, Usage
from tieline.ports.store import Store, UnitOfWork
from tieline.ports.work import Conversation, UsageRow

_TRIES = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be written. `to_merge`: texts that a model would have to be asked about, and was not."""

    contact_id: str
    changes: Changeset
    applications: Sequence[Application]
    to_merge: Sequence[MergeNeeded] = ()
    applied_already: Sequence[AnalysisMapping] = ()


@dataclass
class _Asking:
    """The answers so far, and what they took."""

    answers: dict[MergeNeeded, Answer] = field(default_factory=dict)
    usage: list[Usage] = field(default_factory=list)


class AnalysisMapper:
    """Maps analyses to contacts. `answers` keeps what a model said; without, it is asked each time."""

    def __init__(self, store: Store, model: MergeModel, answers: Answers | None = None) -> None:
        self._store = store
        self._model = model
        self._answers = answers

    async def apply(
        self,
        org: OrgConfig,
        app: AppConfig | None,
        conversation: Conversation,
        contact_id: str,
        tally: PassTally,
    ) -> None:
        """Writes what the analysis says. Raises ConflictError if the contact never rests."""
        org_id, rules, asking = conversation.key.org_id, analysis_rules(org, app), _Asking()
        try:
            for _ in range(_TRIES):
                try:
                    async with self._store.transaction() as uow:
                        plan, changes = await self._plan(uow, rules, conversation, contact_id, asking.answers)
                        if not plan.needs:
                            await uow.apply(org_id, changes, tally.origin())
                            await uow.work.save_applications(conversation.key, plan.applications)
                            tally.add(changed=len(changes.contact_changes))
                            return
                except ConflictError:
                    continue
                tally.engines.add(self._model.engine)
                await self._ask(org, org_id, plan.needs, asking)
        finally:
            await self._record(conversation, contact_id, asking.usage)
        raise ConflictError(
            f"conversation {conversation.key.ref}: its fields kept changing while they were merged"
        )

    async def preview(
        self, org: OrgConfig, app: AppConfig | None, conversation: Conversation, contact: ContactState,
        *, mappings: Sequence[AnalysisMapping] | None = None, ask: bool = True,
    ) -> Preview:  # fmt: skip
        """What would be written, with these mappings in the place of the saved ones. Writes nothing but answers.

        Mappings that are given are taken as not applied yet; the saved ones are applied once per analysis.
        """
        rules, asking = analysis_rules(org, app), _Asking()
        if mappings is not None:
            rules = replace(rules, mappings=mappings)
        org_id = conversation.key.org_id
        while True:
            async with self._store.transaction() as uow:
                earlier = list(await uow.work.applications(conversation.key))
                others = await self._others(uow, rules, conversation, contact.contact_id)
            if mappings is not None:
                earlier = [replace(one, analysis_version="") for one in earlier]
            board = Board(Known(contacts={contact.contact_id: contact}), "", str)
            said = analysed(conversation)
            plan = plan_analysis(board, contact.contact_id, said, rules, earlier, asking.answers, others)
            new = [need for need in plan.needs if need not in asking.answers]
            if not new or not ask:
                break
            await self._ask(org, org_id, new, asking)
        await self._record(conversation, contact.contact_id or None, asking.usage)
        applied = _applied(rules, earlier, said.analysis_version)
        return Preview(contact.contact_id, board.changeset(), plan.applications, plan.needs, applied)

    async def _plan(
        self, uow: UnitOfWork, rules: AnalysisRules, conversation: Conversation, contact_id: str,
        answers: Mapping[MergeNeeded, Answer],
    ) -> tuple[AnalysisPlan, Changeset]:  # fmt: skip
        org_id = conversation.key.org_id
        # The newest analysis counts, also for a worker that was frozen while another one came.
        conversation = await uow.work.conversation(conversation.key, lock=True) or conversation
        contact = (await uow.contacts(org_id, [contact_id], lock=True))[contact_id]
        causes = await uow.open_causes(org_id, "", [], [contact.contact_id])
        board = Board(Known(contacts={contact.contact_id: contact}, open_causes=causes), "", str)
        earlier = await uow.work.applications(conversation.key)
        others = await self._others(uow, rules, conversation, contact.contact_id)
        plan = plan_analysis(
            board, contact.contact_id, analysed(conversation), rules, earlier, answers, others
        )
        changes = board.changeset()
        dirtying = [replace(change, mark_dirty=True) for change in changes.contact_changes]
        return plan, replace(changes, contact_changes=dirtying)

    async def _others(
        self, uow: UnitOfWork, rules: AnalysisRules, conversation: Conversation, contact_id: str
    ) -> Sequence[Contributed]:
        """What the contact's other conversations did to fields to which all of them contribute."""
        shared = {m.field_name for m in rules.mappings if m.update_mode in NOTE_MODES | COMBINING}
        if not shared or not contact_id:
            return ()
        return await uow.work.contributions(conversation.key, contact_id, sorted(shared))

    async def _ask(self, org: OrgConfig, org_id: str, needs: Sequence[MergeNeeded], asking: _Asking) -> None:
        model = self._model if self._answers is None else KeptAnswers(self._model, self._answers, org_id)
        merging = NoteMerging(model)
        for need in needs:
            answered = await merging.answer(need, org.fields[need.field_name].description)
            asking.answers[need] = answered.answer
            asking.usage += answered.usage

    async def _record(
        self, conversation: Conversation, contact_id: str | None, usage: Sequence[Usage]
    ) -> None:
        spent = [UsageRow(one, conversation.key, contact_id) for one in usage if one.requests]
        if spent:
            async with self._store.transaction() as uow:
                await uow.work.record_usage(conversation.key.org_id, spent)


def _applied(rules: AnalysisRules, earlier: Sequence[Application], version: str) -> list[AnalysisMapping]:
    """The mappings by which this version of the analysis was applied before."""
    done = {(one.analysis_data_name, one.field_name) for one in earlier if one.analysis_version == version}
    return [one for one in rules.mappings if (one.analysis_data_name, one.field_name) in done]


def analysed(conversation: Conversation) -> Analysed:
    """The conversation as plans see it."""
    return Analysed(
        conversation.key.ref,
        to_ms(conversation.counts_as_of),
        conversation.analysis_version or "",
        conversation.analysis,
        evidence=conversation.evidence,
        extracted_by=conversation.analysis_origin,
        agent_id=conversation.agent_id,
        direction=None if conversation.direction is None else conversation.direction.value,
        successful=conversation.successful,
    )


def analysis_rules(org: OrgConfig, app: AppConfig | None) -> AnalysisRules:
    """The settings that an analysis is mapped by."""
    config = app.crm_config if app else {}
    inbound = field_mappings(config.get("inbound_sync_mappings") or ())
    return AnalysisRules(
        mappings=org.analysis_mappings,
        fields=org.fields,
        time_zone=app.dates_zone if app else "UTC",
        inbound_policies={m.field_name: m.policy or Policy.CRM_WINS for m in inbound},
        caps=_caps(app) if app else {},
    )


def _caps(app: AppConfig) -> dict[str, int]:
    """The most characters that the CRM takes in each field that is written to it."""
    caps: dict[str, int] = {}
    for mapping in field_mappings(app.crm_config.get("outbound_sync_mappings") or ()):
        live = app.schema.get(mapping.external_field_name) if app.schema else None
        if live is not None and live.max_length:
            caps[mapping.field_name] = min(live.max_length, caps.get(mapping.field_name, live.max_length))
    return caps
