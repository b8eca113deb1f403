"""Planted faults: worlds whose flows are broken on purpose, to show that the invariants would notice.

Each is a `Parts` with one piece replaced through a seam that is there anyway: a flow's constructor, the store, the
connector. No production module is changed. None of this may be used but to be caught.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from tieline.domain.changeset import (
    Changeset,
    ContactChange,
    FieldChange,
    LedgerOutcome,
    LinkState,
    Source,
    SourceKind,
)
from tieline.domain.records import RemoteRecord
from tieline.flows.inbound import InboundFlow
from tieline.flows.outbound import OutboundFlow
from tieline.ports.clock import Clock
from tieline.ports.crm import Connector, Operation, Page, Refused, WriteOutcome, Written
from tieline.ports.store import Lease, Origin, Store
from tieline.ports.work import Conversation, ConversationKey, Work
from tieline.testing.simulation.history import WEIGHTS
from tieline.testing.simulation.memory_store import MemoryStore, MemoryUnitOfWork
from tieline.testing.simulation.world import Parts

Meddle = Callable[[Changeset, MemoryUnitOfWork, str], Any]


class _MeddledUnit:
    """A unit of work that changes every changeset before it is applied."""

    def __init__(self, unit: MemoryUnitOfWork, meddle: Meddle) -> None:
        self._unit = unit
        self._meddle = meddle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._unit, name)

    async def apply(self, org_id: str, changeset: Changeset, origin: Origin) -> None:
        changed: Changeset = await self._meddle(changeset, self._unit, org_id)
        await self._unit.apply(org_id, changed, origin)


class _MeddledStore:
    """A store of such units."""

    def __init__(self, store: MemoryStore, meddle: Meddle) -> None:
        self._store = store
        self._meddle = meddle

    @asynccontextmanager
    async def transaction(self, lease: Lease | None = None) -> AsyncIterator[Any]:
        async with self._store.transaction(lease) as unit:
            yield _MeddledUnit(unit, self._meddle)


def _meddling(meddle: Meddle) -> Parts:
    def store(memory: MemoryStore) -> Store:
        return _MeddledStore(memory, meddle)

    return Parts(store=store)


class _MeddledConnector:
    """A connector of which single operations are replaced."""

    def __init__(self, connector: Connector, **replaced: Callable[..., Operation[Any]]) -> None:
        self._connector = connector
        self._replaced = replaced

    def __getattr__(self, name: str) -> Any:
        return self._replaced.get(name) or getattr(self._connector, name)


# The faults


def _base_moves_on_a_failed_push(connector: Connector) -> Any:
    def update_contacts(patches: Any, fields: Any) -> Operation[Sequence[WriteOutcome]]:
        outcomes = yield from connector.update_contacts(patches, fields)
        return [Written(one.external_id) if isinstance(one, Refused) else one for one in outcomes]

    return _MeddledConnector(connector, update_contacts=update_contacts)


class _PushesWithoutLooking(OutboundFlow):
    """Believes what its links remember instead of reading again."""

    async def _look(self, push: Any, dirty: Sequence[str]) -> Page:
        async with self._store.transaction(push.lease) as unit:
            links = await unit.links(push.app.org_id, push.app.tenant_key, dirty, lock=False)
        records = [_remembered(link, push.how.mapping.pairs) for link in links.values()]
        return Page(records, None, None, self._clock.now())


def _remembered(link: LinkState, pairs: Any) -> RemoteRecord:
    values: dict[str, Any] = {
        pair.crm.name: link.pairs[pair.key].base.remote for pair in pairs if pair.key in link.pairs
    }
    return RemoteRecord(link.external_id, link.created_ms, link.stamp_ms, values)


class _SavesTheCursorFirst(InboundFlow):
    """The place within the read is committed before what was read."""

    async def _take_page(self, reading: Any, page: Page, kind: str, state: Any, *, first_read: bool) -> None:
        app = reading.run.app
        marks = [(kind, state)]
        if kind == "full" and page.cursor is None and page.wait_s <= 0:
            marks.append(
                ("changes", replace(state, cursor=None, watermark=page.watermark, completed_at=None))
            )
        async with self._store.transaction(reading.run.lease) as unit:
            for name, mark in marks:
                await unit.save_read_state(app.org_id, app.app_id, name, app.tenant_key, mark)
        await self._commit(reading, page.records, page, first_read=first_read)


def _reads_with_greater_than(connector: Connector) -> Any:
    """Increments begin after the newest stamp that was seen, without a lag, and leave out that very stamp."""

    def read_changes(fields: Any, watermark: str, cursor: Any, page_size: int) -> Operation[Page]:
        newest, _, place = watermark.partition("#")
        page = yield from connector.read_changes(fields, place or newest, cursor, page_size)
        last = int(newest) if place else 0
        records = [record for record in page.records if record.modified_ms > last]
        latest = max((record.modified_ms for record in page.records), default=last)
        mark = None if page.watermark is None else f"{max(latest, last)}#{page.watermark}"
        return replace(page, records=records, watermark=mark)

    return _MeddledConnector(connector, read_changes=read_changes)


def _never_looks_for_the_activity(connector: Connector) -> Any:
    def find_activity(contact_id: str, activity: Any) -> Operation[Any]:
        return None
        yield

    return _MeddledConnector(connector, find_activity=find_activity)


def _logs_without_a_key(connector: Connector) -> Any:
    def create_activity(contact_id: str, activity: Any) -> Operation[Any]:
        return (
            yield from connector.create_activity(contact_id, replace(activity, key=activity.key + "-lost"))
        )

    return _MeddledConnector(connector, create_activity=create_activity)


class _ForgetsTheEnd:
    """Conversations whose values count as of now instead of as of their end."""

    def __init__(self, work: Work, clock: Clock) -> None:
        self._work = work
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)

    async def conversation(self, key: ConversationKey, *, lock: bool) -> Conversation | None:
        found = await self._work.conversation(key, lock=lock)
        # Only where the values are planned: an activity with another end each time would be written for ever.
        return replace(found, ended_at=self._clock.now()) if found is not None and lock else found


class _ForgetfulStore:
    """A store of such conversations."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    @asynccontextmanager
    async def transaction(self, lease: Lease | None = None) -> AsyncIterator[Any]:
        async with self._store.transaction(lease) as unit:
            unit.work = _ForgetsTheEnd(unit.work, self._store.clock)  # type: ignore[assignment]
            yield unit


