"""The apps of a simulated organisation, as connecting wants them: `ports.connections.AppStore` over tables in memory.

What a save does to links and reads follows `store/mapping_changes.py` and its queries, statement for statement.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tieline.domain.changes import Base, PairState
from tieline.domain.changeset import IssueNote, LedgerOutcome, LinkStatus, SourceKind
from tieline.domain.mapping_changes import MappingChange
from tieline.domain.values import ABSENT, Value
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.crm import Identity, Token
from tieline.ports.session import TokenStore
from tieline.ports.store import Lane, ReadState
from tieline.testing.simulation.memory_store import MemoryStore
from tieline.testing.simulation.tables import IssueRow, LinkKey, LinkRow


@dataclass(slots=True)
class AppRows:
    """The rows of `app`. `full_wanted` are apps of which a full run is queued; `deleted` in the order of deletion."""

    apps: dict[str, AppConfig] = field(default_factory=dict)
    auth: dict[str, Mapping[str, str]] = field(default_factory=dict)
    deleted: list[AppConfig] = field(default_factory=list)
    full_wanted: set[str] = field(default_factory=set)

    def copy(self) -> "AppRows":
        """What to go back to."""
        return AppRows(dict(self.apps), dict(self.auth), list(self.deleted), set(self.full_wanted))


class MemoryApps:
    """Implements `ports.connections.AppStore` for one organisation."""

    def __init__(self, store: MemoryStore, org: Callable[[], OrgConfig], token: TokenStore) -> None:
        self.rows = AppRows()
        self._store, self._org, self._token = store, org, token

    async def get(self, org_id: str, app_id: str) -> AppConfig:
        """One app. Raises LookupError."""
        return self.rows.apps[app_id]

    async def of_organisation(self, org_id: str) -> Sequence[AppConfig]:
        """All apps, the oldest first."""
        return list(self.rows.apps.values())

    async def credentials(self, org_id: str, app_id: str) -> Mapping[str, str]:
        """The members of auth_config."""
        return self.rows.auth.get(app_id, {})

    def tokens(self, org_id: str, app_id: str) -> TokenStore:
        """The world has one connection at a time, so one token."""
        return self._token

    async def claim_tenant(self, org_id: str, app_id: str, identity: Identity) -> str | None:
        """Records the tenant if none is; returns the one that is recorded then, None for no such app."""
        app = self.rows.apps.get(app_id)
        if app is not None and app.tenant_id is None:
            app = self.rows.apps[app_id] = replace(app, tenant_id=identity.tenant_id)
        return None if app is None else app.tenant_id

    @asynccontextmanager
    async def change(self, org_id: str, app_id: str, *, fence: bool) -> "AsyncIterator[MemoryAppChange]":
        """One transaction. With `fence` whoever works for this app has lost its lane."""
        former, linked = self.rows.copy(), dict(self._store.linked_apps)
        try:
            async with self._store.transaction():
                if fence:
                    for lane in Lane:
                        self._store.acquire(org_id, app_id, lane, "")
                yield MemoryAppChange(self._store, self.rows, self._org(), org_id, app_id, self._token)
        except BaseException:
            self.rows, self._store.linked_apps = former, linked
            raise


class MemoryAppChange:
    """Implements `ports.connections.AppChange` within an open transaction."""

    def __init__(
        self,
        store: MemoryStore,
        rows: AppRows,
        config: OrgConfig,
        org_id: str,
        app_id: str,
        token: TokenStore,
    ) -> None:
        self.app = rows.apps.get(app_id)
        self.config = config
        self._store, self._rows, self._token = store, rows, token
        self._org_id, self._app_id = org_id, app_id

    async def apps(self) -> Sequence[AppConfig]:
        """All apps of the organisation."""
        return list(self._rows.apps.values())

    async def save(
        self, app: AppConfig, auth: Mapping[str, str] | None, token: Token | None, *, by_person: bool
    ) -> None:
        """Inserts or replaces the app."""
        self._rows.apps[app.app_id] = app
        if auth is not None:
            self._rows.auth[app.app_id] = auth
            await self._token.clear()
        if token is not None:
            await self._token.save(token)

    async def delete(self) -> None:
        """Out of use: unlinked, without credentials; its runs and its own issues are over."""
        tables = self._store.tables
        if self._store.linked_apps.get(self._org_id) == self._app_id:
            del self._store.linked_apps[self._org_id]
        for cause, row in list(tables.issues.items()):
            if row.app_id == self._app_id and row.note.external_id is None and row.note.contact_id is None:
                del tables.issues[cause]
        forget_reads(self._store, self._org_id, self._app_id)
        self._rows.deleted.append(self._rows.apps.pop(self._app_id))
        self._rows.auth.pop(self._app_id, None)
        self._rows.full_wanted.discard(self._app_id)

    async def former_config(self, tenant_key: str) -> tuple[Mapping[str, Any], bool]:
        """By which `crm_config` another app kept this tenant's links last; none is linked at the same time here."""
        former = [one for one in self._rows.deleted if one.tenant_key == tenant_key]
        return (former[-1].crm_config, False) if former else ({}, False)

    async def take_over_issues(self, tenant_key: str) -> None:
        """What is open about the tenant's records, from apps that were deleted, is this app's from now on."""
        former = {app.app_id for app in self._rows.deleted if app.tenant_key == tenant_key}
        for cause, row in self._store.tables.issues.items():
            if row.app_id in former:
                self._store.tables.issues[cause] = replace(row, app_id=self._app_id)

    async def change_mappings(self, tenant_key: str, change: MappingChange, *, shared: bool) -> None:
        """Forgets removed pairs, and notes the present values of pairs that are written from now on."""
        links = self._store.tables.links
        for key, row in list(links.items()):
            if key[:2] == (self._org_id, tenant_key):
                if change.removed and not shared:
                    self._forget(key, row, set(change.removed))
                if change.inbound and not shared:
                    self._renew(key, links[key], change.inbound)
                for pair_key, name in change.outbound:
                    self._seed(key, links[key], pair_key, name, only_absent=shared)

    def _forget(self, key: LinkKey, row: LinkRow, removed: set[str]) -> None:
        pairs = {name: state for name, state in row.state.pairs.items() if name not in removed}
        blocked = {name: why for name, why in row.state.blocked.items() if name not in removed}
        self._put(key, row, pairs, blocked)

    def _renew(self, key: LinkKey, row: LinkRow, keys: Sequence[str]) -> None:
        pairs = dict(row.state.pairs)
        for name in keys:
            state = pairs.get(name)
            if state is None or state.base.remote is ABSENT or state.base.new:
                continue
            if state.base.local != state.base.remote:
                pairs[name] = PairState(in_flight=state.in_flight)
        self._put(key, row, pairs)

    def _seed(self, key: LinkKey, row: LinkRow, pair_key: str, name: str, *, only_absent: bool) -> None:
        contact = self._store.tables.contacts.get((self._org_id, row.state.contact_id or ""))
        if contact is None or row.state.status is not LinkStatus.OPEN:
            return
        value, known = contact.state.values.get(name), row.state.pairs.get(pair_key)
        if known is None or (known.base.new and not only_absent):
            if value is not None:
                given = self._given(contact.state.contact_id, name, key[1])
                noted = PairState(Base(value, ABSENT), theirs=_part(given, value))
                self._put(key, row, {**row.state.pairs, pair_key: noted})
        elif not only_absent and known.base.local != value:
            base = replace(known.base, local=value)
            noted = replace(known, base=base, theirs=_part(known.given, value))
            self._put(key, row, {**row.state.pairs, pair_key: noted})

    def _given(self, contact_id: str, name: str, tenant_key: str) -> Value:
        """What a record of the tenant set this field to last."""
        for row in reversed(self._store.tables.ledger.values()):
            change = row.change
            mine = (row.org_id, row.contact_id, change.field_name) == (self._org_id, contact_id, name)
            by_record = change.source.kind is SourceKind.CRM and change.source.ref.endswith(f"@{tenant_key}")
            if mine and by_record and change.outcome is LedgerOutcome.SET:
                return change.new
        return None

    def _put(
        self,
        key: LinkKey,
        row: LinkRow,
        pairs: Mapping[str, PairState],
        blocked: Mapping[str, Any] | None = None,
    ) -> None:
        blocked = row.state.blocked if blocked is None else blocked
        if (pairs, blocked) != (row.state.pairs, row.state.blocked):
            state = replace(row.state, pairs=pairs, blocked=blocked, version=row.state.version + 1)
            self._store.tables.links[key] = replace(row, state=state)

    async def read_all_again(self) -> None:
        """The next run of the app is a full one and starts again."""
        key = (self._org_id, self._app_id, "full")
        tenant, state = self._store.tables.read_states.get(key, ("", ReadState()))
        if tenant:
            self._store.tables.read_states[key] = (tenant, replace(state, cursor=None))
        self._rows.full_wanted.add(self._app_id)

    async def leave_tenant(self, tenant_key: str, *, close_links: bool) -> None:
        """Refused: nobody confirms a switch of tenants in a simulated world."""
        raise NotImplementedError("nobody confirms a switch of tenants in a simulated world")

    async def open_issue(self, note: IssueNote) -> None:
        """One issue per cause."""
        self._store.tables.issues[self._org_id, note.cause] = IssueRow(note, self._app_id)

    async def close_issue(self, cause: str) -> None:
        """The cause is gone."""
        self._store.tables.issues.pop((self._org_id, cause), None)


def _part(given: Value, text: Value) -> str | None:
    """As `PairState.theirs`: what a record gave of a text; None, if it is all of it."""
    if not isinstance(text, str) or given == text:
        return None
    return given if isinstance(given, str) else ""


def forget_reads(store: MemoryStore, org_id: str, app_id: str) -> None:
    """Where the app's reads stand is forgotten: its next run is a full one."""
    for key in list(store.tables.read_states):
        if key[:2] == (org_id, app_id):
            del store.tables.read_states[key]
