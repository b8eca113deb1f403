"""Activity logging: each conversation becomes one activity on the contact's primary record, and stays one.

The intent is committed before the request leaves. After a lost answer it waits out the request's own time limit, looks
for its key, and only then creates. Does not try again by itself: what may succeed later stays due.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tieline.domain.activities import ConversationType
from tieline.domain.changeset import Changeset, IssueNote, LinkStatus
from tieline.flows.analysis import activity_hash
from tieline.flows.configuration import failed_cause, failed_note
from tieline.flows.tally import PassTally
from tieline.ports.clock import Clock
from tieline.ports.config import AppConfig
from tieline.ports.crm import ActivityRef, Capability, CrmSession
from tieline.ports.errors import (
    CredentialsInvalidError,
    CrmError,
    RateLimitedError,
    RecordGoneError,
    RecordRejectedError,
    TransientError,
)
from tieline.ports.store import Lease, Store, UnitOfWork
from tieline.ports.work import ActivityRow, Conversation

_BATCH = 50
MAX_ATTEMPTS = 12


@dataclass(frozen=True, slots=True)
class LogResult:
    """What one pass did: activities looked at, and written."""

    looked: int = 0
    written: int = 0


class ActivityFlow:
    """Works off the due activities of one app."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def run(
        self, app: AppConfig, session: CrmSession, lease: Lease, tally: PassTally | None = None
    ) -> LogResult:
        """One batch. Raises the errors of ports.errors that concern the whole connection."""
        tally = tally or PassTally()
        async with self._store.transaction(lease) as uow:
            full = await uow.read_state(app.org_id, app.app_id, "full", app.tenant_key)
            if full.completed_at is None:
                return LogResult()  # Nothing is logged before the first read has completed.
            due = await uow.work.due_activities(app.org_id, app.tenant_key, _BATCH, self._clock.now())
            if due:
                await tally.begin(uow, app.org_id, app.app_id)
        written = 0
        for row in due:
            written += await _Logging(self._store, self._clock, app, session, lease, tally).one(row)
        return LogResult(len(due), written)


