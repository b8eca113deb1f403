"""One run of the inbound flow: what stays the same while it reads, and what it has met so far. Reads nothing itself."""

from dataclasses import dataclass
from datetime import datetime

from tieline.domain.crm_schema import CrmField, CrmSchema
from tieline.flows.brake import RunBrake
from tieline.flows.brake_steps import PageStep
from tieline.flows.brake_window import Window
from tieline.flows.configuration import Effective
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.crm import CrmSession
from tieline.ports.errors import BrakedError
from tieline.ports.store import Lease, ReadState


@dataclass(frozen=True, slots=True)
class InboundRun:
    """One run of one app: who works, on what, for whom. Only a look at single records does without a lease."""

    app: AppConfig
    org: OrgConfig
    session: CrmSession
    lease: Lease | None
    run_id: str
    full: bool
    resumed_since: datetime | None = None
    """When the run was begun, if an earlier attempt at it may have done a part."""

    def has_read_all(self, state: ReadState) -> bool:
        """Whether an earlier attempt completed this run's full read."""
        since, completed = self.resumed_since, state.completed_at
        return since is not None and completed is not None and completed >= since and state.cursor is None


class Reading:
    """What stays the same while a run reads, and what it has met. Without `brake` nothing is weighed: a first read, and
    a look at single records. `braked` is why a part of it stopped while the rest went on.
    """

    def __init__(self, run: InboundRun, how: Effective, schema: CrmSchema) -> None:
        self.run = run
        self.effective = how
        self.fields: list[CrmField] = how.crm_fields(schema)
        self.drifted: frozenset[str] = frozenset()
        self.brake: RunBrake | None = None
        self.removals: RunBrake | None = None
        self.pages: Window[PageStep] | None = None
        self.braked: BrakedError | None = None
        self.listed = 0
        self._counted = 0

    def take_requests(self) -> int:
        """Requests sent since the last call."""
        sent = self.run.session.requests_sent - self._counted
        self._counted += sent
        return sent
