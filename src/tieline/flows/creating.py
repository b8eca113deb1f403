"""After a conversation, a contact that no record of the CRM is tied to gets one: found by its number, else created.

First our own store is asked, then the CRM, and only then is a record created; the intent is committed before the
request leaves. After a lost answer it waits until the CRM can no longer apply the request and its search shows it, and
looks again. Does not try again by itself: what may succeed later stays due.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tieline.domain.board import Board, Known
from tieline.domain.changeset import Changeset, ContactState, IssueNote
from tieline.domain.crm_schema import CrmField, CrmSchema
from tieline.domain.plan_creating import (
    CreationRules,
    HadRecord,
    HeldHere,
    NewRecord,
    NobodyHere,
    RecordMissing,
    Standing,
    forget_placeholders,
    intent_from_json,
    open_link,
    plan_record,
    standing,
    with_number,
)
from tieline.flows.brake_outbound import OutboundBrake
from tieline.flows.configuration import effective
from tieline.flows.inbound import InboundFlow, InboundRun
from tieline.flows.tally import PassTally
from tieline.ports.clock import Clock, Ids, to_ms
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.creating import CreationRow
from tieline.ports.crm import Capability, CrmSession, Written
from tieline.ports.errors import (
    ConflictError,
    CredentialsInvalidError,
    CrmError,
    DuplicateRecordError,
    RateLimitedError,
    TransientError,
)
from tieline.ports.store import Lease, Store, UnitOfWork

_BATCH = 50
_TRIES = 5
# A sweep runs at least this often, and says what became of a record that was not found.
_AFTER_SWEEP = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class CreateResult:
    """What one pass did: contacts looked at, records created."""

    looked: int = 0
    created: int = 0


@dataclass(frozen=True, slots=True)
class _Stand:
    """A contact without a record, and what our store says of it."""

    contact: ContactState
    finding: Standing


class CreatingFlow:
    """Works off the due intents of one app."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, brake: OutboundBrake | None = None) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._brake = brake

    async def run(
        self,
        app: AppConfig,
        org: OrgConfig,
        session: CrmSession,
        lease: Lease,
        schema: CrmSchema,
        tally: PassTally | None = None,
    ) -> CreateResult:
        """One batch. Raises the errors of ports.errors that concern the whole connection, and ConfigurationError."""
        tally = tally or PassTally()
        needed = {Capability.CREATE, Capability.FIND_BY_PHONE}
        if not app.creates_contacts or not needed <= session.connector.spec.capabilities:
            return CreateResult()
        async with self._store.transaction(lease) as uow:
            full = await uow.read_state(app.org_id, app.app_id, "full", app.tenant_key)
            if full.completed_at is None:
                return CreateResult()  # Nothing is created before the first read has completed.
            await uow.creations.release_activities(app.org_id, app.tenant_key, self._clock.now())
            if self._brake is not None:
                due = await self._brake.due_creations(uow, app, lease, _BATCH)
            else:
                due = await uow.creations.due(app.org_id, app.tenant_key, _BATCH, self._clock.now())
            if due:
                await tally.begin(uow, app.org_id, app.app_id)
        creating = _Creating(self._store, self._clock, self._ids, app, org, session, lease, schema, tally)
        created = 0
        for row in due:
            created += await creating.one(row)
        return CreateResult(len(due), created)


