"""One contact of an undo: what is in its scope there is looked up, planned and written, in one unit of work."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from tieline.domain.analysed import AnalysisRules
from tieline.domain.changeset import Changeset, ContactState, SourceKind
from tieline.domain.contact_memory import CONTACT_MEMORY, MEMORY_FIELD, MEMORY_MAPPING
from tieline.domain.undo import Former, Line, Orders, Talk, ToUndo, UndoPlan, by_conversation, plan_undo
from tieline.domain.undo_history import Entry, History
from tieline.domain.undo_links import Tied, tie_again
from tieline.flows.configuration import field_mappings
from tieline.flows.mapping_analysis import analysed, analysis_rules
from tieline.flows.remembering import with_memory
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.store import Origin, UnitOfWork
from tieline.ports.work import ConversationKey


@dataclass(frozen=True, slots=True)
class Scope:
    """What is undone: a run, a conversation (platform:id), or a field. `redo`: the run is itself an undo."""

    run_id: str = ""
    conversation: str = ""
    field_name: str = ""
    redo: bool = False


@dataclass(frozen=True, slots=True)
class UndoRules:
    """The settings: by what analyses are mapped, and the pairs that come from the CRM, by key."""

    analysis: AnalysisRules
    inbound: Collection[str]


class ContactReads(Protocol):
    """What is looked up and remembered for one contact."""

    async def history(self, unit: UnitOfWork, org_id: str, contact_id: str) -> Sequence[tuple[str, Entry]]:
        """All that changed the contact's fields, oldest first by field, with each field's id."""

    async def talks(
        self, unit: UnitOfWork, org_id: str, run_id: str, contact_id: str
    ) -> Sequence[ConversationKey]:
        """Conversations that the run applied to the contact."""

    async def links(self, unit: UnitOfWork, org_id: str, contact_id: str) -> Sequence[Tied]:
        """The contact's open links in all tenants."""

    async def formers(self, unit: UnitOfWork, org_id: str, run_id: str, contact_id: str) -> Sequence[Former]:
        """The applications that an undo changed on the contact, as they are now, with what they were before."""

    async def remember(
        self, unit: UnitOfWork, org_id: str, run_id: str, contact_id: str, formers: Sequence[Former]
    ) -> None:
        """Keeps what applications were before."""

    async def progress(
        self, unit: UnitOfWork, org_id: str, run_id: str, contact_id: str, changed: int, kept: int
    ) -> None:
        """A contact is done."""


def undo_rules(org: OrgConfig, app: AppConfig | None) -> UndoRules:
    """The settings of an organisation, the contact's memory among its fields."""
    rules = analysis_rules(org, app)
    rules = replace(
        rules,
        mappings=[*rules.mappings, MEMORY_MAPPING],
        fields={**rules.fields, CONTACT_MEMORY: MEMORY_FIELD},
    )
    lines = field_mappings((app.crm_config if app else {}).get("inbound_sync_mappings") or ())
    return UndoRules(rules, frozenset(f"{one.field_name}|{one.external_field_name}" for one in lines))


