"""Dry runs: the flows themselves, on copies of our rows and on a connection that only reads, told line by line.

A dry run makes the plan that a run would make of the same state at the same moment. It must never have code of its own
for what a flow does. What models answer is kept by its inputs, so that the run has the same answers.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from tieline.domain.comparing import ENGINE
from tieline.domain.crm_schema import CrmSchema
from tieline.domain.mapping_changes import compare
from tieline.flows.activity import ActivityFlow
from tieline.flows.analysis import AnalysisFlow, OrgReader
from tieline.flows.app_checks import judged
from tieline.flows.brake_outbound import OutboundBrake
from tieline.flows.creating import CreatingFlow
from tieline.flows.dry_braking import DryBraking
from tieline.flows.dry_report import Report, Tell, Unasked
from tieline.flows.dry_session import ReadingSession
from tieline.flows.inbound import InboundFlow, InboundRun
from tieline.flows.outbound import OutboundFlow
from tieline.flows.tally import PassTally
from tieline.flows.trial import Reached
from tieline.ports.answers import Answers
from tieline.ports.brake import BrakeBook
from tieline.ports.clock import Clock, Ids
from tieline.ports.config import AppConfig, OrgConfig
from tieline.ports.crm import CrmSession
from tieline.ports.dry_run import DryRun, DryRunBook, Figures, Shadows, ShadowStore
from tieline.ports.llm import MergeModel
from tieline.ports.store import Lane, Lease, Store

Kind: TypeAlias = Literal["inbound", "outbound", "analysis", "mappings"]
OpenSession: TypeAlias = Callable[[AppConfig, Lane], Awaitable[CrmSession]]


class DryRunRefusedError(ValueError):
    """There is nothing that could be tried; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to try. `crm_config`: other mappings in the place of the saved ones, for the kind `mappings`.

    With `ask_model` False no model is asked, and merges are shown as to be merged.
    """

    kind: Kind = "inbound"
    full: bool = False
    ask_model: bool = True
    crm_config: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """As it is kept with the report."""
        shown: dict[str, Any] = {"full": self.full, "no_model": not self.ask_model}
        return shown if self.crm_config is None else {**shown, "crm_config": dict(self.crm_config)}

    @property
    def lane(self) -> Lane:
        """In whose share of the day's requests it reads: the run's own."""
        if self.kind in ("outbound", "analysis"):
            return Lane.LIVE
        return Lane.BACKFILL if self.full or self.kind == "mappings" else Lane.RECURRING


@dataclass(frozen=True, slots=True)
class Parts:
    """What dry runs are made of. `store` is the real one, in which only the use of models is kept."""

    shadows: Shadows
    book: DryRunBook
    figures: Figures
    store: Store
    brakes: BrakeBook
    config: OrgReader
    sessions: OpenSession
    merger: MergeModel
    answers: Answers
    clock: Clock
    ids: Ids


@dataclass(frozen=True, slots=True)
class _Trial:
    """One dry run under way."""

    asked: Asked
    app: AppConfig
    org: OrgConfig
    store: ShadowStore
    session: ReadingSession
    report: Report
    braking: DryBraking


class DryRunning:
    """Tries a run of the app that syncs contacts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def begin(self, org_id: str, app_id: str, asked: Asked) -> DryRun:
        """A dry run with its report, yet to be worked on. Raises DryRunRefusedError, LookupError."""
        app, _ = await self._ready(org_id, app_id)
        dry_run = DryRun(
            org_id, self._parts.ids.new("dry_run"), app.app_id, asked.kind, asked=asked.to_json()
        )
        await self._parts.book.begin(dry_run)
        return dry_run

    async def work(self, dry_run: DryRun, asked: Asked, tell: Tell) -> DryRun:
        """Tries it and tells each line as it comes. Raises what the run would raise; the report says it as well."""
        parts = self._parts
        report = Report(parts.book, parts.figures, parts.store, parts.clock, dry_run, asked.lane.value, tell)
        try:
            app, org = await self._ready(dry_run.org_id, dry_run.app_id or "")
            async with self._trial(app, org, asked, report) as trial:
                await self._try(trial)
                await report.told(trial.braking.lines(trial.app))
                report.reads, report.writes = trial.session.requests_sent, trial.session.writes
        except BaseException as error:
            await report.failed(error)
            raise
        return await report.ended(app)

    async def _ready(self, org_id: str, app_id: str) -> tuple[AppConfig, OrgConfig]:
        org, app = await self._parts.config.org(org_id), await self._parts.config.linked_app(org_id)
        if app is None or app.app_id != app_id:
            raise DryRunRefusedError(
                f"The app {app_id} does not sync contacts; link it in the CRM configuration."
            )
        if not app.may_run:
            why = app.stopped_reason or app.status_reason or f"it is {app.connection_status}"
            raise DryRunRefusedError(f"The app {app_id} may not run, and so cannot be tried: {why}.")
        return app, org

    @asynccontextmanager
    async def _trial(
        self, app: AppConfig, org: OrgConfig, asked: Asked, report: Report
    ) -> AsyncIterator[_Trial]:
        parts = self._parts
        async with parts.shadows.open(app.org_id, report.applied) as store:
            session = ReadingSession(await parts.sessions(app, asked.lane), parts.clock, report.told)
            braking = DryBraking(parts.brakes, store, parts.clock, parts.ids)
            yield _Trial(asked, app, org, store, session, report, braking)

    async def _try(self, trial: _Trial) -> None:
        match trial.asked.kind:
            case "inbound":
                await self._inbound(trial, trial.app, full=trial.asked.full)
            case "outbound":
                await self._outbound(trial)
            case "analysis":
                await self._analysis(trial)
            case "mappings":
                await self._mappings(trial)

    async def _inbound(self, trial: _Trial, app: AppConfig, *, full: bool) -> None:
        schema = await self._live_schema(trial)
        flow = InboundFlow(trial.store, self._parts.clock, self._parts.ids, trial.braking)
        await flow.run(InboundRun(app, trial.org, trial.session, None, "", full), schema)

    async def _outbound(self, trial: _Trial) -> None:
        """Writes back, then creates records, then logs: what a worker does when it is woken for them."""
        app, org, session, parts = trial.app, trial.org, trial.session, self._parts
        schema = app.schema or await self._live_schema(trial)
        lease = Lease(app.org_id, app.app_id, Lane.LIVE, "dry run", 0)
        brake, tally = OutboundBrake(trial.braking), PassTally()
        pushing = OutboundFlow(trial.store, parts.clock, parts.ids, brake)
        while (await pushing.push(app, org, session, lease, schema, tally)).looked:
            continue
        creating = CreatingFlow(trial.store, parts.clock, parts.ids, brake)
        while (await creating.run(app, org, session, lease, schema, tally)).looked:
            continue
        logging = ActivityFlow(trial.store, parts.clock)
        while (await logging.run(app, session, lease, tally)).looked:
            continue
        trial.report.items += tally.counts["looked"]

    async def _analysis(self, trial: _Trial) -> None:
        parts, tally = self._parts, PassTally()
        model: MergeModel = parts.merger
        if not trial.asked.ask_model and model.engine != ENGINE:
            model = Unasked(model, trial.report)

        async def fresh_read(app: AppConfig, external_ids: Sequence[str]) -> None:
            run = InboundRun(app, trial.org, trial.session, None, "", full=False)
            schema = app.schema or await self._live_schema(trial)
            await InboundFlow(trial.store, parts.clock, parts.ids).read_records(run, schema, external_ids)

        flow = AnalysisFlow(
            trial.store, parts.config, model, parts.clock, parts.ids, fresh_read, parts.answers
        )
        while await flow.run(trial.app.org_id, tally):
            continue
        trial.report.items += tally.counts["looked"]

    async def _mappings(self, trial: _Trial) -> None:
        """What saving other mappings and the read that follows would do. Raises AppRefusedError for wrong ones."""
        schema = await self._live_schema(trial)
        identity = trial.session.identity
        assert identity is not None, "a session that has answered knows whose it is"
        wanted = replace(trial.app, crm_config=dict(trial.asked.crm_config or {}), mappings_checked=False)
        app = judged(wanted, trial.org, Reached(identity, schema), self._parts.clock.now())
        change = compare(trial.app.crm_config, app.crm_config)
        await trial.store.change_mappings(app.org_id, app.tenant_key, change)
        if change.must_read:
            await self._inbound(trial, app, full=True)

    async def _live_schema(self, trial: _Trial) -> CrmSchema:
        return await trial.session.run(trial.session.connector.describe())
