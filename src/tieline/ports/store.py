"""What the flows ask of the store: units of work on sets of rows, fenced by a lease where a lane owns the work."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from tieline.domain.changeset import Changeset, ContactState, LinkState
from tieline.ports.creating import Creations
from tieline.ports.jobs import Wake
from tieline.ports.work import Work


class Lane(StrEnum):
    """Lanes of an app run beside each other; within a lane one worker works at a time."""

    LIVE = "live"
    RECURRING = "recurring"
    BACKFILL = "backfill"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a lane. `token` is the fence: a newer holder has a higher one."""

    org_id: str
    app_id: str
    lane: Lane
    owner: str
    token: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Which app and run a changeset belongs to, for the ledger and issues."""

    app_id: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReadState:
    """Where one kind of read of an app stands. `tenant_known`: some app has read this tenant completely before."""

    cursor: Mapping[str, Any] | None = None
    watermark: str | None = None
    completed_at: datetime | None = None
    tenant_known: bool = False


class UnitOfWork(Protocol):
    """One transaction. Everything in it commits together or not at all; no network and no model call inside.

    Reads with `lock` take row locks in a fixed order (links before contacts, each by key), so that two units never
    wait for each other in a circle.
    """

    @property
    def work(self) -> Work:
        """Conversations and activities as rows of work."""

    @property
    def creations(self) -> Creations:
        """Intents to create records."""

    async def links(
        self, org_id: str, tenant_key: str, external_ids: Collection[str], *, lock: bool
    ) -> Mapping[str, LinkState]:
        """Known records of a tenant by external id."""

    async def open_links(
        self, org_id: str, tenant_key: str, contact_ids: Collection[str]
    ) -> Mapping[str, LinkState]:
        """The open link of each contact in a tenant, by contact id."""

    async def former_links(
        self, org_id: str, tenant_key: str, contact_ids: Collection[str]
    ) -> Sequence[LinkState]:
        """Records of these contacts that are deleted, merged away, missing or closed."""

    async def records_with_phones(
        self, org_id: str, tenant_key: str, phones: Collection[str]
    ) -> Sequence[LinkState]:
        """Records (shared or skipped ones included) that have one of these numbers."""

    async def contacts(
        self, org_id: str, contact_ids: Collection[str], *, lock: bool
    ) -> Mapping[str, ContactState]:
        """Contacts by id; an id that was merged away resolves to its survivor (keyed by the asked id)."""

    async def contacts_by_phone(
        self, org_id: str, phones: Collection[str], *, lock: bool
    ) -> Mapping[str, ContactState]:
        """Contacts by number, else by an alias that exactly one contact has. Ambiguous aliases are not in the
        answer.
        """

    async def apply(self, org_id: str, changeset: Changeset, origin: Origin) -> None:
        """Carries a changeset out: contacts, links, aliases, ledger, issues; marks links dirty; raises versions.

        Set-based. Wakes the push flow of the organisation's linked app when a link became dirty.
        """

    async def wake(self, *wakes: Wake) -> None:
        """Enqueues wake-ups that exist if and only if this unit commits."""

    async def contact_ids_by_phone(
        self, org_id: str, phones: Collection[str]
    ) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Contact ids by own number, and by an alias that exactly one contact has."""

    async def open_causes(
        self, org_id: str, app_id: str, external_ids: Collection[str], contact_ids: Collection[str]
    ) -> frozenset[str]:
        """Causes of open issues about these records or contacts, or about the app as a whole."""

    async def needing_read(
        self, org_id: str, tenant_key: str, limit: int, *, without: Collection[str]
    ) -> Sequence[str]:
        """External ids of records that must be read again by id."""

    async def missing_records(
        self, org_id: str, tenant_key: str, limit: int, *, without: Collection[str]
    ) -> Sequence[str]:
        """External ids of records that the CRM did not return by their ids, and of which nobody has said more yet."""

    async def doubt_links(self, org_id: str, tenant_key: str) -> None:
        """Has every open or shared record of the tenant read again: deletes may have been missed."""

    async def dirty_links(self, org_id: str, tenant_key: str, limit: int, now: datetime) -> Sequence[str]:
        """External ids of open links that may have something to push, longest waiting first."""

    async def postpone_push(
        self,
        org_id: str,
        tenant_key: str,
        external_ids: Collection[str],
        until: datetime,
        *,
        counted: bool = True,
    ) -> None:
        """Lets these links wait; `counted`: it was an attempt, and not one that the CRM put off."""

    async def begin_pass(self, org_id: str, app_id: str | None, kind: str, run_id: str) -> None:
        """Opens the run of a pass that found something to do (`kind`: outbound, creating, activity, analysis)."""

    async def add_counts(self, org_id: str, run_id: str, counts: Mapping[str, int], requests: int) -> None:
        """Adds to a run's counts and requests sent."""

    async def read_state(self, org_id: str, app_id: str, kind: str, tenant_key: str) -> ReadState:
        """Where a read of this tenant stands (`kind`: full, changes, removals)."""

    async def save_read_state(
        self, org_id: str, app_id: str, kind: str, tenant_key: str, state: ReadState
    ) -> None:
        """Saves it, in the transaction of the page it belongs to."""


class Store(Protocol):
    """The door to the data."""

    def transaction(self, lease: Lease | None = None) -> AbstractAsyncContextManager[UnitOfWork]:
        """Opens a unit of work. With a lease, its token is checked in the same transaction: LeaseLostError if
        it is old.
        """
