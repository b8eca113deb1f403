"""Outbound sync: local changes of mapped fields are written to the CRM, after a fresh look at what is there.

Each batch is read, planned, marked in flight and committed; written; and settled by what the CRM answered. Does not try
again by itself: what may succeed later stays marked, with a time before which nobody need look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeGuard

from tieline.domain.changeset import Changeset, LinkState, LinkStatus
from tieline.domain.crm_schema import CrmField, CrmSchema
from tieline.domain.look import IN_FLIGHT_LASTS_MS
from tieline.domain.plan_outbound import Confirmed, Denied, OutboundRules, PlannedWrite, plan_outbound, settle
from tieline.domain.records import RemoteRecord
from tieline.flows.brake_outbound import OutboundBrake
from tieline.flows.configuration import (
    Effective,
    absent_notes,
    drift_notes,
    effective,
    failed_cause,
    failed_note,
)
from tieline.flows.known import known_of_links, sweep_soon
from tieline.flows.overwritten import note_overwritten
from tieline.flows.tally import PassTally
from tieline.ports.clock import Clock, Ids, to_ms
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.crm import CrmSession, Page, Refused, WriteOutcome, Written
from tieline.ports.errors import (
    ConflictError,
    CredentialsInvalidError,
    CrmError,
    RateLimitedError,
    RecordGoneError,
    RecordRejectedError,
    SchemaDriftError,
    SendTooLateError,
    TransientError,
)
from tieline.ports.store import Lease, Origin, Store

# The write follows its re-read at once; one that waited longer (a slow lock, a paused process) reads again.
REREAD_GOOD_FOR = timedelta(seconds=5)
# For a CRM that is always slower than that. A worker that was frozen for longer writes nothing: others may have since.
SENT_AT_LATEST = timedelta(seconds=60)
_TRIES = 5
_LOOKS = 3


@dataclass(frozen=True, slots=True)
class PushResult:
    """What one pass did: links looked at, records written and refused, links left to look at again."""

    looked: int = 0
    written: int = 0
    refused: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class _Push:
    app: AppConfig
    session: CrmSession
    lease: Lease
    how: Effective
    fields: Mapping[str, CrmField]
    tally: PassTally

    @property
    def origin(self) -> Origin:
        return self.tally.origin(self.app.app_id)


class OutboundFlow:
    """Pushes the dirty links of one app, a batch at a time."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, brake: OutboundBrake | None = None) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._brake = brake

    async def push(
        self,
        app: AppConfig,
        org: OrgConfig,
        session: CrmSession,
        lease: Lease,
        schema: CrmSchema,
        tally: PassTally | None = None,
    ) -> PushResult:
        """One batch of dirty links. `looked` is 0 when there are none. Raises the errors of ports.errors."""
        tally = tally or PassTally()
        try:
            return await self._pass(app, org, session, lease, schema, tally)
        except SchemaDriftError:
            # The schema that we hold is older than the CRM's: what it no longer carries rests, the others go through.
            live = await session.run(session.connector.describe())
            await self._note_drift(app, org, lease, live)
            return await self._pass(app, org, session, lease, live, tally)

    async def _note_drift(self, app: AppConfig, org: OrgConfig, lease: Lease, live: CrmSchema) -> None:
        notes = drift_notes(app, effective(app, org, live))
        if notes:
            async with self._store.transaction(lease) as uow:
                await uow.apply(app.org_id, Changeset(issues=notes), Origin(app.app_id))

    async def _pass(
        self,
        app: AppConfig,
        org: OrgConfig,
        session: CrmSession,
        lease: Lease,
        schema: CrmSchema,
        tally: PassTally,
    ) -> PushResult:
        how = effective(app, org, schema)
        push = _Push(app, session, lease, how, {f.name: f for f in how.crm_fields(schema)}, tally)
        spec = session.connector.spec
        async with self._store.transaction(lease) as uow:
            full = await uow.read_state(app.org_id, app.app_id, "full", app.tenant_key)
            if full.completed_at is None:
                return PushResult()  # Nothing is pushed before the first read has completed; changes wait.
            batch = min(spec.write_batch, spec.read_batch)
            if self._brake is not None:
                dirty = await self._brake.dirty_links(uow, app, lease, how.mapping.pairs, batch)
            else:
                dirty = await uow.dirty_links(app.org_id, app.tenant_key, batch, self._clock.now())
            if dirty:
                await tally.begin(uow, app.org_id, app.app_id)
        if not dirty:
            return PushResult()
        try:
            result = await self._write_fresh(push, dirty)
        except (CredentialsInvalidError, SchemaDriftError):
            raise
        except CrmError as error:
            tally.add(looked=len(dirty), waiting=len(dirty))
            await self._postpone(push, dirty, error)
            raise
        idle = result.looked - result.written - result.refused - result.waiting
        tally.add(
            looked=result.looked, changed=result.written, refused=result.refused, waiting=result.waiting
        )
        tally.add(skipped=idle)
        return result

    async def _write_fresh(self, push: _Push, dirty: Sequence[str]) -> PushResult:
        """Re-reads, plans, commits what is in flight, writes. Reads again if the write would leave so late that the
        look is stale: a slow lock, a wait for its turn.

        A CRM that always takes that long is written to all the same: never writing would be worse.
        """
        for look in range(1, _LOOKS + 1):
            page = await self._look(push, dirty)
            writes = await self._plan(push, dirty, page)
            if not writes:
                break
            send_by = page.requested_at + REREAD_GOOD_FOR
            if look == _LOOKS:
                send_by = max(send_by, self._clock.now() + SENT_AT_LATEST)
            try:
                return await self._write(push, len(dirty), writes, send_by)
            except SendTooLateError:
                if look == _LOOKS:
                    raise
        return PushResult(looked=len(dirty))

    async def _look(self, push: _Push, dirty: Sequence[str]) -> Page:
        return await push.session.run(push.session.connector.read_by_ids(list(push.fields.values()), dirty))

    async def _plan(self, push: _Push, dirty: Sequence[str], page: Page) -> dict[str, PlannedWrite]:
        app = push.app
        records: dict[str, RemoteRecord] = {r.external_id: r for r in page.records}
        for attempt in range(_TRIES):
            try:
                async with self._store.transaction(push.lease) as uow:
                    known = await known_of_links(uow, app.org_id, app.app_id, app.tenant_key, dirty)
                    links = [known.links[ext] for ext in dirty if _open(known.links.get(ext))]
                    rules = self._rules(push, page)
                    plan = plan_outbound(links, records, known, rules, lambda: self._ids.new("contact"))
                    gone = absent_notes(app, plan.drifted)
                    changes = replace(plan.changeset, issues=[*plan.changeset.issues, *gone])
                    await uow.apply(app.org_id, changes, push.origin)
                    if any(link.external_id not in records for link in links):
                        await sweep_soon(uow, app.org_id, app.app_id, app.tenant_key)
                return {write.patch.external_id: write for write in plan.writes}
            except ConflictError:
                if attempt + 1 == _TRIES:
                    raise
        return {}

    async def _write(
        self, push: _Push, looked: int, writes: Mapping[str, PlannedWrite], send_by: datetime
    ) -> PushResult:
        """Sends a batch and settles it. A lost answer leaves everything in flight: the next look settles it."""
        patches = [write.patch for write in writes.values()]
        operation = push.session.connector.update_contacts(patches, push.fields)
        outcomes = await push.session.run(operation, send_by=send_by)
        answers = [_answer(outcome) for outcome in outcomes]
        app = push.app
        now_ms = to_ms(self._clock.now())
        rules = OutboundRules(push.how.mapping, app.tenant_key, now_ms, now_ms, app.own_user_id)
        expired = now_ms - IN_FLIGHT_LASTS_MS
        for attempt in range(_TRIES):
            try:
                async with self._store.transaction(push.lease) as uow:
                    known = await known_of_links(uow, app.org_id, app.app_id, app.tenant_key, list(writes))
                    changes = settle(answers, writes, known, rules, lambda: self._ids.new("contact"), expired)
                    healed = [*changes.closed_causes, failed_cause(app, "push")]
                    await uow.apply(app.org_id, replace(changes, closed_causes=healed), push.origin)
                    if any(isinstance(answer, Denied) and answer.gone for answer in answers):
                        await sweep_soon(uow, app.org_id, app.app_id, app.tenant_key)
                break
            except ConflictError:
                if attempt + 1 == _TRIES:
                    raise
        confirmed = {a.external_id: writes[a.external_id] for a in answers if isinstance(a, Confirmed)}
        await note_overwritten(
            self._store, push.lease, push.session, app, push.how.mapping, push.fields, confirmed,
            lambda: self._ids.new("contact"), push.origin,
        )  # fmt: skip
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                push.tally.failed(outcome.error)
        both = zip(answers, outcomes, strict=True)
        again = [a.external_id for a, o in both if isinstance(a, Denied) and a.again and not _is_drift(o)]
        if again:
            await self._postpone_links(push, again, 0)
        drift = next((o.error for o in outcomes if _is_drift(o)), None)
        if drift is not None:
            raise drift
        written = sum(isinstance(answer, Confirmed) for answer in answers)
        return PushResult(looked, written, len(answers) - written - len(again), len(again))

    def _rules(self, push: _Push, page: Page) -> OutboundRules:
        now = to_ms(self._clock.now())
        return OutboundRules(
            push.how.mapping, push.app.tenant_key, now, to_ms(page.requested_at), push.app.own_user_id
        )

    async def _postpone(self, push: _Push, dirty: Sequence[str], error: CrmError) -> None:
        wait = 0.0
        if isinstance(error, RateLimitedError):
            wait = max(0.0, (error.until - self._clock.now()).total_seconds())
        await self._postpone_links(push, dirty, wait, counted=not isinstance(error, RateLimitedError))
        note = failed_note(push.app, "push", error)
        if note is not None:
            async with self._store.transaction(push.lease) as uow:
                await uow.apply(push.app.org_id, Changeset(issues=[note]), push.origin)

    async def _postpone_links(
        self, push: _Push, external_ids: Sequence[str], wait_s: float, *, counted: bool = True
    ) -> None:
        """Waits twice as long after each attempt, 2 seconds to 10 minutes, and at least as long as the CRM asked."""
        app = push.app
        async with self._store.transaction(push.lease) as uow:
            links = await uow.links(app.org_id, app.tenant_key, external_ids, lock=True)
            by_wait: dict[float, list[str]] = {}
            for link in links.values():
                backoff = min(2.0 * 2 ** min(link.push_attempts, 9), 600.0)
                by_wait.setdefault(max(wait_s, backoff), []).append(link.external_id)
            for seconds, ids in by_wait.items():
                until = self._clock.now() + timedelta(seconds=seconds)
                await uow.postpone_push(app.org_id, app.tenant_key, ids, until, counted=counted)


def _open(link: LinkState | None) -> bool:
    return link is not None and link.status is LinkStatus.OPEN


def _is_drift(outcome: WriteOutcome) -> TypeGuard[Refused]:
    return isinstance(outcome, Refused) and isinstance(outcome.error, SchemaDriftError)


def _answer(outcome: WriteOutcome) -> Confirmed | Denied:
    """What the CRM said of one record, in the plan's terms."""
    match outcome:
        case Written(external_id, modified_ms):
            return Confirmed(external_id, modified_ms)
        case Refused(external_id, RecordGoneError() as error):
            return Denied(external_id, str(error), gone=True)
        case Refused(external_id, SchemaDriftError() as error):
            return Denied(external_id, str(error), again=True)
        case Refused(external_id, RecordRejectedError() as error):
            return Denied(external_id, str(error), crm_field=error.field)
        case Refused(external_id, TransientError() | RateLimitedError() as error):
            lost = isinstance(error, TransientError) and error.maybe_applied
            return Denied(external_id, str(error), again=True, maybe_applied=lost)
        case Refused(external_id, error):
            return Denied(external_id, str(error))
