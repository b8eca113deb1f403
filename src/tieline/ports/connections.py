"""What connecting a CRM asks of the store: one transaction per change of an app, and who may work meanwhile: nobody."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from tieline.domain.changeset import IssueNote
from tieline.domain.mapping_changes import MappingChange
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.crm import Connector, CrmSession, Identity, Token
from tieline.ports.session import OnIdentity, TokenStore


class AppChange(Protocol):
    """One transaction that changes an app. Everything in it commits together or not at all; no network inside."""

    @property
    def app(self) -> AppConfig | None:
        """The app as it is now, locked; None if there is none (any more)."""

    @property
    def config(self) -> OrgConfig:
        """The organisation's fields and analysis mappings, locked: no field goes while a mapping to it comes."""

    async def apps(self) -> Sequence[AppConfig]:
        """All apps of the organisation."""

    async def save(
        self, app: AppConfig, auth: Mapping[str, str] | None, token: Token | None, *, by_person: bool
    ) -> None:
        """Inserts or replaces the app. `auth` None keeps the credentials, `token` None what token there is to keep."""

    async def delete(self) -> None:
        """Takes the app out of use: unlinked, without credentials, its runs ended. Links and history stay, and so does
        what is open about records.
        """

    async def take_over_issues(self, tenant_key: str) -> None:
        """What is open about the tenant's records, from apps that were deleted, is this app's from now on."""

    async def former_config(self, tenant_key: str) -> tuple[Mapping[str, Any], bool]:
        """By which `crm_config` another app kept this tenant's links last, and whether it still does."""

    async def change_mappings(self, tenant_key: str, change: MappingChange, *, shared: bool) -> None:
        """Forgets and notes what the change says on the tenant's links; `shared`: only what no other app looks at."""

    async def read_all_again(self) -> None:
        """Queues a full read, or makes the one in flight start again."""

    async def leave_tenant(self, tenant_key: str, *, close_links: bool) -> None:
        """Forgets where the reads stand and, unless another app keeps them, closes the links."""

    async def open_issue(self, note: IssueNote) -> None:
        """One issue per cause."""

    async def close_issue(self, cause: str) -> None:
        """The cause is gone."""


class AppStore(Protocol):
    """The apps, and the transactions that change them."""

    async def get(self, org_id: str, app_id: str) -> AppConfig:
        """One app. Raises LookupError."""

    async def of_organisation(self, org_id: str) -> Sequence[AppConfig]:
        """All apps of an organisation, the oldest first."""

    async def credentials(self, org_id: str, app_id: str) -> Mapping[str, str]:
        """The members of auth_config."""

    def tokens(self, org_id: str, app_id: str) -> TokenStore:
        """Where the app's access token lies."""

    async def claim_tenant(self, org_id: str, app_id: str, identity: Identity) -> str | None:
        """Records the tenant if none is; returns the one that is recorded then, None for no such app."""

    def change(self, org_id: str, app_id: str, *, fence: bool) -> AbstractAsyncContextManager[AppChange]:
        """Opens a transaction. With `fence` whoever works for this app loses its lane, and work begins anew afterwards.

        Raises ConflictError when another unit was first; LookupError for an unknown organisation.
        """


class SessionFactory(Protocol):
    """Makes a connection to the CRM of an app that may not be saved yet."""

    def __call__(
        self, app: AppConfig, auth: Mapping[str, str], *, tokens: TokenStore, on_identity: OnIdentity
    ) -> CrmSession:
        """`auth` is the whole `auth_config`; `on_identity` is told whose token it is before anything is sent."""


class Connectors(Protocol):
    """Finds a connector."""

    def __call__(self, provider: str) -> Connector:
        """The connector of that name. Raises LookupError, whose text says what there is."""