class _Logging:
    """One activity at a time."""

    def __init__(
        self, store: Store, clock: Clock, app: AppConfig, session: CrmSession, lease: Lease, tally: PassTally
    ) -> None:
        self._store, self._clock, self._app, self._session, self._lease = store, clock, app, session, lease
        self._tally, self._origin = tally, tally.origin(app.app_id)

    async def one(self, row: ActivityRow) -> bool:
        """Whether something was written."""
        self._tally.add(looked=1)
        prepared = await self._prepare(row)
        if prepared is None:
            self._tally.add(skipped=1)
            return False
        row, conversation = prepared
        try:
            ref = await self._write(row, conversation)
        except RecordGoneError as error:
            self._tally.failed(error)
            await self._record_gone(row, error)
            return False
        except RecordRejectedError as error:
            self._tally.failed(error)
            await self._block(row, str(error))
            return False
        except CredentialsInvalidError:
            raise
        except CrmError as error:
            await self._postpone(row, error)
            raise
        await self._done(row, conversation, ref)
        self._tally.add(**{"created" if row.activity_id is None else "changed": 1})
        return True

    async def _prepare(self, row: ActivityRow) -> tuple[ActivityRow, Conversation] | None:
        """The row on the record that is the contact's primary now, or None if there is nothing to do (yet)."""
        async with self._store.transaction(self._lease) as uow:
            conversation = await uow.work.conversation(row.key, lock=False)
            if conversation is None or not self._can_log(conversation):
                await uow.work.save_activity(replace(row, status="dropped", due_at=None))
                return None
            # Once a create may have left for a record, only that record, or what it was merged into, is looked at.
            bound = row.activity_id is not None or row.intent_at is not None
            target = await (self._bound_to(uow, row) if bound else self._target(uow, row))
            if target is None:
                await uow.work.save_activity(replace(row, status="dropped", due_at=None))
                return None
            row = replace(row, external_id=target)
            # What will be written is the conversation as it is now, also where its analysis has yet to say so.
            await uow.work.want_activity(replace(row, wanted_hash=activity_hash(conversation)))
            settled_at = self._settled_at(row)
            if settled_at is not None and settled_at > self._clock.now():
                await uow.work.save_activity(replace(row, due_at=settled_at))
                return None
        return row, conversation

    def _can_log(self, conversation: Conversation) -> bool:
        call = conversation.type is ConversationType.CALL
        needed = Capability.LOG_CALL if call else Capability.LOG_CHAT
        return needed in self._session.connector.spec.capabilities

    def _settled_at(self, row: ActivityRow) -> datetime | None:
        """Until when a create whose answer was lost may still be applied."""
        if row.activity_id is not None or row.intent_at is None:
            return None
        spec = self._session.connector.spec
        return row.intent_at + timedelta(seconds=spec.request_timeout_s + spec.activity_settle_s)

    def _send_by(self, intent_at: datetime) -> datetime:
        """Until when it may leave: well before another worker takes us for dead, looks, and creates it itself."""
        return intent_at + timedelta(seconds=self._session.connector.spec.send_within_s)

    async def _bound_to(self, uow: UnitOfWork, row: ActivityRow) -> str | None:
        """The record that carries the activity now; None when it is gone: nothing more is logged to it."""
        external_id, met = row.external_id, set[str]()
        while external_id not in met:
            met.add(external_id)
            links = await uow.links(self._app.org_id, self._app.tenant_key, [external_id], lock=False)
            link = links.get(external_id)
            if link is None or link.status in (LinkStatus.DELETED, LinkStatus.CLOSED):
                return None
            if link.status is not LinkStatus.MERGED or link.merged_into is None:
                return external_id
            external_id = link.merged_into
        return None

    async def _done(self, row: ActivityRow, conversation: Conversation, ref: ActivityRef) -> None:
        done = replace(
            row, activity_id=ref.activity_id, written=ref.written, written_hash=activity_hash(conversation),
            status="done", intent_at=None, due_at=None, attempts=0,
        )  # fmt: skip
        async with self._store.transaction(self._lease) as uow:
            await uow.work.save_activity(done)
            changes = Changeset(closed_causes=[_cause(row), failed_cause(self._app, "activity")])
            await uow.apply(self._app.org_id, changes, self._origin)

    async def _target(self, uow: UnitOfWork, row: ActivityRow) -> str | None:
        contacts = await uow.contacts(self._app.org_id, [row.contact_id], lock=False)
        contact = contacts.get(row.contact_id)
        if contact is None:
            return None
        links = await uow.open_links(self._app.org_id, self._app.tenant_key, [contact.contact_id])
        link = links.get(contact.contact_id)
        return None if link is None else link.external_id

    async def _write(self, row: ActivityRow, conversation: Conversation) -> ActivityRef:
        connector, activity = self._session.connector, conversation.activity()
        if row.activity_id is None and row.intent_at is not None:
            found = await self._session.run(
                connector.find_activity(row.external_id, activity, **self._keyed())
            )
            if found is not None:
                row = replace(row, activity_id=found.activity_id, written=found.written)
        if row.activity_id is not None:
            update = connector.update_activity(row.activity_id, activity, row.written or {})
            return await self._session.run(update, send_by=self._send_by(self._clock.now()))
        return await self._create(row, conversation)

    async def _create(self, row: ActivityRow, conversation: Conversation) -> ActivityRef:
        intent_at = self._clock.now()
        await self._save(replace(row, intent_at=intent_at))
        create = self._session.connector.create_activity(
            row.external_id, conversation.activity(), **self._keyed()
        )
        try:
            return await self._session.run(create, send_by=self._send_by(intent_at))
        except CrmError as error:
            if not (isinstance(error, TransientError) and error.maybe_applied):
                # This try did nothing; an earlier one may have, on a record that can come back from the bin.
                await self._save(row)
            raise

    def _keyed(self) -> dict[str, str]:
        """The unique field for the key, where the administrator made one."""
        name = self._app.activity_key_field
        return {"key_field": name} if name else {}

    async def _record_gone(self, row: ActivityRow, error: RecordGoneError) -> None:
        """The record is gone: the link must be looked at again, and the activity follows where it leads.

        An activity that is gone itself was deleted by somebody; it is not made again.
        """
        if row.activity_id is not None:
            await self._save(replace(row, status="dropped", due_at=None))
            self._tally.add(skipped=1)
            return
        async with self._store.transaction(self._lease) as uow:
            links = await uow.links(self._app.org_id, row.tenant_key, [row.external_id], lock=True)
            reread = [replace(link, needs_read=True) for link in links.values()]
            stored = await self._stored(uow, row)
            changes = Changeset(tenant_key=row.tenant_key, links=reread)
            await uow.apply(self._app.org_id, changes, self._origin)
        if row.attempts >= MAX_ATTEMPTS:
            await self._block(row, str(error))
            return
        self._tally.add(waiting=1)
        later = self._clock.now() + timedelta(seconds=60)
        await self._save(replace(row, intent_at=stored.intent_at, due_at=later, attempts=row.attempts + 1))

    async def _block(self, row: ActivityRow, why: str) -> None:
        self._tally.add(refused=1)
        note = IssueNote(
            cause=_cause(row),
            kind="activity_refused",
            message=f"Conversation {row.key.ref} could not be logged on record {row.external_id}: {why} "
            "Replay this issue when the cause is gone.",
            external_id=row.external_id,
            contact_id=row.contact_id,
            severity="error",
        )
        async with self._store.transaction(self._lease) as uow:
            await uow.work.save_activity(replace(row, status="blocked", due_at=None))
            await uow.apply(self._app.org_id, Changeset(issues=[note]), self._origin)

    async def _postpone(self, row: ActivityRow, error: CrmError) -> None:
        self._tally.add(waiting=1)
        now = self._clock.now()
        until = now + timedelta(seconds=min(2.0 * 2 ** min(row.attempts, 9), 600.0))
        if isinstance(error, RateLimitedError):
            until = max(until, error.until)
        async with self._store.transaction(self._lease) as uow:
            stored = await self._stored(uow, row)
            attempts = row.attempts + (not isinstance(error, RateLimitedError))
            await uow.work.save_activity(replace(stored, due_at=until, attempts=attempts))
            note = failed_note(self._app, "activity", error)
            if note is not None:
                await uow.apply(self._app.org_id, Changeset(issues=[note]), self._origin)

    async def _stored(self, uow: UnitOfWork, row: ActivityRow) -> ActivityRow:
        found: Sequence[ActivityRow] = await uow.work.activities_of(row.key)
        return next((r for r in found if r.tenant_key == row.tenant_key), row)

    async def _save(self, row: ActivityRow) -> None:
        async with self._store.transaction(self._lease) as uow:
            await uow.work.save_activity(row)


def _cause(row: ActivityRow) -> str:
    return f"activity:{row.tenant_key}:{row.key.ref}"