async def _base_is_what_local_is_now(changes: Changeset, unit: MemoryUnitOfWork, org_id: str) -> Changeset:
    """A confirmed write makes the newest local value the base, instead of the one that was sent."""
    links = []
    for link in changes.links:
        rows = await unit.links(org_id, changes.tenant_key, [link.external_id], lock=False)
        before = rows.get(link.external_id)
        if before is None or before.confirmed_write_ms == link.confirmed_write_ms or link.contact_id is None:
            links.append(link)
            continue
        contact = (await unit.contacts(org_id, [link.contact_id], lock=False))[link.contact_id]
        pairs = {
            key: replace(state, base=replace(state.base, local=contact.values.get(key.partition("|")[0])))
            for key, state in link.pairs.items()
        }
        links.append(replace(link, pairs=pairs, dirty=False))
    return replace(changes, links=links)


async def _forgets_what_is_on_its_way(changes: Changeset, unit: MemoryUnitOfWork, org_id: str) -> Changeset:
    links = [
        replace(link, pairs={key: replace(state, in_flight=()) for key, state in link.pairs.items()})
        for link in changes.links
    ]
    return replace(changes, links=links)


async def _keeps_the_old_primarys_values(
    changes: Changeset, unit: MemoryUnitOfWork, org_id: str
) -> Changeset:
    def left(change: ContactChange) -> ContactChange:
        stay = tuple(c for c in change.changes if c.outcome is not LedgerOutcome.WITHDRAWN)
        return replace(change, changes=stay)

    return replace(changes, contact_changes=[left(change) for change in changes.contact_changes])


class _AppliesWhateverItRead(InboundFlow):
    """Takes every page for as new as its commit, and every record for newer than what is known."""

    async def _commit(self, reading: Any, records: Any, page: Page, **how: Any) -> Any:
        page = replace(page, requested_at=self._clock.now() + timedelta(seconds=1))
        return await super()._commit(reading, records, page, **{**how, "fresh": True})


def _believes_the_index(connector: Connector) -> Any:
    """A search result is taken for the truth of the moment."""

    def read_changes(fields: Any, watermark: str, cursor: Any, page_size: int) -> Operation[Page]:
        page = yield from connector.read_changes(fields, watermark, cursor, page_size)
        return replace(page, authoritative=True)

    return _MeddledConnector(connector, read_changes=read_changes)


class _BelievesStamps(InboundFlow):
    """Takes records for as they are, whatever their stamp."""

    async def _commit(self, reading: Any, records: Any, page: Page, **how: Any) -> Any:
        return await super()._commit(reading, records, page, **{**how, "fresh": True})


