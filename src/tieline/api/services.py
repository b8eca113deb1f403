"""What the API needs to answer: store objects, flows, a clock. `bootstrap` makes one of these; tests make another.

This module must never create anything itself.
"""

from dataclasses import dataclass, field

from fastapi import Request

from tieline.flows.brake_answers import BrakeAnswers
from tieline.flows.connecting import Connecting
from tieline.flows.dry_running import DryRunning
from tieline.flows.editing import Editing
from tieline.flows.intake import Intake
from tieline.flows.merging_contacts import ContactMerging
from tieline.flows.planning_backfills import PlanningBackfills
from tieline.flows.previewing import Previewing
from tieline.flows.reviewing import Reviewing
from tieline.flows.undoing import Undoing
from tieline.ports.clock import Clock
from tieline.store.accounts import Accounts
from tieline.store.backfills import Backfills
from tieline.store.config import Configs
from tieline.store.contacts import Contacts
from tieline.store.conversations import Conversations
from tieline.store.dry_runs import DryRunReports
from tieline.store.extractions import Extractions
from tieline.store.issues import Issues
from tieline.store.pool import Pool
from tieline.store.quota import Quotas
from tieline.store.runs import Runs
from tieline.store.usage import UsageBook


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """Sizes beyond which a request is refused: the body in bytes, a page in items."""

    body_bytes: int = 8 * 1024 * 1024
    page_items: int = 1_000


@dataclass(frozen=True, slots=True)
class Connections:
    """What the routes of apps and of sync jobs use."""

    connecting: Connecting
    runs: Runs
    quotas: Quotas


@dataclass(frozen=True, slots=True)
class Desk:
    """What the routes use by which a person sets things right: merges, issues, decisions, stops."""

    merging: ContactMerging
    reviewing: Reviewing
    issues: Issues
    braking: BrakeAnswers


@dataclass(frozen=True, slots=True)
class Analyses:
    """What the routes of analyses and of models use."""

    extractions: Extractions
    usage: UsageBook
    backfills: "BackfillDesk | None" = None


@dataclass(frozen=True, slots=True)
class BackfillDesk:
    """What the routes of backfills use."""

    backfills: Backfills
    planning: PlanningBackfills


@dataclass(frozen=True, slots=True)
class DryRuns:
    """What the routes of dry runs use."""

    running: DryRunning
    reports: DryRunReports


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that routes use, wired. `connections` may be left out where no app is ever asked for."""

    pool: Pool
    accounts: Accounts
    contacts: Contacts
    configs: Configs
    conversations: Conversations
    editing: Editing
    intake: Intake
    clock: Clock
    limits: ApiLimits = field(default_factory=ApiLimits)
    connections: Connections | None = None
    desk: Desk | None = None
    analyses: Analyses | None = None
    previewing: Previewing | None = None
    dry_runs: DryRuns | None = None
    undoing: Undoing | None = None


def services_of(request: Request) -> Services:
    """The services of the application that a request reached."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


def connections_of(request: Request) -> Connections:
    """The part of the services that speaks of apps and sync jobs."""
    connections = services_of(request).connections
    assert connections is not None, "these services were wired without connections"
    return connections


def desk_of(request: Request) -> Desk:
    """The part of the services by which a person sets things right."""
    desk = services_of(request).desk
    assert desk is not None, "these services were wired without a desk"
    return desk


def previewing_of(request: Request) -> Previewing:
    """The part of the services that shows what a conversation would write."""
    previewing = services_of(request).previewing
    assert previewing is not None, "these services were wired without previews"
    return previewing


def dry_runs_of(request: Request) -> DryRuns:
    """The part of the services that tries runs."""
    dry_runs = services_of(request).dry_runs
    assert dry_runs is not None, "these services were wired without dry runs"
    return dry_runs


def undoing_of(request: Request) -> Undoing:
    """The part of the services that takes things back."""
    undoing = services_of(request).undoing
    assert undoing is not None, "these services were wired without undos"
    return undoing


def analyses_of(request: Request) -> Analyses:
    """The part of the services that speaks of analyses and models."""
    analyses = services_of(request).analyses
    assert analyses is not None, "these services were wired without analyses"
    return analyses


def backfills_of(request: Request) -> BackfillDesk:
    """The part of the services that takes past conversations up again."""
    desk = analyses_of(request).backfills
    assert desk is not None, "these services were wired without backfills"
    return desk
