"""What a dry run asks of the store: copies to work on, where its report is kept. Stdlib and domain only."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from tieline.domain.changeset import Changeset
from tieline.domain.dry_run import Before, Line
from tieline.domain.mapping_changes import MappingChange
from tieline.domain.quota import Standing
from tieline.ports.config import AppConfig
from tieline.ports.store import Store
from tieline.ports.work import UsageRow


@dataclass(frozen=True, slots=True)
class Applied:
    """What one unit of work applied to the copies, what stood before, what models took, the run's counts."""

    changes: Sequence[tuple[Changeset, Before]] = ()
    usage: Sequence[UsageRow] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


Watch: TypeAlias = Callable[[Applied], Awaitable[None]]
"""Told of each unit of work once it has ended well."""


class ShadowStore(Store, Protocol):
    """A store whose units of work change copies that nobody else sees and that vanish with it."""

    async def change_mappings(self, org_id: str, tenant_key: str, change: MappingChange) -> None:
        """What saving other mappings does to the copies of a tenant's links."""


class Shadows(Protocol):
    """Makes copies of an organisation's rows."""

    def open(self, org_id: str, watch: Watch) -> AbstractAsyncContextManager[ShadowStore]:
        """Copies as of one moment; no row of anybody is locked or changed."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """A dry run as it stands. `asked` is what it was started with, `forecast` what the run would take."""

    org_id: str
    dry_run_id: str
    app_id: str | None
    kind: str
    status: str = "running"
    asked: Mapping[str, Any] = field(default_factory=dict)
    totals: Mapping[str, Any] = field(default_factory=dict)
    forecast: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None


class DryRunBook(Protocol):
    """Keeps reports, so that they can be paged through later."""

    async def begin(self, dry_run: DryRun) -> None:
        """A new report; old ones of the organisation are forgotten."""

    async def add(self, dry_run: DryRun, after: int, lines: Sequence[Line]) -> None:
        """More lines, at the positions after `after`. Beyond the most that are kept they are dropped."""

    async def end(self, dry_run: DryRun) -> None:
        """Its end, with totals and forecast."""


class Figures(Protocol):
    """What is known of how long things take, what they cost, and what is left of the day."""

    async def budget(self, app: AppConfig) -> Standing | None:
        """The app's day of requests; None for a CRM that has no daily limit."""

    async def pace(self, org_id: str, app_id: str, kind: str) -> float | None:
        """How many items a second the last runs of that kind took; None if there were none to measure."""

    async def cost_of_merge(self, org_id: str) -> float | None:
        """What merging the texts of one conversation cost lately on average, in dollars."""