def _absent_is_empty(connector: Connector) -> Any:
    def filled(page: Page, fields: Any) -> Page:
        names = [field.name for field in fields]
        full = [replace(record, values={**dict.fromkeys(names), **record.values}) for record in page.records]
        return replace(page, records=full)

    def read_by_ids(fields: Any, ids: Any) -> Operation[Page]:
        return filled((yield from connector.read_by_ids(fields, ids)), fields)

    def read_changes(fields: Any, watermark: str, cursor: Any, page_size: int) -> Operation[Page]:
        return filled((yield from connector.read_changes(fields, watermark, cursor, page_size)), fields)

    def read_all(fields: Any, cursor: Any, page_size: int) -> Operation[Page]:
        return filled((yield from connector.read_all(fields, cursor, page_size)), fields)

    return _MeddledConnector(connector, read_by_ids=read_by_ids, read_changes=read_changes, read_all=read_all)


async def _lets_the_crm_lift_do_not_call(
    changes: Changeset, unit: MemoryUnitOfWork, org_id: str
) -> Changeset:
    """What a review item asks is done instead of asked."""
    lifted = [
        ContactChange(
            note.contact_id or "",
            (FieldChange("do_not_call", True, False, Source(SourceKind.CRM, 0, note.external_id or "")),),
            mark_dirty=False,
        )
        for note in changes.issues
        if note.field_name == "do_not_call" and note.contact_id
    ]
    return replace(changes, contact_changes=[*changes.contact_changes, *lifted])


@dataclass(frozen=True, slots=True)
class Breakage:
    """A planted fault: its name, the broken parts, the invariants of which one must notice, a provider if it can only
    be seen with one, and the weights of the actions where the usual ones meet it too seldom.
    """

    name: str
    parts: Parts
    caught_by: tuple[str, ...]
    provider: str | None = None
    kinds: Mapping[str, int] = field(default_factory=lambda: WEIGHTS)


BREAKAGES: Final[Sequence[Breakage]] = (
    Breakage(
        "base moved on a failed push", Parts(connector=_base_moves_on_a_failed_push), ("agreement", "no echo")
    ),
    Breakage(
        "no re-read before a write",
        Parts(outbound=_PushesWithoutLooking),
        ("agreement", "nothing vanished", "rest"),
    ),
    Breakage(
        "cursor saved before its page",
        Parts(inbound=_SavesTheCursorFirst),
        ("agreement", "records in place", "memory of the CRM"),
        kinds={"edit": 10, "create": 4, "wait": 14, "start": 8, "kill": 12, "person_edits": 2, "run": 4},
    ),
    Breakage(
        "`>` instead of `>=`, and no overlap",
        Parts(connector=_reads_with_greater_than),
        ("agreement", "records in place", "memory of the CRM"),
    ),
    Breakage("no look before a create", Parts(connector=_never_looks_for_the_activity), ("activities",)),
    Breakage("missing idempotency key", Parts(connector=_logs_without_a_key), ("activities",)),
    Breakage("a late conversation overwrites", Parts(store=_ForgetfulStore), ("conversations in order",)),
    Breakage(
        "base set to local instead of the value sent",
        _meddling(_base_is_what_local_is_now),
        ("agreement", "no echo", "pushed"),
    ),
    Breakage(
        "a stale search result applied",
        Parts(connector=_believes_the_index, inbound=_BelievesStamps),
        ("no echo", "agreement"),
        provider="hubspot",
    ),
    Breakage(
        "a page fetched before a push applied after it",
        Parts(inbound=_AppliesWhateverItRead),
        ("no echo", "agreement"),
        provider="salesforce",
        kinds={"edit": 10, "person_edits": 6, "race": 20, "run": 10},
    ),
    Breakage(
        "answer lost and then local changed, nothing in flight",
        _meddling(_forgets_what_is_on_its_way),
        ("no echo", "nothing vanished"),
    ),
    Breakage(
        "an absent field taken for an empty one",
        Parts(connector=_absent_is_empty),
        ("agreement", "no echo", "nothing vanished", "records in place"),
        provider="hubspot",
    ),
    Breakage(
        "the old primary's values kept after a swap",
        _meddling(_keeps_the_old_primarys_values),
        ("persons apart",),
    ),
    Breakage(
        "the tenant check skipped",
        Parts(tenant_checked=False),
        ("persons apart", "no echo", "records in place"),
    ),
    Breakage("do-not-call lifted by the CRM", _meddling(_lets_the_crm_lift_do_not_call), ("do-not-call",)),
)


def by_name() -> Mapping[str, Breakage]:
    """All of them."""
    return {one.name: one for one in BREAKAGES}
