"""The auditor's look at activities: whether the CRM has each conversation once. Reads only; a person deletes."""

from typing import Final

from tieline.domain.audit_report import second_activities, second_activities_cause
from tieline.domain.changeset import Changeset
from tieline.flows.inbound import InboundRun
from tieline.ports.audit import AuditBook, Audited, CountsActivities
from tieline.ports.errors import RecordGoneError
from tieline.ports.store import Origin, Store

# Conversations whose activities are counted in each audit: one or two requests each.
SAMPLE: Final = 25


class CountingActivities:
    """Counts the activities of some conversations: of those whose creation is in doubt, then of others by chance."""

    def __init__(self, store: Store, book: AuditBook, run: InboundRun, notes: Audited) -> None:
        self._store = store
        self._book = book
        self._run = run
        self._notes = notes

    async def run(self) -> int:
        """How many conversations are logged more than once; each has its issue."""
        run, connector = self._run, self._run.session.connector
        if not isinstance(connector, CountsActivities):
            return 0
        async with self._store.transaction(run.lease) as uow:
            sample = await self._book.activity_sample(uow, self._notes, SAMPLE)
            logged = [(row, await uow.work.conversation(row.key, lock=False)) for row in sample]
        notes, closed = [], []
        for row, conversation in logged:
            if conversation is None:
                continue
            try:
                ids = await run.session.run(connector.activity_ids(row.external_id, conversation.activity()))
            except RecordGoneError:
                continue
            if len(ids) > 1:
                note = second_activities(
                    row.tenant_key, row.key.ref, row.external_id, row.contact_id, ids, row.activity_id
                )
                notes.append(note)
            else:
                closed.append(second_activities_cause(row.tenant_key, row.key.ref))
        async with self._store.transaction(run.lease) as uow:
            changes = Changeset(issues=notes, closed_causes=closed)
            await uow.apply(run.app.org_id, changes, Origin(run.app.app_id, run.run_id))
        return len(notes)
