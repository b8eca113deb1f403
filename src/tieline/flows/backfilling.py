"""Takes past conversations up again for chosen fields: contact by contact, each one's conversations in their order, and
saved once. How far it came is saved with each contact, so that another worker goes on after it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from tieline.domain.backfill import BackfillRequest
from tieline.domain.changeset import Changeset, IssueNote
from tieline.domain.contact_memory import CONTACT_MEMORY
from tieline.domain.plan_analysis import WHOLE, AnalysisRules
from tieline.domain.replaying import Turn
from tieline.flows.mapping_analysis import analysed, analysis_rules
from tieline.flows.remembering import Remembering, memory_prompt
from tieline.flows.replaying_contacts import ContactSaving, Job, Past
from tieline.ports.backfilling import BackfillStore
from tieline.ports.clock import Clock
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.errors import CrmError, LeaseLostError, RateLimitedError, TransientError
from tieline.ports.llm import LlmRefusedError, LlmUnavailableError
from tieline.ports.store import Lease, Origin, Store, UnitOfWork
from tieline.ports.work import Conversation, ConversationKey, UsageRow

_CONTACTS = 100
EXTRACTION_LOOK = timedelta(seconds=5)
LIVE_LOOK_S = 0.1
# A live conversation is mapped in moments. One that stays due has a reason that a backfill cannot cure.
_LONGEST_LOOKS = 100


class OrgReader(Protocol):
    """Reads configuration."""

    async def org(self, org_id: str) -> OrgConfig: ...
    async def linked_app(self, org_id: str) -> AppConfig | None: ...


@dataclass(frozen=True, slots=True)
class _Work:
    """What stays the same over a run."""

    lease: Lease
    run_id: str
    org: OrgConfig
    request: BackfillRequest
    rules: AnalysisRules
    names: Sequence[str]

    @property
    def org_id(self) -> str:
        return self.lease.org_id


class Backfilling:
    """The flow. `extracts`: there is a model that finds an analysis where there is none yet."""

    def __init__(
        self, store: Store, backfills: BackfillStore, config: OrgReader, saving: ContactSaving,
        remembering: Remembering, clock: Clock, *, extracts: bool = False,
    ) -> None:  # fmt: skip
        self._store = store
        self._backfills = backfills
        self._config = config
        self._saving = saving
        self._remembering = remembering
        self._clock = clock
        self._extracts = extracts

    async def run(self, run_id: str, lease: Lease) -> None:
        """Works to the end. Raises RateLimitedError while analyses are being made, TransientError without its model."""
        progress = await self._backfills.progress(lease.org_id, run_id)
        org, app = await self._config.org(lease.org_id), await self._config.linked_app(lease.org_id)
        mappings = progress.request.mappings(org.analysis_mappings)
        rules = replace(analysis_rules(org, app), mappings=mappings, replay=True)
        names = sorted({one.analysis_data_name for one in mappings})
        work = _Work(lease, run_id, org, progress.request, rules, names)
        if self._extracts and mappings:
            await self._extracted(work)
        engines: set[str] = set()
        after = progress.last_contact_id
        while ids := await self._backfills.contacts_after(work.org_id, work.request, names, after, _CONTACTS):
            for contact_id in ids:
                engines |= await self._contact(work, contact_id)
            after = ids[-1]
        for contact_id in await self._backfills.merged_since_begun(work.org_id, run_id, work.request, names):
            engines |= await self._contact(work, contact_id)
        await self._backfills.told(work.org_id, run_id, sorted(engines))

    async def _extracted(self, work: _Work) -> None:
        """What has a transcript and no analysis gets one first."""
        await self._backfills.want_extraction(work.org_id, work.run_id, work.request)
        if await self._backfills.extraction_waits(work.org_id, work.request):
            until = self._clock.now() + EXTRACTION_LOOK
            raise RateLimitedError("It waits until conversations without an analysis have one.", until=until)

    async def _contact(self, work: _Work, contact_id: str) -> set[str]:
        await self._let_live_work_go_ahead(work)
        try:
            return await self._taken_up(work, contact_id)
        except (LlmUnavailableError, LlmRefusedError) as error:
            raise TransientError(f"The model for memories: {error}") from error
        except (CrmError, LeaseLostError):
            raise
        except Exception as error:
            await self._failed(work, contact_id, error)
            return set()

    async def _let_live_work_go_ahead(self, work: _Work) -> None:
        for _ in range(_LONGEST_LOOKS):
            if not await self._backfills.live_work_waits(work.org_id):
                return
            await self._clock.sleep(LIVE_LOOK_S)

    async def _taken_up(self, work: _Work, contact_id: str) -> set[str]:
        found = await self._backfills.conversations(work.org_id, work.request, work.names, contact_id)
        turns = await self._turns(work, contact_id, found)
        counts = {"contacts": 1, "read": len(found)}
        job = Job(
            work.org, work.org_id, self._past(work), Origin(None, work.run_id),
            self._advancing(work, contact_id, counts), work.lease,
        )  # fmt: skip
        return await self._saving.save(job, contact_id, turns)

    async def _turns(
        self, work: _Work, contact_id: str, found: Sequence[Conversation]
    ) -> list[tuple[ConversationKey, Turn]]:
        if not work.request.memory:
            return [(one.key, Turn([(analysed(one), work.rules)])) for one in found]
        async with self._store.transaction() as uow:
            contact = (await uow.contacts(work.org_id, [contact_id], lock=False)).get(contact_id)
            known = await self._backfills.known(uow, work.org_id, contact_id, [CONTACT_MEMORY, WHOLE])
        prompt = "" if contact is None else memory_prompt(work.org, contact)
        turns = []
        for one in found:
            said = analysed(one)
            earlier = [past.application for past in known if past.ref == one.key.ref]
            told = await self._remembering.told(one, said, work.rules, prompt, earlier)
            rows = [UsageRow(use, one.key, contact_id) for use in told.usage if use.requests]
            if rows:
                async with self._store.transaction() as uow:
                    await uow.work.record_usage(work.org_id, rows)
            parts = [(said, work.rules), *([told.part] if told.part else [])]
            turns.append((one.key, Turn(parts)))
        return turns

    def _past(self, work: _Work) -> Callable[[UnitOfWork, str], Awaitable[Past]]:
        fields = list(work.request.fields)

        async def look(uow: UnitOfWork, contact_id: str) -> Past:
            known = await self._backfills.known(uow, work.org_id, contact_id, [*fields, WHOLE])
            return Past(known, await self._backfills.set_by_others(uow, work.org_id, contact_id, fields))

        return look

    def _advancing(
        self, work: _Work, contact_id: str, counts: dict[str, int]
    ) -> Callable[[UnitOfWork, int], Awaitable[None]]:
        async def done(uow: UnitOfWork, changed: int) -> None:
            told = {**counts, "changed": changed}
            await self._backfills.advance(uow, work.org_id, work.run_id, contact_id, told)
            await uow.apply(work.org_id, Changeset(closed_causes=[_cause(contact_id)]), Origin())

        return done

    async def _failed(self, work: _Work, contact_id: str, error: Exception) -> None:
        """One contact does not hold up the others."""
        found = await self._backfills.conversations(work.org_id, work.request, work.names, contact_id)
        message = (
            f"The backfill of {', '.join(work.request.fields)} could not be applied to contact {contact_id}:"
            f" {type(error).__name__}: {error}. Nothing of it was changed; run the backfill again."
        )
        note = IssueNote(
            _cause(contact_id), "backfill_failed", message, contact_id=contact_id, severity="error"
        )
        async with self._store.transaction(work.lease) as uow:
            await uow.apply(work.org_id, Changeset(issues=[note]), Origin(None, work.run_id))
            counts = {"contacts": 1, "read": len(found), "failed": len(found)}
            await self._backfills.advance(uow, work.org_id, work.run_id, contact_id, counts)


def _cause(contact_id: str) -> str:
    return f"backfill:{contact_id}"
