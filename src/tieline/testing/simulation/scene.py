"""What people act on and checks look at: the part of a world that is the same whether Tieline runs in this process on
tables in memory, or as real workers on PostgreSQL.

A world on PostgreSQL reads its tables anew before anybody looks at them. Nothing here says how a flow is run.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from tieline.connectors.http import HttpSession
from tieline.domain.intake import Report
from tieline.flows.editing import Edit, Editor
from tieline.ports.config import AppConfig, OrgConfig
from tieline.testing.simulation.chronicle import Chronicle
from tieline.testing.simulation.crm import SimulatedCrm
from tieline.testing.simulation.tables import Tables


class Time(Protocol):
    """The scene's time."""

    def now(self) -> datetime:
        """UTC."""

    def advance(self, seconds: float) -> None:
        """A moment passes."""


class Rows(Protocol):
    """Where the rows are."""

    @property
    def tables(self) -> Tables:
        """What the store holds."""


class EditingDoor(Protocol):
    """By which a person here edits."""

    async def update(
        self, org_id: str, rules: Any, contact_id: str, edit: Edit, editor: Editor
    ) -> object: ...


class IntakeDoor(Protocol):
    """By which a platform's report comes in."""

    async def take(self, org_id: str, report: Report, raw: Mapping[str, Any]) -> object: ...


class Scene(Protocol):
    """See the module."""

    watchers: list[Callable[[], None]]

    @property
    def clock(self) -> Time: ...
    @property
    def crm(self) -> SimulatedCrm: ...
    @property
    def other(self) -> SimulatedCrm | None: ...
    @property
    def chronicle(self) -> Chronicle: ...
    @property
    def memory(self) -> Rows: ...
    @property
    def editing(self) -> EditingDoor: ...
    @property
    def intake(self) -> IntakeDoor: ...
    @property
    def org(self) -> OrgConfig: ...
    @property
    def app(self) -> AppConfig: ...

    def say(self, what: str) -> None:
        """A line of the story."""

    def name(self, record_id: str) -> str:
        """A record's short name beside its id."""

    def look_session(self) -> HttpSession:
        """A session that nothing has meddled with."""
