"""The tenant guard by itself: what it records, when it stops an app, and that it never lets a wrong tenant pass."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.changeset import IssueNote
from tieline.domain.mapping_changes import MappingChange
from tieline.flows.tenancy import NoSwitchError, Tenancy, TenantMismatchError, mismatch, over_tenant
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.crm import Identity, Token
from tieline.ports.session import TokenStore

APP = AppConfig("org_1", "app_1", "crm", "salesforce", connection_status="connected", mappings_checked=True)


@dataclass
class OneApp:
    """Implements both protocols of `ports.connections` for a single app in memory."""

    app: AppConfig | None = APP
    issues: dict[str, IssueNote] = field(default_factory=dict)
    left: list[tuple[str, bool]] = field(default_factory=list)
    fences: int = 0
    kept_by_another: bool = False

    @property
    def config(self) -> OrgConfig:
        raise NotImplementedError

    async def get(self, org_id: str, app_id: str) -> AppConfig:
        if self.app is None or (org_id, app_id) != (self.app.org_id, self.app.app_id):
            raise LookupError(app_id)
        return self.app

    async def of_organisation(self, org_id: str) -> Sequence[AppConfig]:
        raise NotImplementedError

    async def credentials(self, org_id: str, app_id: str) -> Mapping[str, str]:
        raise NotImplementedError

    def tokens(self, org_id: str, app_id: str) -> TokenStore:
        raise NotImplementedError

    async def claim_tenant(self, org_id: str, app_id: str, identity: Identity) -> str | None:
        if self.app is None:
            return None
        self.app = replace(self.app, tenant_id=self.app.tenant_id or identity.tenant_id)
        return self.app.tenant_id

    @asynccontextmanager
    async def change(self, org_id: str, app_id: str, *, fence: bool) -> AsyncIterator["OneApp"]:
        self.fences += fence
        yield self

    async def apps(self) -> Sequence[AppConfig]:
        raise NotImplementedError

    async def save(
        self, app: AppConfig, auth: Mapping[str, str] | None, token: Token | None, *, by_person: bool
    ) -> None:
        assert auth is None
        assert token is None
        self.app = app

    async def delete(self) -> None:
        raise NotImplementedError

    async def former_config(self, tenant_key: str) -> tuple[Mapping[str, Any], bool]:
        return {}, self.kept_by_another

    async def change_mappings(self, tenant_key: str, change: MappingChange, *, shared: bool) -> None:
        raise NotImplementedError

    async def read_all_again(self) -> None:
        raise NotImplementedError

    async def leave_tenant(self, tenant_key: str, *, close_links: bool) -> None:
        self.left.append((tenant_key, close_links))

    async def open_issue(self, note: IssueNote) -> None:
        self.issues[note.cause] = note

    async def close_issue(self, cause: str) -> None:
        self.issues.pop(cause, None)

    async def take_over_issues(self, tenant_key: str) -> None:
        raise AssertionError("whoever guards the tenant takes nobody's issues over")


async def test_the_first_tenant_is_recorded_without_taking_anybodys_lane() -> None:
    store = OneApp()
    await Tenancy(store).guard("org_1", "app_1")(Identity("00D1"))
    assert store.app == replace(APP, tenant_id="00D1")
    assert store.fences == 0


async def test_the_same_tenant_passes_and_changes_nothing() -> None:
    store = OneApp(replace(APP, tenant_id="00D1"))
    await Tenancy(store).check("org_1", "app_1", Identity("00D1"))
    assert store == OneApp(replace(APP, tenant_id="00D1"))


async def test_another_tenant_is_refused_the_app_stopped_and_its_workers_fenced_out() -> None:
    store = OneApp(replace(APP, tenant_id="00D1"))
    with pytest.raises(TenantMismatchError, match="00D2"):
        await Tenancy(store).check("org_1", "app_1", Identity("00D2"))
    assert store.app is not None
    assert (store.app.tenant_id, store.app.connection_status) == ("00D1", "error")
    assert not store.app.may_run
    assert over_tenant(store.app)
    assert store.fences == 1
    assert [note.severity for note in store.issues.values()] == ["error"]


async def test_a_deleted_app_lets_no_token_pass() -> None:
    store = OneApp(None)
    with pytest.raises(TenantMismatchError, match="deleted"):
        await Tenancy(store).check("org_1", "app_1", Identity("00D1"))
    assert store.issues == {}


async def test_leaving_a_tenant_closes_its_links_once_and_forgets_who_we_were() -> None:
    store = OneApp(replace(APP, tenant_id="00D1", own_user_id="005", time_zone="Europe/Berlin"))
    tenancy = Tenancy(store)
    with pytest.raises(TenantMismatchError):
        await tenancy.check("org_1", "app_1", Identity("00D2"))
    left = await tenancy.leave("org_1", "app_1")
    assert (left.tenant_id, left.own_user_id, left.time_zone) == (None, None, None)
    assert (left.connection_status, left.mappings_checked, left.stopped_reason) == (
        "not_connected",
        False,
        None,
    )
    assert store.left == [("salesforce:00D1", True)]
    assert store.issues == {}
    with pytest.raises(NoSwitchError):
        await tenancy.leave("org_1", "app_1")


async def test_links_that_another_app_keeps_are_not_closed() -> None:
    store = OneApp(replace(APP, tenant_id="00D1"), kept_by_another=True)
    with pytest.raises(TenantMismatchError):
        await Tenancy(store).check("org_1", "app_1", Identity("00D2"))
    await Tenancy(store).leave("org_1", "app_1")
    assert store.left == [("salesforce:00D1", False)]


async def test_an_app_that_was_stopped_for_another_reason_has_no_switch_to_confirm() -> None:
    store = OneApp(replace(APP, tenant_id="00D1", stopped_reason="A run would change too much."))
    with pytest.raises(NoSwitchError):
        await Tenancy(store).leave("org_1", "app_1")
    assert store.left == []


@given(st.none() | st.sampled_from(["a", "b", "A"]), st.sampled_from(["a", "b", "A"]))
def test_only_an_unknown_or_the_very_same_tenant_is_no_mismatch(recorded: str | None, told: str) -> None:
    found = mismatch(replace(APP, tenant_id=recorded), Identity(told))
    assert (found is None) == (recorded is None or recorded == told)