@dataclass(frozen=True, slots=True)
class OneContact:
    """Undoes on a contact. Without a `run_id` nothing is written: it is only said what would be."""

    reads: ContactReads
    org_id: str
    scope: Scope
    rules: UndoRules
    orders: Orders
    run_id: str | None

    async def carry_out(self, unit: UnitOfWork, contact_id: str) -> UndoPlan:
        """Plans, and writes what is planned."""
        contact = (await unit.contacts(self.org_id, [contact_id], lock=True)).get(contact_id)
        if contact is None or (contact.contact_id != contact_id and self.scope.run_id):
            plan = _nothing(contact_id, contact)
        else:
            contact = await with_memory(unit, self.org_id, contact)
            plan = plan_undo(await self._asked(unit, contact), self.rules.analysis, self.orders)
            if self.run_id is not None:
                await self._write(unit, contact.contact_id, plan)
        if self.run_id is not None:
            done, kept = len(plan.undone), len(plan.kept)
            await self.reads.progress(unit, self.org_id, self.run_id, contact_id, done, kept)
        return plan

    async def _asked(self, unit: UnitOfWork, contact: ContactState) -> ToUndo:
        histories = await self._histories(unit, contact.contact_id)
        scope = self.scope
        if scope.field_name:
            return await self._field(unit, contact, histories)
        if scope.conversation:
            key = _key(self.org_id, scope.conversation)
            talks = await self._talks(unit, contact, [key], whole=True)
            return ToUndo(contact, histories, by_conversation(scope.conversation), talks)
        if scope.redo:
            formers = await self.reads.formers(unit, self.org_id, scope.run_id, contact.contact_id)
            return ToUndo(contact, histories, _none, redo=scope.run_id, formers=formers)
        keys = await self.reads.talks(unit, self.org_id, scope.run_id, contact.contact_id)
        if not keys:  # Taken back before, and brought back: then the values say whose they are.
            keys = [_key(self.org_id, ref) for ref in sorted(_said(histories, scope.run_id))]
        talks = await self._talks(unit, contact, keys, whole=False)
        return ToUndo(contact, histories, _by_run(scope.run_id), talks, whole_values=True)

    async def _field(
        self, unit: UnitOfWork, contact: ContactState, histories: Mapping[str, History]
    ) -> ToUndo:
        """The newest change of the field: a conversation's whole contribution to it, or an undo's, which comes back."""
        name = self.scope.field_name
        history = histories.get(name, History(()))
        only, last = {name: history}, history.last
        if last is not None and last.is_undo and last.run_id:
            formers = await self.reads.formers(unit, self.org_id, last.run_id, contact.contact_id)
            mine = [one for one in formers if one.application.field_name == name]
            return ToUndo(contact, only, _none, redo=last.run_id, formers=mine)
        top = history.standing[-1] if history.standing else None
        if top is not None and top.stands.kind is SourceKind.CONVERSATION:
            key = _key(self.org_id, top.stands.ref)
            talks = await self._talks(unit, contact, [key], whole=False, only=name)
            return ToUndo(contact, only, by_conversation(top.stands.ref), talks)
        chosen: frozenset[int] = frozenset() if top is None else frozenset({top.entry_id})
        return ToUndo(contact, only, lambda one: one.entry_id in chosen)

    async def _histories(self, unit: UnitOfWork, contact_id: str) -> dict[str, History]:
        entries: dict[str, list[Entry]] = {}
        for field_id, one in await self.reads.history(unit, self.org_id, contact_id):
            spec = self.rules.analysis.fields.get(one.field_name)
            if spec is None or spec.field_id == field_id:
                entries.setdefault(one.field_name, []).append(one)
        return {name: History(found) for name, found in entries.items()}

    async def _talks(
        self, unit: UnitOfWork, contact: ContactState, keys: Sequence[ConversationKey], *, whole: bool,
        only: str | None = None,
    ) -> list[Talk]:  # fmt: skip
        talks = []
        for key in keys:
            conversation = await unit.work.conversation(key, lock=False)
            if conversation is None:
                continue
            mine = [
                one for one in await unit.work.applications(key) if only is None or one.field_name == only
            ]
            names = sorted({one.field_name for one in mine if one.field_name})
            others = await unit.work.contributions(key, contact.contact_id, names)
            talks.append(Talk(analysed(conversation), mine, others, whole))
        return talks

    async def _write(self, unit: UnitOfWork, contact_id: str, plan: UndoPlan) -> None:
        assert self.run_id is not None
        origin = Origin(None, self.run_id)
        tied = await self.reads.links(unit, self.org_id, contact_id)
        for one in tie_again(tied, plan.restored, self.rules.inbound):
            await unit.apply(self.org_id, Changeset(tenant_key=one.tenant_key, links=[one.link]), origin)
        by_person = self.orders.by.kind is SourceKind.PERSON
        changes = [
            replace(change, mark_dirty=True, by_person=by_person) for change in plan.changeset.contact_changes
        ]
        await unit.apply(self.org_id, Changeset(contact_changes=changes), origin)
        for former in plan.applications:
            await unit.work.save_applications(_key(self.org_id, former.ref), [former.application])
        await self.reads.remember(unit, self.org_id, self.run_id, contact_id, plan.applications)


def _nothing(contact_id: str, survivor: ContactState | None) -> UndoPlan:
    why = (
        "the contact was deleted"
        if survivor is None
        else f"the contact became part of {survivor.contact_id}: undo that merge first"
    )
    return UndoPlan(Changeset(), kept=[Line(contact_id, "", None, None, why)])


def _key(org_id: str, ref: str) -> ConversationKey:
    platform, _, conversation_id = ref.partition(":")
    return ConversationKey(org_id, platform, conversation_id)


def _by_run(run_id: str) -> Callable[[Entry], bool]:
    return lambda one: one.run_id == run_id


def _said(histories: Mapping[str, History], run_id: str) -> set[str]:
    standing = (one for history in histories.values() for one in history.standing)
    return {
        one.stands.ref
        for one in standing
        if one.run_id == run_id and one.stands.kind is SourceKind.CONVERSATION
    }


def _none(one: Entry) -> bool:
    return False