class _Creating:
    """One contact at a time."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, app: AppConfig, org: OrgConfig, session: CrmSession,
        lease: Lease, schema: CrmSchema, tally: PassTally,
    ) -> None:  # fmt: skip
        self._tally, self._origin = tally, tally.origin(app.app_id)
        self._store, self._clock, self._ids = store, clock, ids
        self._app, self._org, self._session, self._lease, self._schema = app, org, session, lease, schema
        how = effective(app, org, schema)
        self._fields: Sequence[CrmField] = how.crm_fields(schema)
        spec = session.connector.spec
        self._rules = CreationRules(
            how.mapping, schema, app.tenant_key, app.region, spec.name_fields, app.new_contact_name
        )

    async def one(self, row: CreationRow) -> bool:
        """Whether a record was created."""
        before = self._tally.counts["refused"] + self._tally.counts["waiting"]
        try:
            created = await self._one(row)
        except CredentialsInvalidError:
            raise
        except (TransientError, RateLimitedError) as error:
            self._tally.add(looked=1, waiting=1)
            await self._postpone(row, error)
            raise
        except CrmError as error:
            self._tally.failed(error)
            self._tally.add(looked=1)
            await self._block(row, f"the CRM refused it: {error}")
            return False
        settled = created or self._tally.counts["refused"] + self._tally.counts["waiting"] > before
        self._tally.add(looked=1, created=int(created), skipped=int(not settled))
        return created

    async def _one(self, row: CreationRow) -> bool:
        stand = await self._stand(row)
        if stand is None:
            return False
        match stand.finding:
            case HadRecord(link):
                why = f"its record {link.external_id} was {link.status.value} in the CRM or here before"
                await self._block(row, why)
                return False
            case RecordMissing():
                self._tally.add(waiting=1)
                await self._save(replace(row, due_at=self._clock.now() + _AFTER_SWEEP))
                return False
            case HeldHere(ids):
                return await self._link(row, ids)
            case NobodyHere():
                return await self._ask_crm(row, stand.contact)

    async def _ask_crm(self, row: CreationRow, contact: ContactState) -> bool:
        settled_at = self._settled_at(row)
        if settled_at is not None and settled_at > self._clock.now():
            self._tally.add(waiting=1)
            await self._save(replace(row, due_at=settled_at))
            return False
        numbers = {contact.phone_number}
        if row.intent is not None:
            numbers.add(intent_from_json(row.intent).number)
        hits = [hit for number in sorted(numbers) for hit in await self._search(number)]
        if hits:
            return await self._link(row, tuple(dict.fromkeys(hits)))
        return await self._create(row)

    def _settled_at(self, row: CreationRow) -> datetime | None:
        """Until when a create whose answer was lost may still be applied, or hidden from the CRM's search."""
        if row.intent_at is None:
            return None
        spec = self._session.connector.spec
        return row.intent_at + timedelta(
            seconds=spec.request_timeout_s + spec.activity_settle_s + spec.search_lag_s
        )

    def _send_by(self, intent_at: datetime) -> datetime:
        """Until when it may leave: well before another worker takes us for dead, looks, and creates it itself."""
        return intent_at + timedelta(seconds=self._session.connector.spec.send_within_s)

    async def _search(self, number: str) -> list[str]:
        """Records of the CRM with this number, as they are now and not as an index has them."""
        connector, mapping = self._session.connector, self._rules.mapping
        phones = [mapping.phone_field, *mapping.fallback_phone_fields]
        page = await self._session.run(connector.find_by_phone(self._fields, number, phones))
        hits = with_number(page.records, number, self._rules)
        if not hits or page.authoritative:
            return hits
        batch = hits[: connector.spec.read_batch]
        live = await self._session.run(connector.read_by_ids(self._fields, batch))
        return with_number(live.records, number, self._rules)

    async def _link(self, row: CreationRow, external_ids: Sequence[str]) -> bool:
        """One record with the number is read, and so linked; several are a person's to tell apart."""
        if len(external_ids) > 1:
            await self._block(row, f"several records have its number: {', '.join(external_ids)}")
            return False
        run = InboundRun(self._app, self._org, self._session, None, "", full=False)
        await InboundFlow(self._store, self._clock, self._ids).read_records(run, self._schema, external_ids)
        if await self._stand(row) is not None:
            why = (
                f"record {external_ids[0]} shows its number, but speaks for another contact or another number"
            )
            await self._block(row, why)
        return False

    # creating

    async def _create(self, row: CreationRow) -> bool:
        """Commits the intent, then sends it. An answer that is lost leaves it standing."""
        async with self._store.transaction(self._lease) as uow:
            contacts = await uow.contacts(row.org_id, [row.contact_id], lock=True)
            linked = await uow.open_links(
                row.org_id, row.tenant_key, [c.contact_id for c in contacts.values()]
            )
            contact = contacts.get(row.contact_id)
            if contact is None or linked:
                return False  # Changed a moment ago; it is still due.
            made = plan_record(contact, self._rules)
            intent_at = self._clock.now()
            row = replace(row, intent_at=intent_at, intent=made.to_json())
            await uow.creations.save(row)
        operation = self._session.connector.create_contact(made.values, self._schema.fields)
        try:
            written = await self._session.run(operation, send_by=self._send_by(intent_at))
        except CrmError as error:
            if not (isinstance(error, TransientError) and error.maybe_applied):
                await self._save(replace(row, intent_at=None, intent=None))
            if isinstance(error, DuplicateRecordError):
                return await self._duplicate(replace(row, intent_at=None, intent=None), made, error)
            raise
        await self._open(row, made, written)
        return True

    async def _duplicate(self, row: CreationRow, made: NewRecord, error: DuplicateRecordError) -> bool:
        """The CRM names a record that it holds already: the contact's, if the number agrees."""
        ids = error.existing_ids[: self._session.connector.spec.read_batch]
        if ids:
            live = await self._session.run(self._session.connector.read_by_ids(self._fields, ids))
            agreeing = with_number(live.records, made.number, self._rules)
            if agreeing:
                return await self._link(row, agreeing)
        named = f" ({', '.join(ids)})" if ids else ""
        await self._block(row, f"the CRM holds another record that it takes for the same{named}: {error}")
        return False

    async def _open(self, row: CreationRow, made: NewRecord, written: Written) -> None:
        assert row.intent_at is not None
        for attempt in range(_TRIES):
            try:
                async with self._store.transaction(self._lease) as uow:
                    board, contact_id = await self._board(uow, row, written.external_id)
                    if contact_id is not None:
                        open_link(
                            board, contact_id, written.external_id, made, self._rules,
                            now_ms=to_ms(self._clock.now()), sent_ms=to_ms(row.intent_at),
                            stamp_ms=written.modified_ms,
                        )  # fmt: skip
                    await self._finish(uow, row, board)
                return
            except ConflictError:
                if attempt + 1 == _TRIES:
                    raise

    # what our store holds

    async def _stand(self, row: CreationRow) -> _Stand | None:
        """What is known of the contact now; None if the intent is settled, or another contact's by now."""
        async with self._store.transaction(self._lease) as uow:
            board, contact_id = await self._board(uow, row, None)
            if contact_id is None:
                await self._finish(uow, row, board)
                return None
            if contact_id != row.contact_id:
                await uow.creations.move(row, contact_id, self._clock.now())
                changes = Changeset(closed_causes=[_cause(row)])
                await uow.apply(row.org_id, changes, self._origin)
                return None
            primary = board.primaries.get(contact_id)
            if primary is not None:
                if row.intent is not None:
                    made = intent_from_json(row.intent)
                    forget_placeholders(board, board.links[primary], made, self._rules)
                await self._finish(uow, row, board)
                return None
            contact = board.contacts[contact_id]
            ties = await uow.creations.ties(row.org_id, row.tenant_key, contact_id)
            holders = await uow.creations.holders(row.org_id, row.tenant_key, contact.phone_number)
            found = standing(contact.phone_number, ties, holders, self._app.region)
            return _Stand(contact, found)

    async def _board(
        self, uow: UnitOfWork, row: CreationRow, external_id: str | None
    ) -> tuple[Board, str | None]:
        """The contact and its record, locked; the contact's id as it is now, None if it was deleted."""
        org_id, tenant_key = row.org_id, row.tenant_key
        wanted = [] if external_id is None else [external_id]
        links = dict(await uow.links(org_id, tenant_key, wanted, lock=True))
        contacts = await uow.contacts(org_id, [row.contact_id], lock=True)
        contact = contacts.get(row.contact_id)
        if contact is None:
            return Board(Known(links=links), tenant_key, self._new_id), None
        primaries = await uow.open_links(org_id, tenant_key, [contact.contact_id])
        links |= {link.external_id: link for link in primaries.values()}
        known = Known(
            links=links,
            contacts={contact.contact_id: contact},
            primaries={contact_id: link.external_id for contact_id, link in primaries.items()},
        )
        return Board(known, tenant_key, self._new_id), contact.contact_id

    def _new_id(self) -> str:
        return self._ids.new("contact")

    # the intent's row

    async def _finish(self, uow: UnitOfWork, row: CreationRow, board: Board) -> None:
        """The contact has its record, or needs none any more; what waited for it can be logged."""
        changes = replace(board.changeset(), closed_causes=[_cause(row)])
        await uow.apply(row.org_id, changes, self._origin)
        done = replace(row, status="done", intent_at=None, intent=None, due_at=None, attempts=0)
        await uow.creations.save(done)
        await uow.creations.release_activities(row.org_id, row.tenant_key, self._clock.now())

    async def _block(self, row: CreationRow, why: str) -> None:
        self._tally.add(refused=1)
        note = IssueNote(
            cause=_cause(row),
            kind="record_not_created",
            message=f"No record was created in the CRM for contact {row.contact_id}: {why}. Put it right in the CRM, "
            "where a record with this number is linked by itself, or replay this issue. Conversations wait to be "
            "logged until then.",
            contact_id=row.contact_id,
        )
        async with self._store.transaction(self._lease) as uow:
            blocked = replace(row, status="blocked", due_at=None, intent_at=None, intent=None, attempts=0)
            await uow.creations.save(blocked)
            await uow.apply(row.org_id, Changeset(issues=[note]), self._origin)

    async def _postpone(self, row: CreationRow, error: CrmError) -> None:
        """Comes back later, with the intent as it was saved last."""
        until = self._clock.now() + timedelta(seconds=min(2.0 * 2 ** min(row.attempts, 9), 600.0))
        if isinstance(error, RateLimitedError):
            until = max(until, error.until)
        async with self._store.transaction(self._lease) as uow:
            await uow.creations.postpone(row, until, counted=not isinstance(error, RateLimitedError))

    async def _save(self, row: CreationRow) -> None:
        async with self._store.transaction(self._lease) as uow:
            await uow.creations.save(row)


def _cause(row: CreationRow) -> str:
    return f"create:{row.tenant_key}:{row.contact_id}"
